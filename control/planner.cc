#include "control/planner.h"

#include <algorithm>

#include "control/rule_names.h"

namespace weft::control {

std::vector<Step> Planner::make() {
  loosen();
  remove();
  put();
  tighten();
  return std::move(steps_);
}

// -- loosening -----------------------------------------------------------------------------------

/// Whether the match-action rule names something that leaves. Ports and endpoints share their names.
bool Planner::rule_is_loose(const Json& rule) const {
  return std::ranges::any_of(names_in(rule), [&](const NamedObject& object) {
    if (object.is_meter) return leaves(Part::meters, object.name);
    return leaves(Part::ports, object.name) || leaves(Part::endpoints, object.name);
  });
}

void Planner::loosen_rules() {
  for (const Pair& pair : of(Part::rules)) {
    if (pair.before == nullptr) continue;
    const std::string& port = pair.before->name;
    if (leaves(Part::ports, port) || leaves(Part::endpoints, port)) {
      loosened_rules_.insert(port);  // they go with their port
      continue;
    }
    Json rules = Json::array();
    for (const Json& rule : pair.before->json["rules"]) {
      if (!rule_is_loose(rule)) rules.push_back(rule);
    }
    if (rules.size() == pair.before->json["rules"].size()) continue;
    loosened_rules_.insert(port);
    step("rule.apply", {{"port", port}, {"rules", std::move(rules)}}, Part::rules);
  }
}

void Planner::loosen_policies() {
  for (const Pair& pair : of(Part::policies)) {
    if (pair.before == nullptr || leaves(Part::tenants, pair.before->name)) continue;
    const std::string& tenant = pair.before->name;
    Json rules = Json::array();
    for (const Json& rule : pair.before->json["rules"]) {
      const bool is_loose =
          (rule.contains("meter") && leaves(Part::meters, tenant + "/" + text(rule, "meter"))) ||
          (rule.contains("l7") && leaves(Part::l7, tenant + "/" + text(rule, "l7")));
      if (!is_loose) rules.push_back(rule);
    }
    if (rules.size() == pair.before->json["rules"].size()) continue;
    loosened_policies_.insert(tenant);
    step("policy.apply", {{"tenant", tenant}, {"rules", std::move(rules)}}, Part::policies);
  }
  for (const Pair& pair : of(Part::tenant_settings)) {
    if (pair.before == nullptr || leaves(Part::tenants, pair.before->name)) continue;
    const std::string& tenant = pair.before->name;
    const bool is_loose = leaves(Part::meters, tenant + "/" + text(pair.before->json, "meter"));
    if (!is_loose && pair.after != nullptr) continue;
    loosened_settings_.insert(tenant);
    step("tenant.set", {{"name", tenant}, {"meter", nullptr}}, Part::tenant_settings);
  }
}

/// Whoever holds contracts may have to give some back before another can have them.
void Planner::loosen_budgets() {
  const auto has_contracts = [](const Entry& endpoint) {
    return endpoint.json.contains("qos") && !endpoint.json["qos"]["contracts"].empty();
  };
  const bool contracts_move = std::ranges::any_of(of(Part::endpoints), [&](const Pair& pair) {
    return pair.before && pair.after && !pair.is_same() && has_contracts(*pair.before);
  });
  for (const Pair& pair : of(Part::budgets)) {
    if (pair.before == nullptr || (pair.is_same() && !contracts_move)) continue;
    loosened_budgets_.insert(pair.before->name);
    step("qos.budget.set", {{"class", pair.before->name}, {"rate", nullptr}}, Part::budgets);
  }
}

void Planner::loosen() {
  loosen_rules();
  loosen_policies();
  loosen_budgets();
}

// -- removing ------------------------------------------------------------------------------------

/// Whether a segment that exists, and stays, still has an address of the port.
bool Planner::is_port_in_use(const Entry& port) const {
  const PortRecord* record = model_.port(port.name);
  return std::ranges::any_of(of(Part::segments), [&](const Pair& pair) {
    if (pair.before == nullptr || pair.goes()) return false;
    const auto& vtep = model_.segment(pair.before->name)->config.local_vtep;
    return vtep.has_value() &&
           std::ranges::count(record->config.addresses, *vtep, &IpPrefix::address) > 0;
  });
}

void Planner::remove() {
  const auto goes = [](const Pair& pair) { return pair.goes(); };
  const auto by_name = [](const Pair& pair) { return Json{{"name", pair.before->name}}; };
  const auto of_tenant = [](const Pair& pair) {
    return Json{{"tenant", pair.before->tenant}, {"name", pair.before->json["name"]}};
  };
  const auto stays_with_tenant = [&](const Pair& pair) {
    return pair.goes() && !leaves(Part::tenants, pair.before->tenant);
  };
  for_each(Part::access, "access.remove", goes, by_name);
  for_each(
      Part::rules,
      "rule.apply",
      [&](const Pair& pair) {
        return pair.after == nullptr && !leaves(Part::ports, pair.before->name) &&
               !leaves(Part::endpoints, pair.before->name);
      },
      [](const Pair& pair) {
        return Json{{"port", pair.before->name}, {"rules", Json::array()}};
      }
  );
  for_each(Part::endpoints, "endpoint.detach", goes, [](const Pair& pair) {
    const Json& json = pair.before->json;
    return Json{{"container", json["container"]}, {"ifname", json["ifname"]}};
  });
  for_each(Part::remotes, "remote.remove", goes, [](const Pair& pair) {
    const Json& json = pair.before->json;
    return Json{{"segment", json["segment"]}, {"vtep", json["vtep"]}};
  });
  for_each(Part::segments, "segment.remove", goes, by_name);
  for_each(
      Part::schedulers,
      "qos.port.set",
      [&](const Pair& pair) {
        return pair.after == nullptr && !leaves(Part::ports, pair.before->name);
      },
      [](const Pair& pair) {
        return Json{{"port", pair.before->name}, {"scheduler", false}};
      }
  );
  for (const Pair& pair : of(Part::ports)) {
    if (!pair.goes()) continue;
    if (pair.after == nullptr && is_port_in_use(*pair.before)) {
      late_ports_.insert(pair.before->name);
    } else {
      step("port.remove", by_name(pair), Part::ports, pair.index());
    }
  }
  for_each(
      Part::policies,
      "policy.apply",
      [&](const Pair& pair) {
        return pair.after == nullptr && !leaves(Part::tenants, pair.before->name);
      },
      [](const Pair& pair) {
        return Json{{"tenant", pair.before->name}, {"rules", Json::array()}};
      }
  );
  for_each(Part::l7, "l7.remove", stays_with_tenant, of_tenant);
  for_each(Part::meters, "qos.meter.remove", stays_with_tenant, of_tenant);
  for_each(Part::tenants, "tenant.remove", goes, by_name);
}

}  // namespace weft::control
