// Failure: why a request was refused, in the words of the protocol.
//
// `message` is the operator's sentence (object, value, limit); `field` is the path of the offending
// parameter ("endpoints[1].mac"), empty when no single one is to blame; `index` is the element to blame of
// a list that is all or nothing (policy.apply).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "dataplane/base/result.h"

namespace weft::control {

/// JSON-RPC 2.0 s5.1, and from -32000 on what the state forbids (README.md).
enum class ErrorCode : int {
  not_json = -32700,
  not_a_request = -32600,
  unknown_method = -32601,
  bad_parameter = -32602,
  not_found = -32001,
  exists_differently = -32002,
  in_use = -32003,
  limit_reached = -32004,
  system_refused = -32005,
  deadline = -32006,
  not_carried_out = -32007,
  not_permitted = -32008,
};

struct Failure {
  ErrorCode code{};
  std::string message;
  std::string field;
  std::optional<std::size_t> index{};
};

[[nodiscard]] inline Failure refused(ErrorCode code, std::string message, std::string field = {}) {
  return Failure{code, std::move(message), std::move(field), std::nullopt};
}

template <typename T>
using Outcome = Result<T, Failure>;

}  // namespace weft::control
