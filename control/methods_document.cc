// get, plan, apply: the desired state as one document (document.h, plan.h).

#include <array>
#include <cassert>

#include "control/document.h"
#include "control/methods.h"
#include "control/plan.h"

namespace weft::control {
namespace {

struct DocumentRequest {
  const Json* document{};
  std::optional<std::string> tenant;
};

Outcome<DocumentRequest> parse_document_request(const Json& params, const char* object) {
  Fields fields{params, object};
  DocumentRequest request;
  request.document = fields.find("document");
  if (fields.is_ok() && request.document == nullptr) fields.refuse("document", "is required");
  if (fields.has("tenant")) request.tenant = fields.required_name("tenant");
  if (auto failure = fields.finish()) return *failure;
  return request;
}

/// Precondition: in a transaction.
std::optional<Failure> carry_out(const Call& call, const std::vector<Step>& steps) {
  for (const Step& step : steps) {
    const Method* method = find_method(step.method);
    assert(method != nullptr);
    auto result = method->handle(Call{call.controller, call.about, step.params, call.now});
    if (result) continue;
    if (step.index.has_value()) return failure_of(step.part, *step.index, result.error());
    return result.error();
  }
  return std::nullopt;
}

Outcome<Json> get(const Call& call) {
  Fields fields{call.params, "get"};
  std::optional<std::string> tenant;
  if (fields.has("tenant")) tenant = fields.required_name("tenant");
  if (auto failure = fields.finish()) return *failure;
  const Model& model = call.controller.model();
  if (tenant.has_value() && model.tenant(*tenant) == nullptr) {
    return refused(
        ErrorCode::not_found, "tenant " + in_quotes(*tenant) + " does not exist", "tenant"
    );
  }
  Json answer = in_force(call);
  answer["document"] = to_json(document_of(model), tenant);
  return answer;
}

Outcome<Json> plan(const Call& call) {
  const auto request = parse_document_request(call.params, "plan");
  if (!request) return request.error();
  if (call.controller.is_in_transaction()) {
    return refused(ErrorCode::bad_parameter, "plan: can not be part of a batch");
  }
  const auto planned = make_plan(call.controller.model(), *request->document, request->tenant);
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
  Controller& controller = call.controller;
  const auto planned = make_plan(controller.model(), *request->document, request->tenant);
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

constexpr std::array kMethods{
    Method{"get", get},
    Method{"plan", plan},
    Method{"apply", apply},
};

}  // namespace

std::span<const Method> document_methods() noexcept {
  return kMethods;
}

}  // namespace weft::control
