#include "classifier/tuple_space.h"

#include <algorithm>
#include <iostream>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "classifier/testing/random_rules.h"

namespace weft::classifier {
namespace {

using rule_test::RuleWorld;
using ::testing::HasSubstr;

using enum MatchItem;

FieldMatch exactly(MatchField field, std::uint64_t value) {
  return {field, FieldValue::of(value), FieldValue::ones(info(field).bits), {}};
}

PortRule drop_of(std::uint32_t id, std::uint32_t priority, MatchPattern pattern) {
  return {id, {priority, std::move(pattern), {{MatchActionKind::drop, 0}}}, kNoRuleCounter, false};
}

std::shared_ptr<const RuleTable> compiled(const std::vector<PortRule>& rules) {
  auto table = RuleTable::compile(rules);
  EXPECT_TRUE(table) << (table ? "" : table.error().message);
  return table ? std::move(*table) : std::make_shared<const RuleTable>();
}

RuleKey key_of(const wire_test::Octets& octets) {
  const wire_test::ExactBuffer buffer{octets};
  const ParsedFrame parsed = parse_frame(buffer.view());
  EXPECT_TRUE(parsed.is_ok()) << drop_info(parsed.error).name;
  return rule_key(buffer.view(), parsed);
}

RuleKey udp_to(std::uint16_t port) {
  return key_of(
      wire_test::ethernet(kEtherTypeIpv4, wire_test::ipv4(kIpProtoUdp, wire_test::udp({}, 1, port)))
  );
}

std::int64_t id_of(const CompiledRule* rule) {
  return rule == nullptr ? -1 : std::int64_t{rule->id};
}

TEST(RuleTable, WithoutRulesFindsNothing) {
  EXPECT_TRUE(compiled({})->is_empty());
  EXPECT_EQ(compiled({})->find(udp_to(53)), nullptr);
}

TEST(RuleTable, PriorityDecidesThenAge) {
  const MatchPattern dns{{udp, {exactly(MatchField::udp_dst, 53)}}};
  const MatchPattern any{{eth, {}}};
  EXPECT_EQ(id_of(compiled({drop_of(0, 1, any), drop_of(1, 0, dns)})->find(udp_to(53))), 1);
  EXPECT_EQ(id_of(compiled({drop_of(0, 0, any), drop_of(1, 0, dns)})->find(udp_to(53))), 0);
  EXPECT_EQ(id_of(compiled({drop_of(9, 0, dns), drop_of(4, 0, dns)})->find(udp_to(53))), 4);
  EXPECT_EQ(id_of(compiled({drop_of(0, 1, any), drop_of(1, 0, dns)})->find(udp_to(54))), 0);
}

TEST(RuleTable, CarriesEveryAction) {
  using enum MatchActionKind;
  PortRule rule{7, {}, 21, false};
  rule.rule.pattern = {{eth, {}}};
  rule.rule.actions = {
      {mark, 0xABCD1234},
      {count, 0},
      {meter, 12},
      {queue, 3},
      {set_ipv4_dscp, 46},
      {set_ipv6_dscp, 10}};
  const auto table = compiled({rule});
  const CompiledRule* found = table->find(udp_to(1));
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->mark, 0xABCD1234U);
  EXPECT_EQ(found->counter, 21U);
  EXPECT_EQ(found->meter, 12);
  EXPECT_EQ(found->queue, 3);
  EXPECT_EQ(found->ipv4_dscp, 46);
  EXPECT_EQ(found->ipv6_dscp, 10);
  EXPECT_TRUE(found->has(queue));
  EXPECT_FALSE(found->has(drop));
  EXPECT_FALSE(found->has(port_id));
}

TEST(RuleTable, DoesNotCountAgainWhatHardwareCounted) {
  using enum MatchActionKind;
  PortRule rule{7, {0, {{eth, {}}}, {{count, 0}, {queue, 1}}}, 21, true};
  EXPECT_EQ(compiled({rule})->find(udp_to(1))->counter, kNoRuleCounter);
  // A frame that hardware should have dropped was not counted there.
  rule.rule.actions[1] = {drop, 0};
  EXPECT_EQ(compiled({rule})->find(udp_to(1))->counter, 21U);
}

TEST(RuleTable, RefusesOneMaskTooManyAndNamesItsRule) {
  std::vector<PortRule> rules;
  for (std::uint32_t length = 1; length <= 32; ++length) {
    FieldMatch field = exactly(MatchField::ipv4_src, 0xC0000201);
    field.mask = FieldValue::prefix(32, length);
    rules.push_back(drop_of(length, 0, {{ipv4, {field}}}));
  }
  EXPECT_EQ(compiled(rules)->mask_count(), kMaxRuleMasks);
  rules.push_back(drop_of(40, 0, {{ipv4, {exactly(MatchField::ipv4_src, 7)}}}));
  EXPECT_EQ(compiled(rules)->mask_count(), kMaxRuleMasks) << "a known mask costs nothing";
  rules.push_back(drop_of(41, 0, {{ipv6, {}}}));
  const auto refused = RuleTable::compile(rules);
  ASSERT_FALSE(refused);
  EXPECT_EQ(
      refused.error().message,
      "rule 41: the port's rules would have more than the limit of 32 distinct masks"
  );
}

TEST(RuleTable, HoldsAsManyRulesAsAllowedAndNotOneMore) {
  std::vector<PortRule> rules;
  for (std::uint32_t i = 0; i < kMaxRulePatterns; ++i) {
    rules.push_back(drop_of(i, 0, {{udp, {exactly(MatchField::udp_dst, i)}}}));
  }
  const auto table = compiled(rules);
  for (std::uint32_t port = 0; port < 65536; port += 257) {
    EXPECT_EQ(id_of(table->find(udp_to(static_cast<std::uint16_t>(port)))), std::int64_t{port});
  }
  rules.push_back(drop_of(kMaxRulePatterns, 0, {{eth, {}}}));
  const auto refused = RuleTable::compile(rules);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("rule 65536: "));
}

TEST(RuleTable, EqualsAListWalkedInOrder) {
  const std::uint64_t seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  RuleWorld world{seed};
  std::size_t hits = 0;
  for (int round = 0; round < 60; ++round) {
    std::vector<PortRule> rules;
    for (std::uint32_t id = 0; id < 40; ++id) {
      PortRule rule{id, world.rule(), kNoRuleCounter, false};
      rule.rule.actions = {{MatchActionKind::drop, 0}};
      const auto checked = check(rule.rule);
      ASSERT_TRUE(checked) << checked.error().path << checked.error().reason;
      rules.push_back(rule);
      if (!RuleTable::compile(rules)) rules.pop_back();  // one mask too many
    }
    const auto table = compiled(rules);
    std::ranges::stable_sort(rules, {}, [](const PortRule& rule) { return rule.rule.priority; });
    std::array<RuleKey, kMaxBurst> keys;
    for (RuleKey& key : keys) key = key_of(world.frame());
    const Lanes lanes{(world.below(1U << 31U) << 32U) | 0xFFFF1234U};
    const FoundRules bulk = table->find_bulk(keys, lanes);
    for (unsigned lane = 0; lane < kMaxBurst; ++lane) {
      const auto first = std::ranges::find_if(rules, [&](const PortRule& rule) {
        return std::ranges::any_of(without_ranges(rule.rule.pattern), [&](const auto& pattern) {
          return rule_match(pattern).takes(words_of(keys[lane]));
        });
      });
      const std::int64_t expected = first == rules.end() ? -1 : std::int64_t{first->id};
      if (expected >= 0) ++hits;
      EXPECT_EQ(id_of(table->find(keys[lane])), expected);
      EXPECT_EQ(id_of(bulk[lane]), lanes.has(lane) ? expected : -1);
    }
  }
  EXPECT_GT(hits, 500U) << "the world is too large: rules hardly ever match";
}

bool is_in(const FieldValue& value, const FieldMatch& range) {
  return range.spec <= value && value <= *range.last;
}

TEST(RuleTable, ARangeTakesItsEndsAndNothingBeside) {
  FieldMatch ports = exactly(MatchField::udp_dst, 5001);
  ports.last = FieldValue::of(5998);
  const auto table = compiled({drop_of(0, 0, {{udp, {ports}}})});
  for (std::uint16_t port = 4990; port < 6010; ++port) {
    EXPECT_EQ(table->find(udp_to(port)) != nullptr, is_in(FieldValue::of(port), ports)) << port;
  }
}

}  // namespace
}  // namespace weft::classifier
