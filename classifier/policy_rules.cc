#include "classifier/policy_rules.h"

#include <algorithm>

#include "dataplane/net/headers.h"

namespace weft::classifier {
namespace {

constexpr std::uint8_t kIpProtoSctp = 132;  // not among headers.h: nothing else knows SCTP
constexpr std::uint8_t kMaxDscp = 63;
constexpr std::uint16_t kMaxPort = 65535;

// One more than the longest prefix can reach: an endpoint's name is narrower than any network.
constexpr std::uint32_t kEveryEndpoint = 130;
constexpr std::size_t kMaxCountedTerms = 1000;

std::uint32_t specificity(const Selector& side) noexcept {
  switch (side.kind) {
    case Selector::Kind::any:
      return 0;
    case Selector::Kind::cidr:
      return 1U + side.prefix.length + (side.prefix.address.is_v4() ? 96U : 0U);
    case Selector::Kind::group:
      return kEveryEndpoint + 1;
    case Selector::Kind::labels:
      return kEveryEndpoint +
             static_cast<std::uint32_t>(std::min(side.terms.size(), kMaxCountedTerms));
  }
  return 0;
}

bool has_port_range(const Service& service) noexcept {
  return service.first_port != 0 || service.last_port != kMaxPort;
}

std::uint32_t specificity(const Service& service) noexcept {
  if (service.any_protocol) return 0;
  if (!service.any_icmp_type) return 2U + kMaxPort;
  if (!has_port_range(service)) return 1;
  const std::uint32_t width = std::uint32_t{service.last_port} - service.first_port;
  return 2U + kMaxPort - width;
}

bool has_ports(std::uint8_t protocol) noexcept {
  return protocol == kIpProtoTcp || protocol == kIpProtoUdp || protocol == kIpProtoSctp;
}

std::optional<std::string> problem_of(const Selector& side, const char* name) {
  switch (side.kind) {
    case Selector::Kind::any:
      return std::nullopt;
    case Selector::Kind::group:
      if (side.group.empty()) return std::string{name} + ": a group needs a name";
      return std::nullopt;
    case Selector::Kind::labels:
      for (const Selector::Term& term : side.terms) {
        if (term.key.empty()) return std::string{name} + ": a label needs a key";
      }
      return std::nullopt;
    case Selector::Kind::cidr: {
      const unsigned limit = side.prefix.address.is_v4() ? 32 : 128;
      if (side.prefix.length <= limit) return std::nullopt;
      return std::string{name} + ": prefix length " + std::to_string(side.prefix.length) + " of " +
             format(side.prefix.address) + " is above the limit " + std::to_string(limit);
    }
  }
  return std::nullopt;
}

std::optional<std::string> problem_of(const Service& service) {
  const std::string ports =
      "ports " + std::to_string(service.first_port) + "-" + std::to_string(service.last_port);
  if (service.first_port > service.last_port) {
    return ports + ": the first is above the last";
  }
  if (has_port_range(service)) {
    if (service.any_protocol) return ports + ": need a protocol (tcp, udp or sctp)";
    if (!has_ports(service.protocol)) {
      return ports + ": protocol " + std::to_string(service.protocol) +
             " has no ports; tcp (6), udp (17) and sctp (132) have";
    }
    if (service.first_port == 0) {
      return ports + ": port 0 is reserved; a range begins at 1 or is 0-65535, any port";
    }
  }
  if (!service.any_icmp_type && (service.any_protocol || (service.protocol != kIpProtoIcmp &&
                                                          service.protocol != kIpProtoIcmpv6))) {
    return "icmp type " + std::to_string(service.icmp_type) +
           ": needs protocol icmp (1) or icmpv6 (58)";
  }
  return std::nullopt;
}

/// A rule that no packet can satisfy because of IP versions.
std::optional<std::string> family_problem_of(const PolicyRule& rule) {
  for (const Selector* side : {&rule.from, &rule.to}) {
    if (side->kind != Selector::Kind::cidr || rule.service.any_protocol) continue;
    const bool is_v4 = side->prefix.address.is_v4();
    if (rule.service.protocol != (is_v4 ? kIpProtoIcmpv6 : kIpProtoIcmp)) continue;
    return "protocol " + std::to_string(rule.service.protocol) + (is_v4 ? " (icmpv6)" : " (icmp)") +
           " never occurs with " + format(side->prefix);
  }
  if (rule.from.kind != Selector::Kind::cidr || rule.to.kind != Selector::Kind::cidr ||
      rule.from.prefix.address.is_v4() == rule.to.prefix.address.is_v4()) {
    return std::nullopt;
  }
  return "from " + format(rule.from.prefix) + " to " + format(rule.to.prefix) +
         ": no packet is IPv4 and IPv6 at once";
}

std::optional<std::string> problem_of_treatment(const PolicyRule& rule) {
  if (rule.dscp != kNoClass && rule.dscp > kMaxDscp) {
    return "dscp " + std::to_string(rule.dscp) + " is above the limit " + std::to_string(kMaxDscp);
  }
  if (rule.action == PolicyAction::allow) return std::nullopt;
  if (rule.dscp != kNoClass) {
    return "dscp " + std::to_string(rule.dscp) + ": a rule that denies gives no class";
  }
  if (rule.meter != kNoMeter) {
    return "meter " + std::to_string(rule.meter) + ": a rule that denies has nothing to meter";
  }
  return std::nullopt;
}

}  // namespace

std::uint32_t specificity(const PolicyRule& rule) noexcept {
  // The service needs 17 bits and the sides 12: 2 * 1130.
  return ((specificity(rule.from) + specificity(rule.to)) << 17U) + specificity(rule.service);
}

std::optional<std::string> problem_of(const PolicyRule& rule) {
  if (auto problem = problem_of(rule.from, "from")) return problem;
  if (auto problem = problem_of(rule.to, "to")) return problem;
  if (auto problem = problem_of(rule.service)) return problem;
  if (auto problem = family_problem_of(rule)) return problem;
  return problem_of_treatment(rule);
}

}  // namespace weft::classifier
