// Whether a device has said that a frame's outer UDP checksum is right.
//
// "L4 checksum good" means the layer 4 that the device reached: of a tunnel that it knows, the inner
// one. (It then has a flag of its own for the outer one.) Which tunnels it knows depends on family,
// firmware and ports; so its word counts for the outer datagram only where it also says how far it
// looked: UDP, and no tunnel in it. Everything else, "bad" included, is summed in software.
#pragma once

#include <cstdint>

#include <rte_mbuf_core.h>
#include <rte_mbuf_ptype.h>

namespace weft {

/// `flags`, `packet_type`: ol_flags and packet_type of a received mbuf.
[[nodiscard]] constexpr bool is_outer_udp_good(
    std::uint64_t flags, std::uint32_t packet_type
) noexcept {
  if ((flags & RTE_MBUF_F_RX_OUTER_L4_CKSUM_MASK) == RTE_MBUF_F_RX_OUTER_L4_CKSUM_GOOD) return true;
  constexpr std::uint32_t kInside = RTE_PTYPE_TUNNEL_MASK | RTE_PTYPE_INNER_L2_MASK |
                                    RTE_PTYPE_INNER_L3_MASK | RTE_PTYPE_INNER_L4_MASK;
  const bool is_plain_udp =
      (packet_type & RTE_PTYPE_L4_MASK) == RTE_PTYPE_L4_UDP && (packet_type & kInside) == 0;
  return is_plain_udp && (flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD;
}

}  // namespace weft
