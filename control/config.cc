#include "control/config.h"

#include <array>
#include <string>
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

struct Section {
  const char* name;
  const char* method;
};

/// In the order in which they are applied: what is named comes before who names it, and rules before whom
/// they protect.
constexpr std::array kSections{
    Section{"budgets", "qos.budget.set"},
    Section{"ports", "port.add"},
    Section{"schedulers", "qos.port.set"},
    Section{"tenants", "tenant.add"},
    Section{"meters", "qos.meter.add"},
    Section{"tenant_settings", "tenant.set"},
    Section{"l7", "l7.add"},
    Section{"policies", "policy.apply"},
    Section{"segments", "segment.add"},
    Section{"remotes", "remote.add"},
    Section{"endpoints", "endpoint.attach"},
    Section{"rules", "rule.apply"},
};

/// `json` with `key` in front.
Json named(const char* key, const std::string& name, const Json& json) {
  Json result{{key, name}};
  result.update(json);
  return result;
}

void add_node(const Model& model, Json& document) {
  for (const classifier::Phb phb : classifier::kPhbs) {
    const auto& budget = model.budgets[static_cast<std::size_t>(phb)];
    if (!budget.has_value()) continue;
    document["budgets"].push_back({{"class", classifier::name(phb)}, {"rate", *budget}});
  }
  // By index rather than by name, so that ports keep their numbers when the document is applied.
  for (std::uint16_t i = 0; i < kMaxUplinks; ++i) {
    const PortRecord* port = model.port(UplinkIndex{i});
    if (port == nullptr) continue;
    document["ports"].push_back(to_json(port->config));
    if (!port->qos.has_value()) continue;
    document["schedulers"].push_back(named("port", port->config.name, to_json(*port->qos)));
  }
}

void add_tenant(const TenantRecord& tenant, Json& document) {
  const std::string& name = tenant.config.name;
  document["tenants"].push_back(to_json(tenant.config));
  for (const auto& [key, meter] : tenant.meters) {
    document["meters"].push_back(named("tenant", name, to_json(meter.config)));
  }
  if (!tenant.meter.empty()) {
    document["tenant_settings"].push_back({{"name", name}, {"meter", tenant.meter}});
  }
  for (const L7ClassRecord& l7 : tenant.l7) {
    document["l7"].push_back(named("tenant", name, to_json(l7.config)));
  }
  if (tenant.rules->empty()) return;
  Json rules = Json::array();
  for (const PolicyRuleRecord& rule : *tenant.rules) rules.push_back(to_json(rule.config));
  document["policies"].push_back({{"tenant", name}, {"rules", std::move(rules)}});
}

}  // namespace

Json document_of(const Model& model) {
  Json document = Json::object();
  for (const Section& section : kSections) document[section.name] = Json::array();
  add_node(model, document);
  for (const auto& [name, tenant] : model.tenants) add_tenant(tenant, document);
  for (const auto& [name, index] : model.segment_names) {
    const SegmentRecord& segment = *model.segment(index);
    document["segments"].push_back(to_json(segment.config));
    for (const auto& [vtep, tunnel] : segment.remotes) {
      document["remotes"].push_back(to_json(model.remote(tunnel)->config));
    }
  }
  for (const auto& [name, index] : model.endpoint_names) {
    document["endpoints"].push_back(to_json(model.endpoint(index)->config));
  }
  for (const auto& [port, list] : model.rules) {
    Json rules = Json::array();
    for (const auto& rule : list) rules.push_back(with_names(model, to_json(rule)));
    document["rules"].push_back({{"port", *port_name(model, port)}, {"rules", std::move(rules)}});
  }
  return document;
}

Outcome<Ok> apply_document(Dispatcher& dispatcher, const Json& document, TimePoint now) {
  Fields fields{document, "document"};
  for (const Section& section : kSections) {
    const Json* entries = fields.find(section.name);
    if (entries != nullptr && !entries->is_array()) fields.refuse(section.name, "is not an array");
  }
  if (auto failure = fields.finish()) return *failure;
  for (const Section& section : kSections) {
    const auto entries = document.find(section.name);
    if (entries == document.end()) continue;
    for (std::size_t i = 0; i < entries->size(); ++i) {
      const auto result = dispatcher.call(section.method, (*entries)[i], now);
      if (result) continue;
      const std::string path = std::string{section.name} + "[" + std::to_string(i) + "]";
      Failure failure = result.error();
      failure.message = path + ": " + failure.message;
      failure.field = failure.field.empty() ? path : path + "." + failure.field;
      return failure;
    }
  }
  return Ok{};
}

}  // namespace weft::control
