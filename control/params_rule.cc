#include "control/params_rule.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "dataplane/net/addr.h"

namespace weft::control {
namespace {

using namespace classifier;  // NOLINT: its vocabulary is what this file reads and writes

/// Port numbers are read into text, because a port may be named either way.
std::string read_port(Fields& fields) {
  const Json* port = fields.find("port");
  if (port != nullptr && port->is_number_unsigned()) {
    return std::to_string(fields.number<std::uint32_t>("port", 0, 0, 0xFFFFFF));
  }
  return fields.required_text("port");
}

void read_group(Fields& fields) {
  const Json* group = fields.find("group");
  if (group == nullptr || *group == 0) return;
  fields.refuse("group", shown(*group) + " is not 0, the only group: there is no action jump");
}

template <typename Octets>
FieldValue value_of(const Octets& octets) {
  FieldValue value;
  std::ranges::copy_backward(octets, value.octets.end());
  return value;
}

const char* meaning_of(FieldForm form) {
  switch (form) {
    case FieldForm::number:
      return "a number";
    case FieldForm::mac:
      return "a MAC address";
    case FieldForm::ipv4:
      return "an IPv4 address";
    case FieldForm::ipv6:
      return "an IPv6 address";
  }
  return "";
}

std::optional<FieldValue> parse_address(const std::string& text, FieldForm form) {
  if (form == FieldForm::mac) {
    const auto mac = parse_mac(text);
    return mac ? std::optional{value_of(mac->octets)} : std::nullopt;
  }
  const auto address = parse_ip(text);
  if (!address || address->is_v4() != (form == FieldForm::ipv4)) return std::nullopt;
  return address->is_v4() ? value_of(address->v4().octets) : value_of(address->v6().octets);
}

/// The value at `name`, which is present.
FieldValue read_value(Fields& fields, const char* name, const MatchFieldInfo& row) {
  if (row.form == FieldForm::number) {
    const std::uint64_t limit = (std::uint64_t{1} << row.bits) - 1U;
    return FieldValue::of(fields.number<std::uint64_t>(name, 0, 0, limit));
  }
  const Json& given = *fields.find(name);
  if (given.is_string()) {
    if (const auto value = parse_address(given.get<std::string>(), row.form)) return *value;
  }
  fields.refuse(name, shown(given) + " is not " + meaning_of(row.form));
  return {};
}

/// {"spec": ..., "mask" | "prefix" | "last": ...}
std::optional<Failure> read_parts(const Json& json, const std::string& path, FieldMatch& match) {
  const MatchFieldInfo& row = info(match.field);
  Fields fields{json, "rule", path};
  if (fields.has("spec")) {
    match.spec = read_value(fields, "spec", row);
  } else if (!fields.has("mask")) {
    fields.refuse("spec", "is required");
  }
  if (fields.has("mask")) match.mask = read_value(fields, "mask", row);
  if (fields.has("prefix")) {
    if (fields.has("mask")) fields.refuse("prefix", "a mask is given as well");
    match.mask =
        FieldValue::prefix(row.bits, fields.number<std::uint8_t>("prefix", 0, 0, row.bits));
  }
  if (fields.has("last")) match.last = read_value(fields, "last", row);
  return fields.finish();
}

std::optional<Failure> read_item(const Json& json, const std::string& path, ItemMatch& item) {
  Fields fields{json, "rule", path};
  const std::string name = fields.required_text("item");
  const MatchItemInfo* found = find_item(name);
  if (found == nullptr) {
    fields.refuse(
        "item",
        in_quotes(name) +
            " is no item: eth, vlan, ipv4, ipv6, tcp, udp, icmp, "
            "icmp6, vxlan, nvgre are"
    );
    return fields.finish();
  }
  item.item = found->item;
  for (const MatchFieldInfo& row : kMatchFields) {
    if (row.item != item.item) continue;
    const std::string field_name{row.name};
    const Json* field = fields.find(field_name.c_str());
    if (field == nullptr) continue;
    FieldMatch match{row.field, {}, FieldValue::ones(row.bits), {}};
    if (field->is_object()) {
      fields.adopt(read_parts(*field, std::string{path}.append(".").append(field_name), match));
    } else {
      match.spec = read_value(fields, field_name.c_str(), row);
    }
    // Bits that are not compared are not part of the rule.
    match.spec = match.spec & match.mask;
    item.fields.push_back(match);
  }
  return fields.finish();
}

std::optional<Failure> read_action(const Json& json, const std::string& path, MatchAction& action) {
  Fields fields{json, "rule", path};
  const std::string name = fields.required_text("action");
  const MatchActionInfo* found = find_action(name);
  if (found == nullptr) {
    fields.refuse(
        "action",
        in_quotes(name) +
            " is no action: drop, queue, port_id, mark, count, "
            "meter, set_ipv4_dscp, set_ipv6_dscp are"
    );
    return fields.finish();
  }
  action.kind = found->kind;
  if (!found->parameter.empty()) {
    const std::string parameter{found->parameter};
    if (fields.find(parameter.c_str()) == nullptr) fields.refuse(parameter.c_str(), "is required");
    action.value = fields.number<std::uint32_t>(parameter.c_str(), 0, 0, found->limit);
  }
  return fields.finish();
}

Json shown_value(const FieldValue& value, const MatchFieldInfo& row) {
  switch (row.form) {
    case FieldForm::number:
      return value.number();
    case FieldForm::mac:
      return format(MacAddress::from_bits(value.number()));
    case FieldForm::ipv4: {
      Ipv4Address address;
      std::copy(value.octets.end() - 4, value.octets.end(), address.octets.begin());
      return format(IpAddress{address});
    }
    case FieldForm::ipv6:
      return format(IpAddress{Ipv6Address{value.octets}});
  }
  return {};
}

Json to_json(const FieldMatch& match) {
  const MatchFieldInfo& row = info(match.field);
  Json spec = shown_value(match.spec, row);
  if (match.last) return Json{{"spec", spec}, {"last", shown_value(*match.last, row)}};
  if (match.mask == FieldValue::ones(row.bits)) return spec;
  for (std::uint8_t length = 0; length < row.bits; ++length) {
    if (match.mask == FieldValue::prefix(row.bits, length)) {
      return Json{{"spec", spec}, {"prefix", length}};
    }
  }
  return Json{{"spec", spec}, {"mask", shown_value(match.mask, row)}};
}

/// Attributes, pattern and actions, behind what `json` has.
Json with_rule(Json json, const MatchRule& rule) {
  json["group"] = 0;
  json["priority"] = rule.priority;
  json["ingress"] = true;
  json["pattern"] = Json::array();
  for (const ItemMatch& item : rule.pattern) {
    Json shown{{"item", std::string{info(item.item).name}}};
    for (const FieldMatch& field : item.fields) {
      shown[std::string{info(field.field).name}] = to_json(field);
    }
    json["pattern"].push_back(std::move(shown));
  }
  json["actions"] = Json::array();
  for (const MatchAction& action : rule.actions) {
    const MatchActionInfo& row = info(action.kind);
    Json shown{{"action", std::string{row.name}}};
    if (!row.parameter.empty()) shown[std::string{row.parameter}] = action.value;
    json["actions"].push_back(std::move(shown));
  }
  return json;
}

}  // namespace

Outcome<RuleConfig> parse_rule(const Json& json) {
  Fields fields{json, "rule"};
  RuleConfig config;
  config.port = read_port(fields);
  read_group(fields);
  config.rule.priority = fields.number<std::uint32_t>("priority", 0, 0, kMaxRulePriority);
  if (!fields.flag("ingress", true)) {
    fields.refuse("ingress", "must be true: rules look at what a port receives");
  }
  for (const char* list : {"pattern", "actions"}) {
    if (!fields.has(list)) fields.refuse(list, "is required");
  }
  fields.for_each("pattern", [&](const Json& element, const std::string& path) {
    fields.adopt(read_item(element, path, config.rule.pattern.emplace_back()));
  });
  fields.for_each("actions", [&](const Json& element, const std::string& path) {
    fields.adopt(read_action(element, path, config.rule.actions.emplace_back()));
  });
  if (auto failure = fields.finish()) return *failure;
  if (const auto checked = check(config.rule); !checked) {
    const RuleComplaint& complaint = checked.error();
    return refused(
        ErrorCode::bad_parameter, "rule." + complaint.path + ": " + complaint.reason, complaint.path
    );
  }
  return config;
}

Json to_json(const RuleConfig& config) {
  Json json = Json::object();
  if (!config.port.empty()) json["port"] = config.port;
  return with_rule(std::move(json), config.rule);
}

namespace {

/// An element of rule.apply's list: a rule.create without a port, but with a number.
Outcome<PortRule> parse_numbered(const Json& json, const std::string& path) {
  Fields fields{json, "rule", path};
  PortRule rule;
  if (!fields.has("rule")) fields.refuse("rule", "is required");
  rule.id = fields.number<std::uint32_t>("rule", 0, 0, 0xFFFFFFFF);
  if (fields.has("port")) fields.refuse("port", "there is no such parameter");
  if (!fields.is_ok()) return *fields.finish();
  Json alone = json;
  alone.erase("rule");
  alone["port"] = 0U;  // the document's is elsewhere
  auto config = parse_rule(alone);
  if (config) {
    rule.rule = std::move(config->rule);
    return rule;
  }
  Failure failure = config.error();
  constexpr std::string_view kObject = "rule.";
  failure.message = std::string{kObject} + path + "." + failure.message.substr(kObject.size());
  failure.field = path + "." + failure.field;
  return failure;
}

}  // namespace

Outcome<RuleDocument> parse_rule_document(const Json& json) {
  Fields fields{json, "rule"};
  RuleDocument document;
  document.port = read_port(fields);
  if (!fields.has("rules")) fields.refuse("rules", "is required");
  std::set<std::uint32_t> numbers;
  fields.for_each("rules", [&](const Json& element, const std::string& path) {
    if (!fields.is_ok()) return;
    auto rule = parse_numbered(element, path);
    std::optional<Failure> failure;
    if (!rule) {
      failure = rule.error();
    } else if (!numbers.insert(rule->id).second) {
      failure = refused(
          ErrorCode::bad_parameter,
          "rule." + path + ".rule: " + std::to_string(rule->id) + " is listed twice",
          path + ".rule"
      );
    } else {
      document.rules.push_back(std::move(*rule));
      return;
    }
    failure->index = document.rules.size();
    fields.adopt(std::move(failure));
  });
  if (auto failure = fields.finish()) return *failure;
  return document;
}

Json to_json(const PortRule& rule) {
  return with_rule(Json{{"rule", rule.id}}, rule.rule);
}

Outcome<RuleSelection> parse_rule_selection(const Json& json) {
  Fields fields{json, "rule"};
  RuleSelection selection;
  selection.port = read_port(fields);
  if (!fields.has("rules")) fields.refuse("rules", "is required");
  fields.for_each("rules", [&](const Json& element, const std::string& path) {
    if (element.is_number_unsigned() && element.get<std::uint64_t>() <= 0xFFFFFFFFU) {
      selection.rules.push_back(element.get<std::uint32_t>());
    } else if (fields.is_ok()) {
      fields.adopt(refused(
          ErrorCode::bad_parameter,
          "rule." + path + ": " + shown(element) + " is no rule's number",
          path
      ));
    }
  });
  if (fields.is_ok() && selection.rules.empty()) fields.refuse("rules", "is empty");
  if (selection.rules.size() > kMaxRulesDestroyed) {
    fields.refuse("rules", "more than " + std::to_string(kMaxRulesDestroyed) + " elements");
  }
  std::ranges::sort(selection.rules);
  const auto twice = std::ranges::adjacent_find(selection.rules);
  if (twice != selection.rules.end()) {
    fields.refuse("rules", std::to_string(*twice) + " is given twice");
  }
  if (auto failure = fields.finish()) return *failure;
  return selection;
}

Outcome<RuleQuery> parse_rule_query(const Json& json) {
  Fields fields{json, "rule"};
  RuleQuery query;
  query.port = read_port(fields);
  if (!fields.has("rule")) fields.refuse("rule", "is required");
  query.rule = fields.number<std::uint32_t>("rule", 0, 0, 0xFFFFFFFF);
  const std::string action = fields.text("action", "count");
  if (action != "count") {
    fields.refuse("action", in_quotes(action) + " can not be asked for: only count");
  }
  if (auto failure = fields.finish()) return *failure;
  return query;
}

Outcome<std::string> parse_rule_port(const Json& json) {
  Fields fields{json, "rule"};
  std::string port = read_port(fields);
  read_group(fields);
  if (auto failure = fields.finish()) return *failure;
  return port;
}

Json listed_rule(std::uint32_t id, const MatchRule& rule, const std::string& software_because) {
  Json json = with_rule(Json{{"rule", id}}, rule);
  json["where"] = software_because.empty() ? "hw" : "sw";
  if (!software_because.empty()) json["software_because"] = software_because;
  return json;
}

}  // namespace weft::control
