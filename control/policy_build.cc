#include "control/policy_build.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <tbb/parallel_for.h>

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

/// What is to be compiled, and which variant answers for which L7 class.
struct Plan {
  std::vector<Variant> variants;
  std::array<std::size_t, std::tuple_size_v<decltype(TenantPolicy::by_l7)>> variant_of{};
};

Plan plan_variants(const TenantRecord& tenant) {
  Plan plan;
  const auto add = [&](auto holds) {
    plan.variants.push_back(select_rules(tenant, holds));
    return plan.variants.size() - 1;
  };
  plan.variant_of.fill(add([](const PolicyRuleConfig& rule) { return rule.l7.empty(); }));
  for (const L7ClassRecord& record : tenant.l7) {
    const bool is_used = std::ranges::any_of(*tenant.rules, [&](const PolicyRuleRecord& rule) {
      return rule.config.l7 == record.config.name;
    });
    if (!is_used) continue;
    plan.variant_of[record.id] = add([&](const PolicyRuleConfig& rule) {
      return rule.l7.empty() || rule.l7 == record.config.name;
    });
  }
  if (plan.variants.size() == 1) return plan;
  plan.variant_of[classifier::kL7Unknown] = add([](const PolicyRuleConfig& rule) {
    return rule.l7.empty() || rule.rule.action == PolicyAction::allow;
  });
  return plan;
}

}  // namespace

Outcome<std::shared_ptr<const TenantPolicy>> build_policy(
    const TenantRecord& tenant, std::size_t worker_count, const BuiltPolicy& before
) {
  auto built = std::make_shared<TenantPolicy>();
  const bool l7_stays = before.record != nullptr && before.policy != nullptr &&
                        before.policy->l7 != nullptr && same_classes(tenant, *before.record);
  if (l7_stays && !tenant.l7.empty()) built->l7 = before.policy->l7;
  const bool builds_l7 = built->l7 == nullptr && !tenant.l7.empty();

  const Plan plan = plan_variants(tenant);
  std::vector<std::optional<Outcome<PolicyPointer>>> policies{plan.variants.size()};
  std::optional<Outcome<std::shared_ptr<const classifier::L7Database>>> l7;
  // Job 0 is the L7 set. The threads of the pool inherit the control thread's cores: never a worker's.
  tbb::parallel_for(std::size_t{0}, plan.variants.size() + 1, [&](std::size_t job) {
    if (job > 0) policies[job - 1] = compile_variant(tenant, plan.variants[job - 1]);
    if (job == 0 && builds_l7) l7 = build_l7(tenant, worker_count);
  });

  if (l7.has_value()) {
    if (!*l7) return l7->error();
    built->l7 = std::move(**l7);
  }
  for (auto& policy : policies) {
    if (!*policy) return policy->error();
    built->variants.push_back(std::move(**policy));
  }
  for (std::size_t id = 0; id < plan.variant_of.size(); ++id) {
    built->by_l7[id] = built->variants[plan.variant_of[id]].get();
  }
  return std::shared_ptr<const TenantPolicy>{std::move(built)};
}

}  // namespace weft::control
