// Match-action rules through JSON: what each verb does, what it refuses, what workers and devices get of it.

#include <string>

#include <gtest/gtest.h>

#include "classifier/tuple_space.h"
#include "control/testing/control_fixture.h"

namespace weft::control {
namespace {

using classifier::MatchActionKind;
using classifier::RuleTable;

class RuleVerbs : public ControlFixture {
 protected:
  void SetUp() override {
    make_network();
    attach("c1");
    attach("c2");
  }
  void attach(const std::string& name) {
    accepted(
        "endpoint.attach",
        R"({"container":")" + name + R"(","segment":"blue","kind":"memif","socket":"/s"})"
    );
  }
  /// rule.create's parameters: UDP to `udp` at `port`, with these actions.
  static std::string rule(const std::string& port, int udp, const std::string& actions) {
    return R"({"port":)" + port + R"(,"pattern":[{"item":"udp","dst":)" + std::to_string(udp) +
           R"(}],"actions":[)" + actions + "]}";
  }
  Json create(const std::string& port, int udp, const std::string& actions = kCountDrop) {
    return accepted("rule.create", rule(port, udp, actions));
  }
  [[nodiscard]] const RuleTable* endpoint_rules(std::size_t index = 0) const {
    return platform.published->endpoints[index].rules.get();
  }
  [[nodiscard]] const RuleTable* uplink_rules() const {
    return platform.published->uplinks[0].rules.get();
  }
  /// What workers find for UDP to `port`.
  static const classifier::CompiledRule* found(const RuleTable* table, std::uint16_t port) {
    classifier::RuleKey key;
    key.l3 = 4;
    key.l4_proto = 17;
    key.has_l4 = 1;
    key.destination_port = Be16{port};
    return table == nullptr ? nullptr : table->find(key);
  }

  static constexpr const char* kCountDrop = R"({"action":"count"},{"action":"drop"})";
  static constexpr const char* kDrop = R"({"action":"drop"})";
};

TEST_F(RuleVerbs, ARuleOfAContainerIsInForceInSoftware) {
  EXPECT_EQ(endpoint_rules(), nullptr);
  const Json answer = create("16", 5000);
  EXPECT_EQ(answer["rule"], 0);
  EXPECT_EQ(answer["where"], "sw");
  EXPECT_EQ(answer["software_because"], "a container's port is no device with flow rules");
  EXPECT_EQ(answer["generation"], controller.generation().value());
  ASSERT_NE(found(endpoint_rules(), 5000), nullptr);
  EXPECT_TRUE(found(endpoint_rules(), 5000)->has(MatchActionKind::drop));
  EXPECT_EQ(found(endpoint_rules(), 5001), nullptr);
  EXPECT_EQ(endpoint_rules(1), nullptr);
  EXPECT_EQ(uplink_rules(), nullptr);
}

TEST_F(RuleVerbs, PortsAreCalledByNumberOrName) {
  EXPECT_EQ(create("16", 1)["rule"], 0);
  EXPECT_EQ(create(R"("16")", 2)["rule"], 1);
  EXPECT_EQ(create(R"("c1/eth0")", 3)["rule"], 2);
  EXPECT_EQ(accepted("rule.list", R"({"port":"c1/eth0"})")["rules"].size(), 3U);
  create(R"("up0")", 1);
  EXPECT_EQ(accepted("rule.list", R"({"port":0})")["rules"].size(), 1U);
  for (const char* port : {"5", "99", R"("c1")", R"("nobody")"}) {
    const Failure failure = refusal("rule.create", rule(port, 1, kDrop));
    EXPECT_EQ(failure.code, ErrorCode::not_found);
    EXPECT_EQ(failure.field, "port");
  }
}

TEST_F(RuleVerbs, DestroyedRulesAreGoneAllOrNone) {
  create("16", 1);
  create("16", 2);
  create("16", 3);
  expect_refused(
      "rule.destroy",
      R"({"port":16,"rules":[0,7]})",
      ErrorCode::not_found,
      "rules",
      "rule.rules: rule 7 of port 16 does not exist"
  );
  EXPECT_EQ(
      accepted("rule.destroy", R"({"port":16,"rules":[2,0]})")["destroyed"], Json::parse("[0,2]")
  );
  EXPECT_EQ(found(endpoint_rules(), 1), nullptr);
  EXPECT_NE(found(endpoint_rules(), 2), nullptr);
  EXPECT_EQ(accepted("rule.flush", R"({"port":16})")["destroyed"], Json::parse("[1]"));
  EXPECT_EQ(endpoint_rules(), nullptr);
  const Generation generation = controller.generation();
  EXPECT_EQ(accepted("rule.flush", R"({"port":16})")["destroyed"], Json::array());
  EXPECT_EQ(controller.generation(), generation);
}

TEST_F(RuleVerbs, CountsAreOfSoftwareAndDeviceTogether) {
  platform.takes_rules = true;
  create("0", 1);
  const std::uint32_t counter = controller.model().rules_of(0)[0].counter;
  platform.hit_counts[counter] = {.packets = 2, .octets = 200, .connections = 0};
  platform.offloaded_hits[0] = {.packets = 40, .octets = 4000, .connections = 0};
  EXPECT_EQ(
      accepted("rule.query", R"({"port":0,"rule":0,"action":"count"})"),
      Json::parse(R"({"rule":0,"hits":42,"octets":4200})")
  );
  create("0", 2, kDrop);
  expect_refused(
      "rule.query",
      R"({"port":0,"rule":1})",
      ErrorCode::bad_parameter,
      "rule",
      "rule.rule: rule 1 of port 0 has no action count"
  );
  expect_refused(
      "rule.query",
      R"({"port":0,"rule":2})",
      ErrorCode::not_found,
      "rule",
      "rule.rule: rule 2 of port 0 does not exist"
  );
}

TEST_F(RuleVerbs, ARuleKeepsItsCounterAndANewOneStartsAtZero) {
  create("16", 1);
  const std::uint32_t counter = controller.model().rules_of(16)[0].counter;
  platform.hit_counts[counter].packets = 9;
  create("16", 2);
  EXPECT_EQ(accepted("rule.query", R"({"port":16,"rule":0})")["hits"], 9);
  accepted("policy.add", R"({"tenant":"acme","name":"own","action":"allow"})");
  EXPECT_NE(
      controller.model().tenant("acme")->rules->front().counter,
      controller.model().rules_of(16)[1].counter
  );
  EXPECT_EQ(found(endpoint_rules(), 1)->counter, counter);
}

// -- devices --------------------------------------------------------------------------------------------

TEST_F(RuleVerbs, TheDeviceGetsWhatItTakesAndSoftwareHasAll) {
  platform.takes_rules = true;
  EXPECT_EQ(create("0", 1)["where"], "hw");
  const Json software = create("0", 2, R"({"action":"count"})");
  EXPECT_EQ(software["where"], "sw");
  EXPECT_EQ(software["software_because"], "the device takes no such rule");
  EXPECT_NE(found(uplink_rules(), 1), nullptr);
  EXPECT_NE(found(uplink_rules(), 2), nullptr);
  const Json rules = accepted("rule.list", R"({"port":0})")["rules"];
  EXPECT_EQ(rules[0]["where"], "hw");
  EXPECT_EQ(rules[1]["where"], "sw");
  EXPECT_EQ(platform.offloaded[UplinkIndex{0}], (std::set<std::uint32_t>{0}));
}

TEST_F(RuleVerbs, SaysThatAQueueIsOfNoUseInSoftware) {
  const std::string because =
      "the device takes no such rule; in software, action queue lets the frame go on";
  const std::string queue = R"({"action":"queue","index":1})";
  EXPECT_EQ(accepted("rule.validate", rule("0", 1, queue))["software_because"], because);
  EXPECT_EQ(create("0", 1, queue)["software_because"], because);
}

TEST_F(RuleVerbs, ValidatingChangesNothing) {
  platform.takes_rules = true;
  const Generation generation = controller.generation();
  EXPECT_EQ(accepted("rule.validate", rule("0", 1, kDrop)), Json::parse(R"({"where":"hw"})"));
  EXPECT_EQ(accepted("rule.validate", rule("16", 1, kDrop))["where"], "sw");
  EXPECT_EQ(controller.generation(), generation);
  EXPECT_TRUE(controller.model().rules.empty());
}

TEST_F(RuleVerbs, ADeviceThatKeepsARuleLeavesThePortAsItWas) {
  platform.takes_rules = true;
  create("0", 1);
  may_publish_when_refused = true;
  platform.next_failure["offload_rules"] = "rule 0: the device keeps it";
  expect_refused(
      "rule.destroy",
      R"({"port":0,"rules":[0]})",
      ErrorCode::system_refused,
      "",
      "port up0: rule 0: the device keeps it"
  );
  EXPECT_NE(found(uplink_rules(), 1), nullptr);
  platform.next_failure["offload_rules"] = "rule 0: the device keeps it";
  EXPECT_EQ(refusal("rule.create", rule("0", 2, kCountDrop)).code, ErrorCode::system_refused);
  EXPECT_EQ(found(uplink_rules(), 2), nullptr);
  EXPECT_EQ(accepted("rule.flush", R"({"port":0})")["destroyed"].size(), 1U);
}

// -- what actions name ----------------------------------------------------------------------------------

TEST_F(RuleVerbs, WhatActionsNameMustExist) {
  expect_refused(
      "rule.create",
      rule("0", 1, R"({"action":"count"},{"action":"queue","index":2})"),
      ErrorCode::bad_parameter,
      "actions[1].index",
      "rule.actions[1].index: 2 is none of the port's 2 queues"
  );
  expect_refused(
      "rule.create",
      rule("16", 1, R"({"action":"port_id","id":18})"),
      ErrorCode::not_found,
      "actions[0].id",
      "rule.actions[0].id: port 18 does not exist"
  );
  expect_refused(
      "rule.create",
      rule("16", 1, R"({"action":"port_id","id":"c3/eth0"})"),
      ErrorCode::not_found,
      "actions[0].id",
      "rule.actions[0].id: port \"c3/eth0\" does not exist"
  );
  expect_refused(
      "rule.create",
      rule("16", 1, R"({"action":"meter","mtr_id":0})"),
      ErrorCode::not_found,
      "actions[0].mtr_id",
      "rule.actions[0].mtr_id: meter 0 does not exist"
  );
}

TEST_F(RuleVerbs, AMeterOfAnEndpointIsNobodyElses) {
  accepted("endpoint.set", R"({"container":"c1","qos":{"rate":"8Mbit/s"}})");
  EXPECT_EQ(
      refusal("rule.create", rule("16", 1, R"({"action":"meter","mtr_id":0})")).code,
      ErrorCode::not_found
  );
}

TEST_F(RuleVerbs, AMeterStaysWhileARuleUsesIt) {
  accepted("qos.meter.add", R"({"tenant":"acme","name":"m","cir":"8Mbit/s","cbs":3000})");
  create("16", 1, R"({"action":"meter","mtr_id":"acme/m"})");
  EXPECT_EQ(
      found(endpoint_rules(), 1)->meter, controller.model().tenant("acme")->meters.at("m").index
  );
  expect_refused(
      "qos.meter.remove",
      R"({"tenant":"acme","name":"m"})",
      ErrorCode::in_use,
      "name",
      "meter m: flow rule 0 of port c1/eth0 uses it"
  );
  accepted("rule.flush", R"({"port":16})");
  accepted("qos.meter.remove", R"({"tenant":"acme","name":"m"})");
}

TEST_F(RuleVerbs, RulesEndWithTheirPortAndWithTheOneTheySendTo) {
  create("16", 1);
  create("17", 1, R"({"action":"port_id","id":"c1/eth0"})");
  create("17", 2);
  accepted("endpoint.detach", R"({"container":"c1"})");
  EXPECT_EQ(found(endpoint_rules(1), 1), nullptr) << "the number may be somebody else's soon";
  EXPECT_NE(found(endpoint_rules(1), 2), nullptr);
  accepted("endpoint.detach", R"({"container":"c2"})");
  EXPECT_TRUE(controller.model().rules.empty());
  attach("c1");
  EXPECT_EQ(endpoint_rules(2), nullptr);
}

TEST_F(RuleVerbs, AnUplinkStaysWhileRulesSendToIt) {
  accepted("port.add", R"({"name":"up1","device":"net_null1"})");
  create("1", 1);
  create("16", 1, R"({"action":"port_id","id":"up1"})");
  expect_refused(
      "port.remove",
      R"({"name":"up1"})",
      ErrorCode::in_use,
      "name",
      "port up1: flow rule 0 of port c1/eth0 sends to it"
  );
  accepted("rule.flush", R"({"port":16})");
  accepted("port.remove", R"({"name":"up1"})");
  EXPECT_TRUE(controller.model().rules.empty()) << "its own go with it";
}

TEST_F(RuleVerbs, OneMaskTooManyIsRefused) {
  for (std::size_t i = 0; i < classifier::kMaxRuleMasks; ++i) {
    const std::string source = R"({"spec":"10.0.0.0","prefix":)" + std::to_string(i + 1) + "}";
    const std::string params = R"({"port":16,"pattern":[{"item":"ipv4","src":)" + source +
                               R"(}],"actions":[{"action":"count"}]})";
    accepted("rule.create", params);
  }
  expect_refused(
      "rule.create",
      rule("16", 1, kCountDrop),
      ErrorCode::limit_reached,
      "",
      "rule 32: the port's rules would have more than the limit of 32 distinct masks"
  );
  EXPECT_EQ(refusal("rule.validate", rule("16", 1, kCountDrop)).code, ErrorCode::limit_reached);
}

// -- documents ------------------------------------------------------------------------------------------

TEST_F(RuleVerbs, TheDocumentHasNamesAndCanBeApplied) {
  accepted("qos.meter.add", R"({"tenant":"acme","name":"m","cir":"8Mbit/s","cbs":3000})");
  create("17", 1, R"({"action":"port_id","id":16})");
  create("17", 2, R"({"action":"meter","mtr_id":"acme/m"},{"action":"count"})");
  accepted("rule.destroy", R"({"port":17,"rules":[0]})");
  create("17", 3, R"({"action":"port_id","id":0})");
  const Json document = accepted("config.get");
  EXPECT_EQ(document["rules"], Json::parse(R"([{"port":"c2/eth0","rules":[
        {"rule":1,"group":0,"priority":0,"ingress":true,"pattern":[{"item":"udp","dst":2}],
         "actions":[{"action":"meter","mtr_id":"acme/m"},{"action":"count"}]},
        {"rule":2,"group":0,"priority":0,"ingress":true,"pattern":[{"item":"udp","dst":3}],
         "actions":[{"action":"port_id","id":"up0"}]}]}])"));
  const Generation generation = controller.generation();
  ASSERT_TRUE(dispatcher.apply_document(document, now));
  EXPECT_EQ(controller.generation(), generation) << "applying again changes nothing";

  FakePlatform other_platform;
  Controller other{other_platform};
  Dispatcher other_dispatcher{other, About{}};
  const auto applied = other_dispatcher.apply_document(document, now);
  ASSERT_TRUE(applied) << applied.error().message;
  EXPECT_EQ(other_dispatcher.call("config.get", Json::object(), now)->dump(), document.dump());
}

TEST_F(RuleVerbs, ApplyingReplacesAllAndNamesTheRuleToBlame) {
  create("16", 1);
  const auto list = [](const std::string& rules) {
    return R"({"port":16,"rules":[)" + rules + "]}";
  };
  const std::string first =
      R"({"rule":4,"pattern":[{"item":"eth"}],"actions":[{"action":"drop"}]})";
  EXPECT_EQ(accepted("rule.apply", list(first))["rules"], 1);
  EXPECT_EQ(found(endpoint_rules(), 1)->id, 4U);
  EXPECT_EQ(create("16", 1)["rule"], 5);
  expect_refused(
      "rule.apply",
      list(first + "," + first),
      ErrorCode::bad_parameter,
      "rules[1].rule",
      "rule.rules[1].rule: 4 is listed twice"
  );
  const Failure failure = refusal(
      "rule.apply",
      list(first + R"(,{"rule":5,"pattern":[{"item":"sctp"}],"actions":[{"action":"drop"}]})")
  );
  EXPECT_EQ(failure.field, "rules[1].pattern[0].item");
  EXPECT_EQ(failure.index, 1U);
  EXPECT_EQ(
      refusal(
          "rule.apply",
          list(R"({"rule":5,"pattern":[{"item":"eth"}],"actions":[{"action":"queue","index":1}]})")
      )
          .message,
      "rule.rules[0].actions[0].index: 1 is none of the port's 1 queues"
  );
}

}  // namespace
}  // namespace weft::control
