// VXLAN (RFC 7348): an Ethernet frame behind UDP and eight octets.
//
//   +-+-+-+-+-+-+-+-+-----------------------------------------------+
//   |R|R|R|R|I|R|R|R|                  reserved                      |
//   +---------------+-------------------------------+---------------+
//   |                      VNI                      |   reserved    |
//   +-----------------------------------------------+---------------+
//
// RFC 7348 s5: I must be set; everything reserved is sent as zero and ignored on receipt. s4.3:
// VTEPs do not fragment, and may drop fragments that they receive: we do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "dataplane/base/bytes.h"
#include "dataplane/base/drop_reason.h"
#include "dataplane/base/ids.h"
#include "dataplane/net/headers.h"
#include "dataplane/net/parse.h"
#include "encap/outer.h"
#include "encap/tunnel.h"
#include "encap/udp.h"

namespace weft::encap {

struct Vxlan {
  static constexpr std::string_view kName = "vxlan";
  static constexpr std::uint8_t kIpProto = kIpProtoUdp;
  static constexpr std::size_t kHeaderOctets = sizeof(UdpHeader) + sizeof(VxlanHeader);
  /// RFC 7348 s6.1: tagged inner frames SHOULD be discarded "unless configured otherwise".
  static constexpr bool kMayKeepInnerVlan = true;

  [[nodiscard]] static constexpr bool is_usable(Vni) noexcept { return true; }

  [[nodiscard]] static Decapped decode(
      ConstBytes frame,
      std::size_t on_wire_octets,
      const ParsedFrame& outer,
      const DecapConfig& config,
      bool udp_checksum_known_good
  ) noexcept {
    // A fragment other than the first has no port: being UDP for this host is all that is known of
    // it.
    if (outer.l4 != L4Kind::udp) return lost(DropReason::outer_fragment);
    const auto& udp = bounded_header<UdpHeader>(frame, outer.l4_offset);
    if (udp.destination_port.host() != config.vxlan_port) return Decapped{};
    if (outer.is_fragment) return lost(DropReason::outer_fragment);
    const DropReason bad = check_udp(frame, on_wire_octets, outer, udp_checksum_known_good);
    if (bad != DropReason::none) return lost(bad);

    const std::size_t offset = outer.l4_offset + sizeof(UdpHeader);
    if (outer.l3_end - offset < sizeof(VxlanHeader)) return lost(DropReason::truncated_vxlan);
    const auto* vxlan = header_at<VxlanHeader>(frame, offset);
    if (vxlan == nullptr) return lost(DropReason::headers_not_contiguous);
    if ((vxlan->flags & VxlanHeader::kFlagVni) == 0) return lost(DropReason::vxlan_flag_missing);
    return found(Kind::vxlan, Vni{vxlan->vni()}, offset + sizeof(VxlanHeader));
  }

  static void encode(std::uint8_t* header, const OuterSpec& spec) noexcept {
    auto* udp = reinterpret_cast<UdpHeader*>(header);
    udp->destination_port = Be16{spec.udp_destination_port};
    auto* vxlan = reinterpret_cast<VxlanHeader*>(header + sizeof(UdpHeader));
    vxlan->flags = VxlanHeader::kFlagVni;
    vxlan->vni_reserved2 = Be32{spec.vni.value() << 8U};
  }

  /// The UDP checksum stays zero (RFC 7348 s5; over IPv6 RFC 6935).
  static void patch(
      std::uint8_t* header, std::uint16_t payload_octets, std::uint32_t entropy
  ) noexcept {
    auto* udp = reinterpret_cast<UdpHeader*>(header);
    udp->source_port = Be16{udp_source_port(entropy)};
    udp->length = Be16{payload_octets};
  }
};

}  // namespace weft::encap
