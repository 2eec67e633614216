// Underlay's receive side: what a punted frame means, and whether to believe it.
#include <algorithm>
#include <array>

#include "control/underlay.h"
#include "control/underlay_frames.h"
#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"

namespace weft::control {
namespace {

constexpr std::uint8_t kNdHopLimit = 255;
constexpr std::uint32_t kAdvertSolicited = 0x40000000;
constexpr std::uint32_t kAdvertOverride = 0x20000000;
constexpr std::uint8_t kSourceLinkLayer = 1;
constexpr std::uint8_t kTargetLinkLayer = 2;

bool is_station(const MacAddress& mac) {
  return !mac.is_group() && !mac.is_zero();
}

/// An address that one host can have, as a source to answer to.
bool is_host(const Ipv4Address& address) {
  constexpr std::uint8_t kLoopback = 127;
  return !address.is_multicast() && address.octets[0] != 0 && address.octets[0] != kLoopback &&
         address.octets[0] < 0xF0;
}
bool is_host(const Ipv6Address& address) {
  constexpr Ipv6Address kLoopback{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
  return !address.is_zero() && !address.is_multicast() && address != kLoopback;
}

bool is_ours(const UnderlayHost& host, const IpAddress& address) {
  if (!address.is_v4() && address.v6() == link_local_of(host.mac)) return true;
  return std::any_of(host.addresses.begin(), host.addresses.end(), [&](const IpPrefix& own) {
    return own.address == address;
  });
}

ConstBytes l4_message(ConstBytes frame, const ParsedFrame& parsed) {
  return frame.subspan(parsed.l4_offset, parsed.l3_end - parsed.l4_offset);
}

bool has_good_checksum(const Ipv6Header& ip, ConstBytes message) {
  const Sum pseudo = pseudo_header_sum(
      ip.source, ip.destination, kIpProtoIcmpv6, static_cast<std::uint32_t>(message.size())
  );
  return fold(pseudo + sum_of(message)) == 0xFFFF;
}

/// The options of an ND message (RFC 4861 s4.6).
struct NdOptions {
  bool is_valid = true;           // every length is > 0 and fits (s7.1.1, s7.1.2)
  std::optional<MacAddress> mac;  // of the link-layer option asked for
};

NdOptions nd_options(ConstBytes message, std::uint8_t wanted) {
  NdOptions options;
  std::size_t at = sizeof(NdMessage);
  while (at < message.size()) {
    const std::size_t left = message.size() - at;
    const std::size_t size = left < 2 ? 0 : std::size_t{message[at + 1]} * 8;
    if (size == 0 || size > left) return NdOptions{.is_valid = false, .mac = std::nullopt};
    const auto* option = header_at<NdLinkLayerOption>(message, at);
    if (option != nullptr && option->type == wanted && size == sizeof *option) {
      options.mac = option->mac;
    }
    at += size;
  }
  return options;
}

/// RFC 1191 s7.1: what to fall back to when a router does not say its MTU.
std::uint16_t plateau_below(std::uint16_t packet_octets) {
  constexpr std::array<std::uint16_t, 8> kPlateaus{32000, 17914, 8166, 4352, 2002, 1492, 1006, 576};
  for (const std::uint16_t plateau : kPlateaus) {
    if (plateau < packet_octets) return plateau;
  }
  return Underlay::kLeastPathMtu4;
}

bool is_tunnel_protocol(std::uint8_t protocol) {
  return protocol == kIpProtoUdp || protocol == kIpProtoGre;
}

}  // namespace

UnderlayOutput Underlay::receive(UplinkIndex index, ConstBytes frame, Instant now) {
  const auto found = uplinks_.find(index);
  const auto* ethernet = header_at<EthernetHeader>(frame, 0);
  const ParsedFrame parsed = parse_frame(frame);
  if (found == uplinks_.end() || ethernet == nullptr || !parsed.is_ok() ||
      !is_station(ethernet->source)) {
    ++counters_.malformed;
    return {};
  }
  const Arrival in{index, found->second, frame, parsed, now};
  const MacAddress& own = in.uplink.host.mac;
  // An echo of our own frames (a switch that floods back, an af_packet loop) says nothing.
  const bool is_loop = ethernet->source == own;
  const bool is_for_us = ethernet->destination == own || ethernet->destination.is_group();
  const bool may_act = !is_loop && is_for_us && parsed.vlan_count == 0 && !parsed.is_fragment;
  if (may_act && parsed.l3 == L3Kind::arp) {
    receive_arp(in);
  } else if (may_act && parsed.l3 == L3Kind::ipv4 && parsed.l4 == L4Kind::icmp) {
    receive_icmp4(in);
  } else if (may_act && parsed.l3 == L3Kind::ipv6 && parsed.l4 == L4Kind::icmpv6) {
    receive_icmp6(in);
  } else {
    ++counters_.ignored;
  }
  return take();
}

// -- ARP (RFC 826) ----------------------------------------------------------------------------------

void Underlay::receive_arp(const Arrival& in) {
  const auto* arp = header_at<ArpPacket>(in.frame, in.parsed.l3_offset);
  if (arp == nullptr || !arp->is_ipv4_over_ethernet() || !is_station(arp->sender_mac)) {
    ++counters_.malformed;
    return;
  }
  const UnderlayHost& host = in.uplink.host;
  if (arp->sender_mac == host.mac) {
    ++counters_.ignored;
    return;
  }
  const IpAddress sender{arp->sender_ip};
  const IpAddress target{arp->target_ip};
  if (is_ours(host, sender)) {
    defend(in, sender, arp->sender_mac);
    return;
  }
  const std::uint16_t operation = arp->operation.host();
  const bool is_to_us = is_ours(host, target);
  const bool is_gratuitous = sender == target;
  if (operation == ArpPacket::kReply && is_to_us) {
    confirm(Key{in.index, sender}, arp->sender_mac, in.now);
  } else if (is_gratuitous || is_to_us) {
    hint(Key{in.index, sender}, arp->sender_mac, in.now);
  }
  if (operation == ArpPacket::kRequest && is_to_us) {
    out_.frames.push_back(
        {in.index,
         make_arp(
             {.operation = ArpPacket::kReply,
              .sender_mac = host.mac,
              .sender_ip = arp->target_ip,
              .target_mac = arp->sender_mac,
              .target_ip = arp->sender_ip,
              .destination = arp->sender_mac}
         )}
    );
    ++counters_.arp_answered;
  }
}

/// Another station claims our address: tell control, and claim it back, both rate limited so that two
/// hosts which both defend do not fight at line rate (RFC 5227 s2.4 c).
void Underlay::defend(const Arrival& in, const IpAddress& address, const MacAddress& mac) {
  const auto [at, is_first] = in.uplink.defended.try_emplace(address, in.now);
  if (!is_first && in.now - at->second < kDefendInterval) {
    ++counters_.ignored;
    return;
  }
  at->second = in.now;
  out_.conflicts.push_back({in.index, address, mac});
  emit_announcement(in.index, in.uplink, address);
}

// -- ICMP (RFC 792) -----------------------------------------------------------------------------------

void Underlay::receive_icmp4(const Arrival& in) {
  const auto* ip = header_at<Ipv4Header>(in.frame, in.parsed.l3_offset);
  const auto* icmp = header_at<IcmpHeader>(in.frame, in.parsed.l4_offset);
  const ConstBytes header = in.frame.subspan(in.parsed.l3_offset, ip->header_bytes());
  if (fold(sum_of(header)) != 0xFFFF || fold(sum_of(l4_message(in.frame, in.parsed))) != 0xFFFF ||
      !is_host(ip->source)) {
    ++counters_.malformed;
    return;
  }
  const bool is_to_us = is_ours(in.uplink.host, IpAddress{ip->destination}) &&
                        !is_ours(in.uplink.host, IpAddress{ip->source});
  if (is_to_us && icmp->type == kIcmpEchoRequest && icmp->code == 0) {
    answer_echo(in);
  } else if (is_to_us && icmp->type == kIcmpUnreachable && icmp->code == kIcmpFragmentationNeeded) {
    receive_fragmentation_needed(in);
  } else {
    ++counters_.ignored;
  }
}

/// Only what was sent to our MAC: a ping to a group MAC is a smurf, not a question.
void Underlay::answer_echo(const Arrival& in) {
  if (header_at<EthernetHeader>(in.frame, 0)->destination != in.uplink.host.mac) {
    ++counters_.ignored;
    return;
  }
  out_.frames.push_back({in.index, make_echo_reply(in.frame, in.parsed, in.uplink.host.mac)});
  ++counters_.echo_answered;
}

/// RFC 1191 s4: type 3 code 4, the next hop's MTU in the low 16 bits, the packet quoted behind it.
void Underlay::receive_fragmentation_needed(const Arrival& in) {
  const ConstBytes message = l4_message(in.frame, in.parsed);
  const auto* icmp = header_at<IcmpHeader>(message, 0);
  const auto* quoted = header_at<Ipv4Header>(message, sizeof *icmp);
  if (quoted == nullptr || quoted->version() != 4) {
    ++counters_.malformed;
    return;
  }
  const IpAddress remote{quoted->destination};
  const bool is_about_us = is_ours(in.uplink.host, IpAddress{quoted->source}) &&
                           is_tunnel_protocol(quoted->protocol) && is_host(quoted->destination) &&
                           (!is_remote_ || is_remote_(in.index, remote));
  if (!is_about_us) {
    ++counters_.ignored;
    return;
  }
  const auto said = static_cast<std::uint16_t>(icmp->rest.host());
  const std::uint16_t mtu = said != 0 ? said : plateau_below(quoted->total_length.host());
  lower_path_mtu(in, remote, std::max(mtu, kLeastPathMtu4));
}

// -- ICMPv6 (RFC 4443, RFC 4861) ----------------------------------------------------------------------

void Underlay::receive_icmp6(const Arrival& in) {
  const auto* ip = header_at<Ipv6Header>(in.frame, in.parsed.l3_offset);
  const ConstBytes message = l4_message(in.frame, in.parsed);
  const auto* icmp = header_at<IcmpHeader>(message, 0);
  if (icmp == nullptr || !has_good_checksum(*ip, message) || ip->source.is_multicast()) {
    ++counters_.malformed;
    return;
  }
  const bool is_nd = icmp->type == kIcmpv6NeighborSolicit || icmp->type == kIcmpv6NeighborAdvert;
  if (is_nd) {
    // RFC 4861 s7.1.1, s7.1.2: from further away, or not ND as we know it: silently discarded.
    const auto* nd = header_at<NdMessage>(message, 0);
    if (ip->hop_limit != kNdHopLimit || icmp->code != 0 || nd == nullptr ||
        nd->target.is_multicast()) {
      ++counters_.malformed;
      return;
    }
    if (icmp->type == kIcmpv6NeighborSolicit) {
      receive_solicit(in, *nd);
    } else {
      receive_advert(in, *nd);
    }
    return;
  }
  const bool is_to_us = is_ours(in.uplink.host, IpAddress{ip->destination}) &&
                        is_host(ip->source) && !is_ours(in.uplink.host, IpAddress{ip->source});
  if (is_to_us && icmp->type == kIcmpv6EchoRequest && icmp->code == 0) {
    answer_echo(in);
  } else if (is_to_us && icmp->type == kIcmpv6PacketTooBig) {
    receive_packet_too_big(in);
  } else {
    ++counters_.ignored;
  }
}

void Underlay::receive_solicit(const Arrival& in, const NdMessage& nd) {
  const auto* ip = header_at<Ipv6Header>(in.frame, in.parsed.l3_offset);
  const ConstBytes message = l4_message(in.frame, in.parsed);
  const NdOptions options = nd_options(message, kSourceLinkLayer);
  const bool is_dad = ip->source.is_zero();
  // RFC 4861 s7.1.1: a probe for duplicates goes to the solicited-node group and names no MAC.
  const bool is_bad_dad =
      is_dad && (options.mac.has_value() || ip->destination != solicited_node_of(nd.target));
  if (!options.is_valid || is_bad_dad || (options.mac && !is_station(*options.mac))) {
    ++counters_.malformed;
    return;
  }
  const UnderlayHost& host = in.uplink.host;
  if (!is_ours(host, IpAddress{nd.target}) || is_ours(host, IpAddress{ip->source})) {
    ++counters_.ignored;
    return;
  }
  const MacAddress asker = options.mac.value_or(header_at<EthernetHeader>(in.frame, 0)->source);
  if (!is_dad) hint(Key{in.index, IpAddress{ip->source}}, asker, in.now);
  out_.frames.push_back(
      {in.index,
       make_neighbor_advert(
           {.source_mac = host.mac,
            .target = nd.target,
            .destination = is_dad ? kAllNodes : ip->source,
            .destination_mac = is_dad ? multicast_mac_of(kAllNodes) : asker,
            .is_solicited = !is_dad}
       )}
  );
  ++counters_.nd_answered;
}

/// RFC 4861 s7.2.5, for the neighbours that control asked for.
void Underlay::receive_advert(const Arrival& in, const NdMessage& nd) {
  const auto* ip = header_at<Ipv6Header>(in.frame, in.parsed.l3_offset);
  const ConstBytes message = l4_message(in.frame, in.parsed);
  const NdOptions options = nd_options(message, kTargetLinkLayer);
  const std::uint32_t flags = nd.icmp.rest.host();
  const bool is_solicited = (flags & kAdvertSolicited) != 0;
  const bool is_override = (flags & kAdvertOverride) != 0;
  if (!options.is_valid || (is_solicited && ip->destination.is_multicast()) ||
      (options.mac && !is_station(*options.mac))) {
    ++counters_.malformed;
    return;
  }
  const IpAddress target{nd.target};
  if (is_ours(in.uplink.host, target)) {
    if (options.mac && *options.mac != in.uplink.host.mac) defend(in, target, *options.mac);
    return;
  }
  const Key key{in.index, target};
  const std::optional<MacAddress> known = mac_of(in.index, target);
  // No option: it can only confirm what is known. Without O it may not replace what is known.
  const std::optional<MacAddress> said = options.mac ? options.mac : known;
  const bool is_refused = !said || (known && *known != *said && !is_override);
  if (is_refused) {
    ++counters_.ignored;
  } else if (is_solicited) {
    confirm(key, *said, in.now);
  } else {
    hint(key, *said, in.now);
  }
}

/// RFC 4443 s3.2, RFC 8201 s4.
void Underlay::receive_packet_too_big(const Arrival& in) {
  const ConstBytes message = l4_message(in.frame, in.parsed);
  const auto* icmp = header_at<IcmpHeader>(message, 0);
  const auto* quoted = header_at<Ipv6Header>(message, sizeof *icmp);
  // RFC 8201 s4: a message that reports less than the IPv6 minimum link MTU is discarded.
  if (quoted == nullptr || quoted->version() != 6 || icmp->rest.host() < kLeastPathMtu6) {
    ++counters_.malformed;
    return;
  }
  const IpAddress remote{quoted->destination};
  const bool is_about_us = is_ours(in.uplink.host, IpAddress{quoted->source}) &&
                           is_tunnel_protocol(quoted->next_header) &&
                           is_host(quoted->destination) &&
                           (!is_remote_ || is_remote_(in.index, remote));
  if (!is_about_us) {
    ++counters_.ignored;
    return;
  }
  constexpr std::uint32_t kLargest = 65535;
  lower_path_mtu(in, remote, static_cast<std::uint16_t>(std::min(icmp->rest.host(), kLargest)));
}

}  // namespace weft::control
