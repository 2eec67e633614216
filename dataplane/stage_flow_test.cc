// Policy at the ends of conversations: verdicts, connections, and what a change of the rules does to them.
#include "dataplane/testing/flow_fixture.h"

namespace weft::stage_test {
namespace {

using Flow = FlowTest;
using rules::tcp;

const std::vector<PolicyRule> kNoRules;

// -- who may talk to whom ---------------------------------------------------------------------------

TEST_F(Flow, JudgesNothingWithoutAPolicy) {
  EXPECT_TRUE(b_to_a(syn_ack(B, A)));
  EXPECT_EQ(tables_->flows.stats().entries, 0U);
}

TEST_F(Flow, DefaultDenyLetsNothingOut) {
  set_policy(kNoRules, PolicyDefault::deny);
  EXPECT_FALSE(a_to_b(syn(A, B)));
  EXPECT_TRUE(dropped_only(DropReason::policy_denied_sender));
  EXPECT_EQ(port(0).counters.drops.get(DropReason::policy_denied_sender), 1U);
}

TEST_F(Flow, DefaultAllowLetsEverythingPass) {
  set_policy(kNoRules, PolicyDefault::allow);
  EXPECT_TRUE(a_to_b(syn(A, B)));
  EXPECT_TRUE(a_to_remote(syn(A, R)));
  EXPECT_EQ(drops(), 0U);
}

TEST_F(Flow, DefaultGroupsAsksForAGroupInCommon) {
  set_policy(kNoRules, PolicyDefault::groups);
  EXPECT_FALSE(a_to_b(syn(A, B)));
  EXPECT_TRUE(dropped_only(DropReason::policy_denied_sender));
  source_.identities[2].groups = {"app", "web"};
  set_policy(kNoRules, PolicyDefault::groups);
  EXPECT_TRUE(a_to_b(syn(A, B)));
}

TEST_F(Flow, OneRuleSaysThatOnlyWebTalksToApp) {
  set_policy({web_to_app(allow, tcp(80))}, PolicyDefault::deny);
  EXPECT_TRUE(a_to_b(syn(A, B)));
  EXPECT_FALSE(b_to_a(syn(B, A)));
  EXPECT_TRUE(dropped_only(DropReason::policy_denied_sender));
  EXPECT_FALSE(remote_to_a(syn(R, A)));
  EXPECT_EQ(drops(DropReason::policy_denied_receiver), 1U);
  EXPECT_EQ(drops(), 2U);
}

TEST_F(Flow, ARuleOfTheSendersEndSaysNothingAtTheReceivers) {
  set_policy({at(PolicyEnds::sender, web_to_app(allow))}, PolicyDefault::deny);
  EXPECT_FALSE(a_to_b(syn(A, B)));
  EXPECT_TRUE(dropped_only(DropReason::policy_denied_receiver));
  EXPECT_EQ(hits(0).packets.get(), 1U);
}

TEST_F(Flow, ADenyAtTheReceiversEndIsCountedThere) {
  set_policy({at(PolicyEnds::receiver, web_to_app(deny))}, PolicyDefault::allow);
  EXPECT_FALSE(a_to_b(syn(A, B)));
  EXPECT_TRUE(dropped_only(DropReason::policy_denied_receiver));
}

TEST_F(Flow, JudgesTunnelTrafficAtTheOneEndThatIsHere) {
  set_policy(
      {rules::rule(rules::group("web"), rules::group("db"), tcp(80), allow)}, PolicyDefault::deny
  );
  EXPECT_TRUE(a_to_remote(syn(A, R)));
  EXPECT_TRUE(remote_to_a(syn_ack(R, A)));
  EXPECT_EQ(hits(0).connections.get(), 1U);
  EXPECT_FALSE(remote_to_a(syn(R, A)));  // on other ports than the connection
  EXPECT_TRUE(dropped_only(DropReason::policy_denied_receiver));
}

TEST_F(Flow, AgentsAreAlwaysReachable) {
  source_.agents = {{IpAddress{kIp4R}, 32}};
  set_policy({any_to_any(deny)}, PolicyDefault::deny);
  EXPECT_TRUE(a_to_remote(syn(A, R)));
  EXPECT_TRUE(remote_to_a(to_server(R, A, TcpHeader::kSyn)));
  EXPECT_EQ(drops(), 0U);
}

TEST_F(Flow, KeepsOtherKindsOfFramesUnderTheDefault) {
  const Octets frame = ethernet_frame(link(A, B), 0x88B5, counting(60));
  set_policy(kNoRules, PolicyDefault::allow);
  EXPECT_TRUE(a_to_b(frame));
  set_policy(kNoRules, PolicyDefault::deny);
  EXPECT_FALSE(a_to_b(frame));
  EXPECT_TRUE(dropped_only(DropReason::policy_denied_sender));
}

TEST_F(Flow, ArpNeighborDiscoveryAndMldAreNotPolicys) {
  set_policy({any_to_any(deny)}, PolicyDefault::deny);
  change([](Snapshot& s) { s.segments.mutate(0).suppress_neighbors = false; });
  EXPECT_TRUE(a_to_b(arp_frame(link(A, B), {.target_mac = kMacB})));
  EXPECT_TRUE(a_to_b(solicitation_frame({})));
  const Ip6 report{
      .source = kIp6A, .destination = {{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x16}}};
  for (const std::uint8_t type : {std::uint8_t{131}, std::uint8_t{143}}) {
    EXPECT_TRUE(a_to_b(icmp_frame(link(A, B), report, {.type = type}, counting(16))));
  }
  EXPECT_EQ(drops(), 0U);
  EXPECT_FALSE(a_to_b(icmp_frame(link(A, B), v6(A, B), {.type = kIcmpv6EchoRequest})));
  EXPECT_TRUE(dropped_only(DropReason::policy_denied_sender));
}

TEST_F(Flow, JudgesACopyForEverybodyAtEachReceiver) {
  set_policy(
      {at(PolicyEnds::receiver, rules::rule(rules::any(), rules::group("app"), {}, allow)),
       at(PolicyEnds::sender, any_to_any(allow))},
      PolicyDefault::deny
  );
  const Host group{{{0x01, 0, 0x5e, 0, 0, 5}}, {{224, 0, 0, 5}}, {}};
  receive_from_uplink(packet(from_remote(udp_frame(link(R, group), v4(R, group), {}, counting(9))))
  );
  EXPECT_EQ(port(1).sent.size(), 1U);
  EXPECT_TRUE(port(0).sent.empty());
  EXPECT_TRUE(dropped_only(DropReason::policy_denied_receiver));  // A; C is another worker's
  EXPECT_EQ(counters_.cloned.get(), 2U);
}

TEST_F(Flow, AMulticastIsJudgedWhereItLeaves) {
  set_policy(
      {rules::rule(rules::group("web"), rules::cidr("224.0.0.0/4"), {}, deny)}, PolicyDefault::allow
  );
  const Host group{{{0x01, 0, 0x5e, 0, 0, 5}}, {{224, 0, 0, 5}}, {}};
  receive_from(0, packet(udp_frame(link(A, group), v4(A, group), {}, counting(9))));
  EXPECT_TRUE(dropped_only(DropReason::policy_denied_sender));
}

// -- connections ------------------------------------------------------------------------------------

TEST_F(Flow, RepliesBelongToTheirConnection) {
  set_policy({web_to_app(allow, tcp(80))}, PolicyDefault::deny);
  connect();
  EXPECT_TRUE(b_to_a(ack_back(B, A)));
  EXPECT_EQ(drops(), 0U);
}

TEST_F(Flow, WhatNobodyAskedForDoesNotPass) {
  set_policy({web_to_app(allow, rules::protocol(kIpProtoUdp))}, PolicyDefault::deny);
  EXPECT_FALSE(b_to_a(udp_frame(link(B, A), v4(B, A), {53, 40000}, counting(9))));
  EXPECT_TRUE(dropped_only(DropReason::policy_denied_sender));
  EXPECT_TRUE(a_to_b(udp_frame(link(A, B), v4(A, B), {40000, 53}, counting(9))));
  EXPECT_TRUE(b_to_a(udp_frame(link(B, A), v4(B, A), {53, 40000}, counting(9))));
}

TEST_F(Flow, AnUnansweredFlowIsForgottenInTime) {
  set_policy({web_to_app(allow, rules::protocol(kIpProtoUdp))}, PolicyDefault::deny);
  EXPECT_TRUE(a_to_b(udp_frame(link(A, B), v4(A, B), {40000, 53}, counting(9))));
  let_pass(31);
  EXPECT_FALSE(b_to_a(udp_frame(link(B, A), v4(B, A), {53, 40000}, counting(9))));
  EXPECT_TRUE(dropped_only(DropReason::policy_denied_sender));
}

TEST_F(Flow, PicksUpAConnectionInTheMiddleFromEitherSide) {
  set_policy({web_to_app(allow, tcp(80))}, PolicyDefault::deny);
  EXPECT_TRUE(a_to_b(ack(A, B)));
  EXPECT_TRUE(b_to_a(ack_back(B, A)));
  forget(ack(A, B));
  EXPECT_TRUE(b_to_a(ack_back(B, A)));  // the server speaks first
  EXPECT_TRUE(a_to_b(ack(A, B)));
  EXPECT_EQ(drops(), 0U);
}

TEST_F(Flow, PicksUpNothingThatNoRuleAllowsToBeOpened) {
  set_policy({web_to_app(allow, tcp(443))}, PolicyDefault::deny);
  EXPECT_FALSE(a_to_b(ack(A, B)));
  EXPECT_FALSE(b_to_a(ack_back(B, A)));
  EXPECT_TRUE(dropped_only(DropReason::policy_denied_sender, 2));
}

TEST_F(Flow, ASynAckOrResetWithoutAConnectionIsInvalid) {
  set_policy(kNoRules, PolicyDefault::allow);
  EXPECT_FALSE(b_to_a(syn_ack(B, A)));
  EXPECT_FALSE(b_to_a(to_client(B, A, TcpHeader::kRst)));
  EXPECT_TRUE(dropped_only(DropReason::tcp_state_invalid, 2));
  EXPECT_EQ(tables_->flows.stats().entries, 0U);
}

TEST_F(Flow, ARefusedConnectionIsNotRemembered) {
  set_policy(kNoRules, PolicyDefault::deny);
  EXPECT_FALSE(a_to_b(syn(A, B)));
  EXPECT_EQ(tables_->flows.stats().entries, 0U);
  EXPECT_TRUE(dropped_only(DropReason::policy_denied_sender));
}

TEST_F(Flow, OneBurstMayHoldAWholeConversationsHalf) {
  set_policy({web_to_app(allow, tcp(80))}, PolicyDefault::deny);
  port(1).room = kMaxBurst;
  std::vector<Packet> frames;
  frames.push_back(packet(syn(A, B)));
  frames.push_back(packet(to_server(A, B, TcpHeader::kRst)));
  frames.push_back(packet(syn(A, B))
  );  // opens it anew: erases what the bulk look-up did not find yet
  receive_from(0, std::move(frames));
  EXPECT_EQ(port(1).sent.size(), 3U);
  EXPECT_EQ(hits(0).packets.get(), 6U);      // at both ends
  EXPECT_EQ(hits(0).connections.get(), 4U);  // two, at both ends
}

TEST_F(Flow, CountsPacketsOctetsAndConnectionsOfEachRule) {
  set_policy(
      {at(PolicyEnds::sender, web_to_app(allow, tcp(80))),
       at(PolicyEnds::receiver, web_to_app(allow, tcp(80))),
       app_to_web(deny)},
      PolicyDefault::deny
  );
  connect();
  const std::uint64_t octets = 2 * syn(A, B).size() + syn_ack(B, A).size();
  for (const std::uint32_t rule : {0U, 1U}) {
    EXPECT_EQ(hits(rule).packets.get(), 3U);
    EXPECT_EQ(hits(rule).octets.get(), octets);
    EXPECT_EQ(hits(rule).connections.get(), 1U);
  }
  EXPECT_FALSE(b_to_a(syn(B, A)));
  EXPECT_EQ(hits(2).packets.get(), 1U);
  EXPECT_EQ(hits(2).octets.get(), syn(B, A).size());
  EXPECT_EQ(hits(2).connections.get(), 1U);
  EXPECT_TRUE(dropped_only(DropReason::policy_denied_sender));
}

// -- stateless rules ----------------------------------------------------------------------------------

TEST_F(Flow, AStatelessRuleSaysNothingAboutReplies) {
  set_policy({stateless(web_to_app(allow, tcp(80)))}, PolicyDefault::deny);
  EXPECT_TRUE(a_to_b(syn(A, B)));
  EXPECT_FALSE(b_to_a(syn_ack(B, A)));
  EXPECT_FALSE(b_to_a(ack_back(B, A)));  // nor is it picked up for it
  EXPECT_TRUE(dropped_only(DropReason::policy_denied_sender, 2));
  EXPECT_EQ(tables_->flows.stats().entries, 0U);
}

TEST_F(Flow, StatelessRulesForBothDirectionsCarryAConnection) {
  set_policy({stateless(web_to_app(allow)), stateless(app_to_web(allow))}, PolicyDefault::deny);
  connect();
  EXPECT_EQ(hits(0).connections.get(), 4U);  // each packet is judged, at both ends
  EXPECT_EQ(hits(1).connections.get(), 2U);
}

TEST_F(Flow, AStatelessPingIsJudgedByTheTypeOfItsAnswer) {
  set_policy(
      {stateless(web_to_app(allow, rules::icmp_type(kIcmpEchoRequest))),
       stateless(app_to_web(allow, rules::icmp_type(kIcmpEchoReply)))},
      PolicyDefault::deny
  );
  EXPECT_TRUE(a_to_b(icmp_frame(link(A, B), v4(A, B), {kIcmpEchoRequest, 0, 0x08000001})));
  EXPECT_TRUE(b_to_a(icmp_frame(link(B, A), v4(B, A), {kIcmpEchoReply, 0, 0x08000001})));
  // The identifier is the sender's to choose and must not pass for a type.
  EXPECT_FALSE(a_to_b(icmp_frame(link(A, B), v4(A, B), {kIcmpEchoReply, 0, 0x08000001})));
  EXPECT_TRUE(dropped_only(DropReason::policy_denied_sender));
}

// -- a change of the rules ----------------------------------------------------------------------------

TEST_F(Flow, ADenyClosesAnEstablishedConnectionAndAnAllowReopensIt) {
  set_policy({web_to_app(allow)}, PolicyDefault::deny);
  connect();
  set_policy({web_to_app(deny)}, PolicyDefault::allow);
  EXPECT_FALSE(a_to_b(ack(A, B)));
  EXPECT_TRUE(dropped_only(DropReason::policy_denied_sender));
  EXPECT_FALSE(b_to_a(ack_back(B, A)));  // although B might open one to A
  EXPECT_TRUE(dropped_only(DropReason::policy_denied_sender, 2));
  set_policy({web_to_app(allow)}, PolicyDefault::deny);
  EXPECT_TRUE(b_to_a(ack_back(B, A)));
  EXPECT_TRUE(a_to_b(ack(A, B)));
}

TEST_F(Flow, ADeniedConnectionIsNotPickedUpFromEitherSide) {
  set_policy({web_to_app(allow)}, PolicyDefault::deny);
  connect();
  set_policy({web_to_app(deny), app_to_web(allow)}, PolicyDefault::deny);
  EXPECT_FALSE(b_to_a(ack_back(B, A)));
  EXPECT_FALSE(a_to_b(ack(A, B)));
  EXPECT_FALSE(a_to_b(to_server(A, B, TcpHeader::kFin | TcpHeader::kAck)));
  EXPECT_TRUE(dropped_only(DropReason::policy_denied_sender, 3));
}

TEST_F(Flow, ADeniedSynDoesNotMakeRoomForAPickUp) {
  set_policy({web_to_app(allow)}, PolicyDefault::deny);
  connect();
  set_policy({web_to_app(deny), app_to_web(allow)}, PolicyDefault::deny);
  EXPECT_FALSE(a_to_b(syn(A, B)));
  EXPECT_FALSE(a_to_b(ack(A, B))
  );  // would be taken for an answer to B if the connection was forgotten
  EXPECT_FALSE(b_to_a(ack_back(B, A)));
  EXPECT_TRUE(dropped_only(DropReason::policy_denied_sender, 3));
}

TEST_F(Flow, ANewSynAfterADenyIsJudgedAnew) {
  set_policy({web_to_app(allow)}, PolicyDefault::deny);
  connect();
  set_policy({web_to_app(deny), app_to_web(allow)}, PolicyDefault::deny);
  EXPECT_FALSE(a_to_b(syn(A, B)));
  EXPECT_TRUE(dropped_only(DropReason::policy_denied_sender));
  EXPECT_TRUE(b_to_a(to_client(B, A, TcpHeader::kSyn)));  // B opens one with the same ports
  EXPECT_TRUE(a_to_b(to_server(A, B, TcpHeader::kSyn | TcpHeader::kAck)));
}

TEST_F(Flow, AConnectionKeepsItsOpenerWhenRulesChange) {
  set_policy({any_to_any(allow)}, PolicyDefault::deny);
  connect();
  set_policy({web_to_app(allow)}, PolicyDefault::deny);
  EXPECT_TRUE(b_to_a(ack_back(B, A)));  // an answer, whoever speaks first after the change
  set_policy({app_to_web(allow)}, PolicyDefault::deny);
  EXPECT_FALSE(b_to_a(ack_back(B, A)));
  EXPECT_TRUE(dropped_only(DropReason::policy_denied_sender));
}

TEST_F(Flow, AnAllowThatBecomesStatelessForgetsTheConnection) {
  set_policy({web_to_app(allow)}, PolicyDefault::deny);
  connect();
  set_policy({stateless(web_to_app(allow))}, PolicyDefault::deny);
  EXPECT_TRUE(a_to_b(ack(A, B)));
  EXPECT_EQ(tables_->flows.stats().entries, 0U);
  EXPECT_FALSE(b_to_a(ack_back(B, A)));
  EXPECT_TRUE(dropped_only(DropReason::policy_denied_sender));
}

TEST_F(Flow, TheNextContainerOnAnIndexInheritsNoConnection) {
  set_policy({web_to_app(allow)}, PolicyDefault::deny);
  connect();
  change([](Snapshot& s) {
    SegmentEntry& segment = s.segments.mutate(0);
    s.endpoints.mutate(0).born_epoch = ++segment.policy_epoch;
  });
  EXPECT_FALSE(b_to_a(syn_ack(B, A)));  // passes at B's end, which has not changed
  EXPECT_TRUE(dropped_only(DropReason::policy_denied_receiver));
}

TEST_F(Flow, EpochsMayWrap) {
  change([](Snapshot& s) {
    s.segments.mutate(0).policy_epoch = 0xFFFFFFFE;
    s.endpoints.mutate(0).born_epoch = s.endpoints.mutate(1).born_epoch = 0xFFFFFFFE;
  });
  set_policy({web_to_app(allow)}, PolicyDefault::deny);
  connect();
  set_policy({web_to_app(allow)}, PolicyDefault::deny);
  EXPECT_TRUE(b_to_a(ack_back(B, A)));
}

// -- limits -------------------------------------------------------------------------------------------

TEST_F(Flow, AnEndpointHasNoMoreConnectionsThanItsLimit) {
  change([](Snapshot& s) { s.endpoints.mutate(0).limits.live = 2; });
  set_policy({any_to_any(allow)}, PolicyDefault::deny);
  for (std::uint16_t port = 1; port <= 3; ++port) {
    EXPECT_EQ(a_to_b(udp_frame(link(A, B), v4(A, B), {port, 53}, counting(9))), port < 3);
  }
  EXPECT_TRUE(dropped_only(DropReason::connection_limit));
  EXPECT_TRUE(b_to_a(udp_frame(link(B, A), v4(B, A), {53, 1}, counting(9))));
}

TEST_F(Flow, WhatThePreviousContainerOpenedDoesNotCountAgainstTheNext) {
  change([](Snapshot& s) { s.endpoints.mutate(0).limits.live = 2; });
  set_policy({any_to_any(allow)}, PolicyDefault::deny);
  const auto open = [this](std::uint16_t port) {
    return a_to_b(udp_frame(link(A, B), v4(A, B), {port, 53}, counting(9)));
  };
  EXPECT_TRUE(open(1));
  EXPECT_TRUE(open(2));
  EXPECT_TRUE(b_to_a(udp_frame(link(B, A), v4(B, A), {53, 1}, counting(9))));
  change([](Snapshot& s) {
    SegmentEntry& segment = s.segments.mutate(0);
    s.endpoints.mutate(0).born_epoch = ++segment.policy_epoch;
  });
  EXPECT_TRUE(open(3));
  EXPECT_TRUE(open(4));
  EXPECT_FALSE(open(5));
  EXPECT_TRUE(dropped_only(DropReason::connection_limit));
}

TEST_F(Flow, AnEndpointOpensNoMoreConnectionsPerSecondThanItsLimit) {
  change([](Snapshot& s) { s.endpoints.mutate(1).limits.new_per_second = 2; });
  set_policy({any_to_any(allow)}, PolicyDefault::deny);
  for (std::uint16_t port = 1; port <= 3; ++port) {
    EXPECT_EQ(a_to_b(udp_frame(link(A, B), v4(A, B), {port, 53}, counting(9))), port < 3);
  }
  EXPECT_TRUE(dropped_only(DropReason::connection_rate));
  let_pass(1);
  EXPECT_TRUE(a_to_b(udp_frame(link(A, B), v4(A, B), {3, 53}, counting(9))));
}

TEST_F(Flow, AFullTableRefusesWhoHasNothingToGive) {
  // Each of as many owners as there is room for has one entry, so nobody is heavier than anybody.
  auto tables =
      WorkerTables::make({.flows = 1, .endpoints = 64, .rule_counters = 64, .meters = 64}, 1);
  ASSERT_TRUE(tables);
  tables_.swap(*tables);
  context_->tables = tables_.get();
  set_policy({any_to_any(allow)}, PolicyDefault::deny);
  EXPECT_TRUE(a_to_remote(syn(A, R)));
  EXPECT_FALSE(remote_to_b(syn(R, B)));
  EXPECT_TRUE(dropped_only(DropReason::flow_table_full));
  EXPECT_TRUE(a_to_remote(syn(A, R)));  // who is in, is in
}

}  // namespace
}  // namespace weft::stage_test
