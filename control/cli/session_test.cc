#include "control/cli/session.h"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/cli/fake_daemon.h"
#include "control/cli/live.h"

namespace weft::cli {
namespace {

using Json = nlohmann::json;
using ::testing::HasSubstr;

/// A session in this process whose output can be read.
class Talk {
 public:
  explicit Talk(const std::string& path, SessionOptions options = {})
      : client_{path, std::chrono::seconds{1}}, session_{grammar(), client_, out_, err_, options} {}

  Exit run(std::string_view line) {
    out_.str("");
    err_.str("");
    return session_.run_line(line);
  }
  [[nodiscard]] std::string out() const { return out_.str(); }
  [[nodiscard]] std::string err() const { return err_.str(); }
  [[nodiscard]] Session& session() { return session_; }
  [[nodiscard]] Client& client() { return client_; }

 private:
  static const Grammar& grammar() {
    static const Grammar instance{commands()};
    return instance;
  }
  std::ostringstream out_;
  std::ostringstream err_;
  Client client_;
  Session session_;
};

const Json kPorts = Json::parse(R"({"ports":[
  {"port":0,"name":"up0","role":"uplink"},
  {"port":1,"name":"c1.eth0","role":"container","endpoint":"c1/eth0"}]})");

TEST(Session, SendsOneRequestOfJsonRpc) {
  FakeDaemon daemon{{{"tenant.add", Json{{"generation", 3}}}}};
  Talk talk{daemon.path()};
  EXPECT_EQ(talk.run("tenant add acme"), Exit::ok);
  EXPECT_EQ(talk.out(), "generation 3\n");
  EXPECT_EQ(talk.err(), "");
  ASSERT_EQ(daemon.requests().size(), 1U);
  EXPECT_EQ(
      daemon.requests().front(),
      Json::parse(R"({"jsonrpc":"2.0","id":1,"method":"tenant.add","params":{"name":"acme"}})")
  );
}

TEST(Session, RefusalIsTheDaemonsSentence) {
  FakeDaemon daemon{[](const Json& request) {
    return FakeDaemon::error_line(request, -32602, "segment.vni: 16777216 is above the limit");
  }};
  Talk talk{daemon.path()};
  EXPECT_EQ(talk.run("segment del blue"), Exit::refused);
  EXPECT_EQ(talk.err(), "weft: segment.vni: 16777216 is above the limit\n");
  EXPECT_EQ(talk.out(), "");
}

TEST(Session, JsonIsTheResultAsItCame) {
  const Json result = Json::parse(R"({"tenants":[{"name":"acme","segments":1,"new":[null]}]})");
  FakeDaemon daemon{{{"tenant.list", result}}};
  {
    Talk talk{daemon.path()};
    EXPECT_EQ(talk.run("show tenant --json"), Exit::ok);
    EXPECT_EQ(Json::parse(talk.out()), result);
  }
  Talk always{daemon.path(), {.is_json = true}};
  EXPECT_EQ(always.run("show tenant"), Exit::ok);
  EXPECT_EQ(Json::parse(always.out()), result);
}

TEST(Session, SendsParametersOnlyToTheFirstOfSeveralMethods) {
  FakeDaemon daemon{{
      {"remote.list", Json{{"remotes", Json::array()}}},
      {"segment.list", Json{{"segments", Json::array()}}},
  }};
  Talk talk{daemon.path()};
  EXPECT_EQ(talk.run("show tunnel blue --json"), Exit::ok);
  EXPECT_EQ(daemon.requests()[0]["params"], (Json{{"segment", "blue"}}));
  EXPECT_EQ(daemon.requests()[1]["params"], Json::object());
  EXPECT_EQ(Json::parse(talk.out()), Json::parse(R"({"remotes":[],"segments":[]})"));
}

TEST(Session, SelectsByNameOrNumber) {
  FakeDaemon daemon{{{"port.list", kPorts}}};
  Talk talk{daemon.path()};
  for (const std::string_view line : {"show port info 1 --json", "show port info c1.eth0 --json"}) {
    EXPECT_EQ(talk.run(line), Exit::ok);
    EXPECT_EQ(Json::parse(talk.out()), (Json{{"ports", {kPorts["ports"][1]}}})) << line;
  }
  EXPECT_EQ(talk.run("show port info all --json"), Exit::ok);
  EXPECT_EQ(Json::parse(talk.out()), kPorts);
  EXPECT_EQ(talk.run("show port info 7"), Exit::refused);
  EXPECT_EQ(talk.err(), "weft: there is no port 7\n");
}

TEST(Session, TranslatesPortNumbersToNames) {
  FakeDaemon daemon{{{"port.list", kPorts}, {"port.set", Json{{"generation", 2}}}}};
  Talk talk{daemon.path()};
  EXPECT_EQ(talk.run("port stop 0"), Exit::ok);
  EXPECT_EQ(daemon.requests().back()["params"], (Json{{"name", "up0"}, {"up", false}}));
  EXPECT_EQ(talk.run("port stop 1"), Exit::refused);
  EXPECT_THAT(talk.err(), HasSubstr("port 1 belongs to endpoint c1/eth0"));
  EXPECT_EQ(talk.run("port stop 9"), Exit::refused);
}

TEST(Session, VerboseIsALogLevel) {
  FakeDaemon daemon{{{"log.set", Json::object()}}};
  Talk talk{daemon.path()};
  for (const auto& [line, level] :
       {std::pair{"set verbose 0", "info"},
        {"set verbose 1", "debug"},
        {"set verbose 7", "trace"}}) {
    EXPECT_EQ(talk.run(line), Exit::ok);
    EXPECT_EQ(talk.out(), "done\n");
    EXPECT_EQ(daemon.requests().back()["params"], (Json{{"level", level}}));
  }
}

TEST(Session, CallSendsWhatTheUserWrote) {
  FakeDaemon daemon{{{"a.b", Json{{"x", 1}}}}};
  Talk talk{daemon.path()};
  EXPECT_EQ(talk.run(R"(call a.b {"k": "v w", "n": [1]})"), Exit::ok);
  EXPECT_EQ(daemon.requests().back()["params"], Json::parse(R"({"k":"v w","n":[1]})"));
  EXPECT_EQ(talk.out(), "{\n  \"x\": 1\n}\n");
  EXPECT_EQ(talk.run(R"(call a.b '{"k":1}')"), Exit::ok);
  EXPECT_EQ(daemon.requests().back()["params"], (Json{{"k", 1}}));
  EXPECT_EQ(talk.run("call a.b"), Exit::ok);
  EXPECT_EQ(daemon.requests().back()["params"], Json::object());
  EXPECT_EQ(talk.session().run_words({"call", "a.b", R"({"k": "two words"})"}), Exit::ok);
  EXPECT_EQ(daemon.requests().back()["params"], (Json{{"k", "two words"}}));
  EXPECT_EQ(talk.run("call c.d"), Exit::refused);
}

TEST(Session, CallPointsAtBadJson) {
  FakeDaemon daemon{std::map<std::string, Json>{}};
  Talk talk{daemon.path()};
  EXPECT_EQ(talk.run(R"(call a.b {"k": x})"), Exit::usage);
  EXPECT_EQ(
      talk.err(),
      "weft: expected JSON\n"
      "  call a.b {\"k\": x}\n"
      "                 ^\n"
  );
  EXPECT_EQ(talk.run("call a.b [1]"), Exit::usage);
  EXPECT_TRUE(daemon.requests().empty());
}

TEST(Session, GrammarErrorsSendNothing) {
  FakeDaemon daemon{std::map<std::string, Json>{}};
  Talk talk{daemon.path()};
  EXPECT_EQ(talk.run("segment add blue tenant acme encap vxlam"), Exit::usage);
  EXPECT_EQ(
      talk.err(),
      "weft: expected `vxlan`, `nvgre` or `none`\n"
      "  segment add blue tenant acme encap vxlam\n"
      "                                     ^\n"
  );
  EXPECT_EQ(talk.run("detach \xff"), Exit::usage);
  EXPECT_THAT(talk.err(), HasSubstr("not UTF-8"));
  EXPECT_TRUE(daemon.requests().empty());
}

TEST(Session, StreamStopsAtTheFirstError) {
  FakeDaemon daemon{{{"tenant.add", Json{{"generation", 1}}}}};
  Talk talk{daemon.path()};
  std::istringstream lines{"# comment\n\ntenant add a\ntenant del a\ntenant add b\n"};
  EXPECT_EQ(talk.session().run_stream(lines, "setup"), Exit::refused);
  EXPECT_THAT(talk.err(), HasSubstr("weft: stopped at setup:4\n"));
  EXPECT_EQ(daemon.requests().size(), 2U);
}

TEST(Session, QuitEndsAStream) {
  FakeDaemon daemon{std::map<std::string, Json>{}};
  Talk talk{daemon.path()};
  std::istringstream lines{"quit\nnonsense\n"};
  EXPECT_EQ(talk.session().run_stream(lines, "x"), Exit::ok);
  EXPECT_TRUE(talk.session().has_quit());
}

TEST(Session, FileThatCannotBeReadIsUsage) {
  FakeDaemon daemon{std::map<std::string, Json>{}};
  Talk talk{daemon.path()};
  EXPECT_EQ(talk.run("load /nonexistent/file"), Exit::usage);
  EXPECT_EQ(talk.err(), "weft: /nonexistent/file: cannot read this file\n");
  EXPECT_EQ(talk.run("load /tmp"), Exit::usage);
}

TEST(Client, ConnectsAgainWhenTheDaemonWasRestarted) {
  int count = 0;
  FakeDaemon daemon{[&count](const Json& request) -> std::optional<std::string> {
    // The answer is complete; then the daemon goes away.
    std::string answer = FakeDaemon::result_line(request, Json{{"generation", ++count}});
    return answer + " ";
  }};
  Talk talk{daemon.path()};
  EXPECT_EQ(talk.run("tenant add a"), Exit::ok);
  EXPECT_EQ(talk.run("tenant add b"), Exit::ok);
  EXPECT_EQ(talk.out(), "generation 2\n");
}

TEST(Client, SaysThatTheConnectionEndedAndSendsNothingTwice) {
  FakeDaemon mute{[](const Json&) -> std::optional<std::string> { return std::nullopt; }};
  Talk talk{mute.path()};
  EXPECT_EQ(talk.run("show tenant"), Exit::unreachable);
  EXPECT_THAT(talk.err(), HasSubstr("closed the connection without an answer to `tenant.list`"));
  EXPECT_EQ(mute.requests().size(), 1U);

  FakeDaemon half{[](const Json&) -> std::optional<std::string> { return R"({"jsonrpc":"2.)"; }};
  Talk other{half.path()};
  EXPECT_EQ(other.run("show tenant"), Exit::unreachable);
  EXPECT_THAT(other.err(), HasSubstr("in the middle of its answer to `tenant.list`"));
}

TEST(Client, DoesNotTakeAnythingForAnAnswer) {
  for (const char* line :
       {"hello\n",
        "[]\n",
        "{}\n",
        "{\"id\":99,\"result\":{}}\n",
        "{\"id\":1}\n",
        "{\"id\":1,\"error\":7}\n",
        "{\"id\":1,\"error\":{\"code\":\"x\",\"message\":\"y\"}}\n",
        "\n"}) {
    FakeDaemon daemon{[line](const Json&) -> std::optional<std::string> { return line; }};
    Talk talk{daemon.path()};
    EXPECT_EQ(talk.run("show tenant"), Exit::unreachable) << line;
    EXPECT_THAT(talk.err(), HasSubstr("it is not weftd")) << line;
  }
}

TEST(Client, AnswerMayBeLargerThanOneRead) {
  Json tenants = Json::array();
  for (int i = 0; i < 20000; ++i) tenants.push_back({{"name", "tenant-" + std::to_string(i)}});
  FakeDaemon daemon{{{"tenant.list", Json{{"tenants", tenants}}}}};
  Talk talk{daemon.path()};
  EXPECT_EQ(talk.run("show tenant --json"), Exit::ok);
  EXPECT_EQ(Json::parse(talk.out())["tenants"].size(), 20000U);
}

TEST(Client, WaitsOnlySoLong) {
  // The first connection keeps the fake daemon busy; the second is never accepted.
  FakeDaemon daemon{{{"tenant.list", Json::object()}}};
  Talk first{daemon.path()};
  EXPECT_EQ(first.run("show tenant"), Exit::ok);
  Talk second{daemon.path()};
  EXPECT_EQ(second.run("show tenant"), Exit::unreachable);
  EXPECT_THAT(second.err(), HasSubstr("no answer to `tenant.list` within 1 s"));
}

TEST(Client, NamesTheSocketItCannotReach) {
  Talk missing{"/nonexistent/weft.sock"};
  EXPECT_EQ(missing.run("show tenant"), Exit::unreachable);
  EXPECT_EQ(
      missing.err(),
      "weft: cannot reach weftd at /nonexistent/weft.sock: there is no such socket; is weftd "
      "running?\n"
  );
  Talk too_long{"/" + std::string(200, 'x')};
  EXPECT_EQ(too_long.run("show tenant"), Exit::unreachable);
  EXPECT_THAT(too_long.err(), HasSubstr("107 octets"));
}

TEST(LiveDirectory, AsksOnceASecondAndNeverFails) {
  FakeDaemon daemon{{{"port.list", kPorts}}};
  Client client{daemon.path(), std::chrono::seconds{1}};
  LiveDirectory directory{client};
  const LiveDirectory::Clock::time_point now{};
  EXPECT_EQ(directory.names(Live::uplinks, now), (std::vector<std::string>{"up0"}));
  EXPECT_EQ(directory.names(Live::uplinks, now).size(), 1U);
  EXPECT_EQ(daemon.requests().size(), 1U);
  EXPECT_EQ(
      directory.names(Live::ports, now), (std::vector<std::string>{"0", "up0", "1", "c1.eth0"})
  );
  EXPECT_EQ(directory.names(Live::segments, now), std::vector<std::string>{});
  EXPECT_EQ(directory.names(Live::uplinks, now + std::chrono::seconds{2}).size(), 1U);
  EXPECT_EQ(daemon.requests().size(), 4U);
}

TEST(Session, FlowCommandsAreReadAsTestpmdDoes) {
  FakeDaemon daemon{
      {{"rule.create",
        Json::parse(R"({"generation":5,"rule":2,"where":"sw","software_because":"no room"})")},
       {"rule.list", Json::parse(R"({"rules":[]})")}}};
  Talk talk{daemon.path()};
  EXPECT_EQ(
      talk.run("flow create 16 ingress pattern udp dst is 53 / end actions drop / end"), Exit::ok
  );
  EXPECT_EQ(talk.out(), "Flow rule #2 created\nIt is in software: no room\n");
  EXPECT_EQ(
      daemon.requests().front()["params"],
      Json::parse(R"({"port":16,"ingress":true,"pattern":[{"item":"udp","dst":53}],
                      "actions":[{"action":"drop"}]})")
  );
  EXPECT_EQ(talk.run("flow list 16"), Exit::ok);
  EXPECT_EQ(talk.out(), "no rules\n");
  EXPECT_EQ(talk.run("flow list 16 --json"), Exit::ok);
  EXPECT_EQ(Json::parse(talk.out()), Json::parse(R"({"rules":[]})"));
  EXPECT_EQ(talk.run("flow create 16 pattern sctp"), Exit::usage);
  EXPECT_THAT(talk.err(), HasSubstr("`udp`"));
  EXPECT_EQ(talk.run("flow"), Exit::usage);
  EXPECT_EQ(talk.run("help flow"), Exit::ok);
  EXPECT_THAT(talk.out(), HasSubstr("flow query PORT RULE count"));
}

}  // namespace
}  // namespace weft::cli
