// DSCP and ECN between inner and outer headers.
//
// DSCP (RFC 2983):          on encapsulation              on decapsulation
//   uniform                 outer := inner                inner := outer
//   pipe                    outer := inner                inner untouched
//   fixed                   outer := the segment's        inner untouched
//
// ECN (RFC 6040), in every mode: normal mode on encapsulation (outer := inner); on decapsulation
// the complete table of figure 4, including the packet that must be dropped (inner Not-ECT, outer
// CE). A frame that is not IP has no ToS octet: it is sent with ECN Not-ECT and received unchanged.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "dataplane/base/bytes.h"
#include "dataplane/net/parse.h"

namespace weft::encap {

enum class DscpMode : std::uint8_t { uniform, pipe, fixed };

/// "uniform", "pipe", "fixed".
[[nodiscard]] std::string_view name(DscpMode mode) noexcept;
[[nodiscard]] std::optional<DscpMode> parse_dscp_mode(std::string_view text) noexcept;

// RFC 3168 §5: the two low bits of the ToS octet.
inline constexpr std::uint8_t kEcnMask = 0x03;
inline constexpr std::uint8_t kEcnNotEct = 0;
inline constexpr std::uint8_t kEcnEct1 = 1;
inline constexpr std::uint8_t kEcnEct0 = 2;
inline constexpr std::uint8_t kEcnCe = 3;

namespace detail {

inline constexpr std::uint8_t kLost = 0xFF;

/// RFC 6040 figure 4: the outgoing ECN field by [arriving inner][arriving outer], both as they lie
/// in the octet: Not-ECT, ECT(1), ECT(0), CE.
inline constexpr std::array<std::array<std::uint8_t, 4>, 4> kDecapEcn{{
    {{kEcnNotEct, kEcnNotEct, kEcnNotEct, kLost}},  // inner Not-ECT
    {{kEcnEct1, kEcnEct1, kEcnEct1, kEcnCe}},       // inner ECT(1)
    {{kEcnEct0, kEcnEct1, kEcnEct0, kEcnCe}},       // inner ECT(0)
    {{kEcnCe, kEcnCe, kEcnCe, kEcnCe}},             // inner CE
}};

[[nodiscard]] constexpr std::uint8_t combine(unsigned dscp_octet, unsigned ecn_octet) noexcept {
  return static_cast<std::uint8_t>((dscp_octet & ~unsigned{kEcnMask}) | (ecn_octet & kEcnMask));
}

}  // namespace detail

/// The outer ToS octet for an inner one (0 when the inner frame is not IP). `fixed_dscp`: 0–63.
[[nodiscard]] inline std::uint8_t outer_tos(
    DscpMode mode, std::uint8_t fixed_dscp, std::uint8_t inner_tos
) noexcept {
  if (mode == DscpMode::fixed) return detail::combine(unsigned{fixed_dscp} << 2U, inner_tos);
  return inner_tos;
}

struct InnerTos {
  bool is_lost{};      // RFC 6040 §4.2: drop, count ecn_congestion_lost
  std::uint8_t tos{};  // what the inner ToS octet must become
};

/// The inner ToS octet after decapsulation.
[[nodiscard]] inline InnerTos inner_tos(
    DscpMode mode, std::uint8_t outer_tos, std::uint8_t inner_tos
) noexcept {
  const std::uint8_t ecn = detail::kDecapEcn[inner_tos & kEcnMask][outer_tos & kEcnMask];
  if (ecn == detail::kLost) [[unlikely]]
    return InnerTos{true, inner_tos};
  return InnerTos{false, detail::combine(mode == DscpMode::uniform ? outer_tos : inner_tos, ecn)};
}

/// Writes `tos` into the IP header of `frame` and mends the IPv4 header checksum. Nothing to do for
/// frames that are not IP. Precondition: `parsed` is parse_frame's answer for `frame`.
void write_tos(Bytes frame, const ParsedFrame& parsed, std::uint8_t tos) noexcept;

}  // namespace weft::encap
