#include "control/params_rule.h"

#include <iostream>
#include <random>

#include <gtest/gtest.h>

#include "classifier/testing/random_rules.h"

namespace weft::control {
namespace {

using namespace classifier;  // NOLINT: its vocabulary is what is parsed

Outcome<RuleConfig> parsed(const std::string& pattern, const std::string& more = "") {
  return parse_rule(Json::parse(
      R"({"port":0,"pattern":[)" + pattern + R"(],"actions":[{"action":"drop"}])" + more + "}"
  ));
}
std::string message(const std::string& pattern, const std::string& more = "") {
  const auto outcome = parsed(pattern, more);
  return outcome ? "accepted" : outcome.error().message;
}
template <typename T>
std::string message_of(const Outcome<T>& outcome) {
  return outcome ? "accepted" : outcome.error().message;
}

TEST(ParamsRule, ReadsValuesMasksPrefixesAndRanges) {
  const auto outcome = parse_rule(Json::parse(R"({"port":"c1/eth0","priority":3,"group":0,
      "ingress":true,"pattern":[
        {"item":"eth","dst":"02:00:00:00:00:05"},
        {"item":"ipv4","src":{"spec":"10.1.2.3","prefix":16},"dst":{"spec":"10.0.0.9","mask":"255.0.0.255"}},
        {"item":"udp","dst":{"spec":5000,"last":5999}}],
      "actions":[{"action":"mark","id":7},{"action":"count"},{"action":"queue","index":2}]})"));
  ASSERT_TRUE(outcome) << message_of(outcome);
  EXPECT_EQ(outcome->port, "c1/eth0");
  const MatchRule& rule = outcome->rule;
  EXPECT_EQ(rule.priority, 3U);
  ASSERT_EQ(rule.pattern.size(), 3U);
  EXPECT_EQ(rule.pattern[0].fields[0].spec.number(), 0x020000000005U);
  EXPECT_EQ(rule.pattern[1].fields[0].spec.number(), 0x0A010000U) << "host bits are not compared";
  EXPECT_EQ(rule.pattern[1].fields[0].mask.number(), 0xFFFF0000U);
  EXPECT_EQ(rule.pattern[1].fields[1].mask.number(), 0xFF0000FFU);
  EXPECT_EQ(rule.pattern[2].fields[0].last->number(), 5999U);
  EXPECT_EQ(rule.actions[2], (MatchAction{MatchActionKind::queue, 2}));
}

TEST(ParamsRule, NamesTheElementAndItsField) {
  EXPECT_EQ(
      message(R"({"item":"eth"},{"item":"sctp"})"),
      "rule.pattern[1].item: \"sctp\" is no item: eth, vlan, ipv4, ipv6, tcp, udp, icmp, icmp6, "
      "vxlan, nvgre are"
  );
  EXPECT_EQ(
      message(R"({"item":"ipv4","dest":"10.0.0.1"})"),
      "rule.pattern[0].dest: there is no such parameter"
  );
  EXPECT_EQ(
      message(R"({"item":"ipv4","dst":"2001:db8::1"})"),
      "rule.pattern[0].dst: \"2001:db8::1\" is not an IPv4 address"
  );
  EXPECT_EQ(
      message(R"({"item":"vlan","vid":4096})"), "rule.pattern[0].vid: 4096 is above the limit 4095"
  );
  EXPECT_EQ(
      message(R"({"item":"udp","dst":{"spec":1,"mask":1,"prefix":1}})"),
      "rule.pattern[0].dst.prefix: a mask is given as well"
  );
  EXPECT_EQ(message(R"({"item":"udp","dst":{"last":1}})"), "rule.pattern[0].dst.spec: is required");
  EXPECT_EQ(
      message(R"({"item":"ipv4","src":{"spec":"10.0.0.1","prefix":33}})"),
      "rule.pattern[0].src.prefix: 33 is above the limit 32"
  );
  EXPECT_EQ(
      message(R"({"item":"udp","dst":{"spec":9,"last":1}})"),
      "rule.pattern[0].dst: last 1 is below spec 9"
  );
  EXPECT_EQ(message(R"(5)"), "rule.pattern[0]: 5 is not an object");
}

TEST(ParamsRule, KnowsIngressAndGroupZeroOnly) {
  EXPECT_EQ(message(R"({"item":"eth"})", R"(,"ingress":true,"group":0)"), "accepted");
  EXPECT_EQ(
      message(R"({"item":"eth"})", R"(,"group":1)"),
      "rule.group: 1 is not 0, the only group: there is no action jump"
  );
  EXPECT_EQ(
      message(R"({"item":"eth"})", R"(,"ingress":false)"),
      "rule.ingress: must be true: rules look at what a port receives"
  );
  EXPECT_EQ(
      message(R"({"item":"eth"})", R"(,"priority":65536)"),
      "rule.priority: 65536 is above the limit 65535"
  );
}

TEST(ParamsRule, ChecksActions) {
  const auto with = [](const std::string& actions) {
    return message_of(parse_rule(
        Json::parse(R"({"port":0,"pattern":[{"item":"eth"}],"actions":[)" + actions + "]}")
    ));
  };
  EXPECT_EQ(with(R"({"action":"count"})"), "accepted");
  EXPECT_EQ(with(""), "rule.actions: is empty: a rule must do something");
  EXPECT_EQ(with(R"({"action":"queue"})"), "rule.actions[0].index: is required");
  EXPECT_EQ(
      with(R"({"action":"set_ipv4_dscp","dscp_value":64})"),
      "rule.actions[0].dscp_value: 64 is above the limit 63"
  );
  EXPECT_EQ(
      with(R"({"action":"drop"},{"action":"queue","index":0})"),
      "rule.actions[1]: queue and drop exclude each other: a frame has one fate"
  );
  EXPECT_EQ(
      with(R"({"action":"jump","group":1})"),
      "rule.actions[0].action: \"jump\" is no action: drop, queue, port_id, mark, count, meter, "
      "set_ipv4_dscp, set_ipv6_dscp are"
  );
}

TEST(ParamsRule, ReadsSelections) {
  const auto selected = [](const std::string& rules) {
    return parse_rule_selection(Json::parse(R"({"port":16,"rules":)" + rules + "}"));
  };
  const auto good = selected("[3,1]");
  ASSERT_TRUE(good);
  EXPECT_EQ(good->port, "16");
  EXPECT_EQ(good->rules, (std::vector<std::uint32_t>{1, 3}));
  EXPECT_EQ(message_of(selected("[]")), "rule.rules: is empty");
  EXPECT_EQ(message_of(selected("[1,1]")), "rule.rules: 1 is given twice");
  EXPECT_EQ(message_of(selected("[0,-1]")), "rule.rules[1]: -1 is no rule's number");
  EXPECT_EQ(
      message_of(parse_rule_selection(Json::parse(R"({"port":1})"))), "rule.rules: is required"
  );
}

TEST(ParamsRule, ReadsQueries) {
  const auto query = parse_rule_query(Json::parse(R"({"port":0,"rule":4,"action":"count"})"));
  ASSERT_TRUE(query);
  EXPECT_EQ(query->rule, 4U);
  EXPECT_EQ(
      message_of(parse_rule_query(Json::parse(R"({"port":0,"rule":4,"action":"rss"})"))),
      "rule.action: \"rss\" can not be asked for: only count"
  );
  EXPECT_EQ(message_of(parse_rule_port(Json::parse("{}"))), "rule.port: is required");
}

TEST(ParamsRule, ParsingWhatWasFormattedGivesTheRuleAgain) {
  const std::uint64_t seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  rule_test::RuleWorld world{seed};
  for (int i = 0; i < 2000; ++i) {
    RuleConfig config{"up0", world.rule()};
    for (ItemMatch& item : config.rule.pattern) {
      for (FieldMatch& field : item.fields) field.spec = field.spec & field.mask;
    }
    config.rule.actions = {{MatchActionKind::mark, 5}, {MatchActionKind::drop, 0}};
    const Json json = to_json(config);
    const auto again = parse_rule(json);
    ASSERT_TRUE(again) << message_of(again) << "\n" << json.dump();
    EXPECT_EQ(*again, config) << json.dump();
  }
}

TEST(ParamsRule, AListedRuleSaysWhereItIs) {
  const MatchRule rule = parsed(R"({"item":"eth"})")->rule;
  EXPECT_EQ(
      listed_rule(4, rule, "").dump(),
      R"({"rule":4,"group":0,"priority":0,"ingress":true,"pattern":[{"item":"eth"}],)"
      R"("actions":[{"action":"drop"}],"where":"hw"})"
  );
  const Json software = listed_rule(4, rule, "no room");
  EXPECT_EQ(software["where"], "sw");
  EXPECT_EQ(software["software_because"], "no room");
}

}  // namespace
}  // namespace weft::control
