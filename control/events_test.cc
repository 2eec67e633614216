#include "control/events.h"

#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/testing/control_fixture.h"

namespace weft::control {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class EventsTest : public ControlFixture {
 protected:
  EventsTest() {
    dispatcher.push_with([this](std::uint64_t connection, const std::string& line) {
      if (gone.contains(connection)) return false;
      lines.push_back(Json::parse(line));
      return true;
    });
    make_network();
  }
  void watch(const Peer& peer, const std::string& params = "{}") {
    const auto result = dispatcher.call("watch", Json::parse(params), now, peer);
    ASSERT_TRUE(result) << result.error().message;
  }
  std::vector<std::string> kinds() {
    std::vector<std::string> names;
    for (const Json& line : lines) names.push_back(line["params"]["event"]);
    lines.clear();
    return names;
  }
  const Peer root{0, 1, {}, false, 41};
  std::vector<Json> lines;
  std::set<std::uint64_t> gone;
};

TEST_F(EventsTest, WhoWatchesIsToldWhatIsInForce) {
  watch(root);
  accepted("endpoint.attach", kAttach);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(
      lines[0]["params"],
      Json::parse(
          R"({"event":"attach","generation":5,"tenant":"acme","endpoint":"c1/eth0","segment":"blue"})"
      )
  );
  EXPECT_EQ(lines[0]["method"], "event");
  EXPECT_EQ(lines[1]["params"]["event"], "change");
  EXPECT_EQ(
      lines[1]["params"]["entries"], Json::parse(R"([{"section":"endpoints","name":"c1/eth0"}])")
  );
  kinds();
  accepted("endpoint.detach", R"({"container":"c1"})");
  EXPECT_THAT(kinds(), ElementsAre("detach", "change"));
}

TEST_F(EventsTest, WhatIsRefusedTellsNothing) {
  watch(root);
  platform.next_failure["watch"] = "no room in the epoll set";
  static_cast<void>(dispatcher.answer(
      R"([{"jsonrpc":"2.0","id":1,"method":"tenant.add","params":{"name":"x"}},)"
      R"({"jsonrpc":"2.0","id":2,"method":"endpoint.attach","params":{"container":"c1","segment":"blue","netns":"/run/netns/c1"}}])",
      now
  ));
  static_cast<void>(dispatcher.answer(
      R"([{"jsonrpc":"2.0","id":1,"method":"tenant.add","params":{"name":"x"}},)"
      R"({"jsonrpc":"2.0","id":2,"method":"tenant.remove","params":{"name":"none"}}])",
      now
  ));
  EXPECT_THAT(kinds(), IsEmpty());
}

TEST_F(EventsTest, LearningMovingAndTheLimitAreToldOnce) {
  accepted("segment.set", R"({"name":"blue","fdb_limit":1})");
  accepted("remote.add", R"({"segment":"blue","vtep":"192.0.2.2"})");
  accepted("remote.add", R"({"segment":"blue","vtep":"192.0.2.3"})");
  watch(root);
  const SegmentRecord& segment = *controller.model().segment("blue");
  const TunnelIndex first = segment.remotes.at(ip("192.0.2.2"));
  const TunnelIndex second = segment.remotes.at(ip("192.0.2.3"));
  const auto learn = [&](const char* address, TunnelIndex tunnel) {
    controller.learned(segment.index, mac(address), tunnel, now);
    controller.commit();
  };
  learn("02:00:00:00:00:01", first);
  learn("02:00:00:00:00:01", first);
  learn("02:00:00:00:00:01", second);
  learn("02:00:00:00:00:02", first);
  learn("02:00:00:00:00:03", first);
  EXPECT_EQ(lines[1]["params"]["vtep"], "192.0.2.3");
  EXPECT_THAT(kinds(), ElementsAre("learn", "move", "limit"));
  accepted("fdb.flush", "{}");
  EXPECT_THAT(kinds(), ElementsAre("forget"));
  learn("02:00:00:00:00:03", first);
  learn("02:00:00:00:00:04", first);
  EXPECT_THAT(kinds(), ElementsAre("learn", "limit"));
}

TEST_F(EventsTest, AnAgentIsToldOfItsTenantOnly) {
  accepted("tenant.add", R"({"name":"rival"})");
  accepted("segment.add", R"({"name":"red","tenant":"rival","encap":"none"})");
  accepted("access.add", R"({"name":"a","uid":1002,"role":"tenant","tenants":["rival"]})");
  watch(Peer{1002, 5, {}, false, 7});
  accepted("endpoint.attach", kAttach);
  EXPECT_THAT(kinds(), IsEmpty());
  accepted("endpoint.attach", R"({"container":"c2","segment":"red","netns":"/run/netns/c2"})");
  EXPECT_THAT(kinds(), ElementsAre("attach"));
  accepted("access.remove", R"({"name":"a"})");
  accepted("endpoint.detach", R"({"container":"c2"})");
  EXPECT_THAT(kinds(), IsEmpty());
}

TEST_F(EventsTest, KindsCanBeChosenAndChosenAgain) {
  watch(root, R"({"events":["detach","link"]})");
  accepted("endpoint.attach", kAttach);
  accepted("port.set", R"({"name":"up0","up":false})");
  EXPECT_THAT(kinds(), ElementsAre("link"));
  watch(root, R"({"events":["detach"]})");
  accepted("endpoint.detach", R"({"container":"c1"})");
  EXPECT_THAT(kinds(), ElementsAre("detach"));
  const auto bad = dispatcher.call("watch", Json::parse(R"({"events":["storm"]})"), now, root);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().message, "watch.events: \"storm\" at events[0] is no kind of event");
}

TEST_F(EventsTest, WhoIsGoneIsForgotten) {
  watch(root);
  gone.insert(root.connection);
  accepted("tenant.add", R"({"name":"x"})");
  gone.clear();
  accepted("tenant.add", R"({"name":"y"})");
  EXPECT_THAT(kinds(), IsEmpty());
}

TEST_F(EventsTest, ATenantHasNoMoreThanItsQuota) {
  accepted(
      "tenant.quota",
      R"({"name":"acme","quota":{"endpoints":1,"rules":1,"meters":1,"l7_classes":1,"contracts":{"AF4":"10Mbit/s"}}})"
  );
  const char* over = "tenant acme: 2 endpoints are above its quota 1";
  accepted("endpoint.attach", kAttach);
  expect_refused(
      "endpoint.attach",
      R"({"container":"c2","segment":"blue","netns":"/run/netns/c2"})",
      ErrorCode::limit_reached,
      "quota",
      over
  );
  accepted("policy.add", R"({"tenant":"acme","name":"a","action":"allow"})");
  expect_refused(
      "policy.add",
      R"({"tenant":"acme","name":"b","action":"allow"})",
      ErrorCode::limit_reached,
      "quota",
      "tenant acme: 2 rules are above its quota 1"
  );
  accepted("l7.add", R"({"tenant":"acme","name":"ssh","patterns":["ssh"]})");
  EXPECT_EQ(
      refusal("l7.add", R"({"tenant":"acme","name":"dns","patterns":["dns"]})").code,
      ErrorCode::limit_reached
  );
  accepted("qos.meter.add", R"({"tenant":"acme","name":"m","cir":8000000,"cbs":3000})");
  EXPECT_EQ(
      refusal("qos.meter.add", R"({"tenant":"acme","name":"n","cir":8000000,"cbs":3000})").code,
      ErrorCode::limit_reached
  );
  expect_refused(
      "endpoint.set",
      R"({"container":"c1","qos":{"contracts":[{"class":"AF4","rate":"11Mbit/s"}]}})",
      ErrorCode::limit_reached,
      "quota",
      "tenant acme: 11000000 bit/s of contracts in class AF4 are above its quota 10000000"
  );
  accepted(
      "endpoint.set", R"({"container":"c1","qos":{"contracts":[{"class":"AF4","rate":"9Mbit/s"}]}})"
  );
  accepted(
      "endpoint.set",
      R"({"container":"c1","qos":{"contracts":[{"class":"AF4","rate":"10Mbit/s"}]}})"
  );
  expect_refused(
      "tenant.quota",
      R"({"name":"acme","quota":{"endpoints":0}})",
      ErrorCode::in_use,
      "quota",
      "tenant acme: 1 endpoints are above its quota 0"
  );
  // In one change with what makes room, it may shrink.
  accepted(
      "apply",
      R"({"document":{"tenants":[{"name":"acme","quota":{"endpoints":0}}],"endpoints":[]}})"
  );
  EXPECT_EQ(accepted("tenant.list")["tenants"][0]["quota"], Json::parse(R"({"endpoints":0})"));
}

}  // namespace
}  // namespace weft::control
