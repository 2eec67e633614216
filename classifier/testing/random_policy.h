// Random policies and packets that are likely to meet: few names, few networks, nested, and ports near edges.
// For the unit test and the differential test.
#pragma once

#include <cstdint>
#include <random>

#include "classifier/policy.h"
#include "classifier/policy_compiler.h"
#include "classifier/testing/policy_reference.h"

namespace weft::classifier::testing {

struct RandomPolicyShape {
  std::size_t rules = 60;
  std::size_t identities = 30;
  std::size_t agents = 1;
};

/// Valid: compile_policy takes it.
[[nodiscard]] PolicySource random_policy(std::mt19937& random, const RandomPolicyShape& shape);

/// Endpoints and strangers, IPv4 and IPv6, and now and then an identity newer than the policy.
[[nodiscard]] Party random_party(std::mt19937& random, const PolicySource& source, bool is_v4);

/// TCP, UDP, SCTP, ICMP of that IP version, or something else.
[[nodiscard]] ServicePoint random_service(std::mt19937& random, bool is_v4);

}  // namespace weft::classifier::testing
