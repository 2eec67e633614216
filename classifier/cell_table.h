// CellTable: (class of the sender, class of the receiver) to the services ruled on between them.
//
// A flat hash table that is built once. A bucket is one cache line of four cells; a key lives in one of two
// buckets, and in the second only if the first was full when it was built, which the first remembers. So a
// look-up reads one line, rarely two, never more, whether it finds something or not. Loaded to one
// half at most; should some key still find both buckets full, the table is built again with twice the room.
//
// Built by control, then immutable.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "classifier/range_table.h"
#include "classifier/service_sets.h"
#include "dataplane/base/ids.h"

namespace weft::classifier {

/// Which end of a connection is being judged, or is a rule for.
enum class End : std::uint8_t { sender, receiver };

class CellTable {
 public:
  static constexpr std::size_t kMaxLines = 2;

  struct Cell {
    std::uint64_t key{};                    // below 2^63 - 1
    std::array<ServiceSets::Id, 2> sets{};  // by End
  };

  CellTable() : CellTable(std::span<const Cell>{}) {}
  /// Precondition: keys are distinct.
  explicit CellTable(std::span<const Cell> cells) {
    std::size_t count = 1;
    while (count * kPerBucket < cells.size() * 2) count *= 2;
    while (!build(cells, count)) count *= 2;
  }

  void prefetch(std::uint64_t key) const noexcept {
    __builtin_prefetch(&buckets_[places(key).first]);
  }

  /// The set for `end` in the cell of `key`; ServiceSets::kEmpty if there is no such cell.
  template <typename Touch = NoTouch>
  [[nodiscard]] ServiceSets::Id find(std::uint64_t key, End end, Touch&& touch = {})
      const noexcept {
    const Places at = places(key);
    const Bucket* bucket = &buckets_[at.first];
    touch(bucket);
    const ServiceSets::Id set = bucket->find(key, end);
    if (set != ServiceSets::kEmpty || !bucket->has_overflowed()) return set;
    bucket = &buckets_[at.second];
    touch(bucket);
    return bucket->find(key, end);
  }

  [[nodiscard]] std::size_t octets() const noexcept { return buckets_.capacity() * sizeof(Bucket); }

 private:
  static constexpr std::size_t kPerBucket = 4;
  static constexpr std::uint64_t kOverflowed = std::uint64_t{1} << 63U;  // in keys[0]
  static constexpr std::uint64_t kFree = kOverflowed - 1;

  struct alignas(kCacheLine) Bucket {
    std::array<std::uint64_t, kPerBucket> keys{kFree, kFree, kFree, kFree};
    std::array<std::array<ServiceSets::Id, kPerBucket>, 2> sets{};  // by End

    [[nodiscard]] bool has_overflowed() const noexcept { return (keys[0] & kOverflowed) != 0; }
    [[nodiscard]] ServiceSets::Id find(std::uint64_t key, End end) const noexcept {
      const auto& row = sets[static_cast<std::size_t>(end)];
      if ((keys[0] & ~kOverflowed) == key) return row[0];
      for (std::size_t i = 1; i < kPerBucket; ++i) {
        if (keys[i] == key) return row[i];
      }
      return ServiceSets::kEmpty;
    }
    bool take(const Cell& cell) noexcept {
      for (std::size_t i = 0; i < kPerBucket; ++i) {
        if ((keys[i] & ~kOverflowed) != kFree) continue;
        keys[i] = cell.key | (keys[i] & kOverflowed);
        for (std::size_t end = 0; end < 2; ++end) sets[end][i] = cell.sets[end];
        return true;
      }
      return false;
    }
  };
  static_assert(sizeof(Bucket) == kCacheLine);

  struct Places {
    std::size_t first;
    std::size_t second;
  };
  /// Keys are class numbers handed out by the compiler, so a fixed mix can not be attacked.
  [[nodiscard]] Places places(std::uint64_t key) const noexcept {
    std::uint64_t hash = key * 0x9E3779B97F4A7C15U;
    hash = (hash ^ (hash >> 32U)) * 0xBF58476D1CE4E5B9U;
    hash ^= hash >> 29U;
    return {hash & mask_, (hash >> 32U) & mask_};
  }

  bool build(std::span<const Cell> cells, std::size_t bucket_count) {
    buckets_.assign(bucket_count, Bucket{});
    mask_ = bucket_count - 1;
    for (const Cell& cell : cells) {
      const Places at = places(cell.key);
      if (buckets_[at.first].take(cell)) continue;
      buckets_[at.first].keys[0] |= kOverflowed;
      if (!buckets_[at.second].take(cell)) return false;
    }
    return true;
  }

  std::vector<Bucket> buckets_;  // a power of two of them
  std::size_t mask_{};
};

}  // namespace weft::classifier
