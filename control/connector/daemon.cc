#include "control/connector/daemon.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <thread>

#include <sys/random.h>

namespace weft::connector {
namespace {

// control/failure.h, which is the daemon's own.
constexpr int kBadParameter = -32602;
constexpr int kNotFound = -32001;
constexpr int kExistsDifferently = -32002;
constexpr int kInUse = -32003;
constexpr int kLimitReached = -32004;
constexpr int kDeadline = -32006;

ProblemCode code_of(int code) noexcept {
  switch (code) {
    case kBadParameter:
    case kNotFound:
      return ProblemCode::bad_config;
    case kExistsDifferently:
    case kInUse:
      return ProblemCode::already_exists;
    case kLimitReached:
    case kDeadline:
      return ProblemCode::try_again;
    default:
      return ProblemCode::refused;
  }
}

}  // namespace

cli::Answer Daemon::call(std::string_view method, const Json& params, const Deadline& deadline) {
  client_.set_timeout(std::max(deadline.left(), std::chrono::milliseconds{1}));
  return client_.call(method, params);
}

cli::Answer Daemon::call_surely(
    std::string_view method, const Json& params, const Deadline& deadline
) {
  constexpr auto kLongestPause = std::chrono::milliseconds{200};
  auto pause = std::chrono::milliseconds{10};
  bool may_have_arrived = false;
  for (;;) {
    cli::Answer answer = call(method, params, deadline);
    auto* unreachable = std::get_if<cli::Unreachable>(&answer);
    if (unreachable == nullptr) return answer;
    may_have_arrived = may_have_arrived || unreachable->may_have_arrived;
    unreachable->may_have_arrived = may_have_arrived;
    if (!may_have_arrived || deadline.left() <= pause) return answer;
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, kLongestPause);
  }
}

Outcome<Json> Daemon::ask(std::string_view method, const Json& params, const Deadline& deadline) {
  cli::Answer answer = call_surely(method, params, deadline);
  if (const auto* refusal = std::get_if<cli::Refusal>(&answer)) return problem_of(*refusal);
  if (const auto* lost = std::get_if<cli::Unreachable>(&answer)) return problem_of(*lost);
  return std::get<Json>(std::move(answer));
}

Problem problem_of(const cli::Refusal& refusal) {
  return {code_of(refusal.code), refusal.message, "weftd: " + std::to_string(refusal.code)};
}

Problem problem_of(const cli::Unreachable& unreachable) {
  return {ProblemCode::try_again, unreachable.message};
}

std::string new_request_id() {
  std::array<std::uint8_t, 16> octets{};
  // At most 256 octets are never interrupted and never short (getrandom(2)).
  static_cast<void>(!::getrandom(octets.data(), octets.size(), 0));
  constexpr std::string_view kDigits{"0123456789abcdef"};
  std::string id{"cni-"};
  for (const std::uint8_t octet : octets) {
    id += kDigits[octet >> 4U];
    id += kDigits[octet & 0xFU];
  }
  return id;
}

}  // namespace weft::connector
