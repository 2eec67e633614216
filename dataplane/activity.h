// Activity: when did this worker last see a frame from a source MAC of a segment?
//
// Learned FDB entries live in the immutable snapshot, so a worker can not refresh their age there.
// Instead each worker keeps one small table of seconds, indexed by a hash of the FDB key, and
// writes to it only when the second changed. Control ages an entry out when no worker has seen its
// slot for the ageing time. Two MACs that share a slot keep each other alive: an entry may live too
// long, never too short.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace weft {

class Activity {
 public:
  static constexpr std::size_t kSlots = 1U << 16U;

  /// Worker: `second` is a coarse clock that wraps.
  void touch(std::uint64_t fdb_key, std::uint16_t second) noexcept {
    std::atomic<std::uint16_t>& slot = slots_[index(fdb_key)];
    if (slot.load(std::memory_order_relaxed) != second) {
      slot.store(second, std::memory_order_relaxed);
    }
  }

  /// Control: seconds since the slot was touched, modulo 2^16.
  [[nodiscard]] std::uint16_t age(std::uint64_t fdb_key, std::uint16_t second) const noexcept {
    return static_cast<std::uint16_t>(
        second - slots_[index(fdb_key)].load(std::memory_order_relaxed)
    );
  }

 private:
  [[nodiscard]] static std::size_t index(std::uint64_t fdb_key) noexcept {
    return (fdb_key * 0x9E3779B97F4A7C15U) >> 48U;
  }
  std::array<std::atomic<std::uint16_t>, kSlots> slots_{};  // worker: w, control: r
};

}  // namespace weft
