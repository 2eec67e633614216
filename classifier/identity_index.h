// IdentityIndex: which identities does a group or label selector select?
//
// Inverted lists from each group, label key and label to the identities that have it, so that a selector costs what
// it selects, not the number of identities. (Negated terms cost one walk over all.) Compile time only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "classifier/policy_rules.h"

namespace weft::classifier {

class IdentityIndex {
 public:
  /// Identity 0 is the stranger and never selected. `identities` outlives the index.
  explicit IdentityIndex(std::span<const Identity> identities);

  /// Ascending. Precondition: the selector's kind is group or labels.
  [[nodiscard]] std::vector<std::uint32_t> select(const Selector& selector) const;

  /// The groups of identity `i` as numbers, ascending.
  [[nodiscard]] std::vector<std::uint32_t> groups_of(std::uint32_t i) const;

 private:
  using Ids = std::vector<std::uint32_t>;
  using Lists = std::unordered_map<std::string, Ids>;

  [[nodiscard]] const Ids& holders_of(const Selector::Term& term) const;

  std::span<const Identity> identities_;
  Ids endpoints_;  // all but the stranger
  Lists by_group_;
  std::unordered_map<std::string, std::uint32_t> group_numbers_;
  Lists by_key_;
  Lists by_label_;
};

/// A string that two selectors of kind group or labels share exactly if they are equal.
[[nodiscard]] std::string canonical(const Selector& selector);

}  // namespace weft::classifier
