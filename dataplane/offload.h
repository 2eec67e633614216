// Doing what a container left undone, at the last hop that needs it; and the reverse.
//
// Containers hand over frames with partial checksums and TCP segments of up to 64 KB (virtio-net
// header). Between local containers they pass untouched. Towards a tunnel or a port that takes no
// offloads, `complete_checksum` and `segment` carry the request out. Towards a container,
// `coalesce` merges consecutive wire-size TCP segments of a burst into one large one, because the
// kernel crossing costs per frame, not per octet (measured: 2.4 us for 1,500 octets, 14.8 us for
// 64 KB).
//
//   container --> check_offload --> ... --+--> local container: as it is
//                                         +--> tunnel: clamp_mss, segment | complete_checksum
//   tunnel ------------------------ ... -----> coalesce --> container
//
// The partial checksum is trusted as far as it goes: a container that wrote a wrong one sends
// packets that its peer refuses, and hurts nobody else. That is also what makes routing headers and
// source routes right without looking at them (RFC 8200 s8.1: the pseudo header names the *final*
// destination, which only the sender knows).
//
// IPv4 and IPv6, no heap, no tables. Frames are mbufs as packet.h describes, with meta(m).parsed
// valid; functions that change lengths keep it valid.
#pragma once

#include <array>
#include <cstdint>

#include <rte_mbuf.h>

#include "dataplane/base/drop_reason.h"
#include "dataplane/base/lanes.h"
#include "dataplane/port/packet.h"

struct rte_mempool;

namespace weft {

/// Fewest TCP payload octets that a large segment is cut into, and that `coalesce` merges: what is
/// left of the smallest sending MSS of common stacks. It bounds the frames made from one at 745.
inline constexpr std::uint16_t kMinGsoOctets = 88;

/// Whether the request agrees with the frame that came with it (untrusted: a container wrote both):
/// bad_offload_request unless
/// - the checksum field is that of the packet's TCP or UDP header, or lies further inside a packet
/// of
///   UDP, GRE or another tunnel, wholly in the first mbuf and in the IP packet, which is no
///   fragment;
/// - gso comes with a checksum request (Virtio 1.2 s5.1.6.2.1), asks for TCP of the right family,
///   without SYN and RST, with gso_octets >= kMinGsoOctets.
/// header_octets is only the sender's hint (Virtio 1.2 s5.1.6.2.2: the device must not rely on it;
/// Linux puts the size of the linear part there): for gso it becomes the end of the TCP header.
[[nodiscard]] DropReason check_offload(rte_mbuf* frame) noexcept;

/// Fills in the L4 checksum of a frame with needs_checksum and gso == none, over all its mbufs, and
/// clears the request. The partial field holds the pseudo-header sum (as the kernel leaves it).
/// Precondition: check_offload passed.
void complete_checksum(rte_mbuf* frame) noexcept;

struct Segmented {
  std::uint16_t count{};  // frames in `out`; 0: nothing was allocated or freed, `error` says why
  DropReason error{};     // no_mbuf, or inner_too_big: the headers leave no room in mtu
  std::array<rte_mbuf*, kMaxBurst> out{};
};

/// How far a frame is cut. A new one for each frame.
struct SegmentCursor {
  std::uint32_t next_octet{};  // TCP payload octets already cut
  std::uint16_t next_index{};  // frames already made: what the IPv4 identification grows by
  bool is_done{};              // nothing is left
};

/// Cuts a TCP frame with gso into frames whose IP packets are at most `mtu` octets, each complete
/// (lengths, IPv4 identification and checksum, sequence numbers, FIN/PSH only on the last, CWR only
/// on the first, TCP checksum), in single mbufs from `pool` with kHeadroom of headroom and the meta
/// of the original (offload cleared, l3_end its own). The payload of each is min(gso_octets, mtu -
/// headers, room in one mbuf). The caller keeps `frame`; the frames in `out` are the caller's too.
/// Up to kMaxBurst frames a call; a frame that needs more is cut by calling again with the same
/// cursor until is_done. All mbufs of a call are allocated or none. Precondition: check_offload
/// passed.
[[nodiscard]] Segmented segment(
    rte_mbuf* frame, std::uint16_t mtu, rte_mempool* pool, SegmentCursor& cursor
) noexcept;

/// Merges consecutive TCP segments of one flow within a burst, in place. Merged are frames of one
/// network segment with equal L2 header, addresses, ports, ToS, TTL, IPv6 flow label, ack number,
/// window, urgent field and TCP options, only ACK and PSH flags, consecutive sequence numbers,
/// payload of at least kMinGsoOctets and equal size (the last may be shorter and ends the merge, so
/// does PSH), no IP options, extension headers or fragments, IPv4 DF set (so that the
/// identification means nothing, RFC 6864 s4.1), verified IPv4 and L4 checksums, no request of
/// their own, in buffers that nobody shares, up to kMaxCoalescedOctets and kMaxCoalescedMbufs. The
/// order of a flow's frames is kept; order across flows may change only as far as a frame joins an
/// earlier one. The head becomes a chain with a gso request and a partial checksum, as if a local
/// kernel had sent it. Returns the new count; `frames` is compacted. Merged mbufs are part of their
/// head's chain; their meta means nothing any more.
[[nodiscard]] std::uint16_t coalesce(rte_mbuf** frames, std::uint16_t count) noexcept;

inline constexpr std::uint32_t kMaxCoalescedOctets = 65000;  // of the frame
inline constexpr std::uint16_t kMaxCoalescedMbufs = 44;      // 64 KB in segments of 1,450 octets

/// Lowers the MSS option of a TCP SYN so that its segments fit an IP packet of `mtu` octets (RFC
/// 6691: fixed headers only); mends the checksum incrementally (a partial one does not cover
/// options and stays as it is). Nothing to do for other frames, or when that MSS is below
/// kMinGsoOctets.
void clamp_mss(rte_mbuf* frame, std::uint16_t mtu) noexcept;

}  // namespace weft
