#include "classifier/ranked_rules.h"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "classifier/identity_index.h"

namespace weft::classifier {
namespace {

PrefixNest nest_of(std::span<const PolicyRule> rules, std::span<const IpPrefix> agents) {
  std::vector<IpPrefix> prefixes(agents.begin(), agents.end());
  for (const PolicyRule& rule : rules) {
    for (const Selector* side : {&rule.from, &rule.to}) {
      if (side->kind == Selector::Kind::cidr) prefixes.push_back(side->prefix);
    }
  }
  return PrefixNest{std::move(prefixes)};
}

/// Distinct for distinct selectors.
std::uint64_t number_of(const SelectorRef& ref) noexcept {
  return (std::uint64_t{static_cast<std::uint8_t>(ref.kind)} << 30U) | ref.index;
}

}  // namespace

RankedRules::RankedRules(std::span<const PolicyRule> rules, std::span<const IpPrefix> agents)
    : rules_{rules}, nest_{nest_of(rules, agents)} {
  rank_rules();
  bundle_rules();
}

void RankedRules::rank_rules() {
  order_.resize(rules_.size());
  std::iota(order_.begin(), order_.end(), 0U);
  // Ascending: what decides first comes first.
  const auto standing = [this](std::uint32_t i) {
    const PolicyRule& rule = rules_[i];
    return std::make_tuple(
        ~rule.priority, ~specificity(rule), rule.action == PolicyAction::allow, i
    );
  };
  std::sort(order_.begin(), order_.end(), [&standing](std::uint32_t a, std::uint32_t b) {
    return standing(a) < standing(b);
  });
}

SelectorRef RankedRules::resolve(const Selector& selector) {
  switch (selector.kind) {
    case Selector::Kind::any:
      return {};
    case Selector::Kind::cidr:
      return {SelectorRef::Kind::prefix, nest_.index_of(selector.prefix)};
    case Selector::Kind::group:
    case Selector::Kind::labels: {
      const auto next = static_cast<std::uint32_t>(selectors_.size());
      const auto [found, is_new] = selector_numbers_.try_emplace(canonical(selector), next);
      if (is_new) selectors_.push_back(&selector);
      return {SelectorRef::Kind::identity, found->second};
    }
  }
  return {};
}

void RankedRules::bundle_rules() {
  std::unordered_map<std::uint64_t, std::uint32_t> numbers;
  for (std::uint32_t i = 0; i < rules_.size(); ++i) {
    const SelectorRef from = resolve(rules_[i].from);
    const SelectorRef to = resolve(rules_[i].to);
    const auto [found, is_new] = numbers.try_emplace(
        (number_of(from) << 32U) | number_of(to), static_cast<std::uint32_t>(bundles_.size())
    );
    if (is_new) bundles_.push_back({from, to, i, {}});
    bundle_of_.push_back(found->second);
  }
  for (Rank rank = 0; rank < order_.size(); ++rank) {
    bundles_[bundle_of_[order_[rank]]].ranks.push_back(rank);
  }
}

}  // namespace weft::classifier
