// From a tenant's record to what workers judge by: rules with names become compiled policies.
//
// A rule with an L7 class holds for flows of that class only, and the class of a flow is not known before
// its first payload. So the rules are compiled once for each answer (TenantPolicy): while the class is
// unknown, what is allowed for some class is let through, provisionally; once it is known, only the rules of
// that class hold. Without L7 rules there is one compiled policy.
//
// Takes seconds for 100,000 rules, and about 2 ms for an L7 pattern: on the control thread's cores, in parallel
// where there are several, never on a worker's. L7 classes that stay are not compiled again.
#pragma once

#include <cstddef>
#include <memory>

#include "control/failure.h"
#include "control/model_policy.h"
#include "dataplane/tenant_policy.h"

namespace weft::control {

/// What was built before, so that parts of it can be shared.
struct BuiltPolicy {
  const TenantRecord* record{};
  const TenantPolicy* policy{};
};

/// Refused when the rules are too many to be compiled within the limits of classifier/policy_compiler.h
/// (the failure has the rule's index), or when an L7 pattern does not compile.
[[nodiscard]] Outcome<std::shared_ptr<const TenantPolicy>> build_policy(
    const TenantRecord& tenant, std::size_t worker_count, const BuiltPolicy& before = {}
);

}  // namespace weft::control
