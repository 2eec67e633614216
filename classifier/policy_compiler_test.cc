// Random policies against the reference, the bound on memory accesses, and what is too complex.
#include "classifier/policy_compiler.h"

#include <algorithm>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "classifier/testing/policy_reference.h"
#include "classifier/testing/policy_rules.h"
#include "classifier/testing/policy_sets.h"
#include "classifier/testing/random_policy.h"

namespace weft::classifier {
namespace {

using namespace testing;  // NOLINT: rules read like sentences
using ::testing::HasSubstr;
using ::testing::Message;
using ::testing::StartsWith;

constexpr auto kAllow = PolicyAction::allow;
constexpr auto kDeny = PolicyAction::deny;

std::shared_ptr<const Policy> compiled(
    const PolicySource& source, const PolicyLimits& limits = {}
) {
  auto result = compile_policy(source, limits);
  EXPECT_TRUE(result.is_ok()) << (result ? "" : result.error().message);
  return result ? std::move(result).value() : nullptr;
}

std::string refusal(const PolicySource& source, const PolicyLimits& limits = {}) {
  const auto result = compile_policy(source, limits);
  return result ? "accepted" : result.error().message;
}

struct Packet {
  Party from;
  Party to;
  ServicePoint service;
};

/// Uniform over random_policy's narrow world.
Packet random_packet(std::mt19937& random, const PolicySource& source) {
  const bool is_v4 = random() % 3 != 0;
  const Party from = random_party(random, source, is_v4);
  const Party to = random_party(random, source, is_v4);
  return {from, to, random_service(random, is_v4)};
}

/// `count` packets of `next` judged by both. Returns how many a rule decided.
template <typename Next>
std::size_t compare(
    std::mt19937& random, const PolicySource& source, const Policy& policy, Next next, int count
) {
  const PolicyReference reference{source};
  std::size_t decided = 0;
  for (int i = 0; i < count; ++i) {
    const auto [from, to, service] = next(random, source);
    const End end = random() % 2 == 0 ? End::sender : End::receiver;
    const auto fallback = static_cast<PolicyDefault>(random() % 3);
    const Side from_side = policy.side(from.identity, from.address);
    const Side to_side = policy.side(to.identity, to.address);
    const Verdict verdict = policy.judge(end, fallback, from_side, to_side, service);
    EXPECT_EQ(verdict, reference.judge(end, fallback, from, to, service))
        << "identity " << from.identity << " at " << format(from.address) << " to " << to.identity
        << " at " << format(to.address) << ", protocol " << unsigned{service.protocol} << " point "
        << service.point;
    if (::testing::Test::HasFailure()) break;
    decided += verdict.rule != kNoRule ? 1U : 0U;
  }
  return decided;
}

/// Limits that leave no room for few bands, but all for the last attempt.
PolicyLimits many_bands() {
  PolicyLimits limits;
  limits.cells = 20000;
  limits.set_rules = 100000;
  return limits;
}

TEST(PolicyCompiler, AgreesWithTheReference) {
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE(Message() << "seed " << seed);
  std::mt19937 random{seed};
  std::size_t decided = 0;
  std::size_t banded = 0;
  constexpr int kPolicies = 150;
  constexpr int kPackets = 2000;
  for (int i = 0; i < kPolicies && !HasFailure(); ++i) {
    const RandomPolicyShape shape{
        .rules = std::array<std::size_t, 4>{1, 10, 60, 300}[random() % 4],
        .identities = 1 + random() % 60,
        .agents = random() % 3};
    const PolicySource source = random_policy(random, shape);
    const auto policy = compiled(source, i % 2 == 0 ? PolicyLimits{} : many_bands());
    ASSERT_NE(policy, nullptr);
    banded += policy->shape().bands > 1 ? 1U : 0U;
    decided += compare(random, source, *policy, random_packet, kPackets);
  }
  // The rules and packets do meet, and bands are used.
  EXPECT_GT(decided, std::size_t{kPolicies} * kPackets / 4);
  EXPECT_GT(banded, 5U);
}

TEST(PolicyCompiler, RefusesABadRuleWholeWithItsPosition) {
  PolicySource source;
  source.rules = {
      rule(any(), any(), tcp(80), kAllow),
      rule(any(), any(), tcp(81), kAllow),
      rule(any(), any(), tcp(90, 80), kAllow)};
  EXPECT_EQ(refusal(source), "rules[2]: ports 90-80: the first is above the last");
}

TEST(PolicyCompiler, RefusesTooManyGroupsAndBadAgents) {
  PolicySource source;
  source.identities.resize(3);
  for (int i = 0; i < 65; ++i) source.identities[2].groups.push_back("g" + std::to_string(i));
  EXPECT_EQ(refusal(source), "identities[2]: 65 groups are above the limit 64");
  source.identities[2].groups.pop_back();
  EXPECT_EQ(refusal(source), "accepted");
  source.agents = {{ip("192.0.2.1"), 33}};
  EXPECT_EQ(refusal(source), "agents: prefix length 33 of 192.0.2.1 is above the limit 32");
}

TEST(PolicyCompiler, NamesTheRuleAtWhichThereAreTooManyCells) {
  PolicySource source;
  for (int i = 0; i < 100; ++i) {
    source.rules.push_back(rule(any(), cidr("10.0.0." + std::to_string(i) + "/32"), tcp(80), kAllow)
    );
  }
  PolicyLimits limits;
  limits.cells = 100;
  EXPECT_EQ(refusal(source, limits), "accepted");
  limits.cells = 90;
  EXPECT_EQ(
      refusal(source, limits),
      "rules[90]: the policy becomes too complex with this rule: selectors overlap so much that "
      "more "
      "than 90 pairs of classes have to be kept"
  );
}

TEST(PolicyCompiler, NamesTheRuleAtWhichThereAreTooManyRulesInSets) {
  PolicySource source;
  for (std::uint16_t i = 1; i <= 100; ++i) {
    source.rules.push_back(rule(any(), any(), tcp(i), kAllow));
  }
  PolicyLimits limits;
  limits.set_rules = 50;
  EXPECT_THAT(refusal(source, limits), StartsWith("rules[50]: the policy becomes too complex"));
  EXPECT_THAT(refusal(source, limits), HasSubstr("kept more than 50 times"));
}

TEST(PolicyCompiler, NamesTheRuleWhoseSelectorSelectsTooMuch) {
  PolicySource source;
  source.identities.resize(11);
  source.rules = {
      rule(any(), any(), tcp(80), kAllow),
      rule(any(), labels({}), tcp(80), kAllow),
      rule(labels({"!a"}), any(), tcp(80), kAllow)};
  PolicyLimits limits;
  limits.selected = 20;
  EXPECT_EQ(refusal(source, limits), "accepted");
  limits.selected = 19;
  EXPECT_THAT(refusal(source, limits), StartsWith("rules[2]: the policy becomes too complex"));
}

TEST(PolicyCompiler, BandsKeepAGroupThatEverybodyIsInFromMultiplyingTheRest) {
  // 1,000 rules for a group of all 2,000, beside a rule for each endpoint's own group.
  PolicySource source;
  source.identities.emplace_back();
  for (std::uint32_t i = 1; i <= 2000; ++i) {
    const std::string own = "own" + std::to_string(i);
    source.identities.push_back({{"all", own}, {}});
    source.rules.push_back(rule(any(), group(own), tcp(22), kAllow));
  }
  for (std::uint16_t port = 1; port <= 1000; ++port) {
    source.rules.push_back(rule(any(), group("all"), tcp(port), kDeny));
  }
  const auto policy = compiled(source);
  ASSERT_NE(policy, nullptr);
  EXPECT_EQ(policy->shape().bands, 2U);
  EXPECT_EQ(policy->shape().cells, 2001U);
  const Side stranger = policy->side(0, ip("192.0.2.1"));
  const Side endpoint = policy->side(1234, ip("192.0.2.2"));
  const auto judge = [&](std::uint16_t port) {
    return policy->judge(End::receiver, PolicyDefault::deny, stranger, endpoint, {6, port}).rule;
  };
  EXPECT_EQ(judge(22), 2021U);  // as specific as rule 1233, and a deny
  EXPECT_EQ(judge(999), 2998U);
  EXPECT_EQ(judge(1001), kNoRule);
}

/// The most cache lines that any of many judgements read.
std::size_t most_lines(const PolicySource& source, const Policy& policy) {
  std::mt19937 random{7};
  std::size_t most = 0;
  for (int i = 0; i < 20000; ++i) {
    const auto [from, to, service] = policy_packet(random, source);
    const std::size_t lines = policy.lines_read(
        End::receiver,
        PolicyDefault::groups,
        policy.side(from.identity, from.address),
        policy.side(to.identity, to.address),
        service
    );
    most = std::max(most, lines);
  }
  return most;
}

std::size_t bound_of(const Policy& policy) {
  constexpr std::size_t kPerCombination = CellTable::kMaxLines + ServiceSets::kMaxLines;
  return Policy::kMaxLines - (kMaxCombinations - policy.shape().combinations) * kPerCombination;
}

TEST(PolicyBound, TheNumberOfRulesDoesNotChangeWhatAJudgementReads) {
  for (const PolicyKind kind : {PolicyKind::tiers, PolicyKind::networks}) {
    for (const std::size_t count : {10U, 1000U, 10'000U}) {
      const PolicySource source = policy_of(kind, count);
      const auto policy = compiled(source);
      ASSERT_NE(policy, nullptr);
      EXPECT_EQ(policy->shape().combinations, 1U) << name_of(kind) << ' ' << count;
      // Identities, CIDR classes, one cell (two lines if its bucket is full), one set, rule and groups.
      EXPECT_LE(most_lines(source, *policy), 2U + 2U + 2U + 1U + 1U + 2U)
          << name_of(kind) << ' ' << count;
    }
  }
}

TEST(PolicyBound, HoldsForRulesOfAllKindsTogether) {
  for (const std::size_t count : {10U, 1000U, 10'000U}) {
    const PolicySource source = policy_of(PolicyKind::mixed, count);
    const auto policy = compiled(source);
    ASSERT_NE(policy, nullptr);
    EXPECT_LE(policy->shape().combinations, 8U) << count;
    EXPECT_LE(most_lines(source, *policy), bound_of(*policy)) << count;
  }
}

TEST(PolicyBound, HoldsForAdversarialRules) {
  const PolicySource source = policy_of(PolicyKind::adversarial, 10'000);
  const auto policy = compiled(source);
  ASSERT_NE(policy, nullptr);
  EXPECT_LE(policy->shape().combinations, kMaxCombinations);
  EXPECT_LE(most_lines(source, *policy), bound_of(*policy));
  std::mt19937 random{1};
  EXPECT_GT(compare(random, source, *policy, policy_packet, 300), 0U);
}

TEST(PolicyBound, LongestPrefixMatchReadsTwoLinesPerOctet) {
  const PolicySource source = policy_of(PolicyKind::networks, 10'000);
  const auto policy = compiled(source);
  ASSERT_NE(policy, nullptr);
  std::mt19937 random{3};
  for (int i = 0; i < 20000; ++i) {
    const Party party = std::get<1>(policy_packet(random, source));
    std::size_t lines = 0;
    static_cast<void>(policy->cidr_class(party.address, [&lines](const void*) { ++lines; }));
    EXPECT_LE(lines, party.address.is_v4() ? Policy::kMaxLinesV4 : Policy::kMaxLinesV6);
  }
}

TEST(PolicyLoad, AHundredThousandRulesOfEachKind) {
  for (const PolicyKind kind : {PolicyKind::tiers, PolicyKind::networks, PolicyKind::mixed}) {
    const PolicySource source = policy_of(kind, 100'000);
    const auto policy = compiled(source);
    ASSERT_NE(policy, nullptr) << name_of(kind);
    EXPECT_EQ(policy->shape().rules, 100'000U);
    EXPECT_LT(policy->shape().octets, std::size_t{100} << 20U) << name_of(kind);
    std::mt19937 random{11};
    EXPECT_GT(compare(random, source, *policy, policy_packet, 30), 0U) << name_of(kind);
  }
}

TEST(PolicyLoad, AdversarialRulesAreRefusedAtTheFirstThatIsTooMuch) {
  PolicySource source = policy_of(PolicyKind::adversarial, 20'000);
  PolicyLimits limits;
  limits.cells = 100'000;
  const std::string problem = refusal(source, limits);
  ASSERT_THAT(problem, StartsWith("rules["));
  EXPECT_THAT(problem, HasSubstr("]: the policy becomes too complex with this rule"));
  const std::size_t first = std::stoul(problem.substr(6));
  EXPECT_GT(first, 1000U);
  source.rules.resize(first);
  EXPECT_EQ(refusal(source, limits), "accepted");
}

}  // namespace
}  // namespace weft::classifier
