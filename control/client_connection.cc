#include "control/client_connection.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <utility>

#include <sys/socket.h>

#include "control/protocol.h"

namespace weft::control {

bool ClientConnection::wants_to_read() const noexcept {
  return !is_at_end_ && !is_full() && !has_line_;
}

bool ClientConnection::is_stuck(TimePoint now, std::chrono::milliseconds patience) const noexcept {
  const bool is_late = has_unread() || is_discarding_ || long_line_->is_held_by(fd_.get());
  return is_late && now - last_progress_ >= patience;
}

Peer ClientConnection::peer_of(int fd) {
  Peer peer{Peer::kNobody, 0, {}, false};
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return peer;
  peer.uid = credentials.uid;
  peer.pid = credentials.pid;
  peer.groups.push_back(credentials.gid);
  std::array<gid_t, NGROUPS_MAX> groups{};
  size = sizeof groups;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) == 0) {
    peer.groups.insert(peer.groups.end(), groups.begin(), groups.begin() + size / sizeof(gid_t));
  }
  return peer;
}

bool ClientConnection::receive(const Handler& handler, TimePoint now) {
  if (wants_to_read() && !read(now)) return false;
  if (!is_discarding_) answer_lines(handler);
  return true;
}

bool ClientConnection::send(TimePoint now) {
  const bool was_idle = !has_unread();
  for (const Answer& answer : std::exchange(waiting_, {})) {
    if (!answer->empty()) out_.append(*answer).push_back('\n');
  }
  waiting_octets_ = 0;
  if (was_idle && has_unread() && !is_discarding_) last_progress_ = now;
  if (!send_answers(now)) return false;
  // After the end of its requests a client may still be reading: `printf ... | socat - UNIX:...`.
  return has_unread() || has_line_ || !is_at_end_;
}

void ClientConnection::put(Answer answer) {
  waiting_octets_ += answer->size();
  waiting_.push_back(std::move(answer));
}

void ClientConnection::push(const std::string& line, TimePoint now) {
  std::string lines;
  if (missed_ > 0) {
    lines = R"({"jsonrpc":"2.0","method":"event","params":{"event":"missed","count":)" +
            std::to_string(missed_) + "}}\n";
  }
  lines.append(line).push_back('\n');
  if (out_.size() - sent_ + waiting_octets_ + lines.size() > kMaxPushed) {
    ++missed_;
    return;
  }
  missed_ = 0;
  if (!has_unread()) last_progress_ = now;
  out_ += lines;
}

bool ClientConnection::read(TimePoint now) {
  std::array<char, kReadPerTurn> buffer;
  const ssize_t size = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (size < 0) return errno == EAGAIN || errno == EINTR;
  std::string_view received{buffer.data(), static_cast<std::size_t>(size)};
  arrived_ = now;
  is_at_end_ = received.empty();
  if (!is_discarding_) {
    in_.append(received);
    const bool is_long = in_.size() > kUsualLine && in_.find('\n', searched_) > kUsualLine;
    const bool is_too_long =
        is_long && in_.size() > kMaxLine && in_.find('\n', searched_) > kMaxLine;
    const bool is_refused = is_too_long || (is_long && !long_line_->take(fd_.get()));
    if (is_long) last_progress_ = now;
    if (is_refused) {
      refuse_line(
          is_too_long ? "longer than the limit " + std::to_string(kMaxLine) + " octets"
                      : "longer than " + std::to_string(kUsualLine) +
                            " octets, and another client is sending such a one: try again"
      );
      long_line_->give_back(fd_.get());
      // Closing now would break the client's write and hide the error from it: its line is read to
      // the end first, as far as its patience goes.
      is_discarding_ = received.find('\n') == std::string_view::npos;
      is_at_end_ |= !is_discarding_;
    }
  } else if (received.find('\n') != std::string_view::npos) {
    is_discarding_ = false;
    is_at_end_ = true;
  }
  if (is_at_end_) is_discarding_ = false;
  return true;
}

void ClientConnection::refuse_line(const std::string& reason) {
  const std::string message = "request: the line is " + reason;
  put(std::make_shared<const std::string>(
      format_failure({}, refused(ErrorCode::not_a_request, message))
  ));
  in_ = std::string{};
  searched_ = 0;
}

void ClientConnection::answer_lines(const Handler& handler) {
  const TimePoint end_of_turn = std::chrono::steady_clock::now() + kTurn;
  std::size_t start = 0;
  has_line_ = false;
  for (unsigned answered = 0;; ++answered) {
    const std::size_t end = in_.find('\n', std::max(start, searched_));
    if (end == std::string::npos) {
      searched_ = in_.size();
      break;
    }
    const bool is_over = answered > 0 && std::chrono::steady_clock::now() >= end_of_turn;
    if (answered == kRequestsPerTurn || is_full() || is_over) {
      has_line_ = true;
      searched_ = end;
      break;
    }
    const std::string_view line{in_.data() + start, end - start};
    start = end + 1U;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    put(handler(line, peer_, arrived_));
  }
  in_.erase(0, start);
  if (start > 0) long_line_->give_back(fd_.get());
  searched_ -= std::min(searched_, start);
  if (in_.empty()) in_.shrink_to_fit();
}

bool ClientConnection::send_answers(TimePoint now) {
  while (has_unread()) {
    const ssize_t size =
        ::send(fd_.get(), out_.data() + sent_, out_.size() - sent_, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size < 0) return errno == EAGAIN || errno == EINTR;
    sent_ += static_cast<std::size_t>(size);
    last_progress_ = now;
  }
  out_ = std::string{};  // a big answer's memory is not kept
  sent_ = 0;
  return true;
}

}  // namespace weft::control
