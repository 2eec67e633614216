#include "encap/outer.h"

#include <cstring>

#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"
#include "encap/protocols.h"

namespace weft::encap {
namespace {

/// Version, class and flow label of IPv6. RFC 6437 s2: a label of zero means "not labelled".
constexpr std::uint32_t ipv6_first_word(std::uint8_t tos, std::uint32_t entropy) noexcept {
  const std::uint32_t label = entropy & 0xFFFFFU;
  return 0x60000000U | (std::uint32_t{tos} << 20U) | (label == 0 ? 1U : label);
}

void encode_ipv4(std::uint8_t* header, const OuterSpec& spec, std::uint8_t protocol) noexcept {
  auto* ip = reinterpret_cast<Ipv4Header*>(header);
  ip->version_ihl = 0x45;
  ip->flags_fragment = Be16{Ipv4Header::kDontFragment};
  ip->ttl = spec.ttl;
  ip->protocol = protocol;
  ip->source = spec.local.v4();
  ip->destination = spec.remote.v4();
}

void encode_ipv6(std::uint8_t* header, const OuterSpec& spec, std::uint8_t protocol) noexcept {
  auto* ip = reinterpret_cast<Ipv6Header*>(header);
  ip->version_class_flow = Be32{0x60000000U};
  ip->next_header = protocol;
  ip->hop_limit = spec.ttl;
  ip->source = spec.local.v6();
  ip->destination = spec.remote.v6();
}

/// `base`: the folded sum of the header's constant words; the three addends fit 18 bits, so that
/// folding twice is enough.
void patch_ipv4(
    std::uint8_t* header, std::uint16_t base, std::uint32_t payload_octets, std::uint8_t tos
) noexcept {
  auto* ip = reinterpret_cast<Ipv4Header*>(header);
  const std::uint32_t length = payload_octets + sizeof(Ipv4Header);
  std::uint32_t sum = std::uint32_t{base} + length + tos;
  sum = (sum & 0xFFFFU) + (sum >> 16U);
  sum = (sum & 0xFFFFU) + (sum >> 16U);
  ip->tos = tos;
  ip->total_length = Be16{static_cast<std::uint16_t>(length)};
  ip->checksum = Be16{static_cast<std::uint16_t>(~sum)};
}

void patch_ipv6(
    std::uint8_t* header, std::uint32_t payload_octets, std::uint8_t tos, std::uint32_t entropy
) noexcept {
  auto* ip = reinterpret_cast<Ipv6Header*>(header);
  ip->version_class_flow = Be32{ipv6_first_word(tos, entropy)};
  ip->payload_length = Be16{static_cast<std::uint16_t>(payload_octets)};
}

}  // namespace

OuterTemplate build_outer(const OuterSpec& spec) noexcept {
  OuterTemplate outer;
  outer.kind = spec.kind;
  outer.family = spec.local.family();
  outer.size = static_cast<std::uint8_t>(overhead(outer.kind, outer.family));
  with_protocol(spec.kind, [&](auto protocol) {
    using P = decltype(protocol);
    const bool is_v4 = outer.family == IpFamily::v4;
    outer.udp6_checksum = spec.udp6_checksum && !is_v4 && P::kIpProto == kIpProtoUdp;

    std::uint8_t* const header = outer.octets.data() + kOuterCopy - outer.size;
    auto* ethernet = reinterpret_cast<EthernetHeader*>(header);
    ethernet->destination = spec.destination_mac;
    ethernet->source = spec.source_mac;
    ethernet->ether_type = Be16{is_v4 ? kEtherTypeIpv4 : kEtherTypeIpv6};
    std::uint8_t* const ip = header + sizeof(EthernetHeader);
    if (is_v4) {
      encode_ipv4(ip, spec, P::kIpProto);
      outer.ipv4_checksum_base = fold(sum_of(ConstBytes{ip, sizeof(Ipv4Header)}));
    } else {
      encode_ipv6(ip, spec, P::kIpProto);
    }
    P::encode(outer.octets.data() + kOuterCopy - P::kHeaderOctets, spec);
  });
  return outer;
}

std::size_t write_outer(
    const OuterTemplate& outer,
    std::uint8_t* inner,
    std::size_t inner_octets,
    std::uint8_t tos,
    std::uint32_t entropy
) noexcept {
  std::memcpy(inner - kOuterCopy, outer.octets.data(), kOuterCopy);
  with_protocol(outer.kind, [&](auto protocol) {
    using P = decltype(protocol);
    std::uint8_t* const header = inner - P::kHeaderOctets;
    const auto payload = static_cast<std::uint16_t>(inner_octets + P::kHeaderOctets);
    if (outer.family == IpFamily::v4) {
      patch_ipv4(header - sizeof(Ipv4Header), outer.ipv4_checksum_base, payload, tos);
    } else {
      patch_ipv6(header - sizeof(Ipv6Header), payload, tos, entropy);
    }
    P::patch(header, payload, entropy);
  });
  return outer.size;
}

void finish_udp6_checksum(
    const OuterTemplate& outer, Bytes packet, std::uint64_t inner_sum
) noexcept {
  if (!outer.udp6_checksum) return;
  const auto* ip = header_at<Ipv6Header>(packet, sizeof(EthernetHeader));
  constexpr std::size_t kUdpOffset = sizeof(EthernetHeader) + sizeof(Ipv6Header);
  auto* udp = header_at<UdpHeader>(packet, kUdpOffset);
  if (ip == nullptr || udp == nullptr || packet.size() < outer.size) return;
  const Sum pseudo =
      pseudo_header_sum(ip->source, ip->destination, kIpProtoUdp, udp->length.host());
  const Sum headers = sum_of(packet.subspan(kUdpOffset, outer.size - kUdpOffset));
  const std::uint16_t checksum = finish(pseudo + headers + Sum{inner_sum});
  // RFC 768: a computed zero is sent as all ones, because zero says that there is no checksum.
  udp->checksum = Be16{checksum == 0 ? std::uint16_t{0xFFFF} : checksum};
}

}  // namespace weft::encap
