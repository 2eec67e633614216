#include "control/document.h"

#include <algorithm>
#include <map>
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

constexpr std::array<const char*, kPartCount> kNames{
    "budgets",
    "ports",
    "schedulers",
    "tenants",
    "meters",
    "tenant_settings",
    "l7",
    "policies",
    "segments",
    "remotes",
    "endpoints",
    "rules",
};

constexpr std::array<Part, kPartCount> kParts{
    Part::budgets,
    Part::ports,
    Part::schedulers,
    Part::tenants,
    Part::meters,
    Part::tenant_settings,
    Part::l7,
    Part::policies,
    Part::segments,
    Part::remotes,
    Part::endpoints,
    Part::rules,
};

/// Sections that only the host has.
bool is_hosts(Part part) {
  return part == Part::budgets || part == Part::ports || part == Part::schedulers;
}

/// `json` with `key` in front.
Json named(const char* key, const std::string& name, const Json& json) {
  Json result{{key, name}};
  result.update(json);
  return result;
}

std::string text(const Json& json, const char* key) {
  return json.at(key).get<std::string>();
}

/// Of a canonical entry.
std::string name_of(Part part, const Json& json) {
  switch (part) {
    case Part::budgets:
      return text(json, "class");
    case Part::ports:
    case Part::tenants:
    case Part::tenant_settings:
    case Part::segments:
      return text(json, "name");
    case Part::schedulers:
    case Part::rules:
      return text(json, "port");
    case Part::meters:
    case Part::l7:
      return text(json, "tenant") + "/" + text(json, "name");
    case Part::policies:
      return text(json, "tenant");
    case Part::remotes:
      return text(json, "segment") + " " + text(json, "vtep");
    case Part::endpoints:
      return text(json, "container") + "/" + text(json, "ifname");
  }
  return {};
}

// -- out of the model ----------------------------------------------------------------------------

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

/// Static endpoints are told apart by their MACs: their order says nothing.
Json canonical(RemoteConfig config) {
  std::ranges::sort(config.endpoints, {}, &RemoteEndpoint::mac);
  for (RemoteEndpoint& endpoint : config.endpoints) std::ranges::sort(endpoint.addresses);
  return to_json(config);
}

std::string tenant_of_port(const Model& model, std::uint32_t port) {
  if (port < kMaxUplinks) return {};
  const EndpointIndex index{port - static_cast<std::uint32_t>(kMaxUplinks)};
  return model.segment(model.endpoint(index)->segment)->config.tenant;
}

// -- into the model ------------------------------------------------------------------------------

Json policy_json(const PolicyDocument& policy) {
  Json rules = Json::array();
  for (const PolicyRuleConfig& rule : policy.rules) rules.push_back(to_json(rule));
  return {{"tenant", policy.tenant}, {"rules", std::move(rules)}};
}

/// null: the entry says what an absent one says.
using Parsed = Outcome<Json>;

template <typename T, typename Format>
Parsed formatted(const Outcome<T>& parsed, Format format) {
  if (!parsed) return parsed.error();
  return format(*parsed);
}

Parsed parse_entry(Part part, const Json& json, const Model& model) {
  const auto plain = [](const auto& config) { return to_json(config); };
  switch (part) {
    case Part::budgets:
      return formatted(parse_budget_change(json), [](const BudgetChange& change) -> Json {
        if (!change.rate.has_value()) return nullptr;
        return {{"class", classifier::name(change.phb)}, {"rate", *change.rate}};
      });
    case Part::ports:
      return formatted(parse_port(json), plain);
    case Part::schedulers:
      return formatted(parse_port_qos(json, std::nullopt), [](const PortQosChange& change) -> Json {
        if (!change.qos.has_value()) return nullptr;
        return named("port", change.port, to_json(*change.qos));
      });
    case Part::tenants:
      return formatted(parse_tenant(json), plain);
    case Part::meters:
      return formatted(parse_meter_addition(json), [](const MeterAddition& addition) {
        return named("tenant", addition.tenant, to_json(addition.meter));
      });
    case Part::tenant_settings:
      return formatted(parse_tenant_change(json), [](const TenantChange& change) -> Json {
        if (change.meter.empty()) return nullptr;
        return {{"name", change.name}, {"meter", change.meter}};
      });
    case Part::l7:
      return formatted(parse_l7_addition(json), [](const L7Addition& addition) {
        return named("tenant", addition.tenant, to_json(addition.l7));
      });
    case Part::policies:
      return formatted(parse_policy_document(json), [](const PolicyDocument& policy) -> Json {
        return policy.rules.empty() ? Json{} : policy_json(policy);
      });
    case Part::segments:
      return formatted(parse_segment(json), plain);
    case Part::remotes:
      return formatted(parse_remote(json), [](const RemoteConfig& config) {
        return canonical(config);
      });
    case Part::endpoints:
      return formatted(parse_endpoint(json), plain);
    case Part::rules: {
      auto rules = parse_document_rules(model, json);
      if (rules && (*rules)["rules"].empty()) return Json{};
      return rules;
    }
  }
  return Json{};
}

/// A remote may be listed in parts, since a request may name only so many static endpoints.
bool merge_remote(std::vector<Entry>& entries, const Entry& entry) {
  const auto same = std::ranges::find(entries, entry.name, &Entry::name);
  if (same == entries.end()) return false;
  Json& endpoints = same->json["endpoints"];
  for (const Json& endpoint : entry.json["endpoints"]) endpoints.push_back(endpoint);
  auto& list = endpoints.get_ref<Json::array_t&>();
  std::ranges::sort(list, {}, [](const Json& endpoint) { return text(endpoint, "mac"); });
  return true;
}

/// Whose an entry is.
class Owners {
 public:
  Owners(const Model& model, const Document& document) : model_{model} {
    if (const auto& segments = document[Part::segments]) {
      for (const Entry& segment : *segments) segments_[segment.name] = segment.tenant;
    }
    if (const auto& endpoints = document[Part::endpoints]) {
      for (const Entry& endpoint : *endpoints) endpoints_[endpoint.name] = endpoint.tenant;
    }
  }

  [[nodiscard]] std::string of(Part part, const Json& json) const {
    switch (part) {
      case Part::budgets:
      case Part::ports:
      case Part::schedulers:
        return {};
      case Part::tenants:
      case Part::tenant_settings:
        return text(json, "name");
      case Part::meters:
      case Part::l7:
      case Part::policies:
      case Part::segments:
        return text(json, "tenant");
      case Part::remotes:
      case Part::endpoints:
        return of_segment(text(json, "segment"));
      case Part::rules:
        return of_port(text(json, "port"));
    }
    return {};
  }

 private:
  [[nodiscard]] std::string of_segment(const std::string& name) const {
    if (const auto found = segments_.find(name); found != segments_.end()) return found->second;
    const SegmentRecord* segment = model_.segment(name);
    return segment == nullptr ? std::string{} : segment->config.tenant;
  }
  [[nodiscard]] std::string of_port(const std::string& name) const {
    if (const auto found = endpoints_.find(name); found != endpoints_.end()) return found->second;
    const auto port = find_port(model_, name);
    return port.has_value() ? tenant_of_port(model_, *port) : std::string{};
  }

  const Model& model_;
  std::map<std::string, std::string> segments_;
  std::map<std::string, std::string> endpoints_;
};

std::optional<Failure> parse_part(
    Part part,
    const Json& list,
    const Model& model,
    const std::optional<std::string>& tenant,
    Document& document
) {
  const Owners owners{model, document};
  std::vector<Entry>& entries = document[part].emplace();
  std::map<std::string, std::size_t> names;
  for (std::size_t i = 0; i < list.size(); ++i) {
    auto json = parse_entry(part, list[i], model);
    if (!json) return failure_of(part, i, json.error());
    if (json->is_null()) continue;
    Entry entry{name_of(part, *json), owners.of(part, *json), std::move(*json), i};
    if (tenant.has_value() && entry.tenant != *tenant) {
      const std::string whose =
          entry.tenant.empty() ? "of no tenant" : "tenant " + entry.tenant + "'s";
      return failure_of(
          part,
          i,
          refused(
              ErrorCode::bad_parameter,
              entry.name + " is " + whose + ", and this is tenant " + *tenant + "'s part"
          )
      );
    }
    if (!names.emplace(entry.name, i).second) {
      if (part == Part::remotes && merge_remote(entries, entry)) continue;
      return failure_of(
          part,
          i,
          refused(
              ErrorCode::bad_parameter,
              entry.name + " is listed already, as " + name(part) + "[" +
                  std::to_string(names.at(entry.name)) + "]"
          )
      );
    }
    entries.push_back(std::move(entry));
  }
  return std::nullopt;
}

/// A request may name only so many static endpoints of a remote.
void put_remote(const Json& remote, Json& list) {
  const Json& endpoints = remote["endpoints"];
  for (std::size_t from = 0; from == 0 || from < endpoints.size(); from += kMaxRemoteEndpoints) {
    Json part{
        {"segment", remote["segment"]}, {"vtep", remote["vtep"]}, {"endpoints", Json::array()}};
    const std::size_t end = std::min(endpoints.size(), from + kMaxRemoteEndpoints);
    for (std::size_t i = from; i < end; ++i) part["endpoints"].push_back(endpoints[i]);
    list.push_back(std::move(part));
  }
}

}  // namespace

const char* name(Part part) noexcept {
  return kNames[static_cast<std::size_t>(part)];
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

Outcome<Document> parse_document(
    const Json& json, const Model& model, const std::optional<std::string>& tenant
) {
  Fields fields{json, "document"};
  for (const Part part : kParts) {
    const Json* list = fields.find(name(part));
    if (list == nullptr) continue;
    if (!list->is_array()) fields.refuse(name(part), "is not an array");
    if (tenant.has_value() && is_hosts(part)) fields.refuse(name(part), "is no tenant's to say");
  }
  if (auto failure = fields.finish()) return *failure;
  Document document;
  for (const Part part : kParts) {
    const auto list = json.find(name(part));
    if (list == json.end()) continue;
    if (auto failure = parse_part(part, *list, model, tenant, document)) return *failure;
  }
  return document;
}

Json to_json(const Document& document, const std::optional<std::string>& tenant) {
  Json json = Json::object();
  for (const Part part : kParts) {
    const auto& entries = document[part];
    if (!entries.has_value() || (tenant.has_value() && is_hosts(part))) continue;
    Json list = Json::array();
    for (const Entry& entry : *entries) {
      if (tenant.has_value() && entry.tenant != *tenant) continue;
      if (part == Part::remotes) {
        put_remote(entry.json, list);
      } else {
        list.push_back(entry.json);
      }
    }
    json[name(part)] = std::move(list);
  }
  return json;
}

Failure failure_of(Part part, std::size_t index, Failure failure) {
  const std::string path = std::string{name(part)} + "[" + std::to_string(index) + "]";
  failure.message = path + ": " + failure.message;
  failure.field = failure.field.empty() ? path : path + "." + failure.field;
  return failure;
}

}  // namespace weft::control
