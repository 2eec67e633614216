// Match-action rules in a real driver: net_tap turns rte_flow into the kernel's flower filters, and real
// frames show whether hardware and software agree. Runs inside the virtual machine that `run` boots (see
// README.md): the kernels of most hosts and of all containers lack what net_tap needs.
#include <algorithm>
#include <array>
#include <cstdint>
#include <iostream>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "classifier/rule_key.h"
#include "classifier/testing/random_rules.h"
#include "classifier/tuple_space.h"
#include "pmd-config/flow_offload.h"
#include "pmd-config/uplink_test_env.h"
#include "tests/qemu/tap_wire.h"

namespace weft::qemu_test {
namespace {

using namespace classifier;  // NOLINT: its vocabulary is what is offloaded
using namespace wire_test;   // NOLINT: frames are written in it

using ::testing::Contains;
using ::testing::Each;
using ::testing::PrintToString;
using ::testing::StartsWith;
using Kind = MatchActionKind;
using Item = MatchItem;
using Field = MatchField;
using Frames = std::vector<wire_test::Octets>;
using wire_test::Octets;  // and not the one of uplink_test_env.h

constexpr std::uint16_t kQueues = 2;
const Arrival kGone{};

FieldMatch exactly(Field field, std::uint64_t value) {
  return {field, FieldValue::of(value), FieldValue::ones(info(field).bits), {}};
}
FieldMatch range(Field field, std::uint64_t first, std::uint64_t last) {
  FieldMatch match = exactly(field, first);
  match.last = FieldValue::of(last);
  return match;
}
FieldMatch masked(Field field, std::uint64_t value, std::uint64_t mask) {
  FieldMatch match = exactly(field, value);
  match.mask = FieldValue::of(mask);
  return match;
}
MatchPattern udp_to(std::uint64_t port) {
  return {{Item::eth, {}}, {Item::ipv4, {}}, {Item::udp, {exactly(Field::udp_dst, port)}}};
}
const MatchPattern kUdp{{Item::eth, {}}, {Item::ipv4, {}}, {Item::udp, {}}};
const std::vector<MatchAction> kDrop{{Kind::drop, 0}};
std::vector<MatchAction> to_queue(std::uint32_t queue) {
  return {{Kind::queue, queue}};
}
/// Rules under test begin at priority 1, behind the wire's own (tap_wire.h).
PortRule rule(
    std::uint32_t id, std::uint32_t priority, MatchPattern pattern, std::vector<MatchAction> actions
) {
  MatchRule match{priority, std::move(pattern), std::move(actions)};
  const std::uint32_t counter = has_action(match, Kind::count) ? id : kNoRuleCounter;
  return {id, std::move(match), counter, false};
}

/// UDP from 192.0.2.1 to 192.0.2.2.
Octets udp_frame(std::uint16_t port, std::uint16_t source_port = 40000) {
  return ethernet(kEtherTypeIpv4, ipv4(kIpProtoUdp, udp(text("data"), source_port, port)));
}
Frames udp_flows_to(std::uint16_t port) {
  Frames frames;
  for (std::uint16_t flow = 0; flow < 32; ++flow) {
    frames.push_back(udp_frame(port, static_cast<std::uint16_t>(40000 + flow)));
  }
  return frames;
}

/// The same with a VLAN tag.
Octets tagged_udp_frame(std::uint16_t port) {
  const Octets packet = ipv4(kIpProtoUdp, udp(text("data"), 40000, port));
  return ethernet(kEtherTypeVlan, tag(5, kEtherTypeIpv4, packet));
}

class FlowOffloadGuest : public test::UplinkTest {
 protected:
  void SetUp() override {
    UplinkConfig wanted = config("tap:wq0");
    wanted.queues = kQueues;
    uplink_ = open(wanted);
    ASSERT_NE(uplink_, nullptr);
    ASSERT_EQ(uplink_->queue_count(), kQueues);
    wire_ = std::make_unique<TapWire>(*uplink_, "wq0");
    offload_ = std::make_unique<FlowOffload>(uplink_->port_id());
  }
  void TearDown() override {
    offload_.reset();
    wire_.reset();
    uplink_.reset();
    UplinkTest::TearDown();
  }

  /// Puts the rules in force, in the device and in software, as control does.
  void apply(std::vector<PortRule> rules) {
    const Status status = offload_->update(rules);
    ASSERT_TRUE(status) << status.error().message;
    for (PortRule& one : rules) one.is_offloaded = offload_->is_offloaded(one.id);
    auto table = RuleTable::compile(rules);
    ASSERT_TRUE(table) << table.error().message;
    table_ = *table;
    rules_ = std::move(rules);
  }
  void apply_offloaded(const std::vector<PortRule>& rules) {
    apply(rules);
    for (const PortRule& one : rules) {
      EXPECT_TRUE(offload_->is_offloaded(one.id)) << one.id << offload_->software_because(one.id);
    }
  }

  /// What software says of a frame that reaches it; nullptr: no rule matches.
  [[nodiscard]] const CompiledRule* judged(const Octets& frame) const {
    const Octets sent = TapWire::with_trailer(frame, 0);
    const ParsedFrame parsed = parse_frame(sent);
    EXPECT_TRUE(parsed.is_ok());
    return table_->find(rule_key(sent, parsed));
  }
  [[nodiscard]] bool software_drops(const Octets& frame) const {
    const CompiledRule* found = judged(frame);
    return found != nullptr && found->has(Kind::drop);
  }
  [[nodiscard]] bool arrives(const Octets& frame) {
    return wire_->carry({frame}).front().has_value();
  }

  std::unique_ptr<EthdevUplink> uplink_;
  std::unique_ptr<TapWire> wire_;
  std::unique_ptr<FlowOffload> offload_;
  std::vector<PortRule> rules_;
  std::shared_ptr<const RuleTable> table_;
};

TEST_F(FlowOffloadGuest, TheDeviceDropsWhatTheRuleSaysAndNothingElse) {
  const Octets others[] = {
      udp_frame(54),
      ethernet(kEtherTypeIpv4, ipv4(kIpProtoTcp, tcp(text("data"), {}, 40000, 53))),
      ethernet(kEtherTypeIpv6, ipv6(kIpProtoUdp, udp(text("data")))),
      ethernet(kEtherTypeArp, arp(1))};
  apply({});
  EXPECT_TRUE(arrives(udp_frame(53)));
  apply_offloaded({rule(0, 1, udp_to(53), kDrop)});
  EXPECT_FALSE(arrives(udp_frame(53)));
  EXPECT_TRUE(software_drops(udp_frame(53)));
  for (const Octets& other : others) {
    EXPECT_TRUE(arrives(other));
    EXPECT_EQ(judged(other), nullptr);
  }
}

TEST_F(FlowOffloadGuest, TheDevicePutsEveryFlowOfARuleIntoItsQueue) {
  apply({});
  EXPECT_THAT(wire_->carry(udp_flows_to(53)), Contains(Arrival{0})) << "by hash: both";
  EXPECT_THAT(wire_->carry(udp_flows_to(53)), Contains(Arrival{1}));
  apply_offloaded({rule(0, 1, udp_to(53), to_queue(1)), rule(1, 1, udp_to(54), to_queue(0))});
  EXPECT_THAT(wire_->carry(udp_flows_to(53)), Each(Arrival{1}));
  EXPECT_THAT(wire_->carry(udp_flows_to(54)), Each(Arrival{0}));
  EXPECT_EQ(judged(udp_frame(53))->queue, 1);
  EXPECT_EQ(judged(udp_frame(54))->queue, 0);
}

TEST_F(FlowOffloadGuest, TheFirstRuleDecides) {
  apply_offloaded({rule(0, 2, kUdp, to_queue(1)), rule(1, 1, udp_to(53), kDrop)});
  EXPECT_THAT(wire_->carry(udp_flows_to(53)), Each(kGone));
  EXPECT_THAT(wire_->carry(udp_flows_to(54)), Each(Arrival{1}));
  EXPECT_EQ(judged(udp_frame(53))->id, 1U);
  EXPECT_EQ(judged(udp_frame(54))->id, 0U);
}

TEST_F(FlowOffloadGuest, ARangeIsSeveralFlowsInTheDevice) {
  MatchPattern ports = kUdp;
  ports.back().fields = {range(Field::udp_dst, 53, 54)};  // 53/16 and 54/16
  apply_offloaded({rule(0, 1, ports, kDrop)});
  for (std::uint16_t port = 52; port <= 55; ++port) {
    EXPECT_EQ(arrives(udp_frame(port)), !software_drops(udp_frame(port))) << port;
  }
}

TEST_F(FlowOffloadGuest, ARuleThatIsGoneDoesNothingAnyMore) {
  const PortRule kept = rule(1, 1, udp_to(54), kDrop);
  apply_offloaded({rule(0, 1, udp_to(53), kDrop), kept});
  apply_offloaded({kept});
  EXPECT_TRUE(arrives(udp_frame(53)));
  EXPECT_FALSE(arrives(udp_frame(54)));
  offload_.reset();
  EXPECT_TRUE(arrives(udp_frame(54)));
}

TEST_F(FlowOffloadGuest, ABetterRuleInSoftwarePushesAnotherOutOfTheDevice) {
  const PortRule all = rule(0, 2, kUdp, kDrop);
  apply_offloaded({all});
  EXPECT_FALSE(arrives(udp_frame(53)));
  apply({all, rule(1, 1, udp_to(53), {{Kind::mark, 9}})});
  EXPECT_FALSE(offload_->is_offloaded(0));
  EXPECT_TRUE(arrives(udp_frame(53)));
  EXPECT_FALSE(software_drops(udp_frame(53)));
  EXPECT_TRUE(arrives(udp_frame(54)));
  EXPECT_TRUE(software_drops(udp_frame(54)));
  apply_offloaded({all});
  EXPECT_FALSE(arrives(udp_frame(53)));
}

TEST_F(FlowOffloadGuest, WhatTheDeviceRefusesIsSoftwares) {
  const Octets ping = ethernet(kEtherTypeIpv4, ipv4(kIpProtoIcmp, icmp(8, 0, 7)));
  const Octets vxlan_payload = Octets{0x08, 0, 0, 0, 0, 0, 5, 0} + counting(20);
  const Octets vxlan =
      ethernet(kEtherTypeIpv4, ipv4(kIpProtoUdp, udp(vxlan_payload, 1, kVxlanPort)));
  MatchPattern some_ports = kUdp;
  some_ports.back().fields = {masked(Field::udp_dst, 53, 0xFFF0)};
  struct Refused {
    std::string what;
    PortRule rule;
    Octets frame;
  };
  const std::vector<Refused> all{
      {"item icmp", rule(0, 1, {{Item::eth, {}}, {Item::ipv4, {}}, {Item::icmp, {}}}, kDrop), ping},
      {"item vxlan",
       rule(0, 1, {{Item::udp, {}}, {Item::vxlan, {exactly(Field::vxlan_vni, 5)}}}, kDrop),
       vxlan},
      {"no item eth", rule(0, 1, {{Item::udp, {}}}, kDrop), udp_frame(53)},
      {"a mask of a port", rule(0, 1, some_ports, kDrop), udp_frame(53)},
      {"action count", rule(0, 1, udp_to(53), {{Kind::count, 0}, {Kind::drop, 0}}), udp_frame(53)},
      {"action mark", rule(0, 1, udp_to(53), {{Kind::mark, 9}, {Kind::drop, 0}}), udp_frame(53)},
      {"a queue too many", rule(0, 1, udp_to(53), to_queue(kQueues)), udp_frame(53)},
      {"a priority too low", rule(0, kMaxRulePriority, udp_to(53), kDrop), udp_frame(53)}};
  for (const Refused& refused : all) {
    SCOPED_TRACE(refused.what);
    apply({refused.rule});
    EXPECT_FALSE(offload_->is_offloaded(0));
    EXPECT_THAT(offload_->software_because(0), StartsWith("the device refuses it: "));
    EXPECT_TRUE(arrives(refused.frame));
    ASSERT_NE(judged(refused.frame), nullptr);
    EXPECT_EQ(judged(refused.frame)->has(Kind::drop), has_action(refused.rule.rule, Kind::drop));
    EXPECT_EQ(judged(refused.frame)->counter, refused.rule.counter) << "counted in software";
  }
}

TEST_F(FlowOffloadGuest, WhatSlipsPastTheDeviceIsDroppedInSoftware) {
  apply_offloaded({rule(0, 1, udp_to(53), kDrop)});
  EXPECT_FALSE(arrives(udp_frame(53)));
  EXPECT_TRUE(arrives(tagged_udp_frame(53))) << "to rte_flow, eth / ipv4 has no tag";
  EXPECT_TRUE(software_drops(tagged_udp_frame(53)));
}

TEST_F(FlowOffloadGuest, WhatSlipsPastARuleIsNotDroppedByTheNext) {
  apply({rule(0, 1, udp_to(53), to_queue(1)), rule(1, 2, {{Item::eth, {}}}, kDrop)});
  EXPECT_TRUE(offload_->is_offloaded(0));
  EXPECT_TRUE(arrives(tagged_udp_frame(53)));
  EXPECT_FALSE(software_drops(tagged_udp_frame(53)));
}

TEST_F(FlowOffloadGuest, WhatTheDriverMisreadsIsNotOffloaded) {
  const Octets behind_options = ethernet(
      kEtherTypeIpv6, ipv6(kIpProtoDestOptions, extension(kIpProtoUdp, 0, udp(text("data"))))
  );
  const Octets fragment = ethernet(kEtherTypeIpv4, ipv4(kIpProtoUdp, udp(text("data")), 0x2000));
  const std::pair<MatchPattern, Octets> all[] = {
      {udp_to(0), fragment},
      {{{Item::eth, {exactly(Field::eth_type, 0)}}}, udp_frame(53)},
      {{{Item::eth, {}}, {Item::ipv4, {exactly(Field::ipv4_proto, 0)}}}, udp_frame(53)},
      {{{Item::eth, {}}, {Item::ipv4, {masked(Field::ipv4_proto, 1, 0xF0)}}}, udp_frame(53)},
      {{{Item::eth, {}}, {Item::ipv6, {exactly(Field::ipv6_proto, 17)}}}, behind_options}};
  for (const auto& [pattern, frame] : all) {
    apply({rule(0, 1, pattern, kDrop)});
    EXPECT_EQ(judged(frame), nullptr);
    EXPECT_TRUE(arrives(frame)) << info(pattern.back().item).name;
  }
}

/// As on testpmd's command line, near enough.
std::string text_of(const PortRule& one) {
  std::ostringstream text;
  text << std::hex << "\nrule " << one.id << " priority " << one.rule.priority;
  for (const ItemMatch& item : one.rule.pattern) {
    text << " / " << info(item.item).name;
    for (const FieldMatch& field : item.fields) {
      text << ' ' << info(field.field).name << ' ' << field.spec.number();
      text << " mask " << field.mask.number();
      if (field.last) text << " last " << field.last->number();
    }
  }
  text << (has_action(one.rule, Kind::drop) ? " drop" : " queue");
  text << (one.is_offloaded ? ", in the device" : "");
  return text.str();
}

/// Half of the rules are in words that net_tap knows, some of their values zero; the rest is anything.
MatchRule any_rule(rule_test::RuleWorld& world) {
  using enum MatchField;
  constexpr std::array kKnown{
      eth_dst,
      eth_src,
      eth_type,
      ipv4_proto,
      ipv4_src,
      ipv4_dst,
      ipv6_src,
      ipv6_dst,
      tcp_src,
      tcp_dst,
      udp_src,
      udp_dst,
      ipv6_proto};
  const auto is_known = [&](const ItemMatch& item) {
    return item.item <= MatchItem::udp && std::ranges::all_of(item.fields, [&](const auto& field) {
             return std::ranges::find(kKnown, field.field) != kKnown.end();
           });
  };
  const bool may_be_unknown = world.one_in(2);
  for (;;) {
    MatchRule rule = world.rule();
    if (!may_be_unknown && !std::ranges::all_of(rule.pattern, is_known)) continue;
    for (ItemMatch& item : rule.pattern) {
      for (FieldMatch& field : item.fields) {
        if (!field.last && world.one_in(16)) field.spec = {};
      }
    }
    ++rule.priority;
    rule.actions = world.one_in(2) ? kDrop : to_queue(static_cast<std::uint32_t>(world.below(2)));
    return rule;
  }
}

/// Device and software together are as good as software alone: nothing is lost that the rules keep, and
/// what the device leaves is judged by a table that has every rule.
TEST_F(FlowOffloadGuest, NoRandomFrameIsLostThatTheRulesKeep) {
  const std::uint64_t seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  rule_test::RuleWorld world{seed};
  std::size_t offloaded = 0;
  std::size_t dropped = 0;
  std::size_t steered = 0;
  for (std::size_t round = 0; round < 300; ++round) {
    std::vector<PortRule> rules;
    for (std::uint32_t id = 0; id < 4; ++id) rules.push_back({id, any_rule(world)});
    if (!RuleTable::compile(rules)) continue;  // too many masks
    apply(rules);
    for (const PortRule& one : rules_) offloaded += one.is_offloaded ? 1U : 0U;
    Frames frames;
    for (std::size_t i = 0; i < 40; ++i) frames.push_back(world.frame());
    const std::vector<Arrival> arrivals = wire_->carry(frames);
    for (std::size_t i = 0; i < frames.size(); ++i) {
      const CompiledRule* found = judged(frames[i]);
      const bool is_in_device = found != nullptr && rules_[found->id].is_offloaded;
      if (!arrivals[i].has_value()) {
        ASSERT_TRUE(is_in_device && found->has(Kind::drop))
            << PrintToString(frames[i]) << text_of(rules_[0]) << text_of(rules_[1])
            << text_of(rules_[2]) << text_of(rules_[3]);
        ++dropped;
      } else if (is_in_device && found->has(Kind::queue)) {
        steered += *arrivals[i] == found->queue ? 1U : 0U;
      }
    }
  }
  std::cout << offloaded << " rules offloaded, " << dropped << " frames dropped and " << steered
            << " steered by the device\n";
  EXPECT_GT(offloaded, 100U);
  EXPECT_GT(dropped, 500U);
  EXPECT_GT(steered, 500U);
}

}  // namespace
}  // namespace weft::qemu_test
