// ServiceSets: of a list of rules about services, which one decides for this protocol and port?
//
// Every Service is one interval of 24-bit keys, protocol << 16 | point, the point being the destination port or
// the ICMP type: so "any protocol" is [0, 0xFFFFFF], "tcp" [0x060000, 0x06FFFF] and "icmp type 8"
// [0x010008, 0x010008]. A set holds the rules of one cell of the policy in two possible shapes:
//
//   small  up to 10 rules, in their order, in one or two cache lines: the first that contains the key decides
//   large  cut into disjoint runs with the deciding rule each, in a RangeTable: at most 6 cache lines
//
// so a look-up costs at most kMaxLines whatever is in the set. Built by control (add), then immutable.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "classifier/policy_rules.h"
#include "classifier/range_table.h"
#include "dataplane/base/ids.h"

namespace weft::classifier {

/// Position in the order in which rules decide: the smaller one wins.
using Rank = std::uint32_t;
inline constexpr Rank kNoRank = RangeTable::kValueLimit - 1;

/// What a packet asks for.
struct ServicePoint {
  std::uint8_t protocol{};  // IP protocol number
  std::uint16_t point{};    // destination port (TCP, UDP, SCTP), ICMP type, or 0

  [[nodiscard]] constexpr std::uint32_t key() const noexcept {
    return (std::uint32_t{protocol} << 16U) | point;
  }
};

/// The interval of keys that belongs to `service`, and the rule that asks for it.
struct ServiceInterval {
  std::uint32_t first{};
  std::uint32_t last{};  // inclusive
  Rank rank{};
};
[[nodiscard]] ServiceInterval service_interval(const Service& service, Rank rank) noexcept;

class ServiceSets {
 public:
  /// 0: the empty set. Below 2^31: a small set. Above: a large one.
  using Id = std::uint32_t;
  static constexpr Id kEmpty = 0;
  static constexpr std::size_t kSmall = 10;
  static constexpr std::size_t kMaxLines = 6;

  ServiceSets() : lines_(1) {}

  /// Precondition: ranks ascend. Cost n log n.
  Id add(std::span<const ServiceInterval> rules);

  void prefetch(Id id) const noexcept {
    if ((id & kIsLarge) == 0) __builtin_prefetch(&lines_[id]);
  }

  /// The rule of set `id` that decides for `key`, or kNoRank.
  template <typename Touch = NoTouch>
  [[nodiscard]] Rank find(Id id, std::uint32_t key, Touch&& touch = {}) const noexcept {
    if ((id & kIsLarge) != 0) {
      const std::array<std::uint8_t, 3> octets{
          static_cast<std::uint8_t>(key >> 16U),
          static_cast<std::uint8_t>(key >> 8U),
          static_cast<std::uint8_t>(key)};
      return ranges_.find<3>(id, octets, touch);
    }
    const Line* line = &lines_[id];
    touch(line);
    for (std::uint32_t left = line->count;;) {
      const std::uint32_t here = left < kPerLine ? left : kPerLine;
      for (std::uint32_t i = 0; i < here; ++i) {
        const ServiceInterval& interval = line->intervals[i];
        if (key - interval.first <= interval.last - interval.first) return interval.rank;
      }
      if (left <= kPerLine) return kNoRank;
      left -= kPerLine;
      touch(++line);
    }
  }

  [[nodiscard]] std::size_t octets() const noexcept {
    return lines_.capacity() * sizeof(Line) + ranges_.octets();
  }

 private:
  // The mark of a large set is the mark of a node: its root is the id. (A set of one run is small.)
  static constexpr std::uint32_t kIsLarge = RangeTable::kValueLimit;
  static constexpr std::uint32_t kPerLine = 5;

  struct alignas(kCacheLine) Line {
    std::uint32_t count{};  // of the whole set; in its first line only
    std::array<ServiceInterval, kPerLine> intervals;
  };
  static_assert(sizeof(Line) == kCacheLine);
  static_assert(kSmall == std::size_t{2} * kPerLine);

  Id add_small(std::span<const ServiceInterval> rules);

  std::vector<Line> lines_;  // [0]: the empty set
  RangeTable ranges_;
};

}  // namespace weft::classifier
