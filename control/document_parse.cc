// A document as it came in: checked entry by entry, made canonical, and only what its scope covers.

#include <algorithm>
#include <map>
#include <utility>

#include "classifier/qos.h"
#include "control/access/params_access.h"
#include "control/document.h"
#include "control/params.h"
#include "control/params_l7.h"
#include "control/params_policy.h"
#include "control/params_qos.h"
#include "control/params_rule.h"
#include "control/rule_names.h"

namespace weft::control {
namespace {

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
    case Part::access:
      return formatted(parse_access(json), plain);
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

/// Of a remote, in parts or not: adding it again would merge two static endpoints of one MAC into one, and the state
/// would never be what the document says.
std::optional<Failure> check_macs(const Entry& remote) {
  const auto mac = [](const Json& endpoint) { return text(endpoint, "mac"); };
  const auto& list = remote.json["endpoints"].get_ref<const Json::array_t&>();
  const auto twice = std::ranges::adjacent_find(list, {}, mac);
  if (twice == list.end()) return std::nullopt;
  return failure_of(
      Part::remotes,
      remote.index,
      refused(
          ErrorCode::bad_parameter,
          "remote.endpoints: " + mac(*twice) + " is listed twice",
          "endpoints"
      )
  );
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
      case Part::access:
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
    Part part, const Json& list, const Model& model, const Scope& scope, Document& document
) {
  const auto bad = [part](std::size_t index, const std::string& message) {
    return failure_of(part, index, refused(ErrorCode::bad_parameter, message));
  };
  const Owners owners{model, document};
  std::vector<Entry>& entries = document[part].emplace();
  std::map<std::string, std::size_t> names;
  for (std::size_t i = 0; i < list.size(); ++i) {
    auto json = parse_entry(part, list[i], model);
    if (!json) return failure_of(part, i, json.error());
    if (json->is_null()) continue;
    Entry entry{name_of(part, *json), owners.of(part, *json), std::move(*json), i};
    if (!scope.covers(part, entry)) return bad(i, scope.refusal(entry));
    if (!names.emplace(entry.name, i).second) {
      if (part == Part::remotes && merge_remote(entries, entry)) continue;
      const std::string first = std::to_string(names.at(entry.name));
      return bad(i, entry.name + " is listed already, as " + name(part) + "[" + first + "]");
    }
    entries.push_back(std::move(entry));
  }
  if (part != Part::remotes) return std::nullopt;
  for (const Entry& remote : entries) {
    if (auto failure = check_macs(remote)) return failure;
  }
  return std::nullopt;
}

}  // namespace

Outcome<Document> parse_document(const Json& json, const Model& model, const Scope& scope) {
  Fields fields{json, "document"};
  for (const Part part : kParts) {
    const Json* list = fields.find(name(part));
    if (list == nullptr) continue;
    if (!list->is_array()) fields.refuse(name(part), "is not an array");
    if (!scope.covers(part)) fields.refuse(name(part), scope.refusal(part));
  }
  if (auto failure = fields.finish()) return *failure;
  Document document;
  for (const Part part : kParts) {
    const auto list = json.find(name(part));
    if (list == json.end()) continue;
    if (auto failure = parse_part(part, *list, model, scope, document)) return *failure;
  }
  return document;
}

}  // namespace weft::control
