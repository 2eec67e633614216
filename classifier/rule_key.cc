#include "classifier/rule_key.h"

#include <algorithm>
#include <cassert>

namespace weft::classifier {
namespace {

/// A run of bits in the key, numbered from the highest bit of its first octet.
struct Place {
  std::size_t first_bit{};
  std::size_t bits{};
};

/// Where a field is. `tag`: which vlan item of the pattern it belongs to.
Place place_of(MatchField field, std::size_t tag) {
  const std::size_t bits = info(field).bits;
  const std::size_t vlan = 8 * (offsetof(RuleKey, vlan) + tag * sizeof(VlanTag));
  switch (field) {
    case MatchField::eth_dst:
      return {8 * offsetof(RuleKey, eth_dst), bits};
    case MatchField::eth_src:
      return {8 * offsetof(RuleKey, eth_src), bits};
    case MatchField::eth_type:
      return {8 * offsetof(RuleKey, eth_type), bits};
    case MatchField::eth_has_vlan:
      return {8 * offsetof(RuleKey, tags) + 7, bits};
    // IEEE 802.1Q s9.6: PCP(3) DEI(1) VID(12).
    case MatchField::vlan_tci:
    case MatchField::vlan_pcp:
      return {vlan, bits};
    case MatchField::vlan_dei:
      return {vlan + 3, bits};
    case MatchField::vlan_vid:
      return {vlan + 4, bits};
    case MatchField::vlan_inner_type:
      return {vlan + 16, bits};
    case MatchField::ipv4_tos:
    case MatchField::ipv6_tc:
      return {8 * offsetof(RuleKey, tos), bits};
    case MatchField::ipv4_ttl:
    case MatchField::ipv6_hop:
      return {8 * offsetof(RuleKey, ttl), bits};
    case MatchField::ipv4_proto:
    case MatchField::ipv6_proto:
      return {8 * offsetof(RuleKey, ip_proto), bits};
    case MatchField::ipv4_src:
    case MatchField::ipv6_src:
      return {8 * offsetof(RuleKey, source), bits};
    case MatchField::ipv4_dst:
    case MatchField::ipv6_dst:
      return {8 * offsetof(RuleKey, destination), bits};
    case MatchField::ipv6_flow:
      return {8 * offsetof(RuleKey, flow_label) + 12, bits};
    case MatchField::tcp_src:
    case MatchField::udp_src:
      return {8 * offsetof(RuleKey, source_port), bits};
    case MatchField::tcp_dst:
    case MatchField::udp_dst:
      return {8 * offsetof(RuleKey, destination_port), bits};
    case MatchField::tcp_flags:
      return {8 * offsetof(RuleKey, tcp_flags), bits};
    case MatchField::icmp_type:
    case MatchField::icmp6_type:
      return {8 * offsetof(RuleKey, icmp_type), bits};
    case MatchField::icmp_code:
    case MatchField::icmp6_code:
      return {8 * offsetof(RuleKey, icmp_code), bits};
    case MatchField::vxlan_vni:
    case MatchField::nvgre_tni:
      return {8 * offsetof(RuleKey, vni), bits};
  }
  return {};
}

using KeyOctets = std::array<std::uint8_t, sizeof(RuleKey)>;

/// Sets the bits at `place` that are set in the lowest bits of `value`.
void put(KeyOctets& octets, Place place, const FieldValue& value) {
  for (std::size_t i = 0; i < place.bits; ++i) {
    const std::size_t from = 128 - place.bits + i;
    const std::size_t to = place.first_bit + i;
    const bool is_set = (value.octets[from / 8] & (0x80U >> (from % 8))) != 0;
    if (is_set) octets[to / 8] |= static_cast<std::uint8_t>(0x80U >> (to % 8));
  }
}

/// What a pattern asks for so far.
struct Asked {
  RuleKey key;
  RuleKey mask;
};

/// That the item's header is there at all.
void ask_for(MatchItem item, bool has_fields, std::size_t tag, Asked& asked) {
  const auto transport = [&](std::uint8_t protocol) {
    asked.key.l4_proto = protocol;
    asked.mask.l4_proto = 0xFF;
    if (has_fields) asked.key.has_l4 = asked.mask.has_l4 = 1;
  };
  const auto network = [&](std::uint8_t version) {
    asked.key.l3 = version;
    asked.mask.l3 = 0xFF;
  };
  const auto tunnel = [&](std::uint8_t kind) {
    asked.key.tunnel = kind;
    asked.mask.tunnel = 0xFF;
  };
  switch (item) {
    case MatchItem::eth:
      return;
    case MatchItem::vlan:
      asked.key.tags |= static_cast<std::uint8_t>(1U << tag);
      asked.mask.tags |= static_cast<std::uint8_t>(1U << tag);
      return;
    case MatchItem::ipv4:
      return network(4);
    case MatchItem::ipv6:
      return network(6);
    case MatchItem::tcp:
      return transport(kIpProtoTcp);
    case MatchItem::udp:
      return transport(kIpProtoUdp);
    case MatchItem::icmp:
      network(4);
      return transport(kIpProtoIcmp);
    case MatchItem::icmp6:
      network(6);
      return transport(kIpProtoIcmpv6);
    case MatchItem::vxlan:
      return tunnel(RuleKey::kTunnelVxlan);
    case MatchItem::nvgre:
      return tunnel(RuleKey::kTunnelNvgre);
  }
}

void read_network(ConstBytes frame, const ParsedFrame& parsed, RuleKey& key) noexcept {
  if (parsed.l3 == L3Kind::ipv4) {
    const auto& ip = bounded_header<Ipv4Header>(frame, parsed.l3_offset);
    key.l3 = 4;
    key.ip_proto = ip.protocol;
    key.ttl = ip.ttl;
    std::ranges::copy(ip.source.octets, key.source.begin());
    std::ranges::copy(ip.destination.octets, key.destination.begin());
  } else {
    const auto& ip = bounded_header<Ipv6Header>(frame, parsed.l3_offset);
    key.l3 = 6;
    key.ip_proto = ip.next_header;
    key.ttl = ip.hop_limit;
    key.flow_label = Be32{ip.version_class_flow.host() & 0xFFFFFU};
    key.source = ip.source.octets;
    key.destination = ip.destination.octets;
  }
  key.tos = parsed.tos;
  key.l4_proto = parsed.ip_proto;
}

/// A header of the tunnel's, wholly inside the packet (behind it there may be Ethernet padding).
template <typename Header>
const Header* tunnel_header(ConstBytes frame, const ParsedFrame& parsed) noexcept {
  if (parsed.payload_offset + sizeof(Header) > parsed.l3_end) return nullptr;
  return header_at<Header>(frame, parsed.payload_offset);
}

void read_udp(ConstBytes frame, const ParsedFrame& parsed, RuleKey& key) noexcept {
  const auto& udp = bounded_header<UdpHeader>(frame, parsed.l4_offset);
  key.source_port = udp.source_port;
  key.destination_port = udp.destination_port;
  if (udp.destination_port != Be16{kVxlanPort}) return;
  const auto* vxlan = tunnel_header<VxlanHeader>(frame, parsed);
  // RFC 7348 s5: without the I flag there is no valid VNI.
  if (vxlan == nullptr || (vxlan->flags & VxlanHeader::kFlagVni) == 0) return;
  key.tunnel = RuleKey::kTunnelVxlan;
  const std::uint32_t vni = vxlan->vni();
  key.vni = {
      static_cast<std::uint8_t>(vni >> 16U),
      static_cast<std::uint8_t>(vni >> 8U),
      static_cast<std::uint8_t>(vni)};
}

void read_gre(ConstBytes frame, const ParsedFrame& parsed, RuleKey& key) noexcept {
  const auto* gre = tunnel_header<NvgreHeader>(frame, parsed);
  if (gre == nullptr || gre->protocol != Be16{kEtherTypeTeb}) return;
  // RFC 7637 s3.2: C and S are 0, K is 1, version 0.
  constexpr std::uint16_t kDecisive = NvgreHeader::kChecksumPresent | NvgreHeader::kKeyPresent |
                                      NvgreHeader::kSequencePresent | NvgreHeader::kVersionMask;
  if ((gre->flags_version.host() & kDecisive) != NvgreHeader::kKeyPresent) return;
  key.tunnel = RuleKey::kTunnelNvgre;
  const std::uint32_t vsid = gre->vsid();
  key.vni = {
      static_cast<std::uint8_t>(vsid >> 16U),
      static_cast<std::uint8_t>(vsid >> 8U),
      static_cast<std::uint8_t>(vsid)};
}

void read_transport(ConstBytes frame, const ParsedFrame& parsed, RuleKey& key) noexcept {
  switch (parsed.l4) {
    case L4Kind::tcp: {
      const auto& tcp = bounded_header<TcpHeader>(frame, parsed.l4_offset);
      key.has_l4 = 1;
      key.source_port = tcp.source_port;
      key.destination_port = tcp.destination_port;
      key.tcp_flags = tcp.flags;
      return;
    }
    case L4Kind::udp:
      key.has_l4 = 1;
      return read_udp(frame, parsed, key);
    case L4Kind::icmp:
    case L4Kind::icmpv6: {
      const auto& icmp = bounded_header<IcmpHeader>(frame, parsed.l4_offset);
      key.has_l4 = 1;
      key.icmp_type = icmp.type;
      key.icmp_code = icmp.code;
      return;
    }
    case L4Kind::gre:
      return read_gre(frame, parsed, key);
    case L4Kind::none:
    case L4Kind::other:
      return;
  }
}

}  // namespace

RuleKey rule_key(ConstBytes frame, const ParsedFrame& parsed) noexcept {
  assert(parsed.is_ok());
  RuleKey key;
  const auto& eth = bounded_header<EthernetHeader>(frame, 0);
  key.eth_dst = eth.destination;
  key.eth_src = eth.source;
  key.eth_type = eth.ether_type;
  for (std::size_t tag = 0; tag < std::min<std::size_t>(parsed.vlan_count, 2); ++tag) {
    key.vlan[tag] = bounded_header<VlanTag>(frame, sizeof(EthernetHeader) + tag * sizeof(VlanTag));
    key.tags |= static_cast<std::uint8_t>(1U << tag);
  }
  if (parsed.is_ip()) {
    read_network(frame, parsed, key);
    read_transport(frame, parsed, key);
  }
  return key;
}

RuleMatch rule_match(const MatchPattern& pattern) noexcept {
  Asked asked;
  std::size_t tags = 0;
  for (const ItemMatch& item : pattern) {
    ask_for(item.item, !item.fields.empty(), tags, asked);
    auto key = std::bit_cast<KeyOctets>(asked.key);
    auto mask = std::bit_cast<KeyOctets>(asked.mask);
    for (const FieldMatch& field : item.fields) {
      assert(!field.last.has_value());
      put(key, place_of(field.field, tags), field.spec & field.mask);
      put(mask, place_of(field.field, tags), field.mask);
    }
    asked.key = std::bit_cast<RuleKey>(key);
    asked.mask = std::bit_cast<RuleKey>(mask);
    if (item.item == MatchItem::vlan) ++tags;
  }
  return RuleMatch{words_of(asked.key), words_of(asked.mask)};
}

bool can_overlap(const RuleMatch& a, const RuleMatch& b) noexcept {
  for (std::size_t i = 0; i < kRuleKeyWords; ++i) {
    if (((a.key[i] ^ b.key[i]) & a.mask[i] & b.mask[i]) != 0) return false;
  }
  return true;
}

}  // namespace weft::classifier
