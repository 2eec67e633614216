// The document of a model, and a document as JSON; the way in is document_parse.cc.

#include "control/document.h"

#include <algorithm>
#include <utility>

#include "classifier/qos.h"
#include "control/access/params_access.h"
#include "control/params.h"
#include "control/params_l7.h"
#include "control/params_policy.h"
#include "control/params_qos.h"
#include "control/params_rule.h"
#include "control/rule_names.h"
#include "control/stats.h"

namespace weft::control {
namespace {

// -- entries, one function a section ---------------------------------------------------------------

Json budget_entry(const Model& model, classifier::Phb phb) {
  const auto& budget = model.budgets[static_cast<std::size_t>(phb)];
  if (!budget.has_value()) return nullptr;
  return {{"class", classifier::name(phb)}, {"rate", *budget}};
}

Json scheduler_entry(const PortRecord& port) {
  if (!port.qos.has_value()) return nullptr;
  return named("port", port.config.name, to_json(*port.qos));
}

Json meter_entry(const TenantRecord& tenant, const MeterRecord& meter) {
  return named("tenant", tenant.config.name, to_json(meter.config));
}

Json setting_entry(const TenantRecord& tenant) {
  if (tenant.meter.empty()) return nullptr;
  return {{"name", tenant.config.name}, {"meter", tenant.meter}};
}

Json l7_entry(const TenantRecord& tenant, const L7ClassRecord& l7) {
  return named("tenant", tenant.config.name, to_json(l7.config));
}

Json policy_entry(const TenantRecord& tenant) {
  if (tenant.rules->empty()) return nullptr;
  Json rules = Json::array();
  for (const PolicyRuleRecord& rule : *tenant.rules) rules.push_back(to_json(rule.config));
  return {{"tenant", tenant.config.name}, {"rules", std::move(rules)}};
}

Json rules_entry(const Model& model, std::uint32_t port) {
  const PortRules& list = model.rules_of(port);
  if (list.empty()) return nullptr;
  Json rules = Json::array();
  for (const auto& rule : list) rules.push_back(with_names(model, to_json(rule)));
  return {{"port", *port_name(model, port)}, {"rules", std::move(rules)}};
}

// -- all of them ---------------------------------------------------------------------------------

void put(Document& document, Part part, std::string tenant, Json json) {
  if (json.is_null()) return;
  auto& entries = *document[part];
  std::string name = name_of(part, json);
  entries.push_back({std::move(name), std::move(tenant), std::move(json), entries.size()});
}

void put_node(const Model& model, Document& document) {
  for (const auto& [name, config] : model.access) {
    put(document, Part::access, {}, to_json(config));
  }
  for (const classifier::Phb phb : classifier::kPhbs) {
    put(document, Part::budgets, {}, budget_entry(model, phb));
  }
  // By index rather than by name, so that ports keep their numbers when the document is applied.
  for (std::uint16_t i = 0; i < kMaxUplinks; ++i) {
    const PortRecord* port = model.port(UplinkIndex{i});
    if (port == nullptr) continue;
    put(document, Part::ports, {}, to_json(port->config));
    put(document, Part::schedulers, {}, scheduler_entry(*port));
  }
}

void put_tenant(const TenantRecord& tenant, Document& document) {
  const std::string& name = tenant.config.name;
  put(document, Part::tenants, name, to_json(tenant.config));
  for (const auto& [key, meter] : tenant.meters) {
    put(document, Part::meters, name, meter_entry(tenant, meter));
  }
  put(document, Part::tenant_settings, name, setting_entry(tenant));
  for (const L7ClassRecord& l7 : tenant.l7) put(document, Part::l7, name, l7_entry(tenant, l7));
  put(document, Part::policies, name, policy_entry(tenant));
}

// -- one of them ---------------------------------------------------------------------------------

/// Without the character at `at`.
std::pair<std::string, std::string> halves(const std::string& name, std::size_t at) {
  return {name.substr(0, at), name.substr(at + 1)};
}

PlacedEntry node_entry(const Model& model, Part part, const std::string& name) {
  if (part == Part::access) {
    const auto found = model.access.find(name);
    return {found == model.access.end() ? Json{} : to_json(found->second), 0};
  }
  if (part == Part::budgets) {
    const auto phb = std::ranges::find_if(classifier::kPhbs, [&](classifier::Phb each) {
      return name == classifier::name(each);
    });
    return {budget_entry(model, *phb), 0};
  }
  const PortRecord* port = model.port(name);
  if (port == nullptr) return {};
  if (part == Part::schedulers) return {scheduler_entry(*port), port->index.value()};
  return {to_json(port->config), port->index.value()};
}

PlacedEntry tenant_entry(const Model& model, Part part, const std::string& name) {
  const std::size_t slash = std::min(name.find('/'), name.size());
  const TenantRecord* tenant = model.tenant(name.substr(0, slash));
  if (tenant == nullptr) return {};
  const std::string key = slash < name.size() ? name.substr(slash + 1) : std::string{};
  switch (part) {
    case Part::tenants:
      return {to_json(tenant->config), 0};
    case Part::tenant_settings:
      return {setting_entry(*tenant), 0};
    case Part::policies:
      return {policy_entry(*tenant), 0};
    case Part::meters: {
      const auto meter = tenant->meters.find(key);
      if (meter == tenant->meters.end()) return {};
      return {meter_entry(*tenant, meter->second), 0};
    }
    case Part::l7: {
      const L7ClassRecord* l7 = tenant->l7_class(key);
      if (l7 == nullptr) return {};
      return {l7_entry(*tenant, *l7), l7 - tenant->l7.data()};
    }
    case Part::access:
    case Part::budgets:
    case Part::ports:
    case Part::schedulers:
    case Part::segments:
    case Part::remotes:
    case Part::endpoints:
    case Part::rules:
      break;
  }
  return {};
}

Json remote_entry(const Model& model, const std::string& name) {
  const auto [segment_name, vtep] = halves(name, name.find(' '));
  const SegmentRecord* segment = model.segment(segment_name);
  const auto address = parse_ip(vtep);
  if (segment == nullptr || !address.has_value()) return nullptr;
  const auto remote = segment->remotes.find(*address);
  if (remote == segment->remotes.end()) return nullptr;
  return canonical(model.remote(remote->second)->config);
}

const EndpointRecord* endpoint_called(const Model& model, const std::string& name) {
  const std::size_t slash = name.rfind('/');
  if (slash == std::string::npos) return nullptr;
  const auto [container, ifname] = halves(name, slash);
  return model.endpoint(EndpointName{container, ifname});
}

}  // namespace

Json canonical(RemoteConfig config) {
  std::ranges::sort(config.endpoints, {}, &RemoteEndpoint::mac);
  for (RemoteEndpoint& endpoint : config.endpoints) std::ranges::sort(endpoint.addresses);
  return to_json(config);
}

PlacedEntry entry_of(const Model& model, const EntryKey& key) {
  switch (key.part) {
    case Part::access:
    case Part::budgets:
    case Part::ports:
    case Part::schedulers:
      return node_entry(model, key.part, key.name);
    case Part::tenants:
    case Part::meters:
    case Part::tenant_settings:
    case Part::l7:
    case Part::policies:
      return tenant_entry(model, key.part, key.name);
    case Part::segments: {
      const SegmentRecord* segment = model.segment(key.name);
      return segment == nullptr ? PlacedEntry{} : PlacedEntry{to_json(segment->config), 0};
    }
    case Part::remotes:
      return {remote_entry(model, key.name), 0};
    case Part::endpoints: {
      const EndpointRecord* endpoint = endpoint_called(model, key.name);
      return endpoint == nullptr ? PlacedEntry{}
                                 : PlacedEntry{to_json(endpoint->config), endpoint->index.value()};
    }
    case Part::rules: {
      if (const PortRecord* uplink = model.port(key.name)) {
        return {rules_entry(model, port_number(uplink->index)), 0};
      }
      const EndpointRecord* endpoint = endpoint_called(model, key.name);
      if (endpoint == nullptr) return {};
      return {rules_entry(model, port_number(endpoint->index)), 0};
    }
  }
  return {};
}

Document document_of(const Model& model) {
  Document document;
  for (const Part part : kParts) document[part].emplace();
  put_node(model, document);
  for (const auto& [name, tenant] : model.tenants) put_tenant(tenant, document);
  for (const auto& [name, index] : model.segment_names) {
    const SegmentRecord& segment = *model.segment(index);
    const std::string& tenant = segment.config.tenant;
    put(document, Part::segments, tenant, to_json(segment.config));
    for (const auto& [vtep, tunnel] : segment.remotes) {
      put(document, Part::remotes, tenant, canonical(model.remote(tunnel)->config));
    }
  }
  for (const auto& [name, index] : model.endpoint_names) {
    const EndpointRecord& endpoint = *model.endpoint(index);
    const std::string& tenant = model.segment(endpoint.segment)->config.tenant;
    put(document, Part::endpoints, tenant, to_json(endpoint.config));
  }
  for (const auto& [port, list] : model.rules) {
    put(document, Part::rules, tenant_of_port(model, port), rules_entry(model, port));
  }
  return document;
}

Json to_json(const Document& document, const Scope& scope) {
  Json json = Json::object();
  for (const Part part : kParts) {
    const auto& entries = document[part];
    if (!entries.has_value() || !scope.covers(part)) continue;
    Json list = Json::array();
    for (const Entry& entry : *entries) {
      if (!scope.covers(part, entry)) continue;
      append_entry(part, entry.json, list);
    }
    json[name(part)] = std::move(list);
  }
  return json;
}

}  // namespace weft::control
