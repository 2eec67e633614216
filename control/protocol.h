// Protocol: lines to requests, results and failures to lines (JSON-RPC 2.0, README.md).
//
// Hostile input is bounded here, once: a line that nests deeper than kMaxDepth or has an object of
// more than kMaxKeys keys is refused while it is parsed. Without that, a line of a megabyte could
// occupy the control thread for seconds (keys are kept in order and found by a walk) or exhaust its
// stack.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "control/failure.h"
#include "control/fields.h"

namespace weft::control {

inline constexpr std::size_t kMaxDepth = 16;
inline constexpr std::size_t kMaxKeys = 64;
/// Requests of a batch, and octets of its answers together.
inline constexpr std::size_t kMaxBatch = 4096;
inline constexpr std::size_t kMaxBatchAnswers = std::size_t{16} * 1024 * 1024;

struct Request {
  Json id{};               // string, number or null
  bool is_notification{};  // no id at all: there will be no answer (JSON-RPC 2.0 s4.1)
  std::string method{};
  Json params = Json::object();
};

struct BadRequest {
  Json id;  // null when it could not be read
  Failure failure;
};

/// What one line asks for.
struct Requests {
  bool is_batch{};  // an array: one transaction, answered by an array (JSON-RPC 2.0 s6)
  std::vector<Result<Request, BadRequest>> list;  // not empty; of one element unless it is a batch
};

/// Refused as a whole: what is not JSON, breaks a bound, or is a batch of nothing or of too much.
[[nodiscard]] Result<Requests, BadRequest> parse_line(std::string_view line);

// One line each, without the newline. Text that is not UTF-8 is mended, never thrown at.
[[nodiscard]] std::string format_result(const Json& id, const Json& result);
[[nodiscard]] std::string format_failure(const Json& id, const Failure& failure);
/// Of a batch, from its elements' lines; empty when there is none.
[[nodiscard]] std::string format_batch(const std::vector<std::string>& answers);

}  // namespace weft::control
