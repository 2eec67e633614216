// Dispatcher: a request line in, an answer line out.
//
// Finds the handler of a method, turns its JSON parameters into typed ones (params.h), calls the
// Controller and turns what it says into JSON. The methods are tables (methods.h). A batch is one transaction: its requests
// are carried out in order, each seeing what those before it did, and all of them are in force together or none.
//
//   Dispatcher dispatcher{controller, About{.weft = "0.1.0", .dpdk = "22.11.11", .pid = 4711}};
//   Server::open({.path = "/run/weft/weft.sock"},
//                [&](std::string_view line) { return dispatcher.answer(line, Clock::now()); });
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "control/controller.h"
#include "control/failure.h"
#include "control/fields.h"
#include "control/protocol.h"

namespace weft::control {

/// What `version` says.
struct About {
  std::string weft;
  std::string dpdk;
  int pid{};
};

class Dispatcher {
 public:
  using Json = control::Json;

  /// `controller` outlives the dispatcher.
  Dispatcher(Controller& controller, About about);

  /// The answer to one line (both without newline); empty for notifications, which have no answer
  /// (JSON-RPC 2.0 s4.1).
  [[nodiscard]] std::string answer(std::string_view line, TimePoint now);

  /// The result of one method: what `answer` wraps, and what a config file is applied with.
  [[nodiscard]] Outcome<Json> call(std::string_view method, const Json& params, TimePoint now);

  /// `apply` of the whole document (document.h).
  [[nodiscard]] Outcome<Ok> apply_document(const Json& document, TimePoint now);

  [[nodiscard]] static std::vector<std::string_view> methods();

 private:
  [[nodiscard]] std::string answer_one(const Result<Request, BadRequest>& request, TimePoint now);
  [[nodiscard]] std::string answer_batch(const Requests& batch, TimePoint now);
  [[nodiscard]] Outcome<std::vector<Json>> carry_out(const Requests& batch, TimePoint now);

  Controller& controller_;
  About about_;
};

}  // namespace weft::control
