#include "classifier/policy_rules.h"

#include <gtest/gtest.h>

#include "classifier/testing/policy_rules.h"

namespace weft::classifier {
namespace {

using namespace testing;  // NOLINT: rules read like sentences

constexpr auto kAllow = PolicyAction::allow;
constexpr auto kDeny = PolicyAction::deny;

std::string problem_with(const Service& service) {
  return problem_of(rule(any(), any(), service, kAllow)).value_or("");
}

TEST(PolicyRuleProblems, NoneInAUsualRule) {
  EXPECT_EQ(problem_of(rule(group("web"), group("app"), tcp(8080), kAllow)), std::nullopt);
  EXPECT_EQ(problem_of(rule(any(), any(), Service{}, kDeny)), std::nullopt);
  EXPECT_EQ(
      problem_of(rule(labels({}), labels({"!a", "b=c"}), tcp(1, 65535), kDeny)), std::nullopt
  );
  EXPECT_EQ(problem_of(rule(any(), cidr("::/0"), protocol(58), kAllow)), std::nullopt);
  EXPECT_EQ(problem_with(icmp_type(0)), "");
  EXPECT_EQ(problem_with(protocol(47)), "");
  EXPECT_EQ(problem_with(protocol(0)), "");
}

TEST(PolicyRuleProblems, ReversedRange) {
  EXPECT_EQ(problem_with(tcp(90, 80)), "ports 90-80: the first is above the last");
}

TEST(PolicyRuleProblems, PortZeroIsReservedButAnyPortBeginsThere) {
  EXPECT_EQ(
      problem_with(tcp(0)),
      "ports 0-0: port 0 is reserved; a range begins at 1 or is 0-65535, any port"
  );
  EXPECT_NE(problem_with(tcp(0, 80)), "");
  EXPECT_EQ(problem_with(tcp(0, 65535)), "");
  EXPECT_EQ(problem_with(tcp(65535)), "");
}

TEST(PolicyRuleProblems, PortsOfAProtocolWithoutPorts) {
  Service service = tcp(80);
  service.protocol = 47;
  EXPECT_EQ(
      problem_with(service),
      "ports 80-80: protocol 47 has no ports; tcp (6), udp (17) and sctp (132) have"
  );
  service.any_protocol = true;
  EXPECT_EQ(problem_with(service), "ports 80-80: need a protocol (tcp, udp or sctp)");
}

TEST(PolicyRuleProblems, IcmpTypeWithoutIcmp) {
  EXPECT_EQ(
      problem_with(icmp_type(8, kIpProtoTcp)), "icmp type 8: needs protocol icmp (1) or icmpv6 (58)"
  );
  Service service = icmp_type(8);
  service.any_protocol = true;
  EXPECT_NE(problem_with(service), "");
}

TEST(PolicyRuleProblems, IpVersionsThatNeverMeet) {
  EXPECT_EQ(
      problem_of(rule(cidr("192.0.2.0/24"), cidr("2001:db8::/32"), Service{}, kAllow)),
      "from 192.0.2.0/24 to 2001:db8::/32: no packet is IPv4 and IPv6 at once"
  );
  EXPECT_EQ(
      problem_of(rule(any(), cidr("192.0.2.0/24"), protocol(58), kAllow)),
      "protocol 58 (icmpv6) never occurs with 192.0.2.0/24"
  );
  EXPECT_EQ(
      problem_of(rule(cidr("2001:db8::/32"), any(), protocol(1), kAllow)),
      "protocol 1 (icmp) never occurs with 2001:db8::/32"
  );
}

TEST(PolicyRuleProblems, SelectorsWithoutNamesOrTooLong) {
  EXPECT_EQ(problem_of(rule(group(""), any(), Service{}, kAllow)), "from: a group needs a name");
  Selector selector = labels({"a=b"});
  selector.terms[0].key.clear();
  EXPECT_EQ(problem_of(rule(any(), selector, Service{}, kAllow)), "to: a label needs a key");
  IpPrefix long_prefix = prefix("192.0.2.0/24");
  long_prefix.length = 33;
  EXPECT_EQ(
      problem_of(rule(any(), cidr(long_prefix), Service{}, kAllow)),
      "to: prefix length 33 of 192.0.2.0 is above the limit 32"
  );
  long_prefix = {ip("2001:db8::"), 129};
  EXPECT_EQ(
      problem_of(rule(cidr(long_prefix), any(), Service{}, kAllow)),
      "from: prefix length 129 of 2001:db8:: is above the limit 128"
  );
}

TEST(PolicyRuleProblems, ClassesThatDoNotExistOrHaveNoEffect) {
  PolicyRule classed = rule(any(), any(), Service{}, kAllow);
  classed.dscp = 63;
  EXPECT_EQ(problem_of(classed), std::nullopt);
  classed.dscp = 64;
  EXPECT_EQ(problem_of(classed), "dscp 64 is above the limit 63");
  classed.dscp = 46;
  classed.action = kDeny;
  EXPECT_EQ(problem_of(classed), "dscp 46: a rule that denies gives no class");
  classed.dscp = kNoClass;
  classed.meter = 3;
  EXPECT_EQ(problem_of(classed), "meter 3: a rule that denies has nothing to meter");
}

TEST(Specificity, OrdersSides) {
  const Selector ascending[] = {
      any(),
      cidr("::/0"),
      cidr("0.0.0.0/0"),
      cidr("10.0.0.0/8"),
      cidr("10.0.0.1/32"),
      labels({}),
      group("web"),
      labels({"a=b", "!c"}),
  };
  for (std::size_t i = 1; i < std::size(ascending); ++i) {
    const PolicyRule less = rule(ascending[i - 1], any(), tcp(80), kAllow);
    const PolicyRule more = rule(any(), ascending[i], Service{}, kAllow);
    EXPECT_LT(specificity(less), specificity(more)) << i;
  }
  EXPECT_EQ(
      specificity(rule(group("a"), any(), tcp(80), kAllow)),
      specificity(rule(any(), labels({"a=b"}), tcp(81), kDeny))
  );
}

TEST(Specificity, OrdersServicesBetweenEqualSides) {
  const Service ascending[] = {
      Service{}, protocol(kIpProtoTcp), tcp(1, 65535), tcp(80, 90), tcp(80, 81), tcp(80)};
  for (std::size_t i = 1; i < std::size(ascending); ++i) {
    EXPECT_LT(
        specificity(rule(any(), any(), ascending[i - 1], kAllow)),
        specificity(rule(any(), any(), ascending[i], kAllow))
    ) << i;
  }
  EXPECT_EQ(
      specificity(rule(any(), any(), icmp_type(8), kAllow)),
      specificity(rule(any(), any(), tcp(80), kAllow))
  );
}

TEST(Specificity, SidesCountMoreThanAnyService) {
  EXPECT_LT(
      specificity(rule(any(), any(), tcp(80), kAllow)),
      specificity(rule(any(), cidr("::/0"), Service{}, kAllow))
  );
}

}  // namespace
}  // namespace weft::classifier
