// Several requests as one change: batches, and the Controller's transactions behind them.

#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/compiler.h"
#include "control/testing/control_fixture.h"

namespace weft::control {
namespace {

using testing::ElementsAre;

class Transaction : public ControlFixture {
 protected:
  static Json request(const char* method, const std::string& params, int id = 1) {
    return {{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", Json::parse(params)}};
  }

  Json send(const std::vector<Json>& requests) {
    const std::string text = dispatcher.answer(Json(requests).dump(), now);
    return text.empty() ? Json{} : Json::parse(text);
  }

  static constexpr std::size_t kAll = 999;

  /// The batch is refused, because of the request with this index, and leaves no trace.
  Json expect_refused_batch(const std::vector<Json>& requests, std::size_t culprit) {
    const Json document = accepted("config.get");
    const int ports = platform.ports_alive;
    const auto uplinks = platform.open_uplinks;
    const auto watched = platform.watched;
    Json answers = send(requests);
    for (std::size_t i = 0; i < answers.size(); ++i) {
      EXPECT_TRUE(answers[i].contains("error")) << answers[i].dump();
      const bool is_culprit = i == culprit || culprit == kAll;
      EXPECT_EQ(answers[i]["error"]["code"] != -32007, is_culprit) << answers[i].dump();
    }
    EXPECT_EQ(accepted("config.get"), document);
    EXPECT_EQ(platform.ports_alive, ports);
    EXPECT_EQ(platform.open_uplinks, uplinks);
    EXPECT_EQ(platform.watched, watched);
    expect_consistent();
    return answers;
  }

  /// What is published is what the model says.
  void expect_consistent() {
    const auto scratch = compile(
        controller.model(),
        controller.runtime(),
        everything(controller.model(), controller.runtime()),
        Snapshot{}
    );
    EXPECT_EQ(scratch->fdb.size(), platform.published->fdb.size());
    EXPECT_EQ(scratch->vnis.size(), platform.published->vnis.size());
    EXPECT_EQ(scratch->neighbors.size(), platform.published->neighbors.size());
    EXPECT_EQ(scratch->tunnel_by_remote.size(), platform.published->tunnel_by_remote.size());
    EXPECT_EQ(platform.ports_alive, static_cast<int>(controller.runtime().ports.size()));
  }

  static Json attach(int number, int id = 1) {
    const std::string n = std::to_string(number);
    return request(
        "endpoint.attach",
        R"({"container":"c)" + n + R"(","segment":"blue","netns":"/run/netns/c)" + n + R"("})",
        id
    );
  }
};

TEST_F(Transaction, ABatchIsPublishedOnce) {
  make_network();
  const std::size_t publications = platform.publications;
  const Generation generation = controller.generation();
  const Json answers = send({
      request("segment.add", R"({"name":"red","tenant":"acme","encap":"none"})", 1),
      request(
          "endpoint.attach", R"({"container":"c1","segment":"red","netns":"/run/netns/c1"})", 2
      ),
      attach(2, 3),
  });
  ASSERT_EQ(answers.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(answers[i]["id"], i + 1);
    EXPECT_EQ(answers[i]["result"]["generation"], generation.value() + 1U);
  }
  EXPECT_EQ(platform.publications, publications + 1U);
  EXPECT_EQ(platform.watched.size(), 2U);
  expect_consistent();
}

TEST_F(Transaction, NotificationsOfABatchAreNotAnswered) {
  Json silent = request("tenant.add", R"({"name":"a"})");
  silent.erase("id");
  EXPECT_TRUE(send({silent}).is_null());
  EXPECT_EQ(send({silent, request("version", "{}", 7)})[0]["id"], 7);
  EXPECT_EQ(accepted("tenant.list")["tenants"].size(), 1U);
}

TEST_F(Transaction, ARefusedRequestUndoesThoseBeforeIt) {
  make_network();
  accepted("endpoint.attach", kAttach);
  const Json answers = expect_refused_batch(
      {
          request(
              "port.add",
              R"({"name":"up1","device":"net_null1","addresses":["198.51.100.1/24"]})",
              1
          ),
          request("tenant.add", R"({"name":"other"})", 2),
          attach(2, 3),
          request("policy.add", R"({"tenant":"acme","name":"r","action":"deny","priority":7})", 4),
          request("segment.set", R"({"name":"blue","ttl":9})", 5),
          request("endpoint.set", R"({"container":"c1","qos":{"rate":"8Mbit/s"}})", 6),
          request("endpoint.attach", R"({"container":"c3","segment":"nowhere","pid":5})", 7),
          request("tenant.add", R"({"name":"third"})", 8),
      },
      6
  );
  EXPECT_EQ(answers[6]["error"]["message"], "endpoint.segment: segment \"nowhere\" does not exist");
  EXPECT_EQ(answers[6]["error"]["data"], (Json{{"field", "segment"}}));
  EXPECT_EQ(answers[0]["error"]["message"], "not carried out: request 6 of the batch was refused");
}

TEST_F(Transaction, AMalformedRequestRefusesTheBatchBeforeItBegins) {
  make_network();
  platform.calls.clear();
  expect_refused_batch({attach(1, 1), Json{{"jsonrpc", "2.0"}, {"id", 2}}}, 1);
  expect_refused_batch({attach(1, 1), Json(5)}, 1);
  EXPECT_TRUE(platform.calls.empty());
}

TEST_F(Transaction, ADeviceThatDoesNotOpenUndoesTheRest) {
  make_network();
  platform.next_failure["open_uplink"] = "no such device";
  expect_refused_batch(
      {attach(1, 1),
       attach(2, 2),
       request("port.add", R"({"name":"up1","device":"net_null1"})", 3)},
      2
  );
}

TEST_F(Transaction, APortThatCanNotBeWatchedUndoesTheRestAfterPublication) {
  make_network();
  accepted("endpoint.attach", R"({"container":"old","segment":"blue","netns":"/run/netns/old"})");
  accepted("remote.add", R"({"segment":"blue","vtep":"192.0.2.2"})");
  platform.next_failure["watch"] = "no room in the epoll set";
  const Json answers = expect_refused_batch(
      {
          request("endpoint.detach", R"({"container":"old"})", 1),
          request("remote.remove", R"({"segment":"blue","vtep":"192.0.2.2"})", 2),
          request("remote.add", R"({"segment":"blue","vtep":"192.0.2.3"})", 3),
          request("qos.port.set", R"({"port":"up0","rate":"1Gbit/s"})", 4),
          attach(2, 5),
      },
      kAll
  );
  EXPECT_EQ(answers[0]["error"]["message"], "endpoint c2/eth0: no room in the epoll set");
  EXPECT_EQ(platform.asked[UplinkIndex{0}], (std::set<IpAddress>{ip("192.0.2.2")}));
  EXPECT_TRUE(platform.published->endpoints[0].in_use);
}

TEST_F(Transaction, WhatIsDetachedIsClosedLast) {
  make_network();
  accepted("endpoint.attach", kAttach);
  platform.calls.clear();
  send({request("endpoint.detach", R"({"container":"c1"})"), attach(2)});
  EXPECT_THAT(
      platform.calls,
      ElementsAre(
          "open_endpoint c2/eth0", "unwatch c1/eth0", "publish", "watch c2/eth0", "retire c1/eth0"
      )
  );
  expect_consistent();
}

TEST_F(Transaction, APlaceThatIsNeededAgainIsVacatedInBetween) {
  make_network();
  accepted("endpoint.attach", kAttach);
  platform.calls.clear();
  const Json again = request(
      "endpoint.attach",
      R"({"container":"c1","segment":"blue","netns":"/run/netns/c1","addresses":["10.1.0.6/24"]})"
  );
  const Json answers = send({request("endpoint.detach", R"({"container":"c1"})"), again});
  EXPECT_EQ(answers[1]["result"]["addresses"][0], "10.1.0.6/24") << answers.dump();
  EXPECT_THAT(
      platform.calls,
      ElementsAre(
          "unwatch c1/eth0",
          "publish",
          "retire c1/eth0",
          "open_endpoint c1/eth0",
          "publish",
          "watch c1/eth0"
      )
  );
  expect_consistent();
}

TEST_F(Transaction, AVacatedPlaceIsTakenAgainWhenTheBatchIsRefused) {
  make_network();
  accepted("endpoint.attach", kAttach);
  const Json again = request(
      "endpoint.attach",
      R"({"container":"c1","segment":"blue","netns":"/run/netns/c1","addresses":["10.1.0.6/24"]})"
  );
  expect_refused_batch(
      {request("endpoint.detach", R"({"container":"c1"})"),
       again,
       request("tenant.remove", R"({"name":"x"})")},
      2
  );
  EXPECT_EQ(accepted("endpoint.list")["endpoints"][0]["state"], "up");
  platform.next_failure["open_endpoint"] = "no such namespace";
  expect_refused_batch({request("endpoint.detach", R"({"container":"c1"})"), again}, 1);
  EXPECT_EQ(accepted("endpoint.list")["endpoints"][0]["state"], "up");
}

TEST_F(Transaction, RulesGoBackIntoTheDevice) {
  make_network();
  platform.takes_rules = true;
  constexpr const char* kRule =
      R"({"port":"up0","pattern":[{"item":"eth"}],"actions":[{"action":"drop"}]})";
  accepted("rule.create", kRule);
  const auto offloaded = platform.offloaded;
  expect_refused_batch(
      {request("rule.create", kRule), request("tenant.remove", R"({"name":"x"})")}, 1
  );
  EXPECT_EQ(platform.offloaded, offloaded);
  EXPECT_EQ(accepted("rule.list", R"({"port":"up0"})")["rules"][0]["where"], "hw");
}

TEST_F(Transaction, RulesOfAnUplinkThatCameAndWentAreForgotten) {
  make_network();
  platform.takes_rules = true;
  expect_refused_batch(
      {request("port.add", R"({"name":"up1","device":"net_null1"})"),
       request(
           "rule.create",
           R"({"port":"up1","pattern":[{"item":"eth"}],"actions":[{"action":"drop"}]})"
       ),
       request("port.remove", R"({"name":"up1"})"),
       request("tenant.remove", R"({"name":"x"})")},
      3
  );
  EXPECT_TRUE(platform.offloaded.empty());
}

// What the refused rules said of a flow is not what it keeps.
TEST_F(Transaction, FlowsAreJudgedAgainByTheRulesThatAreBackInForce) {
  make_network();
  platform.next_failure["watch"] = "no room in the epoll set";
  expect_refused_batch(
      {request("policy.add", R"({"tenant":"acme","name":"r","action":"deny"})"), attach(2)}, kAll
  );
  EXPECT_EQ(
      platform.published->segments[0].policy_epoch,
      static_cast<std::uint32_t>(platform.published->generation.value())
  );
}

TEST_F(Transaction, APlaceIsVacatedWhateverItIsCalled) {
  make_network();
  accepted("endpoint.attach", kAttach);
  platform.links["/var/run/netns/c1"] = "/run/netns/c1";
  platform.calls.clear();
  const Json answers = send(
      {request("endpoint.detach", R"({"container":"c1"})"),
       request(
           "endpoint.attach", R"({"container":"c1","segment":"blue","netns":"/var/run/netns/c1"})"
       )}
  );
  EXPECT_TRUE(answers[1].contains("result")) << answers.dump();
  EXPECT_THAT(
      platform.calls,
      ElementsAre(
          "unwatch c1/eth0",
          "publish",
          "retire c1/eth0",
          "open_endpoint c1/eth0",
          "publish",
          "watch c1/eth0"
      )
  );
}

TEST_F(Transaction, ALinkGoesBackUp) {
  make_network();
  expect_refused_batch(
      {request("port.set", R"({"name":"up0","up":false})"),
       request("tenant.remove", R"({"name":"x"})")},
      1
  );
  EXPECT_EQ(accepted("port.list")["ports"][0]["link"], "up");
}

TEST_F(Transaction, AnUplinkWithoutACableIsNotSetDown) {
  make_network();
  platform.unplugged.insert(UplinkIndex{0});
  const auto refused_batch = [&](const char* change) {
    expect_refused_batch(
        {request("port.set", change), request("tenant.remove", R"({"name":"x"})")}, 1
    );
  };
  refused_batch(R"({"name":"up0","up":true})");
  refused_batch(R"({"name":"up0","up":false})");
  EXPECT_TRUE(platform.set_down.empty());
  accepted("port.set", R"({"name":"up0","up":false})");
  refused_batch(R"({"name":"up0","up":true})");
  EXPECT_EQ(platform.set_down, std::set<UplinkIndex>{UplinkIndex{0}});
}

TEST_F(Transaction, WhatCanNotBeWatchedAgainIsGone) {
  make_network();
  accepted("endpoint.attach", kAttach);
  platform.every_failure["watch"] = "no room in the epoll set";
  const Json answers = send({request("endpoint.detach", R"({"container":"c1"})"), attach(2)});
  EXPECT_EQ(answers[0]["error"]["message"], "endpoint c2/eth0: no room in the epoll set");
  EXPECT_EQ(accepted("endpoint.list")["endpoints"].size(), 1U);
  EXPECT_EQ(accepted("endpoint.list")["endpoints"][0]["state"], "gone");
  EXPECT_EQ(platform.ports_alive, 0);
  platform.every_failure.clear();
  accepted("endpoint.attach", kAttach);
  EXPECT_EQ(accepted("endpoint.list")["endpoints"][0]["state"], "up");
  expect_consistent();
}

TEST_F(Transaction, IndicesThatWorkersHaveSeenAreNotGivenOutAgainAtOnce) {
  make_network();
  platform.next_failure["watch"] = "no room in the epoll set";
  expect_refused_batch(
      {attach(1, 1), request("segment.add", R"({"name":"red","tenant":"acme","encap":"none"})", 2)},
      kAll
  );
  accepted("segment.add", R"({"name":"red","tenant":"acme","encap":"none"})");
  accepted("endpoint.attach", kAttach);
  EXPECT_EQ(controller.model().endpoints.begin()->first, EndpointIndex{1});
  EXPECT_EQ(controller.model().segment("red")->index, SegmentIndex{2});
}

TEST_F(Transaction, WhatCanNotBeUndoneIsNoPartOfABatch) {
  make_network();
  for (const char* method : {"log.set", "plan"}) {
    const char* params =
        method == std::string{"plan"} ? R"({"document":{}})" : R"({"level":"info"})";
    const Json answers = expect_refused_batch({attach(1, 1), request(method, params, 2)}, 1);
    EXPECT_EQ(answers[1]["error"]["message"], std::string{method} + ": can not be part of a batch");
  }
}

TEST_F(Transaction, ABatchIsBounded) {
  EXPECT_EQ(send(std::vector<Json>(kMaxBatch, request("version", "{}"))).size(), kMaxBatch);
  const Json answer = send(std::vector<Json>(kMaxBatch + 1, request("version", "{}")));
  EXPECT_EQ(
      answer["error"]["message"], "request: a batch of 4097 requests is above the limit 4096"
  );
  Json tenants = Json::array();
  for (int i = 0; i < 1000; ++i) {
    tenants.push_back({{"name", std::string(50, 't') + std::to_string(i)}});
  }
  accepted("apply", Json{{"document", {{"tenants", tenants}}}}.dump());
  const Json answers = send(std::vector<Json>(kMaxBatch, request("tenant.list", "{}")));
  ASSERT_EQ(answers.size(), kMaxBatch);
  EXPECT_EQ(answers[0]["error"]["code"], -32007);
}

TEST_F(Transaction, IndicesOfWhatLeavesAreNotGivenOutAgain) {
  make_network();
  constexpr int kMany = 100;  // more than an IndexPool keeps in quarantine
  std::vector<Json> requests;
  requests.reserve(std::size_t{2} * kMany);
  for (int i = 0; i < kMany; ++i) requests.push_back(attach(i));
  send(requests);
  std::set<EndpointIndex> before;
  for (const auto& [index, endpoint] : controller.model().endpoints) before.insert(index);
  requests.clear();
  for (int i = 0; i < kMany; ++i) {
    requests.push_back(
        request("endpoint.detach", R"({"container":"c)" + std::to_string(i) + R"("})")
    );
  }
  for (int i = kMany; i < 2 * kMany; ++i) requests.push_back(attach(i));
  send(requests);
  ASSERT_EQ(controller.model().endpoints.size(), std::size_t{kMany});
  for (const auto& [index, endpoint] : controller.model().endpoints) {
    EXPECT_FALSE(before.contains(index));
  }
  expect_consistent();
}

TEST_F(Transaction, ADeviceCanNotBeClosedAndOpenedInOneChange) {
  accepted("port.add", R"({"name":"up0","device":"net_null0"})");
  const Json answers = expect_refused_batch(
      {
          request("port.remove", R"({"name":"up0"})", 1),
          request("port.add", R"({"name":"up1","device":"net_null0"})", 2),
      },
      1
  );
  EXPECT_EQ(answers[1]["error"]["data"]["field"], "device");
}

TEST_F(Transaction, AnUplinkMayReplaceAnother) {
  accepted("port.add", R"({"name":"up0","device":"net_null0"})");
  platform.calls.clear();
  send(
      {request("port.remove", R"({"name":"up0"})"),
       request("port.add", R"({"name":"up1","device":"net_null1"})")}
  );
  EXPECT_THAT(platform.calls, ElementsAre("open_uplink up1", "publish", "close_uplink 0"));
  EXPECT_EQ(platform.open_uplinks, std::set<UplinkIndex>{UplinkIndex{1}});
}

TEST_F(Transaction, WhatComesAndGoesInOneChangeIsNeverPublished) {
  make_network();
  const Generation generation = controller.generation();
  send({
      attach(1),
      request("endpoint.detach", R"({"container":"c1"})"),
      request("port.add", R"({"name":"up1","device":"net_null1"})"),
      request("port.remove", R"({"name":"up1"})"),
  });
  EXPECT_EQ(platform.ports_alive, 0);
  EXPECT_EQ(platform.open_uplinks.size(), 1U);
  EXPECT_LE(controller.generation().value(), generation.value() + 1U);
  expect_consistent();
}

}  // namespace
}  // namespace weft::control
