#include "dataplane/reply.h"

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/net/headers.h"
#include "dataplane/port/testing/packet_fixture.h"

namespace weft {
namespace {

using namespace wire_test;

using NeighborQuestion = PacketTest;
using NeighborAnswer = PacketTest;
using TooBig = PacketTest;

constexpr MacAddress kMacC{{0x02, 0, 0, 0, 0, 0x0c}};

Octets from_hex(std::string_view hex) {
  Octets octets;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    octets.push_back(static_cast<std::uint8_t>(std::stoi(std::string{hex.substr(i, 2)}, nullptr, 16)
    ));
  }
  return octets;
}

std::optional<IpAddress> question(const Octets& octets) {
  const Packet frame = packet(octets);
  const Poisoned guard{frame.get()};
  return neighbor_question(frame.get());
}

// -- neighbor_question
// -----------------------------------------------------------------------------

TEST_F(NeighborQuestion, IsTheTargetOfAnArpRequest) {
  EXPECT_EQ(question(arp_frame({.destination = kBroadcastMac}, {})), IpAddress{kIp4B});
  EXPECT_EQ(question(arp_frame({.vlans = {10}}, {})), IpAddress{kIp4B});
  EXPECT_EQ(question(arp_frame({}, {}) + Octets(18)), IpAddress{kIp4B}) << "padded to 60 octets";
}

TEST_F(NeighborQuestion, IsNotInOtherArp) {
  EXPECT_FALSE(question(arp_frame({}, {.operation = ArpPacket::kReply})));
  EXPECT_FALSE(question(arp_frame({}, {.operation = 0x0100})));
  EXPECT_FALSE(question(arp_frame({}, {.target_ip = kIp4A}))) << "gratuitous";
  EXPECT_FALSE(question(arp_frame({}, {.sender_ip = {}}))) << "probe, RFC 5227 s2.1.1";
  EXPECT_FALSE(question(arp_frame({.source = kBroadcastMac}, {})));
  EXPECT_FALSE(question(arp_frame({}, {.sender_mac = kBroadcastMac})));
  Octets ieee802 = arp_frame({}, {});
  ieee802[15] = 6;  // hardware type IEEE 802
  EXPECT_FALSE(question(ieee802));
}

TEST_F(NeighborQuestion, IsTheTargetOfAMulticastSolicitation) {
  EXPECT_EQ(question(solicitation_frame({})), IpAddress{kIp6B});
  EXPECT_EQ(question(solicitation_frame({.vlans = {10}})), IpAddress{kIp6B});
  EXPECT_EQ(question(solicitation_frame({.link_layer = {}})), IpAddress{kIp6B});
}

TEST_F(NeighborQuestion, IsNotInWhatRfc4861Refuses) {  // RFC 4861 s7.1.1
  EXPECT_FALSE(question(solicitation_frame({.hop_limit = 254})));
  EXPECT_FALSE(question(solicitation_frame({.code = 1})));
  EXPECT_FALSE(question(solicitation_frame({.target = solicited_node(kIp6B)}))) << "multicast";
  EXPECT_FALSE(question(solicitation_frame({.source = {}, .link_layer = {}}))) << "DAD";
  EXPECT_FALSE(question(solicitation_frame({.source = solicited_node(kIp6A)})));
  EXPECT_FALSE(question(solicitation_frame({.destination = kIp6B}))) << "unicast: reachability";

  Octets bent = solicitation_frame({});
  bent[14 + 40 + 2] ^= 1U;
  EXPECT_FALSE(question(bent)) << "checksum";
  const auto with_options = [](const Octets& options) {
    return icmp_frame(
        {},
        Ip6{.destination = solicited_node(kIp6B), .hop_limit = 255},
        {.type = kIcmpv6NeighborSolicit, .rest = 0},
        Octets{kIp6B.octets.begin(), kIp6B.octets.end()} + options
    );
  };
  EXPECT_TRUE(question(with_options({14, 1, 0, 0, 0, 0, 0, 0}))) << "unknown option";
  EXPECT_FALSE(question(with_options({1, 0, 0, 0, 0, 0, 0, 0}))) << "option of length 0";
  EXPECT_FALSE(question(with_options({1, 2, 0, 0, 0, 0, 0, 0}))) << "option beyond the packet";
  EXPECT_FALSE(question(with_options({1}))) << "half an option";
}

TEST_F(NeighborQuestion, IsNotBehindExtensionHeaders) {  // RFC 6980 s5
  const Octets target{kIp6B.octets.begin(), kIp6B.octets.end()};
  const auto behind = [&](const std::vector<Extension>& extensions) {
    return icmp_frame(
        {},
        Ip6{.destination = solicited_node(kIp6B), .hop_limit = 255, .extensions = extensions},
        {.type = kIcmpv6NeighborSolicit, .rest = 0},
        target
    );
  };
  EXPECT_TRUE(question(behind({})));
  EXPECT_FALSE(question(behind({{kIpProtoFragment, {0, 0, 0, 0, 0, 0, 7}}}))) << "atomic fragment";
  EXPECT_FALSE(question(behind({{kIpProtoFragment, {0, 0, 1, 0, 0, 0, 7}}})));
  EXPECT_FALSE(question(behind({{}})));
}

TEST_F(NeighborQuestion, IsNotInOtherFrames) {
  EXPECT_FALSE(
      question(icmp_frame({}, Ip6{.hop_limit = 255}, {.type = kIcmpv6NeighborAdvert}, Octets(16)))
  );
  EXPECT_FALSE(
      question(icmp_frame({}, Ip6{.hop_limit = 255}, {.type = kIcmpv6EchoRequest}, Octets(16)))
  );
  EXPECT_FALSE(question(tcp_frame({}, Ip6{}, {})));
  EXPECT_FALSE(question(udp_frame({}, Ip4{}, {})));
  EXPECT_FALSE(question(ethernet_frame({}, 0x88b5, counting(64))));
}

TEST_F(NeighborQuestion, StaysInsideTruncatedFrames) {
  for (const Octets& whole : {arp_frame({.vlans = {1}}, {}), solicitation_frame({.vlans = {1}})}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      EXPECT_FALSE(question(Octets(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))
      )) << size;
    }
  }
  const Octets whole = solicitation_frame({});
  const Packet split = packet(whole, {whole.size() - 8});
  EXPECT_FALSE(neighbor_question(split.get())) << "its options are in another mbuf";
}

TEST_F(NeighborQuestion, TrustsPartialAndCheckedChecksums) {
  Octets octets = solicitation_frame({});
  octets[14 + 40 + 2] ^= 1U;
  const Packet frame = packet(octets);
  meta(frame.get()).offload.needs_checksum = true;
  EXPECT_TRUE(neighbor_question(frame.get()));
  meta(frame.get()).offload = {.is_checked = true};
  EXPECT_TRUE(neighbor_question(frame.get()));
}

// -- write_neighbor_answer
// -------------------------------------------------------------------------

Octets answer(const Octets& octets) {
  const Packet frame = packet(octets);
  meta(frame.get()).offload.needs_checksum = true;
  EXPECT_TRUE(neighbor_question(frame.get()));
  write_neighbor_answer(frame.get(), kMacC);
  EXPECT_FALSE(meta(frame.get()).offload.needs_checksum);
  const ParsedFrame& parsed = meta(frame.get()).parsed;
  EXPECT_TRUE(parsed.is_ok());
  EXPECT_EQ(parsed.l3_end, parse_frame(head_bytes(frame.get())).l3_end);
  const Octets written = octets_of(frame.get());
  EXPECT_EQ(checksum_faults(written), "");
  return written;
}

TEST_F(NeighborAnswer, IsAnArpReply) {  // RFC 826
  const Arp reply{
      .operation = ArpPacket::kReply,
      .sender_mac = kMacC,
      .sender_ip = kIp4B,
      .target_mac = kMacA,
      .target_ip = kIp4A};
  EXPECT_EQ(
      answer(arp_frame({.destination = kBroadcastMac}, {})),
      arp_frame({.destination = kMacA, .source = kMacC}, reply)
  );
  EXPECT_EQ(
      answer(arp_frame({.destination = kBroadcastMac, .vlans = {10}}, {})),
      arp_frame({.destination = kMacA, .source = kMacC, .vlans = {10}}, reply)
  );
}

Octets advertisement(const std::vector<std::uint16_t>& vlans) {
  return icmp_frame(
      {.destination = kMacA, .source = kMacC, .vlans = vlans},
      Ip6{.source = kIp6B, .destination = kIp6A, .flow_label = 0, .hop_limit = 255},
      {.type = kIcmpv6NeighborAdvert, .rest = 0x60000000},
      Octets{kIp6B.octets.begin(), kIp6B.octets.end()} + Octets{2, 1} +
          Octets{kMacC.octets.begin(), kMacC.octets.end()}
  );
}

TEST_F(NeighborAnswer, IsASolicitedOverridingAdvertisement) {  // RFC 4861 s7.2.4
  EXPECT_EQ(answer(solicitation_frame({})), advertisement({}));
  EXPECT_EQ(answer(solicitation_frame({.vlans = {10, 20}})), advertisement({10, 20}));
  EXPECT_EQ(answer(solicitation_frame({.link_layer = {}})), advertisement({})) << "must grow";
}

TEST_F(NeighborAnswer, DropsTheOptionsOfTheQuestion) {
  EXPECT_EQ(
      answer(icmp_frame(
          {},
          Ip6{.destination = solicited_node(kIp6B), .hop_limit = 255},
          {.type = kIcmpv6NeighborSolicit, .rest = 0},
          Octets{kIp6B.octets.begin(), kIp6B.octets.end()} + Octets{14, 3} + Octets(22)
      )),
      advertisement({})
  );
}

TEST_F(NeighborAnswer, IsWhatScapyMakes) {
  // Ether(dst=A,src=C)/Dot1Q(vlan=10)/ARP(op=2,hwsrc=C,psrc="192.0.2.11",hwdst=A,pdst="192.0.2.10")
  EXPECT_EQ(
      answer(arp_frame({.destination = kBroadcastMac, .vlans = {10}}, {})),
      from_hex("02000000000a02000000000c8100000a0806000108000604000202000000000cc000020b02000000"
               "000ac000020a")
  );
  // Ether(dst=A,src=C)/IPv6(src="2001:db8::b",dst="2001:db8::a",hlim=255)
  //   /ICMPv6ND_NA(R=0,S=1,O=1,tgt="2001:db8::b")/ICMPv6NDOptDstLLAddr(lladdr=C)
  EXPECT_EQ(
      answer(solicitation_frame({})),
      from_hex("02000000000a02000000000c86dd6000000000203aff20010db800000000000000000000000b2001"
               "0db800000000000000000000000a88008a4c6000000020010db800000000000000000000000b0201"
               "02000000000c")
  );
}

// -- make_too_big
// ----------------------------------------------------------------------------------

Packet too_big(const Octets& octets, std::uint16_t mtu = 1450) {
  const Packet frame = packet(octets);
  const Poisoned guard{frame.get()};
  return Packet{make_too_big(frame.get(), mtu, pools().small)};
}

/// What the answer must be: `octets`' first octets quoted, `limit` octets in all.
Octets expected_error(
    const Octets& octets, const std::vector<std::uint16_t>& vlans, bool is_v4, std::size_t limit
) {
  const std::size_t l3 = 14 + 4 * vlans.size();
  const std::size_t room = limit - (is_v4 ? 28 : 48);
  const std::size_t end = std::min(octets.size(), l3 + room);
  const Octets quoted(
      octets.begin() + static_cast<std::ptrdiff_t>(l3),
      octets.begin() + static_cast<std::ptrdiff_t>(end)
  );
  const Ethernet ethernet{.destination = kMacA, .source = kMacB, .vlans = vlans};
  if (is_v4) {
    return icmp_frame(
        ethernet,
        Ip4{.source = kIp4B, .destination = kIp4A, .tos = 0xC0, .identification = 0},
        {.type = kIcmpUnreachable, .code = kIcmpFragmentationNeeded, .rest = 1450},
        quoted
    );
  }
  return icmp_frame(
      ethernet,
      Ip6{.source = kIp6B, .destination = kIp6A, .traffic_class = 0xC0, .flow_label = 0},
      {.type = kIcmpv6PacketTooBig, .rest = 1450},
      quoted
  );
}

TEST_F(TooBig, QuotesUpTo576OctetsOfIpv4) {  // RFC 1812 s4.3.2.3
  for (const std::size_t size :
       std::initializer_list<std::size_t>{0, 1, 519, 520, 521, 1460, 2100, 60000}) {
    const Octets octets = udp_frame({}, Ip4{}, {}, random_octets(size, 1));
    const Packet answer = too_big(octets);
    ASSERT_NE(answer, nullptr);
    EXPECT_EQ(octets_of(answer.get()), expected_error(octets, {}, true, 576));
    EXPECT_LE(answer->pkt_len, 14U + 576U);
  }
}

TEST_F(TooBig, QuotesUpTo1280OctetsOfIpv6) {  // RFC 4443 s3.2
  for (const std::size_t size :
       std::initializer_list<std::size_t>{0, 1, 1183, 1184, 1185, 1460, 2100, 60000}) {
    const Octets octets = udp_frame({}, Ip6{}, {}, random_octets(size, 1));
    const Packet answer = too_big(octets);
    ASSERT_NE(answer, nullptr);
    EXPECT_EQ(octets_of(answer.get()), expected_error(octets, {}, false, 1280));
    EXPECT_LE(answer->pkt_len, 14U + 1280U);
  }
}

TEST_F(TooBig, KeepsVlanTagsAndLeavesPaddingOut) {
  const Octets octets = udp_frame({.vlans = {10, 20}}, Ip4{}, {}, text("x"));
  const Packet answer = too_big(octets + Octets(9, 0xEE));
  EXPECT_EQ(octets_of(answer.get()), expected_error(octets, {10, 20}, true, 576));
}

TEST_F(TooBig, QuotesFromSeveralMbufs) {
  const Octets octets = udp_frame({}, Ip6{}, {}, random_octets(1500, 3));
  const Packet frame = packet(octets, {63, 1, 0, 700, 301});
  const Packet answer{make_too_big(frame.get(), 1450, pools().small)};
  EXPECT_EQ(octets_of(answer.get()), expected_error(octets, {}, false, 1280));
  EXPECT_EQ(octets_of(frame.get()), octets) << "the frame stays as it was";
}

TEST_F(TooBig, IsWhatScapyMakes) {
  // Ether(dst=A,src=B)/IP(src="192.0.2.11",dst="192.0.2.10",tos=0xc0,id=0,flags="DF",ttl=64)
  //   /ICMP(type=3,code=4,nexthopmtu=1450)/the quoted packet
  EXPECT_EQ(
      octets_of(too_big(udp_frame({}, Ip4{}, {}, counting(10))).get()),
      from_hex("02000000000a02000000000b080045c00042000040004001b5e5c000020bc000020a03047b8b0000"
               "05aa45000026123440004011a47dc000020ac000020b9c4000350012cb2500010203040506070809")
  );
  // Ether(dst=A,src=B)/IPv6(src="2001:db8::b",dst="2001:db8::a",tc=0xc0,fl=0,hlim=64)
  //   /ICMPv6PacketTooBig(mtu=1450)/the quoted packet
  EXPECT_EQ(
      octets_of(too_big(udp_frame({}, Ip6{}, {}, counting(10))).get()),
      from_hex("02000000000a02000000000b86dd6c00000000423a4020010db800000000000000000000000b2001"
               "0db800000000000000000000000a020007dd000005aa600123450012114020010db8000000000000"
               "00000000000a20010db800000000000000000000000b9c4000350012f3b400010203040506070809")
  );
}

TEST_F(TooBig, GoesBackWhereTheFrameCameFrom) {
  const Packet frame = packet(udp_frame({}, Ip4{}, {}, counting(10)));
  meta(frame.get()).segment = SegmentIndex{3};
  meta(frame.get()).from = EndpointIndex{4};
  const Packet to_endpoint{make_too_big(frame.get(), 1450, pools().small)};
  EXPECT_EQ(meta(to_endpoint.get()).segment, SegmentIndex{3});
  EXPECT_EQ(meta(to_endpoint.get()).to, Destination{EndpointIndex{4}});
  EXPECT_EQ(meta(to_endpoint.get()).from, kNoEndpoint);
  EXPECT_EQ(meta(to_endpoint.get()).parsed.l4, L4Kind::icmp);

  meta(frame.get()).from = kNoEndpoint;
  meta(frame.get()).from_tunnel = TunnelIndex{5};
  const Packet to_tunnel{make_too_big(frame.get(), 1450, pools().small)};
  EXPECT_EQ(meta(to_tunnel.get()).to, Destination{TunnelIndex{5}});
}

TEST_F(TooBig, TravelsInTheClassThatItNames) {
  for (const Octets& octets :
       {udp_frame({}, Ip4{}, {}, counting(10)), udp_frame({}, Ip6{}, {}, counting(10))}) {
    const Packet answer = too_big(octets);
    EXPECT_EQ(meta(answer.get()).phb, classifier::Phb::network_control);
    EXPECT_EQ(meta(answer.get()).colour, classifier::Colour::green);
  }
}

TEST_F(TooBig, AnswersQueriesButNoIcmpErrors) {  // RFC 1122 s3.2.2, RFC 4443 s2.4(e.1), (e.2)
  for (unsigned type = 0; type < 256; ++type) {
    const auto octet = static_cast<std::uint8_t>(type);
    const bool is_error = type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
    EXPECT_EQ(too_big(icmp_frame({}, Ip4{}, {.type = octet}, counting(64))) == nullptr, is_error)
        << type;
    const bool is_error6 = type < 128 || type == kIcmpv6Redirect;
    EXPECT_EQ(too_big(icmp_frame({}, Ip6{}, {.type = octet}, counting(64))) == nullptr, is_error6)
        << type;
  }
}

TEST_F(TooBig, AnswersFirstFragmentsOnly) {
  EXPECT_NE(too_big(udp_frame({}, Ip4{.flags_fragment = 0x2000}, {}, counting(64))), nullptr);
  EXPECT_EQ(too_big(udp_frame({}, Ip4{.flags_fragment = 0x2001}, {}, counting(64))), nullptr);
  EXPECT_EQ(too_big(udp_frame({}, Ip4{.flags_fragment = 0x0001}, {}, counting(64))), nullptr);
  const auto v6 = [](std::uint8_t offset) {
    return Ip6{.extensions = {{kIpProtoFragment, {0, 0, offset, 0, 0, 0, 7}}}};
  };
  EXPECT_NE(too_big(udp_frame({}, v6(1), {}, counting(64))), nullptr);
  EXPECT_EQ(too_big(udp_frame({}, v6(9), {}, counting(64))), nullptr);
}

TEST_F(TooBig, NeverAnswersGroupsOrSourcesThatAreNotOneHost) {
  const auto v4 = [](const Ip4& ip) { return too_big(udp_frame({}, ip, {}, counting(64))); };
  const auto v6 = [](const Ip6& ip) { return too_big(udp_frame({}, ip, {}, counting(64))); };
  EXPECT_EQ(v4({.source = {{0, 0, 0, 0}}}), nullptr);
  EXPECT_EQ(v4({.source = {{127, 0, 0, 1}}}), nullptr);
  EXPECT_EQ(v4({.source = {{224, 0, 0, 1}}}), nullptr);
  EXPECT_EQ(v4({.source = {{240, 0, 0, 1}}}), nullptr) << "class E";
  EXPECT_EQ(v4({.source = {{255, 255, 255, 255}}}), nullptr);
  EXPECT_EQ(v4({.destination = {{224, 0, 0, 1}}}), nullptr);
  EXPECT_EQ(v4({.destination = {{255, 255, 255, 255}}}), nullptr);
  EXPECT_EQ(v6({.source = {}}), nullptr);
  EXPECT_EQ(v6({.source = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}}), nullptr);
  EXPECT_EQ(v6({.source = solicited_node(kIp6A)}), nullptr);
  EXPECT_EQ(v6({.destination = solicited_node(kIp6A)}), nullptr);
  for (const Ip& ip : std::vector<Ip>{Ip4{}, Ip6{}}) {
    EXPECT_EQ(too_big(udp_frame({.destination = kBroadcastMac}, ip, {}, counting(64))), nullptr);
    EXPECT_EQ(too_big(udp_frame({.source = kBroadcastMac}, ip, {}, counting(64))), nullptr);
  }
}

TEST_F(TooBig, NeverAnswersWhatIsNotIp) {
  EXPECT_EQ(too_big(arp_frame({}, {})), nullptr);
  EXPECT_EQ(too_big(ethernet_frame({}, 0x88b5, counting(64))), nullptr);
  const Octets whole = udp_frame({}, Ip6{}, {}, counting(20));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(
        too_big(Octets(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))), nullptr
    );
  }
}

TEST_F(TooBig, IsNullWithoutMbufs) {
  const Pool pool = make_pool(1);
  const Packet frame = packet(udp_frame({}, Ip4{}, {}, counting(10)));
  const Packet last{make_too_big(frame.get(), 1450, pool.get())};
  EXPECT_NE(last, nullptr);
  EXPECT_EQ(make_too_big(frame.get(), 1450, pool.get()), nullptr);
  const Pool tiny = make_pool(1, 40);
  EXPECT_EQ(make_too_big(frame.get(), 1450, tiny.get()), nullptr) << "its mbufs are too small";
  EXPECT_EQ(rte_mempool_avail_count(tiny.get()), 1U);
}

}  // namespace
}  // namespace weft
