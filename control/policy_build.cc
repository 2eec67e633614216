#include "control/policy_build.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "classifier/l7.h"
#include "classifier/policy_compiler.h"

namespace weft::control {
namespace {

using classifier::Policy;
using classifier::PolicyAction;
using PolicyPointer = std::shared_ptr<const Policy>;

/// The rules that hold for one answer to "what class is it?", and where they are in the tenant's list.
struct Variant {
  std::vector<classifier::PolicyRule> rules;
  std::vector<std::size_t> positions;
};

template <typename Holds>
Variant select_rules(const TenantRecord& tenant, Holds holds) {
  Variant variant;
  for (std::size_t i = 0; i < tenant.rules->size(); ++i) {
    const PolicyRuleRecord& record = (*tenant.rules)[i];
    if (!holds(record.config)) continue;
    classifier::PolicyRule rule = record.config.rule;
    rule.counter = record.counter;
    if (!record.config.meter.empty()) rule.meter = tenant.meters.at(record.config.meter).index;
    variant.rules.push_back(std::move(rule));
    variant.positions.push_back(i);
  }
  return variant;
}

/// The compiler names a rule by its place in the list that it was given: "rules[17]: too many cells".
Failure refused_by_compiler(const Variant& variant, const std::string& message) {
  constexpr std::string_view kPrefix = "rules[";
  Failure failure = refused(ErrorCode::limit_reached, "policy: " + message);
  std::size_t place{};
  const char* const end = message.data() + message.size();
  const char* const number = message.data() + kPrefix.size();
  if (!message.starts_with(kPrefix)) return failure;
  const auto [rest, error] = std::from_chars(number, end, place);
  if (error != std::errc{} || place >= variant.positions.size()) return failure;
  failure.index = variant.positions[place];
  failure.field = "rules[" + std::to_string(*failure.index) + "]";
  failure.message = "policy." + failure.field + " (" + variant.rules[place].name + ")" +
                    std::string{rest == end ? rest : rest + 1, end};
  return failure;
}

Outcome<PolicyPointer> compile_variant(const TenantRecord& tenant, const Variant& variant) {
  classifier::PolicySource source;
  source.rules = variant.rules;
  source.identities = tenant.identities.by_id();
  for (const auto& [segment, agents] : tenant.agents) {
    source.agents.insert(source.agents.end(), agents.begin(), agents.end());
  }
  auto policy = classifier::compile_policy(source);
  if (!policy) return refused_by_compiler(variant, policy.error().message);
  return std::move(*policy);
}

bool same_classes(const TenantRecord& a, const TenantRecord& b) {
  return std::ranges::equal(a.l7, b.l7, [](const L7ClassRecord& x, const L7ClassRecord& y) {
    return x.id == y.id && x.config == y.config;
  });
}

Outcome<std::shared_ptr<const classifier::L7Database>> build_l7(
    const TenantRecord& tenant, std::size_t worker_count
) {
  classifier::L7Set set;
  for (const L7ClassRecord& record : tenant.l7) {
    set.classes.push_back({record.id, record.config.name, record.config.patterns});
  }
  auto database = classifier::compile_l7(set, worker_count);
  if (database) return std::move(*database);
  const classifier::L7Failure& failure = database.error();
  std::string field;
  if (failure.pattern_index != classifier::L7Failure::kWholeSet) {
    field = "patterns[" + std::to_string(failure.pattern_index) + "]";
  }
  return refused(ErrorCode::bad_parameter, "l7." + field + ": " + failure.message, field);
}

}  // namespace

Outcome<std::shared_ptr<const TenantPolicy>> build_policy(
    const TenantRecord& tenant, std::size_t worker_count, const BuiltPolicy& before
) {
  auto built = std::make_shared<TenantPolicy>();
  if (!tenant.l7.empty()) {
    const bool stays = before.record != nullptr && before.policy != nullptr &&
                       before.policy->l7 != nullptr && same_classes(tenant, *before.record);
    if (stays) {
      built->l7 = before.policy->l7;
    } else {
      auto database = build_l7(tenant, worker_count);
      if (!database) return database.error();
      built->l7 = std::move(*database);
    }
  }

  const auto add = [&](auto holds) -> Outcome<const Policy*> {
    auto policy = compile_variant(tenant, select_rules(tenant, holds));
    if (!policy) return policy.error();
    built->variants.push_back(std::move(*policy));
    return built->variants.back().get();
  };
  const auto none = add([](const PolicyRuleConfig& rule) { return rule.l7.empty(); });
  if (!none) return none.error();
  built->by_l7.fill(*none);

  bool has_l7_rules = false;
  for (const L7ClassRecord& record : tenant.l7) {
    const bool is_used = std::ranges::any_of(*tenant.rules, [&](const PolicyRuleRecord& rule) {
      return rule.config.l7 == record.config.name;
    });
    if (!is_used) continue;
    has_l7_rules = true;
    const auto of_class = add([&](const PolicyRuleConfig& rule) {
      return rule.l7.empty() || rule.l7 == record.config.name;
    });
    if (!of_class) return of_class.error();
    built->by_l7[record.id] = *of_class;
  }
  if (!has_l7_rules) return std::shared_ptr<const TenantPolicy>{std::move(built)};

  const auto unknown = add([](const PolicyRuleConfig& rule) {
    return rule.l7.empty() || rule.rule.action == PolicyAction::allow;
  });
  if (!unknown) return unknown.error();
  built->by_l7[classifier::kL7Unknown] = *unknown;
  return std::shared_ptr<const TenantPolicy>{std::move(built)};
}

}  // namespace weft::control
