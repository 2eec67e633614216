#include "classifier/match_rule.h"

#include <string>

#include <gtest/gtest.h>

namespace weft::classifier {
namespace {

FieldMatch exactly(MatchField field, std::uint64_t value) {
  return {field, FieldValue::of(value), FieldValue::ones(info(field).bits), {}};
}
FieldMatch range(MatchField field, std::uint64_t first, std::uint64_t last) {
  FieldMatch match = exactly(field, first);
  match.last = FieldValue::of(last);
  return match;
}

std::string complaint(MatchPattern pattern, std::vector<MatchAction> actions) {
  const auto checked = check(MatchRule{0, std::move(pattern), std::move(actions)});
  return checked ? "fine" : checked.error().path + ": " + checked.error().reason;
}
std::string complaint(MatchPattern pattern) {
  return complaint(std::move(pattern), {{MatchActionKind::drop, 0}});
}
std::string order(const std::vector<MatchItem>& items) {
  MatchPattern pattern;
  for (const MatchItem item : items) pattern.push_back({item, {}});
  return complaint(std::move(pattern));
}

using enum MatchItem;

TEST(MatchRule, TakesStacksThatBeginAnywhereAndMissNothing) {
  EXPECT_EQ(order({eth}), "fine");
  EXPECT_EQ(order({eth, ipv4, udp, vxlan}), "fine");
  EXPECT_EQ(order({eth, vlan, vlan, ipv6, icmp6}), "fine");
  EXPECT_EQ(order({udp}), "fine");
  EXPECT_EQ(order({vxlan}), "fine");
  EXPECT_EQ(order({vlan, ipv4}), "fine");
  EXPECT_EQ(order({eth, ipv6, nvgre}), "fine");
}

TEST(MatchRule, RefusesStacksThatDoNot) {
  EXPECT_EQ(order({}), "pattern: is empty: `eth` alone matches every frame");
  EXPECT_EQ(order({eth, udp}), "pattern[1]: udp can not follow eth");
  EXPECT_EQ(order({ipv4, eth}), "pattern[1]: eth can not follow ipv4");
  EXPECT_EQ(order({ipv4, ipv6}), "pattern[1]: ipv6 can not follow ipv4");
  EXPECT_EQ(order({ipv4, vlan}), "pattern[1]: vlan can not follow ipv4");
  EXPECT_EQ(order({eth, vlan, vlan, vlan}), "pattern[3]: at most 2 vlan items are supported");
  EXPECT_EQ(order({eth, ipv4, tcp, vxlan}), "pattern[3]: vxlan must follow udp");
  EXPECT_EQ(order({eth, ipv4, vxlan}), "pattern[2]: vxlan can not follow ipv4");
  EXPECT_EQ(order({eth, ipv4, udp, nvgre}), "pattern[3]: nvgre must follow ipv4 or ipv6");
  EXPECT_EQ(order({eth, ipv6, icmp}), "pattern[2]: icmp must follow ipv4");
  EXPECT_EQ(order({eth, ipv4, icmp6}), "pattern[2]: icmp6 must follow ipv6");
  EXPECT_EQ(
      order({eth, ipv4, udp, vxlan, eth}),
      "pattern[4]: what is inside vxlan can not be matched here: a rule at the endpoint sees it "
      "without the outer headers"
  );
}

TEST(MatchRule, RefusesFieldsThatMeanNothing) {
  EXPECT_EQ(
      complaint({{udp, {exactly(MatchField::tcp_dst, 1)}}}), "pattern[0].dst: udp has no such field"
  );
  EXPECT_EQ(
      complaint({{vlan, {exactly(MatchField::vlan_vid, 4096)}}}),
      "pattern[0].vid: the value does not fit the field's 12 bits"
  );
  EXPECT_EQ(
      complaint({{udp, {exactly(MatchField::udp_dst, 1), exactly(MatchField::udp_dst, 1)}}}),
      "pattern[0].dst: dst has said already what these bits must be"
  );
  EXPECT_EQ(
      complaint({{vlan, {exactly(MatchField::vlan_tci, 1), exactly(MatchField::vlan_vid, 1)}}}),
      "pattern[0].vid: tci has said already what these bits must be"
  );
}

TEST(MatchRule, RefusesATagOnAnUntaggedFrame) {
  const FieldMatch untagged = exactly(MatchField::eth_has_vlan, 0);
  EXPECT_EQ(complaint({{eth, {untagged}}, {ipv4, {}}}), "fine");
  EXPECT_EQ(
      complaint({{eth, {untagged}}, {vlan, {}}}), "pattern[0].has_vlan: 0 contradicts the vlan item"
  );
  EXPECT_EQ(complaint({{eth, {exactly(MatchField::eth_has_vlan, 1)}}, {vlan, {}}}), "fine");
}

TEST(MatchRule, TakesRangesOfSmallFieldsOnly) {
  EXPECT_EQ(complaint({{udp, {range(MatchField::udp_dst, 5000, 5999)}}}), "fine");
  EXPECT_EQ(complaint({{udp, {range(MatchField::udp_dst, 7, 7)}}}), "fine");
  EXPECT_EQ(
      complaint({{udp, {range(MatchField::udp_dst, 6000, 5999)}}}),
      "pattern[0].dst: last 5999 is below spec 6000"
  );
  EXPECT_EQ(
      complaint({{udp, {range(MatchField::udp_dst, 1, 65536)}}}),
      "pattern[0].dst: the value does not fit the field's 16 bits"
  );
  EXPECT_EQ(
      complaint({{ipv4, {range(MatchField::ipv4_dst, 1, 2)}}}),
      "pattern[0].dst: a range (last) is taken for ports, vid, pcp, tos and tc only; a mask may "
      "say it"
  );
  FieldMatch both = range(MatchField::udp_dst, 1, 2);
  both.mask = FieldValue::of(0xFF00);
  EXPECT_EQ(
      complaint({{udp, {both}}}), "pattern[0].dst: a range (last) and a mask exclude each other"
  );
}

TEST(MatchRule, BoundsWhatRangesBecome) {
  // The worst range of a port is 30 prefixes.
  const FieldMatch worst = range(MatchField::udp_dst, 1, 65534);
  EXPECT_EQ(without_ranges({{udp, {worst}}}).size(), 30U);
  EXPECT_EQ(
      complaint({{udp, {range(MatchField::udp_src, 1, 65534), worst}}}),
      "pattern: its ranges become 900 prefixes, above the limit 64"
  );
}

TEST(MatchRule, ChecksActions) {
  const MatchPattern any{{eth, {}}};
  using enum MatchActionKind;
  EXPECT_EQ(complaint(any, {{count, 0}, {drop, 0}}), "fine");
  EXPECT_EQ(complaint(any, {{mark, 7}, {meter, 3}, {set_ipv4_dscp, 46}, {queue, 1}}), "fine");
  EXPECT_EQ(complaint(any, {}), "actions: is empty: a rule must do something");
  EXPECT_EQ(complaint(any, {{count, 0}, {count, 0}}), "actions[1]: count is given twice");
  EXPECT_EQ(
      complaint(any, {{queue, 0}, {drop, 0}}),
      "actions[1]: drop and queue exclude each other: a frame has one fate"
  );
  EXPECT_EQ(
      complaint(any, {{set_ipv6_dscp, 64}}), "actions[0].dscp_value: 64 is above the limit 63"
  );
  const auto checked = check(MatchRule{65536, any, {{drop, 0}}});
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().reason, "65536 is above the limit 65535");
}

TEST(MatchRule, PrefixesCoverARangeExactlyOnce) {
  for (const auto& [first, last] :
       {std::pair{0U, 7U}, {0U, 0U}, {1U, 7U}, {2U, 5U}, {3U, 3U}, {1U, 6U}, {0U, 6U}, {4U, 7U}}) {
    const auto patterns = without_ranges({{vlan, {range(MatchField::vlan_pcp, first, last)}}});
    for (unsigned value = 0; value < 8; ++value) {
      std::size_t covered = 0;
      for (const MatchPattern& pattern : patterns) {
        const FieldMatch& field = pattern[0].fields[0];
        if ((FieldValue::of(value) & field.mask) == field.spec) ++covered;
      }
      EXPECT_EQ(covered, value >= first && value <= last ? 1U : 0U)
          << value << " in " << first << "-" << last;
    }
  }
}

TEST(MatchRule, ExpandsRangesInAllCombinations) {
  const MatchPattern pattern{
      {vlan, {range(MatchField::vlan_pcp, 1, 2), exactly(MatchField::vlan_vid, 9)}},
      {ipv4, {}},
      {udp, {range(MatchField::udp_dst, 5, 7)}}};
  const auto patterns = without_ranges(pattern);
  EXPECT_EQ(patterns.size(), 4U);
  for (const MatchPattern& one : patterns) {
    EXPECT_EQ(one[0].fields[1], pattern[0].fields[1]);
    EXPECT_FALSE(one[0].fields[0].last.has_value());
    EXPECT_FALSE(one[2].fields[0].last.has_value());
  }
}

TEST(FieldValue, KnowsPrefixesOfItsWidth) {
  EXPECT_EQ(FieldValue::prefix(32, 8).number(), 0xFF000000U);
  EXPECT_EQ(FieldValue::prefix(32, 0), FieldValue{});
  EXPECT_EQ(FieldValue::ones(12).number(), 0xFFFU);
  EXPECT_EQ(FieldValue::prefix(128, 1).octets[0], 0x80);
  EXPECT_EQ(FieldValue::of(0x0102).octets[14], 0x01);
}

}  // namespace
}  // namespace weft::classifier
