// ClientConnection: the octets of one client, in and out, with their bounds (see server.h).
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "control/platform.h"
#include "pmd-config/os.h"

namespace weft::control {

class ClientConnection {
 public:
  static constexpr std::size_t kMaxLine = std::size_t{1024} * 1024;  // octets, without the newline
  static constexpr std::size_t kMaxUnread = std::size_t{1024} * 1024;  // octets of answers
  static constexpr std::size_t kReadPerTurn = std::size_t{64} * 1024;
  static constexpr unsigned kRequestsPerTurn = 64;

  using Handler = std::function<std::string(std::string_view line)>;

  /// `fd`: a connected, non-blocking stream socket.
  ClientConnection(UniqueFd fd, TimePoint now) : fd_{std::move(fd)}, last_progress_{now} {}

  /// One turn: reads, answers and writes what is possible. False: close it.
  [[nodiscard]] bool serve(const Handler& handler, TimePoint now);

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] bool wants_to_read() const noexcept;
  /// Also when requests are left over from this turn: a writable socket brings the next one.
  [[nodiscard]] bool wants_to_write() const noexcept { return has_unread() || has_line_; }
  /// Answers wait, or the rest of a line too long, and nothing has moved for so long.
  [[nodiscard]] bool is_stuck(TimePoint now, std::chrono::milliseconds patience) const noexcept;

 private:
  [[nodiscard]] bool receive(TimePoint now);
  void answer_lines(const Handler& handler);
  void refuse_long_line();
  [[nodiscard]] bool send_answers(TimePoint now);
  [[nodiscard]] bool has_unread() const noexcept { return sent_ < out_.size(); }
  [[nodiscard]] bool is_full() const noexcept { return out_.size() - sent_ >= kMaxUnread; }

  UniqueFd fd_;
  std::string in_;          // received, not answered yet
  std::size_t searched_{};  // octets of in_ known to hold no newline
  bool has_line_{};         // in_ holds a complete line
  bool is_discarding_{};    // the rest of a line that was too long
  bool is_at_end_{};        // the client sends no more
  std::string out_;
  std::size_t sent_{};       // octets of out_ that the kernel took
  TimePoint last_progress_;  // of writing, or when the first unread answer was queued
};

}  // namespace weft::control
