// SideClasses: selectors of one kind become classes, in bands.
//
// What a rule's side may select are *members*: identities, or address prefixes. Inside a band, members that the same
// selectors of the band select are one class, and a selector is the list of its classes. A selector that overlaps
// no other in its band is one class; one that holds a thousand others is a thousand and one. More bands, fewer
// overlaps:
//
//   identities  the largest selectors first, each into the first band where it overlaps none (else the last)
//   prefixes    by depth of nesting, cut where the fewest prefixes lie above another one of the same band
//
// Compile time only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "classifier/policy.h"
#include "classifier/prefix_nest.h"

namespace weft::classifier {

struct SideClasses {
  std::vector<std::uint8_t> band_of;                   // by selector
  std::vector<std::vector<std::uint32_t>> classes_of;  // by selector: what it covers in its band
  std::vector<BandClasses> classes;  // by member; kAbsent: no selector in that band
  std::uint32_t class_count{};
};

/// `members`: by selector, identities ascending. Selectors that are not `is_used` get no class. Classes are
/// numbered from `first_class`. 1 <= band_count <= kBands.
[[nodiscard]] SideClasses classify_identities(
    const std::vector<std::vector<std::uint32_t>>& members,
    const std::vector<bool>& is_used,
    std::size_t identity_count,
    std::size_t band_count,
    std::uint32_t first_class
);

/// The selectors are the prefixes of `nest` that are `is_used`, its members are all of them: an address is
/// known by its most specific prefix.
[[nodiscard]] SideClasses classify_prefixes(
    const PrefixNest& nest,
    const std::vector<bool>& is_used,
    std::size_t band_count,
    std::uint32_t first_class
);

}  // namespace weft::classifier
