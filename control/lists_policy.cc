// Rules, L7 classes and flows; meters, budgets and queues are in lists_qos.cc.

#include "control/lists_policy.h"

#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "classifier/policy.h"
#include "classifier/qos.h"
#include "control/params_l7.h"
#include "control/params_policy.h"
#include "dataplane/net/headers.h"

namespace weft::control {
namespace {

using classifier::Selector;

Outcome<std::vector<const TenantRecord*>> chosen_tenants(
    const Model& model, const std::optional<std::string>& name
) {
  std::vector<const TenantRecord*> tenants;
  if (!name.has_value()) {
    for (const auto& [key, tenant] : model.tenants) tenants.push_back(&tenant);
    return tenants;
  }
  const TenantRecord* tenant = model.tenant(*name);
  if (tenant == nullptr) {
    return refused(
        ErrorCode::not_found, "tenant " + in_quotes(*name) + " does not exist", "tenant"
    );
  }
  tenants.push_back(tenant);
  return tenants;
}

/// `json` with the tenant's name in front.
Json of_tenant(const TenantRecord& tenant, const Json& json) {
  Json result{{"tenant", tenant.config.name}};
  result.update(json);
  return result;
}

/// Every group that an endpoint is in or a rule speaks of, with the number of its endpoints.
std::map<std::string, std::size_t> members_of_groups(const TenantRecord& tenant) {
  std::map<std::string, std::size_t> members;
  tenant.identities.for_each([&](const classifier::Identity& identity, std::size_t holders) {
    for (const std::string& group : identity.groups) members[group] += holders;
  });
  for (const PolicyRuleRecord& record : *tenant.rules) {
    for (const Selector* side : {&record.config.rule.from, &record.config.rule.to}) {
      if (side->kind == Selector::Kind::group) members.try_emplace(side->group, 0);
    }
  }
  return members;
}

Json shape_json(const TenantRecord& tenant, const TenantPolicy& policy) {
  const classifier::PolicyShape& shape = policy.by_l7[classifier::kL7None]->shape();
  return Json{
      {"tenant", tenant.config.name},
      {"rules", tenant.rules->size()},
      {"identities", tenant.identities.by_id().size() - 1U},
      {"combinations", shape.combinations},
      {"cells", shape.cells},
  };
}

/// Names of a tenant's rules by their counters.
class RuleNames {
 public:
  explicit RuleNames(const Model& model) : model_{model} {}

  /// null: no rule, or one that is gone.
  Json name_of(const std::string& tenant, std::uint32_t counter) {
    if (counter == kNoCounter) return nullptr;
    const auto [entry, is_new] = tenants_.try_emplace(tenant);
    if (is_new) {
      for (const PolicyRuleRecord& record : *model_.tenant(tenant)->rules) {
        entry->second.emplace(record.counter, &record.config.rule.name);
      }
    }
    const auto rule = entry->second.find(counter);
    return rule == entry->second.end() ? Json{} : Json(*rule->second);
  }

 private:
  const Model& model_;
  std::map<std::string, std::unordered_map<std::uint32_t, const std::string*>> tenants_;
};

/// The class's name; null while it is not known, "none" when it is none of the tenant's.
Json l7_name(const TenantRecord& tenant, std::uint8_t id) {
  if (id == classifier::kL7Unknown) return nullptr;
  for (const L7ClassRecord& record : tenant.l7) {
    if (record.id == id) return record.config.name;
  }
  return "none";
}

Json describe_flow(const Model& model, const FlowReading& flow, RuleNames& rules) {
  const EndpointRecord* endpoint = model.endpoint(flow.endpoint);
  if (endpoint == nullptr) return nullptr;  // detached while we asked
  const std::string& tenant = model.segment(endpoint->segment)->config.tenant;
  Json json{{"endpoint", endpoint->config.name()}, {"worker", flow.worker.value()}};
  if (flow.ether_type == kEtherTypeIpv4 || flow.ether_type == kEtherTypeIpv6) {
    json["protocol"] = protocol_json(flow.protocol);
    json["opener"] = format(flow.opener);
    json["opener_port"] = flow.opener_port;
    json["responder"] = format(flow.responder);
    json["responder_port"] = flow.responder_port;
  } else {
    json["ether_type"] = flow.ether_type;
  }
  json["state"] = flow.state;
  json["idle_s"] = flow.idle_s;
  json["packets"] = flow.packets;
  json["rule"] = rules.name_of(tenant, flow.counter);
  json["class"] =
      flow.dscp == classifier::kNoClass ? Json{} : Json(classifier::format_dscp(flow.dscp));
  json["l7"] = l7_name(*model.tenant(tenant), flow.l7);
  return json;
}

}  // namespace

Outcome<Json> list_policy(const Controller& controller, const std::optional<std::string>& name) {
  const auto tenants = chosen_tenants(controller.model(), name);
  if (!tenants) return tenants.error();
  Json rules = Json::array();
  Json groups = Json::array();
  Json policies = Json::array();
  for (const TenantRecord* tenant : *tenants) {
    for (const PolicyRuleRecord& record : *tenant->rules) {
      const HitCounts hits = controller.platform().hits(record.counter);
      Json rule = of_tenant(*tenant, to_json(record.config));
      rule["hits"] = {
          {"packets", hits.packets}, {"octets", hits.octets}, {"connections", hits.connections}};
      rules.push_back(std::move(rule));
    }
    for (const auto& [group, members] : members_of_groups(*tenant)) {
      groups.push_back(Json{{"tenant", tenant->config.name}, {"group", group}, {"members", members}}
      );
    }
    policies.push_back(shape_json(*tenant, *controller.runtime().policies.at(tenant->config.name)));
  }
  return Json{
      {"rules", std::move(rules)},
      {"groups", std::move(groups)},
      {"policies", std::move(policies)}};
}

Outcome<Json> list_l7(const Controller& controller, const std::optional<std::string>& name) {
  const auto tenants = chosen_tenants(controller.model(), name);
  if (!tenants) return tenants.error();
  Json classes = Json::array();
  for (const TenantRecord* tenant : *tenants) {
    std::map<std::string, std::size_t> users;
    for (const PolicyRuleRecord& record : *tenant->rules) ++users[record.config.l7];
    for (const L7ClassRecord& record : tenant->l7) {
      Json json = of_tenant(*tenant, to_json(record.config));
      json["rules"] = users[record.config.name];
      classes.push_back(std::move(json));
    }
  }
  return Json{{"classes", std::move(classes)}};
}

Json list_flows(const Controller& controller, const FlowFilter& filter) {
  RuleNames rules{controller.model()};
  Json flows = Json::array();
  for (const FlowReading& flow : controller.platform().flows(filter)) {
    Json json = describe_flow(controller.model(), flow, rules);
    if (!json.is_null()) flows.push_back(std::move(json));
  }
  return Json{{"flows", std::move(flows)}};
}

Outcome<EndpointIndex> find_endpoint(const Model& model, const std::string& name) {
  std::vector<const EndpointRecord*> found;
  const std::size_t slash = name.find('/');
  const std::string container = name.substr(0, slash);
  for (auto it = model.endpoint_names.lower_bound(EndpointName{container, ""});
       it != model.endpoint_names.end() && it->first.container == container;
       ++it) {
    const EndpointRecord* endpoint = model.endpoint(it->second);
    if (slash == std::string::npos || endpoint->config.name() == name) found.push_back(endpoint);
  }
  if (found.empty()) {
    return refused(
        ErrorCode::not_found, "endpoint " + in_quotes(name) + " does not exist", "endpoint"
    );
  }
  if (found.size() > 1) {
    return refused(
        ErrorCode::bad_parameter,
        "endpoint: container " + name + " has " + std::to_string(found.size()) +
            " interfaces, name one: " + found.front()->config.name(),
        "endpoint"
    );
  }
  return found.front()->index;
}

}  // namespace weft::control
