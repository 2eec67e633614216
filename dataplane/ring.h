// SpscRing<T>: a bounded queue between exactly two threads, without locks or read-modify-write.
//
//   who may call what     producer            consumer              anybody
//                         push, push_burst    pop, pop_burst        size (a moment's estimate),
//                         capacity
//
// Each side keeps its own index on its own cache line, together with its last reading of the other
// side's index: a push or pop touches the other side's line only when that cached reading says full
// or empty. The release store of an index publishes the slots written before it; the acquire load
// on the other side makes them visible. Nothing waits: a full ring refuses.
//
// T is trivially copyable and owns nothing, or ownership passes with the value (an mbuf pointer).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>

#include "dataplane/base/ids.h"

namespace weft {

template <typename T>
class SpscRing {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  /// `capacity`: a power of two.
  explicit SpscRing(std::size_t capacity)
      : slots_{std::make_unique<T[]>(capacity)}, mask_{capacity - 1U} {}

  [[nodiscard]] std::size_t capacity() const noexcept { return mask_ + 1U; }

  [[nodiscard]] bool push(const T& value) noexcept { return push_burst(&value, 1) == 1; }

  /// Pushes a prefix of `values` and returns its length.
  [[nodiscard]] std::size_t push_burst(const T* values, std::size_t count) noexcept {
    const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    if (capacity() - (tail - head_seen_) < count) {
      head_seen_ = head_.load(std::memory_order_acquire);
    }
    const std::size_t room = capacity() - (tail - head_seen_);
    const std::size_t n = count < room ? count : room;
    for (std::size_t i = 0; i < n; ++i) slots_[(tail + i) & mask_] = values[i];
    tail_.store(tail + n, std::memory_order_release);
    return n;
  }

  [[nodiscard]] bool pop(T& value) noexcept { return pop_burst(&value, 1) == 1; }

  /// Pops up to `max` values and returns how many.
  [[nodiscard]] std::size_t pop_burst(T* values, std::size_t max) noexcept {
    const std::uint64_t head = head_.load(std::memory_order_relaxed);
    if (tail_seen_ - head < max) tail_seen_ = tail_.load(std::memory_order_acquire);
    const std::size_t ready = tail_seen_ - head;
    const std::size_t n = max < ready ? max : ready;
    for (std::size_t i = 0; i < n; ++i) values[i] = slots_[(head + i) & mask_];
    head_.store(head + n, std::memory_order_release);
    return n;
  }

  [[nodiscard]] std::size_t size() const noexcept {
    const std::uint64_t head = head_.load(std::memory_order_acquire);
    const std::uint64_t tail = tail_.load(std::memory_order_acquire);
    return tail > head ? tail - head : 0;
  }

 private:
  std::unique_ptr<T[]> slots_;
  std::size_t mask_;
  alignas(kCacheLine) std::atomic<std::uint64_t> tail_{0};  // producer: w
  std::uint64_t head_seen_{0};                              // producer: rw
  alignas(kCacheLine) std::atomic<std::uint64_t> head_{0};  // consumer: w
  std::uint64_t tail_seen_{0};                              // consumer: rw
};

}  // namespace weft
