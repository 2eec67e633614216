#include "classifier/identity_index.h"

#include <algorithm>
#include <iterator>

namespace weft::classifier {
namespace {

const std::vector<std::uint32_t> kNobody;

/// Unambiguous whatever the strings contain: lengths come first.
std::string label_key(const std::string& key, const std::string& value) {
  return std::to_string(key.size()) + ':' + key + value;
}

const std::vector<std::uint32_t>& list_of(
    const std::unordered_map<std::string, std::vector<std::uint32_t>>& lists, const std::string& key
) {
  const auto found = lists.find(key);
  return found == lists.end() ? kNobody : found->second;
}

}  // namespace

IdentityIndex::IdentityIndex(std::span<const Identity> identities) : identities_{identities} {
  for (std::uint32_t i = 1; i < identities.size(); ++i) {
    endpoints_.push_back(i);
    for (const std::string& group : identities[i].groups) {
      by_group_[group].push_back(i);
      group_numbers_.try_emplace(group, static_cast<std::uint32_t>(group_numbers_.size()));
    }
    for (const auto& [key, value] : identities[i].labels) {
      // A key may come with several values: still one holder.
      Ids& holders = by_key_[key];
      if (holders.empty() || holders.back() != i) holders.push_back(i);
      by_label_[label_key(key, value)].push_back(i);
    }
  }
}

const IdentityIndex::Ids& IdentityIndex::holders_of(const Selector::Term& term) const {
  return term.has_value ? list_of(by_label_, label_key(term.key, term.value))
                        : list_of(by_key_, term.key);
}

std::vector<std::uint32_t> IdentityIndex::select(const Selector& selector) const {
  if (selector.kind == Selector::Kind::group) return list_of(by_group_, selector.group);
  // Begin with the shortest list that must contain the answer.
  const Ids* start = &endpoints_;
  for (const Selector::Term& term : selector.terms) {
    if (term.is_negated) continue;
    const Ids& holders = holders_of(term);
    if (holders.size() < start->size()) start = &holders;
  }
  Ids selected = *start;
  for (const Selector::Term& term : selector.terms) {
    const Ids& holders = holders_of(term);
    if (&holders == start && !term.is_negated) continue;
    Ids kept;
    if (term.is_negated) {
      std::set_difference(
          selected.begin(), selected.end(), holders.begin(), holders.end(), std::back_inserter(kept)
      );
    } else {
      std::set_intersection(
          selected.begin(), selected.end(), holders.begin(), holders.end(), std::back_inserter(kept)
      );
    }
    selected = std::move(kept);
  }
  return selected;
}

std::vector<std::uint32_t> IdentityIndex::groups_of(std::uint32_t i) const {
  std::vector<std::uint32_t> numbers;
  if (i == 0) return numbers;
  for (const std::string& group : identities_[i].groups) {
    numbers.push_back(group_numbers_.at(group));
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

std::string canonical(const Selector& selector) {
  if (selector.kind == Selector::Kind::group) return 'g' + selector.group;
  std::vector<std::string> terms;
  for (const Selector::Term& term : selector.terms) {
    const std::string mark{term.is_negated ? '!' : '+', term.has_value ? '=' : '?'};
    const std::string text = mark + label_key(term.key, term.has_value ? term.value : "");
    terms.push_back(std::to_string(text.size()) + ':' + text);
  }
  std::sort(terms.begin(), terms.end());
  terms.erase(std::unique(terms.begin(), terms.end()), terms.end());
  std::string all{'l'};
  for (const std::string& term : terms) all += term;
  return all;
}

}  // namespace weft::classifier
