#include "control/protocol.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace weft::control {
namespace {

Failure not_a_request(std::string message, std::string field = {}) {
  return refused(ErrorCode::not_a_request, std::move(message), std::move(field));
}

struct BoundedJson {
  Json json;
  bool is_too_deep{};
  bool is_too_wide{};
};

/// Whether the text nests too deep or has an object with too many keys: a walk over its brackets and colons
/// outside of strings. The parser could be asked while it parses, but with a callback it searches an
/// array again for each element, which takes minutes for the 100,000 rules of a policy.apply.
void check_bounds(std::string_view line, BoundedJson& parsed) {
  std::vector<std::size_t> keys(1);  // of each open object or array
  bool is_inside_text = false;
  for (std::size_t at = 0; at < line.size(); ++at) {
    const char c = line[at];
    if (is_inside_text) {
      if (c == '\\') ++at;
      is_inside_text = c != '"';
    } else if (c == '"') {
      is_inside_text = true;
    } else if (c == '{' || c == '[') {
      parsed.is_too_deep |= keys.size() > kMaxDepth;
      if (parsed.is_too_deep) return;
      keys.push_back(0);
    } else if (c == '}' || c == ']') {
      if (keys.size() > 1) keys.pop_back();
    } else if (c == ':') {
      parsed.is_too_wide |= ++keys.back() > kMaxKeys;
      if (parsed.is_too_wide) return;
    }
  }
}

BoundedJson parse_bounded(std::string_view line) {
  BoundedJson parsed;
  check_bounds(line, parsed);
  if (parsed.is_too_deep || parsed.is_too_wide) return parsed;
  parsed.json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  return parsed;
}

std::string dumped(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Request, BadRequest> parse_request(Json json) {
  if (!json.is_object()) {
    return BadRequest{{}, not_a_request("request: " + shown(json) + " is not an object")};
  }
  Request request;
  if (const auto id = json.find("id"); id == json.end()) {
    request.is_notification = true;
  } else if (id->is_string() || id->is_number() || id->is_null()) {
    request.id = *id;
  } else {
    return BadRequest{{}, not_a_request("request.id: " + shown(*id) + " is no id", "id")};
  }
  for (const auto& member : json.items()) {
    constexpr std::array kMembers{"jsonrpc", "id", "method", "params"};
    if (std::ranges::count(kMembers, member.key()) > 0) continue;
    const std::string name = in_quotes(member.key());
    return BadRequest{
        request.id, not_a_request("request: " + name + " is no member of a request", member.key())};
  }
  const auto version = json.find("jsonrpc");
  if (version == json.end() || *version != "2.0") {
    return BadRequest{request.id, not_a_request("request.jsonrpc: must be \"2.0\"", "jsonrpc")};
  }
  const auto method = json.find("method");
  if (method == json.end() || !method->is_string()) {
    return BadRequest{request.id, not_a_request("request.method: must be a string", "method")};
  }
  request.method = method->get<std::string>();
  if (const auto params = json.find("params"); params != json.end()) {
    if (!params->is_object()) {
      return BadRequest{
          request.id,
          refused(
              ErrorCode::bad_parameter,
              "request.params: " + shown(*params) + " is not an object",
              "params"
          )};
    }
    request.params = std::move(*params);
  }
  return request;
}

}  // namespace

Result<Requests, BadRequest> parse_line(std::string_view line) {
  BoundedJson parsed = parse_bounded(line);
  if (parsed.is_too_deep) {
    const std::string limit = std::to_string(kMaxDepth);
    return BadRequest{{}, not_a_request("request: nested deeper than the limit " + limit)};
  }
  if (parsed.is_too_wide) {
    const std::string limit = std::to_string(kMaxKeys);
    return BadRequest{
        {}, not_a_request("request: an object has more keys than the limit " + limit)};
  }
  Json& json = parsed.json;
  if (json.is_discarded()) {
    return BadRequest{{}, refused(ErrorCode::not_json, "request: the line is not JSON")};
  }
  Requests requests;
  requests.is_batch = json.is_array();
  if (!requests.is_batch) {
    requests.list.push_back(parse_request(std::move(json)));
    return requests;
  }
  if (json.empty()) return BadRequest{{}, not_a_request("request: an empty batch")};
  if (json.size() > kMaxBatch) {
    return BadRequest{
        {},
        refused(
            ErrorCode::limit_reached,
            "request: a batch of " + std::to_string(json.size()) + " requests is above the limit " +
                std::to_string(kMaxBatch)
        )};
  }
  for (Json& element : json) requests.list.push_back(parse_request(std::move(element)));
  return requests;
}

std::string format_result(const Json& id, const Json& result) {
  return dumped(Json{{"jsonrpc", "2.0"}, {"id", id}, {"result", result}});
}

std::string format_failure(const Json& id, const Failure& failure) {
  Json error{{"code", static_cast<int>(failure.code)}, {"message", failure.message}};
  if (failure.index.has_value()) error["data"]["index"] = *failure.index;
  if (!failure.field.empty()) error["data"]["field"] = failure.field;
  return dumped(Json{{"jsonrpc", "2.0"}, {"id", id}, {"error", std::move(error)}});
}

std::string format_batch(const std::vector<std::string>& answers) {
  if (answers.empty()) return {};
  std::string line = "[";
  for (const std::string& answer : answers) {
    if (line.size() > 1) line += ',';
    line += answer;
  }
  return line + "]";
}

}  // namespace weft::control
