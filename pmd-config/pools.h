// The packet pools of dataplane/port/pool.h, made and owned here.
//
// Counts follow from the memory that EAL has: three quarters of it become buffers, three quarters
// of those small ones. The small pool's data room follows from the largest uplink MTU, because a
// device that can not scatter needs the whole frame in one buffer; it is fixed for the life of the
// process, so an uplink attached later with a larger MTU is refused with a sentence
// (ethdev_port.h).
//
// Destruction: after all workers, ports and uplinks are gone (they hold mbufs), before Eal.
#pragma once

#include <cstdint>
#include <memory>

#include "dataplane/base/result.h"
#include "dataplane/port/pool.h"

namespace weft {

struct PoolConfig {
  std::uint16_t max_mtu = 1500;   // octets of the largest IP packet an uplink will carry
  std::uint32_t small_count = 0;  // 0: from the memory available
  std::uint32_t large_count = 0;  // 0: from the memory available
};

struct PoolLevel {
  std::uint32_t size{};    // mbufs in the pool
  std::uint32_t in_use{};  // of them allocated; a snapshot, exact only when nothing runs
};

/// Owns both mempools.
class Pools {
 public:
  struct Free {
    void operator()(rte_mempool* pool) const noexcept;
  };
  using Handle = std::unique_ptr<rte_mempool, Free>;

  [[nodiscard]] PacketPools get() const noexcept { return {small_.get(), large_.get()}; }
  [[nodiscard]] PoolLevel small_level() const noexcept;
  [[nodiscard]] PoolLevel large_level() const noexcept;

 private:
  Pools(Handle small, Handle large) noexcept;
  friend Result<Pools> make_pools(const PoolConfig& config);

  Handle small_;
  Handle large_;
};

/// Precondition: EAL runs. Fails when the memory does not hold the smallest useful pools.
[[nodiscard]] Result<Pools> make_pools(const PoolConfig& config);

/// Octets of packet (without kHeadroom) that one small mbuf of `pools` holds.
[[nodiscard]] std::uint32_t small_room(const PacketPools& pools) noexcept;

}  // namespace weft
