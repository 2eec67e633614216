// Who may ask for what: every method for every role.

#include "control/access/access.h"

#include <set>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/access/permission.h"
#include "control/testing/control_fixture.h"

namespace weft::control {
namespace {

using testing::HasSubstr;

using Names = std::set<std::string>;

// What each role may ask for, as README.md says it; a tenant's agent when the object is its own.
const Names kAnyone{"version", "whoami", "watch"};
const Names kReads{
    "access.list",    "audit.list",      "config.get",   "history",     "get",
    "plan",           "stats.get",       "drops.list",   "worker.list", "port.list",
    "tenant.list",    "segment.list",    "remote.list",  "fdb.list",    "endpoint.list",
    "policy.list",    "l7.list",         "flow.list",    "rule.list",   "rule.query",
    "qos.meter.list", "qos.budget.list", "qos.port.list"};
const Names kAgents{"get",           "plan",
                    "apply",         "port.list",
                    "tenant.list",   "tenant.set",
                    "segment.list",  "remote.list",
                    "fdb.list",      "fdb.flush",
                    "endpoint.list", "endpoint.attach",
                    "endpoint.set",  "endpoint.detach",
                    "policy.list",   "policy.add",
                    "policy.remove", "policy.apply",
                    "l7.list",       "l7.add",
                    "l7.remove",     "flow.list",
                    "flow.flush",    "qos.meter.list",
                    "qos.meter.add", "qos.meter.remove",
                    "qos.port.list"};
/// Of those, the ones that answer what is its own whatever the parameters say.
const Names kFiltered{
    "port.list",
    "tenant.list",
    "segment.list",
    "remote.list",
    "fdb.list",
    "endpoint.list",
    "policy.list",
    "l7.list",
    "qos.meter.list",
    "qos.port.list"};

constexpr std::uint32_t kObserver = 1001;
constexpr std::uint32_t kAgent = 1002;
constexpr std::uint32_t kStranger = 1003;
constexpr std::uint32_t kByGroup = 1004;

Peer user(std::uint32_t uid, std::vector<std::uint32_t> groups = {}) {
  return {uid, 7, std::move(groups), false};
}

/// Tenant "acme" has segment "blue" with c1, tenant "rival" has segment "red" with c2.
class AccessTest : public ControlFixture {
 protected:
  AccessTest() {
    make_network();
    accepted("tenant.add", R"({"name":"rival"})");
    accepted("segment.add", R"({"name":"red","tenant":"rival","encap":"none"})");
    accepted("endpoint.attach", kAttach);
    accepted("endpoint.attach", R"({"container":"c2","segment":"red","netns":"/run/netns/c2"})");
    accepted("access.add", R"({"name":"watchers","uid":1001,"role":"observer"})");
    accepted("access.add", R"({"name":"agents","uid":1002,"role":"tenant","tenants":["acme"]})");
    accepted("access.add", R"({"name":"team","gid":50,"role":"tenant","tenants":["rival"]})");
  }

  Outcome<Json> ask(const Peer& peer, const std::string& method, const Json& params) {
    return dispatcher.call(method, params, now, peer);
  }
  bool may(const Peer& peer, const std::string& method, const Json& params) {
    const auto result = ask(peer, method, params);
    return result || result.error().code != ErrorCode::not_permitted;
  }
  std::string why_not(const Peer& peer, const std::string& method, const Json& params) {
    const auto result = ask(peer, method, params);
    EXPECT_FALSE(result) << method;
    if (result) return {};
    EXPECT_EQ(result.error().code, ErrorCode::not_permitted) << result.error().message;
    return result.error().message;
  }

  /// An object of that tenant, however the method calls it. Wrong otherwise, so that nothing happens.
  static Json about(const std::string& tenant) {
    const bool is_acme = tenant == "acme";
    return {
        {"name", tenant},
        {"tenant", tenant},
        {"segment", is_acme ? "blue" : "red"},
        {"container", is_acme ? "c1" : "c2"},
        {"ifname", "eth0"},
        {"endpoint", is_acme ? "c1/eth0" : "c2/eth0"},
        {"zzz", 1}};
  }
};

TEST_F(AccessTest, EveryMethodHasAGuard) {
  Names methods;
  for (const std::string_view method : Dispatcher::methods()) methods.emplace(method);
  Names guarded;
  for (const Guard& guard : guards()) guarded.emplace(guard.method);
  EXPECT_EQ(methods, guarded);
}

TEST_F(AccessTest, EveryMethodForEveryRole) {
  for (const std::string_view each : Dispatcher::methods()) {
    const std::string method{each};
    const bool is_anyones = kAnyone.contains(method);
    for (const char* tenant : {"acme", "rival"}) {
      const Json params = about(tenant);
      EXPECT_TRUE(may(user(0), method, params)) << method;
      EXPECT_EQ(may(user(kStranger), method, params), is_anyones) << method;
      EXPECT_EQ(may(user(kObserver), method, params), is_anyones || kReads.contains(method))
          << method;
      const bool is_own = std::string{tenant} == "acme" || kFiltered.contains(method);
      EXPECT_EQ(
          may(user(kAgent), method, params), is_anyones || (kAgents.contains(method) && is_own)
      ) << method
        << " of " << tenant;
    }
  }
}

TEST_F(AccessTest, AnAgentSeesItsOwnRowsOnly) {
  const auto seen = [&](const char* method, const char* list, const char* key) {
    Names names;
    const auto result = ask(user(kAgent), method, Json::object());
    EXPECT_TRUE(result) << method;
    if (!result) return names;
    for (const Json& row : (*result)[list]) names.insert(row[key].get<std::string>());
    return names;
  };
  EXPECT_EQ(seen("tenant.list", "tenants", "name"), Names{"acme"});
  EXPECT_EQ(seen("segment.list", "segments", "name"), Names{"blue"});
  EXPECT_EQ(seen("endpoint.list", "endpoints", "endpoint"), Names{"c1/eth0"});
  EXPECT_EQ(seen("port.list", "ports", "name"), Names{"c1/eth0"});
  EXPECT_EQ(seen("fdb.list", "entries", "segment"), Names{"blue"});
  const auto document = ask(user(kAgent), "get", Json{{"tenant", "acme"}});
  ASSERT_TRUE(document);
  EXPECT_EQ((*document)["document"]["segments"].size(), 1U);
  EXPECT_FALSE((*document)["document"].contains("access"));
}

TEST_F(AccessTest, ARefusalSaysWhoMayAndWhoAsked) {
  EXPECT_EQ(
      why_not(user(kAgent), "segment.remove", Json{{"name", "blue"}}),
      "segment.remove: is an operator's to ask for, and this user is an agent of acme"
  );
  EXPECT_EQ(
      why_not(user(kAgent), "policy.remove", Json{{"tenant", "rival"}, {"name", "x"}}),
      "policy.remove: \"rival\" is of another tenant, and this user is an agent of acme"
  );
  EXPECT_EQ(
      why_not(user(kObserver), "tenant.set", Json{{"name", "acme"}, {"meter", nullptr}}),
      "tenant.set: changes the state, and this user is an observer"
  );
  EXPECT_EQ(
      why_not(user(kStranger), "get", Json::object()),
      "get: this user has no role (access.add gives one)"
  );
  EXPECT_EQ(
      why_not(user(kAgent), "flow.flush", Json::object()),
      "flow.flush: without \"endpoint\" is about all, and this user is an agent of acme"
  );
}

TEST_F(AccessTest, GroupsCountAndEntriesAddUp) {
  EXPECT_TRUE(may(user(kByGroup, {20, 50}), "l7.list", Json::object()));
  EXPECT_FALSE(may(user(kByGroup, {20}), "l7.list", Json::object()));
  const auto both = ask(user(kAgent, {50}), "whoami", Json::object());
  ASSERT_TRUE(both);
  EXPECT_EQ((*both)["role"], "tenant");
  EXPECT_EQ((*both)["tenants"], (Json::array({"acme", "rival"})));
  const auto watcher = ask(user(kObserver, {50}), "whoami", Json::object());
  EXPECT_EQ((*watcher)["role"], "observer");
  EXPECT_TRUE(may(user(kObserver, {50}), "tenant.set", Json{{"name", "rival"}, {"meter", nullptr}})
  );
}

TEST_F(AccessTest, WhoTheKernelCanNotNameIsNobody) {
  accepted("access.add", R"({"name":"odd","uid":4294967294,"role":"operator"})");
  EXPECT_FALSE(may(user(Peer::kNobody), "tenant.list", Json::object()));
}

TEST_F(AccessTest, AChangeHoldsForTheNextRequest) {
  EXPECT_TRUE(may(user(kAgent), "tenant.list", Json::object()));
  accepted("access.remove", R"({"name":"agents"})");
  EXPECT_FALSE(may(user(kAgent), "tenant.list", Json::object()));
}

TEST_F(AccessTest, StepsOfADocumentAreJudgedAsTheVerbsThatTheyAre) {
  const auto apply = [&](const char* document) {
    return ask(
        user(kAgent), "apply", Json{{"tenant", "acme"}, {"document", Json::parse(document)}}
    );
  };
  EXPECT_TRUE(apply(R"({"l7":[{"tenant":"acme","name":"ssh","patterns":["ssh"]}]})"));
  const auto segments = apply(R"({"segments":[]})");
  ASSERT_FALSE(segments);
  EXPECT_EQ(segments.error().code, ErrorCode::not_permitted);
  EXPECT_NE(controller.model().segment("blue"), nullptr);
  // What stays as it is needs no permission.
  const auto whole = ask(user(kAgent), "get", Json{{"tenant", "acme"}});
  EXPECT_TRUE(apply((*whole)["document"].dump().c_str()));
  // Rules of its own containers are its own.
  EXPECT_TRUE(apply(
      R"({"rules":[{"port":"c1/eth0","rules":[{"rule":0,"pattern":[{"item":"eth"}],"actions":[{"action":"drop"}]}]}]})"
  ));
}

TEST_F(AccessTest, AnAgentAttachesToNamespacesOfItsOwnContainers) {
  Json params{{"container", "c3"}, {"segment", "blue"}, {"netns", "/run/netns/c3"}};
  EXPECT_TRUE(ask(user(kAgent), "endpoint.attach", params));
  for (const auto& [key, value] :
       {std::pair{"kind", Json("memif")},
        {"anti_spoofing", Json(false)},
        {"bum_budget", Json::object()}}) {
    Json bad = params;
    bad["container"] = "c4";
    bad[key] = value;
    EXPECT_THAT(why_not(user(kAgent), "endpoint.attach", bad), HasSubstr(key));
  }
  // The fake machine's own namespace.
  params["container"] = "host";
  EXPECT_EQ(
      why_not(user(kAgent), "endpoint.attach", params),
      "endpoint.netns: /run/netns/c3 is the host's network namespace"
  );
  EXPECT_TRUE(ask(user(0), "endpoint.attach", params));
}

TEST_F(AccessTest, EntriesAreChecked) {
  expect_refused(
      "access.add",
      R"({"name":"a","role":"observer"})",
      ErrorCode::bad_parameter,
      "",
      "access: exactly one of \"uid\" and \"gid\" says who"
  );
  expect_refused(
      "access.add",
      R"({"name":"a","uid":5,"role":"tenant"})",
      ErrorCode::bad_parameter,
      "tenants",
      "access.tenants: belong to the role \"tenant\", which needs at least one"
  );
  expect_refused(
      "access.add",
      R"({"name":"a","uid":5,"role":"root"})",
      ErrorCode::bad_parameter,
      "role",
      "access.role: \"root\" is none of operator, observer, tenant"
  );
  expect_refused(
      "access.add",
      R"({"name":"agents","uid":1002,"role":"operator"})",
      ErrorCode::exists_differently,
      "name",
      "access agents: exists with another role, tenants"
  );
}

TEST_F(AccessTest, TheDocumentHasThem) {
  const Json document = accepted("get")["document"];
  ASSERT_EQ(document["access"].size(), 3U);
  EXPECT_EQ(accepted("apply", Json{{"document", document}}.dump())["changes"].size(), 0U);
  accepted(
      "apply",
      R"({"document":{"access":[{"name":"agents","uid":1002,"role":"tenant","tenants":["acme","rival"]}]}})"
  );
  EXPECT_EQ(accepted("access.list")["access"].size(), 1U);
  EXPECT_TRUE(may(user(kAgent), "flow.flush", Json{{"endpoint", "c2"}}));
}

TEST_F(AccessTest, ChangesAndRefusalsAreAudited) {
  EXPECT_FALSE(may(user(kAgent), "segment.remove", Json{{"name", "blue"}}));
  EXPECT_TRUE(ask(user(kAgent), "tenant.set", Json{{"name", "acme"}, {"meter", nullptr}}));
  EXPECT_TRUE(ask(user(kAgent), "tenant.list", Json::object()));
  const auto entries = ask(user(kObserver), "audit.list", Json::object());
  ASSERT_TRUE(entries);
  const Json& list = (*entries)["entries"];
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0]["method"], "tenant.set");
  EXPECT_EQ(list[0]["result"], "accepted");
  EXPECT_EQ(list[1]["method"], "segment.remove");
  EXPECT_EQ(list[1]["code"], -32008);
}

TEST_F(AccessTest, ADeadlineThatPassedChangesNothing) {
  TimePoint clock = now;
  Dispatcher late{controller, About{}, [&] { return clock; }};
  const Json params{{"name", "x"}, {"deadline_ms", 100}};
  clock = now + std::chrono::milliseconds{100};
  const auto refused = late.call("tenant.add", params, now);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::deadline);
  EXPECT_EQ(refused.error().message, "deadline_ms: it passed 0 ms ago; nothing was changed");
  EXPECT_EQ(controller.model().tenant("x"), nullptr);
  clock = now + std::chrono::milliseconds{99};
  EXPECT_TRUE(late.call("tenant.add", params, now));
  // One that passes while it is carried out is taken back.
  int asked = 0;
  Dispatcher slow{
      controller, About{}, [&] { return now + std::chrono::milliseconds{asked++ == 0 ? 0 : 200}; }};
  EXPECT_FALSE(slow.call("tenant.add", Json{{"name", "y"}, {"deadline_ms", 100}}, now));
  EXPECT_EQ(controller.model().tenant("y"), nullptr);
  EXPECT_FALSE(late.call("tenant.list", Json{{"deadline_ms", 5}}, now));
  EXPECT_FALSE(late.call("tenant.add", Json{{"name", "z"}, {"deadline_ms", 0}}, now));
}

}  // namespace
}  // namespace weft::control
