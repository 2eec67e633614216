#include "control/cli/client.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

namespace weft::cli {

namespace {

using Json = nlohmann::json;

// 10,000 endpoints take about 6 MiB; more than this is not a daemon of ours.
constexpr std::size_t kMaxAnswer = std::size_t{64} << 20U;  // octets

constexpr auto kNever = std::chrono::steady_clock::time_point::max();

std::string why_unreachable(int error) {
  switch (error) {
    case ENOENT:
      return "there is no such socket; is weftd running?";
    case ECONNREFUSED:
      return "nobody listens there; is weftd running?";
    case EACCES:
      return "permission denied; you must be root or in the socket's group";
    case EAGAIN:
      return "the daemon does not take connections";
    default:
      return std::strerror(error);
  }
}

/// "30 s", "250 ms".
std::string seconds(std::chrono::milliseconds time) {
  constexpr std::int64_t kSecond = 1000;
  if (time.count() % kSecond == 0) return std::to_string(time.count() / kSecond) + " s";
  return std::to_string(time.count()) + " ms";
}

/// What JSON-RPC 2.0 s5 demands of an answer to request `id`; nullopt if it is none.
std::optional<Answer> read_answer(const std::string& line, std::uint64_t id) {
  Json answer = Json::parse(line, nullptr, false);
  if (!answer.is_object()) return std::nullopt;
  const auto error = answer.find("error");
  // An error that has no id is about the line itself, which was ours.
  const auto answered = answer.find("id");
  const bool is_ours = answered != answer.end() && (*answered == id || answered->is_null());
  if (!is_ours) return std::nullopt;
  if (error != answer.end()) {
    if (!error->is_object()) return std::nullopt;
    const auto code = error->find("code");
    const auto message = error->find("message");
    if (code == error->end() || !code->is_number_integer()) return std::nullopt;
    if (message == error->end() || !message->is_string()) return std::nullopt;
    return Answer{Refusal{code->get<int>(), message->get<std::string>()}};
  }
  const auto result = answer.find("result");
  if (result == answer.end()) return std::nullopt;
  return Answer{std::in_place_type<Json>, std::move(*result)};
}

}  // namespace

Answer Client::call(std::string_view method, const Json& params) {
  end_ = std::chrono::steady_clock::now() + timeout_;
  is_sent_ = false;
  if (fd_ >= 0 && has_hung_up()) close();
  if (fd_ < 0) {
    if (auto error = open()) return *error;
  }
  const std::uint64_t id = ++last_id_;
  const Json request{{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", params}};
  if (auto error = send_line(request.dump() + '\n')) return *error;
  auto line = receive_line(method);
  if (auto* error = std::get_if<Unreachable>(&line)) return std::move(*error);
  if (auto answer = read_answer(std::get<std::string>(line), id)) return std::move(*answer);
  return fail("what listens there does not answer in JSON-RPC 2.0: it is not weftd");
}

Answer Client::watch(const Json& params, const OnEvent& on_event) {
  close();  // what is asked later must not find events instead of answers
  Answer answer = call("watch", params);
  if (!std::holds_alternative<Json>(answer)) return answer;
  end_ = kNever;
  for (;;) {
    auto line = receive_line("watch");
    if (auto* error = std::get_if<Unreachable>(&line)) return std::move(*error);
    const Json event = Json::parse(std::get<std::string>(line), nullptr, false);
    if (!event.is_object() || !event.contains("params")) {
      return fail("what listens there does not tell events in JSON-RPC 2.0: it is not weftd");
    }
    if (on_event(event["params"])) continue;
    close();
    return Json::object();
  }
}

std::optional<Unreachable> Client::open() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.empty() || path_.size() >= sizeof(address.sun_path)) {
    return fail("the path of a socket has 1 to 107 octets");
  }
  std::memcpy(address.sun_path, path_.data(), path_.size());
  fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return fail(std::strerror(errno));
  limit_waiting();
  // The cast that the socket interface is built on (POSIX: sockaddr and its families).
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (::connect(fd_, generic, sizeof(address)) != 0) return fail(why_unreachable(errno));
  return std::nullopt;
}

/// What follows waits until the end of the call at most.
void Client::limit_waiting() const noexcept {
  using std::chrono::microseconds;
  if (end_ == kNever) {
    const timeval for_ever{};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &for_ever, sizeof(for_ever));
    return;
  }
  // To the kernel nothing means for ever.
  const auto left = std::max(
      std::chrono::duration_cast<microseconds>(end_ - std::chrono::steady_clock::now()),
      microseconds{1}
  );
  constexpr std::int64_t kSecond = 1'000'000;
  const timeval limit{left.count() / kSecond, left.count() % kSecond};
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

void Client::close() noexcept {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  received_.clear();
}

/// Events come when they come.
bool Client::has_hung_up() const noexcept {
  char octet{};
  const ssize_t count = ::recv(fd_, &octet, 1, MSG_PEEK | MSG_DONTWAIT);
  // Between calls nothing is due: an end, an error or stray octets all make the connection useless.
  return !(count < 0 && errno == EAGAIN);
}

std::optional<Unreachable> Client::send_line(const std::string& line) {
  for (std::size_t sent = 0; sent < line.size();) {
    limit_waiting();
    const ssize_t count = ::send(fd_, line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return fail("the daemon does not read");
    // It may have refused the line and closed: what it said is still to be read.
    if (count < 0 && errno == EPIPE) return std::nullopt;
    if (count < 0) return fail(std::strerror(errno));
    is_sent_ = true;
    sent += static_cast<std::size_t>(count);
  }
  return std::nullopt;
}

std::variant<std::string, Unreachable> Client::receive_line(std::string_view method) {
  std::string line = std::exchange(received_, {});
  std::array<char, 65536> chunk{};
  for (std::size_t searched = 0;;) {
    if (const std::size_t end = line.find('\n', searched); end != std::string::npos) {
      received_ = line.substr(end + 1);
      line.resize(end);
      return line;
    }
    searched = line.size();
    if (line.size() > kMaxAnswer)
      return fail("the answer to `" + std::string{method} + "` has no end");
    limit_waiting();
    const ssize_t count = ::recv(fd_, chunk.data(), chunk.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    const std::string request = " `" + std::string{method} + "`";
    if (count < 0 && errno == EAGAIN) {
      return fail("no answer to" + request + " within " + seconds(timeout_));
    }
    if (count <= 0) {
      return fail(
          "the daemon closed the connection " +
          std::string{line.empty() ? "without an answer to" : "in the middle of its answer to"} +
          request
      );
    }
    line.append(chunk.data(), static_cast<std::size_t>(count));
  }
}

Unreachable Client::fail(std::string_view what) {
  close();
  return Unreachable{"cannot reach weftd at " + path_ + ": " + std::string{what}, is_sent_};
}

}  // namespace weft::cli
