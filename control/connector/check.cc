// CHECK: is everything still as ADD left it? At the daemon, in the namespace, at the IPAM plugin.

#include <algorithm>

#include "control/connector/call.h"
#include "control/connector/departure.h"
#include "control/connector/result.h"
#include "control/connector/sandbox.h"
#include "control/connector/wish.h"

namespace weft::connector {
namespace {

Problem differs(const std::string& what) {
  return {ProblemCode::not_as_attached, what};
}

/// The daemon's endpoint, as endpoint.list has it.
Outcome<Json> find_endpoint(Call& call, const Network& network) {
  const Outcome<Json> answer =
      call.daemon.ask("endpoint.list", {{"segment", network.segment}}, call.deadline);
  if (!answer) return answer.error();
  const std::string name = call.attachment().endpoint();
  Reader reader{&answer.value(), "weftd"};
  for (const Json& endpoint : reader.list("endpoints")) {
    if (endpoint.value("endpoint", "") == name) return endpoint;
  }
  return differs(name + ": weftd has no such endpoint in segment " + in_quotes(network.segment));
}

Done check_rate(Reader& qos, const char* key, std::uint64_t wished) {
  const std::uint64_t found = qos.number(key, 0, ~std::uint64_t{0}).value_or(0);
  if (wished == 0 || found == wished) return Ok{};
  return differs(
      std::string{"qos."} + key + " is " + std::to_string(found) + ", not " + std::to_string(wished)
  );
}

Done check_bandwidth(Reader& endpoint, const Bandwidth& wished) {
  Reader qos{endpoint.object("qos"), "qos"};
  for (const auto& [key, value] :
       {std::pair{"rate", wished.egress_rate},
        std::pair{"burst", wished.egress_burst},
        std::pair{"rate_in", wished.ingress_rate},
        std::pair{"burst_in", wished.ingress_burst}}) {
    if (Done same = check_rate(qos, key, value); !same) return same;
  }
  return Ok{};
}

/// Policy goes by groups and labels: those that were asked for must be there, others may be.
Done check_identity(Reader& endpoint, const Wish& wish) {
  const std::vector<std::string> groups = endpoint.texts("groups");
  for (const std::string& group : wish.groups) {
    if (std::ranges::find(groups, group) == groups.end()) {
      return differs("it is not in group " + in_quotes(group));
    }
  }
  const Labels labels = endpoint.labels("labels");
  for (const auto& [key, value] : wish.labels) {
    const auto found = labels.find(key);
    if (found == labels.end() || found->second != value) {
      return differs("its label " + in_quotes(key) + " is not " + in_quotes(value));
    }
  }
  return Ok{};
}

/// The addresses of prevResult that are on this interface: a chain's result has others', too.
std::vector<IpPrefix> own_addresses(const Made& previous, const Environment& environment) {
  std::vector<IpPrefix> own;
  for (const MadeAddress& made : previous.addresses) {
    const bool has_index = made.interface && *made.interface < previous.interfaces.size();
    if (has_index) {
      const MadeInterface& interface = previous.interfaces[*made.interface];
      if (interface.name != environment.ifname || interface.sandbox.empty()) continue;
    }
    own.push_back(made.address);
  }
  return own;
}

Done check_daemon(
    Call& call, const Network& network, const Wish& wish, const std::vector<IpPrefix>& addresses
) {
  const Outcome<Json> found = find_endpoint(call, network);
  if (!found) return found.error();
  Reader endpoint{&found.value(), "weftd"};
  if (const std::string state = endpoint.text("state").value_or(""); state != "up") {
    return differs("its state at weftd is " + in_quotes(state));
  }
  const std::vector<std::string> listed = endpoint.texts("addresses");
  for (const IpPrefix& address : addresses) {
    if (std::ranges::find(listed, format(address)) == listed.end()) {
      return differs("weftd does not have its address " + format(address));
    }
  }
  if (Done same = check_bandwidth(endpoint, wish.bandwidth); !same) return same;
  return check_identity(endpoint, wish);
}

Done check_inside(
    const Environment& environment, const Made& previous, const std::vector<IpPrefix>& addresses
) {
  const auto looked = look_at(environment.netns, environment.ifname);
  if (!looked) return looked.error();
  const auto& seen = looked.value();
  if (!seen) return differs("there is no interface " + environment.ifname + " in the namespace");
  if (!seen->is_up) return differs(environment.ifname + " is down");
  for (const MadeInterface& interface : previous.interfaces) {
    const bool is_own = interface.name == environment.ifname && !interface.sandbox.empty();
    const auto mac = parse_mac(interface.mac);
    if (is_own && mac && seen->mac != mac) {
      return differs(environment.ifname + " does not have the MAC " + interface.mac);
    }
  }
  for (const IpPrefix& address : addresses) {
    if (std::ranges::find(seen->addresses, address) == seen->addresses.end()) {
      return differs(environment.ifname + " does not have the address " + format(address));
    }
  }
  for (const WantedRoute& route : previous.routes) {
    const bool is_there = std::ranges::any_of(seen->routes, [&route](const WantedRoute& each) {
      return each.to == route.to && (!route.gateway || each.gateway == route.gateway);
    });
    if (!is_there) return differs("there is no route to " + format(route.to));
  }
  return Ok{};
}

}  // namespace

Done run_check(Call& call) {
  const Outcome<Network> network = read_network(call.config, call.basics);
  if (!network) return network.error();
  const Outcome<Wish> wish = read_wish(call.config, network.value(), call.environment);
  if (!wish) return wish.error();
  const Json* result = find_key(call.config, "prevResult");
  if (result == nullptr) {
    return Problem{ProblemCode::bad_config, "config.prevResult: is required for CHECK"};
  }
  const Outcome<Made> previous = parse_result(*result);
  if (!previous) return in_context("config.prevResult", previous.error());
  const Environment& environment = call.environment;
  Done netns = check_netns(environment.netns, environment.may_be_own_netns);
  if (!netns) return netns;
  const std::vector<IpPrefix> addresses = own_addresses(previous.value(), environment);
  const std::string name = call.attachment().endpoint();
  if (Done same = check_daemon(call, network.value(), wish.value(), addresses); !same) {
    return in_context(name, same.error());
  }
  if (Done same = check_inside(environment, previous.value(), addresses); !same) {
    return in_context(name, same.error());
  }
  replay_spool(call, call.attachment());
  if (const auto ipam = call.ipam()) return ipam_check(*ipam, call.deadline);
  return Ok{};
}

}  // namespace weft::connector
