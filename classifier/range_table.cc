#include "classifier/range_table.h"

#include <algorithm>
#include <cassert>

namespace weft::classifier {

template <std::size_t kOctets>
RangeTable::Root RangeTable::add(std::span<const Run<kOctets>> runs) {
  assert(!runs.empty() && runs.front().start == decltype(runs.front().start){});
  if (runs.size() == 1) return runs.front().value;
  return build(runs.subspan(1), 0, runs.front().value);
}

/// The node at `depth` octets for runs that all begin inside it, `value_before` being in force where it
/// begins. Recursion ends with the octets of the key.
template <std::size_t kOctets>
std::uint32_t RangeTable::build(
    std::span<const Run<kOctets>> runs, std::size_t depth, std::uint32_t value_before
) {
  Slots slots;
  std::uint32_t value = value_before;
  std::size_t at = 0;
  for (std::size_t octet = 0; octet < slots.size(); ++octet) {
    const std::size_t begin = at;
    while (at < runs.size() && runs[at].start[depth] == octet) ++at;
    std::span<const Run<kOctets>> inside = runs.subspan(begin, at - begin);
    if (inside.empty()) {
      slots[octet] = value;
      continue;
    }
    const std::uint32_t value_after = inside.back().value;
    const auto& start = inside.front().start;
    const auto rest = start.begin() + static_cast<std::ptrdiff_t>(depth) + 1;
    if (std::all_of(rest, start.end(), [](std::uint8_t o) { return o == 0; })) {
      value = inside.front().value;
      inside = inside.subspan(1);
    }
    slots[octet] = inside.empty() ? value : build(inside, depth + 1, value);
    value = value_after;
  }
  return store(slots);
}

std::uint32_t RangeTable::store(const Slots& slots) {
  Node node;
  node.first_value = static_cast<std::uint32_t>(values_.size());
  std::uint32_t previous = ~slots[0];
  for (std::size_t octet = 0; octet < slots.size(); ++octet) {
    if (octet % 64 == 0) {
      node.before[octet / 64] = static_cast<std::uint8_t>(values_.size() - node.first_value);
    }
    if (slots[octet] == previous) continue;
    previous = slots[octet];
    node.starts[octet / 64] |= std::uint64_t{1} << (octet % 64);
    values_.push_back(previous);
  }
  nodes_.push_back(node);
  assert(nodes_.size() < kValueLimit);
  return static_cast<std::uint32_t>(nodes_.size() - 1) | kIsNode;
}

std::size_t RangeTable::octets() const noexcept {
  return nodes_.capacity() * sizeof(Node) + values_.capacity() * sizeof(values_[0]);
}

template RangeTable::Root RangeTable::add(std::span<const Run<3>> runs);
template RangeTable::Root RangeTable::add(std::span<const Run<4>> runs);
template RangeTable::Root RangeTable::add(std::span<const Run<16>> runs);

}  // namespace weft::classifier
