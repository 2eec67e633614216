// PolicyReference: what a policy means, in the most obvious way. For tests only: it walks all rules.
//
// Takes the same source as compile_policy and answers the same question from first principles: the rules in the order
// in which they decide, the first that matches wins.
#pragma once

#include <cstdint>
#include <vector>

#include "classifier/policy.h"
#include "classifier/policy_compiler.h"
#include "dataplane/net/addr.h"

namespace weft::classifier::testing {

/// One side of a packet: who has the address (0: nobody known) and the address.
struct Party {
  std::uint32_t identity{};
  IpAddress address;
};

class PolicyReference {
 public:
  /// Precondition: no rule has a problem_of.
  explicit PolicyReference(PolicySource source);

  [[nodiscard]] Verdict judge(
      End end, PolicyDefault fallback, const Party& from, const Party& to, ServicePoint service
  ) const;

 private:
  [[nodiscard]] bool is_selected(const Selector& selector, const Party& party) const;
  [[nodiscard]] bool is_agent(const Party& party) const;
  [[nodiscard]] bool shares_group(std::uint32_t a, std::uint32_t b) const;

  PolicySource source_;
  std::vector<std::uint32_t> order_;  // positions of rules
};

}  // namespace weft::classifier::testing
