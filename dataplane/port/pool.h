// The packet pools: who allocates which buffers.
//
// `small` holds one wire-size frame per mbuf (data room 2,176 octets + kHeadroom, or more when the
// uplink's MTU needs it). `large` mbufs hold the rest of a large segment from a container: a frame
// of up to 64 KB is a chain of one small mbuf (all headers) and one or more large ones. Both have a
// private area of sizeof(PacketMeta). Made by pmd-config/eal.h, freed after all workers and ports
// are gone.
#pragma once

#include <cstdint>

struct rte_mempool;

namespace weft {

/// Octets of payload a large mbuf holds: two chained behind a small one cover kMaxFrame.
inline constexpr std::uint32_t kLargeRoom = 33 * 1024;

struct PacketPools {
  rte_mempool* small{};
  rte_mempool* large{};
};

}  // namespace weft
