// compile_policy: a tenant's rules and identities in, an immutable Policy out (policy.h).
//
//   PolicySource source{rules, identities, agents};
//   Result<std::shared_ptr<const Policy>> policy = compile_policy(source);
//
// All or nothing: one bad rule refuses the whole list, with its position and what is wrong with it. So does a
// policy that would take too much memory or time: its selectors are split into more bands first, which makes
// look-ups visit more combinations (still bounded), and if that does not help either, the first rule is named with
// which a limit is passed: the rules before it fit. 100,000 rules usually compile within a second; the limits
// keep the worst that can be written to a few seconds and a few hundred MB.
//
// A pure function: called by control, off the packet path, on any thread.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "classifier/policy.h"
#include "classifier/policy_rules.h"
#include "dataplane/base/result.h"
#include "dataplane/net/addr.h"

namespace weft::classifier {

struct PolicySource {
  std::vector<PolicyRule> rules;
  /// By identity id. [0] stands for strangers and is never looked at; ids beyond the end are strangers.
  std::vector<Identity> identities;
  /// Always reachable and always allowed to speak, above every rule: the host's agents.
  std::vector<IpPrefix> agents;
};

/// What one policy may take. The defaults allow about 400 MB while compiling, 300 MB afterwards.
struct PolicyLimits {
  std::size_t cells = std::size_t{4} << 20U;      // entries of rules into pairs of classes
  std::size_t set_rules = std::size_t{2} << 20U;  // rules in all distinct service sets together
  std::size_t selected = std::size_t{16} << 20U;  // identities in all selectors together
};

/// The policy, or a sentence about the first rule ("rules[17]: ...") or identity that
/// stands in the way.
[[nodiscard]] Result<std::shared_ptr<const Policy>> compile_policy(
    const PolicySource& source, const PolicyLimits& limits = {}
);

}  // namespace weft::classifier
