// parse_frame: the one function that turns octets into offsets, for outer and inner frames alike.
//
// It reads Ethernet, up to two 802.1Q/802.1ad tags, IPv4 or IPv6 with its extension headers, ARP,
// and the first octets of TCP, UDP and ICMP. Every offset it returns was bounded: the header that
// starts there lies wholly inside `frame`. Lengths: the IP length may be shorter than the frame
// (Ethernet padding), never longer, unless `on_wire_octets` says that more of the frame follows
// in further buffers (large segments): bounds of headers are against `frame`, bounds of lengths
// against `on_wire_octets`.
//
// What is not IP or ARP is L3Kind::other and perfectly valid; l3_end is then the frame's end. IPv6's
// "no next header" (59) is L4Kind::none. An atomic fragment (RFC 6946) is no fragment. A first
// fragment must hold its whole L4 header.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/base/bytes.h"
#include "dataplane/base/drop_reason.h"

namespace weft {

enum class L3Kind : std::uint8_t { other, arp, ipv4, ipv6 };
enum class L4Kind : std::uint8_t { none, tcp, udp, icmp, icmpv6, gre, other };

/// Offsets in octets from the start of the frame; 20 octets, passed by value.
struct ParsedFrame {
  DropReason error{DropReason::none};  // != none: nothing else is valid
  L3Kind l3{L3Kind::other};
  L4Kind l4{L4Kind::none};
  std::uint8_t vlan_count{};       // 0–2 tags before the EtherType
  bool is_fragment{};              // any IP fragment
  bool is_first_fragment{};        // offset 0: true also when not a fragment
  std::uint8_t ip_proto{};         // final next header
  std::uint8_t tos{};              // IPv4 ToS or IPv6 traffic class octet
  std::uint16_t ether_type{};      // after tags
  std::uint16_t l3_offset{};       // valid if l3 != other
  std::uint16_t l4_offset{};       // valid if l4 != none
  std::uint16_t payload_offset{};  // after the header of tcp, udp, icmp, icmpv6; else == l4_offset
  std::uint32_t l3_end{};          // first octet after the IP packet (Ethernet padding excluded)

  [[nodiscard]] bool is_ok() const noexcept { return error == DropReason::none; }
  [[nodiscard]] bool is_ip() const noexcept { return l3 == L3Kind::ipv4 || l3 == L3Kind::ipv6; }
  /// Without an L4 header: that is in the first fragment.
  [[nodiscard]] bool is_later_fragment() const noexcept {
    return is_fragment && !is_first_fragment;
  }
  friend constexpr bool operator==(const ParsedFrame&, const ParsedFrame&) noexcept = default;
};

/// `frame`: the first (contiguous) part; `on_wire_octets`: the whole frame's size (>= frame.size()).
/// A header that starts before frame.size() but does not fit in it is truncated_*, or
/// headers_not_contiguous when on_wire_octets says that it continues in another buffer.
/// L4 headers of non-first fragments are not looked at (l4 == other).
[[nodiscard]] ParsedFrame parse_frame(ConstBytes frame, std::size_t on_wire_octets) noexcept;

[[nodiscard]] inline ParsedFrame parse_frame(ConstBytes frame) noexcept {
  return parse_frame(frame, frame.size());
}

}  // namespace weft
