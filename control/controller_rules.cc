// Verbs of match-action rules: checked, compiled, offered to the device, published.
//
//   proposal -> RuleTable::compile (limits) -> Platform::offload_rules -> compile again, now knowing what the device
//   counts -> publish
//
// Software has every rule, so a device can at most lose an acceleration. Only one thing can go wrong there: it
// does not let go of a rule. Then the port keeps the rules that it had.

#include <algorithm>
#include <utility>

#include "control/controller.h"
#include "control/rule_names.h"
#include "control/stats.h"

namespace weft::control {
namespace {

using classifier::MatchAction;
using classifier::MatchActionKind;
using classifier::MatchRule;
using classifier::PortRule;
using classifier::RuleTable;

bool is_uplink(std::uint32_t port) {
  return port < kMaxUplinks;
}

UplinkIndex uplink_of(std::uint32_t port) {
  return UplinkIndex{static_cast<std::uint16_t>(port)};
}

/// As testpmd numbers them: one more than the highest. When that is the highest number, the lowest free one.
std::uint32_t next_number(const PortRules& rules) {
  if (rules.empty()) return 0;
  if (rules.back().id != 0xFFFFFFFF) return rules.back().id + 1;
  std::uint32_t number = 0;
  for (const PortRule& rule : rules) {
    if (rule.id != number) break;
    ++number;
  }
  return number;
}

const PortRule* find_rule(const PortRules& rules, std::uint32_t number) {
  const auto rule = std::ranges::find(rules, number, &PortRule::id);
  return rule == rules.end() ? nullptr : &*rule;
}

/// A frame that software sees has been received, by whatever queue.
std::string explained(std::string because, const MatchRule& rule) {
  const bool is_in_software = !because.empty();
  if (is_in_software && has_action(rule, MatchActionKind::queue)) {
    because += "; in software, action queue lets the frame go on";
  }
  return because;
}

Failure no_such_rule(std::uint32_t number, const std::string& port, const std::string& field) {
  return refused(
      ErrorCode::not_found,
      "rule." + field + ": rule " + std::to_string(number) + " of port " + port + " does not exist",
      field
  );
}

}  // namespace

Outcome<std::uint32_t> Controller::port_called(const std::string& port) const {
  if (const auto number = find_port(model(), port)) return *number;
  return refused(
      ErrorCode::not_found, "rule.port: port " + in_quotes(port) + " does not exist", "port"
  );
}

/// What actions name must exist. `path`: where the rule is among the parameters ("rules[2].").
std::optional<Failure> Controller::check_actions(
    std::uint32_t port, const MatchRule& rule, const std::string& path
) const {
  const std::uint32_t queues = is_uplink(port) ? runtime_.uplinks[port]->opened.rx_queues : 1U;
  for (std::size_t i = 0; i < rule.actions.size(); ++i) {
    const MatchAction& action = rule.actions[i];
    std::string complaint;
    // A restored rule may name a queue that the port no longer has: software has but one, and goes on.
    const bool is_known = action.value < queues || registry_.is_restoring();
    if (action.kind == MatchActionKind::queue && !is_known) {
      complaint = std::to_string(action.value) + " is none of the port's " +
                  std::to_string(queues) + " queues";
    } else if (action.kind == MatchActionKind::port_id && !port_name(model(), action.value).has_value()) {
      complaint = "port " + std::to_string(action.value) + " does not exist";
    } else if (action.kind == MatchActionKind::meter && !meter_name(model(), action.value).has_value()) {
      complaint = "meter " + std::to_string(action.value) + " does not exist";
    } else {
      continue;
    }
    std::string field = path;
    field += "actions[" + std::to_string(i) + "].";
    field += classifier::info(action.kind).parameter;
    const auto code =
        action.kind == MatchActionKind::queue ? ErrorCode::bad_parameter : ErrorCode::not_found;
    return refused(code, std::string{"rule."}.append(field).append(": ").append(complaint), field);
  }
  return std::nullopt;
}

// -- putting rules into force --------------------------------------------------------------------

/// Compiles the rules and gives them to the workers with the next snapshot.
Outcome<Ok> Controller::put_port_rules(std::uint32_t port, PortRules next) {
  auto table = RuleTable::compile(next);
  if (!table) {
    registry_.drop_port_proposal(port, next);
    return refused(ErrorCode::limit_reached, table.error().message);
  }
  std::optional<Failure> failure;
  if (is_uplink(port)) {
    const UplinkIndex uplink = uplink_of(port);
    if (const Status status = platform_.offload_rules(uplink, next); !status) {
      failure = refused(
          ErrorCode::system_refused,
          "port " + *port_name(model(), port) + ": " + status.error().message
      );
      registry_.drop_port_proposal(port, next);
      next = model().rules_of(port);
    }
    for (PortRule& rule : next) {
      rule.is_offloaded = !platform_.software_because(uplink, rule.id).has_value();
    }
    // The same patterns once more: nothing new to refuse.
    table = RuleTable::compile(next);
  }
  if (next.empty()) {
    runtime_.rules.erase(port);
  } else {
    runtime_.rules.insert_or_assign(port, std::move(*table));
  }
  registry_.put_port_rules(port, std::move(next));
  if (failure.has_value()) return *failure;
  return Ok{};
}

Outcome<Ok> Controller::change_port_rules(std::uint32_t port, PortRules rules) {
  auto proposal = registry_.propose_port_rules(port, std::move(rules));
  if (!proposal) return proposal.error();
  if (!proposal->has_value()) return Ok{};
  auto status = put_port_rules(port, std::move(**proposal));
  publish();
  return status;
}

/// The endpoint is about to go: with its own rules, and with those that send frames to it. Its number may be
/// somebody else's soon.
void Controller::forget_rules_about(EndpointIndex endpoint) {
  const std::uint32_t gone = port_number(endpoint);
  runtime_.rules.erase(gone);
  for (const std::uint32_t port : registry_.ports_that_send_to(gone)) {
    PortRules rules = model().rules_of(port);
    std::erase_if(rules, [&](const PortRule& rule) {
      return std::ranges::find(rule.rule.actions, MatchAction{MatchActionKind::port_id, gone}) !=
             rule.rule.actions.end();
    });
    auto proposal = registry_.propose_port_rules(port, std::move(rules));
    if (!proposal || !proposal->has_value()) continue;
    // Fewer rules can not break a limit, and those that go were in no device: port_id is software's.
    static_cast<void>(put_port_rules(port, std::move(**proposal)));
  }
}

// -- verbs ---------------------------------------------------------------------------------------

Outcome<std::string> Controller::validate_port_rule(const std::string& port, const MatchRule& rule)
    const {
  const auto number = port_called(port);
  if (!number) return number.error();
  if (auto failure = check_actions(*number, rule, "")) return *failure;
  PortRules rules = model().rules_of(*number);
  rules.push_back({next_number(rules), rule, classifier::kNoRuleCounter, false});
  if (const auto table = RuleTable::compile(rules); !table) {
    return refused(ErrorCode::limit_reached, table.error().message);
  }
  if (!is_uplink(*number)) return software_because(*number, rules.back());
  const Status device = platform_.can_offload(uplink_of(*number), rule);
  return device ? std::string{} : explained(device.error().message, rule);
}

Outcome<PortRuleAnswer> Controller::create_port_rule(
    const std::string& port, const MatchRule& rule
) {
  const auto number = port_called(port);
  if (!number) return number.error();
  if (auto failure = check_actions(*number, rule, "")) return *failure;
  PortRules rules = model().rules_of(*number);
  const std::uint32_t id = next_number(rules);
  rules.push_back({id, rule, classifier::kNoRuleCounter, false});
  if (auto changed = change_port_rules(*number, std::move(rules)); !changed) return changed.error();
  return PortRuleAnswer{id, software_because(*number, *find_rule(model().rules_of(*number), id))};
}

Outcome<Ok> Controller::destroy_port_rules(
    const std::string& port, const std::vector<std::uint32_t>& numbers
) {
  const auto number = port_called(port);
  if (!number) return number.error();
  PortRules rules = model().rules_of(*number);
  for (const std::uint32_t id : numbers) {
    if (std::erase_if(rules, [id](const PortRule& rule) { return rule.id == id; }) == 0) {
      return no_such_rule(id, port, "rules");
    }
  }
  return change_port_rules(*number, std::move(rules));
}

Outcome<std::vector<std::uint32_t>> Controller::flush_port_rules(const std::string& port) {
  const auto number = port_called(port);
  if (!number) return number.error();
  std::vector<std::uint32_t> flushed;
  for (const PortRule& rule : model().rules_of(*number)) flushed.push_back(rule.id);
  if (auto changed = change_port_rules(*number, {}); !changed) return changed.error();
  return flushed;
}

Outcome<Ok> Controller::apply_port_rules(const std::string& port, const PortRules& rules) {
  const auto number = port_called(port);
  if (!number) return number.error();
  for (std::size_t i = 0; i < rules.size(); ++i) {
    auto failure = check_actions(*number, rules[i].rule, "rules[" + std::to_string(i) + "].");
    if (!failure.has_value()) continue;
    failure->index = i;
    return *failure;
  }
  return change_port_rules(*number, rules);
}

// -- reading -------------------------------------------------------------------------------------

std::string Controller::software_because(std::uint32_t port, const PortRule& rule) const {
  std::string because = "a container's port is no device with flow rules";
  if (is_uplink(port)) {
    because = platform_.software_because(uplink_of(port), rule.id).value_or(std::string{});
  }
  return explained(std::move(because), rule.rule);
}

Outcome<HitCounts> Controller::port_rule_counts(const std::string& port, std::uint32_t id) const {
  const auto number = port_called(port);
  if (!number) return number.error();
  const PortRule* rule = find_rule(model().rules_of(*number), id);
  if (rule == nullptr) return no_such_rule(id, port, "rule");
  if (rule->counter == classifier::kNoRuleCounter) {
    return refused(
        ErrorCode::bad_parameter,
        "rule.rule: rule " + std::to_string(id) + " of port " + port + " has no action count",
        "rule"
    );
  }
  HitCounts counts = platform_.hits(rule->counter);
  if (is_uplink(*number)) {
    const HitCounts offloaded = platform_.offloaded_counts(uplink_of(*number), id);
    counts.packets += offloaded.packets;
    counts.octets += offloaded.octets;
  }
  return counts;
}

}  // namespace weft::control
