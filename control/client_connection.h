// ClientConnection: the octets of one client, in and out, with their bounds (see server.h).
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control/peer.h"
#include "control/platform.h"
#include "pmd-config/os.h"

namespace weft::control {

/// The right to send a long line: at most one client at a time has it, so that many of them together
/// cost no more memory than one.
class LongLine {
 public:
  /// False: another client has it.
  [[nodiscard]] bool take(int fd) noexcept {
    if (holder_ == kNobody) holder_ = fd;
    return holder_ == fd;
  }
  void give_back(int fd) noexcept {
    if (holder_ == fd) holder_ = kNobody;
  }
  [[nodiscard]] bool is_held_by(int fd) const noexcept { return holder_ == fd; }

 private:
  static constexpr int kNobody = -1;
  int holder_ = kNobody;
};

class ClientConnection {
 public:
  /// Octets without the newline: room for a policy.apply of 100,000 rules.
  static constexpr std::size_t kMaxLine = std::size_t{32} * 1024 * 1024;
  /// A longer one needs the LongLine.
  static constexpr std::size_t kUsualLine = std::size_t{1024} * 1024;
  static constexpr std::size_t kMaxUnread = std::size_t{1024} * 1024;  // octets of answers
  static constexpr std::size_t kMaxPushed = kMaxUnread / 2;  // with them, octets of pushed lines
  static constexpr std::size_t kReadPerTurn = std::size_t{64} * 1024;
  // Whichever is first ends a client's turn.
  static constexpr unsigned kRequestsPerTurn = 64;
  static constexpr std::chrono::milliseconds kTurn{5};

  /// What is answered to a line, without newline; empty: nothing. It may be completed later, until send() is called.
  using Answer = std::shared_ptr<const std::string>;
  using Handler = std::function<Answer(std::string_view line, const Peer& peer, TimePoint arrived)>;

  /// `fd`: a connected, non-blocking stream socket. `long_line` outlives the connection; its owner
  /// gives it back for a connection that is closed.
  ClientConnection(UniqueFd fd, TimePoint now, LongLine& long_line, std::uint64_t number)
      : fd_{std::move(fd)}, peer_{peer_of(fd_.get())}, long_line_{&long_line}, last_progress_{now} {
    peer_.connection = number;
  }

  // One turn, in two halves. False: close it.
  /// Reads, and hands on what is complete.
  [[nodiscard]] bool receive(const Handler& handler, TimePoint now);
  /// Writes the answers, as far as the client takes them.
  [[nodiscard]] bool send(TimePoint now);

  /// Queues a line that answers nothing, if there is room: what does not fit is counted, and said when there is room again.
  void push(const std::string& line, TimePoint now);
  [[nodiscard]] std::uint64_t number() const noexcept { return peer_.connection; }
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] bool wants_to_read() const noexcept;
  /// Also when requests are left over from this turn: a writable socket brings the next one.
  [[nodiscard]] bool wants_to_write() const noexcept { return has_unread() || has_line_; }
  /// Answers wait, or the rest of a line that is long or too long, and nothing has moved for so long.
  [[nodiscard]] bool is_stuck(TimePoint now, std::chrono::milliseconds patience) const noexcept;

 private:
  [[nodiscard]] bool read(TimePoint now);
  void answer_lines(const Handler& handler);
  void refuse_line(const std::string& reason);
  [[nodiscard]] bool send_answers(TimePoint now);
  [[nodiscard]] bool has_unread() const noexcept { return sent_ < out_.size(); }
  [[nodiscard]] bool is_full() const noexcept {
    return out_.size() - sent_ + waiting_octets_ >= kMaxUnread;
  }
  void put(Answer answer);

  [[nodiscard]] static Peer peer_of(int fd);

  UniqueFd fd_;
  Peer peer_;
  LongLine* long_line_;
  std::string in_;               // received, not answered yet
  std::size_t searched_{};       // octets of in_ known to hold no newline
  TimePoint arrived_;            // when the last of in_ was received
  bool has_line_{};              // in_ holds a complete line
  bool is_discarding_{};         // the rest of a line that was too long
  bool is_at_end_{};             // the client sends no more
  std::vector<Answer> waiting_;  // until send(): in the order of their lines
  std::size_t waiting_octets_{};
  std::string out_;
  std::uint64_t missed_{};  // pushed lines that did not fit
  std::size_t sent_{};      // octets of out_ that the kernel took
  TimePoint
      last_progress_;  // of writing or a long line, or when the first unread answer was queued
};

}  // namespace weft::control
