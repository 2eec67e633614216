// Plan: what makes the state what a document says. A pure function of model and document.
//
//   make_plan(model, document, scope)  -> changes: what an operator is told      {"action":"change","name":"blue",...}
//                                      -> steps:   the requests that do it       segment.set {...}
//
// Steps are ordinary verbs, so applying a document goes through the same handlers as the socket. They are carried out
// as one transaction (controller.h), which is why they may pass through states that nobody would want: a policy is
// first rid of the rules that use a meter which is about to go, a budget is lifted while contracts move.
//
//   loosen    what names something that leaves or is replaced
//   remove    in reverse order of the document's sections
//   put       in order: adding, changing, and adding again what is replaced
//   tighten   budgets that were lifted; ports that only their former users kept from being removed
//
// Replaced is what its verbs can not change in place: a port, a meter, an L7 class, a segment that changes its tenant,
// an endpoint whose interface changes; and what hangs on it. Everything else is changed under traffic.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/document.h"
#include "control/failure.h"
#include "control/fields.h"
#include "control/model.h"

namespace weft::control {

struct Change {
  enum class Action : std::uint8_t { add, change, replace, remove };
  Action action{};
  Part part{};
  std::string name;
  std::vector<std::string> fields;  // that differ: of change and replace
};

struct Step {
  std::string method;
  Json params;
  Part part{};
  std::optional<std::size_t> index;  // of the entry in the document; nullopt: it is not from there
};

struct Plan {
  std::vector<Change> changes;
  std::vector<Step> steps;
};

/// No changes: nothing to do. `scope`: which part of the state the document is.
[[nodiscard]] Outcome<Plan> make_plan(
    const Model& model, const Json& document, const Scope& scope = {}
);

[[nodiscard]] Json to_json(const std::vector<Change>& changes);

}  // namespace weft::control
