#include "classifier/rule_key.h"

#include <gtest/gtest.h>

#include "dataplane/net/testing/frames.h"

namespace weft::classifier {
namespace {

using namespace wire_test;  // NOLINT: builders

using Item = MatchItem;

RuleKey key_of(const Octets& octets) {
  const ExactBuffer buffer{octets};
  const ParsedFrame parsed = parse_frame(buffer.view());
  EXPECT_TRUE(parsed.is_ok()) << drop_info(parsed.error).name;
  return rule_key(buffer.view(), parsed);
}

FieldMatch exactly(MatchField field, std::uint64_t value) {
  return {field, FieldValue::of(value), FieldValue::ones(info(field).bits), {}};
}

bool takes(const MatchPattern& pattern, const Octets& frame) {
  return rule_match(pattern).takes(words_of(key_of(frame)));
}

Octets over_ipv4(std::uint8_t protocol, const Octets& payload, std::uint16_t fragment = 0x4000) {
  return ethernet(kEtherTypeIpv4, ipv4(protocol, payload, fragment));
}

TEST(RuleKey, ReadsEveryGoldenFrameWithinItsBounds) {
  for (const GoldenFrame& golden : golden_frames()) {
    const ExactBuffer buffer{golden.octets};
    const RuleKey key = rule_key(buffer.view(), parse_frame(buffer.view()));
    EXPECT_EQ(key.eth_type.host(), golden.octets[12] << 8U | golden.octets[13]) << golden.name;
  }
}

TEST(RuleKey, ReadsAWholeTcpFrame) {
  const RuleKey key = key_of(over_ipv4(kIpProtoTcp, tcp(text("x"), {}, 40000, 443)));
  EXPECT_EQ(key.l3, 4);
  EXPECT_EQ(key.l4_proto, kIpProtoTcp);
  EXPECT_EQ(key.has_l4, 1);
  EXPECT_EQ(key.tos, 0x28);
  EXPECT_EQ(key.ttl, 64);
  EXPECT_EQ(key.source_port.host(), 40000);
  EXPECT_EQ(key.destination_port.host(), 443);
  EXPECT_EQ(key.tcp_flags, TcpHeader::kAck);
  EXPECT_EQ(key.source[0], 192);
  EXPECT_EQ(key.destination[3], 2);
  EXPECT_EQ(key.source[4], 0);
}

TEST(RuleKey, KeepsBothNextHeadersOfIpv6) {
  const RuleKey key =
      key_of(ethernet(kEtherTypeIpv6, ipv6(kIpProtoDestOptions, extension(kIpProtoUdp, 0, udp({}))))
      );
  EXPECT_EQ(key.ip_proto, kIpProtoDestOptions);
  EXPECT_EQ(key.l4_proto, kIpProtoUdp);
  EXPECT_EQ(key.flow_label.host(), 0x12345U);
  EXPECT_EQ(key.tos, 0x28);
}

TEST(RuleKey, LooksIntoTags) {
  const Octets inner = tag(0x6002, kEtherTypeIpv4, ipv4(kIpProtoUdp, udp({})));
  const Octets frame = ethernet(kEtherTypeQinQ, tag(0x2001, kEtherTypeVlan, inner));
  EXPECT_TRUE(takes({{Item::vlan, {exactly(MatchField::vlan_vid, 1)}}}, frame));
  EXPECT_FALSE(takes({{Item::vlan, {exactly(MatchField::vlan_vid, 2)}}}, frame));
  EXPECT_TRUE(takes({{Item::vlan, {}}, {Item::vlan, {exactly(MatchField::vlan_vid, 2)}}}, frame));
  EXPECT_TRUE(takes({{Item::vlan, {exactly(MatchField::vlan_pcp, 1)}}}, frame));
  EXPECT_TRUE(takes({{Item::vlan, {exactly(MatchField::vlan_tci, 0x2001)}}}, frame));
  EXPECT_TRUE(takes({{Item::vlan, {exactly(MatchField::vlan_inner_type, kEtherTypeVlan)}}}, frame));
  EXPECT_TRUE(takes({{Item::eth, {exactly(MatchField::eth_type, kEtherTypeQinQ)}}}, frame));
  EXPECT_TRUE(takes({{Item::eth, {exactly(MatchField::eth_has_vlan, 1)}}}, frame));
  EXPECT_TRUE(takes({{Item::eth, {}}, {Item::ipv4, {}}}, frame)) << "tags do not hide IPv4";
}

TEST(RuleKey, AnItemNeedsItsHeaderEvenWhereZeroWouldMatch) {
  const Octets untagged = over_ipv4(kIpProtoUdp, udp({}));
  EXPECT_FALSE(takes({{Item::vlan, {exactly(MatchField::vlan_vid, 0)}}}, untagged));
  EXPECT_TRUE(takes({{Item::eth, {exactly(MatchField::eth_has_vlan, 0)}}}, untagged));
  const Octets arp_frame = ethernet(kEtherTypeArp, arp(1));
  EXPECT_FALSE(takes({{Item::ipv4, {exactly(MatchField::ipv4_tos, 0)}}}, arp_frame));
  EXPECT_FALSE(takes({{Item::ipv6, {}}}, untagged));
  EXPECT_TRUE(takes({{Item::eth, {}}}, arp_frame));
}

TEST(RuleKey, PortsNeverMatchAFragmentWithoutThem) {
  const Octets later = over_ipv4(kIpProtoUdp, text("not a header"), 0x0010);
  EXPECT_TRUE(takes({{Item::ipv4, {}}, {Item::udp, {}}}, later));
  EXPECT_FALSE(takes({{Item::ipv4, {}}, {Item::udp, {exactly(MatchField::udp_dst, 0)}}}, later));
  const Octets first = over_ipv4(kIpProtoUdp, udp(text("data"), 1, 53), 0x2000);
  EXPECT_TRUE(takes({{Item::ipv4, {}}, {Item::udp, {exactly(MatchField::udp_dst, 53)}}}, first));
}

TEST(RuleKey, UdpAloneIsOfBothFamilies) {
  const MatchPattern pattern{{Item::udp, {exactly(MatchField::udp_dst, 53)}}};
  EXPECT_TRUE(takes(pattern, over_ipv4(kIpProtoUdp, udp({}))));
  EXPECT_TRUE(takes(pattern, ethernet(kEtherTypeIpv6, ipv6(kIpProtoUdp, udp({})))));
  EXPECT_FALSE(takes(pattern, over_ipv4(kIpProtoTcp, tcp({}, {}, 1, 53))));
}

TEST(RuleKey, IcmpAloneIsOfItsOwnFamily) {
  const Octets stray = ethernet(kEtherTypeIpv6, ipv6(kIpProtoIcmp, icmp(8, 0, 1)));
  EXPECT_FALSE(takes({{Item::icmp, {}}}, stray));
  EXPECT_TRUE(takes({{Item::icmp, {}}}, over_ipv4(kIpProtoIcmp, icmp(8, 0, 1))));
}

// RFC 7348 s5.
TEST(RuleKey, SeesAVniOnlyWhereTheFlagSaysSo) {
  const auto frame = [](std::uint8_t flags, std::uint16_t port) {
    const Octets vxlan_header{flags, 0xFF, 0xFF, 0xFF, 0, 0x13, 0x89, 0xFF};
    return over_ipv4(kIpProtoUdp, udp(vxlan_header, 1, port));
  };
  const MatchPattern pattern{
      {Item::udp, {}}, {Item::vxlan, {exactly(MatchField::vxlan_vni, 5001)}}};
  EXPECT_TRUE(takes(pattern, frame(0x08, kVxlanPort)));
  EXPECT_TRUE(takes(pattern, frame(0xFF, kVxlanPort)));
  EXPECT_FALSE(takes(pattern, frame(0xF7, kVxlanPort)));
  EXPECT_FALSE(takes(pattern, frame(0x08, kVxlanPort + 1)));
  EXPECT_FALSE(takes({{Item::vxlan, {}}}, over_ipv4(kIpProtoUdp, udp(text("short"), 1, kVxlanPort)))
  );
}

TEST(RuleKey, DoesNotTakeEthernetPaddingForATunnelHeader) {
  const Octets padded = over_ipv4(kIpProtoUdp, udp(Octets{0x08, 0, 0, 0}, 1, kVxlanPort));
  EXPECT_FALSE(takes({{Item::vxlan, {}}}, padded + Octets(18)));
}

// RFC 7637 s3.2.
TEST(RuleKey, SeesAVsidOnlyInNvgre) {
  const auto frame = [](std::uint16_t flags, std::uint16_t protocol) {
    return over_ipv4(kIpProtoGre, word16(flags) + word16(protocol) + Octets{0, 0x13, 0x89, 7});
  };
  const MatchPattern pattern{
      {Item::ipv4, {}}, {Item::nvgre, {exactly(MatchField::nvgre_tni, 5001)}}};
  EXPECT_TRUE(takes(pattern, frame(0x2000, kEtherTypeTeb)));
  EXPECT_FALSE(takes(pattern, frame(0x0000, kEtherTypeTeb)));
  EXPECT_FALSE(takes(pattern, frame(0xA000, kEtherTypeTeb)));
  EXPECT_FALSE(takes(pattern, frame(0x3000, kEtherTypeTeb)));
  EXPECT_FALSE(takes(pattern, frame(0x2001, kEtherTypeTeb)));
  EXPECT_FALSE(takes(pattern, frame(0x2000, kEtherTypeIpv4)));
}

TEST(RuleKey, PatternsOverlapUnlessSomeBitExcludesIt) {
  const RuleMatch any = rule_match({{Item::eth, {}}});
  const RuleMatch v4 = rule_match({{Item::ipv4, {}}});
  const RuleMatch v6 = rule_match({{Item::ipv6, {}}});
  const RuleMatch dns = rule_match({{Item::udp, {exactly(MatchField::udp_dst, 53)}}});
  const RuleMatch from_dns = rule_match({{Item::udp, {exactly(MatchField::udp_src, 53)}}});
  EXPECT_TRUE(can_overlap(any, v4));
  EXPECT_FALSE(can_overlap(v4, v6));
  EXPECT_TRUE(can_overlap(v6, dns));
  EXPECT_TRUE(can_overlap(from_dns, dns));
  EXPECT_FALSE(can_overlap(dns, rule_match({{Item::udp, {exactly(MatchField::udp_dst, 54)}}})));
}

}  // namespace
}  // namespace weft::classifier
