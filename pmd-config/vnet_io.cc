#include "pmd-config/vnet_io.h"

#include <algorithm>
#include <cerrno>

#include "dataplane/net/headers.h"

namespace weft {

std::optional<OffloadRequest> decode_offload(const VnetHeader& header) noexcept {
  OffloadRequest request;
  switch (header.gso_type & ~unsigned{VnetHeader::kGsoEcn}) {
    case VnetHeader::kGsoNone:
      break;
    case VnetHeader::kGsoTcp4:
      request.gso = OffloadRequest::Gso::tcp4;
      break;
    case VnetHeader::kGsoTcp6:
      request.gso = OffloadRequest::Gso::tcp6;
      break;
    default:
      return std::nullopt;
  }
  if (request.gso != OffloadRequest::Gso::none) {
    request.is_ecn = (header.gso_type & VnetHeader::kGsoEcn) != 0;
    request.header_octets = header.header_octets;
    request.gso_octets = header.gso_octets;
  }
  if ((header.flags & VnetHeader::kNeedsChecksum) != 0) {
    request.needs_checksum = true;
    request.checksum_start = header.checksum_start;
    request.checksum_offset = header.checksum_offset;
  }
  request.is_checked = (header.flags & VnetHeader::kDataValid) != 0;
  return request;
}

VnetHeader encode_offload(const OffloadRequest& request) noexcept {
  VnetHeader header{};
  if (request.needs_checksum) {
    header.flags = VnetHeader::kNeedsChecksum;
    header.checksum_start = request.checksum_start;
    header.checksum_offset = request.checksum_offset;
  }
  if (request.is_checked) header.flags |= VnetHeader::kDataValid;
  if (request.gso != OffloadRequest::Gso::none) {
    header.gso_type = static_cast<std::uint8_t>(request.gso);
    if (request.is_ecn) header.gso_type |= VnetHeader::kGsoEcn;
    header.header_octets = request.header_octets;
    header.gso_octets = request.gso_octets;
  }
  return header;
}
static_assert(static_cast<int>(OffloadRequest::Gso::tcp4) == VnetHeader::kGsoTcp4);
static_assert(static_cast<int>(OffloadRequest::Gso::tcp6) == VnetHeader::kGsoTcp6);

RxSlot::~RxSlot() {
  rte_pktmbuf_free(small_);  // nullptr is fine
  for (rte_mbuf* large : large_) rte_pktmbuf_free(large);
}

void RxSlot::add_buffer(void* base, std::size_t size) noexcept {
  iov_[iov_count_++] = iovec{base, size};
  capacity_ += size;
}

void RxSlot::prepare(const PacketPools& pools, std::uint16_t lead) noexcept {
  iov_count_ = 0;
  capacity_ = 0;
  add_buffer(&header_, sizeof header_);
  if (small_ == nullptr) {
    small_ = rte_pktmbuf_alloc(pools.small);
    if (small_ != nullptr) small_->data_off = static_cast<std::uint16_t>(kHeadroom + lead);
  }
  if (small_ != nullptr) {
    add_buffer(rte_pktmbuf_mtod(small_, void*), rte_pktmbuf_tailroom(small_));
    for (rte_mbuf*& large : large_) {
      if (large == nullptr) large = rte_pktmbuf_alloc(pools.large);
      if (large == nullptr) break;
      add_buffer(rte_pktmbuf_mtod(large, void*), rte_pktmbuf_tailroom(large));
    }
  }
  add_buffer(&sentinel_, sizeof sentinel_);
}

rte_mbuf* RxSlot::finish(std::size_t octets, RxLosses& losses) noexcept {
  if (octets == capacity_) [[unlikely]] {
    const bool had_room_for_any = small_ != nullptr && large_[1] != nullptr;
    ++(had_room_for_any ? losses.frame_too_large : losses.no_mbuf);
    return nullptr;
  }
  if (octets < sizeof header_ + sizeof(EthernetHeader)) [[unlikely]] {
    ++losses.truncated;
    return nullptr;
  }
  const std::size_t frame_octets = octets - sizeof header_;
  if (frame_octets > kMaxFrame) [[unlikely]] {
    ++losses.frame_too_large;
    return nullptr;
  }
  const std::optional<OffloadRequest> request = decode_offload(header_);
  if (!request) [[unlikely]] {
    ++losses.bad_offload_request;
    return nullptr;
  }
  rte_mbuf* frame = chain(static_cast<std::uint32_t>(frame_octets));
  meta(frame).offload = *request;
  return frame;
}

rte_mbuf* RxSlot::chain(std::uint32_t octets) noexcept {
  rte_mbuf* const head = small_;
  small_ = nullptr;
  head->pkt_len = octets;
  head->data_len =
      static_cast<std::uint16_t>(std::min<std::uint32_t>(octets, rte_pktmbuf_tailroom(head)));
  std::uint32_t rest = octets - head->data_len;
  rte_mbuf* last = head;
  for (rte_mbuf*& large : large_) {
    if (rest == 0) break;
    large->data_len =
        static_cast<std::uint16_t>(std::min<std::uint32_t>(rest, rte_pktmbuf_tailroom(large)));
    rest -= large->data_len;
    last->next = large;
    last = large;
    ++head->nb_segs;
    large = nullptr;
  }
  // Buffers are filled in order, so what is left over moves to the front.
  if (large_[0] == nullptr) std::swap(large_[0], large_[1]);
  return head;
}

std::size_t gather(rte_mbuf* frame, VnetHeader& header, std::span<iovec> out) noexcept {
  if (out.size() <= frame->nb_segs) return 0;
  header = encode_offload(meta(frame).offload);
  out[0] = iovec{&header, sizeof header};
  std::size_t count = 1;
  for (rte_mbuf* segment = frame; segment != nullptr; segment = segment->next) {
    out[count++] = iovec{rte_pktmbuf_mtod(segment, void*), segment->data_len};
  }
  return count;
}

bool is_frame_refused(int errnum) noexcept {
  // EINVAL: the virtio header does not fit the frame, or the frame is shorter than an Ethernet
  // header. EMSGSIZE: larger than the link's MTU and not to be segmented.
  return errnum == EINVAL || errnum == EMSGSIZE;
}

std::uint16_t put_last(rte_mbuf** frames, std::uint16_t at, std::uint16_t end) noexcept {
  std::rotate(frames + at, frames + at + 1, frames + end);
  return static_cast<std::uint16_t>(end - 1U);
}

}  // namespace weft
