#include "encap/tos.h"

#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"

namespace weft::encap {
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
