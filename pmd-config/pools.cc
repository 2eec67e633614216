#include "pmd-config/pools.h"

#include <algorithm>
#include <limits>
#include <string>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>
#include <rte_mempool.h>

#include "dataplane/port/packet.h"
#include "pmd-config/device.h"
#include "pmd-config/eal_args.h"

namespace weft {
namespace {

/// Mbufs that one lcore keeps to itself; RTE_MEMPOOL_CACHE_MAX_SIZE of Debian's build is 512.
constexpr unsigned kCacheSize = 256;
/// Octets a pool needs per mbuf beside its data room: struct rte_mbuf, private area, object header.
constexpr std::uint64_t kMbufOverhead = sizeof(rte_mbuf) + sizeof(PacketMeta) + 64;
constexpr std::uint32_t kLeastRoom = 2176;

struct CountRange {
  std::uint32_t least;
  std::uint32_t most;
};
constexpr CountRange kSmallCount{8191, 262143};
constexpr CountRange kLargeCount{255, 16383};

/// What the heap has, and in dynamic memory mode may still take from the kernel.
std::uint64_t free_memory() {
  std::uint64_t octets =
      rte_eal_has_hugepages() != 0 ? read_machine_facts().free_hugepage_octets : 0;
  for (unsigned i = 0; i < rte_socket_count(); ++i) {
    rte_malloc_socket_stats stats{};
    if (rte_malloc_get_socket_stats(rte_socket_id_by_idx(i), &stats) == 0) {
      octets += stats.heap_freesz_bytes;
    }
  }
  return octets;
}

std::uint32_t count_for(std::uint64_t octets, std::uint32_t room, CountRange range) {
  const std::uint64_t each = kHeadroom + room + kMbufOverhead;
  return static_cast<std::uint32_t>(
      std::clamp<std::uint64_t>(octets / each, range.least, range.most)
  );
}

/// rte_pktmbuf_pool_create, plus one flag: where IOVA is VA, a buffer may cross page boundaries. Without it
/// the pool keeps every object inside one page, and with 4 KiB pages (no hugepages) a 2.6 KB object
/// costs 4 KB. On failure rte_errno says why.
rte_mempool* make_pool(const char* name, std::uint32_t count, std::uint32_t room) {
  const unsigned flags = rte_eal_iova_mode() == RTE_IOVA_VA ? RTE_MEMPOOL_F_NO_IOVA_CONTIG : 0U;
  rte_pktmbuf_pool_private sizes{};
  sizes.mbuf_data_room_size = static_cast<std::uint16_t>(kHeadroom + room);
  sizes.mbuf_priv_size = sizeof(PacketMeta);
  const auto element =
      static_cast<unsigned>(sizeof(rte_mbuf) + sizes.mbuf_priv_size + sizes.mbuf_data_room_size);
  rte_mempool* pool = rte_mempool_create_empty(
      name,
      count,
      element,
      std::min(kCacheSize, count / 8),
      sizeof(rte_pktmbuf_pool_private),
      SOCKET_ID_ANY,
      flags
  );
  if (pool == nullptr) return nullptr;
  rte_mempool_set_ops_byname(pool, rte_mbuf_best_mempool_ops(), nullptr);
  rte_pktmbuf_pool_init(pool, &sizes);
  if (const int status = rte_mempool_populate_default(pool); status < 0) {
    rte_mempool_free(pool);
    rte_errno = -status;
    return nullptr;
  }
  rte_mempool_obj_iter(pool, rte_pktmbuf_init, nullptr);
  return pool;
}

Error no_memory(const char* name, std::uint32_t count, std::uint32_t room) {
  const std::uint64_t mib =
      count * (kHeadroom + room + kMbufOverhead) / (std::uint64_t{1024} * 1024) + 1;
  return Error{
      std::string{"the pool of "} + name + " packet buffers (" + std::to_string(count) + " of " +
      std::to_string(room) + " octets, " + std::to_string(mib) +
      " MiB) could not be made: " + rte_strerror(rte_errno)};
}

/// A pool of `wanted` buffers; 0: of as many as `octets` hold. Other processes may take hugepages between our
/// look and our grasp, so what does not fit is tried smaller.
Result<Pools::Handle> make_sized(
    const char* name,
    std::uint32_t wanted,
    std::uint32_t room,
    std::uint64_t octets,
    CountRange range
) {
  std::uint32_t count = wanted != 0 ? wanted : count_for(octets, room, range);
  const std::string full_name = std::string{"weft_"} + name;
  for (;;) {
    Pools::Handle pool{make_pool(full_name.c_str(), count, room)};
    if (pool) return pool;
    if (wanted != 0 || count == range.least) return no_memory(name, count, room);
    count = std::max(count / 2, range.least);
  }
}

PoolLevel level_of(const rte_mempool* pool) {
  return pool == nullptr ? PoolLevel{} : PoolLevel{pool->size, rte_mempool_in_use_count(pool)};
}

}  // namespace

void Pools::Free::operator()(rte_mempool* pool) const noexcept {
  rte_mempool_free(pool);
}

Pools::Pools(Handle small, Handle large) noexcept
    : small_{std::move(small)}, large_{std::move(large)} {}

PoolLevel Pools::small_level() const noexcept {
  return level_of(small_.get());
}
PoolLevel Pools::large_level() const noexcept {
  return level_of(large_.get());
}

Result<Pools> make_pools(const PoolConfig& config) {
  // A device that can not scatter writes the whole frame, or its ring slot, into one buffer.
  const std::uint32_t room = std::max(kLeastRoom, af_packet_slot_octets(config.max_mtu));
  if (kHeadroom + room > std::numeric_limits<std::uint16_t>::max()) {
    return Error{
        "max_mtu: " + std::to_string(config.max_mtu) + " does not fit one packet buffer (at most " +
        std::to_string(std::numeric_limits<std::uint16_t>::max() - kHeadroom) + " octets)"};
  }
  // Three quarters of the memory: rings, device queues and tables need the rest.
  const std::uint64_t budget = free_memory() / 4 * 3;
  auto small = make_sized("small", config.small_count, room, budget / 4 * 3, kSmallCount);
  if (!small) return small.error();
  auto large = make_sized("large", config.large_count, kLargeRoom, budget / 4, kLargeCount);
  if (!large) return large.error();
  return Pools{std::move(*small), std::move(*large)};
}

std::uint32_t small_room(const PacketPools& pools) noexcept {
  return std::uint32_t{rte_pktmbuf_data_room_size(pools.small)} - kHeadroom;
}

}  // namespace weft
