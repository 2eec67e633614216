// Connection tracking: what a packet does to the state of its connection, as pure functions on two
// octets.
//
// An entry of the flow table (flow_entry.h) has a state and flags; a packet has a kind and comes
// from the opener of the connection or from the other side, the responder. `next_state` says what
// state and flags follow, and one of three things about the packet:
//
//   ok        it belongs to the connection
//   is_new    it opens the connection anew: a SYN where the last connection is over (RFC 9293
//             s3.6.1, RFC 1122 s4.2.2.13). Its sender is now the opener, and policy has to judge
//             again. The caller erases the entry and inserts it again, so that limits count it.
//   invalid   it can not belong to it; state and flags are unchanged
//
// TCP is followed by its flags alone, without sequence windows: who forges packets inside a
// connection has to be one of its ends (source guard, VTEP check). So RST closes but later packets
// still pass and keep the entry; a second RST or a forged one costs a shorter timeout, not the
// connection. `conntrack.cc` has the table.
//
// Mid-stream: after a restart of the daemon nobody has seen the SYN. An ACK or FIN without an entry
// is picked up (state picked_up until the other side has been heard) if policy allows it; a SYN-ACK
// or RST is invalid. While only picked up, a SYN of either side counts as a new connection.
//
// UDP, ICMP requests and other protocols: unreplied until the responder has been heard. A reply of
// ICMP without an entry is invalid.
//
// A packet in the direction for which there is no verdict never passes: only a SYN opens a TCP
// connection, and a SYN of the responder is invalid or is_new, except that it may cross the
// opener's (simultaneous open, RFC 9293 s3.5).
//
//   const bool is_opener = packet.is_low_to_high == ((entry.flags & kOpenerIsLow) != 0);
//   const Step step = next_state(entry.state, entry.flags, packet_kind(frame, parsed), is_opener);
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "dataplane/base/bytes.h"
#include "dataplane/base/ids.h"
#include "dataplane/net/parse.h"

namespace weft::classifier {

/// Coarse time of a worker: 1/16 s, wraps after 8.5 years. Differences are taken modulo 2^32.
using CoarseTime = Strong<struct CoarseTimeTag, std::uint32_t>;
inline constexpr std::uint32_t kTicksPerSecond = 16;

/// Names and default timeouts: kConnStates.
enum class ConnState : std::uint8_t {
  none,  // no entry
  syn_sent,
  syn_crossed,
  syn_received,
  picked_up,
  established,
  fin_wait,
  last_ack,
  time_wait,
  closed,
  udp_unreplied,
  udp_replied,
  icmp_unreplied,
  icmp_replied,
  other_unreplied,
  other_replied,
  fragment,
  count_
};
inline constexpr std::size_t kConnStateCount = static_cast<std::size_t>(ConnState::count_);

/// How much an entry would be missed: closing ones are evicted first, settled ones last.
enum class FlowClass : std::uint8_t { closing, opening, settled };
inline constexpr std::size_t kFlowClassCount = 3;

struct ConnStateInfo {
  std::string_view name;  // as in configuration and listings
  std::uint32_t default_seconds;
  FlowClass flow_class;
};

/// Timeouts count from the last packet. Defaults are those of Linux' nf_conntrack where it has the
/// state; its name there is the comment.
inline constexpr std::array<ConnStateInfo, kConnStateCount> kConnStates{{
    {"none", 0, FlowClass::closing},
    {"tcp_syn_sent", 120, FlowClass::opening},     // syn_sent: TCP gives up after about 127 s
    {"tcp_syn_crossed", 120, FlowClass::opening},  // syn_sent2
    {"tcp_syn_received", 60, FlowClass::opening},  // syn_recv
    {"tcp_picked_up", 300, FlowClass::opening},    // unacknowledged
    // A day, where Linux has five: RFC 5382 s5 wants 2 h 4 min at least (a keepalive and its
    // retries), and what is forgotten too early is picked up mid-stream.
    {"tcp_established", 86400, FlowClass::settled},
    {"tcp_fin_wait", 120, FlowClass::settled},   // fin_wait; close_wait has 60
    {"tcp_last_ack", 30, FlowClass::closing},    // last_ack
    {"tcp_time_wait", 120, FlowClass::closing},  // time_wait: twice the usual MSL of 60 s
    {"tcp_closed", 10, FlowClass::closing},      // close: after RST
    {"udp_unreplied", 30, FlowClass::opening},   // udp_timeout
    {"udp_replied", 120, FlowClass::settled},    // udp_timeout_stream; RFC 4787 s4.3 wants 120
    {"icmp_unreplied", 30, FlowClass::opening},  // icmp_timeout
    {"icmp_replied", 30, FlowClass::settled},
    {"other_unreplied", 600, FlowClass::opening},  // generic_timeout
    {"other_replied", 600, FlowClass::settled},
    // ipfrag_time: how long a receiver waits for the rest. Closing: it is no connection that a limit should count, and
    // whoever may send fragments can make any number of them.
    {"fragment", 30, FlowClass::closing},
}};

[[nodiscard]] constexpr const ConnStateInfo& info(ConnState state) noexcept {
  return kConnStates[static_cast<std::size_t>(state)];
}

/// Seconds without a packet after which an entry is over, in ticks (< 2^31), by state.
struct Timeouts {
  std::array<std::uint32_t, kConnStateCount> ticks = defaults();

  [[nodiscard]] static constexpr std::array<std::uint32_t, kConnStateCount> defaults() noexcept {
    std::array<std::uint32_t, kConnStateCount> ticks{};
    for (std::size_t i = 0; i < kConnStateCount; ++i) {
      ticks[i] = kConnStates[i].default_seconds * kTicksPerSecond;
    }
    return ticks;
  }
  [[nodiscard]] constexpr std::uint32_t& of(ConnState state) noexcept {
    return ticks[static_cast<std::size_t>(state)];
  }
};

[[nodiscard]] constexpr std::uint32_t timeout_of(
    ConnState state, const Timeouts& timeouts
) noexcept {
  return timeouts.ticks[static_cast<std::size_t>(state)];
}

/// Signed, so that a packet stamped a little later than `now` does not make its entry 8 years old.
[[nodiscard]] constexpr bool is_expired(
    ConnState state, CoarseTime seen, CoarseTime now, const Timeouts& timeouts
) noexcept {
  const auto idle = static_cast<std::int32_t>(now.value() - seen.value());
  return idle > static_cast<std::int32_t>(timeout_of(state, timeouts));
}

// FlowEntry::flags. The opener's bit and the stage's are set by whoever inserts; the others are
// next_state's own.
inline constexpr std::uint8_t kOpenerIsLow = 0x01;  // the opener is the low end of the key
inline constexpr std::uint8_t kOpenerFin = 0x02;
inline constexpr std::uint8_t kResponderFin = 0x04;
inline constexpr std::uint8_t kOpenerFinLast = 0x08;  // valid when both have sent FIN
inline constexpr std::uint8_t kOpenerHeard = 0x10;
inline constexpr std::uint8_t kResponderHeard = 0x20;
inline constexpr std::uint8_t kStageFlag = 0x80;  // never touched here

enum class PacketKind : std::uint8_t {
  tcp_syn,
  tcp_syn_ack,
  tcp_ack,
  tcp_fin,
  tcp_rst,
  tcp_invalid,  // a combination of flags that no TCP sends
  udp,
  icmp,  // a request, or a message that has no reply
  icmp_reply,
  other
};

/// Preconditions: `parsed` is parse_frame's answer for `frame` and is_ok(); no later fragment.
[[nodiscard]] PacketKind packet_kind(ConstBytes frame, const ParsedFrame& parsed) noexcept;

enum class Tracked : std::uint8_t { ok, is_new, invalid };

struct Step {
  ConnState state{ConnState::none};
  std::uint8_t flags{};
  Tracked tracked{Tracked::invalid};
};

/// The state after the first packet that is seen of a connection: is_new or invalid. `is_opener`:
/// false only when a packet picked up mid-stream is found to be the responder's; `opener_is_low`
/// goes into the flags.
[[nodiscard]] Step first_state(PacketKind kind, bool is_opener, bool opener_is_low) noexcept;

/// Precondition: `state` and `flags` are those of an entry to which the packet's key led.
[[nodiscard]] Step next_state(
    ConnState state, std::uint8_t flags, PacketKind kind, bool is_opener
) noexcept;

}  // namespace weft::classifier
