// The hosts of the differential test: two tenants with the same addresses, each with containers here and hosts
// behind a tunnel.
//
//   host   0 1 2 3      containers of this host, endpoints 4 * tenant + host
//          4            a container of another host: it has an identity too
//          5            a stranger behind the tunnel
//          6            a router behind the tunnel: nobody's peer, sends ICMP errors
//
// Addresses are from the ranges in which random_policy() puts its networks.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/base/ids.h"
#include "dataplane/net/addr.h"

namespace weft::differential {

inline constexpr unsigned kTenants = 2;
inline constexpr unsigned kLocalHosts = 4;
inline constexpr unsigned kRouter = 6;
inline constexpr unsigned kHosts = 7;
/// As destination of a packet: multicast.
inline constexpr unsigned kEverybody = kHosts;

struct Host {
  MacAddress mac;
  IpAddress v4;
  IpAddress v6;
  std::uint32_t identity{};  // 0: a stranger
  [[nodiscard]] const IpAddress& address(bool is_v6) const noexcept { return is_v6 ? v6 : v4; }
};

[[nodiscard]] constexpr bool is_local(unsigned host) noexcept {
  return host < kLocalHosts;
}
[[nodiscard]] constexpr EndpointIndex endpoint_of(unsigned tenant, unsigned host) noexcept {
  return EndpointIndex{tenant * kLocalHosts + host};
}

/// The same in both tenants.
[[nodiscard]] inline const Host& host(unsigned index) noexcept {
  static constexpr std::array<std::uint8_t, kHosts> kLast{1, 2, 3, 0x81, 0x82, 0x83, 0x80};
  static const std::array<Host, kHosts> hosts = [] {
    std::array<Host, kHosts> made;
    for (unsigned i = 0; i < kHosts; ++i) {
      const std::uint8_t last = kLast[i];
      const auto middle = static_cast<std::uint8_t>(i % 3);
      made[i].mac = MacAddress{{0x02, 0, 0, 0, 1, last}};
      made[i].v4 = IpAddress{Ipv4Address{{10, 0, middle, last}}};
      made[i].v6 = IpAddress{
          Ipv6Address{{0x20, 0x01, 0x0d, 0xb8, 0, middle, 0, 0, 0, 0, 0, 0, 0, 0, 0, last}}};
      made[i].identity = i < kLocalHosts + 1 ? i + 1 : 0;
    }
    return made;
  }();
  return hosts[index];
}
inline constexpr std::uint32_t kIdentities = kLocalHosts + 2;  // with the stranger's

}  // namespace weft::differential
