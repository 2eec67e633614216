// Large policies of different kinds, and packets for them: what tests bound and benchmarks time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string_view>
#include <tuple>

#include "classifier/policy.h"
#include "classifier/policy_compiler.h"
#include "classifier/testing/policy_reference.h"

namespace weft::classifier::testing {

enum class PolicyKind : std::uint8_t {
  tiers,     // group to group, one TCP port, over 1,000 groups
  networks,  // any to a distinct prefix, /16 to /32 and an IPv6 one in 8, one TCP port
  mixed,     // tiers and networks, "all" networks, label selectors, ranges, a general deny
  // prefix to prefix, each rule another pair of prefix lengths and width of port range, a third of the prefixes in one
  // chain of nested ones: 10,000 masks to a classifier that has one table per mask
  adversarial
};
[[nodiscard]] std::string_view name_of(PolicyKind kind) noexcept;

/// Always the same for the same arguments.
[[nodiscard]] PolicySource policy_of(PolicyKind kind, std::size_t rule_count);

/// From, to, service: near some random rule of the policy, but often past it in one respect.
[[nodiscard]] std::tuple<Party, Party, ServicePoint> policy_packet(
    std::mt19937& random, const PolicySource& source
);

}  // namespace weft::classifier::testing
