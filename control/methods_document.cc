// get, plan, apply: the desired state as one document (document.h, plan.h).

#include <algorithm>
#include <array>
#include <cassert>
#include <string>

#include "control/access/permission.h"
#include "control/document.h"
#include "control/methods.h"
#include "control/plan.h"

namespace weft::control {
namespace {

/// An endpoint without an interface's name is its container's eth0, as everywhere.
Scope scope_of(Fields& fields) {
  Scope scope;
  if (fields.has("tenant")) scope.tenant = fields.required_name("tenant");
  if (fields.has("endpoint")) {
    scope.endpoint = fields.required_text("endpoint");
    if (scope.endpoint->find('/') == std::string::npos) *scope.endpoint += "/eth0";
  }
  return scope;
}

struct DocumentRequest {
  const Json* document{};
  Scope scope;
};

Outcome<DocumentRequest> parse_document_request(const Json& params, const char* object) {
  Fields fields{params, object};
  DocumentRequest request;
  request.document = fields.find("document");
  if (fields.is_ok() && request.document == nullptr) fields.refuse("document", "is required");
  request.scope = scope_of(fields);
  if (auto failure = fields.finish()) return *failure;
  return request;
}

/// Precondition: in a transaction.
std::optional<Failure> carry_out(const Call& call, const std::vector<Step>& steps) {
  for (const Step& step : steps) {
    const Method* method = find_method(step.method);
    const Guard* guard = guard_of(step.method);
    assert(method != nullptr && guard != nullptr);
    auto failure =
        refusal(*guard, call.grant, call.controller.model(), step.params, /*is_step=*/true);
    if (!failure.has_value()) {
      Call each = call.with(step.params);
      const auto result = method->handle(each);
      if (result) continue;
      failure = result.error();
    }
    if (step.index.has_value()) return failure_of(step.part, *step.index, *failure);
    return failure;
  }
  return std::nullopt;
}

Outcome<Json> get(const Call& call) {
  Fields fields{call.params, "get"};
  const Scope scope = scope_of(fields);
  if (auto failure = fields.finish()) return *failure;
  const Model& model = call.controller.model();
  if (scope.tenant.has_value() && model.tenant(*scope.tenant) == nullptr) {
    return refused(
        ErrorCode::not_found, "tenant " + in_quotes(*scope.tenant) + " does not exist", "tenant"
    );
  }
  const Document document = document_of(model);
  const auto is_asked_for = [&](const Entry& entry) { return entry.name == scope.endpoint; };
  if (scope.endpoint.has_value() &&
      std::ranges::none_of(*document[Part::endpoints], is_asked_for)) {
    return refused(
        ErrorCode::not_found,
        "endpoint " + in_quotes(*scope.endpoint) + " does not exist",
        "endpoint"
    );
  }
  Json answer = in_force(call);
  answer["document"] = to_json(document, scope);
  return answer;
}

Outcome<Json> plan(const Call& call) {
  const auto request = parse_document_request(call.params, "plan");
  if (!request) return request.error();
  if (call.controller.is_in_transaction()) {
    return not_in_a_batch("plan");
  }
  const auto planned = make_plan(call.controller.model(), *request->document, request->scope);
  if (!planned) return planned.error();
  std::optional<Failure> failure;
  if (!planned->steps.empty()) {
    call.controller.begin(Controller::Purpose::trial);
    failure = carry_out(call, planned->steps);
    call.controller.roll_back();
  }
  if (failure.has_value()) return *failure;
  Json answer = in_force(call);
  answer["changes"] = to_json(planned->changes);
  return answer;
}

Outcome<Json> apply(const Call& call) {
  const auto request = parse_document_request(call.params, "apply");
  if (!request) return request.error();
  return apply_document(call, *request->document, request->scope);
}

constexpr std::array kMethods{
    Method{"get", get},
    Method{"plan", plan},
    Method{"apply", apply, Effect::replaces},
};

}  // namespace

Outcome<Json> apply_document(const Call& call, const Json& document, const Scope& scope) {
  Controller& controller = call.controller;
  const auto planned = make_plan(controller.model(), document, scope);
  if (!planned) return planned.error();
  if (!planned->steps.empty()) {
    // In a batch it is part of the batch's transaction.
    const bool is_own = !controller.is_in_transaction();
    if (is_own) controller.begin(Controller::Purpose::change);
    if (auto failure = carry_out(call, planned->steps)) {
      if (is_own) controller.roll_back();
      return *failure;
    }
    if (is_own) {
      if (const auto status = controller.commit_transaction(); !status) return status.error();
    }
  }
  Json answer = in_force(call);
  answer["changes"] = to_json(planned->changes);
  return answer;
}

std::span<const Method> document_methods() noexcept {
  return kMethods;
}

}  // namespace weft::control
