#include "control/identities.h"

#include <cassert>

namespace weft::control {

std::optional<std::uint32_t> Identities::id_of(const classifier::Identity& identity) const {
  const auto found = holdings_.find(identity);
  if (found == holdings_.end()) return std::nullopt;
  return found->second.id;
}

std::size_t Identities::holders(const classifier::Identity& identity) const {
  const auto found = holdings_.find(identity);
  return found == holdings_.end() ? 0 : found->second.holders;
}

std::uint32_t Identities::take(const classifier::Identity& identity) {
  const auto [found, is_new] = holdings_.try_emplace(identity);
  Holding& holding = found->second;
  ++holding.holders;
  if (!is_new) return holding.id;
  if (unused_.empty()) {
    holding.id = static_cast<std::uint32_t>(by_id_.size());
    by_id_.push_back(identity);
  } else {
    holding.id = unused_.back();
    unused_.pop_back();
    by_id_[holding.id] = identity;
  }
  return holding.id;
}

void Identities::give_back(const classifier::Identity& identity) {
  const auto found = holdings_.find(identity);
  assert(found != holdings_.end());
  if (--found->second.holders > 0) return;
  unused_.push_back(found->second.id);
  holdings_.erase(found);
}

}  // namespace weft::control
