#include "control/underlay_frames.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"

namespace weft::control {
namespace {

/// IEEE 802.3 s3.2.8: 64 octets with the FCS.
constexpr std::size_t kLeastFrame = 60;
constexpr std::uint8_t kTtl = 64;
/// RFC 4861 s4.3, s4.4: so that a receiver knows that no router forwarded it.
constexpr std::uint8_t kNdHopLimit = 255;
constexpr std::uint32_t kAdvertSolicited = 0x40000000;
constexpr std::uint32_t kAdvertOverride = 0x20000000;
constexpr std::uint8_t kSourceLinkLayer = 1;
constexpr std::uint8_t kTargetLinkLayer = 2;

template <WireHeader H>
void append(std::vector<std::uint8_t>& frame, const H& header) {
  const std::size_t at = frame.size();
  frame.resize(at + sizeof header);
  std::memcpy(frame.data() + at, &header, sizeof header);
}

void append(std::vector<std::uint8_t>& frame, ConstBytes octets) {
  frame.insert(frame.end(), octets.begin(), octets.end());
}

std::vector<std::uint8_t> padded(std::vector<std::uint8_t> frame) {
  frame.resize(std::max(frame.size(), kLeastFrame));
  return frame;
}

Ipv6Header ipv6_header(
    const Ipv6Address& source,
    const Ipv6Address& destination,
    std::size_t payload_octets,
    std::uint8_t hop_limit,
    std::uint8_t traffic_class
) {
  return Ipv6Header{
      .version_class_flow = Be32{(6U << 28U) | (std::uint32_t{traffic_class} << 20U)},
      .payload_length = Be16{static_cast<std::uint16_t>(payload_octets)},
      .next_header = kIpProtoIcmpv6,
      .hop_limit = hop_limit,
      .source = source,
      .destination = destination};
}

/// Writes the checksum of an ICMP or ICMPv6 message (the field has the same place in both), whose
/// pseudo header sums up to `pseudo`. Precondition: `message` holds an IcmpHeader.
void finish_icmp(Bytes message, Sum pseudo) {
  static_assert(offsetof(IcmpHeader, checksum) == 2);
  message[2] = 0;
  message[3] = 0;
  const std::uint16_t checksum = finish(pseudo + sum_of(message));
  message[2] = static_cast<std::uint8_t>(checksum >> 8U);
  message[3] = static_cast<std::uint8_t>(checksum);
}

/// RFC 4443 s2.3: ICMPv6 has a pseudo header, ICMP has none.
Sum icmpv6_pseudo(ConstBytes message, const Ipv6Address& source, const Ipv6Address& destination) {
  return pseudo_header_sum(
      source, destination, kIpProtoIcmpv6, static_cast<std::uint32_t>(message.size())
  );
}

struct NdFrame {
  MacAddress source_mac;
  MacAddress destination_mac;
  Ipv6Address source;
  Ipv6Address destination;
  NdMessage message;
  NdLinkLayerOption option;
};

std::vector<std::uint8_t> make_nd(const NdFrame& nd) {
  std::vector<std::uint8_t> frame;
  append(
      frame,
      EthernetHeader{
          .destination = nd.destination_mac,
          .source = nd.source_mac,
          .ether_type = Be16{kEtherTypeIpv6}}
  );
  const std::size_t size = sizeof nd.message + sizeof nd.option;
  append(frame, ipv6_header(nd.source, nd.destination, size, kNdHopLimit, 0));
  const std::size_t start = frame.size();
  append(frame, nd.message);
  append(frame, nd.option);
  const Bytes message = Bytes{frame}.subspan(start);
  finish_icmp(message, icmpv6_pseudo(message, nd.source, nd.destination));
  return padded(std::move(frame));
}

std::vector<std::uint8_t> make_echo_reply4(
    const EthernetHeader& ethernet, const Ipv4Header& ip, ConstBytes message
) {
  std::vector<std::uint8_t> frame;
  append(frame, ethernet);
  Ipv4Header reply{
      .version_ihl = 0x45,
      .tos = ip.tos,
      .total_length = Be16{static_cast<std::uint16_t>(sizeof(Ipv4Header) + message.size())},
      .identification = Be16{},  // atomic datagram (RFC 6864 s4.1)
      .flags_fragment = Be16{Ipv4Header::kDontFragment},
      .ttl = kTtl,
      .protocol = kIpProtoIcmp,
      .checksum = Be16{},
      .source = ip.destination,
      .destination = ip.source};
  reply.checksum =
      Be16{finish(sum_of(ConstBytes{reinterpret_cast<const std::uint8_t*>(&reply), sizeof reply}))};
  append(frame, reply);
  const std::size_t start = frame.size();
  append(frame, message);
  const Bytes answer = Bytes{frame}.subspan(start);
  answer[0] = kIcmpEchoReply;  // IcmpHeader::type
  finish_icmp(answer, Sum{});
  return padded(std::move(frame));
}

std::vector<std::uint8_t> make_echo_reply6(
    const EthernetHeader& ethernet, const Ipv6Header& ip, ConstBytes message
) {
  std::vector<std::uint8_t> frame;
  append(frame, ethernet);
  append(frame, ipv6_header(ip.destination, ip.source, message.size(), kTtl, ip.traffic_class()));
  const std::size_t start = frame.size();
  append(frame, message);
  const Bytes answer = Bytes{frame}.subspan(start);
  answer[0] = kIcmpv6EchoReply;  // IcmpHeader::type
  finish_icmp(answer, icmpv6_pseudo(answer, ip.destination, ip.source));
  return padded(std::move(frame));
}

}  // namespace

Ipv6Address link_local_of(const MacAddress& mac) noexcept {
  Ipv6Address address;
  address.octets[0] = 0xFE;
  address.octets[1] = 0x80;
  address.octets[8] = mac.octets[0] ^ 0x02U;
  address.octets[9] = mac.octets[1];
  address.octets[10] = mac.octets[2];
  address.octets[11] = 0xFF;
  address.octets[12] = 0xFE;
  address.octets[13] = mac.octets[3];
  address.octets[14] = mac.octets[4];
  address.octets[15] = mac.octets[5];
  return address;
}

Ipv6Address solicited_node_of(const Ipv6Address& address) noexcept {
  Ipv6Address group{{0xFF, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0xFF, 0, 0, 0}};
  std::copy(address.octets.begin() + 13, address.octets.end(), group.octets.begin() + 13);
  return group;
}

MacAddress multicast_mac_of(const Ipv6Address& address) noexcept {
  const auto& o = address.octets;
  return MacAddress{{0x33, 0x33, o[12], o[13], o[14], o[15]}};
}

std::vector<std::uint8_t> make_arp(const ArpFields& fields) {
  std::vector<std::uint8_t> frame;
  append(
      frame,
      EthernetHeader{
          .destination = fields.destination,
          .source = fields.sender_mac,
          .ether_type = Be16{kEtherTypeArp}}
  );
  append(
      frame,
      ArpPacket{
          .hardware_type = Be16{1},
          .protocol_type = Be16{kEtherTypeIpv4},
          .hardware_size = 6,
          .protocol_size = 4,
          .operation = Be16{fields.operation},
          .sender_mac = fields.sender_mac,
          .sender_ip = fields.sender_ip,
          .target_mac = fields.target_mac,
          .target_ip = fields.target_ip}
  );
  return padded(std::move(frame));
}

std::vector<std::uint8_t> make_neighbor_solicit(const SolicitFields& fields) {
  const bool is_unicast = !fields.destination_mac.is_zero();
  const Ipv6Address group = solicited_node_of(fields.target);
  return make_nd(NdFrame{
      .source_mac = fields.source_mac,
      .destination_mac = is_unicast ? fields.destination_mac : multicast_mac_of(group),
      .source = fields.source,
      .destination = is_unicast ? fields.target : group,
      .message =
          NdMessage{
              .icmp =
                  IcmpHeader{.type = kIcmpv6NeighborSolicit, .code = 0, .checksum = {}, .rest = {}},
              .target = fields.target},
      .option = NdLinkLayerOption{
          .type = kSourceLinkLayer, .length_units8 = 1, .mac = fields.source_mac}});
}

std::vector<std::uint8_t> make_neighbor_advert(const AdvertFields& fields) {
  const std::uint32_t flags = kAdvertOverride | (fields.is_solicited ? kAdvertSolicited : 0U);
  return make_nd(NdFrame{
      .source_mac = fields.source_mac,
      .destination_mac = fields.destination_mac,
      .source = fields.target,
      .destination = fields.destination,
      .message =
          NdMessage{
              .icmp =
                  IcmpHeader{
                      .type = kIcmpv6NeighborAdvert,
                      .code = 0,
                      .checksum = {},
                      .rest = Be32{flags}},
              .target = fields.target},
      .option = NdLinkLayerOption{
          .type = kTargetLinkLayer, .length_units8 = 1, .mac = fields.source_mac}});
}

std::vector<std::uint8_t> make_echo_reply(
    ConstBytes request, const ParsedFrame& parsed, const MacAddress& source_mac
) {
  const ConstBytes message = request.subspan(parsed.l4_offset, parsed.l3_end - parsed.l4_offset);
  EthernetHeader ethernet{
      .destination = {}, .source = source_mac, .ether_type = Be16{parsed.ether_type}};
  const ConstBytes asker = request.subspan(offsetof(EthernetHeader, source), sizeof(MacAddress));
  std::copy(asker.begin(), asker.end(), ethernet.destination.octets.begin());
  if (parsed.l4 == L4Kind::icmp) {
    return make_echo_reply4(ethernet, *header_at<Ipv4Header>(request, parsed.l3_offset), message);
  }
  return make_echo_reply6(ethernet, *header_at<Ipv6Header>(request, parsed.l3_offset), message);
}

}  // namespace weft::control
