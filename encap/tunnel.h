// The only list of encapsulations. Everything above calls these functions and names no protocol.
//
// To add an encapsulation: one header beside vxlan.h, one enumerator here, one case in protocols.h
// (the compiler names it: no `default`) and one in decap(), and its tests. Nothing in dataplane/
// changes.
//
// Receive:   ParsedFrame outer = parse_frame(frame);
//            Decapped d = decap(frame, outer);           // octets only, no tables
//            ...find the segment by (d.kind, d.vni, outer destination)...
//            ...parse_frame() of the inner frame, then inner_tos() and write_tos() (tos.h)
// Transmit:  OuterTemplate from build_outer() in control (outer.h); write_outer() in the worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "dataplane/base/bytes.h"
#include "dataplane/base/drop_reason.h"
#include "dataplane/base/ids.h"
#include "dataplane/net/addr.h"
#include "dataplane/net/parse.h"

namespace weft::encap {

enum class Kind : std::uint8_t { vxlan, nvgre };
inline constexpr std::size_t kKindCount = 2;

/// "vxlan", "nvgre".
[[nodiscard]] std::string_view name(Kind kind) noexcept;
[[nodiscard]] std::optional<Kind> parse_kind(std::string_view text) noexcept;

/// Octets that the encapsulation puts in front of the inner frame, outer Ethernet header included.
[[nodiscard]] std::size_t overhead(Kind kind, IpFamily underlay) noexcept;

/// The largest inner *IP* packet when the underlay carries IP packets of `underlay_mtu` octets:
/// underlay_mtu - (outer IP + tunnel headers) - inner Ethernet header. 0 if it does not fit.
[[nodiscard]] std::size_t inner_mtu(
    Kind kind, IpFamily underlay, std::size_t underlay_mtu
) noexcept;

/// Whether the identifier may be used: any 24-bit VNI for VXLAN; VSIDs 0x1000–0xFFFFFE for NVGRE
/// (RFC 7637 §3.4).
[[nodiscard]] bool is_usable(Kind kind, Vni vni) noexcept;

/// Whether a segment may be configured to carry 802.1Q tags of inner frames: RFC 7348 s6.1 leaves
/// it to configuration, RFC 7637 s3.3 forbids it.
[[nodiscard]] bool may_keep_inner_vlan(Kind kind) noexcept;

/// How to receive: what is configurable per host.
struct DecapConfig {
  std::uint16_t vxlan_port = 4789;
};

/// What decap found. If `error` is set the packet is lost; if `is_tunnel` is false the packet is
/// none of our encapsulations (it may be for the VTEP itself); else the inner frame starts at
/// `inner_offset`.
struct Decapped {
  DropReason error{DropReason::none};
  bool is_tunnel{};
  Kind kind{};
  Vni vni;
  std::uint16_t inner_offset{};
};

[[nodiscard]] constexpr Decapped lost(DropReason reason) noexcept {
  Decapped answer;
  answer.error = reason;
  return answer;
}

[[nodiscard]] constexpr Decapped found(Kind kind, Vni vni, std::size_t inner_offset) noexcept {
  return Decapped{DropReason::none, true, kind, vni, static_cast<std::uint16_t>(inner_offset)};
}

/// `outer` is parse_frame's answer for `frame` and is_ok(); `on_wire_octets` as there. Checks the
/// outer IPv4 header checksum and every MUST of the encapsulation's RFC on receipt; reserved bits
/// are ignored. That the packet is addressed to this host is the caller's business, and so is the
/// inner frame: it ends at outer.l3_end and may be of any size, 0 included. A non-zero outer UDP
/// checksum is verified only when the whole packet is in `frame` (frame.size() == on_wire_octets);
/// otherwise the caller verifies it over its buffers. `udp_checksum_known_good` saves verifying it
/// again.
[[nodiscard]] Decapped decap(
    ConstBytes frame,
    std::size_t on_wire_octets,
    const ParsedFrame& outer,
    const DecapConfig& config,
    bool udp_checksum_known_good = false
) noexcept;

}  // namespace weft::encap
