// A TCP connection as a firewall follows it, by flags alone: the rules of classifier/conntrack.h told once more,
// packet by packet instead of as a table.
#pragma once

#include <cstdint>

namespace weft::differential {

enum class TcpKind : std::uint8_t { syn, syn_ack, ack, fin, rst, nonsense };

[[nodiscard]] constexpr TcpKind tcp_kind(std::uint8_t flags) noexcept {
  constexpr std::uint8_t kFin = 1;
  constexpr std::uint8_t kSyn = 2;
  constexpr std::uint8_t kRst = 4;
  constexpr std::uint8_t kAck = 16;
  const bool has_fin = (flags & kFin) != 0;
  const bool has_syn = (flags & kSyn) != 0;
  const bool has_rst = (flags & kRst) != 0;
  const bool has_ack = (flags & kAck) != 0;
  if (has_rst) return has_syn || has_fin ? TcpKind::nonsense : TcpKind::rst;
  if (has_syn) return has_fin ? TcpKind::nonsense : has_ack ? TcpKind::syn_ack : TcpKind::syn;
  if (!has_ack) return TcpKind::nonsense;
  return has_fin ? TcpKind::fin : TcpKind::ack;
}

struct TcpModel {
  enum class Phase : std::uint8_t {
    syn_sent,
    syn_crossed,
    syn_received,
    picked_up,
    established,
    fin_wait,
    last_ack,
    time_wait,
    closed
  };
  enum class Answer : std::uint8_t { belongs, opens_anew, impossible };

  Phase phase{Phase::syn_sent};
  bool heard[2]{};  // [is_opener]
  bool has_finished[2]{};
  bool opener_finished_last{};

  /// Of the first packet that is seen; only syn, ack and fin open anything.
  static TcpModel opened_by(TcpKind kind, bool is_opener) noexcept {
    TcpModel made;
    if (kind == TcpKind::ack) {
      made.phase = Phase::picked_up;
      made.heard[is_opener] = true;
    }
    if (kind == TcpKind::fin) {
      made.phase = Phase::fin_wait;
      made.has_finished[is_opener] = true;
    }
    return made;
  }

  /// Seconds without a packet after which it is over.
  [[nodiscard]] std::uint32_t timeout() const noexcept {
    switch (phase) {
      case Phase::syn_sent:
      case Phase::syn_crossed:
      case Phase::fin_wait:
      case Phase::time_wait:
        return 120;
      case Phase::syn_received:
        return 60;
      case Phase::picked_up:
        return 300;
      case Phase::established:
        return 86400;
      case Phase::last_ack:
        return 30;
      case Phase::closed:
        return 10;
    }
    return 0;
  }

  Answer receive(TcpKind kind, bool is_opener) noexcept {
    switch (kind) {
      case TcpKind::syn:
        return receive_syn(is_opener);
      case TcpKind::syn_ack:
        return receive_syn_ack(is_opener);
      case TcpKind::ack:
        return receive_ack(is_opener);
      case TcpKind::fin:
        return receive_fin(is_opener);
      case TcpKind::rst:
        if (!is_over()) phase = Phase::closed;
        return Answer::belongs;
      case TcpKind::nonsense:
        return Answer::impossible;
    }
    return Answer::impossible;
  }

 private:
  [[nodiscard]] bool is_over() const noexcept {
    return phase == Phase::time_wait || phase == Phase::closed;
  }

  void hear(bool is_opener) noexcept {
    heard[is_opener] = true;
    if (heard[0] && heard[1]) phase = Phase::established;
  }

  Answer receive_syn(bool is_opener) noexcept {
    if (is_over() || phase == Phase::picked_up) return Answer::opens_anew;
    if (is_opener) return Answer::belongs;
    if (phase == Phase::syn_sent) phase = Phase::syn_crossed;
    return phase == Phase::syn_crossed ? Answer::belongs : Answer::impossible;
  }

  Answer receive_syn_ack(bool is_opener) noexcept {
    if (phase == Phase::syn_crossed) {
      hear(is_opener);
      return Answer::belongs;
    }
    if (is_opener || is_over() || phase == Phase::picked_up) return Answer::impossible;
    // In answer to a SYN, also one that was sent over the rest of the last connection.
    if (phase == Phase::syn_sent || phase == Phase::last_ack) {
      *this = TcpModel{};
      phase = Phase::syn_received;
    }
    return Answer::belongs;
  }

  Answer receive_ack(bool is_opener) noexcept {
    switch (phase) {
      case Phase::syn_sent:  // the responder's may be a challenge to the SYN
        return is_opener ? Answer::impossible : Answer::belongs;
      case Phase::syn_crossed:
      case Phase::picked_up:
        hear(is_opener);
        break;
      case Phase::syn_received:
        if (is_opener) phase = Phase::established;
        break;
      case Phase::last_ack:  // of who closed first
        if (is_opener != opener_finished_last) phase = Phase::time_wait;
        break;
      case Phase::established:
      case Phase::fin_wait:
      case Phase::time_wait:
      case Phase::closed:
        break;
    }
    return Answer::belongs;
  }

  Answer receive_fin(bool is_opener) noexcept {
    if (phase == Phase::syn_sent) return Answer::impossible;
    if (is_over() || phase == Phase::last_ack) return Answer::belongs;
    const bool is_second = has_finished[!is_opener] && !has_finished[is_opener];
    has_finished[is_opener] = true;
    phase = is_second ? Phase::last_ack : Phase::fin_wait;
    if (is_second) opener_finished_last = is_opener;
    return Answer::belongs;
  }
};

}  // namespace weft::differential
