// CellPlan: the second half of compiling a policy. With so many bands, which rules go into which cells?
//
// Makes classes of the selectors (side_classes.h), enters every bundle of rules into the cell of each pair of
// classes that its two selectors cover, and finds the cells that hold the same bundles: they will share a
// service set. Gives up where a limit is passed. Compile time only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "classifier/policy_compiler.h"
#include "classifier/ranked_rules.h"
#include "classifier/side_classes.h"
#include "dataplane/base/result.h"

namespace weft::classifier {

class CellPlan {
 public:
  /// `members`: of the table's selectors, identities ascending. The plan refers to `table`. The error says
  /// which limit was passed.
  [[nodiscard]] static Result<CellPlan> make(
      const RankedRules& table,
      const std::vector<std::vector<std::uint32_t>>& members,
      std::size_t identity_count,
      std::size_t bands,
      const PolicyLimits& limits
  );

  struct Cell {
    std::uint64_t key{};   // class of the sender, class of the receiver
    std::uint32_t list{};  // which bundles
  };

  [[nodiscard]] std::size_t bands() const noexcept { return bands_; }
  [[nodiscard]] const std::vector<Cell>& cells() const noexcept { return cells_; }
  [[nodiscard]] std::size_t list_count() const noexcept { return lists_.size(); }
  /// The bundles of a list, ascending.
  [[nodiscard]] std::span<const std::uint32_t> list(std::size_t i) const noexcept {
    return {list_items_.data() + lists_[i].begin, lists_[i].count};
  }
  [[nodiscard]] const SideClasses& identities(End role) const noexcept {
    return identities_[static_cast<std::size_t>(role)];
  }
  [[nodiscard]] const SideClasses& prefixes(End role) const noexcept {
    return prefixes_[static_cast<std::size_t>(role)];
  }

  /// The classes that the bundle's selector on that side covers; none if it selects nobody.
  [[nodiscard]] const std::vector<std::uint32_t>& classes_of(const Bundle& bundle, End role) const;
  /// Where a packet's class for that selector stands among its kSlots.
  [[nodiscard]] std::uint8_t slot_of(const Bundle& bundle, End role) const;

 private:
  /// A stretch of list_items_.
  struct List {
    std::size_t begin{};
    std::size_t count{};
  };
  struct Entry {
    std::uint64_t cell;
    std::uint32_t bundle;
  };
  using ListsByHash = std::unordered_multimap<std::uint64_t, std::uint32_t>;

  CellPlan(const RankedRules& table, std::size_t bands) : table_{&table}, bands_{bands} {}

  void classify(
      End role, const std::vector<std::vector<std::uint32_t>>& members, std::size_t identity_count
  );
  /// How often a bundle goes into a cell, as far as the limit.
  [[nodiscard]] std::size_t count_entries(std::size_t limit) const;
  void fill_cells(std::size_t entry_count);
  std::uint32_t intern(std::span<const Entry> cell, ListsByHash& known);
  /// How often a rule goes into a service set.
  [[nodiscard]] std::size_t count_set_rules() const;

  const RankedRules* table_;
  std::size_t bands_;
  std::array<SideClasses, 2> identities_;  // by End
  std::array<SideClasses, 2> prefixes_;
  std::vector<Cell> cells_;
  std::vector<List> lists_;
  std::vector<std::uint32_t> list_items_;
};

}  // namespace weft::classifier
