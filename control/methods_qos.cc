// qos.*: meters, budgets, egress schedulers.

#include <array>

#include "control/lists_policy.h"
#include "control/methods.h"
#include "control/params.h"
#include "control/params_policy.h"
#include "control/params_qos.h"

namespace weft::control {
namespace {

Outcome<Json> meter_add(const Call& call) {
  const auto addition = parse_meter_addition(call.params);
  if (!addition) return addition.error();
  return answered(call, call.controller.add_meter(addition->tenant, addition->meter));
}

Outcome<Json> meter_remove(const Call& call) {
  const auto named = parse_tenants_object(call.params, "meter");
  if (!named) return named.error();
  return answered(call, call.controller.remove_meter(named->tenant, named->name));
}

Outcome<Json> meter_list(const Call& call) {
  const auto tenant = parse_only_tenant(call.params, "meter");
  if (!tenant) return tenant.error();
  return list_meters(call.controller, *tenant);
}

Outcome<Json> budget_set(const Call& call) {
  const auto change = parse_budget_change(call.params);
  if (!change) return change.error();
  return answered(call, call.controller.set_budget(change->phb, change->rate));
}

Outcome<Json> budget_list(const Call& call) {
  if (const auto none = parse_nothing(call.params, "budget"); !none) return none.error();
  return list_budgets(call.controller.model());
}

Outcome<Json> port_set(const Call& call) {
  // The port decides what the other fields are laid over.
  const bool is_named =
      call.params.is_object() && call.params.contains("port") && call.params["port"].is_string();
  const PortRecord* port =
      is_named ? call.controller.model().port(call.params["port"].get<std::string>()) : nullptr;
  const auto change = parse_port_qos(call.params, port == nullptr ? std::nullopt : port->qos);
  if (!change) return change.error();
  return answered(call, call.controller.set_port_qos(change->port, change->qos));
}

Outcome<Json> port_list(const Call& call) {
  if (const auto none = parse_nothing(call.params, "scheduler"); !none) return none.error();
  return list_schedulers(call.controller);
}

constexpr std::array kMethods{
    Method{"qos.meter.add", meter_add, Effect::changes},
    Method{"qos.meter.remove", meter_remove, Effect::changes},
    Method{"qos.meter.list", meter_list},
    Method{"qos.budget.set", budget_set, Effect::changes},
    Method{"qos.budget.list", budget_list},
    Method{"qos.port.set", port_set, Effect::changes},
    Method{"qos.port.list", port_list},
};

}  // namespace

std::span<const Method> qos_methods() noexcept {
  return kMethods;
}

}  // namespace weft::control
