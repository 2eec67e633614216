// The document of a model, and a document as JSON; the way in is document_parse.cc.

#include "control/document.h"

#include <algorithm>
#include <utility>

#include "classifier/qos.h"
#include "control/params.h"
#include "control/params_l7.h"
#include "control/params_policy.h"
#include "control/params_qos.h"
#include "control/params_rule.h"
#include "control/rule_names.h"

namespace weft::control {
namespace {

void put(Document& document, Part part, std::string tenant, Json json) {
  auto& entries = *document[part];
  std::string name = name_of(part, json);
  entries.push_back({std::move(name), std::move(tenant), std::move(json), entries.size()});
}

void put_node(const Model& model, Document& document) {
  for (const classifier::Phb phb : classifier::kPhbs) {
    const auto& budget = model.budgets[static_cast<std::size_t>(phb)];
    if (!budget.has_value()) continue;
    put(document, Part::budgets, {}, {{"class", classifier::name(phb)}, {"rate", *budget}});
  }
  // By index rather than by name, so that ports keep their numbers when the document is applied.
  for (std::uint16_t i = 0; i < kMaxUplinks; ++i) {
    const PortRecord* port = model.port(UplinkIndex{i});
    if (port == nullptr) continue;
    put(document, Part::ports, {}, to_json(port->config));
    if (!port->qos.has_value()) continue;
    put(document, Part::schedulers, {}, named("port", port->config.name, to_json(*port->qos)));
  }
}

void put_tenant(const TenantRecord& tenant, Document& document) {
  const std::string& name = tenant.config.name;
  put(document, Part::tenants, name, to_json(tenant.config));
  for (const auto& [key, meter] : tenant.meters) {
    put(document, Part::meters, name, named("tenant", name, to_json(meter.config)));
  }
  if (!tenant.meter.empty()) {
    put(document, Part::tenant_settings, name, {{"name", name}, {"meter", tenant.meter}});
  }
  for (const L7ClassRecord& l7 : tenant.l7) {
    put(document, Part::l7, name, named("tenant", name, to_json(l7.config)));
  }
  if (tenant.rules->empty()) return;
  Json rules = Json::array();
  for (const PolicyRuleRecord& rule : *tenant.rules) rules.push_back(to_json(rule.config));
  put(document, Part::policies, name, {{"tenant", name}, {"rules", std::move(rules)}});
}

}  // namespace

std::vector<Json> requests_for(const Json& remote) {
  const Json& endpoints = remote["endpoints"];
  std::vector<Json> requests;
  for (std::size_t from = 0; from == 0 || from < endpoints.size(); from += kMaxRemoteEndpoints) {
    Json request{
        {"segment", remote["segment"]}, {"vtep", remote["vtep"]}, {"endpoints", Json::array()}};
    const std::size_t end = std::min(endpoints.size(), from + kMaxRemoteEndpoints);
    for (std::size_t i = from; i < end; ++i) request["endpoints"].push_back(endpoints[i]);
    requests.push_back(std::move(request));
  }
  return requests;
}

Json canonical(RemoteConfig config) {
  std::ranges::sort(config.endpoints, {}, &RemoteEndpoint::mac);
  for (RemoteEndpoint& endpoint : config.endpoints) std::ranges::sort(endpoint.addresses);
  return to_json(config);
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
    Json rules = Json::array();
    for (const auto& rule : list) rules.push_back(with_names(model, to_json(rule)));
    const std::string tenant = tenant_of_port(model, port);
    put(document,
        Part::rules,
        tenant,
        {{"port", *port_name(model, port)}, {"rules", std::move(rules)}});
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
      if (part == Part::remotes) {
        for (Json& request : requests_for(entry.json)) list.push_back(std::move(request));
      } else {
        list.push_back(entry.json);
      }
    }
    json[name(part)] = std::move(list);
  }
  return json;
}

}  // namespace weft::control
