#include "control/cli/flow_syntax.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft::cli {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using Json = nlohmann::json;

Line line_of(const std::string& text) {
  return std::get<Line>(split_line(text));
}

FlowRequest request(const std::string& text) {
  auto read = read_flow(line_of(text));
  if (const auto* complaint = std::get_if<Complaint>(&read)) {
    ADD_FAILURE() << format(*complaint);
    return {};
  }
  return std::get<FlowRequest>(std::move(read));
}
Json params(const std::string& text) {
  return request(text).params;
}
/// The sentence, and the word it points at.
std::string complaint(const std::string& text) {
  const Line line = line_of(text);
  const auto read = read_flow(line);
  const auto* complaint = std::get_if<Complaint>(&read);
  if (complaint == nullptr) return "accepted";
  return complaint->sentence + " @" + line.text.substr(std::min(complaint->column, text.size()));
}

// The example of environment and user guide, and what testpmd users write daily.
TEST(FlowSyntax, ReadsWhatTestpmdUsersWrite) {
  const FlowRequest create = request(
      "flow create 0 ingress pattern eth / ipv4 dst is 10.0.0.1 / udp / end actions drop / end"
  );
  EXPECT_EQ(create.method, "rule.create");
  EXPECT_EQ(create.params, Json::parse(R"({"port":0,"ingress":true,
      "pattern":[{"item":"eth"},{"item":"ipv4","dst":"10.0.0.1"},{"item":"udp"}],
      "actions":[{"action":"drop"}]})"));
  EXPECT_EQ(
      request("flow validate c1/eth0 priority 2 group 0 ingress pattern end actions end").method,
      "rule.validate"
  );
  EXPECT_EQ(
      params("flow create 0 priority 2 group 0 pattern eth / end actions count / queue index 3 / "
             "end"),
      Json::parse(R"({"port":0,"priority":2,"group":0,"pattern":[{"item":"eth"}],
          "actions":[{"action":"count"},{"action":"queue","index":3}]})")
  );
}

TEST(FlowSyntax, ReadsSpecLastMaskAndPrefix) {
  const auto field = [](const std::string& relations) {
    const std::string line =
        "flow create 0 pattern ipv4 " + relations + " / end actions drop / end";
    return params(line)["pattern"][0]["src"];
  };
  EXPECT_EQ(field("src is 10.0.0.1"), "10.0.0.1");
  EXPECT_EQ(field("src spec 10.0.0.1"), Json::parse(R"({"spec":"10.0.0.1"})"));
  EXPECT_EQ(
      field("src spec 10.0.0.0 src mask 255.0.0.0"),
      Json::parse(R"({"spec":"10.0.0.0","mask":"255.0.0.0"})")
  );
  EXPECT_EQ(
      field("src is 10.0.0.1 ttl is 64 src prefix 8"),
      Json::parse(R"({"spec":"10.0.0.1","prefix":8})")
  );
  EXPECT_EQ(
      field("src spec 10.0.0.1 src last 10.0.0.9"),
      Json::parse(R"({"spec":"10.0.0.1","last":"10.0.0.9"})")
  );
  EXPECT_EQ(
      field("src prefix 8 src mask 255.255.0.0 src spec 10.1.0.0"),
      Json::parse(R"({"spec":"10.1.0.0","mask":"255.255.0.0"})")
  );
}

TEST(FlowSyntax, ReadsEveryItemsFields) {
  EXPECT_EQ(
      params(
          "flow create 1 pattern eth dst is 02:00:00:00:00:01 type is 0x8100 / vlan vid is 5 pcp "
          "is 3 / ipv6 dst is 2001:db8::1 tc is 184 / tcp dst is 443 flags spec 2 flags mask 2 "
          "/ end actions mark id 7 / meter mtr_id 4 / set_ipv6_dscp dscp_value 46 / end"
      )["pattern"],
      Json::parse(R"([{"item":"eth","dst":"02:00:00:00:00:01","type":33024},
          {"item":"vlan","vid":5,"pcp":3},{"item":"ipv6","dst":"2001:db8::1","tc":184},
          {"item":"tcp","dst":443,"flags":{"spec":2,"mask":2}}])")
  );
  EXPECT_EQ(
      params("flow create 1 pattern udp / vxlan vni is 5001 / end actions drop / end")["pattern"],
      Json::parse(R"([{"item":"udp"},{"item":"vxlan","vni":5001}])")
  );
  EXPECT_EQ(
      params("flow create 1 pattern nvgre tni is 0x1389 / end actions port_id id 17 / end"),
      Json::parse(R"({"port":1,"pattern":[{"item":"nvgre","tni":5001}],
          "actions":[{"action":"port_id","id":17}]})")
  );
}

TEST(FlowSyntax, ReadsTheOtherVerbs) {
  const FlowRequest destroy = request("flow destroy 0 rule 1 rule 2");
  EXPECT_EQ(destroy.method, "rule.destroy");
  EXPECT_EQ(destroy.params, Json::parse(R"({"port":0,"rules":[1,2]})"));
  EXPECT_EQ(request("flow flush up0").method, "rule.flush");
  EXPECT_EQ(params("flow flush up0"), Json::parse(R"({"port":"up0"})"));
  EXPECT_EQ(params("flow list 0"), Json::parse(R"({"port":0})"));
  EXPECT_EQ(params("flow list 0 group 0"), Json::parse(R"({"port":0,"group":0})"));
  EXPECT_FALSE(request("flow list 0").is_json);
  EXPECT_TRUE(request("flow list 0 --json").is_json);
  EXPECT_EQ(
      params("flow query 16 3 count"), Json::parse(R"({"port":16,"rule":3,"action":"count"})")
  );
}

TEST(FlowSyntax, ErrorsPointAtTheWord) {
  EXPECT_EQ(
      complaint("flow make 0"),
      "expected `validate`, `create`, `destroy`, `flush`, `list` or `query` @make 0"
  );
  EXPECT_EQ(complaint("flow create --x pattern"), "expected a port's number or name @--x pattern");
  EXPECT_EQ(
      complaint("flow create 0 egress pattern"),
      "expected `ingress`, `group`, `priority` or `pattern` @egress pattern"
  );
  EXPECT_EQ(
      complaint("flow create 0 pattern sctp / end actions drop / end"),
      "expected `end`, `eth`, `vlan`, `ipv4`, `ipv6`, `tcp`, `udp`, `icmp`, `icmp6`, `vxlan` or "
      "`nvgre` @sctp / end actions drop / end"
  );
  EXPECT_EQ(
      complaint("flow create 0 pattern udp sport is 1 / end"),
      "expected `src`, `dst` or `/` @sport is 1 / end"
  );
  EXPECT_EQ(
      complaint("flow create 0 pattern udp dst = 1 / end"),
      "expected `is`, `spec`, `last`, `mask` or `prefix` @= 1 / end"
  );
  EXPECT_EQ(complaint("flow create 0 pattern udp dst is x / end"), "expected a number @x / end");
  EXPECT_EQ(
      complaint("flow create 0 pattern ipv4 dst is 2001:db8::1 /"),
      "expected an IPv4 address @2001:db8::1 /"
  );
  EXPECT_EQ(
      complaint("flow create 0 pattern eth / end actions queue 3 / end"),
      "expected `index` @3 / end"
  );
  EXPECT_EQ(complaint("flow destroy 0 rule x"), "expected a rule's number @x");
  EXPECT_EQ(complaint("flow flush 0 now"), "expected end of line @now");
  EXPECT_EQ(complaint("flow query 0 1 rss"), "expected `count` @rss");
}

TEST(FlowSyntax, ErrorsOfShortLinesPointBehindThem) {
  EXPECT_EQ(complaint("flow create 0 pattern eth / end"), "expected `actions` @");
  EXPECT_EQ(
      complaint("flow create 0 pattern eth"), "expected `dst`, `src`, `type`, `has_vlan` or `/` @"
  );
  EXPECT_EQ(complaint("flow destroy 0"), "expected `rule` @");
  EXPECT_EQ(complaint("flow list"), "expected a port's number or name @");
}

TEST(FlowSyntax, RefusesNumbersThatAreNone) {
  for (const char* number : {"-1", "0x", "1.5", "18446744073709551616", "1a", "+1"}) {
    EXPECT_NE(
        complaint(std::string{"flow create 0 pattern udp dst is "} + number + " / end"), "accepted"
    ) << number;
  }
}

TEST(FlowSyntax, EveryPrefixOfALineHasAnErrorOrARequest) {
  const Line whole = line_of(
      "flow create 0 ingress pattern eth / ipv4 src spec 10.0.0.0 src prefix 8 / udp dst spec 1 "
      "dst "
      "last 9 / end actions count / mark id 3 / drop / end"
  );
  for (std::size_t count = 1; count < whole.words.size(); ++count) {
    Line line = whole;
    line.words.resize(count);
    EXPECT_TRUE(std::holds_alternative<Complaint>(read_flow(line))) << count;
    EXPECT_THAT(next_flow_words(line), Not(IsEmpty())) << count;
    EXPECT_THAT(
        next_flow_words(line),
        Contains(
            whole.words[count].text == "0"             ? "PORT"
            : whole.words[count].text == "10.0.0.0"    ? "IPV4"
            : isdigit(whole.words[count].text[0]) != 0 ? "NUMBER"
                                                       : whole.words[count].text
        )
    );
  }
}

TEST(FlowSyntax, CompletesNothingBehindAnError) {
  EXPECT_THAT(next_flow_words(line_of("flow make 0")), IsEmpty());
  EXPECT_THAT(next_flow_words(line_of("flow list 0")), ElementsAre("group", "--json"));
}

TEST(FlowRender, ListLooksLikeTestpmdsWithAColumnMore) {
  const Json answer = Json::parse(R"({"rules":[
      {"rule":0,"group":0,"priority":0,"pattern":[{"item":"eth"},{"item":"ipv4"},{"item":"udp"}],
       "actions":[{"action":"queue","index":1}],"where":"hw"},
      {"rule":12,"group":0,"priority":3,"pattern":[{"item":"vxlan"}],
       "actions":[{"action":"count"},{"action":"drop"}],"where":"sw"}]})");
  EXPECT_EQ(
      render_rules(answer, {}),
      "ID  Group  Prio  Attr  HW/SW  Rule\n"
      " 0      0     0  i--   HW     ETH IPV4 UDP => QUEUE\n"
      "12      0     3  i--   SW     VXLAN => COUNT DROP\n"
  );
  EXPECT_EQ(render_rules(Json::parse(R"({"rules":[]})"), {}), "no rules\n");
  EXPECT_EQ(render_rules(Json(), {}), "no rules\n");
}

TEST(FlowRender, AnswersReadLikeTestpmds) {
  EXPECT_EQ(
      render_rule_created(Json::parse(R"({"rule":3,"where":"hw"})"), {}), "Flow rule #3 created\n"
  );
  EXPECT_EQ(
      render_rule_created(
          Json::parse(R"({"rule":3,"where":"sw","software_because":"no room"})"), {}
      ),
      "Flow rule #3 created\nIt is in software: no room\n"
  );
  EXPECT_EQ(render_rule_validated(Json::parse(R"({"where":"hw"})"), {}), "Flow rule validated\n");
  EXPECT_EQ(
      render_rules_destroyed(Json::parse(R"({"destroyed":[1,2]})"), {}),
      "Flow rule #1 destroyed\nFlow rule #2 destroyed\n"
  );
  EXPECT_EQ(
      render_rule_counts(Json::parse(R"({"hits":5,"octets":300})"), {}),
      "COUNT:\n hits_set: 1\n bytes_set: 1\n hits: 5\n bytes: 300\n"
  );
}

}  // namespace
}  // namespace weft::cli
