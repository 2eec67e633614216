#include "control/connector/attach_request.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace weft::connector {
namespace {

std::optional<IpAddress> gateway_of(const std::vector<IpAddress>& gateways, IpFamily family) {
  const auto found = std::ranges::find(gateways, family, &IpAddress::family);
  if (found == gateways.end()) return std::nullopt;
  return *found;
}

bool has_family(const std::vector<MadeAddress>& addresses, IpFamily family) {
  return std::ranges::any_of(addresses, [family](const MadeAddress& made) {
    return made.address.address.family() == family;
  });
}

/// The operator's gateway, or the one that an address was leased with.
std::optional<IpAddress> known_gateway(const Made& made, const Network& network, IpFamily family) {
  if (auto gateway = gateway_of(network.gateways, family)) return gateway;
  for (const MadeAddress& address : made.addresses) {
    if (address.gateway && address.gateway->family() == family) return address.gateway;
  }
  return std::nullopt;
}

bool is_default(const WantedRoute& route) {
  return route.to.length == 0;
}

IpPrefix everywhere(IpFamily family) {
  return {family == IpFamily::v4 ? IpAddress{Ipv4Address{}} : IpAddress{Ipv6Address{}}, 0};
}

/// Default routes that nobody listed. Those of the IPAM plugin's gateways are on demand only: plugins name
/// gateways whether there is one or not.
Done add_default_routes(Made& made, const Network& network) {
  const bool is_demanded = network.default_route.value_or(false);
  for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
    const bool is_listed = std::ranges::any_of(made.routes, [family](const WantedRoute& route) {
      return is_default(route) && route.to.address.family() == family;
    });
    if (is_listed || !has_family(made.addresses, family)) continue;
    const auto gateway =
        is_demanded ? known_gateway(made, network, family) : gateway_of(network.gateways, family);
    if (gateway) made.routes.push_back({everywhere(family), gateway});
  }
  if (is_demanded && std::ranges::none_of(made.routes, is_default)) {
    return Problem{
        ProblemCode::bad_config,
        "config.defaultRoute: true, but neither `gateway` nor the IPAM plugin names a gateway"};
  }
  return Ok{};
}

Json qos_of(const Bandwidth& bandwidth) {
  Json qos = Json::object();
  const auto add = [&qos](const char* key, std::uint64_t value) {
    if (value != 0) qos[key] = value;
  };
  add("rate", bandwidth.egress_rate);
  add("burst", bandwidth.egress_burst);
  add("rate_in", bandwidth.ingress_rate);
  add("burst_in", bandwidth.ingress_burst);
  return qos;
}

}  // namespace

Outcome<std::vector<MadeAddress>> complete_addresses(
    const std::vector<WishedAddress>& wished, const std::vector<IpPrefix>& subnets
) {
  std::vector<MadeAddress> made;
  for (const auto& [address, length] : wished) {
    IpPrefix prefix{address, length.value_or(0)};
    if (!length) {
      const auto subnet = std::ranges::find_if(subnets, [&address = address](const IpPrefix& each) {
        return each.contains(address);
      });
      if (subnet == subnets.end()) {
        return Problem{
            ProblemCode::no_address,
            format(address) + " has no length, and lies in none of the subnets of the network"};
      }
      prefix.length = subnet->length;
    }
    made.push_back({prefix, std::nullopt, 0});
  }
  return made;
}

Done check_lease(const Wish& wish, const Made& lease) {
  for (const WishedAddress& wished : wish.addresses) {
    const bool is_there = std::ranges::any_of(lease.addresses, [&wished](const MadeAddress& made) {
      return made.address.address == wished.address;
    });
    if (is_there) continue;
    return Problem{
        ProblemCode::no_address,
        format(wished.address) + " was asked for, and the IPAM plugin gave another address"};
  }
  for (const IpFamily family : wish.families) {
    if (has_family(lease.addresses, family)) continue;
    const char* name = family == IpFamily::v4 ? "IPv4" : "IPv6";
    return Problem{
        ProblemCode::no_address,
        std::string{"an address of "} + name + " was asked for, and the IPAM plugin gave none"};
  }
  if (lease.addresses.empty()) {
    return Problem{ProblemCode::no_address, "the IPAM plugin gave no address"};
  }
  return Ok{};
}

std::string with_wished_addresses(Json config, const Wish& wish) {
  Json list = Json::array();
  for (const auto& [address, length] : wish.addresses) {
    list.push_back(length ? format(IpPrefix{address, *length}) : format(address));
  }
  config["args"]["cni"]["ips"] = std::move(list);
  return config.dump();
}

Done complete_routes(Made& made, const Network& network, const std::string& ifname) {
  for (MadeAddress& address : made.addresses) {
    const auto gateway = gateway_of(network.gateways, address.address.address.family());
    if (gateway) address.gateway = gateway;
  }
  std::vector<WantedRoute> routes = network.routes;
  for (const WantedRoute& leased : made.routes) {
    const bool is_there = std::ranges::find(routes, leased.to, &WantedRoute::to) != routes.end();
    if (!is_there) routes.push_back(leased);
  }
  for (WantedRoute& route : routes) {
    if (!route.gateway) route.gateway = known_gateway(made, network, route.to.address.family());
  }
  made.routes = std::move(routes);
  if (network.default_route.value_or(interface_number(ifname) == 0)) {
    return add_default_routes(made, network);
  }
  std::erase_if(made.routes, is_default);
  return Ok{};
}

unsigned interface_number(std::string_view ifname) noexcept {
  const std::size_t last = ifname.find_last_not_of("0123456789");
  const std::string_view digits = ifname.substr(last == std::string_view::npos ? 0 : last + 1);
  unsigned number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

Json attach_request(const Call& call, const Network& network, const Wish& wish, const Made& made) {
  Json request{
      {"container", call.environment.container},
      {"ifname", call.environment.ifname},
      {"segment", network.segment},
      {"netns", call.environment.netns},
      {"kind", network.kind},
      {"groups", wish.groups},
      {"labels", wish.labels},
      {"addresses", Json::array()},
      {"routes", Json::array()},
      {"request_id", new_request_id()},
  };
  if (wish.mac) request["mac"] = format(*wish.mac);
  if (network.mtu != 0) request["mtu"] = network.mtu;
  if (wish.bandwidth.is_limited()) request["qos"] = qos_of(wish.bandwidth);
  request["labels"][kNetworkLabel] = call.basics.name;
  if (!call.basics.scope.empty()) request["labels"][kScopeLabel] = call.basics.scope;
  for (const MadeAddress& address : made.addresses) {
    request["addresses"].push_back(format(address.address));
  }
  for (const WantedRoute& route : made.routes) {
    Json entry{{"to", format(route.to)}};
    if (route.gateway) entry["via"] = format(*route.gateway);
    request["routes"].push_back(std::move(entry));
  }
  return request;
}

}  // namespace weft::connector
