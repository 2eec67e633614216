#include "encap/tos.h"

#include <array>

#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"

namespace weft::encap {
namespace {

constexpr std::uint8_t kLost = 0xFF;

/// RFC 6040 figure 4: the outgoing ECN field by [arriving inner][arriving outer], both as they lie
/// in the octet: Not-ECT, ECT(1), ECT(0), CE.
constexpr std::array<std::array<std::uint8_t, 4>, 4> kDecapEcn{{
    {{kEcnNotEct, kEcnNotEct, kEcnNotEct, kLost}},  // inner Not-ECT
    {{kEcnEct1, kEcnEct1, kEcnEct1, kEcnCe}},       // inner ECT(1)
    {{kEcnEct0, kEcnEct1, kEcnEct0, kEcnCe}},       // inner ECT(0)
    {{kEcnCe, kEcnCe, kEcnCe, kEcnCe}},             // inner CE
}};

constexpr std::uint8_t combine(unsigned dscp_octet, unsigned ecn_octet) noexcept {
  return static_cast<std::uint8_t>((dscp_octet & ~unsigned{kEcnMask}) | (ecn_octet & kEcnMask));
}

}  // namespace

std::string_view name(DscpMode mode) noexcept {
  switch (mode) {
    case DscpMode::uniform:
      return "uniform";
    case DscpMode::pipe:
      return "pipe";
    case DscpMode::fixed:
      return "fixed";
  }
  __builtin_unreachable();
}

std::optional<DscpMode> parse_dscp_mode(std::string_view text) noexcept {
  for (const DscpMode mode : {DscpMode::uniform, DscpMode::pipe, DscpMode::fixed}) {
    if (name(mode) == text) return mode;
  }
  return std::nullopt;
}

std::uint8_t outer_tos(DscpMode mode, std::uint8_t fixed_dscp, std::uint8_t inner_tos) noexcept {
  if (mode == DscpMode::fixed) return combine(unsigned{fixed_dscp} << 2U, inner_tos);
  return inner_tos;
}

InnerTos inner_tos(DscpMode mode, std::uint8_t outer_tos, std::uint8_t inner_tos) noexcept {
  const std::uint8_t ecn = kDecapEcn[inner_tos & kEcnMask][outer_tos & kEcnMask];
  if (ecn == kLost) [[unlikely]]
    return InnerTos{true, inner_tos};
  return InnerTos{false, combine(mode == DscpMode::uniform ? outer_tos : inner_tos, ecn)};
}

void write_tos(Bytes frame, const ParsedFrame& parsed, std::uint8_t tos) noexcept {
  // Most packets keep their octet: do not dirty their cache line for nothing.
  if (tos == parsed.tos) return;
  if (parsed.l3 == L3Kind::ipv4) {
    auto* ip = reinterpret_cast<Ipv4Header*>(frame.data() + parsed.l3_offset);
    const unsigned first = unsigned{ip->version_ihl} << 8U;
    ip->checksum = Be16{adjust(
        ip->checksum.host(),
        static_cast<std::uint16_t>(first | ip->tos),
        static_cast<std::uint16_t>(first | tos)
    )};
    ip->tos = tos;
  } else if (parsed.l3 == L3Kind::ipv6) {
    auto* ip = reinterpret_cast<Ipv6Header*>(frame.data() + parsed.l3_offset);
    const std::uint32_t others = ip->version_class_flow.host() & 0xF00FFFFFU;
    ip->version_class_flow = Be32{others | (std::uint32_t{tos} << 20U)};
  }
}

}  // namespace weft::encap
