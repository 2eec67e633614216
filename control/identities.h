// Identities: the distinct {groups, labels} of a tenant's endpoints, and a small number for each.
//
// Rules are compiled against the numbers, so an endpoint with an identity that is known already costs
// no compilation: only a new one does. 0 is a stranger: an address that no endpoint has. A number that
// nobody holds any more is given out again; flows that were judged by it are judged anew, because the
// epoch of their segment changed when its holders left.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "classifier/policy_rules.h"

namespace weft::control {

class Identities {
 public:
  static constexpr std::uint32_t kStranger = 0;

  /// nullopt: nobody holds it.
  [[nodiscard]] std::optional<std::uint32_t> id_of(const classifier::Identity& identity) const;
  /// Endpoints that have it.
  [[nodiscard]] std::size_t holders(const classifier::Identity& identity) const;

  /// One more endpoint has it. Answers its number.
  std::uint32_t take(const classifier::Identity& identity);
  /// One fewer. Precondition: it was taken.
  void give_back(const classifier::Identity& identity);

  /// All numbers' identities; an unused number has the one that it had last, which is nobody's.
  [[nodiscard]] const std::vector<classifier::Identity>& by_id() const noexcept { return by_id_; }

  /// Calls visit(identity, endpoints that have it) for each that somebody has.
  template <typename Visit>
  void for_each(Visit visit) const {
    for (const auto& [identity, holding] : holdings_) visit(identity, holding.holders);
  }

 private:
  struct Holding {
    std::uint32_t id{};
    std::size_t holders{};
  };
  std::map<classifier::Identity, Holding> holdings_;
  std::vector<classifier::Identity> by_id_ = std::vector<classifier::Identity>(1);
  std::vector<std::uint32_t> unused_;
};

}  // namespace weft::control
