// Match-action rules of ports: proposals, and who depends on whom.

#include <algorithm>
#include <utility>

#include "control/registry.h"
#include "control/rule_names.h"
#include "control/stats.h"

namespace weft::control {
namespace {

using classifier::MatchAction;
using classifier::MatchActionKind;
using classifier::PortRule;

bool is_same_rule(const PortRule& a, const PortRule& b) {
  return a.id == b.id && a.rule == b.rule;
}

bool has(const classifier::MatchRule& rule, const MatchAction& action) {
  return std::ranges::find(rule.actions, action) != rule.actions.end();
}

}  // namespace

/// A rule that stays as it was keeps its hit counters.
Outcome<std::optional<PortRules>> Registry::propose_port_rules(
    std::uint32_t port, PortRules rules
) {
  const PortRules& current = model_.rules_of(port);
  std::ranges::sort(rules, {}, &PortRule::id);
  if (std::ranges::equal(rules, current, is_same_rule)) return std::optional<PortRules>{};
  std::size_t fresh = 0;
  for (PortRule& rule : rules) {
    const auto same = std::ranges::lower_bound(current, rule.id, {}, &PortRule::id);
    if (same != current.end() && is_same_rule(*same, rule)) {
      rule = *same;
    } else {
      rule.counter = kNoCounter;
      fresh += has_action(rule.rule, MatchActionKind::count) ? 1U : 0U;
    }
  }
  if (fresh > counters_.available()) {
    return refused(
        ErrorCode::limit_reached,
        "rule: this host has room for " + std::to_string(counters_.available()) +
            " more rules that count, not for " + std::to_string(fresh)
    );
  }
  for (PortRule& rule : rules) {
    const bool counts = has_action(rule.rule, MatchActionKind::count);
    if (counts && rule.counter == kNoCounter) rule.counter = *take_counter();
  }
  return std::optional{std::move(rules)};
}

void Registry::give_back_counters(const PortRules& rules, const PortRules& kept) {
  for (const PortRule& rule : rules) {
    if (rule.counter == kNoCounter) continue;
    const auto same = std::ranges::lower_bound(kept, rule.id, {}, &PortRule::id);
    const bool is_kept = same != kept.end() && same->counter == rule.counter;
    if (!is_kept) counters_.give_back(RuleCounter{rule.counter});
  }
}

void Registry::put_port_rules(std::uint32_t port, PortRules rules) {
  if (!rules.empty() || model_.rules.contains(port)) touch(Part::rules, *port_name(model_, port));
  give_back_counters(model_.rules_of(port), rules);
  if (rules.empty()) {
    model_.rules.erase(port);
  } else {
    model_.rules.insert_or_assign(port, std::move(rules));
  }
  if (port < kMaxUplinks) {
    dirty_.uplinks = true;
  } else {
    dirty_.endpoints.insert(EndpointIndex{port - static_cast<std::uint32_t>(kMaxUplinks)});
  }
}

/// Counters that were taken for it go back; nobody has counted with them.
void Registry::drop_port_proposal(std::uint32_t port, const PortRules& rules) {
  const PortRules& kept = model_.rules_of(port);
  give_back_counters(rules, kept);
  const auto is_in = [](const PortRules& some, std::uint32_t counter) {
    return std::ranges::count(some, counter, &PortRule::counter) > 0;
  };
  std::erase_if(dirty_.fresh_counters, [&](std::uint32_t counter) {
    return is_in(rules, counter) && !is_in(kept, counter);
  });
}

std::vector<std::uint32_t> Registry::ports_that_send_to(std::uint32_t port) const {
  const MatchAction action{MatchActionKind::port_id, port};
  std::vector<std::uint32_t> senders;
  for (const auto& [number, rules] : model_.rules) {
    const bool sends =
        std::ranges::any_of(rules, [&](const PortRule& rule) { return has(rule.rule, action); });
    if (sends && number != port) senders.push_back(number);
  }
  return senders;
}

/// What to call the rule with this action, of a port other than `own`; empty: there is none.
std::string Registry::user_of(const MatchAction& action, std::optional<std::uint32_t> own) const {
  for (const auto& [number, rules] : model_.rules) {
    if (number == own) continue;
    for (const PortRule& rule : rules) {
      if (!has(rule.rule, action)) continue;
      return "flow rule " + std::to_string(rule.id) + " of port " + *port_name(model_, number);
    }
  }
  return {};
}

std::string Registry::rule_with_meter(std::uint16_t meter) const {
  return user_of({MatchActionKind::meter, meter}, std::nullopt);
}

std::string Registry::rule_that_sends_to(UplinkIndex uplink) const {
  const std::uint32_t port = port_number(uplink);
  return user_of({MatchActionKind::port_id, port}, port);
}

}  // namespace weft::control
