// RangeTable: which stretch of an ordered key space does a key fall into?
//
// The one search structure of the policy: longest prefix match (keys of 4 or 16 octets) and services
// (protocol and port, 3 octets). The space is given as runs: each begins at a key and lasts until the next
// one begins. A key is looked up octet by octet, most significant first; at each octet a node says where
// the stretches of its 256 children begin:
//
//   starts  0001000000000010...   one bit per octet value: a new stretch begins here
//   values  [a][b][c]             one per set bit: a value, or the node for the next octet
//
// The stretch of octet o is the number of set bits up to o, so a node with k stretches takes one cache line and
// k values whatever k is. At most two cache lines per octet of the key, however many runs there are.
//
// Many spaces share one table, each with a root of its own. A space of one run has no node at all.
// Built by control (add), then immutable and read by any number of workers (find).
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/base/ids.h"

namespace weft::classifier {

/// What counts the cache lines of a look-up, where somebody wants to know: touch(address).
struct NoTouch {
  void operator()(const void* /*line*/) const noexcept {}
};

class RangeTable {
 public:
  /// Values are below this.
  static constexpr std::uint32_t kValueLimit = 0x80000000U;

  /// Keys from `start` up to the start of the next run have `value`.
  template <std::size_t kOctets>
  struct Run {
    std::array<std::uint8_t, kOctets> start{};
    std::uint32_t value{};
  };

  /// A value, or a node. A root without nodes is its own answer.
  using Root = std::uint32_t;

  /// Takes in a space; cost linear in its runs. Precondition: the first starts at 0, starts ascend.
  /// Instantiated for keys of 3, 4 and 16 octets.
  template <std::size_t kOctets>
  Root add(std::span<const Run<kOctets>> runs);

  /// The value of the run that `key` is in.
  template <std::size_t kOctets, typename Touch = NoTouch>
  [[nodiscard]] std::uint32_t find(
      Root root, const std::array<std::uint8_t, kOctets>& key, Touch&& touch = {}
  ) const noexcept {
    std::uint32_t entry = root;
    for (const std::uint8_t octet : key) {
      if ((entry & kIsNode) == 0) break;
      const Node& node = nodes_[entry & ~kIsNode];
      const std::size_t word = octet >> 6U;
      const std::uint64_t up_to_here =
          node.starts[word] & (~std::uint64_t{0} >> (63U - (octet & 63U)));
      const auto rank = static_cast<std::uint32_t>(std::popcount(up_to_here)) + node.before[word];
      entry = values_[node.first_value + rank - 1U];
      touch(&node);
      touch(&values_[node.first_value + rank - 1U]);
    }
    return entry;
  }

  [[nodiscard]] std::size_t octets() const noexcept;

 private:
  static constexpr std::uint32_t kIsNode = kValueLimit;

  struct alignas(kCacheLine) Node {
    std::array<std::uint64_t, 4> starts{};  // bit 0 of word 0 is always set
    std::array<std::uint8_t, 4> before{};   // set bits in the words before
    std::uint32_t first_value{};
  };
  static_assert(sizeof(Node) == kCacheLine);
  using Slots = std::array<std::uint32_t, 256>;

  template <std::size_t kOctets>
  std::uint32_t build(
      std::span<const Run<kOctets>> runs, std::size_t depth, std::uint32_t value_before
  );
  std::uint32_t store(const Slots& slots);

  std::vector<Node> nodes_;
  std::vector<std::uint32_t> values_;
};

}  // namespace weft::classifier
