#include "control/protocol.h"

#include <chrono>
#include <string>

#include <gtest/gtest.h>

namespace weft::control {
namespace {

/// Of a line that is no batch, or of a batch's first element.
Result<Request, BadRequest> parse_request(std::string_view line) {
  const auto requests = parse_line(line);
  if (!requests) return requests.error();
  return requests->list.front();
}

int code_of(std::string_view line) {
  const auto request = parse_request(line);
  return request ? 0 : static_cast<int>(request.error().failure.code);
}

TEST(Protocol, ReadsARequest) {
  const auto request =
      parse_request(R"({"jsonrpc":"2.0","id":7,"method":"port.add","params":{"name":"a"}})");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->id, 7);
  EXPECT_EQ(request->method, "port.add");
  EXPECT_EQ(request->params, Json::parse(R"({"name":"a"})"));
  EXPECT_FALSE(request->is_notification);
}

TEST(Protocol, RefusesWhatIsNotJson) {
  for (const char* line : {"", "{", "nonsense", "{\"a\":}", "{} {}", "\"\xff\""}) {
    EXPECT_EQ(code_of(line), -32700) << line;
  }
}

TEST(Protocol, RefusesWhatIsNotARequest) {
  for (const char* line :
       {"1",
        "[]",
        "null",
        "{}",
        R"({"jsonrpc":"1.0","method":"m"})",
        R"({"jsonrpc":"2.0"})",
        R"({"jsonrpc":"2.0","method":5})",
        R"({"jsonrpc":"2.0","id":{},"method":"m"})",
        R"([1])",
        R"([[{"jsonrpc":"2.0","method":"m"}]])"}) {
    EXPECT_EQ(code_of(line), -32600) << line;
  }
  EXPECT_EQ(code_of(R"({"jsonrpc":"2.0","method":"m","params":[1]})"), -32602);
}

TEST(Protocol, ReadsABatchElementByElement) {
  const auto requests =
      parse_line(R"([{"jsonrpc":"2.0","id":1,"method":"a"},5,{"jsonrpc":"2.0","method":"b"}])");
  ASSERT_TRUE(requests);
  EXPECT_TRUE(requests->is_batch);
  ASSERT_EQ(requests->list.size(), 3U);
  EXPECT_EQ(requests->list[0]->method, "a");
  EXPECT_FALSE(requests->list[1]);
  EXPECT_TRUE(requests->list[2]->is_notification);
  EXPECT_FALSE(parse_line(R"({"jsonrpc":"2.0","method":"m"})")->is_batch);
}

TEST(Protocol, AnswersABatchWithAnArray) {
  EXPECT_EQ(format_batch({"{}", "{}"}), "[{},{}]");
  EXPECT_EQ(format_batch({}), "");
}

TEST(Protocol, AnswersWithTheIdAsFarAsItWasReadable) {
  const auto request = parse_request(R"({"jsonrpc":"2.0","id":"x","method":5})");
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error().id, "x");
}

TEST(Protocol, ARequestWithoutIdIsANotification) {
  EXPECT_TRUE(parse_request(R"({"jsonrpc":"2.0","method":"m"})")->is_notification);
  EXPECT_FALSE(parse_request(R"({"jsonrpc":"2.0","id":null,"method":"m"})")->is_notification);
}

TEST(Protocol, BoundsDepth) {
  const std::string deep(500'000, '[');
  EXPECT_EQ(code_of(deep), -32600);
  EXPECT_EQ(code_of(R"({"jsonrpc":"2.0","method":"m","params":{"a":)" + deep), -32600);
  const std::string objects = [] {
    std::string text;
    for (int i = 0; i < 100'000; ++i) text += "{\"a\":";
    return text;
  }();
  EXPECT_EQ(code_of(objects), -32600);
}

TEST(Protocol, BoundsKeysOfAnObject) {
  std::string line = R"({"jsonrpc":"2.0","method":"m","params":{"a":0)";
  for (int i = 0; i < 80'000; ++i) line += ",\"k" + std::to_string(i) + "\":0";
  line += "}}";
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(code_of(line), -32600);
  // Quadratic look-up of keys would take tens of seconds.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds{5});
}

TEST(Protocol, FormatsAnswers) {
  EXPECT_EQ(format_result(1, Json{{"a", 2}}), R"({"jsonrpc":"2.0","id":1,"result":{"a":2}})");
  EXPECT_EQ(
      format_failure("x", refused(ErrorCode::bad_parameter, "segment.vni: bad", "vni")),
      R"({"jsonrpc":"2.0","id":"x","error":{"code":-32602,"message":"segment.vni: bad","data":{"field":"vni"}}})"
  );
  EXPECT_EQ(
      format_failure({}, refused(ErrorCode::not_json, "bad")),
      R"({"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"bad"}})"
  );
}

TEST(Protocol, MendsTextThatIsNotUtf8) {
  EXPECT_NO_THROW(static_cast<void>(format_result(1, Json{{"a", "\xff\n"}})));
  EXPECT_EQ(format_result(1, Json{{"a", "\n"}}).find('\n'), std::string::npos);
}

}  // namespace
}  // namespace weft::control
