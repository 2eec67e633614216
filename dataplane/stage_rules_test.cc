// Match-action rules on the packet path: which frames they see, and what each action does.

#include <utility>

#include "classifier/tuple_space.h"
#include "dataplane/testing/flow_fixture.h"

namespace weft::stage_test {
namespace {

using namespace classifier;  // NOLINT: the vocabulary of rules

constexpr std::uint64_t kHz = 1'000'000'000;
constexpr std::uint32_t kUplink = 0;  // port numbers
constexpr std::uint32_t kPortA = 16;
constexpr std::uint32_t kPortB = 17;
constexpr std::uint32_t kPortC = 18;  // of another worker
constexpr std::uint16_t kMeter = 3;

MatchPattern udp_to(std::uint64_t port) {
  const FieldMatch field{MatchField::udp_dst, FieldValue::of(port), FieldValue::ones(16), {}};
  return {{MatchItem::udp, {field}}};
}

class Rules : public FlowTest {
 protected:
  /// Rule i counts under hits(i) if it has the action count.
  void set_rules(
      std::uint32_t port, const MatchPattern& pattern, std::vector<MatchAction> actions
  ) {
    set_rules(port, {{0, {0, pattern, std::move(actions)}, 0, false}});
  }
  void set_rules(std::uint32_t port, std::vector<PortRule> rules) {
    for (PortRule& rule : rules) {
      rule.counter = has_action(rule.rule, MatchActionKind::count) ? rule.id : kNoRuleCounter;
      EXPECT_TRUE(check(rule.rule));
    }
    auto table = RuleTable::compile(rules);
    ASSERT_TRUE(table) << table.error().message;
    change([&](Snapshot& s) {
      if (port < kMaxUplinks) {
        s.uplinks[port].rules = std::move(*table);
      } else {
        s.endpoints.mutate(port - kMaxUplinks).rules = std::move(*table);
      }
    });
  }
  static Octets udp(const Host& from, const Host& to, std::uint16_t port, std::uint8_t tos = 0) {
    const Ip4 ip{.source = from.v4, .destination = to.v4, .tos = tos};
    return udp_frame(link(from, to), ip, {.destination_port = port}, counting(100));
  }
  static Octets udp6(const Host& from, const Host& to, std::uint16_t port) {
    return udp_frame(link(from, to), v6(from, to), {.destination_port = port}, counting(100));
  }
};

// -- which frames ---------------------------------------------------------------------------------------

TEST_F(Rules, DropsAndCountsWhatMatchesAndNothingElse) {
  set_rules(kPortA, udp_to(5000), {{MatchActionKind::count, 0}, {MatchActionKind::drop, 0}});
  EXPECT_FALSE(a_to_b(udp(A, B, 5000)));
  EXPECT_FALSE(a_to_b(udp6(A, B, 5000)));
  EXPECT_TRUE(dropped_only(DropReason::rule_drop, 2));
  EXPECT_EQ(port(0).counters.drops.get(DropReason::rule_drop), 2U);
  EXPECT_TRUE(a_to_b(udp(A, B, 5001)));
  EXPECT_TRUE(b_to_a(udp(B, A, 5000))) << "another port's frames";
  EXPECT_EQ(hits(0).packets.get(), 2U);
  EXPECT_EQ(hits(0).octets.get(), udp(A, B, 5000).size() + udp6(A, B, 5000).size());
}

TEST_F(Rules, TheFirstRuleThatMatchesDecidesAlone) {
  const MatchRule pass{0, udp_to(5000), {{MatchActionKind::count, 0}}};
  const MatchRule rest{
      1, {{MatchItem::eth, {}}}, {{MatchActionKind::count, 0}, {MatchActionKind::drop, 0}}};
  set_rules(kPortA, {{0, rest, 0, false}, {1, pass, 0, false}});
  EXPECT_TRUE(a_to_b(udp(A, B, 5000)));
  EXPECT_FALSE(a_to_b(udp(A, B, 5001)));
  EXPECT_EQ(hits(1).packets.get(), 1U);
  EXPECT_EQ(hits(0).packets.get(), 1U);
}

TEST_F(Rules, AreOfTheWholeBurst) {
  set_rules(kPortA, udp_to(5000), {{MatchActionKind::drop, 0}});
  std::vector<Packet> frames;
  for (std::uint16_t i = 0; i < kMaxBurst; ++i) {
    frames.push_back(packet(udp(A, B, static_cast<std::uint16_t>(5000 + i % 2))));
  }
  receive_from(0, std::move(frames));
  EXPECT_TRUE(dropped_only(DropReason::rule_drop, kMaxBurst / 2));
  EXPECT_EQ(port(1).sent.size(), kMaxBurst / 2);
}

TEST_F(Rules, ComeBeforeTheSourceGuard) {
  set_rules(kPortA, udp_to(5000), {{MatchActionKind::drop, 0}});
  EXPECT_FALSE(a_to_b(udp(R, B, 5000)));
  EXPECT_TRUE(dropped_only(DropReason::rule_drop));
}

TEST_F(Rules, OfAnUplinkSeeTheOuterFrame) {
  set_rules(kUplink, udp_to(5000), {{MatchActionKind::drop, 0}});
  EXPECT_TRUE(remote_to_a(udp(R, A, 5000)));
  set_rules(kUplink, udp_to(4789), {{MatchActionKind::count, 0}, {MatchActionKind::drop, 0}});
  EXPECT_FALSE(remote_to_a(udp(R, A, 5000)));
  EXPECT_TRUE(dropped_only(DropReason::rule_drop));
  EXPECT_EQ(hits(0).octets.get(), from_remote(udp(R, A, 5000)).size());
}

// -- actions --------------------------------------------------------------------------------------------

TEST_F(Rules, QueueLetsTheFramePass) {
  set_rules(kUplink, udp_to(4789), {{MatchActionKind::queue, 1}});
  EXPECT_TRUE(remote_to_a(udp(R, A, 5000)));
}

TEST_F(Rules, MarkGoesWhereADevicePutsIt) {
  set_rules(kPortA, udp_to(5000), {{MatchActionKind::mark, 0xABCD1234}});
  EXPECT_TRUE(a_to_b(udp(A, B, 5000)));
  const rte_mbuf* frame = port(1).sent.back().get();
  EXPECT_EQ(frame->hash.fdir.hi, 0xABCD1234U);
  EXPECT_NE(frame->ol_flags & RTE_MBUF_F_RX_FDIR_ID, 0U);
  EXPECT_TRUE(a_to_b(udp(A, B, 5001)));
  EXPECT_EQ(port(1).sent.back()->ol_flags & RTE_MBUF_F_RX_FDIR_ID, 0U);
}

TEST_F(Rules, SetTheDscpOfTheirFamilyOnly) {
  set_rules(kPortA, udp_to(5000), {{MatchActionKind::set_ipv4_dscp, 34}});
  EXPECT_TRUE(a_to_b(udp(A, B, 5000, 0x01)));
  EXPECT_EQ(parse_frame(last_of(1)).tos, 34U << 2U | 1U) << "ECN stays";
  EXPECT_EQ(checksum_faults(last_of(1)), "");
  EXPECT_EQ(meta(port(1).sent.back().get()).phb, Phb::af4);
  EXPECT_TRUE(a_to_b(udp6(A, B, 5000)));
  EXPECT_EQ(parse_frame(last_of(1)).tos, 0U);
  set_rules(kPortA, udp_to(5000), {{MatchActionKind::set_ipv6_dscp, 46}});
  EXPECT_TRUE(a_to_b(udp6(A, B, 5000)));
  EXPECT_EQ(parse_frame(last_of(1)).tos, 46U << 2U);
}

TEST_F(Rules, AMeterDropsWhatIsRedAndRemarksWhatItSays) {
  const std::uint32_t octets = 128;  // of udp()'s IP packet
  const MeterConfig config{
      .cir = 1,
      .cbs = octets,
      .excess_burst = octets,
      .actions = {
          MeterAction{},
          MeterAction{MeterAction::Kind::remark, 10},
          MeterAction{MeterAction::Kind::drop, 0}}};
  change([&](Snapshot& s) {
    s.meters.grow(kMeter + 1U);
    s.meters.mutate(kMeter) = classifier::compile(config, 1, kHz);
  });
  set_rules(kPortA, udp_to(5000), {{MatchActionKind::meter, kMeter}});
  EXPECT_TRUE(a_to_b(udp(A, B, 5000)));
  EXPECT_EQ(parse_frame(last_of(1)).tos, 0U);
  EXPECT_TRUE(a_to_b(udp(A, B, 5000)));
  EXPECT_EQ(parse_frame(last_of(1)).tos >> 2U, 10U);
  EXPECT_FALSE(a_to_b(udp(A, B, 5000)));
  EXPECT_TRUE(dropped_only(DropReason::meter_red));
  EXPECT_TRUE(a_to_b(udp(A, B, 5001)));
  EXPECT_EQ(tables_->meter(kMeter).packets[2].get(), 1U);
}

// -- port_id --------------------------------------------------------------------------------------------

TEST_F(Rules, SendToAContainerWhateverTheAddress) {
  set_rules(kPortA, udp_to(5000), {{MatchActionKind::port_id, kPortB}});
  const Octets frame = udp(A, R, 5000);
  receive_from(0, packet(frame));
  ASSERT_EQ(port(1).sent.size(), 1U);
  EXPECT_EQ(last_of(1), frame);
  EXPECT_EQ(meta(port(1).sent[0].get()).from, EndpointIndex{0});
  EXPECT_TRUE(uplink().sent.empty());
}

TEST_F(Rules, SendToAContainerOfAnotherWorker) {
  set_rules(kPortA, udp_to(5000), {{MatchActionKind::port_id, kPortC}});
  receive_from(0, packet(udp(A, B, 5000)));
  EXPECT_EQ(counters_.handed_over.get(), 1U);
}

TEST_F(Rules, SendAnOuterFrameToAContainerAsItIs) {
  set_rules(kUplink, udp_to(4789), {{MatchActionKind::port_id, kPortB}});
  const Octets frame = from_remote(udp(R, A, 5000));
  receive_from_uplink(packet(frame));
  ASSERT_EQ(port(1).sent.size(), 1U);
  EXPECT_EQ(last_of(1), frame);
}

TEST_F(Rules, ThePolicyOfTheReceiverJudgesWhatIsSentToIt) {
  set_policy({any_to_any(deny)}, PolicyDefault::deny);
  set_rules(kPortA, udp_to(5000), {{MatchActionKind::port_id, kPortB}});
  receive_from(0, packet(udp(A, B, 5000)));
  EXPECT_TRUE(dropped_only(DropReason::policy_denied_receiver));
}

TEST_F(Rules, SendToNobodyIsADrop) {
  set_rules(kPortA, udp_to(5000), {{MatchActionKind::port_id, kPortA + 1000}});
  receive_from(0, packet(udp(A, B, 5000)));
  EXPECT_TRUE(dropped_only(DropReason::port_gone));
}

TEST_F(Rules, SendToAnUplinkWithoutATunnel) {
  set_rules(kPortA, udp_to(5000), {{MatchActionKind::port_id, kUplink}});
  Packet frame = packet(
      udp_frame(link(A, B), v4(A, B), {.destination_port = 5000, .is_partial = true}, counting(100))
  );
  const ParsedFrame parsed = parse_frame(head_bytes(frame.get()), frame->pkt_len);
  OffloadRequest& offload = meta(frame.get()).offload;
  offload.needs_checksum = true;
  offload.checksum_start = parsed.l4_offset;
  offload.checksum_offset = 6;
  receive_from(0, std::move(frame));
  ASSERT_EQ(uplink().sent.size(), 1U);
  EXPECT_EQ(checksum_faults(octets_of(uplink().sent[0].get())), "");
}

TEST_F(Rules, LargeSegmentsAreCutForAnUplink) {
  set_rules(kPortA, {{MatchItem::tcp, {}}}, {{MatchActionKind::port_id, kUplink}});
  Packet large = packet(tcp_frame(link(A, B), v4(A, B), {.is_partial = true}, counting(10'000)));
  meta(large.get()).offload = tcp_offload(large.get(), 1400);
  receive_from(0, std::move(large));
  ASSERT_EQ(uplink().sent.size(), 8U);
  for (const Packet& part : uplink().sent) {
    EXPECT_LE(part->pkt_len, 1514U);
    EXPECT_EQ(checksum_faults(octets_of(part.get())), "");
  }
}

TEST_F(Rules, AnUplinkTakesNothingThatIsTooLargeForIt) {
  set_rules(kPortA, udp_to(5000), {{MatchActionKind::port_id, kUplink}});
  const auto with_payload = [](std::size_t octets) {
    return udp_frame(link(A, B), v4(A, B), {.destination_port = 5000}, counting(octets));
  };
  receive_from(0, packet(with_payload(1472)));
  EXPECT_EQ(uplink().sent.size(), 1U);
  receive_from(0, packet(with_payload(1473)));
  EXPECT_TRUE(dropped_only(DropReason::frame_too_large));
}

TEST_F(Rules, AnUplinkThatIsDownTakesNothing) {
  set_rules(kPortA, udp_to(5000), {{MatchActionKind::port_id, kUplink}});
  change([](Snapshot& s) { s.uplinks[0].is_up = false; });
  receive_from(0, packet(udp(A, B, 5000)));
  EXPECT_TRUE(dropped_only(DropReason::uplink_down));
}

TEST_F(Rules, AnUplinkOfAnotherWorkerGetsItThroughItsRing) {
  set_rules(kPortA, udp_to(5000), {{MatchActionKind::port_id, kUplink}});
  change([](Snapshot& s) {
    s.uplinks[0].tx_port[0] = nullptr;
    s.uplinks[0].tx_owner[0] = WorkerId{1};
  });
  receive_from(0, packet(udp(A, B, 5000)));
  ASSERT_EQ(counters_.handed_over.get(), 1U);
  rte_mbuf* frame = nullptr;
  ASSERT_TRUE(to_worker1_.pop(frame));
  EXPECT_EQ(meta(frame).to.kind(), Destination::Kind::tunnel) << "complete, for an uplink";
  EXPECT_EQ(meta(frame).uplink, UplinkIndex{0});
  ASSERT_TRUE(to_worker1_.push(frame));
}

TEST_F(Rules, WhatAContainerAsksForIsJudgedBeforeItIsSentOn) {
  for (const std::uint32_t to : {kUplink, kPortB}) {
    set_rules(kPortA, udp_to(5000), {{MatchActionKind::port_id, to}});
    Packet frame = packet(udp(A, B, 5000));
    meta(frame.get()).offload.needs_checksum = true;
    meta(frame.get()).offload.checksum_start = 60'000;
    receive_from(0, std::move(frame));
  }
  EXPECT_TRUE(dropped_only(DropReason::bad_offload_request, 2));
}

}  // namespace
}  // namespace weft::stage_test
