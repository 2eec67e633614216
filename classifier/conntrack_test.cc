#include "classifier/conntrack.h"

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/net/headers.h"
#include "dataplane/net/testing/frames.h"

namespace weft::classifier {
namespace {

using enum ConnState;

/// A connection as the flow stage would keep it.
struct Connection {
  ConnState state{none};
  std::uint8_t flags{};

  /// The packet of the low (true) or the high end.
  Tracked see(bool is_low, PacketKind kind) {
    Step step;
    if (state == none) {
      step = first_state(kind, true, is_low);
    } else {
      step = next_state(state, flags, kind, is_low == ((flags & kOpenerIsLow) != 0));
    }
    if (step.tracked == Tracked::invalid) {
      EXPECT_EQ(step.state, state);
      if (state != none) {
        EXPECT_EQ(step.flags, flags);
      }
      return step.tracked;
    }
    state = step.state;
    flags = step.flags;
    return step.tracked;
  }
};

/// One packet of a scenario in letters: '>' from the low end, '<' from the high end; then S, SA, A,
/// F (FIN ACK), R or X (flags that can not be). Then what must follow.
struct Move {
  std::string_view packet;
  Tracked tracked;
  ConnState state;
};

PacketKind kind_of(std::string_view packet) {
  const std::string_view flags = packet.substr(1);
  if (flags == "S") return PacketKind::tcp_syn;
  if (flags == "SA") return PacketKind::tcp_syn_ack;
  if (flags == "A") return PacketKind::tcp_ack;
  if (flags == "F") return PacketKind::tcp_fin;
  if (flags == "R") return PacketKind::tcp_rst;
  return PacketKind::tcp_invalid;
}

Connection play(const std::vector<Move>& moves, const char* name, Connection connection = {}) {
  int number = 0;
  for (const Move& move : moves) {
    const Tracked tracked = connection.see(move.packet[0] == '>', kind_of(move.packet));
    EXPECT_EQ(tracked, move.tracked) << name << ", move " << number << ' ' << move.packet;
    EXPECT_EQ(connection.state, move.state) << name << ", move " << number << ' ' << move.packet;
    ++number;
  }
  return connection;
}

constexpr Tracked ok = Tracked::ok;
constexpr Tracked is_new = Tracked::is_new;
constexpr Tracked invalid = Tracked::invalid;

const std::vector<Move> kHandshake{
    {">S", is_new, syn_sent}, {"<SA", ok, syn_received}, {">A", ok, established}};

std::vector<Move> after_handshake(std::vector<Move> moves) {
  moves.insert(moves.begin(), kHandshake.begin(), kHandshake.end());
  return moves;
}

TEST(Conntrack, FollowsTcpFromOpeningToTimeWait) {  // RFC 9293 s3.6, figure 12
  play(
      after_handshake(
          {{"<A", ok, established},
           {">F", ok, fin_wait},
           {"<A", ok, fin_wait},
           {"<F", ok, last_ack},
           {"<A", ok, last_ack},
           {">A", ok, time_wait},
           {"<F", ok, time_wait},
           {">A", ok, time_wait}}
      ),
      "opener closes first"
  );
  play(
      after_handshake(
          {{"<F", ok, fin_wait},
           {"<F", ok, fin_wait},
           {">A", ok, fin_wait},
           {">F", ok, last_ack},
           {">A", ok, last_ack},
           {"<A", ok, time_wait}}
      ),
      "responder closes first"
  );
  play(
      after_handshake(
          {{">F", ok, fin_wait}, {"<F", ok, last_ack}, {"<A", ok, last_ack}, {">A", ok, time_wait}}
      ),
      "both close at once"
  );
}

TEST(Conntrack, AcceptsRetransmissionsWhileOpening) {
  play(
      {{">S", is_new, syn_sent},
       {">S", ok, syn_sent},
       {"<SA", ok, syn_received},
       {"<SA", ok, syn_received},
       {">S", ok, syn_received},
       {"<A", ok, syn_received},  // data before the handshake's last ACK: TCP Fast Open, RFC 7413
       {">A", ok, established},
       {"<SA", ok, established}},
      "retransmissions"
  );
}

TEST(Conntrack, RefusesWhatCanNotBelongToAnOpeningConnection) {
  play(
      {{">SA", invalid, none}, {">R", invalid, none}, {">X", invalid, none}}, "nothing was opened"
  );
  play(
      {{">S", is_new, syn_sent},
       {">A", invalid, syn_sent},
       {">F", invalid, syn_sent},
       {">SA", invalid, syn_sent},
       {"<F", invalid, syn_sent},
       {"<X", invalid, syn_sent},
       {"<SA", ok, syn_received},
       {">SA", invalid, syn_received},
       {"<S", invalid, syn_received},
       {"<X", invalid, syn_received}},
      "half open"
  );
}

TEST(Conntrack, PassesTheAnswerOfAnOlderConnectionToASyn) {  // RFC 9293 s3.5.1, figure 9
  play(
      {{">S", is_new, syn_sent},
       {"<A", ok, syn_sent},
       {">R", ok, closed},
       {">S", is_new, syn_sent}},
      "half-open discovery"
  );
}

TEST(Conntrack, KnowsSimultaneousOpen) {  // RFC 9293 s3.5, figure 7
  play(
      {{">S", is_new, syn_sent},
       {"<S", ok, syn_crossed},
       {">S", ok, syn_crossed},
       {">SA", ok, syn_crossed},
       {">SA", ok, syn_crossed},
       {"<SA", ok, established},
       {">A", ok, established}},
      "both SYN-ACKs"
  );
  play(
      {{">S", is_new, syn_sent},
       {"<S", ok, syn_crossed},
       {"<SA", ok, syn_crossed},
       {">A", ok, established}},
      "one SYN-ACK"
  );
}

TEST(Conntrack, ClosesOnRstInEveryStateButTimeWait) {
  play({{">S", is_new, syn_sent}, {"<R", ok, closed}}, "refused");
  play({{">S", is_new, syn_sent}, {">R", ok, closed}}, "given up");
  play({{">S", is_new, syn_sent}, {"<S", ok, syn_crossed}, {"<R", ok, closed}}, "crossed");
  play({{">S", is_new, syn_sent}, {"<SA", ok, syn_received}, {">R", ok, closed}}, "received");
  play(
      after_handshake({{"<R", ok, closed}, {"<R", ok, closed}, {">A", ok, closed}}), "established"
  );
  play(after_handshake({{">F", ok, fin_wait}, {"<R", ok, closed}}), "fin_wait");
  play(
      after_handshake({{">F", ok, fin_wait}, {"<F", ok, last_ack}, {">R", ok, closed}}), "last_ack"
  );
  play({{">A", is_new, picked_up}, {"<R", ok, closed}}, "picked up");
  play(
      after_handshake(
          {{">F", ok, fin_wait}, {"<F", ok, last_ack}, {">A", ok, time_wait}, {"<R", ok, time_wait}}
      ),
      "time_wait, RFC 1337"
  );
}

TEST(Conntrack, ReopensAfterTimeWaitAndRstWithEitherOpener) {  // RFC 9293 s3.6.1
  const std::vector<Move> over = after_handshake(
      {{">F", ok, fin_wait},
       {"<F", ok, last_ack},
       {">A", ok, time_wait},
       {">SA", invalid, time_wait}}
  );
  const std::vector<Move> reset = after_handshake({{"<R", ok, closed}, {"<SA", invalid, closed}});
  for (const std::vector<Move>& last : {over, reset}) {
    const Connection same = play(last, "last connection");
    Connection again = play({{">S", is_new, syn_sent}}, "same opener", same);
    EXPECT_EQ(again.flags, kOpenerIsLow) << "no flag of the last connection survives";
    again = play({{"<S", is_new, syn_sent}}, "other opener", same);
    EXPECT_EQ(again.flags, 0);
    play({{">SA", ok, syn_received}, {"<A", ok, established}}, "other direction", again);
  }
}

TEST(Conntrack, LetsOnlyTheOpenerSendSynInALivingConnection) {
  play(after_handshake({{">S", ok, established}, {"<S", invalid, established}}), "established");
  play(after_handshake({{">SA", invalid, established}}), "SYN-ACK of the opener");
  play(
      after_handshake({{"<F", ok, fin_wait}, {">S", ok, fin_wait}, {"<S", invalid, fin_wait}}),
      "fin"
  );
  play(
      after_handshake(
          {{"<F", ok, fin_wait},
           {">F", ok, last_ack},
           {"<S", invalid, last_ack},
           {">S", ok, last_ack},
           {"<SA", ok, syn_received},  // the responder was done already: same opener, same verdict
           {">A", ok, established},
           {">F", ok, fin_wait}}
      ),
      "last_ack"
  );
}

TEST(Conntrack, PicksUpMidStreamAndWaitsForTheOtherSide) {
  play(
      {{">A", is_new, picked_up},
       {">A", ok, picked_up},
       {"<SA", invalid, picked_up},
       {"<A", ok, established}},
      "data"
  );
  play({{"<F", is_new, fin_wait}, {">F", ok, last_ack}, {"<A", ok, time_wait}}, "closing");
  Connection turned = play({{">A", is_new, picked_up}, {"<S", is_new, syn_sent}}, "SYN");
  EXPECT_EQ(turned.flags, 0) << "the high end is the opener now";
}

TEST(Conntrack, PicksUpForTheOtherSideWhenThePacketIsTheResponders) {
  const Step step = first_state(PacketKind::tcp_ack, false, true);
  EXPECT_EQ(step.state, picked_up);
  EXPECT_EQ(step.flags, kOpenerIsLow | kResponderHeard);
  EXPECT_EQ(next_state(step.state, step.flags, PacketKind::tcp_ack, false).state, picked_up);
  EXPECT_EQ(next_state(step.state, step.flags, PacketKind::tcp_ack, true).state, established);
}

TEST(Conntrack, LeavesTheStagesFlagAlone) {
  for (std::uint8_t state = 1; state < kConnStateCount; ++state) {
    for (std::uint8_t kind = 0; kind <= static_cast<std::uint8_t>(PacketKind::other); ++kind) {
      for (const bool is_opener : {true, false}) {
        const Step step = next_state(
            static_cast<ConnState>(state), kStageFlag, static_cast<PacketKind>(kind), is_opener
        );
        if (step.tracked != Tracked::is_new) {
          EXPECT_NE(step.flags & kStageFlag, 0);
        }
        EXPECT_GT(static_cast<std::uint8_t>(step.state), 0);
        EXPECT_LT(static_cast<std::uint8_t>(step.state), kConnStateCount);
      }
    }
  }
}

TEST(Conntrack, UdpIcmpAndOthersWaitForTheResponder) {
  const struct {
    PacketKind kind;
    PacketKind reply;
    ConnState unreplied;
    ConnState replied;
  } cases[] = {
      {PacketKind::udp, PacketKind::udp, udp_unreplied, udp_replied},
      {PacketKind::icmp, PacketKind::icmp_reply, icmp_unreplied, icmp_replied},
      {PacketKind::other, PacketKind::other, other_unreplied, other_replied}};
  for (const auto& c : cases) {
    Connection connection;
    EXPECT_EQ(connection.see(false, c.kind), is_new);
    EXPECT_EQ(connection.state, c.unreplied);
    EXPECT_EQ(connection.see(false, c.kind), ok);
    EXPECT_EQ(connection.state, c.unreplied);
    EXPECT_EQ(connection.see(true, c.reply), ok);
    EXPECT_EQ(connection.state, c.replied);
    EXPECT_EQ(connection.see(false, c.kind), ok);
    EXPECT_EQ(connection.state, c.replied);
  }
}

TEST(Conntrack, RefusesAnIcmpReplyWithoutRequest) {
  EXPECT_EQ(Connection{}.see(true, PacketKind::icmp_reply), invalid);
}

TEST(PacketKind, OfTcpFollowsItsFlags) {
  using Tcp = TcpHeader;
  const auto kind = [](unsigned flags) {
    wire_test::Octets frame =
        wire_test::ethernet(kEtherTypeIpv4, wire_test::ipv4(kIpProtoTcp, wire_test::tcp({})));
    frame[14 + 20 + 13] = static_cast<std::uint8_t>(flags);
    return packet_kind(frame, parse_frame(frame));
  };
  for (const unsigned extra :
       {0U, unsigned{Tcp::kPsh | Tcp::kUrg}, unsigned{Tcp::kEce | Tcp::kCwr}}) {
    EXPECT_EQ(kind(extra | Tcp::kSyn), PacketKind::tcp_syn);
    EXPECT_EQ(kind(extra | Tcp::kSyn | Tcp::kAck), PacketKind::tcp_syn_ack);
    EXPECT_EQ(kind(extra | Tcp::kAck), PacketKind::tcp_ack);
    EXPECT_EQ(kind(extra | Tcp::kFin | Tcp::kAck), PacketKind::tcp_fin);
    EXPECT_EQ(kind(extra | Tcp::kRst), PacketKind::tcp_rst);
    EXPECT_EQ(kind(extra | Tcp::kRst | Tcp::kAck), PacketKind::tcp_rst);
    for (const unsigned bad :
         {0U,
          unsigned{Tcp::kFin},
          unsigned{Tcp::kSyn | Tcp::kFin},
          unsigned{Tcp::kSyn | Tcp::kRst},
          unsigned{Tcp::kFin | Tcp::kRst},
          unsigned{Tcp::kFin | Tcp::kRst | Tcp::kAck},
          unsigned{Tcp::kSyn | Tcp::kFin | Tcp::kAck}}) {
      EXPECT_EQ(kind(extra | bad), PacketKind::tcp_invalid) << bad;
    }
  }
}

TEST(PacketKind, OfOtherProtocols) {
  using namespace wire_test;
  const auto kind = [](std::uint16_t ether_type, const Octets& packet) {
    const Octets frame = ethernet(ether_type, packet);
    return packet_kind(frame, parse_frame(frame));
  };
  EXPECT_EQ(kind(kEtherTypeIpv4, ipv4(kIpProtoUdp, udp({}))), PacketKind::udp);
  EXPECT_EQ(kind(kEtherTypeIpv4, ipv4(kIpProtoIcmp, icmp(8, 0, 1))), PacketKind::icmp);
  EXPECT_EQ(kind(kEtherTypeIpv4, ipv4(kIpProtoIcmp, icmp(0, 0, 1))), PacketKind::icmp_reply);
  EXPECT_EQ(kind(kEtherTypeIpv4, ipv4(kIpProtoIcmp, icmp(14, 0, 1))), PacketKind::icmp_reply);
  EXPECT_EQ(kind(kEtherTypeIpv4, ipv4(kIpProtoIcmp, icmp(129, 0, 1))), PacketKind::icmp);
  EXPECT_EQ(kind(kEtherTypeIpv6, ipv6(kIpProtoIcmpv6, icmp(128, 0, 1))), PacketKind::icmp);
  EXPECT_EQ(kind(kEtherTypeIpv6, ipv6(kIpProtoIcmpv6, icmp(129, 0, 1))), PacketKind::icmp_reply);
  EXPECT_EQ(kind(kEtherTypeIpv6, ipv6(kIpProtoIcmpv6, icmp(0, 0, 1))), PacketKind::icmp);
  EXPECT_EQ(kind(kEtherTypeIpv4, ipv4(kIpProtoGre, counting(8))), PacketKind::other);
  EXPECT_EQ(kind(0x88CC, counting(46)), PacketKind::other);
}

TEST(Timeouts, AreNamedForEveryStateAndCountFromTheLastPacket) {
  std::set<std::string_view> names;
  for (const ConnStateInfo& state : kConnStates) EXPECT_TRUE(names.insert(state.name).second);
  EXPECT_EQ(timeout_of(established, Timeouts{}), 86400U * kTicksPerSecond);

  Timeouts timeouts;
  timeouts.of(udp_replied) = 10;
  EXPECT_FALSE(is_expired(udp_replied, CoarseTime{100}, CoarseTime{110}, timeouts));
  EXPECT_TRUE(is_expired(udp_replied, CoarseTime{100}, CoarseTime{111}, timeouts));
  EXPECT_FALSE(is_expired(udp_replied, CoarseTime{101}, CoarseTime{100}, timeouts))
      << "stamped after now";
}

TEST(Timeouts, SurviveTheWrapOfTime) {
  Timeouts timeouts;
  timeouts.of(udp_replied) = 10;
  const CoarseTime before{0xFFFFFFFAU};
  EXPECT_FALSE(is_expired(udp_replied, before, CoarseTime{4}, timeouts));
  EXPECT_TRUE(is_expired(udp_replied, before, CoarseTime{5}, timeouts));
}

}  // namespace
}  // namespace weft::classifier
