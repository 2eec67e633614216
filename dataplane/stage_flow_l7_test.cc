// What an application protocol says about a flow, once its first payload was seen.
#include "classifier/l7.h"
#include "dataplane/testing/flow_fixture.h"

namespace weft::stage_test {
namespace {

class FlowL7 : public FlowTest {
 protected:
  static constexpr std::uint8_t kSsh = 1;

  /// Rules for flows of which nothing is known, for SSH and for all others.
  void set_l7(
      const std::vector<PolicyRule>& unknown,
      const std::vector<PolicyRule>& ssh,
      const std::vector<PolicyRule>& others
  ) {
    auto policy = std::make_shared<TenantPolicy>();
    const auto compiled = [&](const std::vector<PolicyRule>& list) {
      source_.rules = list;
      auto made = classifier::compile_policy(source_);
      policy->variants.emplace_back(std::move(*made));
      return policy->variants.back().get();
    };
    policy->by_l7.fill(compiled(others));
    policy->by_l7[kSsh] = compiled(ssh);
    policy->by_l7[classifier::kL7Unknown] = compiled(unknown);
    policy->l7 =
        *classifier::compile_l7({{{kSsh, "ssh", {{.name = "ssh", .text = "ssh"}}}}, {}}, 1);
    put_policy(std::move(policy), PolicyDefault::deny);
  }
  static PolicyRule counted(std::uint32_t counter, PolicyRule rule) {
    rule.counter = counter;
    return rule;
  }
  const Octets banner_ = text("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n");
};

TEST_F(FlowL7, DeniesAProtocolOnWhateverPort) {
  const PolicyRule all = counted(0, any_to_any(allow));
  PolicyRule no_ssh = counted(1, any_to_any(deny));
  no_ssh.priority = 9;
  set_l7({all}, {all, no_ssh}, {all});
  connect();
  EXPECT_FALSE(a_to_b(to_server(A, B, TcpHeader::kAck, banner_)));
  EXPECT_TRUE(dropped_only(DropReason::policy_denied_sender));
  EXPECT_FALSE(a_to_b(ack(A, B)));
  EXPECT_FALSE(b_to_a(ack_back(B, A)));
  EXPECT_EQ(drops(), 3U);
}

TEST_F(FlowL7, AllowsUntilItKnowsBetter) {
  set_l7({counted(0, any_to_any(allow))}, {counted(0, any_to_any(allow))}, {});
  connect();
  EXPECT_FALSE(a_to_b(to_server(A, B, TcpHeader::kAck, text("GET / HTTP/1.1\r\n") + Octets(2048))));
  EXPECT_TRUE(dropped_only(DropReason::policy_denied_sender));
}

TEST_F(FlowL7, WhatHasNoPayloadToLookAtDoesNotPassForAClass) {
  set_l7({counted(0, any_to_any(allow))}, {counted(0, any_to_any(allow))}, {});
  EXPECT_FALSE(a_to_b(icmp_frame(link(A, B), v4(A, B), {})));
  EXPECT_FALSE(a_to_b(ip_frame(link(A, B), v4(A, B), 47, counting(20))));
  EXPECT_FALSE(a_to_b(ethernet_frame(link(A, B), 0x88B5, counting(60))));
  EXPECT_TRUE(dropped_only(DropReason::policy_denied_sender, 3));
}

TEST_F(FlowL7, AClassOfApplicationsGetsItsDscp) {
  PolicyRule ssh = counted(1, any_to_any(allow));
  ssh.priority = 9;
  ssh.dscp = classifier::cs(2);
  const PolicyRule all = counted(0, any_to_any(allow));
  set_l7({all}, {all, ssh}, {all});
  connect();
  EXPECT_EQ(last_of(1)[15], 0);
  EXPECT_TRUE(b_to_a(to_client(B, A, TcpHeader::kAck, banner_)));
  EXPECT_TRUE(a_to_b(ack(A, B)));
  EXPECT_EQ(last_of(0)[15] >> 2, classifier::cs(2));
  EXPECT_EQ(last_of(1)[15] >> 2, classifier::cs(2));
  EXPECT_EQ(checksum_faults(last_of(1)), "");
}

}  // namespace
}  // namespace weft::stage_test
