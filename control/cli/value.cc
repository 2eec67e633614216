#include "control/cli/value.h"

#include <algorithm>
#include <array>

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
    ValueKind{"PATH", "a path", kText, Live::files, is_text},
    ValueKind{"FILE", "a file of commands", kText, Live::files, is_text},
    ValueKind{"METHOD", "a method of the control socket", kText, Live::none, is_method},
    ValueKind{"JSON", "a JSON object", ValueForm::rest, Live::none, is_text},
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
