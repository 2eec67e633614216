// get, plan, apply; and the property behind them: whatever was there before, applying a document gives the
// state that it says.

#include "control/plan.h"

#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/compiler.h"
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
  apply(nothing);
  EXPECT_EQ(got(), nothing);
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

// -- the property --------------------------------------------------------------------------------

/// A random state whose parts fit together.
class RandomState {
 public:
  explicit RandomState(std::uint32_t seed) : random_{seed} {}

  Json next() {
    document_ = Json::object();
    for (const char* section :
         {"budgets",
          "ports",
          "schedulers",
          "tenants",
          "meters",
          "tenant_settings",
          "l7",
          "policies",
          "segments",
          "remotes",
          "endpoints",
          "rules"}) {
      document_[section] = Json::array();
    }
    if (one_in(2)) add("budgets", {{"class", "AF4"}, {"rate", 20'000'000 + pick(3) * 1'000'000}});
    add("ports", {{"name", "up0"}, {"device", "net_null0"}, {"addresses", {"192.0.2.1/24"}}});
    has_up1_ = one_in(2);
    if (has_up1_) add("ports", {{"name", "up1"}, {"device", "net_null1"}, {"mtu", 1400}});
    if (has_up1_ && one_in(2)) {
      add("schedulers", {{"port", "up1"}, {"rate", 8'000'000 * (1 + pick(2))}});
    }
    meters_.clear();
    tenants_.clear();
    endpoints_.clear();
    for (const char* tenant : {"t0", "t1"}) {
      if (!one_in(5)) add_tenant(tenant);
    }
    for (int i = 0; i < 3 && !tenants_.empty(); ++i) {
      if (!one_in(4)) add_segment("s" + std::to_string(i), i);
    }
    add_rules();
    return document_;
  }

 private:
  int pick(int count) { return std::uniform_int_distribution<int>{0, count - 1}(random_); }
  bool one_in(int count) { return pick(count) == 0; }
  const std::string& any(const std::vector<std::string>& list) {
    return list[static_cast<std::size_t>(pick(static_cast<int>(list.size())))];
  }
  void add(const char* section, Json json) { document_[section].push_back(std::move(json)); }

  void add_tenant(const std::string& tenant) {
    tenants_.push_back(tenant);
    add("tenants", {{"name", tenant}});
    std::vector<std::string> meters;
    for (const char* name : {"m0", "m1"}) {
      if (one_in(2)) continue;
      meters.emplace_back(name);
      meters_.push_back(tenant + "/" + name);
      add("meters",
          {{"tenant", tenant}, {"name", name}, {"cir", 8'000'000 * (1 + pick(2))}, {"cbs", 3000}});
    }
    if (!meters.empty() && one_in(2)) {
      add("tenant_settings", {{"name", tenant}, {"meter", any(meters)}});
    }
    std::vector<std::string> classes;
    for (const char* name : {"ssh", "dns", "http"}) {
      if (one_in(2)) classes.emplace_back(name);
    }
    std::ranges::shuffle(classes, random_);
    for (const std::string& name : classes) {
      add("l7", {{"tenant", tenant}, {"name", name}, {"patterns", {name}}});
    }
    Json rules = Json::array();
    for (int i = 0; i < 4; ++i) {
      if (one_in(2)) continue;
      const bool allows = one_in(2);
      Json rule{{"name", "r" + std::to_string(i)}, {"action", allows ? "allow" : "deny"}};
      if (allows && !meters.empty() && one_in(2)) rule["meter"] = any(meters);
      if (!classes.empty() && one_in(3)) rule["l7"] = any(classes);
      rules.push_back(std::move(rule));
    }
    if (!rules.empty()) add("policies", {{"tenant", tenant}, {"rules", std::move(rules)}});
  }

  void add_segment(const std::string& name, int number) {
    Json segment{{"name", name}, {"tenant", any(tenants_)}, {"ttl", 60 + pick(2)}};
    const bool has_tunnels = one_in(2);
    segment["encap"] = has_tunnels ? "vxlan" : "none";
    if (has_tunnels) segment.update({{"vni", 5000 + number}, {"local_vtep", "192.0.2.1"}});
    if (one_in(3)) segment["agents"] = {"192.168.0.1"};
    add("segments", segment);
    for (int i = 0; i < 2 && has_tunnels; ++i) {
      if (one_in(2)) continue;
      Json endpoints = Json::array();
      for (int mac = 0; mac < 3; ++mac) {
        if (one_in(2)) continue;
        Json endpoint{{"mac", "02:00:00:00:0" + std::to_string(i) + ":0" + std::to_string(mac)}};
        if (one_in(3)) endpoint["groups"] = {"g" + std::to_string(pick(2))};
        endpoints.push_back(std::move(endpoint));
      }
      add("remotes",
          {{"segment", name}, {"vtep", "192.0.2.1" + std::to_string(i)}, {"endpoints", endpoints}});
    }
    for (int i = 0; i < 2; ++i) {
      const std::string container = "c" + std::to_string(number) + std::to_string(i);
      if (one_in(3)) continue;
      Json endpoint{
          {"container", container}, {"segment", name}, {"netns", "/run/netns/" + container}};
      if (one_in(2))
        endpoint["addresses"] = {"10.1.0." + std::to_string(5 + i + pick(2) * 2) + "/24"};
      if (one_in(2)) endpoint["groups"] = {"g" + std::to_string(pick(2))};
      if (one_in(3)) endpoint["limits"] = {{"connections", 1 + pick(3)}};
      if (one_in(3)) {
        endpoint["qos"]["contracts"] =
            Json::array({{{"class", "AF4"}, {"rate", 1'000'000 * (1 + pick(3))}}});
      }
      add("endpoints", endpoint);
      endpoints_.push_back(container + "/eth0");
    }
  }

  void add_rules() {
    std::vector<std::string> ports = endpoints_;
    ports.emplace_back("up0");
    if (has_up1_) ports.emplace_back("up1");
    for (const std::string& port : ports) {
      if (!one_in(3)) continue;
      Json rules = Json::array();
      for (int i = 0; i < 3; ++i) {
        if (one_in(2)) continue;
        Json actions = Json::array({{{"action", "count"}}});
        if (!meters_.empty() && one_in(2)) {
          actions.push_back({{"action", "meter"}, {"mtr_id", any(meters_)}});
        }
        if (one_in(2)) actions.push_back({{"action", "port_id"}, {"id", any(ports)}});
        rules.push_back(
            {{"rule", i}, {"pattern", Json::array({{{"item", "eth"}}})}, {"actions", actions}}
        );
      }
      if (!rules.empty()) add("rules", {{"port", port}, {"rules", std::move(rules)}});
    }
  }

  std::mt19937 random_;
  Json document_;
  bool has_up1_{};
  std::vector<std::string> tenants_;
  std::vector<std::string> meters_;
  std::vector<std::string> endpoints_;
};

TEST_F(Plans, WhateverWasThereBeforeTheDocumentIsWhatThereIs) {
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  RandomState states{seed};
  FakePlatform used_platform;
  Controller used{used_platform};
  Dispatcher used_dispatcher{used, About{}};
  for (int i = 0; i < 100 && !HasFailure(); ++i) {
    const Json document = states.next();
    SCOPED_TRACE(document.dump());
    const Json before = to_json(document_of(used.model()));
    // A document whose last entry is refused changes nothing, whatever it would have done before.
    Json broken = document;
    broken["endpoints"].push_back({{"container", "x"}, {"segment", "nowhere"}, {"pid", 1}});
    EXPECT_FALSE(used_dispatcher.apply_document(broken, now));
    EXPECT_EQ(to_json(document_of(used.model())), before);

    const auto applied = used_dispatcher.apply_document(document, now);
    ASSERT_TRUE(applied) << applied.error().message << "\nafter " << before.dump();
    FakePlatform fresh_platform;
    Controller fresh{fresh_platform};
    Dispatcher fresh_dispatcher{fresh, About{}};
    ASSERT_TRUE(fresh_dispatcher.apply_document(document, now));
    Json wanted = to_json(document_of(fresh.model()));
    Json found = to_json(document_of(used.model()));
    // Numbers of ports, and so the order of their lists, depend on the way.
    for (Json* json : {&wanted, &found}) {
      for (const char* section : {"ports", "rules"}) {
        auto& list = (*json)[section].get_ref<Json::array_t&>();
        std::ranges::sort(list, {}, [](const Json& entry) { return entry.dump(); });
      }
    }
    EXPECT_EQ(found, wanted) << "after " << before.dump();
    const auto again = make_plan(used.model(), document);
    ASSERT_TRUE(again);
    EXPECT_TRUE(again->changes.empty());

    const auto& model = used.model();
    const auto scratch =
        compile(model, used.runtime(), everything(model, used.runtime()), Snapshot{});
    EXPECT_EQ(scratch->fdb.size(), used_platform.published->fdb.size());
    EXPECT_EQ(scratch->vnis.size(), used_platform.published->vnis.size());
    EXPECT_EQ(scratch->neighbors.size(), used_platform.published->neighbors.size());
    EXPECT_EQ(scratch->tunnel_by_remote.size(), used_platform.published->tunnel_by_remote.size());
    EXPECT_EQ(used_platform.ports_alive, static_cast<int>(model.endpoints.size()));
  }
  EXPECT_THAT(used_platform.violations, IsEmpty());
}

}  // namespace
}  // namespace weft::control
