#include "pmd-config/memif_link.h"

#include <algorithm>
#include <array>

#include <rte_memcpy.h>
#include <rte_prefetch.h>
#include <unistd.h>

#include "dataplane/net/headers.h"
#include "pmd-config/vnet_io.h"

namespace weft {
namespace {

/// Buffers ahead of the one being copied. They lie in memory that the peer's core wrote last.
constexpr std::uint16_t kPrefetchAhead = 8;
/// Most descriptors one frame may be spread over. Bounds what a hostile chain costs per poll.
constexpr std::uint16_t kMaxSlots = 128;

constexpr const char* kBadHead = "Ring head is ahead of the ring's size";
constexpr const char* kBadBuffer = "Descriptor of an empty buffer is outside its region";

/// Inlined, each use would be a copy of rte_memcpy's many cases, in every build: half a minute of
/// compiling with the sanitizers, for a call's worth of time per frame.
[[gnu::noinline]] void copy_octets(void* to, const void* from, std::size_t count) noexcept {
  rte_memcpy(to, from, count);
}

void set_complete(rte_mbuf* frame) noexcept {
  meta(frame).offload = OffloadRequest{};
}

/// Appends to the chain, which continues in large mbufs. False: no mbuf.
bool append(
    rte_mbuf* head,
    rte_mbuf*& last,
    const std::uint8_t* from,
    std::uint32_t octets,
    rte_mempool* large
) noexcept {
  while (octets > 0) {
    if (rte_pktmbuf_tailroom(last) == 0) {
      rte_mbuf* const more = rte_pktmbuf_alloc(large);
      if (more == nullptr) return false;
      last->next = more;
      last = more;
      ++head->nb_segs;
    }
    const auto part =
        static_cast<std::uint16_t>(std::min<std::uint32_t>(octets, rte_pktmbuf_tailroom(last)));
    copy_octets(rte_pktmbuf_mtod_offset(last, void*, last->data_len), from, part);
    last->data_len = static_cast<std::uint16_t>(last->data_len + part);
    head->pkt_len += part;
    from += part;
    octets -= part;
  }
  return true;
}

/// As many small mbufs as there are, at most `wanted`.
std::uint16_t allocate(rte_mempool* pool, rte_mbuf** out, std::uint16_t wanted) noexcept {
  if (rte_pktmbuf_alloc_bulk(pool, out, wanted) == 0) [[likely]]
    return wanted;
  std::uint16_t count = 0;
  while (count < wanted && (out[count] = rte_pktmbuf_alloc(pool)) != nullptr) ++count;
  return count;
}

}  // namespace

std::uint16_t MemifLink::Ring::available() const noexcept {
  const std::uint16_t head = std::atomic_ref{header->head}.load(std::memory_order_acquire);
  return static_cast<std::uint16_t>(head - next);
}

void MemifLink::Ring::publish() const noexcept {
  std::atomic_ref{header->tail}.store(next, std::memory_order_release);
}

Result<MemifLink::Ring> MemifLink::place_ring(
    const memif::Regions& regions, const MemifRingPlace& place
) {
  if (place.log2_size > memif::kMaxLog2RingSize) return Error{"Ring is larger than 2^14"};
  if (place.offset % kCacheLine != 0) return Error{"Ring is not aligned to 64 octets"};
  Ring ring;
  ring.size = static_cast<std::uint16_t>(1U << place.log2_size);
  const auto octets =
      static_cast<std::uint32_t>(sizeof(memif::RingHeader) + ring.size * sizeof(memif::Descriptor));
  std::uint8_t* const base = regions.find(place.region, place.offset, octets);
  if (base == nullptr) return Error{"Ring is outside its region"};
  ring.header = reinterpret_cast<memif::RingHeader*>(base);
  ring.descriptors = reinterpret_cast<memif::Descriptor*>(base + sizeof(memif::RingHeader));
  if (std::atomic_ref{ring.header->cookie}.load(std::memory_order_relaxed) != memif::kCookie) {
    return Error{"Ring has no memif cookie"};
  }
  // The one time that a position is read from shared memory: where the client says we start.
  ring.next = std::atomic_ref{ring.header->tail}.load(std::memory_order_acquire);
  return ring;
}

Result<std::unique_ptr<MemifLink>> MemifLink::make(
    memif::Regions regions,
    const MemifRingPlace& to_server,
    const MemifRingPlace& to_client,
    int control_event
) {
  Result<Ring> rx = place_ring(regions, to_server);
  if (!rx) return rx.error();
  Result<Ring> tx = place_ring(regions, to_client);
  if (!tx) return tx.error();
  // We poll: the client need not wake us.
  std::atomic_ref{rx->header->flags}.store(memif::kRingMaskInterrupt, std::memory_order_relaxed);
  return std::unique_ptr<MemifLink>{new MemifLink{std::move(regions), *rx, *tx, control_event}};
}

MemifLink::MemifLink(memif::Regions regions, Ring rx, Ring tx, int control_event)
    : regions_{std::move(regions)}, rx_{rx}, tx_{tx}, control_event_{control_event} {}

void MemifLink::prefetch_buffer(const Ring& ring, std::uint16_t position) const noexcept {
  // Another load than the one that counts: only the check of that one matters for safety.
  const memif::Slot slot = ring.at(position).load();
  const std::uint8_t* const buffer = regions_.find(slot.region, slot.offset, slot.length);
  if (buffer != nullptr) rte_prefetch0(buffer);
}

std::uint16_t MemifLink::rx(
    rte_mbuf** out, std::uint16_t max, const PacketPools& pools, RxLosses& losses
) noexcept {
  const std::uint16_t available = rx_.available();
  if (available == 0) return 0;
  if (available > rx_.size) [[unlikely]] {
    fail(kBadHead);
    return 0;
  }
  const auto wanted = std::min<std::uint16_t>({available, max, kMaxBurst});
  for (std::uint16_t i = 0; i < std::min(wanted, kPrefetchAhead); ++i) {
    prefetch_buffer(rx_, static_cast<std::uint16_t>(rx_.next + i));
  }
  std::array<rte_mbuf*, kMaxBurst> stock;
  const std::uint16_t stocked = allocate(pools.small, stock.data(), wanted);

  std::uint16_t used = 0;
  std::uint16_t count = 0;
  std::uint16_t left = available;
  for (std::uint16_t frames = 0; frames < wanted && left > 0; ++frames) {
    if (left > kPrefetchAhead) {
      prefetch_buffer(rx_, static_cast<std::uint16_t>(rx_.next + kPrefetchAhead));
    }
    const std::uint16_t limit = std::min(left, kMaxSlots);
    std::uint16_t slots = frame_slots(limit);
    if (slots == 0) [[unlikely]] {
      // The rest of the frame comes later, unless there is no room for a rest.
      if (limit < std::min(rx_.size, kMaxSlots)) break;
      slots = limit;
      ++losses.frame_too_large;
    } else if (used == stocked) [[unlikely]] {
      ++losses.no_mbuf;
    } else {
      rte_mbuf* const frame = stock[used++];
      const auto loss = read_frame(frame, slots, pools);
      if (loss == nullptr) [[likely]] {
        set_complete(frame);
        out[count++] = frame;
      } else {
        ++(losses.*loss);
        rte_pktmbuf_free(frame);
      }
    }
    rx_.next = static_cast<std::uint16_t>(rx_.next + slots);
    left = static_cast<std::uint16_t>(left - slots);
  }
  rx_.publish();
  if (used < stocked) {
    rte_pktmbuf_free_bulk(stock.data() + used, static_cast<unsigned>(stocked - used));
  }
  return count;
}

std::uint16_t MemifLink::frame_slots(std::uint16_t limit) const noexcept {
  for (std::uint16_t slots = 0; slots < limit;) {
    const memif::Slot slot = rx_.at(static_cast<std::uint16_t>(rx_.next + slots)).load();
    ++slots;
    if ((slot.flags & memif::kSlotNext) == 0) return slots;
  }
  return 0;
}

std::uint32_t RxLosses::*MemifLink::read_frame(
    rte_mbuf* head, std::uint16_t slots, const PacketPools& pools
) noexcept {
  rte_mbuf* last = head;
  for (std::uint16_t i = 0; i < slots; ++i) {
    const memif::Slot slot = rx_.at(static_cast<std::uint16_t>(rx_.next + i)).load();
    const std::uint8_t* const from = regions_.find(slot.region, slot.offset, slot.length);
    if (from == nullptr) [[unlikely]]
      return &RxLosses::truncated;  // not one octet is there
    if (slots == 1 && slot.length <= rte_pktmbuf_tailroom(head)) [[likely]] {
      copy_octets(rte_pktmbuf_mtod(head, void*), from, slot.length);
      head->data_len = static_cast<std::uint16_t>(slot.length);
      head->pkt_len = slot.length;
      break;
    }
    if (slot.length > kMaxFrame - head->pkt_len) return &RxLosses::frame_too_large;
    if (!append(head, last, from, slot.length, pools.large)) return &RxLosses::no_mbuf;
  }
  return head->pkt_len < sizeof(EthernetHeader) ? &RxLosses::truncated : nullptr;
}

std::uint16_t MemifLink::tx(rte_mbuf** frames, std::uint16_t count) noexcept {
  std::uint16_t available = tx_.available();
  if (available > tx_.size) [[unlikely]] {
    fail(kBadHead);
    return 0;
  }
  std::uint16_t sent = 0;
  std::uint16_t end = count;
  while (sent < end && available > 0) {
    if (sent + kPrefetchAhead < end) {
      rte_prefetch0(rte_pktmbuf_mtod(frames[sent + kPrefetchAhead], void*));
    }
    const std::uint16_t slots = write_frame(frames[sent], available);
    if (slots == 0) [[unlikely]] {
      if (available < tx_.size || failure() != nullptr) break;
      end = put_last(frames, sent, end);  // not even an empty ring holds it
      continue;
    }
    tx_.next = static_cast<std::uint16_t>(tx_.next + slots);
    available = static_cast<std::uint16_t>(available - slots);
    ++sent;
  }
  if (sent == 0) return 0;
  tx_.publish();
  rte_pktmbuf_free_bulk(frames, sent);
  return sent;
}

std::uint16_t MemifLink::write_frame(const rte_mbuf* frame, std::uint16_t available) noexcept {
  memif::Descriptor& descriptor = tx_.at(tx_.next);
  const memif::Slot slot = descriptor.load();
  if (frame->nb_segs > 1 || frame->pkt_len > slot.length) return write_chain(frame, available);
  std::uint8_t* const to = regions_.find(slot.region, slot.offset, slot.length);
  if (to == nullptr) [[unlikely]] {
    fail(kBadBuffer);
    return 0;
  }
  copy_octets(to, rte_pktmbuf_mtod(frame, const void*), frame->data_len);
  descriptor.store(0, slot.region, frame->data_len);
  return 1;
}

// A descriptor's length is its capacity until the frame is complete, so that nothing has to be undone
// when the ring turns out to be too full.
std::uint16_t MemifLink::write_chain(const rte_mbuf* frame, std::uint16_t available) noexcept {
  struct Piece {
    std::uint16_t region;
    std::uint32_t length;
  };
  std::array<Piece, kMaxSlots> pieces;
  const std::uint16_t limit = std::min(available, kMaxSlots);
  std::uint16_t used = 0;
  std::uint8_t* to = nullptr;
  std::uint32_t room = 0;
  for (const rte_mbuf* segment = frame; segment != nullptr; segment = segment->next) {
    const auto* from = rte_pktmbuf_mtod(segment, const std::uint8_t*);
    std::uint32_t octets = segment->data_len;
    while (octets > 0) {
      if (room == 0) {
        if (used == limit) return 0;
        const memif::Slot slot = tx_.at(static_cast<std::uint16_t>(tx_.next + used)).load();
        to = regions_.find(slot.region, slot.offset, slot.length);
        if (to == nullptr) {
          fail(kBadBuffer);
          return 0;
        }
        room = slot.length;
        pieces[used++] = Piece{slot.region, 0};
        continue;
      }
      const std::uint32_t part = std::min(room, octets);
      copy_octets(to, from, part);
      pieces[used - 1U].length += part;
      to += part;
      from += part;
      room -= part;
      octets -= part;
    }
  }
  for (std::uint16_t i = 0; i < used; ++i) {
    const std::uint16_t flags = i + 1U < used ? memif::kSlotNext : std::uint16_t{0};
    tx_.at(static_cast<std::uint16_t>(tx_.next + i))
        .store(flags, pieces[i].region, pieces[i].length);
  }
  return used;
}

void MemifLink::fail(const char* why) noexcept {
  if (failure() != nullptr) return;
  failure_.store(why, std::memory_order_release);
  const std::uint64_t one = 1;  // once per connection: the one system call of a worker here
  (void)!::write(control_event_, &one, sizeof one);
}

}  // namespace weft
