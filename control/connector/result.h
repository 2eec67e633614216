// The result of ADD: what was made, in the shape of each version of the specification.
//
//   0.1.0, 0.2.0   {ip4: {ip, gateway, routes}, ip6: {…}, dns}: one address of each family
//   0.3.0 - 0.4.0  {interfaces, ips: [{version, address, …}], routes, dns}
//   1.0.0          without ips[].version
//   1.1.0          with interfaces[].mtu
//
// The Mesos agent reads `ip4` and `ip6` whatever the version; it gets them besides the rest.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/connector/config.h"

namespace weft::connector {

struct MadeInterface {
  std::string name;
  std::string mac;
  std::string sandbox;  // empty: on the host
  std::uint32_t mtu{};  // 0: not known
};

struct MadeAddress {
  IpPrefix address;
  std::optional<IpAddress> gateway;
  std::optional<std::size_t> interface;  // index into `interfaces`
};

struct Made {
  std::vector<MadeInterface> interfaces;
  std::vector<MadeAddress> addresses;
  std::vector<WantedRoute> routes;
  Json dns;  // null when there is none
};

/// Reads a result of any version: an IPAM plugin's or a prevResult.
[[nodiscard]] Outcome<Made> parse_result(const Json& json);

/// The result to print. `previous`: the prevResult of a chain, which is passed on with ours behind it;
/// nullptr when there is none.
[[nodiscard]] Json format_result(
    const Made& made, SpecVersion version, bool is_mesos, const Json* previous
);

}  // namespace weft::connector
