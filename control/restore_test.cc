// Daemons that end without a word, and what the next one makes of their state.

#include "control/restore.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/document.h"
#include "control/testing/control_fixture.h"
#include "control/testing/random_state.h"

namespace weft::control {
namespace {

using testing::HasSubstr;

/// weftd --state, without a machine.
struct Daemon {
  Daemon(const std::string& folder, const std::string& boot, const StoreLimits& limits = {}) {
    auto opened = Store::open(folder, limits);
    EXPECT_TRUE(opened) << opened.error().message;
    store = std::move(*opened);
    journal = std::make_unique<StateJournal>(*store, boot, [] { return std::int64_t{0}; });
    controller = std::make_unique<Controller>(platform, encap::DecapConfig{});
    dispatcher = std::make_unique<Dispatcher>(*controller, About{});
  }
  void start(TimePoint now) {
    const auto restored = restore(*controller, *dispatcher, *journal, now);
    ASSERT_TRUE(restored) << restored.error().message;
    dispatcher->keep_in(journal.get());
    const auto finished = finish_restoring(*restored, *dispatcher, *journal, now);
    ASSERT_TRUE(finished) << finished.error().message;
  }
  [[nodiscard]] Json document() const { return to_json(document_of(controller->model())); }

  FakePlatform platform;
  std::unique_ptr<Store> store;
  std::unique_ptr<StateJournal> journal;
  std::unique_ptr<Controller> controller;
  std::unique_ptr<Dispatcher> dispatcher;
};

class RestoreTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "weft-restore-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder = pattern;
    restart();
  }
  void TearDown() override {
    EXPECT_TRUE(daemon->platform.violations.empty()) << daemon->platform.violations.front();
    daemon.reset();
    std::filesystem::remove_all(folder);
  }

  /// `prepare`: what the machine is like meanwhile.
  template <typename Prepare>
  void restart(Prepare prepare) {
    daemon.reset();
    daemon = std::make_unique<Daemon>(folder, boot, limits);
    prepare(daemon->platform);
    daemon->start(now);
  }
  void restart() {
    restart([](FakePlatform&) {});
  }

  Json accepted(const std::string& method, const std::string& params = "{}") {
    const auto result = daemon->dispatcher->call(method, Json::parse(params), now, peer);
    if (!result) {
      ADD_FAILURE() << method << " " << params << ": " << result.error().message;
      return Json::object();
    }
    return *result;
  }
  Failure refusal(const std::string& method, const std::string& params = "{}") {
    const auto result = daemon->dispatcher->call(method, Json::parse(params), now, peer);
    if (!result) return result.error();
    ADD_FAILURE() << method << " was accepted";
    return {};
  }
  void make_network() {
    accepted("port.add", R"({"name":"up0","device":"net_null0","addresses":["192.0.2.1/24"]})");
    accepted("tenant.add", R"({"name":"acme"})");
    accepted(
        "segment.add", R"({"name":"blue","tenant":"acme","vni":5001,"local_vtep":"192.0.2.1"})"
    );
    accepted("remote.add", R"({"segment":"blue","vtep":"192.0.2.2"})");
  }
  [[nodiscard]] std::uint64_t generation() const {
    return daemon->controller->generation().value();
  }
  std::string folder;
  std::string boot = "boot 1";
  StoreLimits limits;
  Peer peer{0, 4711, {}, false};
  std::unique_ptr<Daemon> daemon;
  TimePoint now{std::chrono::hours{1}};
};

TEST_F(RestoreTest, WhatWasAcknowledgedIsThereAgainWithItsGeneration) {
  make_network();
  accepted("endpoint.attach", kAttach);
  accepted("policy.add", R"({"tenant":"acme","name":"r","action":"deny"})");
  const Json before = daemon->document();
  const std::uint64_t last = generation();
  restart();
  EXPECT_EQ(daemon->document(), before);
  EXPECT_EQ(generation(), last);
  EXPECT_EQ(accepted("endpoint.list")["endpoints"][0]["state"], "up");
  EXPECT_EQ(daemon->platform.publications, 2U);
  restart();
  EXPECT_EQ(generation(), last);
  EXPECT_GT(accepted("tenant.add", R"({"name":"other"})")["generation"], last);
}

TEST_F(RestoreTest, EveryChangeHasAGenerationOfItsOwn) {
  const std::uint64_t one = accepted("tenant.add", R"({"name":"a"})")["generation"];
  const std::uint64_t two = accepted("tenant.add", R"({"name":"b"})")["generation"];
  EXPECT_EQ(accepted("tenant.add", R"({"name":"b"})")["generation"], two);
  EXPECT_EQ(two, one + 1);
}

TEST_F(RestoreTest, AnEmptyStateKeepsItsGeneration) {
  accepted("tenant.add", R"({"name":"a"})");
  accepted("tenant.remove", R"({"name":"a"})");
  const std::uint64_t last = generation();
  restart();
  EXPECT_EQ(generation(), last);
}

TEST_F(RestoreTest, ContainersThatDoNotLiveAnyMoreAreDetached) {
  make_network();
  accepted("endpoint.attach", kAttach);
  accepted("endpoint.attach", R"({"container":"c2","segment":"blue","netns":"/run/netns/c2"})");
  accepted(
      "rule.apply",
      R"({"port":"up0","rules":[{"rule":1,"pattern":[{"item":"eth"}],"actions":[{"action":"port_id","id":"c2/eth0"}]}]})"
  );
  const std::uint64_t last = generation();
  restart([](FakePlatform& platform) { platform.replaced_containers.insert("c2"); });
  EXPECT_EQ(daemon->document()["endpoints"].size(), 1U);
  EXPECT_EQ(daemon->document()["endpoints"][0]["container"], "c1");
  EXPECT_EQ(daemon->document()["rules"].size(), 0U);
  EXPECT_EQ(daemon->platform.opened_endpoints.size(), 1U);
  EXPECT_EQ(generation(), last + 1);
  EXPECT_EQ(accepted("history")["generations"][0]["who"], "weftd");
  boot = "boot 2";
  restart();
  EXPECT_TRUE(daemon->document()["endpoints"].empty());
  EXPECT_EQ(daemon->document()["segments"].size(), 1U);
}

TEST_F(RestoreTest, AnInterfaceThatDoesNotOpenIsGoneAndNotLost) {
  make_network();
  accepted("endpoint.attach", kAttach);
  const Json before = daemon->document();
  restart([](FakePlatform& platform) { platform.next_failure["open_endpoint"] = "no memory"; });
  EXPECT_EQ(daemon->document(), before);
  EXPECT_EQ(accepted("endpoint.list")["endpoints"][0]["state"], "gone");
  restart();  // it lives, and is where it was
  EXPECT_EQ(accepted("endpoint.list")["endpoints"][0]["state"], "up");
}

TEST_F(RestoreTest, AnUplinkThatDoesNotOpenIsAnErrorThatNamesTheFile) {
  make_network();
  daemon = nullptr;
  Daemon next{folder, boot};
  next.platform.next_failure["open_uplink"] = "no such device";
  const auto restored = restore(*next.controller, *next.dispatcher, *next.journal, now);
  ASSERT_FALSE(restored);
  EXPECT_EQ(
      restored.error().message, "state " + folder + "/weft.db: ports[0]: port up0: no such device"
  );
  next.store.reset();
  restart();
}

TEST_F(RestoreTest, WhatCanNotBeWrittenIsNotDone) {
  make_network();
  const Json before = daemon->document();
  const std::uint64_t last = generation();
  const auto calls = daemon->platform.publications;
  // Somebody took the generation's number: the insert fails as any write could.
  StoredChange change;
  change.generation = {last + 1, 0, "", ""};
  ASSERT_TRUE(daemon->store->write(change));
  const Failure failure = refusal("endpoint.attach", kAttach);
  EXPECT_EQ(failure.code, ErrorCode::system_refused);
  EXPECT_THAT(failure.message, testing::StartsWith("state " + folder + "/weft.db: "));
  EXPECT_THAT(failure.message, testing::EndsWith("; nothing was changed"));
  EXPECT_EQ(daemon->document(), before);
  EXPECT_EQ(daemon->platform.publications, calls);
  EXPECT_EQ(daemon->platform.ports_alive, 0);
}

TEST_F(RestoreTest, WhatTheSystemRefusesAfterTheCommitIsTakenBack) {
  make_network();
  const Json before = daemon->document();
  daemon->platform.next_failure["watch"] = "no room in the epoll set";
  EXPECT_EQ(
      refusal("endpoint.attach", kAttach).message, "endpoint c1/eth0: no room in the epoll set"
  );
  EXPECT_EQ(daemon->document(), before);
  restart();
  EXPECT_EQ(daemon->document(), before);
}

TEST_F(RestoreTest, RequestsOfATurnAreOneGeneration) {
  make_network();
  const std::uint64_t last = generation();
  const auto publications = daemon->platform.publications;
  const auto line = [](int id, const std::string& method, const std::string& params) {
    return Json{{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", Json::parse(params)}}
        .dump();
  };
  const Peer other{0, 12, {}, false};
  std::vector<Answer> answers;
  answers.push_back(daemon->dispatcher->submit(line(1, "tenant.add", R"({"name":"a"})"), now, peer)
  );
  answers.push_back(
      daemon->dispatcher->submit(line(2, "tenant.remove", R"({"name":"x"})"), now, other)
  );
  answers.push_back(daemon->dispatcher->submit(line(3, "endpoint.attach", kAttach), now, other));
  EXPECT_EQ(*answers[0], "");
  EXPECT_THAT(*answers[1], HasSubstr(R"("code":-32001)"));
  EXPECT_EQ(daemon->platform.publications, publications);
  daemon->dispatcher->settle();
  for (const std::size_t i : {std::size_t{0}, std::size_t{2}}) {
    EXPECT_EQ(Json::parse(*answers[i])["result"]["generation"], last + 1) << *answers[i];
  }
  EXPECT_EQ(daemon->platform.publications, publications + 1);
  const Json newest = accepted("history", R"({"limit":1})")["generations"][0];
  EXPECT_EQ(newest["who"], "uid 0 pid 12, uid 0 pid 4711");
  EXPECT_EQ(newest["what"], "endpoint.attach, tenant.add");
  // A reading request ends the turn: it sees what is in force.
  const Answer waits =
      daemon->dispatcher->submit(line(4, "tenant.add", R"({"name":"b"})"), now, peer);
  const Answer read = daemon->dispatcher->submit(line(5, "version", "{}"), now, peer);
  EXPECT_EQ(Json::parse(*waits)["result"]["generation"], last + 2);
  EXPECT_EQ(Json::parse(*read)["result"]["generation"], last + 2);
}

TEST_F(RestoreTest, AnIdIsAnsweredTheSameAgain) {
  make_network();
  accepted("access.add", R"({"name":"ops","uid":1000,"role":"operator"})");
  constexpr const char* kParams = R"({"name":"a","request_id":"r1"})";
  const Json first = accepted("tenant.add", kParams);
  accepted("tenant.add", R"({"name":"b"})");
  const std::uint64_t last = generation();
  EXPECT_EQ(accepted("tenant.add", kParams), first);
  restart();
  EXPECT_EQ(accepted("tenant.add", kParams), first);
  EXPECT_EQ(generation(), last);
  const Failure other = refusal("tenant.add", R"({"name":"c","request_id":"r1"})");
  EXPECT_EQ(other.message, "request_id: \"r1\" was given to another request");
  EXPECT_EQ(other.field, "request_id");
  peer.uid = 1000;  // ids are each user's own
  EXPECT_GT(accepted("tenant.add", R"({"name":"c","request_id":"r1"})")["generation"], last);
  EXPECT_EQ(refusal("tenant.add", R"({"name":"d","request_id":7})").field, "request_id");
  EXPECT_EQ(refusal("tenant.list", R"({"request_id":"r9"})").field, "request_id");
  // What changed nothing is remembered too.
  accepted("tenant.add", R"({"name":"a","request_id":"r2"})");
  restart();
  EXPECT_EQ(refusal("tenant.add", R"({"name":"e","request_id":"r2"})").field, "request_id");
}

TEST(RequestLogTest, ForgetsTheOldestAndWhatIsTooLong) {
  RequestLog log;
  log.put("uid 0", "long", {"f", std::string(RequestLog::kMaxAnswer + 1, ' ')});
  EXPECT_EQ(log.find("uid 0", "long"), nullptr);
  for (std::size_t i = 0; i <= RequestLog::kKept; ++i)
    log.put("uid 0", std::to_string(i), {"f", "{}"});
  EXPECT_EQ(log.find("uid 0", "0"), nullptr);
  EXPECT_NE(log.find("uid 0", "1"), nullptr);
  EXPECT_EQ(log.find("uid 1", "1"), nullptr);
  const std::size_t fit = RequestLog::kMaxOctets / RequestLog::kMaxAnswer;
  for (std::size_t i = 0; i <= fit; ++i) {
    log.put("uid 0", "big" + std::to_string(i), {"f", std::string(RequestLog::kMaxAnswer, ' ')});
  }
  EXPECT_EQ(log.find("uid 0", "big0"), nullptr);
  EXPECT_NE(log.find("uid 0", "big1"), nullptr);
}

TEST_F(RestoreTest, ABatchMayBeSentAgain) {
  const std::string line =
      R"([{"jsonrpc":"2.0","id":1,"method":"tenant.add","params":{"name":"a","request_id":"b1"}},)"
      R"({"jsonrpc":"2.0","id":2,"method":"tenant.add","params":{"name":"b","request_id":"b2"}}])";
  const std::string first = daemon->dispatcher->answer(line, now, peer);
  accepted("tenant.remove", R"({"name":"b"})");
  EXPECT_EQ(daemon->dispatcher->answer(line, now, peer), first);
  EXPECT_EQ(daemon->document()["tenants"].size(), 1U);
}

TEST_F(RestoreTest, AnIdIsThereOnceInABatch) {
  const Json answer = Json::parse(daemon->dispatcher->answer(
      R"([{"jsonrpc":"2.0","id":1,"method":"tenant.add","params":{"name":"a","request_id":"b1"}},)"
      R"({"jsonrpc":"2.0","id":2,"method":"tenant.add","params":{"name":"a","request_id":"b1"}}])",
      now,
      peer
  ));
  EXPECT_EQ(answer[0]["error"]["code"], -32007);
  EXPECT_EQ(answer[1]["error"]["message"], "request_id: \"b1\" is there twice in the batch");
}

TEST_F(RestoreTest, AnIdOfWhatWasTakenBackIsNew) {
  make_network();
  constexpr const char* kParams =
      R"({"container":"c1","segment":"blue","netns":"/run/netns/c1","request_id":"r1"})";
  daemon->platform.next_failure["watch"] = "no room in the epoll set";
  EXPECT_THAT(refusal("endpoint.attach", kParams).message, HasSubstr("no room"));
  restart();
  EXPECT_TRUE(daemon->document()["endpoints"].empty());
  const std::uint64_t before = generation();
  EXPECT_GT(accepted("endpoint.attach", kParams)["generation"], before);
  EXPECT_EQ(daemon->document()["endpoints"].size(), 1U);
}

TEST_F(RestoreTest, OnlyTheDocumentHasGenerations) {
  make_network();
  const std::uint64_t last = generation();
  accepted("forwarding.set", R"({"enabled":false})");
  accepted("port.set", R"({"name":"up0","up":false})");
  EXPECT_EQ(generation(), last);
}

TEST_F(RestoreTest, NumbersOfPortsStay) {
  make_network();
  accepted("port.add", R"({"name":"up1","device":"net_null1"})");
  accepted("port.add", R"({"name":"up2","device":"net_null2"})");
  accepted("endpoint.attach", kAttach);
  for (const char* name : {"z", "a"}) {
    const Json params{{"container", name}, {"segment", "blue"}, {"netns", "/run/netns/c2"}};
    accepted("endpoint.attach", params.dump());
  }
  accepted("port.remove", R"({"name":"up1"})");
  accepted("endpoint.detach", R"({"container":"z"})");
  const auto numbers = [&] {
    std::map<std::string, int> by_name;
    const Json ports = accepted("port.list")["ports"];
    for (const Json& port : ports) by_name[port["name"]] = port["port"];
    return by_name;
  };
  const auto before = numbers();
  EXPECT_EQ(before.at("up2"), 2);
  restart();
  EXPECT_EQ(numbers(), before);
  accepted("port.add", R"({"name":"up1","device":"net_null1"})");
  EXPECT_EQ(numbers().at("up1"), 1);
  accepted("endpoint.attach", R"({"container":"z","segment":"blue","netns":"/run/netns/c2"})");
  EXPECT_EQ(numbers().size(), 6U);
}

TEST_F(RestoreTest, AnMtuThatShrankMeanwhileIsNoReasonToRefuse) {
  make_network();
  accepted(
      "endpoint.attach", R"({"container":"c1","segment":"blue","netns":"/run/netns/c1","mtu":1450})"
  );
  accepted("segment.set", R"({"name":"blue","mtu":1400})");
  const Json before = daemon->document();
  restart();
  EXPECT_EQ(daemon->document(), before);
}

TEST_F(RestoreTest, AFailedCommitOfAReplacedContainerGivesItsInterfaceBack) {
  make_network();
  accepted("endpoint.attach", kAttach);
  accepted(
      "rule.create", R"({"port":"up0","pattern":[{"item":"eth"}],"actions":[{"action":"count"}]})"
  );
  const Json before = daemon->document();
  const std::string batch =
      R"([{"jsonrpc":"2.0","id":1,"method":"rule.flush","params":{"port":"up0"}},)"
      R"({"jsonrpc":"2.0","id":2,"method":"endpoint.detach","params":{"container":"c1"}},)"
      R"({"jsonrpc":"2.0","id":3,"method":"endpoint.attach","params":{"container":"c1","segment":"blue","netns":"/run/netns/c1"}},)"
      R"({"jsonrpc":"2.0","id":4,"method":"tenant.remove","params":{"name":"x"}}])";
  static_cast<void>(daemon->dispatcher->answer(batch, now, peer));
  EXPECT_EQ(daemon->document(), before);
  EXPECT_EQ(accepted("endpoint.list")["endpoints"][0]["state"], "up");
  restart();
  EXPECT_EQ(daemon->document(), before);
}

TEST_F(RestoreTest, AnotherRequestOfTheTurnIsNoReasonToRefuse) {
  make_network();
  accepted("port.add", R"({"name":"up1","device":"net_null1"})");
  const auto submit = [&](const std::string& method, const std::string& params) {
    const Json request{
        {"jsonrpc", "2.0"}, {"id", 1}, {"method", method}, {"params", Json::parse(params)}};
    return daemon->dispatcher->submit(request.dump(), now, peer);
  };
  const Answer removed = submit("port.remove", R"({"name":"up1"})");
  const Answer added = submit("port.add", R"({"name":"up2","device":"net_null1"})");
  daemon->dispatcher->settle();
  EXPECT_TRUE(Json::parse(*removed).contains("result")) << *removed;
  EXPECT_TRUE(Json::parse(*added).contains("result")) << *added;
  // Nor is what the system refuses to somebody else.
  daemon->platform.next_failure["watch"] = "no room in the epoll set";
  const Answer tenant = submit("tenant.add", R"({"name":"b"})");
  const Answer attached = submit("endpoint.attach", kAttach);
  daemon->dispatcher->settle();
  EXPECT_TRUE(Json::parse(*tenant).contains("result")) << *tenant;
  EXPECT_TRUE(Json::parse(*attached).contains("result")) << *attached;
}

TEST_F(RestoreTest, AnEarlierGenerationComesBack) {
  make_network();
  accepted("endpoint.attach", kAttach);
  const Json then = daemon->document();
  const std::uint64_t number = generation();
  accepted("segment.set", R"({"name":"blue","ttl":9})");
  accepted("endpoint.detach", R"({"container":"c1"})");
  restart();
  const Json answer = accepted("rollback", Json{{"generation", number}}.dump());
  EXPECT_EQ(answer["changes"].size(), 2U);
  EXPECT_EQ(daemon->document(), then);
  EXPECT_EQ(accepted("history", R"({"limit":1})")["generations"][0]["what"], "rollback");
  restart();
  EXPECT_EQ(daemon->document(), then);
  EXPECT_EQ(
      refusal("rollback", R"({"generation":99})").message,
      "rollback.generation: 99 is not kept (history lists those that are)"
  );
  EXPECT_EQ(refusal("rollback").field, "generation");
}

TEST_F(RestoreTest, AnImportIsAppliedAtTheNextStart) {
  make_network();
  ASSERT_TRUE(daemon->store->set_pending_import(Json{
      {"tenants", {{{"name", "acme"}}, {{"name", "imported"}}}}}));
  restart();
  EXPECT_EQ(daemon->document()["tenants"].size(), 2U);
  const std::uint64_t last = generation();
  restart();
  EXPECT_EQ(generation(), last);
}

TEST_F(RestoreTest, WhateverHappenedIsWhatIsStored) {
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  RandomState states{seed};
  limits = {.generations = 5, .requests = 10};
  restart();
  for (int i = 0; i < 60 && !HasFailure(); ++i) {
    const Json document = states.next();
    SCOPED_TRACE(document.dump());
    ASSERT_TRUE(daemon->dispatcher->apply_document(document, now));
    const auto last = daemon->store->last();
    ASSERT_TRUE(last && last->has_value());
    EXPECT_EQ((*last)->number, generation());
    Json stored = *daemon->store->document((*last)->number);
    Json here = daemon->document();
    for (Json* json : {&stored, &here}) {
      auto& l7 = (*json)["l7"].get_ref<Json::array_t&>();  // in order, for each tenant
      std::ranges::stable_sort(l7, {}, [](const Json& entry) { return text(entry, "tenant"); });
      for (const char* section : {"rules", "remotes"}) {  // their order says nothing
        auto& list = (*json)[section].get_ref<Json::array_t&>();
        std::ranges::sort(list, {}, [](const Json& entry) { return entry.dump(); });
      }
    }
    EXPECT_EQ(stored, here);
    if (i % 10 == 9) restart();
    EXPECT_TRUE(daemon->document()["endpoints"] == here["endpoints"]);
  }
}

}  // namespace
}  // namespace weft::control
