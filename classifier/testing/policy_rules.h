// Rules in one line each, for tests and benchmarks: rule(group("web"), group("app"), tcp(8080), allow).
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "classifier/policy_rules.h"
#include "dataplane/net/addr.h"
#include "dataplane/net/headers.h"

namespace weft::classifier::testing {

/// Precondition, as of all helpers here: the text is valid.
[[nodiscard]] inline IpPrefix prefix(const std::string& text) {
  return *parse_prefix(text);
}
[[nodiscard]] inline IpAddress ip(const std::string& text) {
  return *parse_ip(text);
}

[[nodiscard]] inline Selector any() {
  return {};
}
[[nodiscard]] inline Selector group(const std::string& name) {
  Selector selector;
  selector.kind = Selector::Kind::group;
  selector.group = name;
  return selector;
}
[[nodiscard]] inline Selector cidr(const IpPrefix& prefix) {
  Selector selector;
  selector.kind = Selector::Kind::cidr;
  selector.prefix = prefix;
  return selector;
}
[[nodiscard]] inline Selector cidr(const std::string& text) {
  return cidr(prefix(text));
}
/// Terms as an operator writes them: "key", "key=value", and either after "!".
[[nodiscard]] inline Selector labels(const std::vector<std::string>& terms) {
  Selector selector;
  selector.kind = Selector::Kind::labels;
  for (std::string text : terms) {
    Selector::Term term;
    term.is_negated = text.front() == '!';
    if (term.is_negated) text.erase(0, 1);
    const std::size_t equals = text.find('=');
    term.has_value = equals != std::string::npos;
    term.key = text.substr(0, equals);
    if (term.has_value) term.value = text.substr(equals + 1);
    selector.terms.push_back(std::move(term));
  }
  return selector;
}

[[nodiscard]] inline Service protocol(std::uint8_t number) {
  Service service;
  service.any_protocol = false;
  service.protocol = number;
  return service;
}
[[nodiscard]] inline Service tcp(std::uint16_t first, std::uint16_t last) {
  Service service = protocol(kIpProtoTcp);
  service.first_port = first;
  service.last_port = last;
  return service;
}
[[nodiscard]] inline Service tcp(std::uint16_t port) {
  return tcp(port, port);
}
[[nodiscard]] inline Service icmp_type(std::uint8_t type, std::uint8_t number = kIpProtoIcmp) {
  Service service = protocol(number);
  service.any_icmp_type = false;
  service.icmp_type = type;
  return service;
}

[[nodiscard]] inline PolicyRule rule(
    Selector from, Selector to, const Service& service, PolicyAction action
) {
  PolicyRule rule;
  rule.from = std::move(from);
  rule.to = std::move(to);
  rule.service = service;
  rule.action = action;
  return rule;
}

}  // namespace weft::classifier::testing
