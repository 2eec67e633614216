// Lines in, lines out; and the examples of README.md, executed.

#include "control/dispatch.h"

#include <fstream>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/testing/control_fixture.h"

namespace weft::control {
namespace {

class Dispatch : public ControlFixture {
 protected:
  Json answer(const std::string& line) {
    const std::string text = dispatcher.answer(line, now);
    EXPECT_EQ(text.find('\n'), std::string::npos);
    return text.empty() ? Json{} : Json::parse(text);
  }
};

TEST_F(Dispatch, AnswersWithTheIdOfTheRequest) {
  const Json json = answer(R"({"jsonrpc":"2.0","id":"abc","method":"version"})");
  EXPECT_EQ(json["id"], "abc");
  EXPECT_EQ(json["result"]["protocol"], 1);
}

TEST_F(Dispatch, RefusesUnknownMethods) {
  const Json json = answer(R"({"jsonrpc":"2.0","id":1,"method":"port.fly"})");
  EXPECT_EQ(json["error"]["code"], -32601);
  EXPECT_EQ(json["error"]["message"], "method \"port.fly\" does not exist");
}

TEST_F(Dispatch, CarriesOutNotificationsWithoutAnAnswer) {
  EXPECT_EQ(
      dispatcher.answer(R"({"jsonrpc":"2.0","method":"tenant.add","params":{"name":"a"}})", now), ""
  );
  EXPECT_EQ(accepted("tenant.list")["tenants"].size(), 1U);
}

TEST_F(Dispatch, EveryMethodRefusesUnknownParameters) {
  for (const std::string_view method : Dispatcher::methods()) {
    const auto result = dispatcher.call(method, Json{{"zzz", 1}}, now);
    ASSERT_FALSE(result) << method;
    EXPECT_EQ(result.error().code, ErrorCode::bad_parameter) << method;
  }
}

TEST_F(Dispatch, EveryMethodRefusesParametersThatAreNoObject) {
  for (const std::string_view method : Dispatcher::methods()) {
    EXPECT_FALSE(dispatcher.call(method, Json::array(), now)) << method;
    EXPECT_FALSE(dispatcher.call(method, Json{}, now)) << method;
  }
}

TEST_F(Dispatch, FieldsMayBeOfAnyTypeWithoutHarm) {
  const std::vector<Json> values{
      nullptr,
      true,
      -1,
      0,
      1e300,
      18446744073709551615U,
      "",
      "x",
      Json::array(),
      Json::object(),
      Json::parse("[[1]]"),
      Json::parse(R"([{"mac":1}])"),
  };
  const Json fields = Json::parse(
      R"(["name","device","addresses","gateways","mtu","queues","up","tenant","encap","vni","local_vtep","subnets","learn","segment","vtep","endpoints","container","ifname","netns","pid","kind","socket","mac","routes","bum_budget","enabled","level","all","dscp_mode","policy_default","agents","groups","labels","limits","qos","rules","action","from","to","protocol","ports","icmp_type","class","meter","l7","patterns","kind","cir","cbs","rate","port","weights","endpoint","address","limit","rule","pattern","actions","priority","group","ingress","document"])"
  );
  make_network();
  for (const std::string_view method : Dispatcher::methods()) {
    for (const Json& field : fields) {
      for (const Json& value : values) {
        Json params{{"name", "blue"}, {"segment", "blue"}, {"container", "c"}, {"tenant", "acme"}};
        params[field.get<std::string>()] = value;
        static_cast<void>(dispatcher.call(method, params, now));
      }
    }
  }
}

// -- README.md -----------------------------------------------------------------------------------

/// The indented JSON texts of the section, each of one or more lines: requests and their answers.
std::vector<Json> examples() {
  std::ifstream file{std::string{WEFT_CONTROL_DIR} + "/README.md"};
  std::vector<Json> texts;
  std::string open;
  bool is_inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("## ")) is_inside = line.starts_with("## Examples");
    if (!is_inside || !line.starts_with("    ")) continue;
    open += line.substr(4);
    if (!Json::accept(open)) continue;
    texts.push_back(Json::parse(open));
    open.clear();
  }
  EXPECT_EQ(open, "") << "a JSON text that does not end";
  return texts;
}

TEST_F(Dispatch, ReadmeExamplesAnswerAsWritten) {
  const std::vector<Json> texts = examples();
  ASSERT_EQ(texts.size() % 2, 0U);
  std::set<std::string> shown;
  for (std::size_t i = 0; i < texts.size(); i += 2) {
    const Json actual = answer(texts[i].dump());
    EXPECT_EQ(actual, texts[i + 1]) << texts[i].dump() << "\nis answered " << actual.dump();
    if (texts[i].contains("method")) shown.insert(texts[i]["method"].get<std::string>());
  }
  for (const std::string_view method : Dispatcher::methods()) {
    EXPECT_TRUE(shown.contains(std::string{method})) << method << " has no example";
  }
}

}  // namespace
}  // namespace weft::control
