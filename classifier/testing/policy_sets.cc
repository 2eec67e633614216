#include "classifier/testing/policy_sets.h"

#include <algorithm>
#include <string>

#include "classifier/testing/policy_rules.h"

namespace weft::classifier::testing {
namespace {

constexpr std::uint32_t kGroups = 1000;
constexpr std::uint32_t kEndpoints = 4000;

std::uint32_t below(std::mt19937& random, std::uint32_t limit) {
  return static_cast<std::uint32_t>(random() % limit);
}
std::uint16_t random_port(std::mt19937& random) {
  return static_cast<std::uint16_t>(1 + below(random, 65535));
}

std::string group_name(std::uint32_t i) {
  return "group" + std::to_string(i);
}

IpAddress v4_address(std::uint32_t bits) {
  const auto octet = [bits](unsigned shift) { return static_cast<std::uint8_t>(bits >> shift); };
  return IpAddress{Ipv4Address{{octet(24), octet(16), octet(8), octet(0)}}};
}
IpAddress v6_address(std::mt19937& random) {
  Ipv6Address v6{{0x20, 0x01, 0x0d, 0xb8}};
  for (const std::size_t i : {4U, 5U, 6U, 7U}) v6.octets[i] = static_cast<std::uint8_t>(random());
  return IpAddress{v6};
}

PolicyRule tier_rule(std::mt19937& random) {
  const Selector from = group(group_name(below(random, kGroups)));
  const Selector to = group(group_name(below(random, kGroups)));
  return rule(from, to, tcp(random_port(random)), PolicyAction::allow);
}

PolicyRule network_rule(std::mt19937& random) {
  const bool is_v4 = below(random, 8) != 0;
  const IpAddress address =
      is_v4 ? v4_address(static_cast<std::uint32_t>(random())) : v6_address(random);
  const std::uint32_t length = is_v4 ? 16 + below(random, 17) : 48 + below(random, 17);
  return rule(
      any(),
      cidr(IpPrefix{address, static_cast<std::uint8_t>(length)}),
      tcp(random_port(random)),
      PolicyAction::allow
  );
}

PolicyRule mixed_rule(std::mt19937& random, std::size_t position) {
  switch (position % 8) {
    case 0: {
      // The whole Internet for a group, except what other rules say.
      const Selector who = group(group_name(below(random, kGroups)));
      return rule(who, cidr("0.0.0.0/0"), tcp(443), PolicyAction::allow);
    }
    case 1: {
      const std::string zone = "zone=" + std::to_string(below(random, 20));
      const std::uint16_t port = random_port(random);
      const auto last = static_cast<std::uint16_t>(std::min(65535, port + 100));
      return rule(labels({zone, "!old"}), labels({"app"}), tcp(port, last), PolicyAction::deny);
    }
    case 2:
    case 3: {
      PolicyRule to_network = network_rule(random);
      to_network.from = group(group_name(below(random, kGroups)));
      return to_network;
    }
    default:
      return position == 4 ? rule(any(), any(), Service{}, PolicyAction::deny) : tier_rule(random);
  }
}

PolicyRule adversarial_rule(std::mt19937& random, std::size_t position) {
  const auto from_length = static_cast<std::uint8_t>(position % 33);
  const auto to_length = static_cast<std::uint8_t>(position / 33 % 33);
  const auto address = [&random] {
    return v4_address(below(random, 3) == 0 ? 0x0A141E28U : static_cast<std::uint32_t>(random()));
  };
  // A power of two of ports from a multiple of it on: one mask in a classifier that knows no ranges.
  const std::uint32_t width = 1U << (position / (33UL * 33UL) % 15);
  const std::uint32_t first = std::max(width, random_port(random) / width * width);
  return rule(
      cidr(IpPrefix{address(), from_length}),
      cidr(IpPrefix{address(), to_length}),
      tcp(static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(first + width - 1)),
      below(random, 2) == 0 ? PolicyAction::allow : PolicyAction::deny
  );
}

PolicyRule rule_of(PolicyKind kind, std::mt19937& random, std::size_t position) {
  switch (kind) {
    case PolicyKind::tiers:
      return tier_rule(random);
    case PolicyKind::networks:
      return network_rule(random);
    case PolicyKind::mixed:
      return mixed_rule(random, position);
    case PolicyKind::adversarial:
      return adversarial_rule(random, position);
  }
  return {};
}

/// Somebody whom the selector selects.
Party member_of(std::mt19937& random, const PolicySource& source, const Selector& selector) {
  Party party;
  party.address = v4_address(static_cast<std::uint32_t>(random()));
  switch (selector.kind) {
    case Selector::Kind::any:
    case Selector::Kind::labels:
      party.identity = below(random, static_cast<std::uint32_t>(source.identities.size()));
      break;
    case Selector::Kind::group:
      // Endpoint i is in group i mod kGroups.
      party.identity = static_cast<std::uint32_t>(std::stoul(selector.group.substr(5)));
      party.identity += kGroups * below(random, kEndpoints / kGroups);
      break;
    case Selector::Kind::cidr:
      party.address = selector.prefix.address;
      break;
  }
  return party;
}

}  // namespace

std::string_view name_of(PolicyKind kind) noexcept {
  switch (kind) {
    case PolicyKind::tiers:
      return "tiers";
    case PolicyKind::networks:
      return "networks";
    case PolicyKind::mixed:
      return "mixed";
    case PolicyKind::adversarial:
      return "adversarial";
  }
  return "";
}

PolicySource policy_of(PolicyKind kind, std::size_t rule_count) {
  std::mt19937 random{static_cast<std::uint32_t>(kind) + 1};
  PolicySource source;
  source.identities.emplace_back();
  for (std::uint32_t i = 1; i < kEndpoints; ++i) {
    Identity identity;
    identity.groups = {group_name(i % kGroups)};
    identity.labels = {
        {"app", std::to_string(i % 100)},
        {i % 3 == 0 ? "old" : "new", ""},
        {"zone", std::to_string(i % 20)}};
    source.identities.push_back(std::move(identity));
  }
  while (source.rules.size() < rule_count) {
    source.rules.push_back(rule_of(kind, random, source.rules.size()));
    source.rules.back().counter = static_cast<std::uint32_t>(source.rules.size());
  }
  return source;
}

std::tuple<Party, Party, ServicePoint> policy_packet(
    std::mt19937& random, const PolicySource& source
) {
  const PolicyRule& near =
      source.rules[below(random, static_cast<std::uint32_t>(source.rules.size()))];
  Party from = member_of(random, source, near.from);
  Party to = member_of(random, source, near.to);
  if (from.address.is_v4() != to.address.is_v4()) {
    // The other one's network is what the rule is about: its partner speaks the same IP version.
    (near.from.kind == Selector::Kind::cidr ? to : from).address = v6_address(random);
  }
  ServicePoint service{kIpProtoTcp, near.service.first_port};
  switch (below(random, 6)) {
    case 0:
      service.point = random_port(random);
      break;
    case 1:
      to = member_of(random, source, any());
      from.address = v4_address(static_cast<std::uint32_t>(random()));
      break;
    case 2:
      service.protocol = kIpProtoUdp;
      break;
    default:
      break;
  }
  return {from, to, service};
}

}  // namespace weft::classifier::testing
