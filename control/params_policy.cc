#include "control/params_policy.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "classifier/qos.h"
#include "control/params_qos.h"

namespace weft::control {
namespace {

using classifier::Identity;
using classifier::PolicyAction;
using classifier::PolicyEnds;
using classifier::PolicyRule;
using classifier::Selector;
using classifier::Service;

constexpr std::size_t kMaxLabelText = 128;
constexpr std::uint32_t kMaxPriority = 65535;

// -- words ---------------------------------------------------------------------------------------

struct ProtocolName {
  std::string_view name;
  std::uint8_t number;
};
/// The names that operators know, of IANA's protocol numbers.
constexpr std::array kProtocols{
    ProtocolName{"icmp", 1},
    ProtocolName{"igmp", 2},
    ProtocolName{"tcp", 6},
    ProtocolName{"udp", 17},
    ProtocolName{"gre", 47},
    ProtocolName{"esp", 50},
    ProtocolName{"ah", 51},
    ProtocolName{"icmpv6", 58},
    ProtocolName{"sctp", 132},
};
constexpr std::uint8_t kIcmp = 1;
constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;
constexpr std::uint8_t kIcmpV6 = 58;
constexpr std::uint8_t kSctp = 132;

std::optional<PolicyAction> parse_action(std::string_view text) noexcept {
  if (text == "allow") return PolicyAction::allow;
  if (text == "deny") return PolicyAction::deny;
  return std::nullopt;
}

std::string_view name(PolicyEnds ends) noexcept {
  switch (ends) {
    case PolicyEnds::both:
      return "both";
    case PolicyEnds::sender:
      return "sender";
    case PolicyEnds::receiver:
      return "receiver";
  }
  return "";
}
std::optional<PolicyEnds> parse_ends(std::string_view text) noexcept {
  for (const PolicyEnds ends : {PolicyEnds::both, PolicyEnds::sender, PolicyEnds::receiver}) {
    if (text == name(ends)) return ends;
  }
  return std::nullopt;
}

/// What a group, a label's key or its value may be: printable, and none of the characters that a
/// label selector is written with. Longer than our names, because schedulers choose them.
bool is_label_text(std::string_view text) noexcept {
  return text.size() <= kMaxLabelText && std::ranges::all_of(text, [](char c) {
           return c > ' ' && c < 0x7F && c != '=' && c != '!' && c != ',' && c != '"';
         });
}
constexpr std::string_view kLabelTextRule =
    " is not 1 to 128 printable characters without blanks and '=', '!', ',', '\"'";

// -- selectors -----------------------------------------------------------------------------------

/// "app=web", "!canary", "tier", "!app=web".
std::optional<Selector::Term> parse_term(std::string_view text) {
  Selector::Term term;
  term.is_negated = text.starts_with('!');
  if (term.is_negated) text.remove_prefix(1);
  const std::size_t equals = text.find('=');
  term.key = text.substr(0, equals);
  term.has_value = equals != std::string_view::npos;
  if (term.has_value) term.value = text.substr(equals + 1);
  if (term.key.empty() || !is_label_text(term.key) || !is_label_text(term.value)) {
    return std::nullopt;
  }
  return term;
}

std::string format_term(const Selector::Term& term) {
  return std::string{term.is_negated ? "!" : ""} + term.key +
         (term.has_value ? "=" + term.value : std::string{});
}

std::vector<Selector::Term> read_terms(Fields& fields) {
  std::vector<Selector::Term> terms;
  fields.for_each("labels", [&](const Json& element, const std::string&) {
    if (!fields.is_ok()) return;
    const auto term = element.is_string() ? parse_term(element.get_ref<const std::string&>())
                                          : std::optional<Selector::Term>{};
    if (!term.has_value()) {
      fields.refuse("labels", shown(element) + " is not a term like \"app=web\" or \"!canary\"");
      return;
    }
    terms.push_back(*term);
  });
  if (terms.size() > kMaxGroups) {
    fields.refuse("labels", "more than " + std::to_string(kMaxGroups) + " terms");
  }
  return terms;
}

Selector read_selector(Fields& outer, const char* name, const std::string& path) {
  Selector selector;
  const Json* json = outer.find(name);
  if (json == nullptr || *json == "any") return selector;
  const std::string inner_path = path.empty() ? std::string{name} : path + "." + name;
  if (!json->is_object() || json->size() != 1) {
    outer.refuse(
        name,
        shown(*json) +
            R"( is not "any", {"group": NAME}, {"labels": [TERM, ...]} or {"cidr": PREFIX})"
    );
    return selector;
  }
  Fields fields{*json, "policy", inner_path};
  if (fields.has("group")) {
    selector.kind = Selector::Kind::group;
    selector.group = fields.required_text("group");
    if (fields.is_ok() && !is_label_text(selector.group)) {
      fields.refuse("group", in_quotes(selector.group) + std::string{kLabelTextRule});
    }
  } else if (fields.has("labels")) {
    selector.kind = Selector::Kind::labels;
    selector.terms = read_terms(fields);
  } else if (fields.has("cidr")) {
    selector.kind = Selector::Kind::cidr;
    selector.prefix = fields.prefix("cidr").value_or(IpPrefix{});
  }
  outer.adopt(fields.finish());
  return selector;
}

// -- services ------------------------------------------------------------------------------------

void read_protocol(Fields& fields, Service& service) {
  const Json* json = fields.find("protocol");
  if (json == nullptr || *json == "any") return;
  service.any_protocol = false;
  if (json->is_number_integer()) {
    service.protocol = fields.number<std::uint8_t>("protocol", 0, 0, 255);
    return;
  }
  const std::string given = fields.required_text("protocol");
  const auto* found = std::ranges::find(kProtocols, given, &ProtocolName::name);
  if (found == kProtocols.end()) {
    std::string words;
    for (const ProtocolName& protocol : kProtocols) words += std::string{protocol.name} + ", ";
    fields.refuse(
        "protocol", in_quotes(given) + " is none of " + words + "any, and no number of 0 to 255"
    );
    return;
  }
  service.protocol = found->number;
}

std::optional<std::uint16_t> parse_port(std::string_view text) noexcept {
  std::uint16_t port{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return port;
}

void read_ports(Fields& fields, Service& service) {
  const Json* json = fields.find("ports");
  if (json == nullptr) return;
  if (service.any_protocol ||
      (service.protocol != kTcp && service.protocol != kUdp && service.protocol != kSctp)) {
    fields.refuse("ports", "only tcp, udp and sctp have ports");
    return;
  }
  const std::string text = json->is_string() ? json->get<std::string>() : json->dump();
  const std::size_t dash = text.find('-');
  const auto first = parse_port(std::string_view{text}.substr(0, dash));
  const auto last =
      dash == std::string::npos ? first : parse_port(std::string_view{text}.substr(dash + 1));
  if (!first.has_value() || !last.has_value()) {
    fields.refuse("ports", shown(*json) + " is neither a port nor a range like \"8000-8999\"");
  } else if (*last < *first) {
    fields.refuse("ports", shown(*json) + " is reversed");
  } else if (*first == 0 && *last != 65535) {
    fields.refuse("ports", shown(*json) + ": port 0 is reserved");
  } else {
    service.first_port = *first;
    service.last_port = *last;
  }
}

void read_icmp_type(Fields& fields, Service& service) {
  if (fields.find("icmp_type") == nullptr) return;
  service.any_icmp_type = false;
  service.icmp_type = fields.number<std::uint8_t>("icmp_type", 0, 0, 255);
  if (service.any_protocol || (service.protocol != kIcmp && service.protocol != kIcmpV6)) {
    fields.refuse("icmp_type", "only icmp and icmpv6 have types");
  }
}

/// The fields of one rule. `path`: where it is inside the parameters, empty at the top.
PolicyRuleConfig read_rule(Fields& fields, const std::string& path) {
  PolicyRuleConfig config;
  PolicyRule& rule = config.rule;
  rule.name = fields.required_name("name");
  rule.priority = fields.number<std::uint32_t>("priority", kDefaultPriority, 0, kMaxPriority);
  if (fields.is_ok() && !fields.has("action")) fields.refuse("action", "is required");
  rule.action = fields.word("action", PolicyAction::deny, parse_action, "allow, deny");
  rule.ends = fields.word("ends", PolicyEnds::both, parse_ends, "both, sender, receiver");
  rule.from = read_selector(fields, "from", path);
  rule.to = read_selector(fields, "to", path);
  read_protocol(fields, rule.service);
  read_ports(fields, rule.service);
  read_icmp_type(fields, rule.service);
  rule.is_stateful = fields.flag("stateful", true);
  rule.dscp = read_dscp(fields, "class").value_or(classifier::kNoClass);
  if (fields.has("meter")) config.meter = fields.required_name("meter");
  if (fields.has("l7")) config.l7 = fields.required_name("l7");
  const bool is_deny = rule.action == PolicyAction::deny;
  if (is_deny && rule.dscp != classifier::kNoClass) {
    fields.refuse("class", "a rule that denies gives no class");
  }
  if (is_deny && !config.meter.empty()) {
    fields.refuse("meter", "a rule that denies has nothing to meter");
  }
  if (!fields.is_ok()) return config;
  if (const auto problem = classifier::problem_of(rule)) fields.refuse_whole(*problem);
  return config;
}

}  // namespace

// -- identities ----------------------------------------------------------------------------------

Identity read_identity(Fields& fields, const Identity& current) {
  Identity identity = current;
  if (fields.has("groups")) {
    identity.groups.clear();
    fields.for_each("groups", [&](const Json& element, const std::string&) {
      const bool is_text = element.is_string() && !element.get_ref<const std::string&>().empty() &&
                           is_label_text(element.get_ref<const std::string&>());
      if (is_text) {
        identity.groups.push_back(element.get<std::string>());
      } else {
        fields.refuse("groups", shown(element) + std::string{kLabelTextRule});
      }
    });
    std::ranges::sort(identity.groups);
    identity.groups.erase(
        std::unique(identity.groups.begin(), identity.groups.end()), identity.groups.end()
    );
  }
  if (identity.groups.size() > kMaxGroups) {
    fields.refuse("groups", "more than " + std::to_string(kMaxGroups) + " elements");
  }
  const Json* labels = fields.find("labels");
  if (labels == nullptr) return identity;
  identity.labels.clear();
  if (!labels->is_object()) {
    fields.refuse("labels", shown(*labels) + " is not an object");
    return identity;
  }
  for (const auto& [key, value] : labels->items()) {
    if (key.empty() || !is_label_text(key)) {
      fields.refuse("labels", in_quotes(key) + std::string{kLabelTextRule});
    } else if (!value.is_string() || !is_label_text(value.get_ref<const std::string&>())) {
      fields.refuse("labels", "the value of " + in_quotes(key) + std::string{kLabelTextRule});
    } else {
      identity.labels.emplace_back(key, value.get<std::string>());
    }
  }
  std::ranges::sort(identity.labels);
  if (identity.labels.size() > kMaxGroups) {
    fields.refuse("labels", "more than " + std::to_string(kMaxGroups) + " elements");
  }
  return identity;
}

void add_identity(Json& json, const Identity& identity) {
  if (!identity.groups.empty()) json["groups"] = identity.groups;
  if (identity.labels.empty()) return;
  json["labels"] = Json::object();
  for (const auto& [key, value] : identity.labels) json["labels"][key] = value;
}

// -- rules ---------------------------------------------------------------------------------------

Json to_json(const Selector& selector) {
  switch (selector.kind) {
    case Selector::Kind::any:
      return "any";
    case Selector::Kind::group:
      return Json{{"group", selector.group}};
    case Selector::Kind::labels: {
      Json terms = Json::array();
      for (const Selector::Term& term : selector.terms) terms.push_back(format_term(term));
      return Json{{"labels", std::move(terms)}};
    }
    case Selector::Kind::cidr:
      return Json{{"cidr", format(selector.prefix)}};
  }
  return {};
}

Json protocol_json(std::uint8_t number) {
  const auto* found = std::ranges::find(kProtocols, number, &ProtocolName::number);
  return found == kProtocols.end() ? Json(number) : Json(found->name);
}

Json to_json(const PolicyRuleConfig& config) {
  const PolicyRule& rule = config.rule;
  const Service& service = rule.service;
  Json json{
      {"name", rule.name},
      {"priority", rule.priority},
      {"action", rule.action == PolicyAction::allow ? "allow" : "deny"},
      {"from", to_json(rule.from)},
      {"to", to_json(rule.to)},
      {"ends", name(rule.ends)},
  };
  json["protocol"] = service.any_protocol ? Json("any") : protocol_json(service.protocol);
  if (service.first_port != 0 || service.last_port != 65535) {
    std::string ports = std::to_string(service.first_port);
    if (service.last_port != service.first_port) ports += "-" + std::to_string(service.last_port);
    json["ports"] = std::move(ports);
  }
  if (!service.any_icmp_type) json["icmp_type"] = service.icmp_type;
  json["stateful"] = rule.is_stateful;
  if (rule.dscp != classifier::kNoClass) json["class"] = classifier::format_dscp(rule.dscp);
  if (!config.meter.empty()) json["meter"] = config.meter;
  if (!config.l7.empty()) json["l7"] = config.l7;
  return json;
}

Outcome<PolicyAddition> parse_policy_addition(const Json& json) {
  Fields fields{json, "policy"};
  PolicyAddition addition;
  addition.tenant = fields.required_name("tenant");
  addition.rule = read_rule(fields, "");
  if (auto failure = fields.finish()) return *failure;
  return addition;
}

Outcome<PolicyDocument> parse_policy_document(const Json& json) {
  Fields fields{json, "policy"};
  PolicyDocument document;
  document.tenant = fields.required_name("tenant");
  if (fields.is_ok() && !fields.has("rules")) fields.refuse("rules", "is required");
  fields.for_each("rules", [&](const Json& element, const std::string& path) {
    if (!fields.is_ok()) return;
    Fields inner{element, "policy", path};
    document.rules.push_back(read_rule(inner, path));
    auto failure = inner.finish();
    if (failure.has_value()) failure->index = document.rules.size() - 1U;
    fields.adopt(std::move(failure));
  });
  if (document.rules.size() > kMaxPolicyRules) {
    fields.refuse("rules", "more than " + std::to_string(kMaxPolicyRules) + " elements");
  }
  if (auto failure = fields.finish()) return *failure;
  return document;
}

// -- parameters of several verbs -----------------------------------------------------------------

Outcome<TenantsObject> parse_tenants_object(const Json& json, const std::string& object) {
  Fields fields{json, object};
  TenantsObject named;
  named.tenant = fields.required_name("tenant");
  named.name = fields.required_name("name");
  if (auto failure = fields.finish()) return *failure;
  return named;
}

Outcome<std::optional<std::string>> parse_only_tenant(const Json& json, const std::string& object) {
  Fields fields{json, object};
  std::optional<std::string> tenant;
  if (fields.has("tenant")) tenant = fields.required_name("tenant");
  if (auto failure = fields.finish()) return *failure;
  return tenant;
}

std::string_view name(classifier::PolicyDefault value) noexcept {
  switch (value) {
    case classifier::PolicyDefault::allow:
      return "allow";
    case classifier::PolicyDefault::deny:
      return "deny";
    case classifier::PolicyDefault::groups:
      return "groups";
  }
  return "";
}

std::optional<classifier::PolicyDefault> parse_policy_default(std::string_view text) noexcept {
  using classifier::PolicyDefault;
  for (const PolicyDefault value :
       {PolicyDefault::allow, PolicyDefault::deny, PolicyDefault::groups}) {
    if (text == name(value)) return value;
  }
  return std::nullopt;
}

}  // namespace weft::control
