// Meters with their colours, budgets of scarce classes, queues of egress schedulers.

#include <algorithm>
#include <array>
#include <utility>

#include "classifier/qos.h"
#include "control/lists_policy.h"
#include "control/params_qos.h"
#include "control/rule_names.h"

namespace weft::control {
namespace {

using classifier::Colour;
using classifier::Phb;

void add_colours(Json& json, const ColourCounts& counts) {
  for (const Colour colour : {Colour::green, Colour::yellow, Colour::red}) {
    const auto i = static_cast<std::size_t>(colour);
    json[std::string{classifier::name(colour)}] = {
        {"packets", counts.packets[i]}, {"octets", counts.octets[i]}};
  }
}

/// What uses a meter of a tenant: "tenant", the names of policy rules, and flow rules by port and number.
Json users_of(const Model& model, const TenantRecord& tenant, const std::string& meter) {
  Json users = Json::array();
  if (tenant.meter == meter) users.push_back("tenant " + tenant.config.name);
  for (const PolicyRuleRecord& record : *tenant.rules) {
    if (record.config.meter == meter) users.push_back("rule " + record.config.rule.name);
  }
  const classifier::MatchAction action{
      classifier::MatchActionKind::meter, tenant.meters.at(meter).index};
  for (const auto& [port, rules] : model.rules) {
    for (const classifier::PortRule& rule : rules) {
      if (std::ranges::find(rule.rule.actions, action) == rule.rule.actions.end()) continue;
      users.push_back("flow rule " + std::to_string(rule.id) + " of " + *port_name(model, port));
    }
  }
  return users;
}

Json endpoint_meters(const Controller& controller) {
  Json list = Json::array();
  for (const auto& [key, index] : controller.model().endpoint_names) {
    const EndpointRecord& endpoint = *controller.model().endpoint(index);
    const EndpointQosConfig& qos = endpoint.config.qos;
    const auto add = [&](std::string_view limits, BitRate rate, std::uint16_t meter) {
      Json json{{"endpoint", endpoint.config.name()}, {"limits", limits}, {"rate", rate}};
      add_colours(json, controller.platform().colours(meter));
      list.push_back(std::move(json));
    };
    if (qos.rate != 0) add("all", qos.rate, endpoint.meters.rate);
    for (const QosContract& contract : qos.contracts) {
      const auto phb = static_cast<std::size_t>(contract.phb);
      add(classifier::name(contract.phb), contract.rate, endpoint.meters.contracts[phb]);
    }
  }
  return list;
}

Json queues_json(const SchedulerReading& reading) {
  Json queues = Json::array();
  for (const Phb phb : classifier::kPhbs) {
    const QueueReading& queue = reading[static_cast<std::size_t>(phb)];
    queues.push_back(Json{
        {"class", classifier::name(phb)},
        {"packets", queue.packets},
        {"octets", queue.octets},
        {"dropped_full", queue.dropped_full},
        {"dropped_early", queue.dropped_early},
        {"marked", queue.marked},
        {"length", queue.length},
    });
  }
  return queues;
}

}  // namespace

Outcome<Json> list_meters(const Controller& controller, const std::optional<std::string>& name) {
  const Model& model = controller.model();
  if (name.has_value() && model.tenant(*name) == nullptr) {
    return refused(
        ErrorCode::not_found, "tenant " + in_quotes(*name) + " does not exist", "tenant"
    );
  }
  Json meters = Json::array();
  for (const auto& [key, tenant] : model.tenants) {
    if (name.has_value() && key != *name) continue;
    for (const auto& [meter_name, record] : tenant.meters) {
      Json json{{"tenant", key}};
      json.update(to_json(record.config));
      json["mtr_id"] = record.index;
      json["used_by"] = users_of(model, tenant, meter_name);
      add_colours(json, controller.platform().colours(record.index));
      meters.push_back(std::move(json));
    }
  }
  Json answer{{"meters", std::move(meters)}};
  if (!name.has_value()) answer["endpoints"] = endpoint_meters(controller);
  return answer;
}

Json list_budgets(const Model& model) {
  Json budgets = Json::array();
  for (const Phb phb : classifier::kPhbs) {
    if (!may_be_scarce(phb)) continue;
    const auto i = static_cast<std::size_t>(phb);
    const std::optional<BitRate>& budget = model.budgets[i];
    Json json{{"class", classifier::name(phb)}};
    json["budget"] = budget.has_value() ? Json(*budget) : Json{};
    json["admitted"] = model.admitted[i];
    const bool is_overbooked = budget.has_value() && *budget < model.admitted[i];
    json["left"] =
        !budget.has_value() ? Json{} : Json(is_overbooked ? 0 : *budget - model.admitted[i]);
    budgets.push_back(std::move(json));
  }
  return Json{{"budgets", std::move(budgets)}};
}

Json list_schedulers(const Controller& controller) {
  const Model& model = controller.model();
  Json ports = Json::array();
  for (std::uint16_t i = 0; i < kMaxUplinks; ++i) {
    const PortRecord* port = model.port(UplinkIndex{i});
    if (port == nullptr) continue;
    Json json{{"port", port->config.name}, {"scheduler", port->qos.has_value()}};
    if (port->qos.has_value()) json.update(to_json(*port->qos));
    const auto queues = controller.platform().queues(port->index);
    json["queues"] = queues.has_value() ? queues_json(*queues) : Json::array();
    ports.push_back(std::move(json));
  }
  for (const auto& [key, index] : model.endpoint_names) {
    const EndpointRecord& endpoint = *model.endpoint(index);
    if (endpoint.config.qos.rate_in == 0) continue;
    Json json{{"port", endpoint.config.name()}, {"scheduler", true}};
    json["rate"] = endpoint.config.qos.rate_in;
    json["burst"] = endpoint.config.qos.burst_in;
    const auto queues = controller.platform().queues(index);
    json["queues"] = queues.has_value() ? queues_json(*queues) : Json::array();
    ports.push_back(std::move(json));
  }
  return Json{{"ports", std::move(ports)}};
}

}  // namespace weft::control
