// rule.*: match-action rules of ports, which the CLI writes as testpmd's `flow` commands.

#include <array>
#include <utility>

#include "control/methods.h"
#include "control/params_rule.h"
#include "control/rule_names.h"

namespace weft::control {
namespace {

Json put_where(Json answer, const std::string& software_because) {
  answer["where"] = software_because.empty() ? "hw" : "sw";
  if (!software_because.empty()) answer["software_because"] = software_because;
  return answer;
}

Outcome<RuleConfig> rule_of(const Call& call) {
  const auto params = with_numbers(call.controller.model(), call.params);
  if (!params) return params.error();
  return parse_rule(*params);
}

Outcome<Json> rule_validate(const Call& call) {
  const auto config = rule_of(call);
  if (!config) return config.error();
  const auto because = call.controller.validate_port_rule(config->port, config->rule);
  if (!because) return because.error();
  return put_where(Json::object(), *because);
}

Outcome<Json> rule_create(const Call& call) {
  const auto config = rule_of(call);
  if (!config) return config.error();
  const auto created = call.controller.create_port_rule(config->port, config->rule);
  if (!created) return created.error();
  Json answer = in_force(call);
  answer["rule"] = created->rule;
  return put_where(std::move(answer), created->software_because);
}

Outcome<Json> rule_destroy(const Call& call) {
  const auto selection = parse_rule_selection(call.params);
  if (!selection) return selection.error();
  const auto status = call.controller.destroy_port_rules(selection->port, selection->rules);
  if (!status) return status.error();
  Json answer = in_force(call);
  answer["destroyed"] = selection->rules;
  return answer;
}

Outcome<Json> rule_flush(const Call& call) {
  const auto port = parse_rule_port(call.params);
  if (!port) return port.error();
  const auto flushed = call.controller.flush_port_rules(*port);
  if (!flushed) return flushed.error();
  Json answer = in_force(call);
  answer["destroyed"] = *flushed;
  return answer;
}

Outcome<Json> rule_apply(const Call& call) {
  const auto params = with_numbers(call.controller.model(), call.params);
  if (!params) return params.error();
  const auto document = parse_rule_document(*params);
  if (!document) return document.error();
  const auto status = call.controller.apply_port_rules(document->port, document->rules);
  if (!status) return status.error();
  Json answer = in_force(call);
  answer["rules"] = document->rules.size();
  return answer;
}

Outcome<Json> rule_list(const Call& call) {
  const auto port = parse_rule_port(call.params);
  if (!port) return port.error();
  const auto number = call.controller.port_called(*port);
  if (!number) return number.error();
  Json rules = Json::array();
  for (const classifier::PortRule& rule : call.controller.model().rules_of(*number)) {
    rules.push_back(listed_rule(rule.id, rule.rule, call.controller.software_because(*number, rule))
    );
  }
  return Json{{"rules", std::move(rules)}};
}

Outcome<Json> rule_query(const Call& call) {
  const auto query = parse_rule_query(call.params);
  if (!query) return query.error();
  const auto counts = call.controller.port_rule_counts(query->port, query->rule);
  if (!counts) return counts.error();
  return Json{{"rule", query->rule}, {"hits", counts->packets}, {"octets", counts->octets}};
}

constexpr std::array kMethods{
    Method{"rule.validate", rule_validate},
    Method{"rule.create", rule_create, Effect::changes},
    Method{"rule.destroy", rule_destroy, Effect::changes},
    Method{"rule.flush", rule_flush, Effect::changes},
    Method{"rule.apply", rule_apply, Effect::changes},
    Method{"rule.list", rule_list},
    Method{"rule.query", rule_query},
};

}  // namespace

std::span<const Method> rule_methods() noexcept {
  return kMethods;
}

}  // namespace weft::control
