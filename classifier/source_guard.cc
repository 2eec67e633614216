#include "classifier/source_guard.h"

#include "dataplane/net/headers.h"

namespace weft::classifier {
namespace {

// RFC 2710 s3.1 and s3.3, RFC 3810 s5.2: the multicast listener messages that a host sends.
constexpr std::uint8_t kMldv1Report = 131;
constexpr std::uint8_t kMldv1Done = 132;
constexpr std::uint8_t kMldv2Report = 143;

// RFC 2131 s4.1.
constexpr std::uint16_t kDhcpServerPort = 67;
constexpr std::uint16_t kDhcpClientPort = 68;

bool owns(const SourceGuard& guard, const IpAddress& address) noexcept {
  for (std::size_t i = 0; i < guard.address_count && i < kMaxEndpointAddresses; ++i) {
    if (guard.addresses[i].contains(address)) return true;
  }
  return false;
}

/// RFC 4291 appendix A: fe80::/64 and the MAC with ff:fe in the middle and the universal bit
/// flipped.
Ipv6Address link_local_of(const MacAddress& mac) noexcept {
  const auto& m = mac.octets;
  const auto first = static_cast<std::uint8_t>(m[0] ^ 0x02U);
  return Ipv6Address{
      {0xFE, 0x80, 0, 0, 0, 0, 0, 0, first, m[1], m[2], 0xFF, 0xFE, m[3], m[4], m[5]}};
}

bool owns_ipv6(const SourceGuard& guard, const Ipv6Address& address) noexcept {
  if (address == link_local_of(guard.mac)) return true;
  const IpAddress any{address};
  // An IPv4-mapped source is no IPv6 address (RFC 4291 s2.5.5.2) and must not match an IPv4 prefix.
  return !any.is_v4() && owns(guard, any);
}

/// RFC 826 sender; RFC 5227 s1.1: a probe is a request with the sender address 0.0.0.0.
DropReason check_arp(
    const SourceGuard& guard, ConstBytes frame, const ParsedFrame& parsed
) noexcept {
  const auto* arp = header_at<ArpPacket>(frame, parsed.l3_offset);
  if (arp == nullptr || arp->sender_mac != guard.mac) return DropReason::spoofed_arp;
  if (owns(guard, IpAddress{arp->sender_ip})) return DropReason::none;
  const bool is_probe = arp->sender_ip.is_zero() && arp->operation.host() == ArpPacket::kRequest;
  return is_probe ? DropReason::none : DropReason::spoofed_arp;
}

bool is_dhcp_request(ConstBytes frame, const ParsedFrame& parsed) noexcept {
  if (parsed.l4 != L4Kind::udp || parsed.is_fragment) return false;
  const auto* udp = header_at<UdpHeader>(frame, parsed.l4_offset);
  return udp != nullptr && udp->source_port.host() == kDhcpClientPort &&
         udp->destination_port.host() == kDhcpServerPort;
}

DropReason check_ipv4(
    const SourceGuard& guard, ConstBytes frame, const ParsedFrame& parsed
) noexcept {
  const auto* ip = header_at<Ipv4Header>(frame, parsed.l3_offset);
  if (ip == nullptr) return DropReason::spoofed_source_ipv4;
  if (owns(guard, IpAddress{ip->source})) return DropReason::none;
  const bool may_have_none = guard.allow_dhcp && ip->source.is_zero();
  return may_have_none && is_dhcp_request(frame, parsed) ? DropReason::none
                                                         : DropReason::spoofed_source_ipv4;
}

/// Every link-layer option from `offset` to the end of the packet must name the endpoint's MAC. An
/// option of length 0 makes the whole message invalid (RFC 4861 s4.6).
bool are_options_own(
    const SourceGuard& guard, ConstBytes frame, const ParsedFrame& parsed, std::size_t offset
) noexcept {
  constexpr std::uint8_t kSourceLinkLayer = 1;
  constexpr std::uint8_t kTargetLinkLayer = 2;
  if (parsed.l3_end > frame.size()) return false;
  const ConstBytes packet = frame.first(parsed.l3_end);
  while (offset < packet.size()) {
    // Each option has at least eight octets, the size of this one (RFC 4861 s4.6).
    const auto* option = header_at<NdLinkLayerOption>(packet, offset);
    if (option == nullptr || option->length_units8 == 0) return false;
    const bool names_mac = option->type == kSourceLinkLayer || option->type == kTargetLinkLayer;
    if (names_mac && option->mac != guard.mac) return false;
    offset += std::size_t{option->length_units8} * 8U;
  }
  return offset == packet.size();
}

/// What a container may say in neighbour discovery: ask in its own name, advertise itself. `source`
/// is its own or unspecified.
DropReason check_nd(
    const SourceGuard& guard,
    ConstBytes frame,
    const ParsedFrame& parsed,
    const Ipv6Address& source,
    std::uint8_t type
) noexcept {
  // RFC 6980 s5: no neighbour discovery in fragments, where checks could not see it whole.
  if (parsed.is_fragment) return DropReason::spoofed_nd;
  switch (type) {
    case kIcmpv6RouterSolicit:
      return are_options_own(guard, frame, parsed, parsed.l4_offset + sizeof(IcmpHeader))
                 ? DropReason::none
                 : DropReason::spoofed_nd;
    case kIcmpv6NeighborSolicit:
    case kIcmpv6NeighborAdvert: {
      const auto* nd = header_at<NdMessage>(frame, parsed.l4_offset);
      if (nd == nullptr) return DropReason::spoofed_nd;
      // A solicitation from the unspecified address is duplicate address detection (RFC 4862
      // s5.4.2): for another's address it would keep that address from ever coming up.
      const bool claims_target = type == kIcmpv6NeighborAdvert || source.is_zero();
      if (claims_target && !owns_ipv6(guard, nd->target)) return DropReason::spoofed_nd;
      return are_options_own(guard, frame, parsed, parsed.l4_offset + sizeof(NdMessage))
                 ? DropReason::none
                 : DropReason::spoofed_nd;
    }
    default:  // router advertisement and redirect: only routers send them
      return DropReason::spoofed_nd;
  }
}

bool is_nd(std::uint8_t type) noexcept {
  return type >= kIcmpv6RouterSolicit && type <= kIcmpv6Redirect;
}

/// What a host sends before it has an address: router and neighbour solicitations (RFC 4861 s4.1,
/// s4.3) and the listener reports that go with them (RFC 3590 s4).
bool may_be_unspecified(std::uint8_t type) noexcept {
  return type == kIcmpv6RouterSolicit || type == kIcmpv6NeighborSolicit || type == kMldv1Report ||
         type == kMldv1Done || type == kMldv2Report;
}

DropReason check_ipv6(
    const SourceGuard& guard, ConstBytes frame, const ParsedFrame& parsed
) noexcept {
  const auto* ip = header_at<Ipv6Header>(frame, parsed.l3_offset);
  if (ip == nullptr) return DropReason::spoofed_source_ipv6;
  const IcmpHeader* icmp = nullptr;
  if (parsed.l4 == L4Kind::icmpv6) icmp = header_at<IcmpHeader>(frame, parsed.l4_offset);

  if (ip->source.is_zero()) {
    if (icmp == nullptr || !may_be_unspecified(icmp->type)) return DropReason::spoofed_source_ipv6;
  } else if (!owns_ipv6(guard, ip->source)) {
    return DropReason::spoofed_source_ipv6;
  }
  if (icmp == nullptr || !is_nd(icmp->type)) return DropReason::none;
  return check_nd(guard, frame, parsed, ip->source, icmp->type);
}

}  // namespace

DropReason check_source(
    const SourceGuard& guard, ConstBytes frame, const ParsedFrame& parsed
) noexcept {
  if (!guard.is_enabled) return DropReason::none;
  const auto* ethernet = header_at<EthernetHeader>(frame, 0);
  if (ethernet == nullptr) return DropReason::spoofed_source_mac;
  if (ethernet->source != guard.mac) [[unlikely]] {
    return ethernet->source.is_group() ? DropReason::multicast_source_mac
                                       : DropReason::spoofed_source_mac;
  }
  switch (parsed.l3) {
    case L3Kind::other:
      return DropReason::none;
    case L3Kind::arp:
      return check_arp(guard, frame, parsed);
    case L3Kind::ipv4:
      return check_ipv4(guard, frame, parsed);
    case L3Kind::ipv6:
      return check_ipv6(guard, frame, parsed);
  }
  __builtin_unreachable();
}

}  // namespace weft::classifier
