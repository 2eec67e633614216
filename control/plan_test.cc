// get, plan, apply.

#include "control/plan.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/document.h"
#include "control/testing/control_fixture.h"

namespace weft::control {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kState = R"({
  "budgets": [{"class":"AF4","rate":"10Mbit/s"}],
  "ports": [{"name":"up0","device":"net_null0","addresses":["192.0.2.1/24"]},
            {"name":"up1","device":"net_null1","addresses":["198.51.100.1/24"]}],
  "schedulers": [{"port":"up1","rate":"1Gbit/s"}],
  "tenants": [{"name":"acme"},{"name":"other"}],
  "meters": [{"tenant":"acme","name":"m","cir":"8Mbit/s","cbs":3000},
             {"tenant":"other","name":"m","cir":"8Mbit/s","cbs":3000}],
  "tenant_settings": [{"name":"acme","meter":"m"}],
  "l7": [{"tenant":"acme","name":"web","patterns":["http"]},{"tenant":"acme","name":"ssh","patterns":["ssh"]}],
  "policies": [{"tenant":"acme","rules":[{"name":"a","action":"allow","meter":"m","l7":"web"},{"name":"b","action":"deny"}]}],
  "segments": [{"name":"blue","tenant":"acme","vni":5001,"local_vtep":"192.0.2.1"},
               {"name":"red","tenant":"other","encap":"none"}],
  "remotes": [{"segment":"blue","vtep":"192.0.2.2","endpoints":[{"mac":"02:00:00:00:00:09"}]}],
  "endpoints": [{"container":"c1","segment":"blue","netns":"/run/netns/c1","addresses":["10.1.0.5/24"],"qos":{"contracts":[{"class":"AF4","rate":"8Mbit/s"}]}},
                {"container":"c2","segment":"red","netns":"/run/netns/c2","groups":["g"]}],
  "rules": [{"port":"up1","rules":[{"rule":3,"pattern":[{"item":"eth"}],"actions":[{"action":"meter","mtr_id":"acme/m"},{"action":"port_id","id":"c2/eth0"}]}]}]
})";

class Plans : public ControlFixture {
 protected:
  void SetUp() override { apply(state); }

  Json apply(const Json& document) {
    return accepted("apply", Json{{"document", document}}.dump())["changes"];
  }

  /// "change segments blue: ttl", one a change.
  std::vector<std::string> planned(const Json& document, const char* tenant = nullptr) {
    Json params{{"document", document}};
    if (tenant != nullptr) params["tenant"] = tenant;
    const Generation generation = controller.generation();
    const auto calls = platform.calls;
    const Json answer = accepted("plan", params.dump());
    EXPECT_EQ(controller.generation(), generation);
    EXPECT_EQ(platform.calls, calls) << "a plan touched the machine";
    std::vector<std::string> lines;
    for (const Json& change : answer["changes"]) {
      std::string line = change["action"].get<std::string>() + " " +
                         change["section"].get<std::string>() + " " +
                         change["name"].get<std::string>();
      if (change.contains("fields")) {
        for (const Json& field : change["fields"]) line += " " + field.get<std::string>();
      }
      lines.push_back(std::move(line));
    }
    return lines;
  }

  Json got() { return accepted("get")["document"]; }

  Json state = Json::parse(kState);
};

TEST_F(Plans, WhatIsGotIsNothingToDo) {
  const Generation generation = controller.generation();
  EXPECT_THAT(planned(got()), IsEmpty());
  EXPECT_THAT(apply(got()), IsEmpty());
  EXPECT_EQ(controller.generation(), generation);
  EXPECT_THAT(planned(state), IsEmpty());
}

TEST_F(Plans, AWholeStateIsOnePublication) {
  EXPECT_EQ(platform.publications, 2U);  // the controller's own first
}

TEST_F(Plans, ASectionThatIsAbsentIsLeftAlone) {
  EXPECT_THAT(planned(Json::object()), IsEmpty());
  EXPECT_THAT(planned(Json{{"tenants", state["tenants"]}}), IsEmpty());
  EXPECT_THAT(
      planned(Json{{"endpoints", Json::array()}}),
      ElementsAre("remove endpoints c1/eth0", "remove endpoints c2/eth0")
  );
}

TEST_F(Plans, WhatCanIsChangedUnderTraffic) {
  state["segments"][0]["ttl"] = 9;
  state["endpoints"][0]["qos"]["contracts"][0]["rate"] = "9Mbit/s";
  state["endpoints"][1].erase("groups");
  state["remotes"][0]["endpoints"].push_back({{"mac", "02:00:00:00:00:07"}});
  state["policies"][0]["rules"][1]["priority"] = 7;
  state["schedulers"][0]["rate"] = "2Gbit/s";
  state["budgets"][0]["rate"] = "9Mbit/s";
  EXPECT_THAT(
      planned(state),
      ElementsAre(
          "change budgets AF4 rate",
          "change schedulers up1 rate",
          "change policies acme rules",
          "change segments blue ttl",
          "change remotes blue 192.0.2.2 endpoints",
          "change endpoints c1/eth0 qos",
          "change endpoints c2/eth0 groups"
      )
  );
  platform.calls.clear();
  apply(state);
  EXPECT_THAT(platform.calls, ElementsAre("publish"));
  EXPECT_THAT(planned(state), IsEmpty());
  EXPECT_EQ(got()["endpoints"][1].contains("groups"), false);
}

TEST_F(Plans, WhatCanNotIsReplacedWithWhatHangsOnIt) {
  state["meters"][0]["cir"] = "9Mbit/s";
  state["segments"][0]["tenant"] = "other";
  state["endpoints"][1]["addresses"] = {"10.9.0.1/24"};
  EXPECT_THAT(
      planned(state),
      ElementsAre(
          "replace meters acme/m cir",
          "replace segments blue tenant",
          "replace remotes blue 192.0.2.2",
          "replace endpoints c1/eth0",
          "replace endpoints c2/eth0 addresses"
      )
  );
  apply(state);
  EXPECT_THAT(planned(state), IsEmpty());
  EXPECT_EQ(got()["rules"][0]["rules"][0]["actions"][0]["mtr_id"], "acme/m");
}

TEST_F(Plans, EverythingMayGoAtOnce) {
  Json nothing = Json::object();
  for (const auto& section : state.items()) nothing[section.key()] = Json::array();
  nothing["access"] = Json::array();
  apply(nothing);
  EXPECT_TRUE(std::ranges::all_of(got(), [](const Json& section) { return section.empty(); }));
  EXPECT_TRUE(platform.open_uplinks.empty());
  EXPECT_EQ(platform.ports_alive, 0);
}

TEST_F(Plans, WhatHasNoMeaningAnyMoreGoesAlong) {
  EXPECT_THAT(
      planned(Json{
          {"tenants", Json::array({{{"name", "acme"}}})},
          {"segments", Json::array({state["segments"][0]})},
          {"endpoints", Json::array({state["endpoints"][0]})}}),
      ElementsAre(
          "remove tenants other",
          "remove meters other/m",
          "remove segments red",
          "remove endpoints c2/eth0"
      )
  );
  EXPECT_THAT(
      planned(Json{{"ports", Json::array({state["ports"][0]})}}),
      ElementsAre("remove ports up1", "remove schedulers up1", "remove rules up1")
  );
}

TEST_F(Plans, L7ClassesComeInTheDocumentsOrder) {
  std::swap(state["l7"][0], state["l7"][1]);
  EXPECT_THAT(planned(state), ElementsAre("replace l7 acme/web"));
  apply(state);
  EXPECT_EQ(got()["l7"][0]["name"], "ssh");
  EXPECT_THAT(planned(state), IsEmpty());
}

TEST_F(Plans, RulesThatStayKeepTheirCounters) {
  const auto counter_of = [&](const char* name) {
    return controller.model().tenant("acme")->rule(name)->counter;
  };
  const auto before = counter_of("b");
  state["meters"][0]["cir"] = "9Mbit/s";
  state["policies"][0]["rules"].push_back({{"name", "c"}, {"action", "allow"}});
  apply(state);
  EXPECT_EQ(counter_of("b"), before);
}

TEST_F(Plans, AnUplinkInUseIsNotReplaced) {
  state["ports"][0]["mtu"] = 1400;
  const Failure failure = refusal("apply", Json{{"document", state}}.dump());
  EXPECT_EQ(failure.message, "ports[0]: port up0: segment blue uses its address 192.0.2.1");
  EXPECT_EQ(refusal("plan", Json{{"document", state}}.dump()).message, failure.message);
}

TEST_F(Plans, AnUplinkIsReplacedByAnotherDevice) {
  state["ports"][1]["device"] = "net_null2";
  EXPECT_THAT(planned(state), ElementsAre("replace ports up1 device", "replace schedulers up1"));
  apply(state);
  EXPECT_THAT(planned(state), IsEmpty());
  state["ports"][1]["mtu"] = 1400;
  EXPECT_EQ(refusal("apply", Json{{"document", state}}.dump()).field, "ports[1].device");
}

TEST_F(Plans, SegmentsMoveToAnotherUplinkWhileTheirsGoes) {
  state["segments"][0]["local_vtep"] = "198.51.100.1";
  state["remotes"] = Json::array();
  state["ports"].erase(0);
  apply(state);
  EXPECT_EQ(got()["ports"].size(), 1U);
  EXPECT_EQ(got()["segments"][0]["local_vtep"], "198.51.100.1");
}

TEST_F(Plans, ContractsMoveBetweenEndpointsWithinABudget) {
  Json contracts = state["endpoints"][0]["qos"];
  state["endpoints"][0].erase("qos");
  state["endpoints"][1]["qos"] = contracts;
  apply(state);
  std::swap(state["endpoints"][0], state["endpoints"][1]);
  EXPECT_THAT(planned(state), IsEmpty());
  state["endpoints"][1]["qos"] = contracts;
  const Failure failure = refusal("apply", Json{{"document", state}}.dump());
  EXPECT_EQ(failure.code, ErrorCode::limit_reached);
}

TEST_F(Plans, ANewBudgetComesAfterContractsThatShrinkIntoIt) {
  ASSERT_FALSE(state["budgets"].empty());
  const Json budget = state["budgets"][0];
  state["budgets"].erase(0);
  apply(state);
  state["budgets"].push_back(budget);
  state["budgets"].back()["rate"] = "2Mbit/s";
  for (Json& contract : state["endpoints"][0]["qos"]["contracts"]) contract["rate"] = "1Mbit/s";
  apply(state);
  EXPECT_THAT(planned(state), IsEmpty());
}

TEST_F(Plans, ATenantThatDoesNotExistHasNoPart) {
  const Failure failure = refusal("apply", R"({"document":{},"tenant":"nobody"})");
  EXPECT_EQ(failure.code, ErrorCode::not_found);
  EXPECT_EQ(failure.message, "tenant \"nobody\" does not exist");
}

TEST_F(Plans, ARefusalLeavesNoTrace) {
  state["tenants"].push_back({{"name", "third"}});
  state["endpoints"].push_back({{"container", "c3"}, {"segment", "red"}, {"netns", "/run/netns/c3"}}
  );
  state["endpoints"].push_back(
      {{"container", "c4"}, {"segment", "green"}, {"netns", "/run/netns/c4"}}
  );
  const Failure failure = refusal("apply", Json{{"document", state}}.dump());
  EXPECT_EQ(failure.message, "endpoints[3]: endpoint.segment: segment \"green\" does not exist");
  EXPECT_EQ(failure.field, "endpoints[3].segment");
  state["endpoints"].erase(3);
  platform.next_failure["open_endpoint"] = "no such namespace";
  EXPECT_EQ(
      refusal("apply", Json{{"document", state}}.dump()).message,
      "endpoints[2]: endpoint c3/eth0: no such namespace"
  );
}

TEST_F(Plans, EntriesAreNamedOnce) {
  state["segments"].push_back(state["segments"][0]);
  EXPECT_EQ(
      refusal("plan", Json{{"document", state}}.dump()).message,
      "segments[2]: blue is listed already, as segments[0]"
  );
}

TEST_F(Plans, UnknownFieldsAreRefusedByName) {
  state["segments"][0]["colour"] = "blue";
  EXPECT_EQ(refusal("plan", Json{{"document", state}}.dump()).field, "segments[0].colour");
  EXPECT_EQ(refusal("plan", R"({"document":{"prots":[]}})").field, "prots");
  EXPECT_EQ(refusal("apply", R"({"document":[]})").message, "document: an array is not an object");
}

TEST_F(Plans, ATenantsPartIsItsOwn) {
  const Json part = accepted("get", R"({"tenant":"other"})")["document"];
  EXPECT_FALSE(part.contains("ports"));
  EXPECT_EQ(part["tenants"].size(), 1U);
  EXPECT_EQ(part["segments"][0]["name"], "red");
  EXPECT_EQ(part["endpoints"].size(), 1U);
  EXPECT_THAT(planned(part, "other"), IsEmpty());

  Json changed = part;
  changed["endpoints"] = Json::array();
  changed["segments"][0]["learn"] = false;
  EXPECT_THAT(
      planned(changed, "other"),
      ElementsAre("change segments red learn", "remove endpoints c2/eth0")
  );
  for (const char* foreign :
       {R"({"tenant":"other","document":{"ports":[]}})",
        R"({"tenant":"other","document":{"tenants":[{"name":"acme"}]}})",
        R"({"tenant":"other","document":{"endpoints":[{"container":"x","segment":"blue","pid":1}]}})",
        R"({"tenant":"other","document":{"rules":[{"port":"up1","rules":[{"rule":1,"pattern":[{"item":"eth"}],"actions":[{"action":"drop"}]}]}]}})"}) {
    EXPECT_EQ(refusal("apply", foreign).code, ErrorCode::bad_parameter) << foreign;
  }
  EXPECT_EQ(
      refusal(
          "apply",
          R"({"tenant":"other","document":{"segments":[{"name":"blue","tenant":"acme","encap":"none"}]}})"
      )
          .message,
      "segments[0]: blue is tenant acme's, and this is tenant other's part"
  );
}

TEST_F(Plans, ATenantsRulesSendThroughItsOwnOnly) {
  const auto part = [](const char* action) {
    return Json{
        {"tenant", "other"},
        {"document",
         {{"rules",
           {{{"port", "c2/eth0"},
             {"rules",
              {{{"rule", 1},
                {"pattern", {{{"item", "eth"}}}},
                {"actions", {Json::parse(action)}}}}}}}}}}}
        .dump();
  };
  for (const char* action :
       {R"({"action":"port_id","id":"c1/eth0"})",
        R"({"action":"port_id","id":"up0"})",
        R"({"action":"port_id","id":999})",
        R"({"action":"meter","mtr_id":"acme/m"})"}) {
    const Failure failure = refusal("apply", part(action));
    EXPECT_EQ(failure.field, "rules[0].rules[0]") << action;
    EXPECT_THAT(failure.message, testing::EndsWith("is no container or meter of tenant other"));
  }
  accepted("apply", part(R"({"action":"meter","mtr_id":"other/m"})"));
  accepted("apply", part(R"({"action":"port_id","id":"c2/eth0"})"));
  // What the operator put there may stay.
  accepted(
      "rule.apply",
      R"({"port":"c2/eth0","rules":[{"rule":1,"pattern":[{"item":"eth"}],"actions":[{"action":"port_id","id":"up0"}]}]})"
  );
  accepted("apply", part(R"({"action":"port_id","id":"up0"})"));
}

TEST_F(Plans, AnEndpointsPartIsItsOwn) {
  accepted(
      "rule.apply",
      R"({"port":"c2/eth0","rules":[{"rule":1,"pattern":[{"item":"eth"}],"actions":[{"action":"drop"}]}]})"
  );
  const Json part = accepted("get", R"({"endpoint":"c2"})")["document"];
  EXPECT_EQ(part.size(), 2U);
  EXPECT_EQ(part["endpoints"][0]["container"], "c2");
  EXPECT_EQ(part["rules"][0]["port"], "c2/eth0");
  const auto apply_part = [&](const Json& document) {
    return accepted(
        "apply", Json{{"document", document}, {"endpoint", "c2/eth0"}}.dump()
    )["changes"];
  };
  EXPECT_THAT(apply_part(part), IsEmpty());

  Json changed = part;
  changed["endpoints"][0]["groups"] = {"h"};
  EXPECT_EQ(apply_part(changed).size(), 1U);
  EXPECT_EQ(got()["endpoints"].size(), 2U);
  EXPECT_EQ(got()["rules"].size(), 2U);

  const auto refused_part = [&](const Json& document) {
    return refusal("apply", Json{{"document", document}, {"endpoint", "c2/eth0"}}.dump());
  };
  EXPECT_EQ(
      refused_part({{"segments", Json::array()}}).message,
      "document.segments: is no endpoint's to say"
  );
  EXPECT_EQ(
      refused_part({{"endpoints", {state["endpoints"][0]}}}).message,
      "endpoints[0]: c1/eth0 is another, and this is endpoint c2/eth0's part"
  );
  EXPECT_EQ(refusal("get", R"({"endpoint":"c9"})").message, "endpoint \"c9/eth0\" does not exist");
  EXPECT_EQ(
      refusal("apply", Json{{"document", part}, {"endpoint", "c2"}, {"tenant", "acme"}}.dump())
          .message,
      "endpoints[0]: c2/eth0 is tenant other's, and this is tenant acme's part"
  );

  EXPECT_EQ(apply_part({{"endpoints", Json::array()}}).size(), 2U);  // its rules go along
  EXPECT_EQ(got()["endpoints"][0]["container"], "c1");
  EXPECT_EQ(apply_part(part).size(), 2U);
}

TEST_F(Plans, AStaticEndpointIsListedOnce) {
  const Json endpoint{{"mac", "02:00:00:00:00:09"}};
  state["remotes"][0]["endpoints"].push_back(endpoint);
  constexpr const char* kMessage =
      "remotes[0]: remote.endpoints: 02:00:00:00:00:09 is listed twice";
  EXPECT_EQ(refusal("plan", Json{{"document", state}}.dump()).message, kMessage);
  state["remotes"][0]["endpoints"].erase(1);
  state["remotes"].push_back({{"segment", "blue"}, {"vtep", "192.0.2.2"}, {"endpoints", {endpoint}}}
  );
  EXPECT_EQ(refusal("plan", Json{{"document", state}}.dump()).message, kMessage);
}

TEST_F(Plans, ATenantCanNotTakeWhatIsAnothers) {
  for (const char* document :
       {R"({"segments":[{"name":"red","tenant":"other","encap":"none"},{"name":"blue","tenant":"other","encap":"none"}]})",
        R"({"endpoints":[{"container":"c2","segment":"red","netns":"/run/netns/c2","groups":["g"]},{"container":"c1","segment":"red","pid":1}]})"}) {
    const Json params{{"tenant", "other"}, {"document", Json::parse(document)}};
    const Failure failure = refusal("apply", params.dump());
    EXPECT_EQ(failure.code, ErrorCode::in_use);
    EXPECT_THAT(failure.message, testing::EndsWith(" is tenant acme's"));
    EXPECT_EQ(refusal("plan", params.dump()).message, failure.message);
  }
}

}  // namespace
}  // namespace weft::control
