// NVGRE (RFC 7637): an Ethernet frame behind GRE with a key.
//
//   +-+-+-+-+-+-+-----------+-----+-------------------------------+
//   |C|R|K|S|s|r| reserved  | Ver |     protocol type 0x6558      |
//   +-+-+-+-+-+-+-----------+-----+---------------+---------------+
//   |                     VSID                    |    FlowID     |
//   +---------------------------------------------+---------------+
//
// RFC 7637 s3.2: K is set, C and S are clear, the version is 0. The other flags come from RFC 1701;
// RFC 2784 s2.3 has a receiver discard a packet that sets one of bits 1-5 and ignore bits 6-12. K
// and S live in bits 2 and 3 (RFC 2890). FlowID gives the underlay entropy.
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

namespace weft::encap {

struct Nvgre {
  static constexpr std::string_view kName = "nvgre";
  static constexpr std::uint8_t kIpProto = kIpProtoGre;
  static constexpr std::size_t kHeaderOctets = sizeof(NvgreHeader);
  /// RFC 7637 s3.3: a decapsulating endpoint MUST drop a frame whose inner header has an 802.1Q
  /// tag.
  static constexpr bool kMayKeepInnerVlan = false;
  /// C and bits 1-5: all must be clear but K.
  static constexpr std::uint16_t kStrictFlags = 0xFC00;

  /// RFC 7637 s3.4: 0-0xFFF and 0xFFFFFF are reserved.
  [[nodiscard]] static constexpr bool is_usable(Vni vsid) noexcept {
    return vsid.value() >= 0x1000 && vsid.value() != Vni::kMax;
  }

  [[nodiscard]] static Decapped decode(
      ConstBytes frame,
      std::size_t /*on_wire_octets*/,
      const ParsedFrame& outer,
      const DecapConfig& /*config*/,
      bool /*udp_checksum_known_good*/
  ) noexcept {
    if (outer.is_fragment) return lost(DropReason::outer_fragment);
    const std::size_t offset = outer.l4_offset;
    if (outer.l3_end - offset < sizeof(NvgreHeader)) return lost(DropReason::truncated_gre);
    const auto* gre = header_at<NvgreHeader>(frame, offset);
    if (gre == nullptr) return lost(DropReason::headers_not_contiguous);

    const std::uint16_t flags = gre->flags_version.host();
    if (gre->protocol.host() != kEtherTypeTeb || (flags & NvgreHeader::kVersionMask) != 0) {
      return lost(DropReason::gre_not_nvgre);
    }
    if ((flags & kStrictFlags) != NvgreHeader::kKeyPresent) {
      return lost(DropReason::gre_flags_refused);
    }
    const Vni vsid{gre->vsid()};
    if (!is_usable(vsid)) return lost(DropReason::reserved_vsid);
    return found(Kind::nvgre, vsid, offset + sizeof(NvgreHeader));
  }

  static void encode(std::uint8_t* header, const OuterSpec& spec) noexcept {
    auto* gre = reinterpret_cast<NvgreHeader*>(header);
    gre->flags_version = Be16{NvgreHeader::kKeyPresent};
    gre->protocol = Be16{kEtherTypeTeb};
    gre->vsid_flow = Be32{spec.vni.value() << 8U};
  }

  static void patch(
      std::uint8_t* header, std::uint16_t /*payload_octets*/, std::uint32_t entropy
  ) noexcept {
    header[kHeaderOctets - 1] = static_cast<std::uint8_t>(entropy >> 24U);
  }
};

}  // namespace weft::encap
