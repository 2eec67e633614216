// What comes and what changes, in the order of the document's sections; then what was lifted meanwhile.

#include <algorithm>

#include "control/params.h"
#include "control/params_qos.h"
#include "control/planner.h"
#include "control/rule_names.h"

namespace weft::control {
namespace {

/// All that endpoint.set knows, because what it is not told stays.
Json settings_of(const Json& endpoint) {
  const auto get = [&](const char* key, const Json& otherwise) {
    return endpoint.contains(key) ? endpoint[key] : otherwise;
  };
  return {
      {"container", endpoint["container"]},
      {"ifname", endpoint["ifname"]},
      {"groups", get("groups", Json::array())},
      {"labels", get("labels", Json::object())},
      {"limits", get("limits", to_json(ConnectionLimits{}))},
      {"qos", get("qos", to_json(EndpointQosConfig{}))},
  };
}

}  // namespace

// -- putting -------------------------------------------------------------------------------------

void Planner::put_tenants() {
  const auto comes = [](const Pair& pair) { return pair.comes(); };
  const auto as_written = [](const Pair& pair) { return pair.after->json; };
  for_each(Part::tenants, "tenant.add", comes, as_written);
  // Lifted meanwhile: what goes beyond one quota may come before what makes room under the other.
  for_each(
      Part::tenants,
      "tenant.quota",
      [](const Pair& pair) { return pair.changes(); },
      [](const Pair& pair) {
        return Json{{"name", pair.after->name}, {"quota", Json::object()}};
      }
  );
  for_each(Part::meters, "qos.meter.add", comes, as_written);
  for_each(
      Part::tenant_settings,
      "tenant.set",
      [&](const Pair& pair) {
        return pair.after != nullptr &&
               (!pair.is_same() || loosened_settings_.contains(pair.after->name));
      },
      as_written
  );
  std::vector<const Pair*> classes;
  for (const Pair& pair : of(Part::l7)) {
    if (pair.comes()) classes.push_back(&pair);
  }
  std::ranges::stable_sort(classes, {}, [](const Pair* pair) { return pair->after->index; });
  for (const Pair* pair : classes) step("l7.add", pair->after->json, Part::l7, pair->index());
  for_each(
      Part::policies,
      "policy.apply",
      [&](const Pair& pair) {
        return pair.after != nullptr &&
               (!pair.is_same() || loosened_policies_.contains(pair.after->name));
      },
      as_written
  );
}

void Planner::put_network() {
  const auto comes = [](const Pair& pair) { return pair.comes(); };
  const auto changes = [](const Pair& pair) { return pair.changes(); };
  const auto as_written = [](const Pair& pair) { return pair.after->json; };
  for_each(Part::segments, "segment.set", changes, as_written);
  for_each(Part::segments, "segment.add", comes, as_written);
  for (const Pair& pair : of(Part::remotes)) {
    if (!pair.comes() && !pair.changes()) continue;
    for (Json& request : requests_for(pair.after->json)) {
      step("remote.add", std::move(request), Part::remotes, pair.index());
    }
  }
  for_each(Part::endpoints, "endpoint.set", changes, [](const Pair& pair) {
    return settings_of(pair.after->json);
  });
  for_each(Part::endpoints, "endpoint.attach", comes, as_written);
}

/// Rules that nobody speaks about end with the container that they send to.
Json Planner::rules_to_put(const Pair& pair) const {
  if (pair.is_listed) return pair.after->json;
  Json rules = Json::array();
  for (const Json& rule : pair.after->json["rules"]) {
    const bool is_orphan = std::ranges::any_of(names_in(rule), [&](const NamedObject& object) {
      return !object.is_meter && comparison_.is_removed(Part::endpoints, object.name);
    });
    if (!is_orphan) rules.push_back(rule);
  }
  return {{"port", pair.after->name}, {"rules", std::move(rules)}};
}

void Planner::put() {
  const auto as_written = [](const Pair& pair) { return pair.after->json; };
  for_each(
      Part::access, "access.add", [](const Pair& pair) { return pair.comes(); }, as_written
  );
  // As they are written: ports keep the numbers that they had where the document is from.
  for_each(
      Part::ports, "port.add", [](const Pair& pair) { return pair.comes(); }, as_written
  );
  for_each(
      Part::schedulers,
      "qos.port.set",
      [](const Pair& pair) { return pair.comes() || pair.changes(); },
      as_written
  );
  put_tenants();
  put_network();
  for_each(
      Part::rules,
      "rule.apply",
      [&](const Pair& pair) {
        return pair.after != nullptr &&
               (!pair.is_same() || loosened_rules_.contains(pair.after->name));
      },
      [this](const Pair& pair) { return rules_to_put(pair); }
  );
}

void Planner::tighten() {
  for_each(
      Part::budgets,
      "qos.budget.set",
      [&](const Pair& pair) {
        if (pair.after == nullptr) return false;
        return pair.before == nullptr || loosened_budgets_.contains(pair.after->name);
      },
      [](const Pair& pair) { return pair.after->json; }
  );
  for_each(
      Part::tenants,
      "tenant.quota",
      [](const Pair& pair) { return pair.changes(); },
      [](const Pair& pair) {
        const Json& json = pair.after->json;
        return Json{{"name", pair.after->name}, {"quota", json.value("quota", Json::object())}};
      }
  );
  for (const std::string& port : late_ports_) step("port.remove", {{"name", port}}, Part::ports);
}

}  // namespace weft::control
