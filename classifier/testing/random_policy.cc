#include "classifier/testing/random_policy.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <string>

namespace weft::classifier::testing {
namespace {

constexpr std::uint8_t kPortProtocols[] = {6, 6, 6, 17, 17, 132};

std::uint32_t below(std::mt19937& random, std::size_t limit) {
  return static_cast<std::uint32_t>(random() % limit);
}
bool one_in(std::mt19937& random, std::uint32_t n) {
  return random() % n == 0;
}

/// One of a few values, usually, so that prefixes nest and addresses fall into them.
std::uint8_t random_octet(std::mt19937& random) {
  static constexpr std::uint8_t kUsual[] = {0, 0, 0, 0, 1, 2, 3, 128, 129, 130};
  return one_in(random, 4) ? static_cast<std::uint8_t>(random())
                           : kUsual[below(random, std::size(kUsual))];
}

IpAddress random_address(std::mt19937& random, bool is_v4) {
  if (is_v4) {
    Ipv4Address v4{{10, 0, 0, 0}};
    for (std::size_t i = 1; i < 4; ++i) v4.octets[i] = random_octet(random);
    if (one_in(random, 8)) v4.octets[0] = random_octet(random);
    return IpAddress{v4};
  }
  Ipv6Address v6{{0x20, 0x01, 0x0d, 0xb8}};
  for (const std::size_t i : {4U, 5U, 7U, 8U, 14U, 15U}) v6.octets[i] = random_octet(random);
  if (one_in(random, 8)) v6.octets[0] = random_octet(random);
  return IpAddress{v6};
}

IpPrefix random_prefix(std::mt19937& random, bool is_v4) {
  static constexpr std::uint8_t kUsual[] = {0, 8, 16, 24, 25, 31, 32};
  const std::uint32_t limit = is_v4 ? 32 : 128;
  const std::uint32_t usual = kUsual[below(random, std::size(kUsual))] * (is_v4 ? 1U : 4U);
  const std::uint32_t length = one_in(random, 2) ? usual : below(random, limit + 1);
  return {random_address(random, is_v4), static_cast<std::uint8_t>(length)};
}

std::string random_group(std::mt19937& random) {
  return "g" + std::to_string(below(random, 8));
}
std::pair<std::string, std::string> random_label(std::mt19937& random) {
  return {
      std::string(1, static_cast<char>('a' + below(random, 3))), std::to_string(below(random, 3))};
}

template <typename T>
void make_set(std::vector<T>& items) {
  std::sort(items.begin(), items.end());
  items.erase(std::unique(items.begin(), items.end()), items.end());
}

Identity random_identity(std::mt19937& random) {
  Identity identity;
  for (std::uint32_t i = below(random, 4); i > 0; --i)
    identity.groups.push_back(random_group(random));
  for (std::uint32_t i = below(random, 4); i > 0; --i)
    identity.labels.push_back(random_label(random));
  make_set(identity.groups);
  make_set(identity.labels);
  return identity;
}

Selector random_selector(std::mt19937& random, bool is_v4) {
  Selector selector;
  switch (below(random, 8)) {
    case 0:
    case 1:
      break;
    case 2:
    case 3:
      selector.kind = Selector::Kind::group;
      // Some have no members.
      selector.group = one_in(random, 10) ? "nobody" : random_group(random);
      break;
    case 4:
    case 5:
      selector.kind = Selector::Kind::labels;
      for (std::uint32_t i = below(random, 4); i > 0; --i) {
        const auto [key, value] = random_label(random);
        const bool has_value = !one_in(random, 3);
        selector.terms.push_back({key, has_value ? value : "", has_value, one_in(random, 3)});
      }
      break;
    default:
      selector.kind = Selector::Kind::cidr;
      selector.prefix = random_prefix(random, is_v4);
  }
  return selector;
}

std::uint16_t random_port(std::mt19937& random) {
  static constexpr std::uint16_t kEdges[] = {1, 2, 79, 80, 81, 255, 256, 8080, 65534, 65535};
  return one_in(random, 3) ? static_cast<std::uint16_t>(1 + below(random, 65535))
                           : kEdges[below(random, std::size(kEdges))];
}

Service random_wanted(std::mt19937& random, bool is_v4) {
  Service service;
  const std::uint32_t kind = below(random, 10);
  if (kind == 0) return service;
  service.any_protocol = false;
  if (kind == 1) {
    service.protocol = 47;
    return service;
  }
  if (kind == 2) {
    service.protocol = is_v4 ? 1 : 58;
    service.any_icmp_type = one_in(random, 2);
    service.icmp_type = service.any_icmp_type ? 0 : static_cast<std::uint8_t>(below(random, 12));
    return service;
  }
  service.protocol = kPortProtocols[below(random, std::size(kPortProtocols))];
  if (kind == 3) return service;
  const auto [first, last] = std::minmax({random_port(random), random_port(random)});
  service.first_port = first;
  service.last_port = kind < 7 ? first : last;
  return service;
}

PolicyRule random_rule(std::mt19937& random, std::uint32_t position) {
  const bool is_v4 = !one_in(random, 3);
  PolicyRule rule;
  rule.name = "r" + std::to_string(position);
  rule.priority = one_in(random, 4) ? below(random, 4) : 1;
  rule.ends = std::array{
      PolicyEnds::both,
      PolicyEnds::both,
      PolicyEnds::sender,
      PolicyEnds::receiver}[below(random, 4)];
  rule.from = random_selector(random, is_v4);
  rule.to = random_selector(random, is_v4);
  rule.service = random_wanted(random, is_v4);
  rule.action = one_in(random, 2) ? PolicyAction::allow : PolicyAction::deny;
  rule.is_stateful = !one_in(random, 5);
  rule.counter = position * 3 + 1;
  if (rule.action == PolicyAction::allow && one_in(random, 3)) {
    rule.dscp = static_cast<std::uint8_t>(below(random, 64));
    rule.meter = static_cast<std::uint16_t>(below(random, 100));
  }
  return rule;
}

}  // namespace

PolicySource random_policy(std::mt19937& random, const RandomPolicyShape& shape) {
  PolicySource source;
  source.identities.emplace_back();
  while (source.identities.size() < shape.identities) {
    source.identities.push_back(random_identity(random));
  }
  while (source.rules.size() < shape.rules) {
    source.rules.push_back(random_rule(random, static_cast<std::uint32_t>(source.rules.size())));
  }
  while (source.agents.size() < shape.agents) {
    const bool is_v4 = one_in(random, 2);
    const auto length = static_cast<std::uint8_t>((is_v4 ? 32U : 128U) - below(random, 4));
    source.agents.push_back({random_address(random, is_v4), length});
  }
  return source;
}

Party random_party(std::mt19937& random, const PolicySource& source, bool is_v4) {
  Party party;
  // Addresses of rules and agents, as well as others.
  const IpAddress near = random_address(random, is_v4);
  party.address = near;
  if (!source.agents.empty() && one_in(random, 12)) {
    const IpAddress agent = source.agents[below(random, source.agents.size())].address;
    if (agent.is_v4() == is_v4) party.address = agent;
  } else if (!source.rules.empty() && one_in(random, 2)) {
    const Selector& selector = source.rules[below(random, source.rules.size())].from;
    if (selector.kind == Selector::Kind::cidr && selector.prefix.address.is_v4() == is_v4) {
      party.address = selector.prefix.address;
    }
  }
  if (!one_in(random, 4)) {
    party.identity = below(random, source.identities.size() + 1);
  }
  return party;
}

ServicePoint random_service(std::mt19937& random, bool is_v4) {
  const std::uint32_t kind = below(random, 10);
  if (kind == 0) return {static_cast<std::uint8_t>(random()), 0};
  if (kind == 1) return {47, 0};
  if (kind == 2) {
    return {
        static_cast<std::uint8_t>(is_v4 ? 1 : 58), static_cast<std::uint16_t>(below(random, 12))};
  }
  const std::uint16_t port = one_in(random, 20) ? std::uint16_t{0} : random_port(random);
  return {kPortProtocols[below(random, std::size(kPortProtocols))], port};
}

}  // namespace weft::classifier::testing
