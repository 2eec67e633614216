#include "dataplane/reply.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "dataplane/base/bytes.h"
#include "dataplane/chain.h"
#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"
#include "dataplane/net/parse.h"

namespace weft {
namespace {

// -- neighbours ----------------------------------------------------------------------------------

constexpr std::uint8_t kNdHopLimit = 255;  // RFC 4861 s7.1: proof that no router was passed
constexpr std::uint32_t kSolicitedOverride = 0x60000000;  // S and O, RFC 4861 s4.4
constexpr std::uint8_t kTargetLinkLayer = 2;              // RFC 4861 s4.6.1

/// An advertisement behind its IPv6 header.
struct Advertisement {
  NdMessage message;
  NdLinkLayerOption option;
};
static_assert(sizeof(Advertisement) == 32 && WireHeader<Advertisement>);

std::optional<IpAddress> arp_question(ConstBytes head, const ParsedFrame& parsed) noexcept {
  const auto* ethernet = header_at<EthernetHeader>(head, 0);
  const auto* arp = header_at<ArpPacket>(head, parsed.l3_offset);
  if (ethernet == nullptr || arp == nullptr || !arp->is_ipv4_over_ethernet()) return std::nullopt;
  if (arp->operation.host() != ArpPacket::kRequest) return std::nullopt;
  if (arp->sender_ip.is_zero() || arp->sender_ip == arp->target_ip) return std::nullopt;
  if (ethernet->source.is_group() || arp->sender_mac.is_group()) return std::nullopt;
  return IpAddress{arp->target_ip};
}

/// RFC 4861 s4.6: "nodes MUST silently discard an ND packet that contains an option with length
/// zero".
bool are_nd_options_sound(ConstBytes options) noexcept {
  for (std::size_t at = 0; at < options.size();) {
    if (options.size() - at < 2) return false;
    const std::size_t octets = options[at + 1] * std::size_t{8};
    if (octets == 0 || octets > options.size() - at) return false;
    at += octets;
  }
  return true;
}

std::optional<IpAddress> nd_question(rte_mbuf* frame) noexcept {
  const PacketMeta& packet = meta(frame);
  const ParsedFrame& parsed = packet.parsed;
  const ConstBytes head{head_bytes(frame)};
  if (parsed.l4 != L4Kind::icmpv6 || parsed.l3_end > head.size()) return std::nullopt;
  if (parsed.l4_offset - parsed.l3_offset != sizeof(Ipv6Header)) return std::nullopt;
  const ConstBytes to_packet_end = head.first(parsed.l3_end);
  const auto* ethernet = header_at<EthernetHeader>(head, 0);
  const auto* ip = header_at<Ipv6Header>(to_packet_end, parsed.l3_offset);
  const auto* nd = header_at<NdMessage>(to_packet_end, parsed.l4_offset);
  if (ethernet == nullptr || ip == nullptr || nd == nullptr) return std::nullopt;
  if (nd->icmp.type != kIcmpv6NeighborSolicit || nd->icmp.code != 0) return std::nullopt;
  if (ip->hop_limit != kNdHopLimit) return std::nullopt;
  if (!ip->destination.is_multicast() || nd->target.is_multicast()) return std::nullopt;
  if (ip->source.is_zero() || ip->source.is_multicast() || ethernet->source.is_group()) {
    return std::nullopt;
  }
  if (!are_nd_options_sound(to_packet_end.subspan(parsed.l4_offset + sizeof(NdMessage)))) {
    return std::nullopt;
  }
  if (!packet.offload.needs_checksum && !packet.offload.is_checked) {
    const ConstBytes message = to_packet_end.subspan(parsed.l4_offset);
    const Sum pseudo = pseudo_header_sum(
        ip->source, ip->destination, kIpProtoIcmpv6, static_cast<std::uint32_t>(message.size())
    );
    if (fold(pseudo + sum_of(message)) != 0xFFFF) return std::nullopt;
  }
  // The answer is 8 octets longer than a question without options.
  const std::size_t answer_octets = parsed.l3_offset + sizeof(Ipv6Header) + sizeof(Advertisement);
  const std::size_t room = std::size_t{frame->data_len} + rte_pktmbuf_tailroom(frame);
  if (frame->nb_segs != 1 || answer_octets > room) return std::nullopt;
  return IpAddress{nd->target};
}

void write_arp_reply(Bytes head, const ParsedFrame& parsed, const MacAddress& mac) noexcept {
  auto* arp = header_at<ArpPacket>(head, parsed.l3_offset);
  if (arp == nullptr) return;
  const Ipv4Address asked = arp->target_ip;
  arp->operation = Be16{ArpPacket::kReply};
  arp->target_mac = arp->sender_mac;
  arp->target_ip = arp->sender_ip;
  arp->sender_mac = mac;
  arp->sender_ip = asked;
}

/// Whatever options the question had: the answer has the one that it needs.
void write_advertisement(rte_mbuf* frame, const MacAddress& mac) noexcept {
  const ParsedFrame& parsed = meta(frame).parsed;
  const auto* question = header_at<NdMessage>(ConstBytes{head_bytes(frame)}, parsed.l4_offset);
  if (question == nullptr) return;
  const Ipv6Address target = question->target;

  const std::size_t icmp_offset = parsed.l3_offset + sizeof(Ipv6Header);
  frame->data_len = static_cast<std::uint16_t>(icmp_offset + sizeof(Advertisement));
  frame->pkt_len = frame->data_len;
  auto* data = rte_pktmbuf_mtod(frame, std::uint8_t*);
  auto& ip = *reinterpret_cast<Ipv6Header*>(data + parsed.l3_offset);
  ip.version_class_flow = Be32{std::uint32_t{6} << 28U};
  ip.payload_length = Be16{sizeof(Advertisement)};
  ip.next_header = kIpProtoIcmpv6;
  ip.hop_limit = kNdHopLimit;
  ip.destination = ip.source;
  ip.source = target;

  auto& answer = *reinterpret_cast<Advertisement*>(data + icmp_offset);
  answer.message.icmp = IcmpHeader{
      .type = kIcmpv6NeighborAdvert, .code = 0, .checksum = {}, .rest = Be32{kSolicitedOverride}};
  answer.message.target = target;
  answer.option = NdLinkLayerOption{.type = kTargetLinkLayer, .length_units8 = 1, .mac = mac};
  const Sum pseudo =
      pseudo_header_sum(ip.source, ip.destination, kIpProtoIcmpv6, sizeof(Advertisement));
  answer.message.icmp.checksum =
      Be16{finish(pseudo + sum_of(ConstBytes{data + icmp_offset, sizeof(Advertisement)}))};
}

// -- packet too big -------------------------------------------------------------------------------

constexpr std::uint32_t kMaxIpv4Error = 576;    // RFC 1812 s4.3.2.3
constexpr std::uint32_t kMaxIpv6Error = 1280;   // RFC 4443 s2.4(c): the minimum IPv6 MTU
constexpr std::uint8_t kNetworkControl = 0xC0;  // RFC 1812 s4.3.2.5: precedence 6
constexpr std::uint8_t kErrorTtl = 64;

bool is_icmp_error(std::uint8_t type) noexcept {
  // RFC 1122 s3.2.2: destination unreachable, source quench, redirect, time exceeded, parameter
  // problem.
  return type == kIcmpUnreachable || type == 4 || type == 5 || type == 11 || type == 12;
}

bool is_icmpv6_error(std::uint8_t type) noexcept {
  return type < 128 || type == kIcmpv6Redirect;  // RFC 4443 s2.4(e.1), (e.2)
}

/// RFC 1122 s3.2.2: the source must define a single host.
bool is_one_host(const Ipv4Address& address) noexcept {
  const std::uint8_t first = address.octets[0];
  return first != 0 && first != 127 && first < 224;  // multicast, class E and broadcast are above
}

bool is_one_host(const Ipv6Address& address) noexcept {
  Ipv6Address loopback;
  loopback.octets[15] = 1;
  return !address.is_zero() && !address.is_multicast() && address != loopback;
}

/// Whether the RFCs allow an ICMP error about this packet.
bool may_answer(rte_mbuf* frame) noexcept {
  const ParsedFrame& parsed = meta(frame).parsed;
  const ConstBytes head{head_bytes(frame)};
  const auto* ethernet = header_at<EthernetHeader>(head, 0);
  if (ethernet == nullptr || ethernet->source.is_group() || ethernet->destination.is_group()) {
    return false;
  }
  if (parsed.is_later_fragment()) return false;
  const bool is_icmp = parsed.l4 == L4Kind::icmp || parsed.l4 == L4Kind::icmpv6;
  const auto* icmp = is_icmp ? header_at<IcmpHeader>(head, parsed.l4_offset) : nullptr;

  if (parsed.l3 == L3Kind::ipv4) {
    const auto* ip = header_at<Ipv4Header>(head, parsed.l3_offset);
    return ip != nullptr && is_one_host(ip->source) && is_one_host(ip->destination) &&
           !(icmp != nullptr && is_icmp_error(icmp->type));
  }
  if (parsed.l3 == L3Kind::ipv6) {
    const auto* ip = header_at<Ipv6Header>(head, parsed.l3_offset);
    return ip != nullptr && is_one_host(ip->source) && is_one_host(ip->destination) &&
           !(icmp != nullptr && is_icmpv6_error(icmp->type));
  }
  return false;
}

void write_ipv4_error(
    std::uint8_t* l3, const Ipv4Header& about, std::uint32_t octets, std::uint16_t mtu
) noexcept {
  auto& ip = *reinterpret_cast<Ipv4Header*>(l3);
  ip = Ipv4Header{
      .version_ihl = 0x45,
      .tos = kNetworkControl,
      .total_length = Be16{static_cast<std::uint16_t>(octets)},
      .identification = {},  // RFC 6864 s4.1: any value, as DF makes the packet atomic
      .flags_fragment = Be16{Ipv4Header::kDontFragment},
      .ttl = kErrorTtl,
      .protocol = kIpProtoIcmp,
      .checksum = {},
      .source = about.destination,
      .destination = about.source,
  };
  ip.checksum = Be16{finish(sum_of(ConstBytes{l3, sizeof ip}))};
  auto& icmp = *reinterpret_cast<IcmpHeader*>(l3 + sizeof ip);
  icmp = IcmpHeader{
      .type = kIcmpUnreachable,
      .code = kIcmpFragmentationNeeded,
      .checksum = {},
      .rest = Be32{mtu},  // RFC 1191 s4: 16 bits unused, 16 bits of next-hop MTU
  };
  icmp.checksum = Be16{finish(sum_of(ConstBytes{l3 + sizeof ip, octets - sizeof ip}))};
}

void write_ipv6_error(
    std::uint8_t* l3, const Ipv6Header& about, std::uint32_t octets, std::uint16_t mtu
) noexcept {
  const std::uint32_t icmp_octets = octets - std::uint32_t{sizeof(Ipv6Header)};
  auto& ip = *reinterpret_cast<Ipv6Header*>(l3);
  ip = Ipv6Header{
      .version_class_flow =
          Be32{(std::uint32_t{6} << 28U) | (std::uint32_t{kNetworkControl} << 20U)},
      .payload_length = Be16{static_cast<std::uint16_t>(icmp_octets)},
      .next_header = kIpProtoIcmpv6,
      .hop_limit = kErrorTtl,
      .source = about.destination,
      .destination = about.source,
  };
  auto& icmp = *reinterpret_cast<IcmpHeader*>(l3 + sizeof ip);
  icmp = IcmpHeader{.type = kIcmpv6PacketTooBig, .code = 0, .checksum = {}, .rest = Be32{mtu}};
  const Sum pseudo = pseudo_header_sum(ip.source, ip.destination, kIpProtoIcmpv6, icmp_octets);
  icmp.checksum = Be16{finish(pseudo + sum_of(ConstBytes{l3 + sizeof ip, icmp_octets}))};
}

void fill_meta(rte_mbuf* answer, rte_mbuf* about) noexcept {
  const PacketMeta& asked = meta(about);
  PacketMeta& packet = meta(answer);
  packet = PacketMeta{};
  packet.segment = asked.segment;
  packet.from = kNoEndpoint;
  packet.from_tunnel = kNoTunnel;
  if (asked.from != kNoEndpoint) {
    packet.to = Destination{asked.from};
  } else if (asked.from_tunnel != kNoTunnel) {
    packet.to = Destination{asked.from_tunnel};
  }
  packet.parsed = parse_frame(head_bytes(answer), answer->pkt_len);
  // It is made behind the stages that would say so.
  packet.phb = classifier::phb_of(packet.parsed.tos >> 2U);
  packet.colour = classifier::colour_of(packet.parsed.tos >> 2U);
}

}  // namespace

std::optional<IpAddress> neighbor_question(rte_mbuf* frame) noexcept {
  const ParsedFrame& parsed = meta(frame).parsed;
  if (!parsed.is_ok()) return std::nullopt;
  if (parsed.l3 == L3Kind::arp) return arp_question(head_bytes(frame), parsed);
  if (parsed.l3 == L3Kind::ipv6) return nd_question(frame);
  return std::nullopt;
}

void write_neighbor_answer(rte_mbuf* frame, const MacAddress& mac) noexcept {
  PacketMeta& packet = meta(frame);
  if (packet.parsed.l3 == L3Kind::arp) {
    write_arp_reply(head_bytes(frame), packet.parsed, mac);
  } else {
    write_advertisement(frame, mac);
  }
  auto& ethernet = *rte_pktmbuf_mtod(frame, EthernetHeader*);
  ethernet.destination = ethernet.source;
  ethernet.source = mac;
  packet.offload = OffloadRequest{};
  packet.parsed = parse_frame(head_bytes(frame), frame->pkt_len);
}

rte_mbuf* make_too_big(rte_mbuf* frame, std::uint16_t mtu, rte_mempool* pool) noexcept {
  const ParsedFrame& parsed = meta(frame).parsed;
  if (!parsed.is_ok() || !may_answer(frame)) return nullptr;

  const bool is_v4 = parsed.l3 == L3Kind::ipv4;
  const std::uint32_t headers =
      std::uint32_t{sizeof(IcmpHeader)} + (is_v4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header));
  const std::uint32_t room = (is_v4 ? kMaxIpv4Error : kMaxIpv6Error) - headers;
  const std::uint32_t quoted = std::min(room, parsed.l3_end - parsed.l3_offset);
  const std::uint32_t ip_octets = headers + quoted;

  rte_mbuf* const answer = rte_pktmbuf_alloc(pool);
  if (answer == nullptr) return nullptr;
  char* const added =
      rte_pktmbuf_append(answer, static_cast<std::uint16_t>(parsed.l3_offset + ip_octets));
  if (added == nullptr) {
    rte_pktmbuf_free(answer);
    return nullptr;
  }
  auto* data = reinterpret_cast<std::uint8_t*>(added);
  const std::uint8_t* about = head_bytes(frame).data();
  std::memcpy(data, about, parsed.l3_offset);
  auto& ethernet = *reinterpret_cast<EthernetHeader*>(data);
  std::swap(ethernet.destination, ethernet.source);
  ChainReader{frame, parsed.l3_offset}.copy(data + parsed.l3_offset + headers, quoted);

  std::uint8_t* const l3 = data + parsed.l3_offset;
  if (is_v4) {
    write_ipv4_error(
        l3, *reinterpret_cast<const Ipv4Header*>(about + parsed.l3_offset), ip_octets, mtu
    );
  } else {
    write_ipv6_error(
        l3, *reinterpret_cast<const Ipv6Header*>(about + parsed.l3_offset), ip_octets, mtu
    );
  }
  fill_meta(answer, frame);
  return answer;
}

}  // namespace weft
