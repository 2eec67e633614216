#include "classifier/conntrack.h"

#include "dataplane/net/headers.h"

namespace weft::classifier {
namespace {

/// What a TCP packet does to a connection. Lower case words below are the table's.
enum class Act : std::uint8_t {
  inv,  // invalid
  ok,   // belongs to it, nothing changes
  opn,  // opens it anew
  xng,  // -> syn_crossed
  rcv,  // -> syn_received
  est,  // -> established
  hrd,  // this side has been heard; both: -> established
  fin,  // this side has sent FIN: -> fin_wait, both: -> last_ack
  lst,  // answers the last FIN if this side's FIN was the first: -> time_wait
  rst   // -> closed
};
using enum Act;

constexpr std::size_t kTcpKinds = 5;  // PacketKind::tcp_syn .. tcp_rst
constexpr std::size_t kTcpStates = 9;
struct Row {
  Act opener[kTcpKinds];
  Act responder[kTcpKinds];
};

// A SYN inside a living connection (opener's column) is passed on: if the responder still has the
// connection it answers with a challenge ACK (RFC 9293 s3.10.7.4), and if it has lost it the opener
// starts over under the same verdict. The responder's SYN would need another verdict: invalid until
// the connection is over. An ACK or SYN-ACK of the responder in answer to a SYN may be of an older
// connection (half-open, RFC 9293 s3.5.1): only the opener can tell. RST does not end TIME_WAIT
// (RFC 1337).
// clang-format off
constexpr Row kRows[kTcpStates] = {
    //                     opener                     responder
    //                     SYN  S-A  ACK  FIN  RST    SYN  S-A  ACK  FIN  RST
    /* syn_sent     */ {{  ok, inv, inv, inv, rst}, {xng, rcv,  ok, inv, rst}},
    /* syn_crossed  */ {{  ok, hrd, hrd, fin, rst}, { ok, hrd, hrd, fin, rst}},
    /* syn_received */ {{  ok, inv, est, fin, rst}, {inv,  ok,  ok, fin, rst}},
    /* picked_up    */ {{ opn, inv, hrd, fin, rst}, {opn, inv, hrd, fin, rst}},
    /* established  */ {{  ok, inv,  ok, fin, rst}, {inv,  ok,  ok, fin, rst}},
    /* fin_wait     */ {{  ok, inv,  ok, fin, rst}, {inv,  ok,  ok, fin, rst}},
    /* last_ack     */ {{  ok, inv, lst,  ok, rst}, {inv, rcv, lst,  ok, rst}},
    /* time_wait    */ {{ opn, inv,  ok,  ok,  ok}, {opn, inv,  ok,  ok,  ok}},
    /* closed       */ {{ opn, inv,  ok,  ok,  ok}, {opn, inv,  ok,  ok,  ok}},
};
// clang-format on
static_assert(static_cast<std::size_t>(ConnState::closed) == kTcpStates);
static_assert(static_cast<std::size_t>(PacketKind::tcp_rst) == kTcpKinds - 1);

constexpr std::uint8_t kFins = kOpenerFin | kResponderFin;
constexpr std::uint8_t kHeard = kOpenerHeard | kResponderHeard;

bool has_all(std::uint8_t flags, std::uint8_t mask) noexcept {
  return (flags & mask) == mask;
}

std::uint8_t without(std::uint8_t flags, std::uint8_t mask) noexcept {
  return static_cast<std::uint8_t>(flags & ~mask);
}

std::uint8_t with(std::uint8_t flags, std::uint8_t mask) noexcept {
  return static_cast<std::uint8_t>(flags | mask);
}

bool is_tcp(PacketKind kind) noexcept {
  return kind <= PacketKind::tcp_invalid;
}

bool is_tcp(ConnState state) noexcept {
  return state >= ConnState::syn_sent && state <= ConnState::closed;
}

Step after_fin(std::uint8_t flags, bool is_opener) noexcept {
  const std::uint8_t mine = is_opener ? kOpenerFin : kResponderFin;
  const bool is_first = (flags & kFins) == 0;
  const bool is_retransmitted = (flags & mine) != 0;
  flags = with(flags, mine);
  if (is_first || is_retransmitted) return {ConnState::fin_wait, flags, Tracked::ok};
  if (is_opener) flags = with(flags, kOpenerFinLast);
  return {ConnState::last_ack, flags, Tracked::ok};
}

Step after_heard(ConnState state, std::uint8_t flags, bool is_opener) noexcept {
  flags = with(flags, is_opener ? kOpenerHeard : kResponderHeard);
  return {has_all(flags, kHeard) ? ConnState::established : state, flags, Tracked::ok};
}

Step after_tcp(ConnState state, std::uint8_t flags, PacketKind kind, bool is_opener) noexcept {
  const Step unchanged{state, flags, Tracked::ok};
  const Step refused{state, flags, Tracked::invalid};
  if (kind == PacketKind::tcp_invalid) return refused;
  const Row& row = kRows[static_cast<std::size_t>(state) - 1U];
  const auto column = static_cast<std::size_t>(kind);
  switch (is_opener ? row.opener[column] : row.responder[column]) {
    case inv:
      return refused;
    case ok:
      return unchanged;
    case opn: {
      const bool opener_is_low = ((flags & kOpenerIsLow) != 0) == is_opener;
      return first_state(PacketKind::tcp_syn, true, opener_is_low);
    }
    case xng:
      return {ConnState::syn_crossed, flags, Tracked::ok};
    case rcv:
      return {
          ConnState::syn_received, without(flags, kFins | kOpenerFinLast | kHeard), Tracked::ok};
    case est:
      return {ConnState::established, flags, Tracked::ok};
    case hrd:
      return after_heard(state, flags, is_opener);
    case fin:
      return after_fin(flags, is_opener);
    case lst: {
      const bool is_first_to_close = is_opener != ((flags & kOpenerFinLast) != 0);
      return is_first_to_close ? Step{ConnState::time_wait, flags, Tracked::ok} : unchanged;
    }
    case rst:
      return {ConnState::closed, flags, Tracked::ok};
  }
  return refused;
}

/// The answered form of a state that waits for the responder.
ConnState replied(ConnState state) noexcept {
  if (state == ConnState::udp_unreplied) return ConnState::udp_replied;
  if (state == ConnState::icmp_unreplied) return ConnState::icmp_replied;
  if (state == ConnState::other_unreplied) return ConnState::other_replied;
  return state;
}

PacketKind tcp_kind(std::uint8_t flags) noexcept {
  // PSH, ECE and CWR say nothing here; URG neither, except that RST does not come with it.
  constexpr std::uint8_t kSyn = TcpHeader::kSyn;
  constexpr std::uint8_t kAck = TcpHeader::kAck;
  constexpr std::uint8_t kFin = TcpHeader::kFin;
  constexpr std::uint8_t kRst = TcpHeader::kRst;
  switch (flags & (kSyn | kAck | kFin | kRst)) {
    case kSyn:
      return PacketKind::tcp_syn;
    case kSyn | kAck:
      return PacketKind::tcp_syn_ack;
    case kAck:
      return PacketKind::tcp_ack;
    case kFin | kAck:
      return PacketKind::tcp_fin;
    case kRst:
    case kRst | kAck:
      return PacketKind::tcp_rst;
    default:  // every segment but the first SYN and an RST carries ACK (RFC 9293 s3.10.7.4)
      return PacketKind::tcp_invalid;
  }
}

bool is_icmp_reply(std::uint8_t type, bool is_v6) noexcept {
  if (is_v6) return type == kIcmpv6EchoReply;
  // Echo, timestamp, information, address mask (RFC 792, RFC 950).
  return type == kIcmpEchoReply || type == 14 || type == 16 || type == 18;
}

}  // namespace

PacketKind packet_kind(ConstBytes frame, const ParsedFrame& parsed) noexcept {
  switch (parsed.l4) {
    case L4Kind::tcp:
      return tcp_kind(bounded_header<TcpHeader>(frame, parsed.l4_offset).flags);
    case L4Kind::udp:
      return PacketKind::udp;
    case L4Kind::icmp:
    case L4Kind::icmpv6: {
      const bool is_v6 = parsed.l4 == L4Kind::icmpv6;
      const auto& icmp = bounded_header<IcmpHeader>(frame, parsed.l4_offset);
      return is_icmp_reply(icmp.type, is_v6) ? PacketKind::icmp_reply : PacketKind::icmp;
    }
    case L4Kind::none:
    case L4Kind::gre:
    case L4Kind::other:
      return PacketKind::other;
  }
  return PacketKind::other;
}

Step first_state(PacketKind kind, bool is_opener, bool opener_is_low) noexcept {
  const std::uint8_t flags = opener_is_low ? kOpenerIsLow : std::uint8_t{0};
  switch (kind) {
    case PacketKind::tcp_syn:
      return {ConnState::syn_sent, flags, Tracked::is_new};
    case PacketKind::tcp_ack:
      return {
          ConnState::picked_up,
          with(flags, is_opener ? kOpenerHeard : kResponderHeard),
          Tracked::is_new};
    case PacketKind::tcp_fin:
      return {
          ConnState::fin_wait,
          with(flags, is_opener ? kOpenerFin : kResponderFin),
          Tracked::is_new};
    case PacketKind::udp:
      return {ConnState::udp_unreplied, flags, Tracked::is_new};
    case PacketKind::icmp:
      return {ConnState::icmp_unreplied, flags, Tracked::is_new};
    case PacketKind::other:
      return {ConnState::other_unreplied, flags, Tracked::is_new};
    case PacketKind::tcp_syn_ack:
    case PacketKind::tcp_rst:
    case PacketKind::tcp_invalid:
    case PacketKind::icmp_reply:
      return {ConnState::none, flags, Tracked::invalid};
  }
  return {};
}

Step next_state(ConnState state, std::uint8_t flags, PacketKind kind, bool is_opener) noexcept {
  if (is_tcp(state) && is_tcp(kind)) return after_tcp(state, flags, kind, is_opener);
  return {is_opener ? state : replied(state), flags, Tracked::ok};
}

}  // namespace weft::classifier
