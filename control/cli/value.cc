#include "control/cli/value.h"

#include <algorithm>
#include <array>

#include "control/cli/selector.h"
#include "dataplane/net/addr.h"

namespace weft::cli {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_alnum(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_name(std::string_view word) {
  constexpr std::size_t kMaxName = 63;
  return !word.empty() && word.size() <= kMaxName && is_alnum(word.front()) &&
         std::ranges::all_of(word, [](char c) {
           return is_alnum(c) || c == '.' || c == '_' || c == '-';
         });
}

bool is_number(std::string_view word) {
  constexpr std::size_t kMaxDigits = 19;  // what always fits 64 bits
  return !word.empty() && word.size() <= kMaxDigits && std::ranges::all_of(word, is_digit);
}

/// A word that cannot be mistaken for an option.
bool is_text(std::string_view word) {
  return !word.empty() && word.front() != '-';
}

/// "-" is standard input, where a command takes it.
bool is_file(std::string_view word) {
  return word == "-" || is_text(word);
}

bool is_method(std::string_view word) {
  return is_text(word) &&
         std::ranges::all_of(word, [](char c) { return is_alnum(c) || c == '.' || c == '_'; });
}

bool is_mac(std::string_view word) {
  return parse_mac(word).has_value();
}
bool is_ip(std::string_view word) {
  return parse_ip(word).has_value();
}
bool is_prefix(std::string_view word) {
  return parse_prefix(word).has_value();
}

/// "200000000" or "200Mbit/s": the daemon judges the unit.
bool is_bit_rate(std::string_view word) {
  return !word.empty() && is_digit(word.front());
}
/// "80" or "8000-8999".
bool is_ports(std::string_view word) {
  const std::size_t dash = word.find('-');
  return is_number(word.substr(0, dash)) &&
         (dash == std::string_view::npos || is_number(word.substr(dash + 1)));
}
/// "key=value".
bool is_label(std::string_view word) {
  const std::size_t equals = word.find('=');
  return is_text(word) && equals != std::string_view::npos && equals > 0;
}
nlohmann::json label_of(std::string_view word) {
  const std::size_t equals = word.find('=');
  return {{std::string{word.substr(0, equals)}, std::string{word.substr(equals + 1)}}};
}
nlohmann::json regex_of(std::string_view word) {
  return {{"regex", std::string{word}}};
}
constexpr ValueForm kText = ValueForm::text;

constexpr std::array kKinds{
    ValueKind{
        "NAME", "a name of 1 to 63 letters, digits, `.`, `_`, `-`", kText, Live::none, is_name},
    ValueKind{"TENANT", "a tenant's name", kText, Live::tenants, is_name},
    ValueKind{"SEGMENT", "a segment's name", kText, Live::segments, is_name},
    ValueKind{"CONTAINER", "a container's id", kText, Live::containers, is_text},
    ValueKind{
        "ENDPOINT", "a container's id or container/interface", kText, Live::endpoints, is_text},
    ValueKind{"IFNAME", "an interface's name", kText, Live::none, is_text},
    ValueKind{"PORT", "a port's number or name", kText, Live::ports, is_text},
    ValueKind{"UPLINK", "an uplink's name or number", kText, Live::uplinks, is_name},
    ValueKind{"DEVICE", "a PCI address, a DPDK vdev or KIND:INTERFACE", kText, Live::none, is_text},
    ValueKind{"IP", "an IPv4 or IPv6 address", kText, Live::none, is_ip},
    ValueKind{"PREFIX", "an address with its length, as 10.1.0.5/24", kText, Live::none, is_prefix},
    ValueKind{"MAC", "a MAC address, as 02:00:00:00:00:01", kText, Live::none, is_mac},
    ValueKind{"NUMBER", "a number", ValueForm::number, Live::none, is_number},
    ValueKind{"SECONDS", "a number of seconds", ValueForm::number, Live::none, is_number},
    ValueKind{"PID", "a process id", ValueForm::number, Live::none, is_number},
    ValueKind{"RATE", "a number of frames per second", ValueForm::number, Live::none, is_number},
    ValueKind{"OCTETS", "a number of octets", ValueForm::number, Live::none, is_number},
    ValueKind{"BITRATE", "a rate, as 200Mbit/s or bits per second", kText, Live::none, is_bit_rate},
    ValueKind{"CLASS", "a class, as AF41 or EF", kText, Live::none, is_text},
    ValueKind{"PROTOCOL", "a protocol, as icmp", kText, Live::none, is_text},
    ValueKind{"PORTS", "a port or a range, as 8000-8999", kText, Live::none, is_ports},
    ValueKind{
        "SELECTOR",
        "any, group:NAME, label:KEY=VALUE,!KEY or a prefix",
        ValueForm::converted,
        Live::none,
        is_selector,
        selector_of},
    ValueKind{"GROUP", "a group's name", kText, Live::none, is_text},
    ValueKind{"LABEL", "a label, as app=web", ValueForm::entry, Live::none, is_label, label_of},
    ValueKind{"RULE", "a policy rule's name", kText, Live::rules, is_name},
    ValueKind{"METER", "a meter's name", kText, Live::meters, is_name},
    ValueKind{"ACTION", "pass, drop or a class", kText, Live::none, is_text},
    ValueKind{"L7CLASS", "an L7 class's name", kText, Live::l7_classes, is_name},
    ValueKind{"BUILTIN", "a built-in pattern, as ssh", kText, Live::none, is_text},
    ValueKind{"REGEX", "a regular expression", ValueForm::converted, Live::none, is_text, regex_of},
    ValueKind{"PATH", "a path", kText, Live::files, is_text},
    ValueKind{"FILE", "a file", kText, Live::files, is_file},
    ValueKind{"METHOD", "a method of the control socket", kText, Live::none, is_method},
    ValueKind{"JSON", "a JSON object", ValueForm::rest, Live::none, is_text},
    ValueKind{
        "ARGUMENTS",
        "validate, create, destroy, flush, list or query",
        ValueForm::rest,
        Live::none,
        is_text},
    ValueKind{"TOPIC", "a word of the command", kText, Live::none, is_text},
};

}  // namespace

std::span<const ValueKind> value_kinds() noexcept {
  return kKinds;
}

const ValueKind* find_value_kind(std::string_view placeholder) noexcept {
  const auto* found = std::ranges::find(kKinds, placeholder, &ValueKind::placeholder);
  return found == kKinds.end() ? nullptr : found;
}

}  // namespace weft::cli
