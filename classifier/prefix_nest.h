// PrefixNest: prefixes as a forest, each under the most specific one that contains it.
//
// From it come the longest prefix match of a policy and the knowledge which CIDR selectors hold which others. IPv4 and IPv6
// are separate: ::/0 contains no IPv4 address. Used at compile time only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "classifier/range_table.h"
#include "dataplane/net/addr.h"

namespace weft::classifier {

class PrefixNest {
 public:
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;

  PrefixNest() = default;
  /// In any order, with duplicates; host bits are ignored.
  explicit PrefixNest(std::vector<IpPrefix> prefixes);

  /// Indices are in an order in which a prefix comes before all that it contains.
  [[nodiscard]] std::size_t size() const noexcept { return prefixes_.size(); }
  [[nodiscard]] const IpPrefix& prefix(std::uint32_t i) const noexcept { return prefixes_[i]; }
  /// The next larger prefix, or kNone.
  [[nodiscard]] std::uint32_t parent(std::uint32_t i) const noexcept { return parents_[i]; }
  /// Precondition: `prefix` was given to the constructor.
  [[nodiscard]] std::uint32_t index_of(const IpPrefix& prefix) const noexcept;

  /// Every stretch of addresses with values[index of its most specific prefix], or `value_of_none`.
  /// kOctets: 4 for the IPv4 prefixes, 16 for the IPv6 ones.
  template <std::size_t kOctets>
  [[nodiscard]] std::vector<RangeTable::Run<kOctets>> runs(
      const std::vector<std::uint32_t>& values, std::uint32_t value_of_none
  ) const;

 private:
  std::vector<IpPrefix> prefixes_;
  std::vector<std::uint32_t> parents_;
};

}  // namespace weft::classifier
