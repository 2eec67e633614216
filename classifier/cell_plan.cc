#include "classifier/cell_plan.h"

#include <algorithm>
#include <string>

namespace weft::classifier {
namespace {

const SelectorRef& side_of(const Bundle& bundle, End role) noexcept {
  return role == End::sender ? bundle.from : bundle.to;
}

}  // namespace

Result<CellPlan> CellPlan::make(
    const RankedRules& table,
    const std::vector<std::vector<std::uint32_t>>& members,
    std::size_t identity_count,
    std::size_t bands,
    const PolicyLimits& limits
) {
  CellPlan plan{table, bands};
  for (const End role : {End::sender, End::receiver}) plan.classify(role, members, identity_count);
  const std::size_t entries = plan.count_entries(limits.cells);
  if (entries > limits.cells) {
    return Error{
        "selectors overlap so much that more than " + std::to_string(limits.cells) +
        " pairs of classes have to be kept"};
  }
  plan.fill_cells(entries);
  if (plan.count_set_rules() > limits.set_rules) {
    return Error{
        "selectors overlap so much that rules have to be kept more than " +
        std::to_string(limits.set_rules) + " times"};
  }
  return plan;
}

void CellPlan::classify(
    End role, const std::vector<std::vector<std::uint32_t>>& members, std::size_t identity_count
) {
  std::vector<bool> uses_selector(members.size());
  std::vector<bool> uses_prefix(table_->nest().size());
  for (const Bundle& bundle : table_->bundles()) {
    const SelectorRef& side = side_of(bundle, role);
    if (side.kind == SelectorRef::Kind::identity) uses_selector[side.index] = true;
    if (side.kind == SelectorRef::Kind::prefix) uses_prefix[side.index] = true;
  }
  const auto row = static_cast<std::size_t>(role);
  identities_[row] =
      classify_identities(members, uses_selector, identity_count, bands_, kAnyClass + 1);
  prefixes_[row] = classify_prefixes(
      table_->nest(), uses_prefix, bands_, kAnyClass + 1 + identities_[row].class_count
  );
}

const std::vector<std::uint32_t>& CellPlan::classes_of(const Bundle& bundle, End role) const {
  static const std::vector<std::uint32_t> any{kAnyClass};
  const SelectorRef& side = side_of(bundle, role);
  switch (side.kind) {
    case SelectorRef::Kind::any:
      return any;
    case SelectorRef::Kind::identity:
      return identities(role).classes_of[side.index];
    case SelectorRef::Kind::prefix:
      return prefixes(role).classes_of[side.index];
  }
  return any;
}

std::uint8_t CellPlan::slot_of(const Bundle& bundle, End role) const {
  const SelectorRef& side = side_of(bundle, role);
  switch (side.kind) {
    case SelectorRef::Kind::any:
      return 0;
    case SelectorRef::Kind::identity:
      return static_cast<std::uint8_t>(1U + identities(role).band_of[side.index]);
    case SelectorRef::Kind::prefix:
      return static_cast<std::uint8_t>(1U + kBands + prefixes(role).band_of[side.index]);
  }
  return 0;
}

std::size_t CellPlan::count_entries(std::size_t limit) const {
  std::size_t count = 0;
  for (const Bundle& bundle : table_->bundles()) {
    count += classes_of(bundle, End::sender).size() * classes_of(bundle, End::receiver).size();
    if (count > limit) break;
  }
  return count;
}

void CellPlan::fill_cells(std::size_t entry_count) {
  std::vector<Entry> entries;
  entries.reserve(entry_count);
  const auto& bundles = table_->bundles();
  for (std::uint32_t i = 0; i < bundles.size(); ++i) {
    for (const std::uint64_t from : classes_of(bundles[i], End::sender)) {
      for (const std::uint64_t to : classes_of(bundles[i], End::receiver)) {
        entries.push_back({(from << 32U) | to, i});
      }
    }
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return a.cell != b.cell ? a.cell < b.cell : a.bundle < b.bundle;
  });
  ListsByHash known;
  for (std::size_t begin = 0; begin < entries.size();) {
    std::size_t end = begin;
    while (end < entries.size() && entries[end].cell == entries[begin].cell) ++end;
    const std::span<const Entry> cell{entries.data() + begin, end - begin};
    cells_.push_back({cell.front().cell, intern(cell, known)});
    begin = end;
  }
}

/// The number of the list of the cell's bundles, a new one if no cell had these yet.
std::uint32_t CellPlan::intern(std::span<const Entry> cell, ListsByHash& known) {
  std::uint64_t hash = cell.size();
  for (const Entry& entry : cell) {
    hash = (hash ^ entry.bundle) * 0xBF58476D1CE4E5B9U;
    hash ^= hash >> 31U;
  }
  const auto is_same = [cell](std::span<const std::uint32_t> bundles) {
    return std::equal(
        bundles.begin(),
        bundles.end(),
        cell.begin(),
        cell.end(),
        [](std::uint32_t bundle, const Entry& entry) { return bundle == entry.bundle; }
    );
  };
  const auto [first, last] = known.equal_range(hash);
  for (auto found = first; found != last; ++found) {
    if (is_same(list(found->second))) return found->second;
  }
  const auto number = static_cast<std::uint32_t>(lists_.size());
  lists_.push_back({list_items_.size(), cell.size()});
  for (const Entry& entry : cell) list_items_.push_back(entry.bundle);
  known.emplace(hash, number);
  return number;
}

std::size_t CellPlan::count_set_rules() const {
  std::size_t count = 0;
  for (const std::uint32_t bundle : list_items_) count += table_->bundles()[bundle].ranks.size();
  return count;
}

}  // namespace weft::classifier
