// A packet while it is ours: an rte_mbuf and 64 octets of PacketMeta in the mbuf's private area.
//
// The mbuf's own fields keep their DPDK meaning (data_off, data_len, pkt_len, next). Everything
// that Weft knows about the packet is in PacketMeta: one cache line, directly behind the rte_mbuf,
// written by the stages in the order shown. Only the first segment's meta is used.
//
// Layout of frames: the first segment holds all headers (parse_frame bounds against its data_len);
// large segments (TSO frames from containers, coalesced frames towards them) continue in further
// segments. Every first segment starts with at least kHeadroom octets of headroom.
#pragma once

#include <cstdint>

#include <rte_mbuf.h>

#include "classifier/policy_rules.h"
#include "classifier/qos.h"
#include "dataplane/base/bytes.h"
#include "dataplane/base/ids.h"
#include "dataplane/net/headers.h"
#include "dataplane/net/parse.h"

namespace weft {

inline constexpr std::uint16_t kHeadroom = RTE_PKTMBUF_HEADROOM;  // 128
/// Largest frame a container may hand over: a 64 KB IP packet with its Ethernet header and a tag.
inline constexpr std::uint32_t kMaxFrame = 65535U + 18U;

/// What still has to be done to a packet's checksum and size, in the words of the virtio-net header
/// (Virtio 1.2 §5.1.6): it travels with the packet and is carried out at the last hop that needs
/// it. All-zero: the frame is complete as it is.
struct OffloadRequest {
  enum class Gso : std::uint8_t { none = 0, tcp4 = 1, tcp6 = 4 };
  bool needs_checksum{};  // the field at checksum_start+offset holds only the pseudo-header sum
  Gso gso{Gso::none};
  bool is_ecn{};      // VIRTIO_NET_HDR_GSO_ECN: CWR only on the first segment
  bool is_checked{};  // L4 checksum already verified or produced by a trusted local stack
  std::uint16_t header_octets{};  // Ethernet … TCP header, for gso
  std::uint16_t gso_octets{};     // TCP payload octets per segment, for gso
  std::uint16_t checksum_start{};
  std::uint16_t checksum_offset{};

  /// Nothing is left to be done: the frame may go out as it is.
  [[nodiscard]] bool is_complete() const noexcept { return !needs_checksum && gso == Gso::none; }
};
static_assert(sizeof(OffloadRequest) == 12);

/// Where a packet goes: the value of an FDB entry, 32 bits.
struct Destination {
  enum class Kind : std::uint8_t { none, endpoint, tunnel };
  std::uint32_t packed{};

  constexpr Destination() noexcept = default;
  constexpr explicit Destination(EndpointIndex endpoint) noexcept
      : packed{(1U << 30U) | endpoint.value()} {}
  constexpr explicit Destination(TunnelIndex tunnel) noexcept
      : packed{(2U << 30U) | tunnel.value()} {}
  [[nodiscard]] constexpr Kind kind() const noexcept { return static_cast<Kind>(packed >> 30U); }
  /// Precondition: kind() says so.
  [[nodiscard]] constexpr EndpointIndex endpoint() const noexcept {
    return EndpointIndex{packed & 0x3FFFFFFFU};
  }
  [[nodiscard]] constexpr TunnelIndex tunnel() const noexcept {
    return TunnelIndex{packed & 0x3FFFFFFFU};
  }
  friend constexpr bool operator==(const Destination&, const Destination&) noexcept = default;
};

struct alignas(kCacheLine) PacketMeta {
  OffloadRequest offload;  // 12: port rx
  ParsedFrame parsed;      // 24: ingress (of the inner frame, after decap)
  SegmentIndex segment;    //  2: ingress
  UplinkIndex uplink;  //  2: egress, for a complete frame on its way to another worker's tx queue
  EndpointIndex from;  //  4: ingress; kNoEndpoint when it came from a tunnel
  TunnelIndex from_tunnel;    //  4: ingress; kNoTunnel when it came from an endpoint
  Destination to;             //  4: forward
  std::uint32_t flow_hash{};  //  4: ingress, 0 = not computed
  classifier::Phb phb{classifier::Phb::best_effort};     // 1: qos, the queue at egress
  classifier::Colour colour{classifier::Colour::green};  // 1: qos, drop precedence at egress
  std::uint8_t rule_dscp = classifier::kNoClass;         // 1: flow, the class that a rule gives
  std::uint8_t reserved2{};
  std::uint16_t rule_meter = classifier::kNoMeter;  // 2: flow
  std::uint16_t reserved3{};
};
static_assert(sizeof(PacketMeta) == kCacheLine);
static_assert(sizeof(ParsedFrame) <= 24);

/// Precondition: the mbuf comes from a pool made by pmd-config/pool.h (private size = 64).
[[nodiscard]] inline PacketMeta& meta(rte_mbuf* mbuf) noexcept {
  return *static_cast<PacketMeta*>(rte_mbuf_to_priv(mbuf));
}

/// Octets of the IP packet; of a frame that is not IP, what follows the MACs and the EtherType.
[[nodiscard]] inline std::uint32_t l3_octets(
    const rte_mbuf* frame, const ParsedFrame& parsed
) noexcept {
  if (parsed.is_ip()) return parsed.l3_end - parsed.l3_offset;
  return frame->pkt_len - static_cast<std::uint32_t>(sizeof(EthernetHeader));
}

/// The first segment, which holds all headers.
[[nodiscard]] inline Bytes head_bytes(rte_mbuf* mbuf) noexcept {
  return {rte_pktmbuf_mtod(mbuf, std::uint8_t*), mbuf->data_len};
}

}  // namespace weft
