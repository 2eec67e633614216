#include "control/connector/departure.h"

#include <algorithm>
#include <cstddef>
#include <thread>

#include "control/connector/key_lock.h"
#include "control/connector/sandbox.h"

namespace weft::connector {
namespace {

constexpr int kBadParameter = -32602;
constexpr unsigned kMostAttempts = 100;  // then a departure is given up
constexpr std::size_t kMostReplayed = 16;
constexpr std::size_t kMostListed = 4096;
constexpr auto kReplayTime = std::chrono::seconds{2};
constexpr auto kCloseTime = std::chrono::seconds{1};
constexpr auto kPause = std::chrono::milliseconds{1};

struct Detached {
  std::optional<Problem> problem;  // why something may be attached still
  bool is_unreachable{};
  bool was_there{};
};

Detached detach(Call& call, const Attachment& attachment, const Deadline& deadline) {
  const Json params{{"container", attachment.container}, {"ifname", attachment.ifname}};
  const cli::Answer answer = call.daemon.call_surely("endpoint.detach", params, deadline);
  if (const auto* lost = std::get_if<cli::Unreachable>(&answer)) {
    return {problem_of(*lost), true, false};
  }
  if (const auto* refusal = std::get_if<cli::Refusal>(&answer)) {
    // A name that the daemon does not take has nothing attached under it.
    if (refusal->code == kBadParameter) return {};
    return {problem_of(*refusal), false, false};
  }
  Reader result{&std::get<Json>(answer), "weftd"};
  return {std::nullopt, false, result.number("detached", 0, 0xFFFF).value_or(0) != 0};
}

/// weftd closes a port behind its answer, when no worker knows it any more.
void wait_until_gone(const Environment& environment, const Deadline& deadline) {
  if (environment.netns.empty()) return;
  for (;;) {
    const auto seen = look_at(environment.netns, environment.ifname);
    if (!seen || !seen.value() || deadline.is_over()) return;
    std::this_thread::sleep_for(kPause);
  }
}

Detached leave(Call& call, const Departure& departure, const Deadline& deadline, bool is_twice) {
  Detached detached = detach(call, departure.attachment, deadline);
  if (!detached.problem && is_twice) {
    const bool was_there = detached.was_there;
    detached = detach(call, departure.attachment, deadline);
    detached.was_there = detached.was_there || was_there;
  }
  if (detached.problem) return detached;
  if (detached.was_there && departure.attachment == call.attachment()) {
    wait_until_gone(call.environment, deadline.within(kCloseTime));
  }
  if (!departure.ipam) return detached;
  if (Done freed = ipam_del(*departure.ipam, deadline); !freed) detached.problem = freed.error();
  return detached;
}

}  // namespace

Departed depart(Call& call, Departure departure, const Deadline& deadline, bool is_twice) {
  const Spool spool = call.spool();
  const auto [problem, is_unreachable, was_there] = leave(call, departure, deadline, is_twice);
  if (!problem) {
    spool.remove(departure.attachment);
    return Departed::yes;
  }
  if (!is_unreachable) ++departure.attempts;
  const std::string name = departure.attachment.endpoint();
  if (departure.attempts >= kMostAttempts) {
    note(
        name + ": given up after " + std::to_string(kMostAttempts) +
        " attempts: " + problem->message
    );
    spool.remove(departure.attachment);
  } else if (const Done kept = spool.put(departure); kept) {
    note(name + ": detached later: " + problem->message);
  } else {
    note(name + ": " + problem->message + "; and not kept for later: " + kept.error().message);
  }
  return is_unreachable ? Departed::unreachable : Departed::not_now;
}

Departure departure_of(const Call& call) {
  return {call.attachment(), call.basics.socket, call.ipam(), 0};
}

void replay_spool(Call& call, const Attachment& own) {
  const Spool spool = call.spool();
  const Deadline deadline = call.deadline.within(kReplayTime);
  std::vector<Attachment> waiting = spool.list(kMostListed);
  if (waiting.empty()) return;
  // Each call begins elsewhere: some that can not be carried out do not stand in the way of the others.
  const auto first = static_cast<std::ptrdiff_t>(since_boot() / 1000 % waiting.size());
  std::rotate(waiting.begin(), waiting.begin() + first, waiting.end());
  std::size_t replayed = 0;
  for (const Attachment& attachment : waiting) {
    if (replayed == kMostReplayed || deadline.is_over()) return;
    if (attachment == own) continue;
    // Busy: whoever has it carries it out first.
    const auto lock =
        KeyLock::take(call.keys_folder(), attachment, Deadline{std::chrono::milliseconds{0}});
    if (!lock || !lock.value()) continue;
    auto departure = spool.find(attachment);
    if (!departure || departure->socket != call.basics.socket) continue;
    if (departure->ipam && departure->ipam->environment.path.empty()) {
      departure->ipam->environment.path = call.environment.path;
    }
    ++replayed;
    if (depart(call, *std::move(departure), deadline) == Departed::unreachable) return;
  }
}

}  // namespace weft::connector
