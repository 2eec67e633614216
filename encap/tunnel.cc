#include "encap/tunnel.h"

#include <algorithm>
#include <cstring>

#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"
#include "encap/protocols.h"

namespace weft::encap {
namespace {

constexpr std::size_t ip_header_octets(IpFamily family) noexcept {
  return family == IpFamily::v4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header);
}

std::size_t tunnel_header_octets(Kind kind) noexcept {
  return with_protocol(kind, [](auto protocol) { return decltype(protocol)::kHeaderOctets; });
}

/// RFC 1122 s3.2.1.2: a host verifies the header checksum of every datagram that it receives. A
/// one's-complement sum does not care about octet order as long as all words have the same
/// (RFC 1071 s2 B), so a header without options, which is nearly every one, is five plain loads.
bool is_ipv4_checksum_good(ConstBytes frame, const ParsedFrame& outer) noexcept {
  const auto& ip = bounded_header<Ipv4Header>(frame, outer.l3_offset);
  const std::size_t size = ip.header_bytes();
  if (size != sizeof(Ipv4Header)) [[unlikely]] {
    return fold(sum_of(frame.subspan(outer.l3_offset, size))) == 0xFFFF;
  }
  std::uint32_t words[sizeof(Ipv4Header) / sizeof(std::uint32_t)];
  std::memcpy(words, &ip, sizeof words);
  Sum sum;
  for (const std::uint32_t word : words) sum += Sum{word};
  return fold(sum) == 0xFFFF;
}

}  // namespace

std::string_view name(Kind kind) noexcept {
  return with_protocol(kind, [](auto protocol) { return decltype(protocol)::kName; });
}

std::optional<Kind> parse_kind(std::string_view text) noexcept {
  for (std::size_t i = 0; i < kKindCount; ++i) {
    const Kind kind = static_cast<Kind>(i);
    if (name(kind) == text) return kind;
  }
  return std::nullopt;
}

std::size_t overhead(Kind kind, IpFamily underlay) noexcept {
  return sizeof(EthernetHeader) + ip_header_octets(underlay) + tunnel_header_octets(kind);
}

std::size_t inner_mtu(Kind kind, IpFamily underlay, std::size_t underlay_mtu) noexcept {
  const std::size_t taken =
      ip_header_octets(underlay) + tunnel_header_octets(kind) + sizeof(EthernetHeader);
  return underlay_mtu - std::min(underlay_mtu, taken);
}

bool is_usable(Kind kind, Vni vni) noexcept {
  return with_protocol(kind, [vni](auto protocol) { return decltype(protocol)::is_usable(vni); });
}

bool may_keep_inner_vlan(Kind kind) noexcept {
  return with_protocol(kind, [](auto protocol) { return decltype(protocol)::kMayKeepInnerVlan; });
}

Decapped decap(
    ConstBytes frame,
    std::size_t on_wire_octets,
    const ParsedFrame& outer,
    const DecapConfig& config,
    bool udp_checksum_known_good
) noexcept {
  if (outer.l3 == L3Kind::ipv4) {
    if (!is_ipv4_checksum_good(frame, outer)) return lost(DropReason::bad_ipv4_checksum);
  } else if (outer.l3 != L3Kind::ipv6) {
    return Decapped{};
  }
  switch (outer.ip_proto) {
    case Vxlan::kIpProto:
      return Vxlan::decode(frame, on_wire_octets, outer, config, udp_checksum_known_good);
    case Nvgre::kIpProto:
      return Nvgre::decode(frame, on_wire_octets, outer, config, udp_checksum_known_good);
    default:  // an open set: any other protocol number is not a tunnel of ours
      return Decapped{};
  }
}

}  // namespace weft::encap
