#include "control/protocol.h"

#include <utility>
#include <vector>

namespace weft::control {
namespace {

Failure not_a_request(std::string message, std::string field = {}) {
  return refused(ErrorCode::not_a_request, std::move(message), std::move(field));
}

struct ParsedLine {
  Json json;
  bool is_too_deep{};
  bool is_too_wide{};
};

ParsedLine parse_bounded(std::string_view line) {
  ParsedLine parsed;
  std::vector<std::size_t> keys(1);  // of each open object or array
  const auto is_kept = [&](int depth, Json::parse_event_t event, const Json&) {
    using Event = Json::parse_event_t;
    switch (event) {
      case Event::object_start:
      case Event::array_start:
        parsed.is_too_deep |= static_cast<std::size_t>(depth) >= kMaxDepth;
        if (!parsed.is_too_deep) keys.push_back(0);
        return !parsed.is_too_deep;
      case Event::object_end:
      case Event::array_end:
        if (keys.size() > 1) keys.pop_back();
        return true;
      case Event::key:
        parsed.is_too_wide |= ++keys.back() > kMaxKeys;
        return !parsed.is_too_wide;
      case Event::value:
        return true;
    }
    return true;
  };
  parsed.json = Json::parse(line, is_kept, /*allow_exceptions=*/false);
  return parsed;
}

std::string dumped(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

Result<Request, BadRequest> parse_request(std::string_view line) {
  ParsedLine parsed = parse_bounded(line);
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
  if (!json.is_object()) {
    const std::string reason = json.is_array() ? "batches are not supported, send one object a line"
                                               : shown(json) + " is not an object";
    return BadRequest{{}, not_a_request("request: " + reason)};
  }

  Request request;
  if (const auto id = json.find("id"); id == json.end()) {
    request.is_notification = true;
  } else if (id->is_string() || id->is_number() || id->is_null()) {
    request.id = *id;
  } else {
    return BadRequest{{}, not_a_request("request.id: " + shown(*id) + " is no id", "id")};
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

std::string format_result(const Json& id, const Json& result) {
  return dumped(Json{{"jsonrpc", "2.0"}, {"id", id}, {"result", result}});
}

std::string format_failure(const Json& id, const Failure& failure) {
  Json error{{"code", static_cast<int>(failure.code)}, {"message", failure.message}};
  if (!failure.field.empty()) error["data"] = {{"field", failure.field}};
  return dumped(Json{{"jsonrpc", "2.0"}, {"id", id}, {"error", std::move(error)}});
}

}  // namespace weft::control
