#include "classifier/connection_key.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "dataplane/net/testing/frames.h"

namespace weft::classifier {
namespace {

using namespace wire_test;

constexpr EndpointIndex kEndpoint{0xABCDE};

KeyedPacket keyed(const Octets& frame, EndpointIndex endpoint = kEndpoint) {
  const ExactBuffer buffer{frame};
  const ParsedFrame parsed = parse_frame(buffer.view());
  EXPECT_TRUE(parsed.is_ok());
  return connection_key(buffer.view(), parsed, endpoint);
}

ConnectionKey fragment_keyed(const Octets& frame) {
  const ExactBuffer buffer{frame};
  const ParsedFrame parsed = parse_frame(buffer.view());
  EXPECT_TRUE(parsed.is_ok() && parsed.is_fragment);
  return fragment_key(buffer.view(), parsed, kEndpoint);
}

std::optional<KeyedPacket> related(const Octets& frame) {
  const ExactBuffer buffer{frame};
  const ParsedFrame parsed = parse_frame(buffer.view());
  EXPECT_TRUE(parsed.is_ok());
  return related_key(buffer.view(), parsed, kEndpoint);
}

void swap_octets(Octets& frame, std::size_t a, std::size_t b, std::size_t count) {
  std::swap_ranges(
      frame.begin() + static_cast<long>(a),
      frame.begin() + static_cast<long>(a + count),
      frame.begin() + static_cast<long>(b)
  );
}

/// The untagged frame with the addresses of the other direction; ports too if it has any.
Octets turned(Octets frame, bool has_ports) {
  const ParsedFrame parsed = parse_frame(frame);
  swap_octets(frame, 0, 6, 6);
  if (parsed.l3 == L3Kind::ipv4) swap_octets(frame, 26, 30, 4);
  if (parsed.l3 == L3Kind::ipv6) swap_octets(frame, 22, 38, 16);
  if (has_ports) swap_octets(frame, parsed.l4_offset, parsed.l4_offset + 2U, 2);
  return frame;
}

Octets v4(std::uint8_t protocol, const Octets& payload) {
  return ethernet(kEtherTypeIpv4, ipv4(protocol, payload));
}
Octets v6(std::uint8_t next_header, const Octets& payload) {
  return ethernet(kEtherTypeIpv6, ipv6(next_header, payload));
}

void expect_both_directions(const Octets& there, const Octets& back, const char* what) {
  const KeyedPacket a = keyed(there);
  const KeyedPacket b = keyed(back);
  EXPECT_EQ(a.key, b.key) << what;
  EXPECT_NE(a.is_low_to_high, b.is_low_to_high) << what;
  EXPECT_EQ(a.source(), b.destination()) << what;
  EXPECT_EQ(a.destination(), b.source()) << what;
  EXPECT_EQ(a.source_port(), b.destination_port()) << what;
  EXPECT_EQ(a.destination_port(), b.source_port()) << what;
}

TEST(ConnectionKey, IsTheSameInBothDirections) {
  const std::pair<const char*, Octets> frames[] = {
      {"tcp over v4", v4(kIpProtoTcp, tcp({}))},
      {"udp over v4", v4(kIpProtoUdp, udp({}))},
      {"tcp over v6", v6(kIpProtoTcp, tcp({}))},
      {"udp over v6", v6(kIpProtoUdp, udp({}))},
      {"sctp over v4", v4(132, counting(12))},
      {"sctp over v6", v6(132, counting(12))},
  };
  for (const auto& [what, frame] : frames) expect_both_directions(frame, turned(frame, true), what);
}

TEST(ConnectionKey, SaysWhatThePacketSays) {
  const KeyedPacket packet = keyed(v4(kIpProtoTcp, tcp({}, {}, 40000, 80)));
  EXPECT_TRUE(packet.is_low_to_high);  // 192.0.2.1 -> 192.0.2.2
  EXPECT_EQ(packet.key.endpoint(), kEndpoint);
  EXPECT_EQ(packet.key.kind(), KeyKind::connection);
  EXPECT_EQ(packet.key.protocol(), kIpProtoTcp);
  EXPECT_EQ(packet.source(), *parse_ip("192.0.2.1"));
  EXPECT_EQ(packet.destination(), *parse_ip("192.0.2.2"));
  EXPECT_EQ(packet.source_port(), 40000);
  EXPECT_EQ(packet.destination_port(), 80);
}

TEST(ConnectionKey, OrdersByPortWhenAddressesAreEqual) {
  Octets there = v4(kIpProtoUdp, udp({}, 40000, 53));
  std::copy_n(there.begin() + 26, 4, there.begin() + 30);
  Octets back = there;
  swap_octets(back, 34, 36, 2);
  EXPECT_EQ(keyed(there).key, keyed(back).key);
  EXPECT_FALSE(keyed(there).is_low_to_high);
  EXPECT_TRUE(keyed(back).is_low_to_high);
}

TEST(ConnectionKey, ComparesAddressesBeforePorts) {
  EXPECT_TRUE(keyed(v4(kIpProtoUdp, udp({}, 53, 40000))).is_low_to_high);
  EXPECT_TRUE(keyed(v4(kIpProtoUdp, udp({}, 40000, 53))).is_low_to_high);
}

TEST(ConnectionKey, DiffersByEndpointProtocolPortAndAddress) {
  const Octets frame = v4(kIpProtoTcp, tcp({}));
  const ConnectionKey key = keyed(frame).key;
  EXPECT_NE(key, keyed(frame, EndpointIndex{1}).key);
  EXPECT_NE(key, keyed(v4(kIpProtoUdp, udp({}, 40000, 80))).key);
  EXPECT_NE(key, keyed(v4(kIpProtoTcp, tcp({}, {}, 40001, 80))).key);
  EXPECT_NE(key, keyed(v4(kIpProtoTcp, tcp({}, {}, 40000, 81))).key);
  Octets other = frame;
  other[29] ^= 0x40U;
  EXPECT_NE(key, keyed(other).key);
  EXPECT_NE(key, keyed(turned(frame, false)).key) << "ports stay with their address";
}

TEST(ConnectionKey, IgnoresVlanTags) {
  const Octets packet = ipv4(kIpProtoTcp, tcp({}));
  EXPECT_EQ(
      keyed(ethernet(kEtherTypeIpv4, packet)).key,
      keyed(ethernet(kEtherTypeVlan, tag(7, kEtherTypeIpv4, packet))).key
  );
}

TEST(ConnectionKey, OfOtherFramesIsTheMacPairAndTheEtherType) {
  const Octets frame = ethernet(0x88CC, counting(46));
  EXPECT_EQ(keyed(frame).key, keyed(turned(frame, false)).key);
  EXPECT_EQ(keyed(frame).key.kind(), KeyKind::ethernet);
  EXPECT_NE(keyed(frame).key, keyed(ethernet(0x88CD, counting(46))).key);
  EXPECT_NE(keyed(frame).is_low_to_high, keyed(turned(frame, false)).is_low_to_high);
}

TEST(ConnectionKey, ReadsSctpPortsOnlyInsideThePacket) {
  // Three octets of SCTP, then Ethernet padding that must not count as ports.
  Octets frame = v4(132, counting(3)) + Octets(23, 0xEE);
  EXPECT_EQ(keyed(frame).source_port(), 0);
  EXPECT_EQ(keyed(frame).destination_port(), 0);
}

struct IcmpQuery {
  bool is_v6;
  std::uint8_t request;
  std::uint8_t reply;
};

TEST(ConnectionKey, JoinsIcmpRequestAndReply) {
  const IcmpQuery queries[] = {
      {false, 8, 0}, {false, 13, 14}, {false, 15, 16}, {false, 17, 18}, {true, 128, 129}};
  for (const IcmpQuery& query : queries) {
    const auto frame = [&](std::uint8_t type, std::uint16_t identifier) {
      const Octets message = icmp(type, 0, identifier);
      return query.is_v6 ? v6(kIpProtoIcmpv6, message) : v4(kIpProtoIcmp, message);
    };
    const std::string what = std::to_string(query.request);
    const Octets request = frame(query.request, 77);
    const Octets reply = turned(frame(query.reply, 77), false);
    expect_both_directions(request, reply, what.c_str());
    EXPECT_EQ(keyed(request).destination_port(), query.request << 8U) << what;
    EXPECT_NE(keyed(request).key, keyed(frame(query.request, 78)).key) << what;
    EXPECT_NE(keyed(request).key, keyed(turned(request, false)).key)
        << what << ": asking back with the same identifier is a connection of its own";
  }
}

TEST(ConnectionKey, KeepsIcmpWithoutReplyToItsDirection) {
  const Octets frame = v6(kIpProtoIcmpv6, icmp(143, 0, 5));
  EXPECT_NE(keyed(frame).key, keyed(turned(frame, false)).key);
  EXPECT_EQ(keyed(frame).source_port(), 0);
  EXPECT_EQ(keyed(frame).destination_port(), 143U << 8U);
}

TEST(ConnectionKey, OfAFirstFragmentHasPorts) {
  const Octets whole = v4(kIpProtoUdp, udp(counting(16)));
  const Octets first = ethernet(kEtherTypeIpv4, ipv4(kIpProtoUdp, udp(counting(16)), 0x2000));
  EXPECT_EQ(keyed(whole).key, keyed(first).key);
}

TEST(FragmentKey, IsSharedByAllIpv4FragmentsOfAPacket) {
  const Octets first = ethernet(kEtherTypeIpv4, ipv4(kIpProtoUdp, udp(counting(16)), 0x2000));
  const Octets later = ethernet(kEtherTypeIpv4, ipv4(kIpProtoUdp, counting(8), 0x0003));
  const ConnectionKey key = fragment_keyed(first);
  EXPECT_EQ(key, fragment_keyed(later));
  EXPECT_EQ(key.kind(), KeyKind::fragment);
  EXPECT_NE(key, keyed(first).key);

  Octets other_packet = later;
  other_packet[19] ^= 1U;
  EXPECT_NE(key, fragment_keyed(other_packet));
  EXPECT_NE(key, fragment_keyed(turned(later, false))) << "identifications are per sender";
  EXPECT_NE(key, fragment_keyed(ethernet(kEtherTypeIpv4, ipv4(kIpProtoTcp, counting(8), 0x0003))));
}

TEST(FragmentKey, IsSharedByAllIpv6FragmentsOfAPacketWhateverTheirNextHeader) {
  const Octets first =
      v6(kIpProtoHopByHop,
         extension(
             kIpProtoFragment,
             0,
             fragment(kIpProtoDestOptions, 1, extension(kIpProtoUdp, 0, udp(counting(16))))
         ));
  const Octets later = v6(kIpProtoFragment, fragment(kIpProtoUdp, 40, counting(8)));
  EXPECT_EQ(fragment_keyed(first), fragment_keyed(later));  // RFC 8200 s4.5
  Octets other_packet = later;
  other_packet[14 + 40 + 4] ^= 1U;  // the highest octet of 32 bits
  EXPECT_NE(fragment_keyed(first), fragment_keyed(other_packet));
  EXPECT_NE(fragment_keyed(later), fragment_keyed(turned(later, false)));
}

// -- ICMP errors ----------------------------------------------------------------------------------

/// An error that goes from 192.0.2.2 (or ::2) back to the sender of `quoted`, an IP packet.
Octets error4(std::uint8_t type, const Octets& quoted) {
  return turned(v4(kIpProtoIcmp, Octets{type, 1, 0, 0, 0, 0, 0, 0} + quoted), false);
}
Octets error6(std::uint8_t type, const Octets& quoted) {
  return turned(v6(kIpProtoIcmpv6, Octets{type, 0, 0, 0, 0, 0, 0, 0} + quoted), false);
}

TEST(RelatedKey, IsTheConnectionOfTheQuotedPacketInItsDirection) {
  for (const std::uint8_t type : std::array<std::uint8_t, 3>{3, 11, 12}) {
    const auto answer = related(error4(type, ipv4(kIpProtoTcp, tcp({}))));
    ASSERT_TRUE(answer.has_value()) << int{type};
    const KeyedPacket sent = keyed(v4(kIpProtoTcp, tcp({})));
    EXPECT_EQ(answer->key, sent.key);
    EXPECT_EQ(answer->is_low_to_high, sent.is_low_to_high);
  }
  for (const std::uint8_t type : std::array<std::uint8_t, 4>{1, 2, 3, 4}) {
    const auto answer = related(error6(type, ipv6(kIpProtoUdp, udp({}))));
    ASSERT_TRUE(answer.has_value()) << int{type};
    EXPECT_EQ(answer->key, keyed(v6(kIpProtoUdp, udp({}))).key);
    EXPECT_EQ(answer->is_low_to_high, keyed(v6(kIpProtoUdp, udp({}))).is_low_to_high);
  }
}

TEST(RelatedKey, ReadsQuotedEchoOptionsExtensionsAndOtherProtocols) {
  const Octets echo = icmp(8, 0, 9);
  EXPECT_EQ(related(error4(3, ipv4(kIpProtoIcmp, echo)))->key, keyed(v4(kIpProtoIcmp, echo)).key);
  const Octets echo6 = icmp(128, 0, 9);
  EXPECT_EQ(
      related(error6(1, ipv6(kIpProtoIcmpv6, echo6)))->key, keyed(v6(kIpProtoIcmpv6, echo6)).key
  );
  const Octets with_options = ipv4(kIpProtoUdp, udp({}), 0x4000, Octets(8, 1));
  EXPECT_EQ(related(error4(3, with_options))->key, keyed(v4(kIpProtoUdp, udp({}))).key);
  const Octets with_extension = ipv6(kIpProtoHopByHop, extension(kIpProtoUdp, 1, udp({})));
  EXPECT_EQ(related(error6(3, with_extension))->key, keyed(v6(kIpProtoUdp, udp({}))).key);
  EXPECT_EQ(related(error4(3, ipv4(50, counting(8))))->key, keyed(v4(50, counting(8))).key);
}

TEST(RelatedKey, OfAFirstFragmentIsItsConnection) {
  EXPECT_EQ(
      related(error4(11, ipv4(kIpProtoUdp, udp({}), 0x2000)))->key,
      keyed(v4(kIpProtoUdp, udp({}))).key
  );
  const Octets first = ipv6(kIpProtoFragment, fragment(kIpProtoUdp, 1, udp({})));
  EXPECT_EQ(related(error6(3, first))->key, keyed(v6(kIpProtoUdp, udp({}))).key);
}

/// Quotes the first `size` octets of `packet` for every size: readable from `enough` on.
template <typename Wrap>
void expect_readable_from(const Octets& packet, std::size_t enough, Wrap wrap) {
  for (std::size_t size = 0; size <= packet.size(); ++size) {
    const Octets quoted(packet.begin(), packet.begin() + static_cast<long>(size));
    EXPECT_EQ(related(wrap(quoted)).has_value(), size >= enough) << size;
  }
}

TEST(RelatedKey, NeedsEightOctetsOfL4AndNoMore) {  // RFC 792
  const auto wrap4 = [](const Octets& quoted) { return error4(3, quoted); };
  const auto wrap6 = [](const Octets& quoted) { return error6(1, quoted); };
  expect_readable_from(ipv4(kIpProtoTcp, tcp(text("data"))), 20 + 8, wrap4);
  expect_readable_from(ipv4(kIpProtoUdp, udp({}), 0x4000, Octets(40, 1)), 60 + 8, wrap4);
  expect_readable_from(ipv4(kIpProtoIcmp, icmp(8, 0, 1)), 20 + 8, wrap4);
  expect_readable_from(ipv4(50, counting(8)), 20, wrap4);
  expect_readable_from(ipv6(kIpProtoTcp, tcp(text("data"))), 40 + 8, wrap6);
  expect_readable_from(
      ipv6(kIpProtoHopByHop, extension(kIpProtoUdp, 2, udp({}))), 40 + 24 + 8, wrap6
  );
  expect_readable_from(ipv6(kIpProtoDestOptions, extension(50, 2, counting(8))), 40 + 24, wrap6);
}

TEST(RelatedKey, DoesNotReadEthernetPadding) {
  const Octets quoted = ipv4(kIpProtoUdp, udp({}));
  const Octets cut(quoted.begin(), quoted.begin() + 24);
  EXPECT_FALSE(related(error4(3, cut) + Octets(16, 0x11)).has_value());
}

TEST(RelatedKey, IsOnlyForErrors) {
  EXPECT_FALSE(related(v4(kIpProtoTcp, tcp({}))).has_value());
  EXPECT_FALSE(related(v4(kIpProtoIcmp, icmp(8, 0, 1))).has_value());
  EXPECT_FALSE(related(error4(4, ipv4(kIpProtoTcp, tcp({})))).has_value()) << "source quench";
  EXPECT_FALSE(related(error4(5, ipv4(kIpProtoTcp, tcp({})))).has_value()) << "redirect";
  EXPECT_FALSE(related(error6(128, ipv6(kIpProtoTcp, tcp({})))).has_value());
  EXPECT_FALSE(related(error6(0, ipv6(kIpProtoTcp, tcp({})))).has_value()) << "reserved";
}

TEST(RelatedKey, RefusesErrorsAboutErrorsAndLaterFragments) {
  EXPECT_FALSE(related(error4(3, ipv4(kIpProtoIcmp, icmp(3, 1, 0)))).has_value());
  EXPECT_FALSE(related(error6(1, ipv6(kIpProtoIcmpv6, icmp(1, 0, 0)))).has_value());
  EXPECT_FALSE(related(error4(3, ipv4(kIpProtoUdp, counting(8), 0x0003))).has_value());
  const Octets later = ipv6(kIpProtoFragment, fragment(kIpProtoUdp, 16, counting(8)));
  EXPECT_FALSE(related(error6(1, later)).has_value());
}

TEST(RelatedKey, RefusesAnErrorToSomebodyWhoDidNotSendTheQuotedPacket) {
  // Not turned: the error goes to the *destination* of the quoted packet.
  const Octets stray =
      v4(kIpProtoIcmp, Octets{3, 1, 0, 0, 0, 0, 0, 0} + ipv4(kIpProtoTcp, tcp({})));
  EXPECT_FALSE(related(stray).has_value());
}

TEST(RelatedKey, RefusesGarbledQuotations) {
  Octets packet = ipv4(kIpProtoTcp, tcp({}));
  for (const std::uint8_t version_ihl : std::array<std::uint8_t, 5>{0x00, 0x44, 0x55, 0x65, 0x4F}) {
    packet[0] = version_ihl;
    const Octets cut(packet.begin(), packet.begin() + 40);
    EXPECT_FALSE(related(error4(3, cut)).has_value()) << int{version_ihl};
  }
  Octets chain = ipv6(kIpProtoDestOptions, {});
  for (int i = 0; i < 9; ++i) chain = chain + extension(kIpProtoDestOptions, 0, {});
  EXPECT_FALSE(related(error6(1, chain + udp({}))).has_value()) << "too many extension headers";
}

// -- hash -----------------------------------------------------------------------------------------

TEST(ConnectionHash, ChangesHalfOfItsBitsWithAnyBitOfTheKeyOrSeed) {
  const ConnectionKey key = keyed(v6(kIpProtoTcp, tcp({}))).key;
  const std::uint64_t hash = connection_hash(key, 42);
  int least = 64;
  int total = 0;
  for (std::size_t bit = 0; bit < 320; ++bit) {
    std::array<std::uint8_t, sizeof key> octets{};
    std::memcpy(octets.data(), &key, sizeof key);
    octets[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    ConnectionKey other;
    std::memcpy(&other, octets.data(), sizeof other);
    const int changed = std::popcount(hash ^ connection_hash(other, 42));
    least = std::min(least, changed);
    total += changed;
  }
  EXPECT_GE(least, 12);
  EXPECT_NEAR(total / 320.0, 32.0, 2.0);
  for (unsigned bit = 0; bit < 64; ++bit) {
    const std::uint64_t other = connection_hash(key, 42U ^ std::uint64_t{1} << bit);
    EXPECT_GE(std::popcount(hash ^ other), 12) << bit;
  }
}

}  // namespace
}  // namespace weft::classifier
