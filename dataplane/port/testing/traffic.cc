#include "dataplane/port/testing/traffic.h"

#include <algorithm>

namespace weft::wire_test {
namespace {

void put16(Octets& octets, std::size_t at, std::uint16_t value) {
  octets[at] = static_cast<std::uint8_t>(value >> 8U);
  octets[at + 1] = static_cast<std::uint8_t>(value);
}

std::uint16_t get16(ConstBytes octets, std::size_t at) {
  return static_cast<std::uint16_t>(octets[at] << 8U | octets[at + 1]);
}

Octets pseudo_header(const Ip& ip, std::uint8_t protocol, std::size_t length) {
  if (const auto* v4 = std::get_if<Ip4>(&ip)) {
    return octets_of(v4->source.octets) + octets_of(v4->destination.octets) + Octets{0, protocol} +
           word16(length);
  }
  const auto& v6 = std::get<Ip6>(ip);
  return octets_of(v6.source.octets) + octets_of(v6.destination.octets) + word32(length) +
         Octets{0, 0, 0, protocol};
}

/// `l4` with its checksum at `field` filled in; the sum of `extra` (the pseudo header) counts too.
Octets with_checksum(Octets l4, std::size_t field, const Octets& extra, bool is_partial) {
  const std::uint16_t sum = is_partial ? naive_sum(extra) : naive_sum(extra + l4);
  put16(l4, field, is_partial ? sum : static_cast<std::uint16_t>(~sum));
  return l4;
}

Octets ip4_packet(const Ip4& ip, std::uint8_t protocol, const Octets& l4) {
  const std::size_t header = 20 + ip.options.size();
  Octets packet{static_cast<std::uint8_t>(0x40U | header / 4), ip.tos};
  packet = packet + word16(header + l4.size()) + word16(ip.identification) +
           word16(ip.flags_fragment) + Octets{ip.ttl, protocol, 0, 0} +
           octets_of(ip.source.octets) + octets_of(ip.destination.octets) + ip.options;
  put16(packet, 10, static_cast<std::uint16_t>(~naive_sum(packet)));
  return packet + l4;
}

Octets ip6_packet(const Ip6& ip, std::uint8_t protocol, const Octets& l4) {
  Octets payload;
  std::uint8_t first = protocol;
  for (std::size_t i = 0; i < ip.extensions.size(); ++i) {
    const bool is_last = i + 1 == ip.extensions.size();
    const std::uint8_t next = is_last ? protocol : ip.extensions[i + 1].type;
    payload = payload + Octets{next} + ip.extensions[i].body;
  }
  if (!ip.extensions.empty()) first = ip.extensions.front().type;
  payload = payload + l4;
  return word32(6U << 28U | std::uint32_t{ip.traffic_class} << 20U | ip.flow_label) +
         word16(payload.size()) + Octets{first, ip.hop_limit} + octets_of(ip.source.octets) +
         octets_of(ip.destination.octets) + payload;
}

/// Where the checksum of a protocol lies in its header; nullopt: none that we know.
std::optional<std::size_t> checksum_field(std::uint8_t protocol) {
  switch (protocol) {
    case kIpProtoTcp:
      return 16;
    case kIpProtoUdp:
      return 6;
    case kIpProtoIcmp:
    case kIpProtoIcmpv6:
      return 2;
    default:
      return std::nullopt;
  }
}

std::string l4_fault(std::uint8_t protocol, ConstBytes l4, const Octets& pseudo) {
  const auto field = checksum_field(protocol);
  if (!field) return "";
  if (l4.size() < *field + 2) return "L4 header does not fit";
  if (protocol == kIpProtoUdp && get16(l4, *field) == 0) return "";  // RFC 768: not computed
  const Octets covered = (protocol == kIpProtoIcmp ? Octets{} : pseudo) + octets_of(l4);
  return naive_sum(covered) == 0xFFFF ? "" : "L4 checksum is wrong";
}

std::string ip4_fault(ConstBytes packet) {
  const std::size_t header = std::size_t{4} * (packet[0] & 0x0FU);
  const std::size_t total = get16(packet, 2);
  if (total > packet.size() || header > total) return "IPv4 length is wrong";
  if (naive_sum(packet.first(header)) != 0xFFFF) return "IPv4 header checksum is wrong";
  if ((get16(packet, 6) & 0x3FFFU) != 0) return "";
  const ConstBytes l4 = packet.subspan(header, total - header);
  const Octets pseudo = octets_of(packet.subspan(12, 8)) + Octets{0, packet[9]} + word16(l4.size());
  return l4_fault(packet[9], l4, pseudo);
}

std::string ip6_fault(ConstBytes packet) {
  const std::size_t total = 40U + get16(packet, 4);
  if (total > packet.size()) return "IPv6 length is wrong";
  std::uint8_t next = packet[6];
  std::size_t at = 40;
  while (next == kIpProtoHopByHop || next == kIpProtoRouting || next == kIpProtoDestOptions) {
    next = packet[at];
    at += 8U + 8U * packet[at + 1];
  }
  if (next == kIpProtoFragment) return "";
  const ConstBytes l4 = packet.subspan(at, total - at);
  const Octets pseudo =
      octets_of(packet.subspan(8, 32)) + word32(l4.size()) + Octets{0, 0, 0, next};
  return l4_fault(next, l4, pseudo);
}

}  // namespace

Octets ethernet_frame(const Ethernet& ethernet, std::uint16_t ether_type, const Octets& payload) {
  Octets frame = octets_of(ethernet.destination.octets) + octets_of(ethernet.source.octets);
  for (const std::uint16_t tci : ethernet.vlans) {
    frame = frame + word16(kEtherTypeVlan) + word16(tci);
  }
  return frame + word16(ether_type) + payload;
}

Octets ip_frame(const Ethernet& ethernet, const Ip& ip, std::uint8_t protocol, const Octets& l4) {
  if (const auto* v4 = std::get_if<Ip4>(&ip)) {
    return ethernet_frame(ethernet, kEtherTypeIpv4, ip4_packet(*v4, protocol, l4));
  }
  return ethernet_frame(ethernet, kEtherTypeIpv6, ip6_packet(std::get<Ip6>(ip), protocol, l4));
}

Octets tcp_frame(const Ethernet& ethernet, const Ip& ip, const Tcp& tcp, const Octets& payload) {
  const auto data_offset = static_cast<std::uint8_t>((20 + tcp.options.size()) / 4 << 4U);
  const Octets l4 = word16(tcp.source_port) + word16(tcp.destination_port) + word32(tcp.sequence) +
                    word32(tcp.acknowledgement) + Octets{data_offset, tcp.flags} +
                    word16(tcp.window) + word16(0) + word16(tcp.urgent) + tcp.options + payload;
  const Octets pseudo = pseudo_header(ip, kIpProtoTcp, l4.size());
  return ip_frame(ethernet, ip, kIpProtoTcp, with_checksum(l4, 16, pseudo, tcp.is_partial));
}

Octets udp_frame(const Ethernet& ethernet, const Ip& ip, const Udp& udp, const Octets& payload) {
  const Octets l4 = word16(udp.source_port) + word16(udp.destination_port) +
                    word16(8 + payload.size()) + word16(0) + payload;
  const Octets pseudo = pseudo_header(ip, kIpProtoUdp, l4.size());
  Octets filled = with_checksum(l4, 6, pseudo, udp.is_partial);
  if (!udp.is_partial && get16(filled, 6) == 0) put16(filled, 6, 0xFFFF);  // RFC 768
  return ip_frame(ethernet, ip, kIpProtoUdp, filled);
}

Octets icmp_frame(const Ethernet& ethernet, const Ip& ip, const Icmp& icmp, const Octets& body) {
  const Octets l4 = Octets{icmp.type, icmp.code, 0, 0} + word32(icmp.rest) + body;
  const bool is_v4 = std::holds_alternative<Ip4>(ip);
  const std::uint8_t protocol = is_v4 ? kIpProtoIcmp : kIpProtoIcmpv6;
  const Octets pseudo = is_v4 ? Octets{} : pseudo_header(ip, protocol, l4.size());
  return ip_frame(ethernet, ip, protocol, with_checksum(l4, 2, pseudo, false));
}

Octets arp_frame(const Ethernet& ethernet, const Arp& arp) {
  return ethernet_frame(
      ethernet,
      kEtherTypeArp,
      word16(1) + word16(kEtherTypeIpv4) + Octets{6, 4} + word16(arp.operation) +
          octets_of(arp.sender_mac.octets) + octets_of(arp.sender_ip.octets) +
          octets_of(arp.target_mac.octets) + octets_of(arp.target_ip.octets)
  );
}

Ipv6Address solicited_node(const Ipv6Address& target) {
  Ipv6Address group{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff}};  // RFC 4291 s2.7.1
  std::copy_n(target.octets.begin() + 13, 3, group.octets.begin() + 13);
  return group;
}

Octets solicitation_frame(const Solicitation& solicitation) {
  const Ipv6Address to = solicitation.destination.value_or(solicited_node(solicitation.target));
  MacAddress group{{0x33, 0x33}};  // RFC 2464 s7
  std::copy_n(to.octets.begin() + 12, 4, group.octets.begin() + 2);
  Octets body = octets_of(solicitation.target.octets);
  if (solicitation.link_layer)
    body = body + Octets{1, 1} + octets_of(solicitation.link_layer->octets);
  return icmp_frame(
      {.destination = to.is_multicast() ? group : kMacB, .vlans = solicitation.vlans},
      Ip6{.source = solicitation.source,
          .destination = to,
          .flow_label = 0,
          .hop_limit = solicitation.hop_limit},
      {.type = kIcmpv6NeighborSolicit, .code = solicitation.code, .rest = 0},
      body
  );
}

std::string checksum_faults(ConstBytes frame) {
  std::size_t at = 12;
  while (get16(frame, at) == kEtherTypeVlan || get16(frame, at) == kEtherTypeQinQ) at += 4;
  const std::uint16_t ether_type = get16(frame, at);
  const ConstBytes packet = frame.subspan(at + 2);
  if (ether_type == kEtherTypeIpv4) return ip4_fault(packet);
  if (ether_type == kEtherTypeIpv6) return ip6_fault(packet);
  return "";
}

Octets random_octets(std::size_t count, std::uint32_t seed) {
  Random random{seed};
  Octets octets(count);
  for (std::uint8_t& octet : octets) octet = static_cast<std::uint8_t>(random.word());
  return octets;
}

}  // namespace weft::wire_test
