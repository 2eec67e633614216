// weftd as the connector sees it: calls with a deadline, and its refusals in CNI's codes.
#pragma once

#include <string>
#include <string_view>

#include "control/cli/client.h"
#include "control/connector/attachment.h"
#include "control/connector/deadline.h"
#include "control/connector/problem.h"

namespace weft::connector {

class Daemon {
 public:
  explicit Daemon(const std::string& socket) : client_{socket, std::chrono::milliseconds{1}} {}

  /// One attempt.
  [[nodiscard]] cli::Answer call(
      std::string_view method, const Json& params, const Deadline& deadline
  );
  /// As above, and again until the deadline when the connection broke with the request on its way: only
  /// for requests that may be carried out twice, for what they are or for their `request_id`. A daemon
  /// that is not there at first is not waited for.
  [[nodiscard]] cli::Answer call_surely(
      std::string_view method, const Json& params, const Deadline& deadline
  );
  /// The result of call_surely, or what CNI calls the refusal.
  [[nodiscard]] Outcome<Json> ask(
      std::string_view method, const Json& params, const Deadline& deadline
  );

 private:
  cli::Client client_;
};

/// The daemon's "no" as CNI has it; its own code is in the details.
[[nodiscard]] Problem problem_of(const cli::Refusal& refusal);
[[nodiscard]] Problem problem_of(const cli::Unreachable& unreachable);

/// 16 random octets as text: names a request, so that it is carried out once.
[[nodiscard]] std::string new_request_id();

}  // namespace weft::connector
