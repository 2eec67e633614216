#include "control/dispatch.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include <spdlog/spdlog.h>

#include "control/methods.h"

namespace weft::control {
namespace {

std::array<std::span<const Method>, 5> all_methods() {
  return {network_methods(), document_methods(), policy_methods(), rule_methods(), qos_methods()};
}

}  // namespace

const Method* find_method(std::string_view name) noexcept {
  for (const std::span<const Method> methods : all_methods()) {
    const auto found = std::ranges::find(methods, name, &Method::name);
    if (found != methods.end()) return &*found;
  }
  return nullptr;
}

Dispatcher::Dispatcher(Controller& controller, About about)
    : controller_{controller}, about_{std::move(about)} {}

std::string Dispatcher::answer(std::string_view line, TimePoint now) {
  const auto requests = parse_line(line);
  if (!requests) return format_failure(requests.error().id, requests.error().failure);
  return requests->is_batch ? answer_batch(*requests, now)
                            : answer_one(requests->list.front(), now);
}

std::string Dispatcher::answer_one(const Result<Request, BadRequest>& request, TimePoint now) {
  if (!request) return format_failure(request.error().id, request.error().failure);
  const auto result = call(request->method, request->params, now);
  if (!result) spdlog::info("{} refused: {}", request->method, result.error().message);
  if (request->is_notification) return {};
  return result ? format_result(request->id, *result) : format_failure(request->id, result.error());
}

// -- batches -------------------------------------------------------------------------------------

/// The refusal's index is the request's.
Outcome<std::vector<Json>> Dispatcher::carry_out(const Requests& batch, TimePoint now) {
  const auto refusal = [](std::size_t index, Failure failure) {
    failure.index = index;
    return failure;
  };
  for (std::size_t i = 0; i < batch.list.size(); ++i) {
    if (!batch.list[i]) return refusal(i, batch.list[i].error().failure);
  }
  std::vector<Json> results;
  std::size_t octets = 0;
  controller_.begin(Controller::Purpose::change);
  for (std::size_t i = 0; i < batch.list.size(); ++i) {
    const Request& request = *batch.list[i];
    auto result = call(request.method, request.params, now);
    if (!result) {
      spdlog::info("{} refused, and its batch: {}", request.method, result.error().message);
      controller_.roll_back();
      return refusal(i, result.error());
    }
    octets += format_result(request.id, *result).size();
    if (octets > kMaxBatchAnswers) {
      controller_.roll_back();
      return refusal(
          i,
          refused(
              ErrorCode::limit_reached,
              "request: the answers of the batch are above the limit " +
                  std::to_string(kMaxBatchAnswers) + " octets"
          )
      );
    }
    results.push_back(std::move(*result));
  }
  if (const auto committed = controller_.commit_transaction(); !committed) return committed.error();
  // They are in force together.
  for (Json& result : results) {
    if (result.contains("generation")) result["generation"] = controller_.generation().value();
  }
  return results;
}

std::string Dispatcher::answer_batch(const Requests& batch, TimePoint now) {
  const auto results = carry_out(batch, now);
  std::vector<std::string> answers;
  for (std::size_t i = 0; i < batch.list.size(); ++i) {
    const auto& request = batch.list[i];
    if (request && request->is_notification) continue;
    const Json& id = request ? request->id : request.error().id;
    if (results) {
      answers.push_back(format_result(id, (*results)[i]));
      continue;
    }
    Failure failure = results.error();
    const auto culprit = std::exchange(failure.index, std::nullopt);
    if (culprit.has_value() && *culprit != i) {
      failure = refused(
          ErrorCode::not_carried_out,
          "not carried out: request " + std::to_string(*culprit) + " of the batch was refused"
      );
    }
    answers.push_back(format_failure(id, failure));
  }
  return format_batch(answers);
}

Outcome<Json> Dispatcher::call(std::string_view method, const Json& params, TimePoint now) {
  const Method* found = find_method(method);
  if (found == nullptr) {
    return refused(ErrorCode::unknown_method, "method " + in_quotes(method) + " does not exist");
  }
  return found->handle(Call{controller_, about_, params, now});
}

Outcome<Ok> Dispatcher::apply_document(const Json& document, TimePoint now) {
  const auto applied = call("apply", Json{{"document", document}}, now);
  if (!applied) return applied.error();
  return Ok{};
}

std::vector<std::string_view> Dispatcher::methods() {
  std::vector<std::string_view> names;
  for (const std::span<const Method> methods : all_methods()) {
    for (const Method& method : methods) names.push_back(method.name);
  }
  return names;
}

}  // namespace weft::control
