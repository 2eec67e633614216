// Classes and policers on the packet path: who gets which class, what it costs, and what is written.

#include "dataplane/testing/flow_fixture.h"
#include "encap/tunnel.h"

namespace weft::stage_test {
namespace {

using classifier::af;
using classifier::Colour;
using classifier::cs;
using classifier::kDscpDefault;
using classifier::kDscpExpedited;
using classifier::MeterAction;
using classifier::MeterConfig;
using classifier::Phb;

constexpr std::uint8_t kAf41 = af(4, Colour::green);
constexpr std::uint8_t kAf42 = af(4, Colour::yellow);
constexpr std::uint64_t kHz = 1'000'000'000;
constexpr std::uint32_t kIpOctets = 128;  // of udp_of()'s IP packet

class Qos : public FlowTest {
 protected:
  void SetUp() override {
    FlowTest::SetUp();
    change([](Snapshot& s) { s.meters.grow(16); });
  }
  template <typename Edit>
  void change_a(Edit edit) {
    change([&](Snapshot& s) { edit(s.endpoints.mutate(0).qos); });
  }
  void set_class(
      const PolicyRule& rule, std::uint8_t dscp, std::uint16_t meter = classifier::kNoMeter
  ) {
    PolicyRule marked = rule;
    marked.dscp = dscp;
    marked.meter = meter;
    set_policy({marked}, PolicyDefault::allow);
  }
  /// Two packets of udp_of() are green, a third one is yellow, the rest is red.
  void set_meter(std::uint16_t index, std::array<MeterAction, 3> actions) {
    const MeterConfig config{
        .cir = 1, .cbs = 2 * kIpOctets, .excess_burst = kIpOctets, .actions = actions};
    change([&](Snapshot& s) { s.meters.mutate(index) = classifier::compile(config, 1, kHz); });
  }
  void set_scarce(Phb phb, std::uint16_t contract = classifier::kNoMeter) {
    change([&](Snapshot& s) {
      s.scarce_classes = static_cast<std::uint8_t>(1U << static_cast<unsigned>(phb));
      s.endpoints.mutate(0).qos.contracts[static_cast<std::size_t>(phb)] = contract;
    });
  }
  static Octets udp_of(const Host& from, const Host& to, std::uint8_t dscp = 0) {
    const Ip4 ip{
        .source = from.v4, .destination = to.v4, .tos = static_cast<std::uint8_t>(dscp << 2U)};
    return udp_frame(link(from, to), ip, {}, counting(kIpOctets - 28));
  }
  /// The class that B sees of a packet of A.
  std::uint8_t seen_by_b(const Octets& frame) {
    if (!a_to_b(frame)) return 0xFF;
    const Octets seen = last_of(1);
    EXPECT_EQ(checksum_faults(seen), "");
    return static_cast<std::uint8_t>(parse_frame(seen).tos >> 2U);
  }
};

// -- where a class comes from ---------------------------------------------------------------------------

TEST_F(Qos, TrustsWhatAContainerWrites) {
  EXPECT_EQ(seen_by_b(udp_of(A, B, kAf41)), kAf41);
  EXPECT_EQ(octets_of(port(1).sent.back().get()), udp_of(A, B, kAf41));
}

TEST_F(Qos, AnEndpointMayHaveAFixedClass) {
  change_a([](EndpointQos& qos) {
    qos.source = ClassSource::fixed;
    qos.dscp = cs(1);
  });
  EXPECT_EQ(seen_by_b(udp_of(A, B, kDscpExpedited)), cs(1));
}

TEST_F(Qos, AClassMayComeFromTheVlanPriority) {
  change_a([](EndpointQos& qos) { qos.source = ClassSource::pcp; });
  Ethernet tagged = link(A, B);
  tagged.vlans = {5U << 13U | 100U};
  EXPECT_EQ(seen_by_b(udp_frame(tagged, v4(A, B), {}, counting(20))), kDscpExpedited);
  EXPECT_EQ(seen_by_b(udp_of(A, B, kAf41)), kAf41);  // without a tag: what is written
}

TEST_F(Qos, ARuleOverridesTheEndpoint) {
  change_a([](EndpointQos& qos) { qos.source = ClassSource::fixed; });
  set_class(web_to_app(allow), kAf41);
  EXPECT_EQ(seen_by_b(udp_of(A, B, kDscpExpedited)), kAf41);
  EXPECT_TRUE(b_to_a(udp_frame(link(B, A), v4(B, A), {53, 40000}, counting(20))));
  EXPECT_EQ(parse_frame(last_of(0)).tos >> 2U, kAf41);  // replies belong to the connection
}

TEST_F(Qos, ARuleOfTheReceiversEndGivesAClassToo) {
  set_class(at(PolicyEnds::receiver, web_to_app(allow)), kAf41);
  EXPECT_EQ(seen_by_b(udp_of(A, B)), kAf41);
  set_class(
      at(PolicyEnds::receiver, rules::rule(rules::any(), rules::group("web"), {}, allow)), kAf41
  );
  EXPECT_TRUE(remote_to_a(udp_of(R, A)));
  EXPECT_EQ(parse_frame(last_of(0)).tos >> 2U, kAf41);
}

TEST_F(Qos, RemarksIpv6AndKeepsEcn) {
  set_class(web_to_app(allow), kAf41);
  const Ip6 ip{.source = kIp6A, .destination = kIp6B, .traffic_class = 0x02};
  EXPECT_TRUE(a_to_b(udp_frame(link(A, B), ip, {}, counting(20))));
  EXPECT_EQ(parse_frame(last_of(1)).tos, kAf41 << 2U | 2U);
}

TEST_F(Qos, TheIpv4ChecksumIsRightForEveryClass) {
  for (unsigned dscp = 0; dscp < 64; ++dscp) {
    change_a([&](EndpointQos& qos) {
      qos.source = ClassSource::fixed;
      qos.dscp = static_cast<std::uint8_t>(dscp);
    });
    for (const std::uint8_t written : {std::uint8_t{0}, std::uint8_t{63}, kAf41}) {
      ASSERT_TRUE(a_to_b(udp_of(A, B, written)));
      const Octets seen = last_of(1);
      ASSERT_EQ(seen[15] >> 2U, dscp);
      ASSERT_EQ(naive_sum(ConstBytes{seen}.subspan(14, 20)), 0xFFFF) << dscp;
    }
  }
}

TEST_F(Qos, TheOuterHeaderFollowsTheModeOfTheSegment) {
  set_class(any_to_any(allow), kAf41);
  const auto outer_and_inner = [&](encap::DscpMode mode) {
    change([&](Snapshot& s) {
      s.segments.mutate(0).dscp_mode = mode;
      s.segments.mutate(0).fixed_dscp = cs(2);
    });
    EXPECT_TRUE(a_to_remote(udp_of(A, R)));
    const Octets sent = octets_of(uplink().sent.back().get());
    EXPECT_EQ(naive_sum(ConstBytes{sent}.subspan(14, 20)), 0xFFFF);
    const std::uint8_t inner = sent[50 + 15];
    return std::pair<int, int>{sent[15] >> 2U, inner >> 2U};
  };
  EXPECT_EQ(outer_and_inner(encap::DscpMode::uniform), (std::pair<int, int>{kAf41, kAf41}));
  EXPECT_EQ(outer_and_inner(encap::DscpMode::pipe), (std::pair<int, int>{kAf41, kAf41}));
  EXPECT_EQ(outer_and_inner(encap::DscpMode::fixed), (std::pair<int, int>{cs(2), kAf41}));
}

// -- scarce classes -------------------------------------------------------------------------------------

TEST_F(Qos, AScarceClassNeedsAContract) {
  set_scarce(Phb::expedited);
  EXPECT_EQ(seen_by_b(udp_of(A, B, kDscpExpedited)), kDscpDefault);
  EXPECT_EQ(seen_by_b(udp_of(A, B, kAf41)), kAf41);  // this one is not scarce
}

TEST_F(Qos, AContractAdmitsWhatItMeters) {
  set_meter(
      3, {{{}, {MeterAction::Kind::remark, cs(1)}, {MeterAction::Kind::remark, kDscpDefault}}}
  );
  set_scarce(Phb::expedited, 3);
  const std::vector<std::uint8_t> expected{kDscpExpedited, kDscpExpedited, cs(1), kDscpDefault};
  for (const std::uint8_t dscp : expected) EXPECT_EQ(seen_by_b(udp_of(A, B, kDscpExpedited)), dscp);
  EXPECT_EQ(tables_->meter(3).packets[0].get(), 2U);
  EXPECT_EQ(tables_->meter(3).octets[0].get(), 2 * kIpOctets);
  EXPECT_EQ(tables_->meter(3).packets[1].get(), 1U);
  EXPECT_EQ(tables_->meter(3).packets[2].get(), 1U);
  EXPECT_EQ(drops(), 0U);
}

TEST_F(Qos, WhatIsAboveItsContractIsMarkedInItsAfClass) {
  set_meter(3, {});
  set_scarce(Phb::af4, 3);
  const std::vector<std::uint8_t> expected{kAf41, kAf41, kAf42, af(4, Colour::red)};
  for (const std::uint8_t dscp : expected) EXPECT_EQ(seen_by_b(udp_of(A, B, kAf41)), dscp);
}

TEST_F(Qos, ARuleDoesNotGetAroundAContract) {
  set_scarce(Phb::expedited);
  set_class(web_to_app(allow), kDscpExpedited);
  EXPECT_EQ(seen_by_b(udp_of(A, B)), kDscpDefault);  // nor does the same rule at the receiver's end
  set_class(at(PolicyEnds::receiver, web_to_app(allow)), kDscpExpedited);
  EXPECT_EQ(seen_by_b(udp_of(A, B)), kDscpDefault);
  change([](Snapshot& s) { s.segments.mutate(0).dscp_mode = encap::DscpMode::pipe; });
  EXPECT_TRUE(remote_to_b(udp_of(R, B, kDscpExpedited)));  // admitted where it was sent
  EXPECT_EQ(parse_frame(last_of(1)).tos >> 2U, kDscpExpedited);
}

// -- policers -------------------------------------------------------------------------------------------

TEST_F(Qos, AMeterOfARuleDropsRed) {
  set_meter(1, {{{}, {}, {MeterAction::Kind::drop, 0}}});
  set_class(web_to_app(allow), classifier::kNoClass, 1);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(a_to_b(udp_of(A, B)), i < 3);
  EXPECT_TRUE(dropped_only(DropReason::meter_red, 2));
  // A rule that is judged at both ends meters once.
  EXPECT_EQ(tables_->meter(1).packets[0].get() + tables_->meter(1).packets[1].get(), 3U);
}

TEST_F(Qos, AMeterOfAReceiversRuleDropsRed) {
  set_meter(1, {{{}, {}, {MeterAction::Kind::drop, 0}}});
  set_class(at(PolicyEnds::receiver, web_to_app(allow)), classifier::kNoClass, 1);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(a_to_b(udp_of(A, B)), i < 3);
  EXPECT_TRUE(dropped_only(DropReason::meter_red));
}

TEST_F(Qos, AMeterOfAnEndpointDropsRed) {
  set_meter(1, {{{}, {}, {MeterAction::Kind::drop, 0}}});
  change_a([](EndpointQos& qos) { qos.meter = 1; });
  for (int i = 0; i < 4; ++i) EXPECT_EQ(a_to_b(udp_of(A, B)), i < 3);
  EXPECT_TRUE(dropped_only(DropReason::meter_red));
  EXPECT_TRUE(b_to_a(udp_of(B, A)));  // its own, not the neighbour's
}

TEST_F(Qos, AMeterOfATenantDropsRedWhoeverSends) {
  set_meter(1, {{{}, {}, {MeterAction::Kind::drop, 0}}});
  change([](Snapshot& s) { s.segments.mutate(0).tenant_meter = 1; });
  EXPECT_TRUE(a_to_b(udp_of(A, B)));
  EXPECT_TRUE(b_to_a(udp_of(B, A)));
  EXPECT_TRUE(a_to_b(udp_of(A, B)));
  EXPECT_FALSE(b_to_a(udp_of(B, A)));
  EXPECT_TRUE(dropped_only(DropReason::meter_red));
  EXPECT_EQ(port(1).counters.drops.get(DropReason::meter_red), 1U);
}

TEST_F(Qos, AMeterOfATenantIsThatOfAllWorkers) {
  set_meter(1, {{{}, {}, {MeterAction::Kind::drop, 0}}});
  change([](Snapshot& s) { s.segments.mutate(0).tenant_meter = 1; });
  SharedMeters shared{64};
  ASSERT_TRUE(shared.is_made());
  const auto be_another_worker = [&] {
    auto tables = WorkerTables::make(
        {.flows = 64, .endpoints = 64, .rule_counters = 64, .meters = 64}, 1, &shared
    );
    ASSERT_TRUE(tables);
    tables_ = std::move(*tables);
    context_->tables = tables_.get();
  };
  be_another_worker();
  EXPECT_TRUE(a_to_b(udp_of(A, B)));
  EXPECT_TRUE(a_to_b(udp_of(A, B)));
  be_another_worker();
  EXPECT_TRUE(a_to_b(udp_of(A, B)));
  EXPECT_FALSE(a_to_b(udp_of(A, B)));
  EXPECT_TRUE(dropped_only(DropReason::meter_red));
  EXPECT_EQ(tables_->meter(1).packets[2].get(), 1U) << "counters stay the worker's own";
}

TEST_F(Qos, WhatOneMeterDropsCostsTheNextNothing) {
  set_meter(1, {{{}, {}, {MeterAction::Kind::drop, 0}}});
  set_meter(2, {});
  set_class(web_to_app(allow), classifier::kNoClass, 1);
  change_a([](EndpointQos& qos) { qos.meter = 2; });
  for (int i = 0; i < 6; ++i) (void)a_to_b(udp_of(A, B));
  EXPECT_TRUE(dropped_only(DropReason::meter_red, 3));
  EXPECT_EQ(tables_->meter(2).packets[0].get() + tables_->meter(2).packets[1].get(), 3U);
  EXPECT_EQ(tables_->meter(2).packets[2].get(), 0U);
}

TEST_F(Qos, WhatTheSendersMeterMarkedTheReceiversEndDoesNotMarkBack) {
  set_meter(1, {{{}, {MeterAction::Kind::remark, cs(1)}, {MeterAction::Kind::remark, cs(1)}}});
  set_class(web_to_app(allow), kAf41, 1);
  const std::vector<std::uint8_t> expected{kAf41, kAf41, cs(1), cs(1)};
  for (const std::uint8_t dscp : expected) EXPECT_EQ(seen_by_b(udp_of(A, B)), dscp);
}

TEST_F(Qos, MetersIpOctetsAndOfOtherFramesWhatFollowsTheMacs) {
  set_meter(1, {});
  change_a([](EndpointQos& qos) { qos.meter = 1; });
  EXPECT_TRUE(a_to_b(udp_of(A, B) + Octets(10)));  // padding is not part of the packet
  EXPECT_EQ(tables_->meter(1).octets[0].get(), kIpOctets);
  EXPECT_TRUE(a_to_b(ethernet_frame(link(A, B), 0x88B5, counting(60))));
  EXPECT_EQ(tables_->meter(1).octets[0].get(), kIpOctets + 60U);
}

TEST_F(Qos, AMeterThatIsGoneStopsNobody) {
  change_a([](EndpointQos& qos) { qos.meter = 999; });
  EXPECT_TRUE(a_to_b(udp_of(A, B)));
  change_a([](EndpointQos& qos) { qos.meter = 5; });  // a hole
  EXPECT_TRUE(a_to_b(udp_of(A, B)));
}

}  // namespace
}  // namespace weft::stage_test
