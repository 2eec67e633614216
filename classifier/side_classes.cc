#include "classifier/side_classes.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <numeric>

namespace weft::classifier {
namespace {

constexpr BandClasses kInNoBand{kAbsent, kAbsent, kAbsent, kAbsent};

SideClasses empty_classes(std::size_t selector_count, std::size_t member_count) {
  SideClasses classes;
  classes.band_of.resize(selector_count);
  classes.classes_of.resize(selector_count);
  classes.classes.assign(member_count, kInNoBand);
  return classes;
}

/// The band of each identity selector.
std::vector<std::uint8_t> spread_selectors(
    const std::vector<std::vector<std::uint32_t>>& members,
    const std::vector<bool>& is_used,
    std::size_t identity_count,
    std::size_t band_count
) {
  std::vector<std::uint32_t> order(members.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(), [&members](std::uint32_t a, std::uint32_t b) {
    return members[a].size() > members[b].size();
  });
  std::vector<std::vector<bool>> is_taken(band_count, std::vector<bool>(identity_count));
  std::vector<std::uint8_t> band_of(members.size());
  for (const std::uint32_t selector : order) {
    if (!is_used[selector]) continue;
    std::size_t band = 0;
    const auto overlaps = [&](std::uint32_t member) { return is_taken[band][member]; };
    const auto& own = members[selector];
    while (band + 1 < band_count && std::any_of(own.begin(), own.end(), overlaps)) ++band;
    for (const std::uint32_t member : own) is_taken[band][member] = true;
    band_of[selector] = static_cast<std::uint8_t>(band);
  }
  return band_of;
}

/// The number of used prefixes above each prefix: its depth of nesting among them.
std::vector<std::uint32_t> depths_of(const PrefixNest& nest, const std::vector<bool>& is_used) {
  std::vector<std::uint32_t> depths(nest.size());
  for (std::uint32_t i = 0; i < nest.size(); ++i) {
    const std::uint32_t parent = nest.parent(i);
    if (parent != PrefixNest::kNone) depths[i] = depths[parent] + (is_used[parent] ? 1U : 0U);
  }
  return depths;
}

/// Cost of bands: how often a prefix lies above another of the same band.
class Copies {
 public:
  Copies(
      const PrefixNest& nest,
      const std::vector<bool>& is_used,
      const std::vector<std::uint32_t>& depths,
      std::size_t depth_count
  )
      : pairs_(depth_count, std::vector<std::uint64_t>(depth_count)) {
    for (std::uint32_t i = 0; i < nest.size(); ++i) {
      if (!is_used[i]) continue;
      for (std::size_t above = 0; above < depths[i]; ++above) ++pairs_[above][depths[i]];
    }
  }

  /// Of one band from depth `first` to depth `last`.
  [[nodiscard]] std::uint64_t between(std::size_t first, std::size_t last) const {
    std::uint64_t copies = 0;
    for (std::size_t above = first; above <= last; ++above) {
      for (std::size_t below = above + 1; below <= last; ++below) copies += pairs_[above][below];
    }
    return copies;
  }

 private:
  std::vector<std::vector<std::uint64_t>> pairs_;  // [depth above][depth below]
};

/// The band of each depth, so that the copies are fewest: the best last band, before it the best bands
/// for what is above (dynamic programming).
std::vector<std::uint8_t> cut_depths(
    const Copies& copies, std::size_t depth_count, std::size_t band_count
) {
  constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();
  // [bands][depths]: the cost of putting the first `depths` into `bands`, and where the last one begins.
  std::vector<std::vector<std::uint64_t>> cost(
      band_count + 1, std::vector<std::uint64_t>(depth_count + 1, kNever)
  );
  std::vector<std::vector<std::size_t>> begin(
      band_count + 1, std::vector<std::size_t>(depth_count + 1)
  );
  cost[0][0] = 0;
  for (std::size_t last = 1; last <= depth_count; ++last) {
    for (std::size_t first = 0; first < last; ++first) {
      const std::uint64_t own = copies.between(first, last - 1);
      for (std::size_t bands = 1; bands <= band_count; ++bands) {
        if (cost[bands - 1][first] == kNever) continue;
        const std::uint64_t total = cost[bands - 1][first] + own;
        if (total >= cost[bands][last]) continue;
        cost[bands][last] = total;
        begin[bands][last] = first;
      }
    }
  }
  std::vector<std::uint8_t> band_of(depth_count);
  std::size_t bands = std::min(band_count, depth_count);
  for (std::size_t last = depth_count; last > 0; --bands) {
    for (std::size_t depth = begin[bands][last]; depth < last; ++depth) {
      band_of[depth] = static_cast<std::uint8_t>(bands - 1);
    }
    last = begin[bands][last];
  }
  return band_of;
}

}  // namespace

SideClasses classify_identities(
    const std::vector<std::vector<std::uint32_t>>& members,
    const std::vector<bool>& is_used,
    std::size_t identity_count,
    std::size_t band_count,
    std::uint32_t first_class
) {
  SideClasses result = empty_classes(members.size(), identity_count);
  result.band_of = spread_selectors(members, is_used, identity_count, band_count);
  for (std::size_t band = 0; band < band_count; ++band) {
    std::vector<std::vector<std::uint32_t>> signatures(identity_count);
    for (std::uint32_t selector = 0; selector < members.size(); ++selector) {
      if (!is_used[selector] || result.band_of[selector] != band) continue;
      for (const std::uint32_t member : members[selector]) signatures[member].push_back(selector);
    }
    std::map<std::vector<std::uint32_t>, std::uint32_t> class_by_signature;
    for (std::size_t identity = 0; identity < identity_count; ++identity) {
      const auto& signature = signatures[identity];
      if (signature.empty()) continue;
      const auto [found, is_new] =
          class_by_signature.try_emplace(signature, first_class + result.class_count);
      result.classes[identity][band] = found->second;
      if (!is_new) continue;
      ++result.class_count;
      for (const std::uint32_t selector : signature) {
        result.classes_of[selector].push_back(found->second);
      }
    }
  }
  return result;
}

SideClasses classify_prefixes(
    const PrefixNest& nest,
    const std::vector<bool>& is_used,
    std::size_t band_count,
    std::uint32_t first_class
) {
  SideClasses result = empty_classes(nest.size(), nest.size());
  const std::vector<std::uint32_t> depths = depths_of(nest, is_used);
  const std::size_t depth_count =
      depths.empty() ? 0 : std::size_t{*std::max_element(depths.begin(), depths.end())} + 1;
  const std::vector<std::uint8_t> bands =
      cut_depths(Copies{nest, is_used, depths, depth_count}, depth_count, band_count);
  for (std::uint32_t i = 0; i < nest.size(); ++i) {
    const std::uint32_t parent = nest.parent(i);
    if (parent != PrefixNest::kNone) result.classes[i] = result.classes[parent];
    if (!is_used[i]) continue;
    const std::uint8_t band = bands[depths[i]];
    const std::uint32_t own = first_class + result.class_count++;
    result.band_of[i] = band;
    result.classes[i][band] = own;
    result.classes_of[i].push_back(own);
    for (std::uint32_t above = parent; above != PrefixNest::kNone; above = nest.parent(above)) {
      if (is_used[above] && result.band_of[above] == band) result.classes_of[above].push_back(own);
    }
  }
  return result;
}

}  // namespace weft::classifier
