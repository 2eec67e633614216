// Commands about who may talk to whom, and how well.
#include <array>

#include "control/cli/commands.h"

namespace weft::cli {

namespace {

constexpr std::string_view kClassification = "classification";

constexpr std::array kCommands{
    // -- policy ---------------------------------------------------------------------------------
    Command{
        .section = kClassification,
        .pattern = "show policy [tenant=TENANT] [@json=--json]",
        .help = "Policy rules in the order in which they decide, with what they decided, "
                "and groups.",
        .methods = "policy.list",
        .render = render_policy,
    },
    Command{
        .section = kClassification,
        .pattern = "policy add (tenant TENANT) (name NAME) [from SELECTOR] [to SELECTOR] "
                   "[protocol=tcp|udp|sctp ports=PORTS | protocol PROTOCOL] [icmp-type "
                   "NUMBER] (action=allow|deny) [ends both|sender|receiver] [priority "
                   "NUMBER] [stateful on|off] [class CLASS] [meter METER] [l7 L7CLASS]",
        .help = "Say who may talk to whom: `policy add tenant acme name web-app from "
                "group:web to group:app tcp 8080 allow`.",
        .methods = "policy.add",
    },
    Command{
        .section = kClassification,
        .pattern = "policy remove (tenant TENANT) (name RULE)",
        .help = "Remove a policy rule.",
        .methods = "policy.remove",
    },
    Command{
        .section = kClassification,
        .pattern = "policy apply (tenant TENANT) (file @file=FILE)",
        .help = "Replace all rules of a tenant by those in a file, a JSON array, all or "
                "nothing.",
        .act = Act::apply_policy,
        .methods = "policy.apply",
    },
    // -- flows ----------------------------------------------------------------------------------
    Command{
        .section = kClassification,
        .pattern = "show flows [endpoint=ENDPOINT] [address IP] [port NUMBER] [limit NUMBER] "
                   "[@json=--json]",
        .help = "Tracked connections, which rule let each pass, and its class.",
        .methods = "flow.list",
        .render = render_flows,
    },
    Command{
        .section = kClassification,
        .pattern = "clear flows [endpoint=ENDPOINT]",
        .help = "Forget tracked connections; the next packet of each is judged anew.",
        .methods = "flow.flush",
    },
    // -- match-action rules ---------------------------------------------------------------------
    Command{
        .section = kClassification,
        .pattern = "flow @line=ARGUMENTS",
        .help = "Match-action rules of a port, as in testpmd: `help flow`.",
        .act = Act::flow,
    },
    // -- L7 classes -----------------------------------------------------------------------------
    Command{
        .section = kClassification,
        .pattern = "show l7 [tenant=TENANT] [@json=--json]",
        .help = "Named kinds of payload, the most important first.",
        .methods = "l7.list",
        .render = render_l7,
    },
    Command{
        .section = kClassification,
        .pattern = "l7 add (tenant TENANT) (name NAME) [pattern patterns=BUILTIN | regex "
                   "patterns=REGEX]...",
        .help = "Name a kind of payload: `l7 add tenant acme name web pattern http pattern "
                "tls-sni:*.acme.com`.",
        .methods = "l7.add",
    },
    Command{
        .section = kClassification,
        .pattern = "l7 remove (tenant TENANT) (name L7CLASS)",
        .help = "Remove an L7 class that no rule uses.",
        .methods = "l7.remove",
    },
    // -- classes and rates ----------------------------------------------------------------------
    Command{
        .section = kClassification,
        .pattern = "show meter [tenant=TENANT] [@json=--json]",
        .help = "Meters, and how many packets each coloured green, yellow and red.",
        .methods = "qos.meter.list",
        .render = render_meters,
    },
    Command{
        .section = kClassification,
        .pattern = "meter add (tenant TENANT) (name NAME) (kind srtcm|trtcm|rfc4115) (cir "
                   "BITRATE) (cbs OCTETS) [pir BITRATE | eir BITRATE] [pbs OCTETS | ebs "
                   "OCTETS] [colour-aware] [yellow ACTION] [red ACTION]",
        .help = "Add a meter of RFC 2697, RFC 2698 or RFC 4115.",
        .methods = "qos.meter.add",
    },
    Command{
        .section = kClassification,
        .pattern = "meter remove (tenant TENANT) (name METER)",
        .help = "Remove a meter that nobody uses.",
        .methods = "qos.meter.remove",
    },
    Command{
        .section = kClassification,
        .pattern = "tenant set name=TENANT (meter METER)",
        .help = "Police all that a tenant's containers send.",
        .methods = "tenant.set",
    },
    Command{
        .section = kClassification,
        .pattern = "tenant set name=TENANT no-meter",
        .help = "Police it no longer.",
        .methods = "tenant.set",
        .fixed = R"({"meter": null})",
    },
    Command{
        .section = kClassification,
        .pattern = "show qos budget [@json=--json]",
        .help = "Budgets of scarce classes, what contracts took of them and what is left.",
        .methods = "qos.budget.list",
        .render = render_budgets,
    },
    Command{
        .section = kClassification,
        .pattern = "show qos [@json=--json]",
        .help = "Egress queues of the ports that have a scheduler.",
        .methods = "qos.port.list",
        .render = render_schedulers,
    },
    Command{
        .section = kClassification,
        .pattern = "set qos budget class=CLASS rate=BITRATE",
        .help = "Make a class scarce: contracts together get no more than this.",
        .methods = "qos.budget.set",
    },
    Command{
        .section = kClassification,
        .pattern = "set qos budget class=CLASS none",
        .help = "Make a class free for all again.",
        .methods = "qos.budget.set",
        .fixed = R"({"rate": null})",
    },
    Command{
        .section = kClassification,
        .pattern = "set qos port port=UPLINK [rate BITRATE] [burst OCTETS] [ef-share "
                   "ef_share_percent=NUMBER] [af4 weights.AF4=NUMBER] [af3 "
                   "weights.AF3=NUMBER] [af2 weights.AF2=NUMBER] [af1 weights.AF1=NUMBER] "
                   "[be weights.BE=NUMBER]",
        .help = "Give an uplink an egress scheduler, or change it.",
        .methods = "qos.port.set",
    },
    Command{
        .section = kClassification,
        .pattern = "set qos port port=UPLINK off",
        .help = "Take the scheduler away: first come, first served.",
        .methods = "qos.port.set",
        .fixed = R"({"scheduler": false})",
    },
};

}  // namespace

std::span<const Command> classification_commands() noexcept {
  return kCommands;
}

}  // namespace weft::cli
