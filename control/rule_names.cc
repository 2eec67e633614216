#include "control/rule_names.h"

#include <algorithm>
#include <charconv>

#include "control/params_rule.h"
#include "control/stats.h"

namespace weft::control {
namespace {

std::optional<std::uint32_t> parse_number(const std::string& text) {
  std::uint32_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  return error == std::errc{} && rest == end ? std::optional{number} : std::nullopt;
}

EndpointName endpoint_name(const std::string& text) {
  const std::size_t slash = text.rfind('/');
  if (slash == std::string::npos) return {};
  return {text.substr(0, slash), text.substr(slash + 1)};
}

/// "tenant/meter".
std::optional<std::uint32_t> find_meter(const Model& model, const std::string& text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string::npos) return std::nullopt;
  const TenantRecord* tenant = model.tenant(text.substr(0, slash));
  if (tenant == nullptr) return std::nullopt;
  const auto meter = tenant->meters.find(text.substr(slash + 1));
  if (meter == tenant->meters.end()) return std::nullopt;
  return meter->second.index;
}

/// An action that names an object of Weft: its parameter, and how it is called.
struct Reference {
  const char* parameter;
  const char* object;
  std::optional<std::uint32_t> (*find)(const Model& model, const std::string& text);
  std::optional<std::string> (*name)(const Model& model, std::uint32_t number);
};

const Reference* reference_of(const Json& action) {
  static constexpr Reference kPort{"id", "port", find_port, port_name};
  static constexpr Reference kMeter{"mtr_id", "meter", find_meter, meter_name};
  const auto kind = action.is_object() ? action.find("action") : action.end();
  if (!action.is_object() || kind == action.end()) return nullptr;
  if (*kind == "port_id") return &kPort;
  if (*kind == "meter") return &kMeter;
  return nullptr;
}

std::optional<Failure> replace_names(const Model& model, Json& rule, const std::string& path) {
  if (!rule.is_object() || !rule.contains("actions") || !rule["actions"].is_array()) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < rule["actions"].size(); ++i) {
    Json& action = rule["actions"][i];
    const Reference* reference = reference_of(action);
    if (reference == nullptr || !action.contains(reference->parameter)) continue;
    Json& value = action[reference->parameter];
    if (!value.is_string()) continue;
    const std::string text = value.get<std::string>();
    const auto number = reference->find(model, text);
    if (!number.has_value()) {
      const std::string field =
          path + "actions[" + std::to_string(i) + "]." + std::string{reference->parameter};
      return refused(
          ErrorCode::not_found,
          "rule." + field + ": " + reference->object + " " + in_quotes(text) + " does not exist",
          field
      );
    }
    value = *number;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::uint32_t> find_port(const Model& model, const std::string& text) {
  if (const auto number = parse_number(text)) {
    if (port_name(model, *number).has_value()) return number;
  }
  if (const PortRecord* uplink = model.port(text)) return port_number(uplink->index);
  if (const EndpointRecord* endpoint = model.endpoint(endpoint_name(text))) {
    return port_number(endpoint->index);
  }
  return std::nullopt;
}

std::optional<std::string> port_name(const Model& model, std::uint32_t number) {
  if (number < kMaxUplinks) {
    const PortRecord* uplink = model.port(UplinkIndex{static_cast<std::uint16_t>(number)});
    return uplink == nullptr ? std::nullopt : std::optional{uplink->config.name};
  }
  const auto index = EndpointIndex{number - static_cast<std::uint32_t>(kMaxUplinks)};
  const EndpointRecord* endpoint = model.endpoint(index);
  return endpoint == nullptr ? std::nullopt : std::optional{endpoint->config.name()};
}

std::optional<std::string> meter_name(const Model& model, std::uint32_t number) {
  for (const auto& [tenant_name, tenant] : model.tenants) {
    for (const auto& [name, meter] : tenant.meters) {
      if (meter.index == number) return std::string{tenant_name}.append("/").append(name);
    }
  }
  return std::nullopt;
}

Outcome<Json> with_numbers(const Model& model, Json params) {
  if (auto failure = replace_names(model, params, "")) return *failure;
  const bool is_list = params.is_object() && params.contains("rules") && params["rules"].is_array();
  if (!is_list) return params;
  for (std::size_t i = 0; i < params["rules"].size(); ++i) {
    const std::string path = "rules[" + std::to_string(i) + "].";
    auto failure = replace_names(model, params["rules"][i], path);
    if (!failure.has_value()) continue;
    failure->index = i;
    return *failure;
  }
  return params;
}

Json with_names(const Model& model, Json rule) {
  for (Json& action : rule["actions"]) {
    const Reference* reference = reference_of(action);
    if (reference == nullptr) continue;
    const auto name = reference->name(model, action[reference->parameter].get<std::uint32_t>());
    if (name.has_value()) action[reference->parameter] = *name;
  }
  return rule;
}

Outcome<Json> parse_document_rules(const Model& model, Json params) {
  struct Named {
    std::size_t rule;
    std::size_t action;
    std::string name;
  };
  std::vector<Named> named;
  // A name stands for a number, which the parser wants and which may not exist yet: any will do.
  if (params.is_object() && params.contains("rules") && params["rules"].is_array()) {
    for (std::size_t r = 0; r < params["rules"].size(); ++r) {
      Json& rule = params["rules"][r];
      if (!rule.is_object() || !rule.contains("actions") || !rule["actions"].is_array()) continue;
      for (std::size_t a = 0; a < rule["actions"].size(); ++a) {
        Json& action = rule["actions"][a];
        const Reference* reference = reference_of(action);
        if (reference == nullptr || !action.contains(reference->parameter)) continue;
        Json& value = action[reference->parameter];
        if (!value.is_string()) continue;
        named.push_back({r, a, value.get<std::string>()});
        value = 0;
      }
    }
  }
  const auto document = parse_rule_document(params);
  if (!document) return document.error();
  std::vector<Json> rules;
  rules.reserve(document->rules.size());
  for (const auto& rule : document->rules) rules.push_back(with_names(model, to_json(rule)));
  for (const Named& name : named) {
    Json& action = rules[name.rule]["actions"][name.action];
    action[reference_of(action)->parameter] = name.name;
  }
  std::ranges::sort(rules, {}, [](const Json& rule) { return rule["rule"].get<std::uint32_t>(); });
  const auto port = find_port(model, document->port);
  Json result{{"port", port.has_value() ? *port_name(model, *port) : document->port}};
  result["rules"] = Json(rules);
  return result;
}

std::vector<NamedObject> names_in(const Json& rule) {
  std::vector<NamedObject> objects;
  for (const Json& action : rule.at("actions")) {
    const Reference* reference = reference_of(action);
    if (reference == nullptr) continue;
    const Json& value = action[reference->parameter];
    const std::string name = value.is_string() ? value.get<std::string>() : value.dump();
    objects.push_back({reference->name == meter_name, name});
  }
  return objects;
}

std::string tenant_of_port(const Model& model, std::uint32_t port) {
  if (port < kMaxUplinks) return {};
  const EndpointIndex index{port - static_cast<std::uint32_t>(kMaxUplinks)};
  return model.segment(model.endpoint(index)->segment)->config.tenant;
}

}  // namespace weft::control
