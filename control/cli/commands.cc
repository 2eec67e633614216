#include "control/cli/commands.h"

#include <array>
#include <vector>

namespace weft::cli {

namespace {

constexpr std::string_view kDisplay = "display";
constexpr std::string_view kForwarding = "forwarding";
constexpr std::string_view kPorts = "ports";
constexpr std::string_view kNetwork = "network";
constexpr std::string_view kContainers = "containers";
constexpr std::string_view kDocument = "document";
constexpr std::string_view kGeneral = "general";

/// What both `attach` and `endpoint set` say about an endpoint. A macro, because patterns are literals.
#define WEFT_ENDPOINT_CLAUSES                                                                \
  "[group groups=GROUP]... [label labels=LABEL]... [connections limits.connections=NUMBER] " \
  "[new-connections limits.new_connections_per_s=NUMBER] [class qos.class=CLASS] "           \
  "[rate qos.rate=BITRATE] [burst qos.burst=OCTETS] [rate-in qos.rate_in=BITRATE] "          \
  "[burst-in qos.burst_in=OCTETS] "                                                          \
  "[qos.contracts{ contract class=CLASS rate=BITRATE [burst OCTETS] }]..."

constexpr std::array kCommands{
    // -- display --------------------------------------------------------------------------------
    Command{
        .section = kDisplay,
        .pattern = "show port info @name=all|PORT [@json=--json]",
        .help = "A port's device, link and queues, what it uses and what it falls back from.",
        .methods = "port.list",
        .render = render_port_info,
        .list = "ports",
        .key = "name",
        .other_key = "port",
    },
    Command{
        .section = kDisplay,
        .pattern = "show port stats @name=all|PORT [@json=--json]",
        .help = "A port's packets, octets and drops by reason.",
        .methods = "port.list",
        .render = render_port_stats,
        .list = "ports",
        .key = "name",
        .other_key = "port",
    },
    Command{
        .section = kDisplay,
        .pattern = "show port summary @name=all|PORT [@json=--json]",
        .help = "A line for each port.",
        .methods = "port.list",
        .render = render_port_summary,
        .list = "ports",
        .key = "name",
        .other_key = "port",
    },
    Command{
        .section = kDisplay,
        .pattern = "show config fwd [@json=--json]",
        .help = "Which worker polls which ports.",
        .methods = "port.list worker.list",
        .render = render_config_fwd,
    },
    Command{
        .section = kDisplay,
        .pattern = "show config rxtx [@json=--json]",
        .help = "Each port's queues, MTU and offloads.",
        .methods = "port.list",
        .render = render_config_rxtx,
    },
    Command{
        .section = kDisplay,
        .pattern = "show config [@json=--json]",
        .help = "Everything that is configured, as the document that weftd --config reads.",
        .methods = "config.get",
        .render = render_json,
    },
    Command{
        .section = kDisplay,
        .pattern = "show tenant [@name=TENANT] [@json=--json]",
        .help = "Tenants and how much they have.",
        .methods = "tenant.list",
        .render = render_tenants,
        .list = "tenants",
        .key = "name",
    },
    Command{
        .section = kDisplay,
        .pattern = "show access [@json=--json]",
        .help = "Which users and groups may ask for what.",
        .methods = "access.list",
        .render = render_access,
    },
    Command{
        .section = kDisplay,
        .pattern = "show segment [@name=SEGMENT] [@json=--json]",
        .help = "Segments; of one, all properties.",
        .methods = "segment.list",
        .render = render_segments,
        .list = "segments",
        .key = "name",
    },
    Command{
        .section = kDisplay,
        .pattern = "show tunnel [segment=SEGMENT] [@json=--json]",
        .help = "Remote VTEPs of segments, the next hop towards them and the inner MTU.",
        .methods = "remote.list segment.list",
        .render = render_tunnels,
    },
    Command{
        .section = kDisplay,
        .pattern = "show endpoint [@name=ENDPOINT] [@json=--json]",
        .help = "Container interfaces; of one, all properties, counters and drops.",
        .methods = "endpoint.list",
        .render = render_endpoints,
        .list = "endpoints",
        .key = "endpoint",
        .other_key = "container",
    },
    Command{
        .section = kDisplay,
        .pattern = "show fdb [segment=SEGMENT] [@json=--json]",
        .help = "Which MAC address is behind which endpoint or VTEP.",
        .methods = "fdb.list",
        .render = render_fdb,
    },
    Command{
        .section = kDisplay,
        .pattern = "show drops [all] [@json=--json]",
        .help = "Why packets were dropped; `all` lists the reasons that did not occur too.",
        .methods = "drops.list",
        .render = render_drops,
    },
    Command{
        .section = kDisplay,
        .pattern = "show worker [@json=--json]",
        .help = "Load, longest loop iteration and counters of each worker.",
        .methods = "worker.list",
        .render = render_workers,
    },
    Command{
        .section = kDisplay,
        .pattern = "show stats [@json=--json]",
        .help = "Totals, whether they add up, and the use of packet buffers.",
        .methods = "stats.get",
        .render = render_stats,
    },
    Command{
        .section = kDisplay,
        .pattern = "show version [@json=--json]",
        .help = "Versions of the daemon, its process id and its generation.",
        .methods = "version",
        .render = render_version,
    },
    Command{
        .section = kDisplay,
        .pattern = "clear port stats all",
        .help = "Make all counters and drops start from zero.",
        .methods = "stats.clear",
    },
    Command{
        .section = kDisplay,
        .pattern = "clear fdb [segment=SEGMENT]",
        .help = "Forget learned MAC addresses.",
        .methods = "fdb.flush",
    },
    // -- forwarding -----------------------------------------------------------------------------
    Command{
        .section = kForwarding,
        .pattern = "start",
        .help = "Start packet forwarding.",
        .methods = "forwarding.set",
        .fixed = R"({"enabled": true})",
    },
    Command{
        .section = kForwarding,
        .pattern = "stop",
        .help = "Stop packet forwarding: frames are dropped as `forwarding_stopped`.",
        .methods = "forwarding.set",
        .fixed = R"({"enabled": false})",
    },
    Command{
        .section = kForwarding,
        .pattern = "set verbose @level=NUMBER",
        .help = "What weftd logs: 0 info, 1 debug, 2 and above trace.",
        .act = Act::set_verbose,
        .methods = "log.set",
    },
    Command{
        .section = kForwarding,
        .pattern = "set log level=trace|debug|info|warn|error",
        .help = "What weftd logs, by name.",
        .methods = "log.set",
    },
    // -- ports ----------------------------------------------------------------------------------
    Command{
        .section = kPorts,
        .pattern = "port attach name=NAME device=DEVICE [addr addresses=PREFIX]... "
                   "[gateway gateways=IP]... [mtu NUMBER] [queues NUMBER]",
        .help =
            "Add an uplink; its addresses are local VTEPs. DEVICE is a PCI address, a DPDK vdev "
            "string or af_packet:IF, af_xdp:IF, tap:IF.",
        .methods = "port.add",
    },
    Command{
        .section = kPorts,
        .pattern = "port detach name=UPLINK",
        .help = "Remove an uplink that no segment uses.",
        .act = Act::call_on_uplink,
        .methods = "port.remove",
    },
    Command{
        .section = kPorts,
        .pattern = "port start name=UPLINK",
        .help = "Set an uplink's link up.",
        .act = Act::call_on_uplink,
        .methods = "port.set",
        .fixed = R"({"up": true})",
    },
    Command{
        .section = kPorts,
        .pattern = "port stop name=UPLINK",
        .help = "Set an uplink's link down.",
        .act = Act::call_on_uplink,
        .methods = "port.set",
        .fixed = R"({"up": false})",
    },
    // -- network --------------------------------------------------------------------------------
    Command{
        .section = kNetwork,
        .pattern = "tenant add name=NAME",
        .help = "Add a tenant. Tenants may use the same MAC and IP addresses.",
        .methods = "tenant.add",
    },
    Command{
        .section = kNetwork,
        .pattern = "tenant quota name=TENANT [endpoints quota.endpoints=NUMBER] "
                   "[rules quota.rules=NUMBER] [meters quota.meters=NUMBER] "
                   "[l7-classes quota.l7_classes=NUMBER] [ef quota.contracts.EF=BITRATE] "
                   "[af4 quota.contracts.AF4=BITRATE] [af3 quota.contracts.AF3=BITRATE] "
                   "[af2 quota.contracts.AF2=BITRATE] [af1 quota.contracts.AF1=BITRATE]",
        .help = "How much a tenant may have; what is not mentioned is not bounded.",
        .methods = "tenant.quota",
    },
    Command{
        .section = kNetwork,
        .pattern = "tenant del name=TENANT",
        .help = "Remove a tenant that has no segments.",
        .methods = "tenant.remove",
    },
    Command{
        .section = kNetwork,
        .pattern = "segment add name=NAME (tenant TENANT) (encap vxlan|nvgre|none) "
                   "[vni NUMBER | vsid vni=NUMBER] [vtep local_vtep=IP] [mtu NUMBER] "
                   "[subnet subnets=PREFIX]... [dscp-mode uniform|pipe|fixed] [dscp NUMBER] "
                   "[ttl NUMBER] [unknown-unicast flood|drop] [inner-vlan drop|keep] "
                   "[learn on|off] [fdb-limit NUMBER] [fdb-ageing fdb_ageing_s=SECONDS] "
                   "[suppress-neighbors on|off] [mss-clamp on|off] [udp6-checksum on|off] "
                   "[policy-default allow|deny|groups] [agent agents=PREFIX]...",
        .help = "Add a segment, one layer 2 domain. VTEP is an address of one of our uplinks.",
        .methods = "segment.add",
    },
    Command{
        .section = kNetwork,
        .pattern = "segment set name=SEGMENT [encap vxlan|nvgre|none] "
                   "[vni NUMBER | vsid vni=NUMBER] [vtep local_vtep=IP] [mtu NUMBER] "
                   "[subnet subnets=PREFIX]... [dscp-mode uniform|pipe|fixed] [dscp NUMBER] "
                   "[ttl NUMBER] [unknown-unicast flood|drop] [inner-vlan drop|keep] "
                   "[learn on|off] [fdb-limit NUMBER] [fdb-ageing fdb_ageing_s=SECONDS] "
                   "[suppress-neighbors on|off] [mss-clamp on|off] [udp6-checksum on|off] "
                   "[policy-default allow|deny|groups] [agent agents=PREFIX]...",
        .help = "Change a segment under traffic; a new encap or VNI moves it to another transport.",
        .methods = "segment.set",
    },
    Command{
        .section = kNetwork,
        .pattern = "segment del name=SEGMENT",
        .help = "Remove a segment that has no endpoints.",
        .methods = "segment.remove",
    },
    Command{
        .section = kNetwork,
        .pattern = "remote add segment=SEGMENT (vtep IP) "
                   "[endpoints{ mac MAC [ip addresses=IP]... [group groups=GROUP]... "
                   "[label labels=LABEL]... }]...",
        .help = "Add a remote VTEP to a segment, and static endpoints behind it.",
        .methods = "remote.add",
    },
    Command{
        .section = kNetwork,
        .pattern = "remote del segment=SEGMENT (vtep IP)",
        .help = "Remove a remote VTEP from a segment.",
        .methods = "remote.remove",
    },
    // -- containers -----------------------------------------------------------------------------
    Command{
        .section = kContainers,
        .pattern =
            "attach container=CONTAINER [ifname IFNAME] (segment SEGMENT) "
            "(netns PATH | pid PID | socket PATH | device DEVICE) "
            "[kind tap|veth|memif|vhost-user|ethdev] "
            "[ip addresses=PREFIX]... [mac MAC] [routes{ route to=PREFIX [via IP] }]... "
            "[mtu NUMBER] [anti-spoofing on|off] [allow-dhcp on|off] "
            "[broadcast-budget bum_budget.broadcast=RATE] "
            "[multicast-budget bum_budget.multicast=RATE] "
            "[unknown-unicast-budget bum_budget.unknown_unicast=RATE] " WEFT_ENDPOINT_CLAUSES,
        .help = "Give a container an interface in a segment; done when it forwards.",
        .methods = "endpoint.attach",
    },
    Command{
        .section = kContainers,
        .pattern = "endpoint set container=CONTAINER [ifname IFNAME] " WEFT_ENDPOINT_CLAUSES,
        .help = "Change groups, labels, limits and QoS of a container's interface under traffic.",
        .methods = "endpoint.set",
    },
    Command{
        .section = kContainers,
        .pattern = "detach container=CONTAINER [ifname IFNAME]",
        .help = "Take a container's interface away, or all of them.",
        .methods = "endpoint.detach",
    },
    // -- the whole state ------------------------------------------------------------------------
    Command{
        .section = kDocument,
        .pattern = "get [tenant TENANT] [endpoint ENDPOINT]",
        .help = "The desired state as one document, or a tenant's or an endpoint's part of it.",
        .methods = "get",
        .render = render_document,
    },
    Command{
        .section = kDocument,
        .pattern = "plan (-f @file=FILE) [tenant TENANT] [endpoint ENDPOINT] [@json=--json]",
        .help = "What applying the document in a file (- is standard input) would change.",
        .act = Act::send_document,
        .methods = "plan",
        .render = render_changes,
    },
    Command{
        .section = kDocument,
        .pattern = "apply (-f @file=FILE) [tenant TENANT] [endpoint ENDPOINT] [@json=--json]",
        .help = "Make the state what the document in a file (- is standard input) says, all or "
                "nothing.",
        .act = Act::send_document,
        .methods = "apply",
        .render = render_changes,
    },
    Command{
        .section = kDocument,
        .pattern = "history [limit NUMBER] [@json=--json]",
        .help = "The last generations of the document: when, by whom, with which requests.",
        .methods = "history",
        .render = render_history,
    },
    Command{
        .section = kDocument,
        .pattern = "rollback generation=NUMBER [@json=--json]",
        .help = "Make the document what it was in that generation.",
        .methods = "rollback",
        .render = render_changes,
    },
    Command{
        .section = kDocument,
        .pattern = "audit [limit NUMBER] [@json=--json]",
        .help = "Who asked for which change, and what became of it.",
        .methods = "audit.list",
        .render = render_audit,
    },
    Command{
        .section = kDocument,
        .pattern = "watch [event events=attach|change|detach|forget|gone|learn|limit|link|move]... "
                   "[count @count=NUMBER] [@json=--json]",
        .help = "What happens, a line each, until interrupted, or so many.",
        .act = Act::watch,
        .methods = "watch",
    },
    Command{
        .section = kDocument,
        .pattern = "state check @folder=PATH",
        .help = "Whether the state folder of a weftd that does not run is sound.",
        .act = Act::state,
    },
    Command{
        .section = kDocument,
        .pattern = "state export @folder=PATH",
        .help = "Print the document that was acknowledged last.",
        .act = Act::state,
    },
    Command{
        .section = kDocument,
        .pattern = "state import @folder=PATH @file=FILE",
        .help = "Let weftd apply the document in a file (- is standard input) when it starts.",
        .act = Act::state,
    },
    // -- general --------------------------------------------------------------------------------
    Command{
        .section = kGeneral,
        .pattern = "access add name=NAME [uid NUMBER] [gid NUMBER] (role operator|observer|tenant) "
                   "[tenant tenants=NAME]...",
        .help = "Give a user or a group a role: operators may do everything, observers read "
                "everything, a "
                "tenant's agents look after that tenant.",
        .methods = "access.add",
    },
    Command{
        .section = kGeneral,
        .pattern = "access del name=NAME",
        .help = "Take a role away.",
        .methods = "access.remove",
    },
    Command{
        .section = kGeneral,
        .pattern = "whoami [@json=--json]",
        .help = "Which role the daemon gives you.",
        .methods = "whoami",
        .render = render_whoami,
    },
    Command{
        .section = kGeneral,
        .pattern = "call @method=METHOD [@params=JSON]",
        .help = "Send any request of control/README.md and print its result as JSON.",
        .act = Act::call_method,
        .render = render_json,
    },
    Command{
        .section = kGeneral,
        .pattern = "load @file=FILE",
        .help = "Run the commands in a file up to the first error.",
        .act = Act::load,
    },
    Command{
        .section = kGeneral,
        .pattern = "help [@topic=TOPIC]...",
        .help = "All commands, or those with these words: `help segment`, `help show port`.",
        .act = Act::help,
    },
    Command{
        .section = kGeneral,
        .pattern = "quit",
        .help = "Leave the prompt.",
        .act = Act::quit,
    },
    Command{
        .section = kGeneral,
        .pattern = "exit",
        .help = "The same.",
        .act = Act::quit,
    },
};

}  // namespace

std::span<const Command> commands() noexcept {
  static const std::vector<Command> all = [] {
    std::vector<Command> rows{kCommands.begin(), kCommands.end()};
    const auto classification = classification_commands();
    rows.insert(rows.end(), classification.begin(), classification.end());
    return rows;
  }();
  return all;
}

}  // namespace weft::cli
