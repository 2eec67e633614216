#include "dataplane/net/headers.h"

#include <gtest/gtest.h>

#include "dataplane/net/testing/frames.h"

namespace weft {
namespace {

using namespace wire_test;  // NOLINT: builders

template <typename H>
const H& lay(const Octets& octets) {
  return bounded_header<H>(octets, 0);
}

TEST(Headers, VlanIdentifierIsTheLowTwelveBits) {
  EXPECT_EQ(lay<VlanTag>(tag(0xFABC, 0x0800, {})).vid(), 0xABC);
}

TEST(Headers, Ipv4FieldsAreReadInTheirUnits) {
  const Octets octets = ipv4(6, counting(4), 0x4000, Octets(12, 1));
  const auto& ip = lay<Ipv4Header>(octets);
  EXPECT_EQ(ip.version(), 4);
  EXPECT_EQ(ip.header_bytes(), 32U);
  EXPECT_EQ(ip.total_length.host(), 36);
  EXPECT_EQ(ip.source, (Ipv4Address{{192, 0, 2, 1}}));
  EXPECT_EQ(ip.destination, (Ipv4Address{{192, 0, 2, 2}}));
}

TEST(Headers, Ipv4FragmentsAreToldFromDontFragmentAndTheReservedBit) {
  const auto flags = [](std::uint16_t value) { return ipv4(17, {}, value); };
  const Octets whole = flags(0xC000);
  EXPECT_FALSE(lay<Ipv4Header>(whole).is_fragment());
  EXPECT_TRUE(lay<Ipv4Header>(whole).is_first_fragment());
  const Octets first = flags(0x2000);
  EXPECT_TRUE(lay<Ipv4Header>(first).is_fragment());
  EXPECT_TRUE(lay<Ipv4Header>(first).is_first_fragment());
  const Octets last = flags(0x0001);
  EXPECT_TRUE(lay<Ipv4Header>(last).is_fragment());
  EXPECT_FALSE(lay<Ipv4Header>(last).is_first_fragment());
}

TEST(Headers, Ipv6TrafficClassSpansTwoOctets) {
  const Octets octets = ipv6(6, {});
  EXPECT_EQ(lay<Ipv6Header>(octets).version(), 6);
  EXPECT_EQ(lay<Ipv6Header>(octets).traffic_class(), 0x28);
}

TEST(Headers, Ipv6FragmentOffsetExcludesTheFlagBits) {
  EXPECT_TRUE(lay<Ipv6FragmentHeader>(fragment(17, 1, {})).is_first());
  EXPECT_TRUE(lay<Ipv6FragmentHeader>(fragment(17, 1, {})).has_more());
  EXPECT_TRUE(lay<Ipv6FragmentHeader>(fragment(17, 6, {})).is_first()) << "reserved bits";
  EXPECT_FALSE(lay<Ipv6FragmentHeader>(fragment(17, 6, {})).has_more());
  EXPECT_FALSE(lay<Ipv6FragmentHeader>(fragment(17, 8, {})).is_first());
}

TEST(Headers, TcpHeaderLengthIsInOctets) {
  EXPECT_EQ(lay<TcpHeader>(tcp({})).header_bytes(), 20U);
  EXPECT_EQ(lay<TcpHeader>(tcp({}, Octets(40, 1))).header_bytes(), 60U);
}

TEST(Headers, ArpIsForIpv4OverEthernet) {
  const Octets octets = wire_test::arp(ArpPacket::kRequest);
  const auto& packet = lay<ArpPacket>(octets);
  EXPECT_TRUE(packet.is_ipv4_over_ethernet());
  EXPECT_EQ(packet.operation.host(), ArpPacket::kRequest);
  EXPECT_EQ(packet.sender_mac, (MacAddress{{2, 0, 0, 0, 0, 1}}));
  EXPECT_EQ(packet.target_ip, (Ipv4Address{{192, 0, 2, 2}}));
}

TEST(Headers, TunnelIdentifiersAreTheHighTwentyFourBits) {
  const Octets vxlan = Octets{0x08, 0, 0, 0} + word32(0xABCDEF55);
  EXPECT_EQ(lay<VxlanHeader>(vxlan).vni(), 0xABCDEFU);
  const Octets nvgre = word16(0x2000) + word16(kEtherTypeTeb) + word32(0xABCDEF55);
  EXPECT_EQ(lay<NvgreHeader>(nvgre).vsid(), 0xABCDEFU);
  EXPECT_EQ(lay<NvgreHeader>(nvgre).flow_id(), 0x55);
}

}  // namespace
}  // namespace weft
