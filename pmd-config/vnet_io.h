// Frames through the kernel, with their offload requests: what TAP and veth ports have in common.
//
// Both deliver and take frames behind a virtio-net header (Virtio 1.2 s5.1.6), which says that a
// checksum is still partial or that a TCP segment is larger than the wire. That header is what makes
// containers fast: without it TCP either does not pass at all or costs a system call per 1,500 octets.
// Here it becomes an OffloadRequest and back; whether the request fits the frame is judged later
// (check_offload), because only then the frame has been parsed.
//
// Receiving scatters into an RxSlot:
//
//   [virtio header][ small mbuf, 2 KB ][ large mbuf ][ large mbuf ][ 1 octet ]
//
// so that a small frame costs one small mbuf and only a large segment consumes large ones. The last
// octet is a sentinel: a frame that reaches it did not fit. A slot allocates when it is prepared, keeps
// what a frame left over for the next one, and gives it back at the end of the burst: an idle port
// holds no buffers. Without mbufs a frame is still read, thrown away and counted, so that an empty pool
// is a named drop and not a port that stays readable for ever.
//
// Everything here is called by workers: no allocation but mbufs, noexcept.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include <rte_mbuf.h>
#include <sys/uio.h>

#include "dataplane/port/packet.h"
#include "dataplane/port/pool.h"
#include "dataplane/port/port.h"

namespace weft {

/// The virtio-net header (Virtio 1.2 s5.1.6) without num_buffers, in host byte order, as TAP and
/// AF_PACKET use it on a little-endian host. Our own, because <linux/virtio_net.h> is not valid C++.
struct VnetHeader {
  std::uint8_t flags;
  std::uint8_t gso_type;
  std::uint16_t header_octets;  // hdr_len: Ethernet ... TCP header
  std::uint16_t gso_octets;     // gso_size: payload octets per segment
  std::uint16_t checksum_start;
  std::uint16_t checksum_offset;

  static constexpr std::uint8_t kNeedsChecksum = 1;  // of flags
  static constexpr std::uint8_t kDataValid = 2;
  static constexpr std::uint8_t kGsoNone = 0;  // of gso_type
  static constexpr std::uint8_t kGsoTcp4 = 1;
  static constexpr std::uint8_t kGsoTcp6 = 4;
  static constexpr std::uint8_t kGsoEcn = 0x80;  // beside one of the others
};
static_assert(sizeof(VnetHeader) == 10);

/// The request in the switch's words; nullopt for segmentation that we did not offer (UDP and tunnels).
/// Fields that the flags declare meaningless become zero.
[[nodiscard]] std::optional<OffloadRequest> decode_offload(const VnetHeader& header) noexcept;
/// Inverse of decode_offload.
[[nodiscard]] VnetHeader encode_offload(const OffloadRequest& request) noexcept;

/// Room for one frame that is about to be read.
class RxSlot {
 public:
  RxSlot() noexcept {}  // NOLINT(modernize-use-equals-default): `= default` would zero 100 octets
  RxSlot(const RxSlot&) = delete;
  RxSlot& operator=(const RxSlot&) = delete;
  ~RxSlot();

  /// Allocates what is missing. `lead`: octets kept free in front of the frame besides kHeadroom.
  void prepare(const PacketPools& pools, std::uint16_t lead) noexcept;
  /// Where the system call has to put header and frame; valid until finish().
  [[nodiscard]] std::span<iovec> buffers() noexcept { return {iov_.data(), iov_count_}; }

  /// The frame of which the system call read `octets` (header included), with meta().offload set; or
  /// nullptr, and then exactly one field of `losses` has grown.
  [[nodiscard]] rte_mbuf* finish(std::size_t octets, RxLosses& losses) noexcept;

 private:
  [[nodiscard]] rte_mbuf* chain(std::uint32_t octets) noexcept;
  void add_buffer(void* base, std::size_t size) noexcept;

  rte_mbuf* small_ = nullptr;
  std::array<rte_mbuf*, 2> large_{};
  std::size_t capacity_ = 0;  // octets of all buffers, sentinel included
  std::size_t iov_count_ = 0;
  // Written by prepare() and by the kernel; zeroing them first would double the cost of a slot.
  VnetHeader header_;
  std::uint8_t sentinel_;
  std::array<iovec, 5> iov_;
};

/// Points `out` at the header and then at every segment of `frame`. Returns the number of buffers, or 0
/// when `out` is too short.
[[nodiscard]] std::size_t gather(
    rte_mbuf* frame, VnetHeader& header, std::span<iovec> out
) noexcept;

/// Buffers for gather() that hold any frame that may come: coalescing makes chains of up to 44 mbufs.
inline constexpr std::size_t kMaxGather = 64;

/// Whether errno `errnum` of a send means that the kernel dislikes this frame (and would take the next
/// one) rather than that the port takes nothing at the moment.
[[nodiscard]] bool is_frame_refused(int errnum) noexcept;

/// Moves `frames[at]` behind `frames[end - 1]` and returns the new end, so that one container's
/// malformed frame does not take the frames behind it with it. The order of the others is kept.
[[nodiscard]] std::uint16_t put_last(
    rte_mbuf** frames, std::uint16_t at, std::uint16_t end
) noexcept;

}  // namespace weft
