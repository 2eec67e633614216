// FlowOffload against a device that does as it is told (testing/fake_flow_device.h).
#include "pmd-config/flow_offload.h"

#include <algorithm>
#include <iostream>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "classifier/testing/random_rules.h"
#include "pmd-config/eal.h"
#include "pmd-config/flow_translate.h"
#include "pmd-config/testing/fake_flow_device.h"

namespace weft {
namespace {

using namespace classifier;  // NOLINT: its vocabulary is what is offloaded

using flow_test::FakeFlowDevice;
using flow_test::HardwareVerdict;
using ::testing::HasSubstr;
using Kind = MatchActionKind;
using Item = MatchItem;

/// Starts EAL once.
class Machine : public ::testing::Environment {
 public:
  void SetUp() override {
    EalConfig config;
    config.hugepages = EalConfig::Hugepages::never;
    config.memory_mib = 64;
    Result<std::unique_ptr<Eal>> eal = Eal::start(config);
    ASSERT_TRUE(eal.is_ok()) << eal.error().message;
    eal_ = std::move(*eal);
  }
  void TearDown() override { eal_.reset(); }

 private:
  std::unique_ptr<Eal> eal_;
};
[[maybe_unused]] const ::testing::Environment* const g_machine =
    ::testing::AddGlobalTestEnvironment(new Machine);

FieldMatch exactly(MatchField field, std::uint64_t value) {
  return {field, FieldValue::of(value), FieldValue::ones(info(field).bits), {}};
}
FieldMatch range(MatchField field, std::uint64_t first, std::uint64_t last) {
  FieldMatch match = exactly(field, first);
  match.last = FieldValue::of(last);
  return match;
}

PortRule rule(
    std::uint32_t id, std::uint32_t priority, MatchPattern pattern, std::vector<MatchAction> actions
) {
  return {id, {priority, std::move(pattern), std::move(actions)}, id, false};
}
MatchPattern udp_to(std::uint64_t port) {
  return {{Item::eth, {}}, {Item::ipv4, {}}, {Item::udp, {exactly(MatchField::udp_dst, port)}}};
}
const std::vector<MatchAction> kDrop{{Kind::drop, 0}};
const std::vector<MatchAction> kCountDrop{{Kind::count, 0}, {Kind::drop, 0}};

class FlowOffloadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string reason;
    device_ = FakeFlowDevice::open(reason);
    if (device_ == nullptr) GTEST_SKIP() << reason;
    offload_ = std::make_unique<FlowOffload>(device_->port_id());
  }
  void TearDown() override {
    if (device_ == nullptr) return;
    device_->behaviour = {};
    offload_.reset();
    EXPECT_EQ(device_->flow_count(), 0U) << "flows were left in the device";
  }

  /// update(), and its answer as a sentence.
  std::string updated(std::vector<PortRule> rules) {
    const Status status = offload_->update(rules);
    return status ? "done" : status.error().message;
  }
  static wire_test::Octets frame_to(std::uint16_t port) {
    return wire_test::ethernet(
        kEtherTypeIpv4, wire_test::ipv4(kIpProtoUdp, wire_test::udp({}, 1, port))
    );
  }

  std::unique_ptr<FakeFlowDevice> device_;
  std::unique_ptr<FlowOffload> offload_;
};

TEST_F(FlowOffloadTest, PutsIntoTheDeviceWhatItTakes) {
  EXPECT_EQ(updated({rule(0, 0, udp_to(53), kDrop)}), "done");
  EXPECT_TRUE(offload_->is_offloaded(0));
  EXPECT_EQ(offload_->software_because(0), "");
  EXPECT_TRUE(device_->judge(frame_to(53)).is_dropped);
  EXPECT_FALSE(device_->judge(frame_to(54)).is_dropped);
  EXPECT_EQ(updated({}), "done");
  EXPECT_EQ(device_->flow_count(), 0U);
  EXPECT_FALSE(offload_->is_offloaded(0));
}

TEST_F(FlowOffloadTest, LeavesAloneWhatDidNotChange) {
  const PortRule kept = rule(0, 0, udp_to(53), kDrop);
  EXPECT_EQ(updated({kept}), "done");
  EXPECT_EQ(updated({kept, rule(1, 1, udp_to(54), kDrop)}), "done");
  EXPECT_EQ(updated({kept}), "done");
  EXPECT_EQ(device_->create_calls(), 2U);
}

TEST_F(FlowOffloadTest, KeepsInSoftwareWhatTheDeviceRefuses) {
  device_->behaviour.refused = {RTE_FLOW_ITEM_TYPE_VXLAN};
  const MatchPattern vxlan{{Item::udp, {}}, {Item::vxlan, {exactly(MatchField::vxlan_vni, 5)}}};
  const std::vector<PortRule> rules{rule(0, 0, vxlan, kDrop)};
  EXPECT_EQ(updated(rules), "done");
  EXPECT_FALSE(offload_->is_offloaded(0));
  EXPECT_EQ(offload_->software_because(0), "the device refuses it: item not supported");
  EXPECT_EQ(updated(rules), "done");
  EXPECT_EQ(device_->create_calls(), 1U) << "a refusal is remembered";
}

TEST_F(FlowOffloadTest, BelievesOnlyCreate) {
  device_->behaviour.refused = {RTE_FLOW_ITEM_TYPE_UDP};
  device_->behaviour.validate_lies = true;
  const PortRule lied = rule(0, 0, udp_to(53), kDrop);
  EXPECT_TRUE(offload_->validate(lied.rule));
  EXPECT_EQ(updated({lied}), "done");
  EXPECT_FALSE(offload_->is_offloaded(0));
}

TEST_F(FlowOffloadTest, ValidateCreatesNothing) {
  EXPECT_TRUE(offload_->validate(rule(0, 0, udp_to(53), kDrop).rule));
  EXPECT_EQ(device_->create_calls(), 0U);
  device_->behaviour.refused = {RTE_FLOW_ITEM_TYPE_UDP};
  const Status refused = offload_->validate(rule(0, 0, udp_to(53), kDrop).rule);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "the device refuses it: item not supported");
}

TEST_F(FlowOffloadTest, AsksADriverWithoutFlowRulesOnlyOnce) {
  device_->behaviour.has_flow_api = false;
  EXPECT_EQ(updated({rule(0, 0, udp_to(53), kDrop), rule(1, 0, udp_to(54), kDrop)}), "done");
  EXPECT_EQ(offload_->software_because(0), "the device's driver has no flow rules (rte_flow)");
  EXPECT_EQ(offload_->software_because(1), "the device's driver has no flow rules (rte_flow)");
}

TEST_F(FlowOffloadTest, FillsTheDeviceAndFallsBackToSoftware) {
  device_->behaviour.capacity = 2;
  std::vector<PortRule> rules;
  for (std::uint32_t id = 0; id < 4; ++id) rules.push_back(rule(id, 0, udp_to(id), kDrop));
  EXPECT_EQ(updated(rules), "done");
  EXPECT_TRUE(offload_->is_offloaded(0));
  EXPECT_TRUE(offload_->is_offloaded(1));
  EXPECT_EQ(offload_->software_because(2), "the device refuses it: no room");
  EXPECT_EQ(offload_->software_because(3), "the device has no room for more flows");
  EXPECT_EQ(device_->create_calls(), 3U);
  rules.erase(rules.begin());
  EXPECT_EQ(updated(rules), "done");
  EXPECT_TRUE(offload_->is_offloaded(2)) << "there is room again";
  EXPECT_FALSE(offload_->is_offloaded(3));
}

TEST_F(FlowOffloadTest, ARuleOfSeveralFlowsIsInTheDeviceWholeOrNotAtAll) {
  const MatchPattern ports{{Item::udp, {range(MatchField::udp_dst, 5001, 5003)}}};  // two prefixes
  device_->behaviour.fail_create_in = 1;
  EXPECT_EQ(updated({rule(0, 0, ports, kDrop)}), "done");
  EXPECT_FALSE(offload_->is_offloaded(0));
  EXPECT_EQ(device_->flow_count(), 0U);
  EXPECT_EQ(offload_->software_because(0), "the device refuses it: the firmware did not answer");
  EXPECT_EQ(updated({rule(1, 0, ports, kDrop)}), "done");
  EXPECT_EQ(device_->flow_count(), 2U);
  EXPECT_TRUE(device_->judge(frame_to(5003)).is_dropped);
}

TEST_F(FlowOffloadTest, BoundsTheFlowsOfARule) {
  const MatchPattern ports{{Item::udp, {range(MatchField::udp_dst, 1, 65534)}}};
  EXPECT_EQ(updated({rule(0, 0, ports, kDrop), rule(1, 1, udp_to(53), kDrop)}), "done");
  EXPECT_EQ(offload_->software_because(0), "its ranges need 30 flows, above the limit 16");
  EXPECT_FALSE(offload_->is_offloaded(1)) << "it would overtake rule 0";
}

TEST_F(FlowOffloadTest, KeepsActionsThatAreNotTheDevicesInSoftware) {
  const std::vector<std::pair<std::vector<MatchAction>, const char*>> cases{
      {{{Kind::count, 0}}, "it has no action drop or queue, and devices need one of them"},
      {{{Kind::port_id, 17}}, "action port_id names an object of Weft, not of the device"},
      {{{Kind::meter, 1}, {Kind::drop, 0}},
       "action meter names an object of Weft, not of the device"},
      {{{Kind::set_ipv4_dscp, 46}, {Kind::queue, 0}},
       "action set_ipv4_dscp changes what later rules are matched on"}};
  for (const auto& [actions, reason] : cases) {
    EXPECT_EQ(updated({}), "done");
    EXPECT_EQ(updated({rule(0, 0, udp_to(53), actions)}), "done");
    EXPECT_EQ(offload_->software_because(0), reason);
  }
  EXPECT_EQ(device_->create_calls(), 0U);
}

TEST_F(FlowOffloadTest, NeverOvertakesARuleInSoftware) {
  const PortRule specific = rule(0, 0, udp_to(53), {{Kind::count, 0}});
  const PortRule other = rule(1, 1, udp_to(54), kDrop);
  const PortRule all = rule(2, 2, {{Item::eth, {}}}, kDrop);
  EXPECT_EQ(updated({specific, other, all}), "done");
  EXPECT_TRUE(offload_->is_offloaded(1)) << "it matches other frames";
  EXPECT_EQ(
      offload_->software_because(2),
      "rule 0, which comes before it and is in software, may match the same frames"
  );
}

TEST_F(FlowOffloadTest, NeverDropsWhatSlipsPastABetterRule) {
  const PortRule keep = rule(0, 0, {{Item::ipv4, {}}}, {{Kind::queue, 1}});
  const PortRule all = rule(1, 1, {{Item::eth, {}}}, kDrop);
  EXPECT_EQ(updated({keep, all}), "done");
  EXPECT_TRUE(offload_->is_offloaded(0));
  EXPECT_EQ(
      offload_->software_because(1),
      "rule 0, which comes before it and does something else, may match the same frames"
  );
  const PortRule steer = rule(1, 1, {{Item::eth, {}}}, {{Kind::queue, 2}});
  EXPECT_EQ(updated({keep, steer}), "done");
  EXPECT_TRUE(offload_->is_offloaded(1)) << "software judges what is queued";
  const PortRule drop = rule(0, 0, {{Item::ipv4, {}}}, kDrop);
  EXPECT_EQ(updated({drop, all}), "done");
  EXPECT_TRUE(offload_->is_offloaded(1)) << "dropped by the one or the other";
  const PortRule counted = rule(1, 1, {{Item::eth, {}}}, kCountDrop);
  EXPECT_EQ(updated({drop, counted}), "done");
  EXPECT_FALSE(offload_->is_offloaded(1)) << "it would count the other's frames";
}

TEST(FlowTranslate, KnowsWhatNetTapTakesForMore) {
  const auto with = [](Item item, FieldMatch field) { return MatchPattern{{item, {field}}}; };
  const MatchPattern any_type = with(Item::eth, exactly(MatchField::eth_type, 0));
  FieldMatch upper = exactly(MatchField::ipv4_proto, 6);
  upper.mask = FieldValue::of(0xF0);
  EXPECT_EQ(misread_by("net_tap", any_type), "net_tap matches more than a type of zero");
  EXPECT_EQ(
      misread_by("net_tap", with(Item::ipv4, upper)), "net_tap matches more than a proto of zero"
  );
  EXPECT_EQ(
      misread_by("net_tap", with(Item::ipv6, exactly(MatchField::ipv6_proto, 17))),
      "net_tap looks for the proto behind IPv6 extension headers"
  );
  EXPECT_EQ(misread_by("net_tap", udp_to(0)), "net_tap matches more than a dst of zero");
  EXPECT_EQ(misread_by("net_tap", udp_to(53)), "");
  EXPECT_EQ(misread_by("net_ice", any_type), "");
}

TEST_F(FlowOffloadTest, LeavesNoOrderToTheDevice) {
  const PortRule first = rule(0, 3, udp_to(53), {{Kind::queue, 1}});
  const PortRule second = rule(1, 3, {{Item::ipv4, {}}}, kDrop);
  EXPECT_EQ(updated({first, second}), "done");
  EXPECT_TRUE(offload_->is_offloaded(0));
  EXPECT_EQ(
      offload_->software_because(1), "rule 0 has the same priority and may match the same frames"
  );
}

TEST_F(FlowOffloadTest, ALaterRulePushesOthersOutAndItsEndBringsThemBack) {
  const PortRule all = rule(0, 5, {{Item::ipv4, {}}}, kDrop);
  EXPECT_EQ(updated({all}), "done");
  EXPECT_TRUE(offload_->is_offloaded(0));
  EXPECT_EQ(updated({all, rule(1, 0, udp_to(53), {{Kind::mark, 9}})}), "done");
  EXPECT_FALSE(offload_->is_offloaded(0));
  EXPECT_EQ(device_->flow_count(), 0U);
  EXPECT_EQ(updated({all}), "done");
  EXPECT_TRUE(offload_->is_offloaded(0));
}

TEST_F(FlowOffloadTest, CountsSurviveTheWayOutAndBack) {
  const PortRule all = rule(0, 5, {{Item::ipv4, {}}}, kCountDrop);
  const auto frame = frame_to(53);
  EXPECT_EQ(updated({all}), "done");
  (void)device_->judge(frame);
  EXPECT_EQ(offload_->counts(0), (HardwareCounts{1, frame.size()}));
  EXPECT_EQ(updated({all, rule(1, 0, udp_to(53), {{Kind::mark, 9}})}), "done");
  EXPECT_EQ(offload_->counts(0), (HardwareCounts{1, frame.size()}));
  EXPECT_EQ(updated({all}), "done");
  (void)device_->judge(frame);
  EXPECT_EQ(offload_->counts(0), (HardwareCounts{2, 2 * frame.size()}));
  EXPECT_EQ(updated({rule(0, 6, {{Item::ipv4, {}}}, kCountDrop)}), "done");
  EXPECT_EQ(offload_->counts(0), HardwareCounts{}) << "another rule under the same number";
}

TEST_F(FlowOffloadTest, FailsWhenTheDeviceDoesNotLetGo) {
  const PortRule first = rule(0, 0, udp_to(53), kCountDrop);
  const PortRule second = rule(1, 0, udp_to(54), kDrop);
  EXPECT_EQ(updated({first, second}), "done");
  (void)device_->judge(frame_to(53));
  device_->behaviour.fail_destroy_in = 1;
  EXPECT_EQ(updated({}), "rule 1: the device does not remove it: the firmware is busy");
  EXPECT_TRUE(offload_->is_offloaded(1));
  EXPECT_EQ(updated({first, second}), "done") << "the caller keeps what it had";
  EXPECT_TRUE(offload_->is_offloaded(0));
  EXPECT_EQ(offload_->counts(0).hits, 1U);
  EXPECT_EQ(updated({}), "done");
}

TEST_F(FlowOffloadTest, ARuleThatCanNotBeRemovedHalfIsWholeAgain) {
  const MatchPattern ports{{Item::udp, {range(MatchField::udp_dst, 5001, 5003)}}};
  EXPECT_EQ(updated({rule(0, 0, ports, kDrop)}), "done");
  device_->behaviour.fail_destroy_in = 1;
  EXPECT_EQ(updated({}), "rule 0: the device does not remove it: the firmware is busy");
  EXPECT_EQ(device_->flow_count(), 2U);
}

TEST_F(FlowOffloadTest, RefusesARuleThatTheDeviceWouldOvertake) {
  const PortRule all = rule(0, 5, {{Item::ipv4, {}}}, kDrop);
  EXPECT_EQ(updated({all}), "done");
  device_->behaviour.fail_destroy_in = 0;
  EXPECT_EQ(
      updated({all, rule(1, 0, udp_to(53), {{Kind::mark, 9}})}),
      "rule 0: the device does not remove it: the firmware is busy"
  );
  EXPECT_TRUE(offload_->is_offloaded(0));
  EXPECT_EQ(offload_->software_because(1), "") << "it is not known";
}

/// What becomes of a frame, either way.
struct Outcome {
  bool is_dropped{};
  std::int64_t queue = -1;
  std::int64_t mark = -1;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome outcome_of(const CompiledRule* found) {
  Outcome outcome;
  if (found == nullptr) return outcome;
  outcome.is_dropped = found->has(Kind::drop);
  if (outcome.is_dropped) return outcome;
  if (found->has(Kind::queue)) outcome.queue = found->queue;
  if (found->has(Kind::mark)) outcome.mark = std::int64_t{found->mark};
  return outcome;
}

/// Rules come and go, the device is small and moody; software alone is the judge.
TEST_F(FlowOffloadTest, VerdictsAndCountsAreTheSameWithAndWithoutHardware) {
  const std::uint64_t seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  rule_test::RuleWorld world{seed};
  std::vector<PortRule> rules;
  std::map<std::uint32_t, std::uint64_t> expected_hits;
  std::map<std::uint32_t, std::uint64_t> software_hits;
  std::size_t offloaded = 0;
  std::size_t by_hardware = 0;
  const std::vector<std::vector<MatchAction>> actions{
      {{Kind::drop, 0}},
      {{Kind::count, 0}, {Kind::drop, 0}},
      {{Kind::queue, 1}},
      {{Kind::mark, 7}, {Kind::count, 0}, {Kind::queue, 2}},
      {{Kind::mark, 8}, {Kind::count, 0}}};
  device_->behaviour.refused = {RTE_FLOW_ITEM_TYPE_NVGRE};
  for (std::uint32_t round = 0; round < 1500; ++round) {
    device_->behaviour.capacity = world.one_in(3) ? 6 : 100;
    if (world.one_in(5)) device_->behaviour.fail_create_in = static_cast<int>(world.below(4));
    std::vector<PortRule> wanted = rules;
    if (wanted.size() > 12 || (world.one_in(2) && !wanted.empty())) {
      wanted.erase(wanted.begin() + static_cast<std::ptrdiff_t>(world.below(wanted.size())));
    } else {
      PortRule added = rule(round, 0, {}, {});
      added.rule = world.rule();
      added.rule.actions = actions[world.below(actions.size())];
      wanted.push_back(added);
    }
    if (!RuleTable::compile(wanted)) continue;  // too many masks
    ASSERT_EQ(updated(wanted), "done");
    rules = wanted;

    for (PortRule& one : rules) one.is_offloaded = false;
    const auto software_only = *RuleTable::compile(rules);
    for (PortRule& one : rules) {
      one.is_offloaded = offload_->is_offloaded(one.id);
      if (one.is_offloaded) ++offloaded;
      EXPECT_EQ(one.is_offloaded, offload_->software_because(one.id).empty());
    }
    const auto behind_hardware = *RuleTable::compile(rules);
    for (int i = 0; i < 40; ++i) {
      const wire_test::ExactBuffer frame{world.frame()};
      const RuleKey key = rule_key(frame.view(), parse_frame(frame.view()));
      const CompiledRule* judge = software_only->find(key);
      if (judge != nullptr && judge->has(Kind::count)) ++expected_hits[judge->id];
      const HardwareVerdict hardware = device_->judge(frame.view());
      Outcome outcome{.is_dropped = true};
      if (!hardware.is_dropped) {
        const CompiledRule* found = behind_hardware->find(key);
        if (found != nullptr && found->has(Kind::count) && found->counter != kNoRuleCounter) {
          ++software_hits[found->id];
        }
        outcome = outcome_of(found);
        // What hardware has done is what software finds to be right.
        if (hardware.queue) {
          EXPECT_EQ(outcome.queue, *hardware.queue);
        }
        if (hardware.mark) {
          EXPECT_EQ(outcome.mark, *hardware.mark);
        }
      }
      if (hardware.is_dropped || hardware.queue) ++by_hardware;
      ASSERT_EQ(outcome, outcome_of(judge)) << "round " << round;
    }
    for (const PortRule& one : rules) {
      EXPECT_EQ(offload_->counts(one.id).hits + software_hits[one.id], expected_hits[one.id])
          << "rule " << one.id << " in round " << round;
    }
  }
  std::cout << offloaded << " offloaded, " << by_hardware << " by hardware\n";
  EXPECT_GT(offloaded, 100U) << "hardly anything was offloaded";
  EXPECT_GT(by_hardware, 100U) << "hardware hardly ever decided";
}

}  // namespace
}  // namespace weft
