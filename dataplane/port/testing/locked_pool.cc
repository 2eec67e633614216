#include "dataplane/port/testing/locked_pool.h"

#include <cerrno>
#include <mutex>
#include <vector>

#include <rte_mempool.h>

namespace weft::wire_test {
namespace {

struct LockedPool {
  std::mutex mutex;
  std::vector<void*> objects;  // mutex
};

LockedPool& locked(const rte_mempool* pool) {
  return *static_cast<LockedPool*>(pool->pool_data);
}

int allocate(rte_mempool* pool) {
  auto* made = new LockedPool;
  made->objects.reserve(pool->size);
  pool->pool_data = made;
  return 0;
}

void release(rte_mempool* pool) {
  delete &locked(pool);
}

int enqueue(rte_mempool* pool, void* const* objects, unsigned count) {
  LockedPool& target = locked(pool);
  const std::lock_guard lock{target.mutex};
  target.objects.insert(target.objects.end(), objects, objects + count);
  return 0;
}

int dequeue(rte_mempool* pool, void** objects, unsigned count) {
  LockedPool& source = locked(pool);
  const std::lock_guard lock{source.mutex};
  if (source.objects.size() < count) return -ENOBUFS;
  for (unsigned i = 0; i < count; ++i) {
    objects[i] = source.objects.back();
    source.objects.pop_back();
  }
  return 0;
}

unsigned count_of(const rte_mempool* pool) {
  LockedPool& source = locked(pool);
  const std::lock_guard lock{source.mutex};
  return static_cast<unsigned>(source.objects.size());
}

}  // namespace

const char* pool_operations() noexcept {
#if defined(__SANITIZE_THREAD__)
  constexpr bool kIsTsan = true;
#elif defined(__has_feature)
  constexpr bool kIsTsan = __has_feature(thread_sanitizer);
#else
  constexpr bool kIsTsan = false;
#endif
  static const bool is_registered = [] {
    rte_mempool_ops operations{};
    constexpr char kName[] = "weft_locked";
    for (std::size_t i = 0; i < sizeof kName; ++i) operations.name[i] = kName[i];
    operations.alloc = allocate;
    operations.free = release;
    operations.enqueue = enqueue;
    operations.dequeue = dequeue;
    operations.get_count = count_of;
    return rte_mempool_register_ops(&operations) >= 0;
  }();
  return kIsTsan && is_registered ? "weft_locked" : nullptr;
}

}  // namespace weft::wire_test
