#include "control/plan.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "control/comparison.h"
#include "control/params.h"
#include "control/params_qos.h"
#include "control/rule_names.h"

namespace weft::control {
namespace {

using Action = Change::Action;

std::string text(const Json& json, const char* key) {
  return json.at(key).get<std::string>();
}

class Planner {
 public:
  Planner(const Model& model, const Comparison& comparison)
      : model_{model}, comparison_{comparison} {}

  [[nodiscard]] Plan make();

 private:
  [[nodiscard]] const std::vector<Pair>& of(Part part) const { return comparison_.of(part); }
  void list_changes();

  void loosen();
  void loosen_rules();
  void loosen_policies();
  void loosen_budgets();
  void remove();
  void put();
  void put_tenants();
  void put_network();
  void tighten();

  [[nodiscard]] bool leaves(Part part, const std::string& name) const {
    return comparison_.goes(part, name);
  }
  [[nodiscard]] bool rule_is_loose(const Json& rule) const;
  [[nodiscard]] Json rules_to_put(const Pair& pair) const;
  [[nodiscard]] bool is_port_in_use(const Entry& port) const;
  void step(const char* method, Json params, Part part, std::optional<std::size_t> index = {}) {
    plan_.steps.push_back({method, std::move(params), part, index});
  }
  /// One step for each pair of the section that `wants`.
  template <typename Wants, typename Params>
  void for_each(Part part, const char* method, Wants wants, Params params);

  const Model& model_;
  const Comparison& comparison_;
  std::set<std::string> loosened_policies_;
  std::set<std::string> loosened_settings_;
  std::set<std::string> loosened_rules_;
  std::set<std::string> loosened_budgets_;
  std::set<std::string> late_ports_;
  Plan plan_;
};

Plan Planner::make() {
  list_changes();
  loosen();
  remove();
  put();
  tighten();
  return std::move(plan_);
}

void Planner::list_changes() {
  for (std::size_t i = 0; i < kPartCount; ++i) {
    for (const Pair& pair : of(Part{static_cast<std::uint8_t>(i)})) {
      const Part part{static_cast<std::uint8_t>(i)};
      if (pair.before == nullptr) {
        plan_.changes.push_back({Action::add, part, pair.after->name, {}});
      } else if (pair.after == nullptr) {
        plan_.changes.push_back({Action::remove, part, pair.before->name, {}});
      } else if (pair.is_replaced || pair.changes()) {
        const Action action = pair.is_replaced ? Action::replace : Action::change;
        auto fields = differing_fields(pair.before->json, pair.after->json);
        plan_.changes.push_back({action, part, pair.after->name, std::move(fields)});
      }
    }
  }
}

// -- loosening -----------------------------------------------------------------------------------

/// Whether the match-action rule names something that leaves. Ports and endpoints share their names.
bool Planner::rule_is_loose(const Json& rule) const {
  return std::ranges::any_of(names_in(rule), [&](const std::string& name) {
    return leaves(Part::meters, name) || leaves(Part::ports, name) || leaves(Part::endpoints, name);
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

template <typename Wants, typename Params>
void Planner::for_each(Part part, const char* method, Wants wants, Params params) {
  for (const Pair& pair : of(part)) {
    if (wants(pair)) step(method, params(pair), part, pair.index());
  }
}

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

// -- putting -------------------------------------------------------------------------------------

void Planner::put_tenants() {
  const auto comes = [](const Pair& pair) { return pair.comes(); };
  const auto as_written = [](const Pair& pair) { return pair.after->json; };
  for_each(Part::tenants, "tenant.add", comes, as_written);
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

/// All that endpoint.set knows, because what it is not told stays.
Json settings_of(const Json& endpoint) {
  const auto get = [&](const char* key, Json otherwise) {
    return endpoint.contains(key) ? endpoint[key] : std::move(otherwise);
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

void Planner::put_network() {
  const auto comes = [](const Pair& pair) { return pair.comes(); };
  const auto changes = [](const Pair& pair) { return pair.changes(); };
  const auto as_written = [](const Pair& pair) { return pair.after->json; };
  for_each(Part::segments, "segment.set", changes, as_written);
  for_each(Part::segments, "segment.add", comes, as_written);
  for (const Pair& pair : of(Part::remotes)) {
    if (!pair.comes() && !pair.changes()) continue;
    const Json& remote = pair.after->json;
    const Json& endpoints = remote["endpoints"];
    // No more static endpoints at once than a request may name.
    for (std::size_t from = 0; from == 0 || from < endpoints.size(); from += kMaxRemoteEndpoints) {
      Json some = Json::array();
      const std::size_t end = std::min(endpoints.size(), from + kMaxRemoteEndpoints);
      for (std::size_t i = from; i < end; ++i) some.push_back(endpoints[i]);
      step(
          "remote.add",
          {{"segment", remote["segment"]},
           {"vtep", remote["vtep"]},
           {"endpoints", std::move(some)}},
          Part::remotes,
          pair.index()
      );
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
    const bool is_orphan = std::ranges::any_of(names_in(rule), [&](const std::string& name) {
      return comparison_.is_removed(Part::endpoints, name);
    });
    if (!is_orphan) rules.push_back(rule);
  }
  return {{"port", pair.after->name}, {"rules", std::move(rules)}};
}

void Planner::put() {
  const auto as_written = [](const Pair& pair) { return pair.after->json; };
  for_each(
      Part::budgets,
      "qos.budget.set",
      [](const Pair& pair) { return pair.before == nullptr; },
      as_written
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
        return pair.after != nullptr && loosened_budgets_.contains(pair.after->name);
      },
      [](const Pair& pair) { return pair.after->json; }
  );
  for (const std::string& port : late_ports_) step("port.remove", {{"name", port}}, Part::ports);
}

const char* word(Action action) {
  switch (action) {
    case Action::add:
      return "add";
    case Action::change:
      return "change";
    case Action::replace:
      return "replace";
    case Action::remove:
      return "remove";
  }
  return "";
}

}  // namespace

Outcome<Plan> make_plan(
    const Model& model, const Json& json, const std::optional<std::string>& tenant
) {
  const auto wanted = parse_document(json, model, tenant);
  if (!wanted) return wanted.error();
  const Document current = document_of(model);
  if (tenant.has_value()) {
    if (auto failure = check_owner(current, *wanted, *tenant)) return *failure;
  }
  const Comparison comparison{current, *wanted, tenant};
  return Planner{model, comparison}.make();
}

Json to_json(const std::vector<Change>& changes) {
  Json list = Json::array();
  for (const Change& change : changes) {
    Json json{
        {"action", word(change.action)}, {"section", name(change.part)}, {"name", change.name}};
    if (!change.fields.empty()) json["fields"] = change.fields;
    list.push_back(std::move(json));
  }
  return list;
}

}  // namespace weft::control
