// Comparison: two documents, entry by entry: what goes, what comes, what changes in place, what is replaced.
//
// The first half of a plan (plan.h). Entries that the wanted document does not speak about stay as they are, unless
// they have no meaning without something that it removes.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "control/document.h"

namespace weft::control {

/// One entry, before and after. One of the two may be nullptr.
struct Pair {
  const Entry* before{};
  const Entry* after{};
  bool is_listed{};    // `after` is from the document, so that its index means something
  bool is_replaced{};  // removed and added again

  [[nodiscard]] bool is_same() const { return before && after && before->json == after->json; }
  [[nodiscard]] bool goes() const { return before != nullptr && (after == nullptr || is_replaced); }
  [[nodiscard]] bool comes() const {
    return after != nullptr && (before == nullptr || is_replaced);
  }
  [[nodiscard]] bool changes() const { return before && after && !is_replaced && !is_same(); }
  [[nodiscard]] std::optional<std::size_t> index() const {
    if (!is_listed || after == nullptr) return std::nullopt;
    return after->index;
  }
};

/// The names of the fields in which two entries differ.
[[nodiscard]] std::vector<std::string> differing_fields(const Json& before, const Json& after);

class Comparison {
 public:
  /// Precondition: `current` has every section. Both outlive the comparison. What is outside of `scope` stays.
  Comparison(const Document& current, const Document& wanted, const Scope& scope);

  [[nodiscard]] std::vector<Pair>& of(Part part) { return pairs(part).list; }
  [[nodiscard]] const std::vector<Pair>& of(Part part) const { return pairs(part).list; }
  /// nullptr: there is none, neither before nor after.
  [[nodiscard]] const Pair* find(Part part, const std::string& name) const;
  /// Whether it is removed, or replaced.
  [[nodiscard]] bool goes(Part part, const std::string& name) const;
  [[nodiscard]] bool is_removed(Part part, const std::string& name) const;

 private:
  /// One section: first what is there, in its order, then what is new, in the document's.
  struct Pairs {
    std::vector<Pair> list;
    std::map<std::string, std::size_t> by_name;
  };
  [[nodiscard]] Pairs& pairs(Part part) { return pairs_[static_cast<std::size_t>(part)]; }
  [[nodiscard]] const Pairs& pairs(Part part) const {
    return pairs_[static_cast<std::size_t>(part)];
  }
  void pair_up(Part part, const Document& current, const Document& wanted, const Scope& scope);
  void remove_what_goes_along();
  void replace_what_can_not_change();
  void replace_out_of_order_l7();
  void replace_dependents();

  std::array<Pairs, kPartCount> pairs_;
};

}  // namespace weft::control
