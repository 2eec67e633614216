#include "control/dispatch.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include <spdlog/spdlog.h>

#include "control/methods.h"

namespace weft::control {
namespace {

std::array<std::span<const Method>, 7> all_methods() {
  return {
      access_methods(),
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

std::string format_outcome(const Json& id, const Outcome<Json>& outcome) {
  return outcome ? format_result(id, *outcome) : format_failure(id, outcome.error());
}

}  // namespace

const Method* find_method(std::string_view name) noexcept {
  for (const std::span<const Method> methods : all_methods()) {
    const auto found = std::ranges::find(methods, name, &Method::name);
    if (found != methods.end()) return &*found;
  }
  return nullptr;
}

Dispatcher::Dispatcher(Controller& controller, About about, Clock clock)
    : controller_{controller}, about_{std::move(about)}, clock_{std::move(clock)} {
  controller_.tell_to([this](const std::vector<Event>& events) {
    const auto& access = controller_.model().access;
    watchers_.tell(events, controller_.generation().value(), access);
  });
}

Dispatcher::~Dispatcher() {
  controller_.tell_to([](const std::vector<Event>&) {});
}

void Dispatcher::keep_in(StateJournal* journal) {
  journal_ = journal;
  controller_.keep_in(journal);
}

void Dispatcher::remember(const std::vector<StoredRequest>& requests) {
  for (const StoredRequest& request : requests) {
    log_.put(request.who, request.id, {request.fingerprint, request.answer});
  }
}

void Dispatcher::audit(
    std::string_view method, const Json& params, const Peer& peer, const Failure* refusal
) {
  const Guard* guard = guard_of(method);
  if (guard == nullptr || !guard->acts || peer.is_daemon) return;
  const Role role = grant_of(controller_.model().access, peer).role;
  const std::uint64_t generation = refusal == nullptr ? controller_.generation().value() : 0;
  audit_.write({peer, name(role), method, params, refusal, generation});
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

  const auto admitted = admit(request->method, request->params, now, peer);
  const bool may_wait = journal_ != nullptr && admitted &&
                        admitted->method->effect == Effect::changes &&
                        admitted->grant.is_operator() && !admitted->deadline.has_value() &&
                        !admitted->earlier.has_value();
  if (may_wait) return join(*request, *admitted, now, peer);
  const auto result = call(request->method, request->params, now, peer);
  if (request->is_notification) return known({});
  return known(format_outcome(request->id, result));
}

// -- requests that share a transaction -----------------------------------------------------------

/// Carries out the request in the transaction that settle() ends. A refused one left no trace in it.
Answer Dispatcher::join(
    const Request& request, const Admitted& admitted, TimePoint now, const Peer& peer
) {
  if (waiting_.empty()) controller_.begin(Controller::Purpose::change);
  auto done = run(admitted, now, peer);
  auto answer = std::make_shared<std::string>();
  if (done) {
    waiting_.push_back({std::move(*done), request, peer, now, answer});
    return answer;
  }
  const bool may_be_the_turns =
      done.error().code == ErrorCode::in_use || done.error().code == ErrorCode::limit_reached;
  if (waiting_.empty() || !may_be_the_turns) {
    if (waiting_.empty()) controller_.roll_back();
    audit(request.method, request.params, peer, &done.error());
    spdlog::info("{} refused: {}", request.method, done.error().message);
    if (!request.is_notification) *answer = format_failure(request.id, done.error());
    return answer;
  }
  // What others just gave back can not be taken in the same change, so it is no reason to refuse.
  settle();
  return join(request, admitted, now, peer);
}

void Dispatcher::settle() {
  if (journal_ != nullptr) journal_->retry(controller_);
  if (waiting_.empty()) return;
  std::vector<Waiting> waiting = std::exchange(waiting_, {});
  std::vector<Done*> done;
  std::set<std::string> who;
  std::set<std::string> what;
  for (Waiting& request : waiting) {
    done.push_back(&request.done);
    who.insert(request.peer.name());
    what.insert(request.request.method);
  }
  const auto committed = commit(done, listed(who), listed(what));
  if (!committed) spdlog::error("{}", committed.error().message);
  for (Waiting& waited : waiting) {
    const Request& request = waited.request;
    Outcome<Json> result = std::move(waited.done.result);
    if (!committed && waiting.size() == 1) {
      result = committed.error();
    } else if (!committed) {
      // Somebody else's request may be to blame.
      result = call(request.method, request.params, waited.arrived, waited.peer);
    }
    if (committed || waiting.size() == 1) {
      audit(request.method, request.params, waited.peer, result ? nullptr : &result.error());
    }
    if (!request.is_notification) *waited.answer = format_outcome(request.id, result);
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
    const RequestName& name = *each->name;
    requests.push_back({name.owner, name.id, name.fingerprint, RequestLog::kept_answer(result)});
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
Outcome<std::vector<Dispatcher::Done>> Dispatcher::carry_out_batch(
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
  const auto carry_out_one = [&](const Request& request) -> std::optional<Failure> {
    auto admitted = admit(request.method, request.params, now, peer);
    if (!admitted) return admitted.error();
    for (const Done& other : results) {
      if (!admitted->name.has_value() || !other.name.has_value() ||
          other.name->id != admitted->name->id) {
        continue;
      }
      return refused(
          ErrorCode::bad_parameter,
          "request_id: " + in_quotes(other.name->id) + " is there twice in the batch",
          "request_id"
      );
    }
    auto done = run(*admitted, now, peer);
    if (!done) return done.error();
    if (auto late = check_deadline(admitted->deadline)) return late;
    octets += format_result(request.id, done->result).size();
    if (octets > kMaxBatchAnswers) {
      return refused(
          ErrorCode::limit_reached,
          "request: the answers of the batch are above the limit " +
              std::to_string(kMaxBatchAnswers) + " octets"
      );
    }
    methods.insert(request.method);
    results.push_back(std::move(*done));
    return std::nullopt;
  };
  for (std::size_t i = 0; i < batch.list.size(); ++i) {
    const auto failure = carry_out_one(*batch.list[i]);
    if (!failure.has_value()) continue;
    spdlog::info("{} refused, and its batch: {}", batch.list[i]->method, failure->message);
    controller_.roll_back();
    return refusal(i, *failure);
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
  const auto results = carry_out_batch(batch, now, peer);
  std::vector<std::string> answers;
  for (std::size_t i = 0; i < batch.list.size(); ++i) {
    const auto& request = batch.list[i];
    Outcome<Json> result = Json{};
    if (results) {
      result = (*results)[i].result;
    } else {
      Failure failure = results.error();
      const auto culprit = std::exchange(failure.index, std::nullopt);
      if (culprit.has_value() && *culprit != i) {
        failure = refused(
            ErrorCode::not_carried_out,
            "not carried out: request " + std::to_string(*culprit) + " of the batch was refused"
        );
      }
      result = failure;
    }
    if (request) audit(request->method, request->params, peer, result ? nullptr : &result.error());
    if (request && request->is_notification) continue;
    answers.push_back(format_outcome(request ? request->id : request.error().id, result));
  }
  return format_batch(answers);
}

Outcome<Ok> Dispatcher::carry_out(const std::vector<Request>& requests, TimePoint now) {
  if (requests.empty()) return Ok{};
  Requests batch{.is_batch = true, .list = {}};
  for (const Request& request : requests) batch.list.emplace_back(request);
  settle();
  const auto done = carry_out_batch(batch, now, Peer{});
  if (!done) return done.error();
  return Ok{};
}

// -- one request ---------------------------------------------------------------------------------

Outcome<Json> Dispatcher::call(
    std::string_view method, const Json& params, TimePoint now, const Peer& peer
) {
  settle();  // what it reads must be in force
  const auto admitted = admit(method, params, now, peer);
  auto result = admitted ? run_alone(*admitted, now, peer) : Outcome<Json>{admitted.error()};
  if (!result) spdlog::info("{} refused: {}", method, result.error().message);
  audit(method, params, peer, result ? nullptr : &result.error());
  return result;
}

Outcome<Json> Dispatcher::run_alone(const Admitted& admitted, TimePoint now, const Peer& peer) {
  // Whatever may have to be undone although the verb itself was carried out.
  const bool is_change = admitted.method->effect != Effect::none;
  const bool is_transaction = is_change && (journal_ != nullptr || admitted.deadline.has_value() ||
                                            admitted.name.has_value());
  if (is_transaction) controller_.begin(Controller::Purpose::change);
  auto done = run(admitted, now, peer);
  auto late = done ? check_deadline(admitted.deadline) : std::nullopt;
  if (!done || late.has_value()) {
    if (is_transaction) controller_.roll_back();
    return done ? *late : done.error();
  }
  if (is_transaction) {
    const auto committed = commit({&*done}, peer.name(), std::string{admitted.method->name});
    if (!committed) return committed.error();
  }
  return std::move(done->result);
}

/// Judges all that can be judged before it is carried out.
Outcome<Dispatcher::Admitted> Dispatcher::admit(
    std::string_view method, const Json& params, TimePoint now, const Peer& peer
) const {
  Admitted admitted;
  admitted.method = find_method(method);
  admitted.guard = guard_of(method);
  if (admitted.method == nullptr || admitted.guard == nullptr) {
    return refused(ErrorCode::unknown_method, "method " + in_quotes(method) + " does not exist");
  }
  admitted.grant = grant_of(controller_.model().access, peer);
  admitted.params = params;
  auto failure = refusal(*admitted.guard, admitted.grant, controller_.model(), params, false);
  if (!failure.has_value()) failure = read_options(admitted, params, now, peer);
  if (failure.has_value()) return *failure;
  return admitted;
}

/// `request_id` and `deadline_ms`, which every method has that changes the document.
std::optional<Failure> Dispatcher::read_options(
    Admitted& admitted, const Json& params, TimePoint now, const Peer& peer
) const {
  constexpr std::size_t kMaxId = 128;
  constexpr std::int64_t kMaxDeadline = 600'000;
  if (admitted.method->effect == Effect::none || !params.is_object()) return std::nullopt;
  admitted.params.erase("request_id");
  admitted.params.erase("deadline_ms");
  if (const auto id = params.find("request_id"); id != params.end()) {
    const auto* text = id->is_string() ? &id->get_ref<const std::string&>() : nullptr;
    if (text == nullptr || text->empty() || text->size() > kMaxId) {
      return refused(
          ErrorCode::bad_parameter,
          "request_id: " + shown(*id) + " is no text of 1 to " + std::to_string(kMaxId) + " octets",
          "request_id"
      );
    }
    admitted.name = RequestName{
        peer.owner(), *text, RequestLog::fingerprint(admitted.method->name, admitted.params)};
    auto earlier = earlier_result(*admitted.name);
    if (!earlier) return earlier.error();
    admitted.earlier = std::move(*earlier);
  }
  if (const auto deadline = params.find("deadline_ms"); deadline != params.end()) {
    const auto ms = deadline->is_number_integer() ? deadline->get<std::int64_t>() : 0;
    if (ms < 1 || ms > kMaxDeadline) {
      return refused(
          ErrorCode::bad_parameter,
          "deadline_ms: " + shown(*deadline) + " is no number of 1 to " +
              std::to_string(kMaxDeadline),
          "deadline_ms"
      );
    }
    admitted.deadline = now + std::chrono::milliseconds{ms};
    return check_deadline(admitted.deadline);
  }
  return std::nullopt;
}

std::optional<Failure> Dispatcher::check_deadline(const std::optional<TimePoint>& deadline) const {
  if (!deadline.has_value()) return std::nullopt;
  const TimePoint now = clock_();
  if (now < *deadline) return std::nullopt;
  const auto late = std::chrono::duration_cast<std::chrono::milliseconds>(now - *deadline).count();
  return refused(
      ErrorCode::deadline,
      "deadline_ms: it passed " + std::to_string(late) + " ms ago; nothing was changed",
      "deadline_ms"
  );
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

Outcome<Dispatcher::Done> Dispatcher::run(
    const Admitted& admitted, TimePoint now, const Peer& peer
) {
  if (admitted.earlier.has_value()) return Done{*admitted.earlier, std::nullopt, true};
  const Grant& grant = admitted.grant;
  if (!grant.is_operator()) controller_.limit_places(grant.tenants);
  auto result = admitted.method->handle(Call{
      controller_, about_, admitted.params, now, journal_, peer, grant, audit_, watchers_});
  controller_.limit_places(std::nullopt);
  if (!result) return result.error();
  keep_visible(*admitted.guard, grant, controller_.model(), *result);
  return Done{std::move(*result), admitted.name, false};
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
