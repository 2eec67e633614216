// parse_frame_into: parse_frame for the packet path, where nearly every frame is the same kind of frame.
//
// Untagged Ethernet, IPv4 without options that is no fragment, and a whole UDP or TCP header, or GRE:
// recognised with a few comparisons and written as three words. Everything else, and everything that is wrong, is parse_frame's to say. That
// both always agree is held by every test of parse_test.cc and by the fuzz target.
//
// measured: pipeline_bench
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dataplane/net/headers.h"
#include "dataplane/net/parse.h"

namespace weft {
namespace detail {

inline constexpr std::size_t kPlainL4 = sizeof(EthernetHeader) + sizeof(Ipv4Header);

/// Octets from the start of the frame to the payload; 0: the frame is no plain one.
[[nodiscard]] inline std::size_t plain_payload(ConstBytes frame, std::size_t on_wire) noexcept {
  constexpr std::size_t kFewest = kPlainL4 + sizeof(TcpHeader);
  if (frame.size() < kFewest) return 0;
  const auto& ethernet = bounded_header<EthernetHeader>(frame, 0);
  const auto& ip = bounded_header<Ipv4Header>(frame, sizeof(EthernetHeader));
  const std::size_t total = ip.total_length.host();
  if (ethernet.ether_type != Be16{kEtherTypeIpv4} || ip.version_ihl != 0x45 || ip.is_fragment() ||
      total > on_wire - sizeof(EthernetHeader)) {
    return 0;
  }
  std::size_t l4_octets = sizeof(UdpHeader);
  if (ip.protocol != kIpProtoUdp) {
    if (ip.protocol == kIpProtoTcp) {
      l4_octets = bounded_header<TcpHeader>(frame, kPlainL4).header_bytes();
      if (l4_octets < sizeof(TcpHeader)) return 0;
    } else {
      if (ip.protocol != kIpProtoGre) return 0;
      l4_octets = 0;  // parse_frame leaves it to whom it is for
    }
  }
  const std::size_t payload = kPlainL4 + l4_octets;
  if (payload > sizeof(EthernetHeader) + total || payload > frame.size()) return 0;
  return payload;
}

}  // namespace detail

/// As parsed = parse_frame(frame, on_wire_octets).
inline void parse_frame_into(
    ParsedFrame& parsed, ConstBytes frame, std::size_t on_wire_octets
) noexcept {
  const std::size_t payload = detail::plain_payload(frame, on_wire_octets);
  if (payload == 0) [[unlikely]] {
    parsed = parse_frame(frame, on_wire_octets);
    return;
  }
  const auto& ip = bounded_header<Ipv4Header>(frame, sizeof(EthernetHeader));
  const L4Kind l4 = ip.protocol == kIpProtoUdp   ? L4Kind::udp
                    : ip.protocol == kIpProtoTcp ? L4Kind::tcp
                                                 : L4Kind::gre;
  // In words: fields that are stored one by one can not be loaded together before they have left the store
  // buffer, and are more instructions.
  static_assert(offsetof(ParsedFrame, tos) == 7 && offsetof(ParsedFrame, ether_type) == 8);
  static_assert(offsetof(ParsedFrame, payload_offset) == 14 && offsetof(ParsedFrame, l3_end) == 16);
  struct Words {
    std::uint64_t kinds;
    std::uint64_t offsets;
    std::uint32_t l3_end;
  } words{};
  const auto octet = [](auto value, unsigned offset) {
    return static_cast<std::uint64_t>(value) << (8U * offset);
  };
  words.kinds = octet(DropReason::none, offsetof(ParsedFrame, error)) |
                octet(L3Kind::ipv4, offsetof(ParsedFrame, l3)) |
                octet(l4, offsetof(ParsedFrame, l4)) |
                octet(true, offsetof(ParsedFrame, is_first_fragment)) |
                octet(ip.protocol, offsetof(ParsedFrame, ip_proto)) |
                octet(ip.tos, offsetof(ParsedFrame, tos));
  words.offsets = std::uint64_t{kEtherTypeIpv4} | std::uint64_t{sizeof(EthernetHeader)} << 16U |
                  std::uint64_t{detail::kPlainL4} << 32U | std::uint64_t{payload} << 48U;
  words.l3_end = static_cast<std::uint32_t>(sizeof(EthernetHeader) + ip.total_length.host());
  auto* to = reinterpret_cast<std::uint8_t*>(&parsed);
  std::memcpy(to, &words.kinds, sizeof words.kinds);
  std::memcpy(to + 8, &words.offsets, sizeof words.offsets);
  std::memcpy(to + 16, &words.l3_end, sizeof words.l3_end);
}

}  // namespace weft
