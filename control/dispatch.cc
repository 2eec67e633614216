#include "control/dispatch.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include <spdlog/spdlog.h>

#include "control/methods.h"

namespace weft::control {
namespace {

std::array<std::span<const Method>, 6> all_methods() {
  return {
      network_methods(),
      document_methods(),
      state_methods(),
      policy_methods(),
      rule_methods(),
      qos_methods()};
}

/// "segment.add, tenant.add".
std::string listed(const std::set<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
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

void Dispatcher::keep_in(StateJournal* journal) {
  journal_ = journal;
  controller_.keep_in(journal);
}

void Dispatcher::remember(const std::vector<StoredRequest>& requests) {
  for (const StoredRequest& request : requests) {
    log_.put(request.who, request.id, {request.fingerprint, request.answer});
  }
}

// -- lines ---------------------------------------------------------------------------------------

std::string Dispatcher::answer(std::string_view line, TimePoint now, const Peer& peer) {
  const Answer answer = submit(line, now, peer);
  settle();
  return *answer;
}

Answer Dispatcher::submit(std::string_view line, TimePoint now, const Peer& peer) {
  const auto known = [](std::string text) {
    return std::make_shared<const std::string>(std::move(text));
  };
  const auto requests = parse_line(line);
  if (!requests) return known(format_failure(requests.error().id, requests.error().failure));
  if (requests->is_batch) return known(answer_batch(*requests, now, peer));
  const auto& request = requests->list.front();
  if (!request) return known(format_failure(request.error().id, request.error().failure));
  const Method* method = find_method(request->method);
  const bool may_wait =
      journal_ != nullptr && method != nullptr && method->effect == Effect::changes;
  if (may_wait) return join(*request, now, peer);

  const auto result = call(request->method, request->params, now, peer);
  if (!result) spdlog::info("{} refused: {}", request->method, result.error().message);
  if (request->is_notification) return known({});
  return known(
      result ? format_result(request->id, *result) : format_failure(request->id, result.error())
  );
}

// -- requests that share a transaction -----------------------------------------------------------

/// Carries out the request in the transaction that settle() ends. A refused one left no trace in it.
Answer Dispatcher::join(const Request& request, TimePoint now, const Peer& peer) {
  if (waiting_.empty()) controller_.begin(Controller::Purpose::change);
  auto done = carry_out(request.method, request.params, now, peer);
  auto answer = std::make_shared<std::string>();
  if (done) {
    waiting_.push_back(
        {std::move(*done), request.method, peer, request.id, request.is_notification, answer}
    );
    return answer;
  }
  if (waiting_.empty()) controller_.roll_back();
  spdlog::info("{} refused: {}", request.method, done.error().message);
  if (!request.is_notification) *answer = format_failure(request.id, done.error());
  return answer;
}

void Dispatcher::settle() {
  if (waiting_.empty()) return;
  std::vector<Waiting> waiting = std::exchange(waiting_, {});
  std::vector<Done*> done;
  std::set<std::string> who;
  std::set<std::string> what;
  for (Waiting& request : waiting) {
    done.push_back(&request.done);
    who.insert(request.peer.name());
    what.insert(request.method);
  }
  const auto committed = commit(done, listed(who), listed(what));
  if (!committed) spdlog::error("{}", committed.error().message);
  for (const Waiting& request : waiting) {
    if (request.is_notification) continue;
    *request.answer = committed ? format_result(request.id, request.done.result)
                                : format_failure(request.id, committed.error());
  }
}

/// Ends the transaction: durable and in force, or rolled back.
Outcome<Ok> Dispatcher::commit(
    const std::vector<Done*>& done, const std::string& who, const std::string& what
) {
  const bool is_change = !controller_.changed_entries().empty();
  std::vector<StoredRequest> requests;
  for (Done* each : done) {
    if (each->is_repeated) continue;
    // They are in force together.
    Json& result = each->result;
    if (result.contains("generation")) result["generation"] = controller_.generation().value();
    if (!each->name.has_value()) continue;
    std::string answer = result.dump();
    if (answer.size() > RequestLog::kMaxAnswer) continue;
    const RequestName& name = *each->name;
    requests.push_back({name.owner, name.id, name.fingerprint, std::move(answer)});
  }
  if (journal_ != nullptr) journal_->describe(who, what, requests);
  if (auto committed = controller_.commit_transaction(); !committed) return committed;
  if (journal_ != nullptr && !is_change && !requests.empty()) {
    const Status written = journal_->remember(requests);
    if (!written) spdlog::error("{}: request ids are not remembered", written.error().message);
  }
  remember(requests);
  return Ok{};
}

// -- batches -------------------------------------------------------------------------------------

/// The refusal's index is the request's.
Outcome<std::vector<Dispatcher::Done>> Dispatcher::carry_out(
    const Requests& batch, TimePoint now, const Peer& peer
) {
  const auto refusal = [](std::size_t index, Failure failure) {
    failure.index = index;
    return failure;
  };
  for (std::size_t i = 0; i < batch.list.size(); ++i) {
    if (!batch.list[i]) return refusal(i, batch.list[i].error().failure);
  }
  std::vector<Done> results;
  std::set<std::string> methods;
  std::size_t octets = 0;
  controller_.begin(Controller::Purpose::change);
  for (std::size_t i = 0; i < batch.list.size(); ++i) {
    const Request& request = *batch.list[i];
    auto done = carry_out(request.method, request.params, now, peer);
    if (!done) {
      spdlog::info("{} refused, and its batch: {}", request.method, done.error().message);
      controller_.roll_back();
      return refusal(i, done.error());
    }
    octets += format_result(request.id, done->result).size();
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
    methods.insert(request.method);
    results.push_back(std::move(*done));
  }
  std::vector<Done*> done;
  done.reserve(results.size());
  for (Done& each : results) done.push_back(&each);
  const auto committed = commit(done, peer.name(), listed(methods));
  if (!committed) return committed.error();
  return results;
}

std::string Dispatcher::answer_batch(const Requests& batch, TimePoint now, const Peer& peer) {
  settle();
  const auto results = carry_out(batch, now, peer);
  std::vector<std::string> answers;
  for (std::size_t i = 0; i < batch.list.size(); ++i) {
    const auto& request = batch.list[i];
    if (request && request->is_notification) continue;
    const Json& id = request ? request->id : request.error().id;
    if (results) {
      answers.push_back(format_result(id, (*results)[i].result));
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

// -- one request ---------------------------------------------------------------------------------

Outcome<Json> Dispatcher::call(
    std::string_view method, const Json& params, TimePoint now, const Peer& peer
) {
  if (!waiting_.empty()) settle();  // what it reads must be in force
  const Method* found = find_method(method);
  const bool is_durable = journal_ != nullptr && found != nullptr && found->effect != Effect::none;
  if (is_durable) controller_.begin(Controller::Purpose::change);
  auto done = carry_out(method, params, now, peer);
  if (!done) {
    if (is_durable) controller_.roll_back();
    return done.error();
  }
  if (is_durable) {
    const auto committed = commit({&*done}, peer.name(), std::string{method});
    if (!committed) return committed.error();
  } else if (done->name.has_value()) {
    const RequestName& name = *done->name;
    log_.put(name.owner, name.id, {name.fingerprint, done->result.dump()});
  }
  return std::move(done->result);
}

Outcome<Dispatcher::Done> Dispatcher::carry_out(
    std::string_view method, const Json& params, TimePoint now, const Peer& peer
) {
  const Method* found = find_method(method);
  if (found == nullptr) {
    return refused(ErrorCode::unknown_method, "method " + in_quotes(method) + " does not exist");
  }
  const bool has_name = found->effect != Effect::none && params.contains("request_id");
  if (!has_name) {
    auto result = found->handle(Call{controller_, about_, params, now, journal_});
    if (!result) return result.error();
    return Done{std::move(*result), std::nullopt, false};
  }
  auto name = name_of(method, params, peer);
  if (!name) return name.error();
  auto earlier = earlier_result(*name);
  if (!earlier) return earlier.error();
  if (earlier->has_value()) return Done{std::move(**earlier), std::nullopt, true};
  Json rest = params;
  rest.erase("request_id");
  auto result = found->handle(Call{controller_, about_, rest, now, journal_});
  if (!result) return result.error();
  return Done{std::move(*result), std::move(*name), false};
}

Outcome<Dispatcher::RequestName> Dispatcher::name_of(
    std::string_view method, const Json& params, const Peer& peer
) const {
  constexpr std::size_t kMaxId = 128;
  const Json& id = params["request_id"];
  if (!id.is_string() || id.get_ref<const std::string&>().empty() ||
      id.get_ref<const std::string&>().size() > kMaxId) {
    return refused(
        ErrorCode::bad_parameter,
        "request_id: " + shown(id) + " is no text of 1 to " + std::to_string(kMaxId) + " octets",
        "request_id"
    );
  }
  return RequestName{peer.owner(), id.get<std::string>(), RequestLog::fingerprint(method, params)};
}

/// nullopt: the id is new.
Outcome<std::optional<Json>> Dispatcher::earlier_result(const RequestName& name) const {
  const auto refuse_other = [&] {
    return refused(
        ErrorCode::exists_differently,
        "request_id: " + in_quotes(name.id) + " was given to another request",
        "request_id"
    );
  };
  for (const Waiting& request : waiting_) {
    const auto& other = request.done.name;
    if (!other.has_value() || other->owner != name.owner || other->id != name.id) continue;
    if (other->fingerprint != name.fingerprint) return refuse_other();
    return std::optional{request.done.result};
  }
  const RequestLog::Answered* answered = log_.find(name.owner, name.id);
  if (answered == nullptr) return std::optional<Json>{};
  if (answered->fingerprint != name.fingerprint) return refuse_other();
  return std::optional{Json::parse(answered->answer, nullptr, /*allow_exceptions=*/false)};
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
