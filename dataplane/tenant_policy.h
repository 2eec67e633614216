// TenantPolicy: all that a worker needs to judge a tenant's flows. Immutable; shared by the tenant's segments.
//
// Rules may ask for an L7 class, and a flow's class is not known before its first payload. So there is one
// compiled policy for each answer: while the class is unknown, rules that allow a class are taken to match
// and rules that deny one are not; once it is known the flow is judged again, by the policy of that class. Without
// L7 rules every entry is the same policy.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "classifier/l7.h"

namespace weft::classifier {
class Policy;
}  // namespace weft::classifier

namespace weft {

struct TenantPolicy {
  /// By L7 class: classifier::kL7Unknown, a class of the tenant, kL7None. Never null.
  std::array<const classifier::Policy*, 256> by_l7{};
  /// nullptr: payload is not looked at.
  std::shared_ptr<const classifier::L7Database> l7;
  /// Who keeps what by_l7 points to.
  std::vector<std::shared_ptr<const classifier::Policy>> variants;
};

}  // namespace weft
