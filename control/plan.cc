#include "control/plan.h"

#include <utility>

#include "control/comparison.h"
#include "control/planner.h"

namespace weft::control {
namespace {

using Action = Change::Action;

std::vector<Change> changes_of(const Comparison& comparison) {
  std::vector<Change> changes;
  for (const Part part : kParts) {
    for (const Pair& pair : comparison.of(part)) {
      if (pair.before == nullptr) {
        changes.push_back({Action::add, part, pair.after->name, {}});
      } else if (pair.after == nullptr) {
        changes.push_back({Action::remove, part, pair.before->name, {}});
      } else if (pair.is_replaced || pair.changes()) {
        const Action action = pair.is_replaced ? Action::replace : Action::change;
        auto fields = differing_fields(pair.before->json, pair.after->json);
        changes.push_back({action, part, pair.after->name, std::move(fields)});
      }
    }
  }
  return changes;
}

const char* word(Action action) {
  switch (action) {
    case Action::add:
      return "add";
    case Action::change:
      return "change";
    case Action::replace:
      return "replace";
    case Action::remove:
      return "remove";
  }
  return "";
}

}  // namespace

Outcome<Plan> make_plan(const Model& model, const Json& json, const Scope& scope) {
  const auto wanted = parse_document(json, model, scope);
  if (!wanted) return wanted.error();
  const Document current = document_of(model);
  if (auto failure = check_scope(current, *wanted, scope)) return *failure;
  const Comparison comparison{current, *wanted, scope};
  return Plan{changes_of(comparison), Planner{model, comparison}.make()};
}

Json to_json(const std::vector<Change>& changes) {
  Json list = Json::array();
  for (const Change& change : changes) {
    Json json{
        {"action", word(change.action)}, {"section", name(change.part)}, {"name", change.name}};
    if (!change.fields.empty()) json["fields"] = change.fields;
    list.push_back(std::move(json));
  }
  return list;
}

}  // namespace weft::control
