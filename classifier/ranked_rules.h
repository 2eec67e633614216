// RankedRules: the first half of compiling a policy. Rules in the order in which they decide, their selectors
// told apart and resolved to members, and the rules of each distinct pair of selectors together.
//
// Independent of bands; what the second half (policy_compiler.cc) tries bands on. Compile time only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "classifier/policy_rules.h"
#include "classifier/prefix_nest.h"
#include "classifier/service_sets.h"

namespace weft::classifier {

/// A selector of a rule's side, known by number.
struct SelectorRef {
  enum class Kind : std::uint8_t { any, identity, prefix };
  Kind kind{Kind::any};
  std::uint32_t index{};  // of RankedRules::selectors, or of its nest
};

/// All rules with the same two selectors.
struct Bundle {
  SelectorRef from;
  SelectorRef to;
  std::uint32_t first_rule{};  // position in the list
  std::vector<Rank> ranks;     // ascending
};

class RankedRules {
 public:
  /// `agents` get their places in the nest, too. Precondition: no rule has a problem_of.
  RankedRules(std::span<const PolicyRule> rules, std::span<const IpPrefix> agents);

  [[nodiscard]] std::span<const PolicyRule> rules() const noexcept { return rules_; }
  /// Positions in the list, by Rank.
  [[nodiscard]] const std::vector<std::uint32_t>& order() const noexcept { return order_; }
  /// In the order of their first rules.
  [[nodiscard]] const std::vector<Bundle>& bundles() const noexcept { return bundles_; }
  /// The bundle of each rule, by its position in the list.
  [[nodiscard]] const std::vector<std::uint32_t>& bundle_of() const noexcept { return bundle_of_; }
  /// The distinct group and label selectors.
  [[nodiscard]] const std::vector<const Selector*>& selectors() const noexcept {
    return selectors_;
  }
  [[nodiscard]] const PrefixNest& nest() const noexcept { return nest_; }

 private:
  SelectorRef resolve(const Selector& selector);
  void rank_rules();
  void bundle_rules();

  std::span<const PolicyRule> rules_;
  PrefixNest nest_;
  std::vector<std::uint32_t> order_;
  std::vector<const Selector*> selectors_;
  std::unordered_map<std::string, std::uint32_t> selector_numbers_;
  std::vector<Bundle> bundles_;
  std::vector<std::uint32_t> bundle_of_;
};

}  // namespace weft::classifier
