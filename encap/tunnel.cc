#include "encap/tunnel.h"

#include <algorithm>

#include "dataplane/net/headers.h"
#include "encap/decap.h"
#include "encap/protocols.h"

namespace weft::encap {
namespace {

constexpr std::size_t ip_header_octets(IpFamily family) noexcept {
  return family == IpFamily::v4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header);
}

std::size_t tunnel_header_octets(Kind kind) noexcept {
  return with_protocol(kind, [](auto protocol) { return decltype(protocol)::kHeaderOctets; });
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
  return decap_inline(frame, on_wire_octets, outer, config, udp_checksum_known_good);
}

}  // namespace weft::encap
