// Match-action rules as parameters: JSON to classifier::MatchRule and back.
//
//   {"port": 0, "priority": 0, "pattern": [{"item": "eth"}, {"item": "ipv4", "dst": "10.1.0.5"},
//    {"item": "udp", "dst": {"spec": 5000, "last": 5999}}], "actions": [{"action": "drop"}]}
//
// A field is its value, or an object of `spec` with `mask`, `prefix` (mask by length) or `last`. The
// words are testpmd's, from the tables of dataplane/net/match_field.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "classifier/match_rule.h"
#include "classifier/tuple_space.h"
#include "control/failure.h"
#include "control/fields.h"

namespace weft::control {

/// Most rules that one rule.destroy may name.
inline constexpr std::size_t kMaxRulesDestroyed = 4096;

/// `rule.create`, `rule.validate`.
struct RuleConfig {
  std::string port;  // a port's name or its number, as written
  classifier::MatchRule rule;
  friend bool operator==(const RuleConfig&, const RuleConfig&) = default;
};

/// The rule has passed classifier::check.
[[nodiscard]] Outcome<RuleConfig> parse_rule(const Json& json);
/// Attributes, pattern and actions; with the port in front when it has one.
[[nodiscard]] Json to_json(const RuleConfig& config);

/// `rule.apply` {`port*`, `rules*`: [{`rule*`: its number, and the rest of rule.create but `port`}]}.
struct RuleDocument {
  std::string port;
  std::vector<classifier::PortRule> rules;  // without counters; of distinct numbers
};
[[nodiscard]] Outcome<RuleDocument> parse_rule_document(const Json& json);
/// An element of it.
[[nodiscard]] Json to_json(const classifier::PortRule& rule);

/// `rule.destroy` {`port*`, `rules*`: [id, ...]}.
struct RuleSelection {
  std::string port;
  std::vector<std::uint32_t> rules;  // at least one, without duplicates
};
[[nodiscard]] Outcome<RuleSelection> parse_rule_selection(const Json& json);

/// `rule.query` {`port*`, `rule*`: id, `action`: "count"}.
struct RuleQuery {
  std::string port;
  std::uint32_t rule{};
};
[[nodiscard]] Outcome<RuleQuery> parse_rule_query(const Json& json);

/// `rule.flush` {`port*`}, `rule.list` {`port*`, `group`: 0}.
[[nodiscard]] Outcome<std::string> parse_rule_port(const Json& json);

/// An element of rule.list's answer, `rules`. `software_because`: why it is not in hardware; empty when
/// it is.
[[nodiscard]] Json listed_rule(
    std::uint32_t id, const classifier::MatchRule& rule, const std::string& software_because
);

}  // namespace weft::control
