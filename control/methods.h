// Methods: the handlers behind the Dispatcher, one table of them for each part of README.md.
//
// A handler parses its parameters (params*.h), calls the Controller, and forms the answer. It never throws
// and keeps no state. To add a method, add a handler and a row to the table of its part.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "control/access/access.h"
#include "control/access/audit.h"
#include "control/controller.h"
#include "control/dispatch.h"
#include "control/document_scope.h"
#include "control/events.h"
#include "control/failure.h"
#include "control/fields.h"
#include "control/state_journal.h"

namespace weft::control {

/// What every handler gets.
struct Call {
  Controller& controller;
  const About& about;
  const Json& params;
  TimePoint now;
  StateJournal* journal{};  // nullptr: nothing is durable
  const Peer& peer;
  const Grant& grant;
  const Audit& audit;
  Watchers& watchers;

  /// The same with other parameters, which outlive it.
  [[nodiscard]] Call with(const Json& others) const {
    return {controller, about, others, now, journal, peer, grant, audit, watchers};
  }
};

enum class Effect : std::uint8_t {
  none,     // reads, or changes something that is no part of the document
  changes,  // the document: durable before it is answered, and may have a request_id
  replaces,  // the same in many steps: what a refused one did is undone by rolling back its transaction only
};

struct Method {
  std::string_view name;
  Outcome<Json> (*handle)(const Call& call);
  Effect effect = Effect::none;
};

/// nullptr: there is none. Searches all tables (dispatch.cc).
[[nodiscard]] const Method* find_method(std::string_view name) noexcept;

/// whoami, access.* and audit.list (access/methods_access.cc).
[[nodiscard]] std::span<const Method> access_methods() noexcept;
/// What is not classification (methods_network.cc).
[[nodiscard]] std::span<const Method> network_methods() noexcept;
/// get, plan and apply (methods_document.cc).
[[nodiscard]] std::span<const Method> document_methods() noexcept;
/// history and rollback (methods_state.cc).
[[nodiscard]] std::span<const Method> state_methods() noexcept;
/// policy.*, l7.* and flow.* (methods_policy.cc).
[[nodiscard]] std::span<const Method> policy_methods() noexcept;
/// rule.* (methods_rule.cc).
[[nodiscard]] std::span<const Method> rule_methods() noexcept;
/// qos.* (methods_qos.cc).
[[nodiscard]] std::span<const Method> qos_methods() noexcept;

/// What `apply` does: in a transaction of its own, unless there is one (methods_document.cc).
[[nodiscard]] Outcome<Json> apply_document(
    const Call& call, const Json& document, const Scope& scope
);

[[nodiscard]] inline Json in_force(const Call& call) {
  return Json{{"generation", call.controller.generation().value()}};
}

/// Of a method that can not be undone, or has no meaning there.
[[nodiscard]] inline Failure not_in_a_batch(const char* method) {
  return refused(ErrorCode::bad_parameter, std::string{method} + ": can not be part of a batch");
}

/// The answer of a verb that has nothing to say but its generation.
template <typename T>
[[nodiscard]] Outcome<Json> answered(const Call& call, const Outcome<T>& outcome) {
  if (!outcome) return outcome.error();
  return in_force(call);
}

}  // namespace weft::control
