// Doing what a container left undone, at the last hop that needs it; and the reverse.
//
// Containers hand over frames with partial checksums and TCP segments of up to 64 KB (virtio-net
// header). Between local containers they pass untouched. Towards a tunnel or a port that takes no
// offloads, `complete_checksum` and `segment` carry the request out. Towards a container,
// `Coalescer` merges consecutive wire-size TCP segments of a burst into one large one, because the kernel
// crossing costs per frame, not per octet (measured: 2.4 us for 1,500 octets, 14.8 us for 64 KB).
//
// IPv4 and IPv6, no heap, no tables. Frames are mbufs as packet.h describes.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>

#include "dataplane/base/drop_reason.h"
#include "dataplane/base/lanes.h"
#include "dataplane/port/packet.h"

struct rte_mempool;

namespace weft {

/// Whether the request agrees with the frame that came with it (untrusted: a container wrote both):
/// checksum field inside the packet's L4 header, gso only for TCP of the right family with header_octets
/// ending the TCP header and gso_octets >= 88. Uses meta(m).parsed.
[[nodiscard]] DropReason check_offload(rte_mbuf* frame) noexcept;

/// Fills in the L4 checksum of a frame with needs_checksum and gso == none, over all its segments, and
/// clears the request. The partial field holds the pseudo-header sum (as the kernel leaves it).
void complete_checksum(rte_mbuf* frame) noexcept;

struct Segmented {
  std::uint16_t count{};                 // frames in `out`; 0: no mbufs, nothing was allocated or freed
  std::array<rte_mbuf*, kMaxBurst> out{};
};

/// Cuts a TCP frame with gso into frames whose IP packets are at most `mtu` octets, each complete
/// (lengths, IPv4 id and checksum, sequence numbers, FIN/PSH only on the last, CWR only on the first,
/// TCP checksum), in single mbufs from `pool` with kHeadroom of headroom and the meta of the original
/// (offload cleared). The segment size is min(gso_octets, mtu - headers). The caller keeps `frame`.
/// Up to kMaxBurst segments; a frame that would need more is cut by calling again with `first_octet` =
/// payload octets done so far (next_octet), until next_octet == payload size.
struct SegmentCursor {
  std::uint32_t next_octet{};  // TCP payload octets already cut
  bool is_done{};
};
[[nodiscard]] Segmented segment(
    rte_mbuf* frame, std::uint16_t mtu, rte_mempool* pool, SegmentCursor& cursor
) noexcept;

/// Merges consecutive TCP segments of one flow within a burst, in place. Merged are frames with equal
/// L2 header, addresses, ports, ToS, TTL, ack number and TCP options, only ACK/PSH flags, consecutive
/// sequence numbers, equal payload size (the last may be shorter and ends the merge, so does PSH), no IP options or fragments,
/// IPv4 DF set, verified L4 checksum, at most 65,000 octets and 44 mbufs. The order of a flow's frames is kept; order across
/// flows may change only as far as a frame joins an earlier one. The head becomes a chain with a gso request. Returns
/// the new count; `frames` is compacted. Merged mbufs are part of their head's chain.
[[nodiscard]] std::uint16_t coalesce(rte_mbuf** frames, std::uint16_t count) noexcept;

/// Lowers the MSS option of a TCP SYN so that its segments fit an IP packet of `mtu` octets; mends the
/// checksum incrementally (also a partial one is unaffected). Nothing to do for other frames.
void clamp_mss(rte_mbuf* frame, std::uint16_t mtu) noexcept;

}  // namespace weft
