// Policy, L7 classes and flows through JSON: what each verb does, what it refuses, and what of it workers see.

#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "classifier/policy.h"
#include "control/testing/control_fixture.h"

namespace weft::control {
namespace {

using classifier::PolicyAction;

class PolicyVerbs : public ControlFixture {
 protected:
  void SetUp() override { make_network(); }

  [[nodiscard]] const SegmentEntry& segment(std::uint16_t index = 0) const {
    return platform.published->segments[index];
  }
  void attach(const std::string& name, const std::string& more) {
    accepted(
        "endpoint.attach",
        R"({"container":")" + name + R"(","segment":"blue","kind":"memif","socket":"/s")" + more +
            "}"
    );
  }
  /// Whether the policy in force lets TCP to `port` pass at the receiver's end.
  [[nodiscard]] bool allows(
      const char* from, const char* to, std::uint16_t port, std::uint8_t l7 = classifier::kL7None
  ) const {
    const classifier::Policy& policy = *segment().policy->by_l7[l7];
    const auto side = [&](const char* text) {
      const IpAddress address = *parse_ip(text);
      const auto* id =
          platform.published->identities.find(segment_address(SegmentIndex{0}, address));
      return policy.side(id == nullptr ? 0 : *id, address);
    };
    const auto verdict = policy.judge(
        classifier::End::receiver, segment().policy_default, side(from), side(to), {6, port}
    );
    return verdict.action == PolicyAction::allow;
  }
};

constexpr const char* kWebApp =
    R"({"tenant":"acme","name":"web-app","action":"allow","from":{"group":"web"},"to":{"group":"app"},"protocol":"tcp","ports":"8080"})";
constexpr const char* kDeny = R"({"name":"blue","policy_default":"deny"})";

TEST_F(PolicyVerbs, WithoutRulesNothingIsJudged) {
  attach("c1", "");
  EXPECT_EQ(segment().policy, nullptr);
  accepted("segment.set", kDeny);
  EXPECT_NE(segment().policy, nullptr);
  accepted("segment.set", R"({"name":"blue","policy_default":"allow"})");
  EXPECT_EQ(segment().policy, nullptr);
}

TEST_F(PolicyVerbs, OneRuleSaysThatWebServersMayTalkToAppServers) {
  attach("w", R"(,"addresses":["10.1.0.1/24"],"groups":["web"])");
  attach("a", R"(,"addresses":["10.1.0.2/24"],"groups":["app"])");
  attach("d", R"(,"addresses":["10.1.0.3/24"],"groups":["db"])");
  accepted("segment.set", kDeny);
  EXPECT_FALSE(allows("10.1.0.1", "10.1.0.2", 8080));
  accepted("policy.add", kWebApp);
  EXPECT_TRUE(allows("10.1.0.1", "10.1.0.2", 8080));
  EXPECT_FALSE(allows("10.1.0.1", "10.1.0.2", 8081));
  EXPECT_FALSE(allows("10.1.0.2", "10.1.0.1", 8080));
  EXPECT_FALSE(allows("10.1.0.3", "10.1.0.2", 8080));
  accepted("policy.remove", R"({"tenant":"acme","name":"web-app"})");
  EXPECT_FALSE(allows("10.1.0.1", "10.1.0.2", 8080));
}

TEST_F(PolicyVerbs, EveryChangeOfAVerdictMovesTheEpoch) {
  accepted("policy.add", kWebApp);
  std::uint32_t epoch = segment().policy_epoch;
  const auto moved = [&] {
    return std::exchange(epoch, segment().policy_epoch) < segment().policy_epoch;
  };
  attach("w", R"(,"addresses":["10.1.0.1/24"],"groups":["web"])");
  EXPECT_TRUE(moved());
  accepted("endpoint.set", R"({"container":"w","groups":["app"]})");
  EXPECT_TRUE(moved());
  accepted("segment.set", kDeny);
  EXPECT_TRUE(moved());
  accepted("policy.remove", R"({"tenant":"acme","name":"web-app"})");
  EXPECT_TRUE(moved());
  accepted(
      "remote.add",
      R"({"segment":"blue","vtep":"192.0.2.2","endpoints":[{"mac":"02:00:00:00:00:09","addresses":["10.1.0.9"],"groups":["web"]}]})"
  );
  EXPECT_TRUE(moved());
  accepted("endpoint.detach", R"({"container":"w"})");
  EXPECT_TRUE(moved());
  accepted("port.set", R"({"name":"up0","up":false})");
  EXPECT_FALSE(moved());
}

TEST_F(PolicyVerbs, AKnownIdentityCostsNoCompilation) {
  accepted("policy.add", kWebApp);
  attach("w1", R"(,"addresses":["10.1.0.1/24"],"groups":["web"])");
  const auto policy = segment().policy;
  attach("w2", R"(,"addresses":["10.1.0.2/24"],"groups":["web","web"])");
  EXPECT_EQ(segment().policy, policy);
  EXPECT_EQ(platform.published->endpoints[0].identity, platform.published->endpoints[1].identity);
  attach("w3", R"(,"addresses":["10.1.0.3/24"],"groups":["web"],"labels":{"app":"x"})");
  EXPECT_NE(segment().policy, policy);
  EXPECT_NE(platform.published->endpoints[0].identity, platform.published->endpoints[2].identity);
}

TEST_F(PolicyVerbs, AnEndpointWithoutGroupsIsNoStranger) {
  attach("c1", R"(,"addresses":["10.1.0.1/24"])");
  accepted("segment.set", kDeny);
  accepted("policy.add", R"({"tenant":"acme","name":"own","action":"allow","from":{"labels":[]}})");
  EXPECT_TRUE(allows("10.1.0.1", "10.9.9.9", 80));
  EXPECT_FALSE(allows("10.9.9.9", "10.1.0.1", 80));
}

TEST_F(PolicyVerbs, AnEndpointIsBornAtItsAttachment) {
  attach("c1", R"(,"addresses":["10.1.0.1/24"])");
  const std::uint32_t born = platform.published->endpoints[0].born_epoch;
  EXPECT_GT(born, 0U);
  accepted("endpoint.set", R"({"container":"c1","groups":["web"]})");
  EXPECT_EQ(platform.published->endpoints[0].born_epoch, born);
  EXPECT_GT(segment().policy_epoch, born);
}

TEST_F(PolicyVerbs, GroupsDefaultAndAgents) {
  attach("a", R"(,"addresses":["10.1.0.1/24"],"groups":["x"])");
  attach("b", R"(,"addresses":["10.1.0.2/24"],"groups":["x","y"])");
  attach("c", R"(,"addresses":["10.1.0.3/24"],"groups":["y"])");
  accepted("segment.set", R"({"name":"blue","policy_default":"groups","agents":["192.168.0.1"]})");
  EXPECT_TRUE(allows("10.1.0.1", "10.1.0.2", 1));
  EXPECT_TRUE(allows("10.1.0.2", "10.1.0.3", 1));
  EXPECT_FALSE(allows("10.1.0.1", "10.1.0.3", 1));
  EXPECT_TRUE(allows("192.168.0.1", "10.1.0.3", 1));
  EXPECT_TRUE(allows("10.1.0.3", "192.168.0.1", 1));
  EXPECT_FALSE(allows("192.168.0.2", "10.1.0.3", 1));
}

TEST_F(PolicyVerbs, AddingAgainIsANoOpAndDifferentlyIsRefused) {
  accepted("policy.add", kWebApp);
  const Generation generation = controller.generation();
  accepted("policy.add", kWebApp);
  EXPECT_EQ(controller.generation(), generation);
  expect_refused(
      "policy.add",
      R"({"tenant":"acme","name":"web-app","action":"deny"})",
      ErrorCode::exists_differently,
      "",
      "policy rule web-app of tenant acme: already exists with other properties (action, from, to, "
      "protocol, ports)"
  );
}

TEST_F(PolicyVerbs, ABadRuleRefusesTheWholeListWithItsIndex) {
  accepted("policy.add", kWebApp);
  const Failure failure = refusal(
      "policy.apply",
      R"({"tenant":"acme","rules":[{"name":"a","action":"allow"},{"name":"b","action":"allow","protocol":"tcp","ports":"90-80"}]})"
  );
  EXPECT_EQ(failure.message, "policy.rules[1].ports: \"90-80\" is reversed");
  EXPECT_EQ(failure.field, "rules[1].ports");
  EXPECT_EQ(failure.index, 1U);
  const Failure unknown = refusal(
      "policy.apply",
      R"({"tenant":"acme","rules":[{"name":"a","action":"allow"},{"name":"b","action":"allow","meter":"m"}]})"
  );
  EXPECT_EQ(unknown.message, "policy.rules[1].meter: meter \"m\" does not exist in tenant acme");
  EXPECT_EQ(unknown.index, 1U);
  const Failure twice = refusal(
      "policy.apply",
      R"({"tenant":"acme","rules":[{"name":"a","action":"allow"},{"name":"a","action":"deny"}]})"
  );
  EXPECT_EQ(twice.message, "policy.rules[1].name: \"a\" is listed twice");
}

TEST_F(PolicyVerbs, RulesThatStayKeepTheirCounters) {
  accepted(
      "policy.apply",
      R"({"tenant":"acme","rules":[{"name":"a","action":"allow"},{"name":"b","action":"deny"}]})"
  );
  platform.hit_counts[0] = {7, 700, 1};
  platform.hit_counts[1] = {8, 800, 2};
  accepted(
      "policy.apply",
      R"({"tenant":"acme","rules":[{"name":"c","action":"deny"},{"name":"a","action":"allow"}]})"
  );
  const Json rules = accepted("policy.list")["rules"];
  ASSERT_EQ(rules.size(), 2U);
  EXPECT_EQ(rules[0]["name"], "c");
  EXPECT_EQ(rules[0]["hits"]["packets"], 0);
  EXPECT_EQ(rules[1]["hits"]["packets"], 7);
  EXPECT_EQ(rules[1]["hits"]["connections"], 1);
}

TEST_F(PolicyVerbs, AGroupThatNobodyIsInIsListedWithoutMembers) {
  accepted("policy.add", kWebApp);
  attach("w", R"(,"groups":["web"])");
  const Json groups = accepted("policy.list", R"({"tenant":"acme"})")["groups"];
  ASSERT_EQ(groups.size(), 2U);
  EXPECT_EQ(groups[0]["group"], "app");
  EXPECT_EQ(groups[0]["members"], 0);
  EXPECT_EQ(groups[1]["members"], 1);
}

TEST_F(PolicyVerbs, RefusesWhatIsNoRule) {
  const auto rule = [](const std::string& more) {
    return R"({"tenant":"acme","name":"r","action":"allow")" + more + "}";
  };
  const auto message = [&](const std::string& more) {
    return refusal("policy.add", rule(more)).message;
  };
  EXPECT_EQ(message(R"(,"ports":"80")"), "policy.ports: only tcp, udp and sctp have ports");
  EXPECT_EQ(message(R"(,"protocol":"tcp","ports":0)"), "policy.ports: 0: port 0 is reserved");
  EXPECT_EQ(
      message(R"(,"protocol":"tcp","ports":"80,81")"),
      "policy.ports: \"80,81\" is neither a port nor a range like \"8000-8999\""
  );
  EXPECT_EQ(message(R"(,"icmp_type":8)"), "policy.icmp_type: only icmp and icmpv6 have types");
  EXPECT_EQ(message(R"(,"from":{"groop":"web"})"), "policy.from.groop: there is no such parameter");
  EXPECT_EQ(
      message(R"(,"class":"AF44")"),
      "policy.class: \"AF44\" is no class: EF, AF11 to AF43, CS0 to CS7, BE, LE or 0-63"
  );
  EXPECT_EQ(message(R"(,"l7":"ssh")"), "policy.l7: L7 class \"ssh\" does not exist in tenant acme");
  EXPECT_NE(message(R"(,"from":{"cidr":"10.0.0.0/8"},"to":{"cidr":"fd00::/8"})"), "");
  expect_refused(
      "policy.add",
      R"({"tenant":"nobody","name":"r","action":"allow"})",
      ErrorCode::not_found,
      "tenant",
      "tenant \"nobody\" does not exist"
  );
  EXPECT_EQ(
      refusal("policy.remove", R"({"tenant":"acme","name":"r"})").message,
      "policy rule \"r\" does not exist in tenant acme"
  );
}

TEST_F(PolicyVerbs, AnL7RuleHoldsForFlowsOfItsClassOnly) {
  attach("a", R"(,"addresses":["10.1.0.1/24"])");
  accepted("l7.add", R"({"tenant":"acme","name":"ssh","patterns":["ssh"]})");
  accepted("l7.add", R"({"tenant":"acme","name":"web","patterns":["http",{"regex":"^HELO"}]})");
  accepted("segment.set", kDeny);
  accepted("policy.add", R"({"tenant":"acme","name":"only-ssh","action":"allow","l7":"ssh"})");
  EXPECT_NE(segment().policy->l7, nullptr);
  EXPECT_TRUE(allows("10.9.0.1", "10.1.0.1", 22, classifier::kL7Unknown));
  EXPECT_TRUE(allows("10.9.0.1", "10.1.0.1", 22, 1));
  EXPECT_FALSE(allows("10.9.0.1", "10.1.0.1", 22, 2));
  EXPECT_FALSE(allows("10.9.0.1", "10.1.0.1", 22, classifier::kL7None));
  EXPECT_EQ(
      refusal("l7.remove", R"({"tenant":"acme","name":"ssh"})").message,
      "L7 class ssh: policy rule only-ssh uses it"
  );
  // What rules say about classes changes without compiling their patterns again.
  const auto database = segment().policy->l7;
  accepted("policy.remove", R"({"tenant":"acme","name":"only-ssh"})");
  EXPECT_EQ(segment().policy->l7, database);
  accepted("l7.remove", R"({"tenant":"acme","name":"ssh"})");
  EXPECT_EQ(accepted("l7.list")["classes"].size(), 1U);
}

TEST_F(PolicyVerbs, APatternThatDoesNotCompileIsRefusedWithItsPlace) {
  const Failure failure =
      refusal("l7.add", R"({"tenant":"acme","name":"x","patterns":["ssh",{"regex":"a(b"}]})");
  EXPECT_EQ(failure.field, "patterns[1]");
  EXPECT_NE(failure.message.find("a(b"), std::string::npos) << failure.message;
}

TEST_F(PolicyVerbs, FlowsAreListedByNameAndFlushed) {
  attach("c1", R"(,"addresses":["10.1.0.1/24"])");
  accepted("policy.add", kWebApp);
  FlowReading flow;
  flow.endpoint = EndpointIndex{0};
  flow.ether_type = 0x0800;
  flow.protocol = 6;
  flow.opener = *parse_ip("10.1.0.1");
  flow.responder = *parse_ip("10.1.0.2");
  flow.opener_port = 40000;
  flow.responder_port = 8080;
  flow.state = "established";
  flow.dscp = 34;
  platform.tracked_flows = {flow, flow};
  platform.tracked_flows[1].responder_port = 22;
  platform.tracked_flows[1].counter = kNoCounter;
  const Json flows = accepted("flow.list", R"({"endpoint":"c1"})")["flows"];
  ASSERT_EQ(flows.size(), 2U);
  EXPECT_EQ(flows[0]["endpoint"], "c1/eth0");
  EXPECT_EQ(flows[0]["protocol"], "tcp");
  EXPECT_EQ(flows[0]["rule"], "web-app");
  EXPECT_EQ(flows[0]["class"], "AF41");
  EXPECT_EQ(flows[1]["rule"], nullptr);
  EXPECT_EQ(accepted("flow.list", R"({"port":22})")["flows"].size(), 1U);
  EXPECT_EQ(accepted("flow.list", R"({"address":"10.9.9.9"})")["flows"].size(), 0U);
  EXPECT_EQ(refusal("flow.list", R"({"endpoint":"c9"})").message, "endpoint \"c9\" does not exist");
  accepted("flow.flush", R"({"endpoint":"c1/eth0"})");
  accepted("flow.flush");
  ASSERT_EQ(platform.flushed.size(), 2U);
  EXPECT_EQ(platform.flushed[0], EndpointIndex{0});
  EXPECT_EQ(platform.flushed[1], std::nullopt);
}

TEST_F(PolicyVerbs, HundredThousandRulesLoadAndComeBack) {
  Json params{{"tenant", "acme"}, {"rules", Json::array()}};
  for (int i = 0; i < 100'000; ++i) {
    const std::string host = "10." + std::to_string(i / 62500) + "." +
                             std::to_string(i / 250 % 250) + "." + std::to_string(i % 250);
    params["rules"].push_back(
        {{"name", "r" + std::to_string(i)},
         {"action", "allow"},
         {"from", {{"cidr", host}}},
         {"protocol", "tcp"},
         {"ports", 1 + i % 60000}}
    );
  }
  const Json request{{"jsonrpc", "2.0"}, {"id", 1}, {"method", "policy.apply"}, {"params", params}};
  const Json answer = Json::parse(dispatcher.answer(request.dump(), now));
  ASSERT_TRUE(answer.contains("result")) << answer.dump();
  EXPECT_EQ(answer["result"]["rules"], 100'000);
  EXPECT_TRUE(accepted("config.get")["policies"][0]["rules"].size() == 100'000U);
}

}  // namespace
}  // namespace weft::control
