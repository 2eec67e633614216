// Policy rules and L7 classes of a tenant: proposals, and what becomes of them.

#include <algorithm>
#include <array>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "control/params.h"
#include "control/params_l7.h"
#include "control/params_policy.h"
#include "control/registry.h"

namespace weft::control {
namespace {

Failure no_such_tenant(const std::string& name) {
  return refused(ErrorCode::not_found, "tenant " + in_quotes(name) + " does not exist", "tenant");
}

std::string path_of(const std::string& path, const char* field) {
  return path.empty() ? field : path + "." + field;
}

}  // namespace

Outcome<const TenantRecord*> Registry::find_tenant(const std::string& name) const {
  const TenantRecord* tenant = model_.tenant(name);
  if (tenant == nullptr) return no_such_tenant(name);
  return tenant;
}

/// What a rule names must exist. Groups need not: endpoints come and go.
std::optional<Failure> Registry::check_rule(
    const TenantRecord& tenant, const PolicyRuleConfig& config, const std::string& path
) const {
  const std::string of_tenant = " does not exist in tenant " + tenant.config.name;
  if (!config.meter.empty() && !tenant.meters.contains(config.meter)) {
    const std::string field = path_of(path, "meter");
    return refused(
        ErrorCode::not_found,
        "policy." + field + ": meter " + in_quotes(config.meter) + of_tenant,
        field
    );
  }
  if (!config.l7.empty() && tenant.l7_class(config.l7) == nullptr) {
    const std::string field = path_of(path, "l7");
    return refused(
        ErrorCode::not_found,
        "policy." + field + ": L7 class " + in_quotes(config.l7) + of_tenant,
        field
    );
  }
  return std::nullopt;
}

std::optional<std::uint32_t> Registry::take_counter() {
  if (!counters_.next().has_value()) return std::nullopt;
  const std::uint32_t counter = counters_.take().value();
  dirty_.fresh_counters.push_back(counter);
  return counter;
}

// -- rules ---------------------------------------------------------------------------------------

Outcome<Registry::Proposal> Registry::propose_rule(
    const std::string& tenant, const PolicyRuleConfig& config
) {
  const auto found = find_tenant(tenant);
  if (!found) return found.error();
  const std::string object = "policy rule " + config.rule.name + " of tenant " + tenant;
  if (const PolicyRuleRecord* existing = (*found)->rule(config.rule.name)) {
    if (existing->config == config) return Proposal{};
    return refused(
        ErrorCode::exists_differently,
        object + ": already exists with other properties (" +
            differences(config, existing->config) + ")"
    );
  }
  if (auto failure = check_rule(**found, config, "")) return *failure;
  if (auto failure = check_quota(tenant, "rules", (*found)->rules->size() + 1)) return *failure;
  const bool is_full = (*found)->rules->size() >= kMaxPolicyRules;
  const auto counter = is_full ? std::nullopt : take_counter();
  if (!counter.has_value()) {
    return refused(
        ErrorCode::limit_reached,
        object + ": there are already " + std::to_string((*found)->rules->size()) + " rules"
    );
  }
  TenantRecord next = **found;
  auto rules = std::make_shared<PolicyRules>(*next.rules);
  rules->push_back({config, *counter});
  next.rules = std::move(rules);
  return Proposal{std::move(next)};
}

Outcome<Registry::Proposal> Registry::propose_without_rule(
    const std::string& tenant, const std::string& name
) const {
  const auto found = find_tenant(tenant);
  if (!found) return found.error();
  if ((*found)->rule(name) == nullptr) {
    return refused(
        ErrorCode::not_found,
        "policy rule " + in_quotes(name) + " does not exist in tenant " + tenant,
        "name"
    );
  }
  TenantRecord next = **found;
  auto rules = std::make_shared<PolicyRules>(*next.rules);
  std::erase_if(*rules, [&](const PolicyRuleRecord& record) {
    return record.config.rule.name == name;
  });
  next.rules = std::move(rules);
  return Proposal{std::move(next)};
}

/// A rule that stays as it was keeps its hit counters.
Outcome<Registry::Proposal> Registry::propose_rules(
    const std::string& tenant, const std::vector<PolicyRuleConfig>& configs
) {
  const auto found = find_tenant(tenant);
  if (!found) return found.error();
  if (auto failure = check_quota(tenant, "rules", configs.size())) return *failure;
  std::unordered_map<std::string_view, const PolicyRuleRecord*> current;
  for (const PolicyRuleRecord& record : *(*found)->rules) {
    current.emplace(record.config.rule.name, &record);
  }
  TenantRecord next = **found;
  auto rules = std::make_shared<PolicyRules>();
  rules->reserve(configs.size());
  std::unordered_set<std::string_view> names;
  std::size_t fresh = 0;
  for (std::size_t i = 0; i < configs.size(); ++i) {
    const PolicyRuleConfig& config = configs[i];
    const std::string path = "rules[" + std::to_string(i) + "]";
    auto failure = check_rule(**found, config, path);
    if (!names.insert(config.rule.name).second) {
      failure = refused(
          ErrorCode::bad_parameter,
          "policy." + path + ".name: " + in_quotes(config.rule.name) + " is listed twice",
          path + ".name"
      );
    }
    if (failure.has_value()) {
      failure->index = i;
      return *failure;
    }
    const auto same = current.find(config.rule.name);
    const bool stays = same != current.end() && same->second->config == config;
    rules->push_back({config, stays ? same->second->counter : kNoCounter});
    fresh += stays ? 0U : 1U;
  }
  const bool is_same =
      fresh == 0 && rules->size() == (*found)->rules->size() &&
      std::ranges::equal(
          *rules, *(*found)->rules, {}, &PolicyRuleRecord::counter, &PolicyRuleRecord::counter
      );
  if (is_same) return Proposal{};
  if (fresh > counters_.available()) {
    return refused(
        ErrorCode::limit_reached,
        "policy.rules: this host has room for " + std::to_string(counters_.available()) +
            " more rules, not for " + std::to_string(fresh),
        "rules"
    );
  }
  for (PolicyRuleRecord& record : *rules) {
    if (record.counter == kNoCounter) record.counter = *take_counter();
  }
  next.rules = std::move(rules);
  return Proposal{std::move(next)};
}

// -- L7 classes ----------------------------------------------------------------------------------

Outcome<Registry::Proposal> Registry::propose_l7(
    const std::string& tenant, const L7ClassConfig& config
) const {
  const auto found = find_tenant(tenant);
  if (!found) return found.error();
  const std::string object = "L7 class " + config.name + " of tenant " + tenant;
  if (const L7ClassRecord* existing = (*found)->l7_class(config.name)) {
    if (existing->config == config) return Proposal{};
    return refused(
        ErrorCode::exists_differently,
        object + ": already exists with other properties (" +
            differences(config, existing->config) + ")"
    );
  }
  if (auto failure = check_quota(tenant, "L7 classes", (*found)->l7.size() + 1)) return *failure;
  if ((*found)->l7.size() >= classifier::kMaxL7Classes) {
    return refused(
        ErrorCode::limit_reached,
        object + ": there are already " + std::to_string(classifier::kMaxL7Classes) + " classes"
    );
  }
  std::array<bool, classifier::kMaxL7Classes + 1> is_taken{true};  // 0 is no class's
  for (const L7ClassRecord& record : (*found)->l7) is_taken[record.id] = true;
  // As late as possible again: flows remember the class that they were found to be.
  std::size_t id = (*found)->last_l7_id;
  do id = id % classifier::kMaxL7Classes + 1;
  while (is_taken[id]);
  TenantRecord next = **found;
  next.last_l7_id = static_cast<std::uint8_t>(id);
  next.l7.push_back({config, next.last_l7_id});
  return Proposal{std::move(next)};
}

Outcome<Registry::Proposal> Registry::propose_without_l7(
    const std::string& tenant, const std::string& name
) const {
  const auto found = find_tenant(tenant);
  if (!found) return found.error();
  if ((*found)->l7_class(name) == nullptr) {
    return refused(
        ErrorCode::not_found,
        "L7 class " + in_quotes(name) + " does not exist in tenant " + tenant,
        "name"
    );
  }
  for (const PolicyRuleRecord& record : *(*found)->rules) {
    if (record.config.l7 != name) continue;
    return refused(
        ErrorCode::in_use,
        "L7 class " + name + ": policy rule " + record.config.rule.name + " uses it",
        "name"
    );
  }
  TenantRecord next = **found;
  std::erase_if(next.l7, [&](const L7ClassRecord& record) { return record.config.name == name; });
  return Proposal{std::move(next)};
}

// -- proposals -----------------------------------------------------------------------------------

void Registry::put_tenant(TenantRecord record) {
  TenantRecord& current = model_.tenants.at(record.config.name);
  std::unordered_set<std::uint32_t> kept;
  for (const PolicyRuleRecord& rule : *record.rules) kept.insert(rule.counter);
  for (const PolicyRuleRecord& rule : *current.rules) {
    if (!kept.contains(rule.counter)) counters_.give_back(RuleCounter{rule.counter});
  }
  const std::string name = record.config.name;
  if (current.rules != record.rules) touch(Part::policies, name);
  touch_l7(current);
  touch_l7(record);
  current = std::move(record);
  judge_again(name);
}

/// All of them, because which one comes first is part of what they say.
void Registry::touch_l7(const TenantRecord& tenant) {
  for (const L7ClassRecord& l7 : tenant.l7) {
    touch(Part::l7, std::string{tenant.config.name}.append("/").append(l7.config.name));
  }
}

/// Counters that were taken for it go back; nobody has counted with them.
void Registry::drop_proposal(const TenantRecord& record) {
  std::unordered_set<std::uint32_t> kept;
  for (const PolicyRuleRecord& rule : *model_.tenants.at(record.config.name).rules) {
    kept.insert(rule.counter);
  }
  std::unordered_set<std::uint32_t> dropped;
  for (const PolicyRuleRecord& rule : *record.rules) {
    if (kept.contains(rule.counter)) continue;
    counters_.give_back(RuleCounter{rule.counter});
    dropped.insert(rule.counter);
  }
  std::erase_if(dirty_.fresh_counters, [&](auto counter) { return dropped.contains(counter); });
}

/// Flows in the tenant's segments were judged by rules that may have changed.
void Registry::judge_again(const std::string& tenant) {
  for (const auto& [index, segment] : model_.segments) {
    if (segment.config.tenant != tenant) continue;
    dirty_.segments.insert(index);
    dirty_.epochs.insert(index);
  }
}

}  // namespace weft::control
