// decap() of tunnel.h as an inline function, for the one place where each packet comes through.
//
// Called out of line it answers with a struct of small fields, which the compiler stores one by one and loads as one
// word at once: that has to wait until the stores are done. measured: pipeline_bench, Stages/decap/bare/1k
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"
#include "encap/protocols.h"
#include "encap/tunnel.h"

namespace weft::encap {
namespace detail {

/// RFC 1122 s3.2.1.2: a host verifies the header checksum of every datagram that it receives. A
/// one's-complement sum does not care about octet order as long as all words have the same
/// (RFC 1071 s2 B), so a header without options, which is nearly every one, is three plain loads.
[[nodiscard]] inline bool is_ipv4_checksum_good(
    ConstBytes frame, const ParsedFrame& outer
) noexcept {
  const auto& ip = bounded_header<Ipv4Header>(frame, outer.l3_offset);
  const std::size_t size = ip.header_bytes();
  if (size != sizeof(Ipv4Header)) [[unlikely]] {
    return fold(sum_of(frame.subspan(outer.l3_offset, size))) == 0xFFFF;
  }
  const auto* octets = reinterpret_cast<const std::uint8_t*>(&ip);
  const auto first = load_word<std::uint64_t>(octets);
  const auto second = load_word<std::uint64_t>(octets + 8);
  const auto third = load_word<std::uint32_t>(octets + 16);
  constexpr std::uint64_t kLow = 0xFFFFFFFFU;
  const std::uint64_t sum =
      (first & kLow) + (first >> 32U) + (second & kLow) + (second >> 32U) + third;
  return fold(Sum{sum}) == 0xFFFF;
}

}  // namespace detail

/// As decap().
[[nodiscard]] inline Decapped decap_inline(
    ConstBytes frame,
    std::size_t on_wire_octets,
    const ParsedFrame& outer,
    const DecapConfig& config,
    bool udp_checksum_known_good
) noexcept {
  if (outer.l3 == L3Kind::ipv4) {
    if (!detail::is_ipv4_checksum_good(frame, outer)) return lost(DropReason::bad_ipv4_checksum);
  } else if (outer.l3 != L3Kind::ipv6) {
    return Decapped{};
  }
  switch (outer.ip_proto) {
    case Vxlan::kIpProto:
      return Vxlan::decode(frame, on_wire_octets, outer, config, udp_checksum_known_good);
    case Nvgre::kIpProto:
      return Nvgre::decode(frame, on_wire_octets, outer, config, udp_checksum_known_good);
    default:  // an open set: any other protocol number is not a tunnel of ours
      return Decapped{};
  }
}

}  // namespace weft::encap
