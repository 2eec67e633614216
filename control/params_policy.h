// Parameters of policy: groups and labels, selectors, rules. See params.h for the conventions.
//
//   {"name": "web-app", "from": {"group": "web"}, "to": {"group": "app"},
//    "protocol": "tcp", "ports": "8080", "action": "allow"}
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "classifier/policy_rules.h"
#include "control/failure.h"
#include "control/fields.h"
#include "control/model_policy.h"

namespace weft::control {

/// Most groups, and most labels, of one endpoint; most terms of one selector.
inline constexpr std::size_t kMaxGroups = 64;
/// Most rules of one tenant.
inline constexpr std::size_t kMaxPolicyRules = 200'000;
inline constexpr std::uint32_t kDefaultPriority = 100;

/// `groups` and `labels` of an object, laid over `current`; sorted, without duplicates.
[[nodiscard]] classifier::Identity read_identity(
    Fields& fields, const classifier::Identity& current = {}
);
/// Adds `groups` and `labels`, each only if there are any.
void add_identity(Json& json, const classifier::Identity& identity);

[[nodiscard]] Json to_json(const classifier::Selector& selector);
/// "tcp", or the number of a protocol without a name.
[[nodiscard]] Json protocol_json(std::uint8_t number);
[[nodiscard]] Json to_json(const PolicyRuleConfig& config);

/// `policy.add`: a rule and its tenant.
struct PolicyAddition {
  std::string tenant;
  PolicyRuleConfig rule;
};
[[nodiscard]] Outcome<PolicyAddition> parse_policy_addition(const Json& json);

/// `policy.apply`: all rules of a tenant. A refusal carries the index of the rule.
struct PolicyDocument {
  std::string tenant;
  std::vector<PolicyRuleConfig> rules;
};
[[nodiscard]] Outcome<PolicyDocument> parse_policy_document(const Json& json);

/// `tenant` and `name`: what most remove verbs take.
struct TenantsObject {
  std::string tenant;
  std::string name;
};
[[nodiscard]] Outcome<TenantsObject> parse_tenants_object(
    const Json& json, const std::string& object
);
/// Only an optional `tenant`.
[[nodiscard]] Outcome<std::optional<std::string>> parse_only_tenant(
    const Json& json, const std::string& object
);

[[nodiscard]] std::string_view name(classifier::PolicyDefault value) noexcept;
[[nodiscard]] std::optional<classifier::PolicyDefault> parse_policy_default(std::string_view text
) noexcept;

}  // namespace weft::control
