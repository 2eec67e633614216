// What every encapsulation over UDP has in common: the port that carries entropy, and what a
// receiver checks before it believes the datagram.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/base/bytes.h"
#include "dataplane/base/drop_reason.h"
#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"
#include "dataplane/net/parse.h"

namespace weft::encap {

/// A source port in the dynamic range 49152-65535 (RFC 7348 s5, RFC 6335) from the 14 highest bits
/// of the inner flow's hash.
[[nodiscard]] constexpr std::uint16_t udp_source_port(std::uint32_t entropy) noexcept {
  return static_cast<std::uint16_t>(0xC000U | (entropy >> 18U));
}

/// Whether the non-zero checksum of the UDP datagram in `frame` is right. Sums the whole datagram.
/// Precondition: the IP packet lies wholly inside `frame`.
[[nodiscard]] inline bool is_udp_checksum_good(
    ConstBytes frame, const ParsedFrame& outer
) noexcept {
  const std::uint32_t length = outer.l3_end - outer.l4_offset;
  const Sum datagram = sum_of(frame.subspan(outer.l4_offset, length));
  if (outer.l3 == L3Kind::ipv4) {
    const auto& ip = bounded_header<Ipv4Header>(frame, outer.l3_offset);
    const Sum pseudo = pseudo_header_sum(ip.source, ip.destination, kIpProtoUdp, length);
    return fold(datagram + pseudo) == 0xFFFF;
  }
  const auto& ip = bounded_header<Ipv6Header>(frame, outer.l3_offset);
  const Sum pseudo = pseudo_header_sum(ip.source, ip.destination, kIpProtoUdp, length);
  return fold(datagram + pseudo) == 0xFFFF;
}

/// DropReason::none if the datagram may be decapsulated. The length must agree exactly with IP's:
/// no encapsulation uses octets behind the datagram, and so the inner frame ends where the packet
/// ends. A checksum of zero is accepted over IPv4 (RFC 7348 s5) and over IPv6, where tunnels may
/// omit it too (RFC 6935 s5, RFC 6936 s4); any other must be right when the whole packet is in
/// `frame`. Precondition: outer.l4 == L4Kind::udp.
[[nodiscard]] inline DropReason check_udp(
    ConstBytes frame, std::size_t on_wire_octets, const ParsedFrame& outer, bool known_good
) noexcept {
  const auto& udp = bounded_header<UdpHeader>(frame, outer.l4_offset);
  if (udp.length.host() != outer.l3_end - outer.l4_offset) return DropReason::bad_udp_length;
  if (udp.checksum.raw() == 0 || known_good) return DropReason::none;
  if (frame.size() != on_wire_octets) return DropReason::none;
  return is_udp_checksum_good(frame, outer) ? DropReason::none : DropReason::bad_udp_checksum;
}

}  // namespace weft::encap
