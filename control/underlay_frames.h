// The frames that a VTEP host sends: ARP, neighbour discovery, echo replies. Codec only, no state.
//
// Every maker answers a complete Ethernet frame without FCS, padded to the 60 octets that Ethernet
// asks for, with its checksums filled in.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/base/bytes.h"
#include "dataplane/net/addr.h"
#include "dataplane/net/parse.h"

namespace weft::control {

/// fe80::/64 with the modified EUI-64 of the MAC (RFC 4291 appendix A, RFC 2464 s5).
[[nodiscard]] Ipv6Address link_local_of(const MacAddress& mac) noexcept;
/// ff02::1:ffXX:XXXX (RFC 4291 s2.7.1).
[[nodiscard]] Ipv6Address solicited_node_of(const Ipv6Address& address) noexcept;
/// 33:33 and the last four octets (RFC 2464 s7). Precondition: address.is_multicast().
[[nodiscard]] MacAddress multicast_mac_of(const Ipv6Address& address) noexcept;
/// ff02::1.
inline constexpr Ipv6Address kAllNodes{{0xFF, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};

struct ArpFields {
  std::uint16_t operation{};  // ArpPacket::kRequest, kReply
  MacAddress sender_mac;      // also the Ethernet source
  Ipv4Address sender_ip;
  MacAddress target_mac;
  Ipv4Address target_ip;
  MacAddress destination;  // Ethernet destination
};
[[nodiscard]] std::vector<std::uint8_t> make_arp(const ArpFields& fields);

/// To the target's solicited-node group (RFC 4861 s4.3), or to `destination_mac` when it is known.
/// Carries the source link-layer address option.
struct SolicitFields {
  MacAddress source_mac;
  Ipv6Address source;
  Ipv6Address target;
  MacAddress destination_mac;  // zero: multicast
};
[[nodiscard]] std::vector<std::uint8_t> make_neighbor_solicit(const SolicitFields& fields);

/// RFC 4861 s4.4, with the override flag and the target link-layer address option. R is never set.
struct AdvertFields {
  MacAddress source_mac;  // what is advertised
  Ipv6Address target;     // for this address, which is also the IPv6 source
  Ipv6Address destination;
  MacAddress destination_mac;
  bool is_solicited{};
};
[[nodiscard]] std::vector<std::uint8_t> make_neighbor_advert(const AdvertFields& fields);

/// The reply to an echo request (RFC 792, RFC 4443 s4.2): same identifier, sequence and data, DSCP
/// kept. Preconditions: `parsed` is parse_frame's answer for `request`, which is an echo request in
/// one piece (no fragment), and its l4 is icmp or icmpv6 accordingly.
[[nodiscard]] std::vector<std::uint8_t> make_echo_reply(
    ConstBytes request, const ParsedFrame& parsed, const MacAddress& source_mac
);

}  // namespace weft::control
