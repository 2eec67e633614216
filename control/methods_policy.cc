// policy.*, l7.* and flow.*

#include <array>

#include "control/lists_policy.h"
#include "control/methods.h"
#include "control/params_l7.h"
#include "control/params_policy.h"

namespace weft::control {
namespace {

// -- policy --------------------------------------------------------------------------------------

Outcome<Json> policy_add(const Call& call) {
  const auto addition = parse_policy_addition(call.params);
  if (!addition) return addition.error();
  return answered(call, call.controller.add_rule(addition->tenant, addition->rule));
}

Outcome<Json> policy_remove(const Call& call) {
  const auto named = parse_tenants_object(call.params, "policy");
  if (!named) return named.error();
  return answered(call, call.controller.remove_rule(named->tenant, named->name));
}

Outcome<Json> policy_apply(const Call& call) {
  const auto document = parse_policy_document(call.params);
  if (!document) return document.error();
  const auto status = call.controller.apply_rules(document->tenant, document->rules);
  if (!status) return status.error();
  Json answer = in_force(call);
  answer["rules"] = document->rules.size();
  return answer;
}

Outcome<Json> policy_list(const Call& call) {
  const auto tenant = parse_only_tenant(call.params, "policy");
  if (!tenant) return tenant.error();
  return list_policy(call.controller, *tenant);
}

// -- L7 ------------------------------------------------------------------------------------------

Outcome<Json> l7_add(const Call& call) {
  const auto addition = parse_l7_addition(call.params);
  if (!addition) return addition.error();
  return answered(call, call.controller.add_l7(addition->tenant, addition->l7));
}

Outcome<Json> l7_remove(const Call& call) {
  const auto named = parse_tenants_object(call.params, "l7");
  if (!named) return named.error();
  return answered(call, call.controller.remove_l7(named->tenant, named->name));
}

Outcome<Json> l7_list(const Call& call) {
  const auto tenant = parse_only_tenant(call.params, "l7");
  if (!tenant) return tenant.error();
  return list_l7(call.controller, *tenant);
}

// -- flows ---------------------------------------------------------------------------------------

/// `endpoint`, which may be absent: then all.
Outcome<std::optional<EndpointIndex>> chosen_endpoint(const Call& call, Fields& fields) {
  if (!fields.has("endpoint")) return std::optional<EndpointIndex>{};
  const std::string name = fields.required_text("endpoint");
  if (!fields.is_ok()) return std::optional<EndpointIndex>{};
  const auto index = find_endpoint(call.controller.model(), name);
  if (!index) return index.error();
  return std::optional{*index};
}

Outcome<Json> flow_list(const Call& call) {
  constexpr std::uint32_t kMostFlows = 10'000;
  Fields fields{call.params, "flow"};
  FlowFilter filter;
  const auto endpoint = chosen_endpoint(call, fields);
  filter.address = fields.address("address");
  if (fields.has("port")) filter.port = fields.number<std::uint16_t>("port", 0, 0, 65535);
  filter.limit = fields.number<std::uint32_t>("limit", 100, 1, kMostFlows);
  if (auto failure = fields.finish()) return *failure;
  if (!endpoint) return endpoint.error();
  filter.endpoint = *endpoint;
  return list_flows(call.controller, filter);
}

Outcome<Json> flow_flush(const Call& call) {
  Fields fields{call.params, "flow"};
  const auto endpoint = chosen_endpoint(call, fields);
  if (auto failure = fields.finish()) return *failure;
  if (!endpoint) return endpoint.error();
  call.controller.flush_flows(*endpoint);
  return in_force(call);
}

constexpr std::array kMethods{
    Method{"policy.add", policy_add, Effect::changes},
    Method{"policy.remove", policy_remove, Effect::changes},
    Method{"policy.apply", policy_apply, Effect::changes},
    Method{"policy.list", policy_list},
    Method{"l7.add", l7_add, Effect::changes},
    Method{"l7.remove", l7_remove, Effect::changes},
    Method{"l7.list", l7_list},
    Method{"flow.list", flow_list},
    Method{"flow.flush", flow_flush},
};

}  // namespace

std::span<const Method> policy_methods() noexcept {
  return kMethods;
}

}  // namespace weft::control
