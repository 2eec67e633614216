// Mbufs for tests and benchmarks: EAL without hugepages or devices, the two pools of pool.h, and
// the way from octets to mbufs and back.
//
//   Packet frame = packet(tcp_frame({}, Ip4{}, {}, counting(9000)));   // small mbuf, then large
//   ones Packet shape = packet(octets, {54, 1, 999});                       // four mbufs: 54, 1,
//   999, rest EXPECT_EQ(octets_of(frame.get()), ...);
//
// EAL starts at the first use, in the calling thread, once per process; CPU affinity is left as it
// was. It takes 150 ms. Everything is released at exit. Single-threaded.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include <rte_mbuf.h>

#include "dataplane/port/packet.h"
#include "dataplane/port/pool.h"
#include "dataplane/port/testing/traffic.h"

namespace weft::wire_test {

/// Octets of frame that a small mbuf holds behind kHeadroom.
inline constexpr std::uint16_t kSmallRoom = 2176;

/// 2,048 small and 64 large mbufs.
[[nodiscard]] const PacketPools& pools();

/// A pool of `count` small mbufs: to run dry on purpose, or for benchmarks.
struct FreePool {
  void operator()(rte_mempool* pool) const noexcept;
};
using Pool = std::unique_ptr<rte_mempool, FreePool>;
[[nodiscard]] Pool make_pool(unsigned count, std::uint16_t room = kSmallRoom);

struct FreePacket {
  void operator()(rte_mbuf* frame) const noexcept { rte_pktmbuf_free(frame); }
};
using Packet = std::unique_ptr<rte_mbuf, FreePacket>;

/// A chain: sizes[i] octets in the i-th mbuf and the rest behind them, small mbufs where they
/// suffice. By default a small mbuf as full as it gets, then large ones: the shape that container
/// ports make. meta: no request, parsed, from and from_tunnel nobody. Aborts if the pools are dry.
[[nodiscard]] Packet packet(const Octets& octets, const std::vector<std::size_t>& sizes = {});

/// All octets of the chain.
[[nodiscard]] Octets octets_of(const rte_mbuf* frame);

/// The request that a kernel makes for a frame from tcp_frame({...is_partial}). gso_octets 0:
/// checksum only. Precondition: parsed.
[[nodiscard]] OffloadRequest tcp_offload(rte_mbuf* frame, std::uint16_t gso_octets = 0);

/// While it lives, AddressSanitizer sees a read or write before or behind the octets of `frame`'s
/// mbufs (mbufs are not heap objects: it does not by itself). Without it: nothing.
class Poisoned {
 public:
  explicit Poisoned(rte_mbuf* frame) noexcept;
  Poisoned(const Poisoned&) = delete;
  Poisoned& operator=(const Poisoned&) = delete;
  ~Poisoned();

 private:
  rte_mbuf* frame_;
};

}  // namespace weft::wire_test
