// What rules mean, through the compiler: one network of few endpoints. Bounds and limits are in
// policy_compiler_test.cc.
#include "classifier/policy.h"

#include <gtest/gtest.h>

#include "classifier/policy_compiler.h"
#include "classifier/testing/policy_rules.h"

namespace weft::classifier {
namespace {

using namespace testing;  // NOLINT: rules read like sentences

constexpr auto kAllow = PolicyAction::allow;
constexpr auto kDeny = PolicyAction::deny;
constexpr ServicePoint kHttp{6, 80};

enum Who : std::uint32_t { kStranger, kWeb, kApp, kDb, kPlain, kNewcomer };

std::vector<Identity> identities() {
  return {
      {},
      {{"all", "web"}, {{"env", "prod"}, {"tier", "front"}}},
      {{"all", "app"}, {{"env", "prod"}, {"tier", "middle"}}},
      {{"db"}, {{"env", "test"}, {"tier", "back"}}},
      {},  // an endpoint without groups and labels
  };
}

struct At {
  Who who{kStranger};
  std::string address = "198.51.100.1";
};

class Judge {
 public:
  explicit Judge(std::vector<PolicyRule> rules, std::vector<IpPrefix> agents = {}) {
    auto result = compile_policy({std::move(rules), identities(), std::move(agents)});
    EXPECT_TRUE(result.is_ok()) << (result ? "" : result.error().message);
    policy_ = std::move(result).value();
  }

  [[nodiscard]] Verdict operator()(
      const At& from,
      const At& to,
      ServicePoint service = kHttp,
      PolicyDefault fallback = PolicyDefault::deny,
      End end = End::receiver
  ) const {
    return policy_->judge(
        end,
        fallback,
        policy_->side(from.who, ip(from.address)),
        policy_->side(to.who, ip(to.address)),
        service
    );
  }
  /// Position of the rule that decides, kNoRule if the default does.
  [[nodiscard]] std::uint32_t rule(const At& from, const At& to, ServicePoint service = kHttp)
      const {
    return (*this)(from, to, service).rule;
  }
  [[nodiscard]] bool allows(const At& from, const At& to, ServicePoint service = kHttp) const {
    return (*this)(from, to, service).action == kAllow;
  }

  const Policy& policy() const { return *policy_; }

 private:
  std::shared_ptr<const Policy> policy_;
};

TEST(Policy, OnlyWebTalksToAppIsOneRule) {
  const Judge judge{{rule(group("web"), group("app"), tcp(80), kAllow)}};
  EXPECT_TRUE(judge.allows({kWeb}, {kApp}));
  EXPECT_FALSE(judge.allows({kApp}, {kWeb}));
  EXPECT_FALSE(judge.allows({kDb}, {kApp}));
  EXPECT_FALSE(judge.allows({kStranger}, {kApp}));
  EXPECT_FALSE(judge.allows({kWeb}, {kApp}, {6, 81}));
  EXPECT_FALSE(judge.allows({kWeb}, {kApp}, {17, 80}));
}

TEST(Policy, AnEmptyPolicyLeavesItToTheDefault) {
  const Judge judge{{}};
  EXPECT_EQ(judge({kWeb}, {kDb}, kHttp, PolicyDefault::allow).action, kAllow);
  EXPECT_EQ(judge({kWeb}, {kApp}, kHttp, PolicyDefault::deny).action, kDeny);
  const Verdict verdict = judge({kWeb}, {kApp}, kHttp, PolicyDefault::allow);
  EXPECT_EQ(verdict.rule, kNoRule);
  EXPECT_EQ(verdict.counter, kNoCounter);
  EXPECT_TRUE(verdict.is_stateful);
}

TEST(Policy, GroupsDefaultLetsMembersOfOneGroupTalkAndNobodyElse) {
  const Judge judge{{}};
  const auto action = [&judge](Who from, Who to) {
    return judge({from}, {to}, kHttp, PolicyDefault::groups).action;
  };
  EXPECT_EQ(action(kWeb, kApp), kAllow);
  EXPECT_EQ(action(kApp, kWeb), kAllow);
  EXPECT_EQ(action(kDb, kDb), kAllow);
  EXPECT_EQ(action(kWeb, kDb), kDeny);
  EXPECT_EQ(action(kPlain, kPlain), kDeny);
  EXPECT_EQ(action(kStranger, kStranger), kDeny);
  EXPECT_EQ(action(kStranger, kWeb), kDeny);
}

TEST(Policy, RulesDecideBeforeTheGroupsDefault) {
  const Judge judge{
      {rule(group("web"), group("app"), tcp(80), kDeny),
       rule(any(), group("db"), Service{}, kAllow)}};
  EXPECT_EQ(judge({kWeb}, {kApp}, kHttp, PolicyDefault::groups).action, kDeny);
  EXPECT_EQ(judge({kWeb}, {kApp}, {6, 81}, PolicyDefault::groups).action, kAllow);
  EXPECT_EQ(judge({kStranger}, {kDb}, kHttp, PolicyDefault::groups).action, kAllow);
}

TEST(Policy, AgentsAreReachableAndSpeakAboveEveryRule) {
  PolicyRule deny = rule(any(), any(), Service{}, kDeny);
  deny.priority = 1000;
  const Judge judge{{deny}, {prefix("192.0.2.0/30"), prefix("2001:db8::1/128")}};
  const At agent{kStranger, "192.0.2.3"};
  const Verdict verdict = judge({kWeb}, agent);
  EXPECT_EQ(verdict.action, kAllow);
  EXPECT_TRUE(verdict.is_agent);
  EXPECT_EQ(verdict.rule, kNoRule);
  EXPECT_TRUE(judge.allows(agent, {kWeb}));
  EXPECT_TRUE(judge.allows({kWeb, "2001:db8::2"}, {kStranger, "2001:db8::1"}));
  EXPECT_FALSE(judge.allows({kWeb}, {kStranger, "192.0.2.4"}));
  EXPECT_FALSE(judge({kWeb}, {kStranger, "192.0.2.4"}).is_agent);
}

TEST(Policy, WhatARuleSaysInsideAnAgentsPrefixDoesNotUndoIt) {
  const Judge judge{
      {rule(any(), cidr("192.0.2.1/32"), Service{}, kDeny)}, {prefix("192.0.2.0/24")}};
  EXPECT_TRUE(judge({kWeb}, {kStranger, "192.0.2.1"}).is_agent);
}

TEST(PolicyOrder, PriorityBeforeSpecificity) {
  PolicyRule broad = rule(any(), any(), Service{}, kDeny);
  broad.priority = 10;
  const Judge judge{{rule(group("web"), group("app"), tcp(80), kAllow), broad}};
  EXPECT_EQ(judge.rule({kWeb}, {kApp}), 1U);
}

TEST(PolicyOrder, TheMoreSpecificBeforeDeny) {
  const Judge judge{
      {rule(any(), any(), Service{}, kDeny),
       rule(any(), group("app"), Service{}, kAllow),
       rule(any(), group("app"), tcp(80, 90), kDeny),
       rule(any(), group("app"), tcp(80), kAllow)}};
  EXPECT_EQ(judge.rule({kWeb}, {kApp}), 3U);
  EXPECT_EQ(judge.rule({kWeb}, {kApp}, {6, 81}), 2U);
  EXPECT_EQ(judge.rule({kWeb}, {kApp}, {6, 91}), 1U);
  EXPECT_EQ(judge.rule({kWeb}, {kDb}), 0U);
}

TEST(PolicyOrder, DenyBeforeAllow) {
  const Judge judge{
      {rule(group("web"), any(), tcp(80), kAllow), rule(any(), group("app"), tcp(80), kDeny)}};
  EXPECT_EQ(judge.rule({kWeb}, {kApp}), 1U);
  EXPECT_EQ(judge.rule({kWeb}, {kDb}), 0U);
}

TEST(PolicyOrder, TheFirstInTheListAmongEquals) {
  const Judge judge{
      {rule(group("web"), any(), tcp(80), kAllow), rule(any(), group("app"), tcp(80), kAllow)}};
  EXPECT_EQ(judge.rule({kWeb}, {kApp}), 0U);
  EXPECT_EQ(judge.rule({kDb}, {kApp}), 1U);
}

TEST(PolicySelectors, AnEmptyGroupIsNobody) {
  const Judge judge{{rule(any(), group("ghosts"), Service{}, kAllow)}};
  for (const Who who : {kStranger, kWeb, kApp, kDb, kPlain})
    EXPECT_FALSE(judge.allows({kWeb}, {who}));
  EXPECT_EQ(judge.policy().shape().combinations, 0U);
}

TEST(PolicySelectors, AllTermsOfALabelSelectorHold) {
  const Judge judge{{rule(any(), labels({"env=prod", "tier=front"}), Service{}, kAllow)}};
  EXPECT_TRUE(judge.allows({kDb}, {kWeb}));
  EXPECT_FALSE(judge.allows({kDb}, {kApp}));
}

TEST(PolicySelectors, AKeyWithoutValueMeansThatItExists) {
  const Judge judge{{rule(any(), labels({"tier"}), Service{}, kAllow)}};
  EXPECT_TRUE(judge.allows({kDb}, {kWeb}));
  EXPECT_TRUE(judge.allows({kWeb}, {kDb}));
  EXPECT_FALSE(judge.allows({kWeb}, {kPlain}));
}

TEST(PolicySelectors, ANegatedTermHoldsForEndpointsWithoutTheKeyButNotForStrangers) {
  const Judge value{{rule(any(), labels({"!env=prod"}), Service{}, kAllow)}};
  EXPECT_FALSE(value.allows({kDb}, {kWeb}));
  EXPECT_TRUE(value.allows({kWeb}, {kDb}));
  EXPECT_TRUE(value.allows({kWeb}, {kPlain}));
  EXPECT_FALSE(value.allows({kWeb}, {kStranger}));
  const Judge key{{rule(any(), labels({"!env"}), Service{}, kAllow)}};
  EXPECT_FALSE(key.allows({kWeb}, {kDb}));
  EXPECT_TRUE(key.allows({kWeb}, {kPlain}));
}

TEST(PolicySelectors, NoTermsMeanEveryEndpointAndNoStranger) {
  const Judge judge{{rule(any(), labels({}), Service{}, kAllow)}};
  EXPECT_TRUE(judge.allows({kStranger}, {kPlain}));
  EXPECT_FALSE(judge.allows({kPlain}, {kStranger}));
}

TEST(PolicySelectors, AnEndpointAttachedSinceTheCompileIsAStranger) {
  const Judge judge{
      {rule(any(), labels({}), Service{}, kAllow),
       rule(any(), cidr("203.0.113.0/24"), tcp(80), kAllow)}};
  EXPECT_FALSE(judge.allows({kWeb}, {kNewcomer}));
  EXPECT_TRUE(judge.allows({kWeb}, {kNewcomer, "203.0.113.9"}));
  EXPECT_FALSE(judge.policy().shares_group(0, 0));
}

TEST(PolicyCidr, TheInnermostPrefixDecidesAndInheritsFromTheOuterOnes) {
  const Judge judge{
      {rule(any(), cidr("10.0.0.0/8"), tcp(80, 90), kAllow),
       rule(any(), cidr("10.1.0.0/16"), tcp(80), kDeny),
       rule(any(), cidr("10.1.2.3/32"), tcp(80), kAllow)}};
  EXPECT_EQ(judge.rule({kWeb}, {kStranger, "10.2.0.0"}), 0U);
  EXPECT_EQ(judge.rule({kWeb}, {kStranger, "10.1.255.255"}), 1U);
  EXPECT_EQ(judge.rule({kWeb}, {kStranger, "10.1.2.3"}), 2U);
  EXPECT_EQ(judge.rule({kWeb}, {kStranger, "10.1.2.3"}, {6, 85}), 0U);
  EXPECT_EQ(judge.rule({kWeb}, {kStranger, "11.0.0.0"}), kNoRule);
  EXPECT_EQ(judge.rule({kWeb}, {kStranger, "9.255.255.255"}), kNoRule);
}

TEST(PolicyCidr, EqualPrefixesAreOneWhateverTheirHostBits) {
  const Judge judge{
      {rule(any(), cidr("10.1.0.9/16"), tcp(80), kAllow),
       rule(any(), cidr("10.1.7.0/16"), tcp(81), kAllow)}};
  EXPECT_EQ(judge.policy().shape().cidr_prefixes, 1U);
  EXPECT_EQ(judge.rule({kWeb}, {kStranger, "10.1.2.3"}), 0U);
  EXPECT_EQ(judge.rule({kWeb}, {kStranger, "10.1.2.3"}, {6, 81}), 1U);
}

TEST(PolicyCidr, EverythingOfOneIpVersionIsNothingOfTheOther) {
  const Judge judge{
      {rule(any(), cidr("0.0.0.0/0"), Service{}, kAllow),
       rule(cidr("::/0"), any(), Service{}, kAllow)}};
  EXPECT_EQ(judge.rule({kWeb, "0.0.0.0"}, {kStranger, "255.255.255.255"}), 0U);
  EXPECT_EQ(judge.rule({kWeb, "::"}, {kStranger, "ffff::ffff"}), 1U);
}

TEST(PolicyCidr, EndpointsHaveAddressesToo) {
  const Judge judge{{rule(cidr("10.0.0.0/8"), group("app"), Service{}, kAllow)}};
  EXPECT_TRUE(judge.allows({kWeb, "10.0.0.1"}, {kApp}));
  EXPECT_FALSE(judge.allows({kWeb, "11.0.0.1"}, {kApp}));
}

TEST(PolicyServices, PortsAndTypesAtTheirEdges) {
  const Judge judge{
      {rule(any(), group("app"), tcp(1, 65535), kAllow),
       rule(any(), group("db"), tcp(0, 65535), kAllow),
       rule(any(), group("web"), icmp_type(255), kAllow)}};
  EXPECT_FALSE(judge.allows({kWeb}, {kApp}, {6, 0}));
  EXPECT_TRUE(judge.allows({kWeb}, {kApp}, {6, 1}));
  EXPECT_TRUE(judge.allows({kWeb}, {kApp}, {6, 65535}));
  EXPECT_TRUE(judge.allows({kWeb}, {kDb}, {6, 0}));
  EXPECT_TRUE(judge.allows({kApp}, {kWeb}, {1, 255}));
  EXPECT_FALSE(judge.allows({kApp}, {kWeb}, {1, 254}));
  EXPECT_FALSE(judge.allows({kApp}, {kWeb}, {58, 255}));
}

TEST(PolicyEnds, ARuleForOneEndIsNotSeenAtTheOther) {
  PolicyRule sender = rule(any(), group("app"), Service{}, kAllow);
  sender.ends = PolicyEnds::sender;
  PolicyRule receiver = rule(any(), group("app"), Service{}, kDeny);
  receiver.ends = PolicyEnds::receiver;
  const Judge judge{{sender, receiver}};
  const auto rule_at = [&judge](End end) {
    return judge({kWeb}, {kApp}, kHttp, PolicyDefault::allow, end).rule;
  };
  EXPECT_EQ(rule_at(End::sender), 0U);
  EXPECT_EQ(rule_at(End::receiver), 1U);
}

TEST(Policy, TheVerdictCarriesAllOfTheRule) {
  PolicyRule classed = rule(group("db"), group("db"), tcp(5432), kAllow);
  classed.dscp = 34;
  classed.meter = 12;
  classed.counter = 77;
  classed.is_stateful = false;
  const Judge judge{{rule(any(), any(), Service{}, kDeny), classed}};
  const Verdict expected{
      .action = kAllow,
      .is_stateful = false,
      .is_agent = false,
      .dscp = 34,
      .meter = 12,
      .rule = 1,
      .counter = 77};
  EXPECT_EQ(judge({kDb}, {kDb}, {6, 5432}), expected);
}

}  // namespace
}  // namespace weft::classifier
