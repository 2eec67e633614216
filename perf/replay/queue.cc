#include "perf/replay/queue.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_prefetch.h>
#include <sys/mman.h>

namespace weft::replay {
namespace {

constexpr std::uint32_t kPrefetchAhead = 8;
constexpr std::uint32_t kMaxBurst = 256;
constexpr std::uint32_t kLine = 64;
constexpr std::uint32_t kSlotMask = kMaxSlots - 1;
constexpr std::uint32_t kOneGeneration = 1U << kSlotBits;
constexpr std::uint32_t kGenerationMask = ((1U << kGenerationBits) - 1U) << kSlotBits;
constexpr unsigned kQueueShift = kSlotBits + kGenerationBits;

/// Where names of slots lead. `count` 0: no such queue.
struct Loans {
  std::atomic<Slot*> slots;
  std::atomic<std::uint32_t> count;
  bool is_taken;
};
std::array<Loans, kMaxQueues> g_loans;

std::uint32_t next_name(std::uint32_t name) noexcept {
  return (name & ~kGenerationMask) | ((name + kOneGeneration) & kGenerationMask);
}

/// One owner, one segment, its own buffer; and not allocated anew since it was received.
bool is_plain(const rte_mbuf* mbuf) noexcept {
  constexpr std::uint64_t kForeignBuffer = RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;
  return mbuf->nb_segs == 1 && mbuf->refcnt == 1 && mbuf->port != RTE_MBUF_PORT_INVALID &&
         (mbuf->ol_flags & kForeignBuffer) == 0;
}

template <std::uint32_t kOctets>
void copy_lines(std::uint8_t* to, const std::uint8_t* from) noexcept {
  std::memcpy(to, from, kOctets);  // a constant: inlined
}

std::uint8_t* start_of(const rte_mbuf* mbuf) noexcept {
  return static_cast<std::uint8_t*>(mbuf->buf_addr) + RTE_PKTMBUF_HEADROOM;
}

template <typename T>
T peek(const std::atomic<T>& field) noexcept {
  return field.load(std::memory_order_relaxed);
}

bool is_home(const Slot& slot) noexcept {
  return slot.back.load(std::memory_order_acquire) == peek(slot.out);
}

/// Zeroed, of ordinary memory: hugepages are for the systems' buffers, and this is read in order.
template <typename T>
T* allocate(std::size_t count) {
  constexpr std::size_t kLargePage = std::size_t{2} << 20U;
  const std::size_t size = RTE_ALIGN_CEIL(count * sizeof(T), kLargePage);
  void* const memory = std::aligned_alloc(kLargePage, size);
  if (memory == nullptr) return nullptr;
  ::madvise(memory, size, MADV_HUGEPAGE);
  return static_cast<T*>(std::memset(memory, 0, size));
}

}  // namespace

// -- receiving ------------------------------------------------------------------------------------

template <std::uint32_t kRestore>
std::uint16_t ReceiveQueue::receive(void* opaque, rte_mbuf** out, std::uint16_t max) noexcept {
  ReceiveQueue& queue = *static_cast<ReceiveQueue*>(opaque);
  const std::uint32_t run = queue.gate_.run.load(std::memory_order_relaxed);
  if ((run & queue.run_bit_) == 0) [[unlikely]] {
    return queue.rest();
  }
  const std::uint32_t wanted = std::min<std::uint32_t>({max, kMaxBurst, queue.slot_count_});
  std::uint32_t at_slot = queue.next_slot_;
  std::uint32_t at_frame = queue.next_frame_;
  std::uint64_t octets = 0;
  std::uint32_t count = 0;
  for (; count < wanted; ++count) {
    Slot& slot = queue.slots_[at_slot];
    const Frame& frame = queue.frames_[at_frame];
    // Both arrays repeat their start behind their end.
    rte_prefetch0(peek(queue.slots_[at_slot + kPrefetchAhead].buffer));
    if constexpr (kRestore != 0) rte_prefetch0(queue.frames_[at_frame + kPrefetchAhead].octets);
    rte_mbuf* mbuf = peek(slot.buffer);
    const std::uint32_t last = peek(slot.out);
    if (slot.back.load(std::memory_order_acquire) != last) [[unlikely]] {
      mbuf = queue.refill(slot, frame);
      if (mbuf == nullptr) break;
    }
    if constexpr (kRestore != 0) copy_lines<kRestore>(start_of(mbuf), frame.octets);
    const std::uint32_t name = next_name(last);
    slot.out.store(name, std::memory_order_relaxed);
    std::memcpy(&mbuf->rearm_data, &queue.rearm_, sizeof queue.rearm_);
    mbuf->ol_flags = frame.flags;
    std::memcpy(&mbuf->rx_descriptor_fields1, &frame, 16);
    mbuf->hash.fdir.hi = name;
    octets += frame.pkt_len;
    out[count] = mbuf;
    if (++at_slot == queue.slot_count_) at_slot = 0;
    if (++at_frame == queue.frame_count_) at_frame = 0;
  }
  queue.next_slot_ = at_slot;
  queue.next_frame_ = at_frame;
  if (count != 0) [[likely]]
    queue.count(count, octets);
  return static_cast<std::uint16_t>(count);
}

inline void ReceiveQueue::count(std::uint32_t frames, std::uint64_t octets) noexcept {
  add(counters_.frames, frames);
  add(counters_.octets, octets);
  add(counters_.bursts, 1);
  if (++chunk_bursts_ >= kChunkBursts) [[unlikely]]
    log_chunk();
}

void ReceiveQueue::log_chunk() noexcept {
  const std::uint64_t now = rte_rdtsc();
  const std::uint64_t frames = peek(counters_.frames);
  if (log_ != nullptr && chunk_start_ != 0) {
    const std::uint64_t each = (now - chunk_start_) * kChunkUnit / (frames - chunk_frames_);
    const std::uint64_t count = peek(log_->count);
    const auto entry = static_cast<std::uint32_t>(std::min<std::uint64_t>(each, UINT32_MAX));
    log_->cycles[count % kLoggedChunks].store(entry, std::memory_order_relaxed);
    log_->count.store(count + 1, std::memory_order_release);
  }
  chunk_start_ = now;
  chunk_frames_ = frames;
  chunk_bursts_ = 0;
}

ReceiveQueue::Burst ReceiveQueue::burst_function(std::uint32_t restore) noexcept {
  if (restore == 0) return receive<0>;
  return restore == 64 ? Burst{receive<64>} : Burst{receive<128>};
}

/// The slot's mbuf is not there: another one takes its place.
rte_mbuf* ReceiveQueue::refill(Slot& slot, const Frame& frame) noexcept {
  rte_mbuf* const mbuf = rte_pktmbuf_alloc(pool_);
  if (mbuf == nullptr) {
    add(counters_.no_mbuf, 1);
    return nullptr;
  }
  std::memcpy(start_of(mbuf), frame.octets, frame.data_len);
  slot.buffer.store(mbuf, std::memory_order_relaxed);
  add(counters_.strange, 1);
  return mbuf;
}

/// Nothing is to be received now: the time for checks.
std::uint16_t ReceiveQueue::rest() noexcept {
  chunk_start_ = 0;
  chunk_bursts_ = 0;
  const std::uint32_t wanted = gate_.check.load(std::memory_order_acquire);
  if (wanted != counters_.check.load(std::memory_order_relaxed)) {
    check();
    counters_.check.store(wanted, std::memory_order_release);
  }
  return 0;
}

void ReceiveQueue::check() noexcept {
  std::uint64_t checked = 0;
  std::uint64_t altered = 0;
  for (std::uint32_t i = 0; is_fixed_ && i < slot_count_; ++i) {
    const Slot& slot = slots_[i];
    if (!is_home(slot)) continue;
    const Frame& frame = frames_[i % frame_count_];
    ++checked;
    altered +=
        std::memcmp(start_of(peek(slot.buffer)), frame.octets, frame.data_len) != 0 ? 1U : 0U;
  }
  counters_.checked.store(checked, std::memory_order_relaxed);
  counters_.altered.store(altered, std::memory_order_relaxed);
}

// -- sending --------------------------------------------------------------------------------------

bool ReceiveQueue::take_back(rte_mbuf* mbuf) noexcept {
  const std::uint32_t name = mbuf->hash.fdir.hi;
  const std::uint32_t index = name & kSlotMask;
  const Loans& loans = g_loans[name >> kQueueShift];
  if (index >= loans.count.load(std::memory_order_relaxed) || !is_plain(mbuf)) return false;
  Slot& slot = loans.slots.load(std::memory_order_relaxed)[index];
  if (peek(slot.buffer) != mbuf || peek(slot.out) != name) return false;
  slot.back.store(name, std::memory_order_release);
  return true;
}

std::uint16_t TransmitQueue::send(void* opaque, rte_mbuf** frames, std::uint16_t count) noexcept {
  if (count == 0) return 0;
  TransmitQueue& queue = *static_cast<TransmitQueue*>(opaque);
  const std::uint32_t sample = queue.header_.sample.load(std::memory_order_relaxed);
  if (peek(queue.sample_.claimed) != sample) [[unlikely]]
    queue.keep(frames[0], sample);
  std::uint64_t octets = 0;
  std::uint64_t strange = 0;
  for (std::uint16_t i = 0; i < count; ++i) {
    rte_mbuf* mbuf = frames[i];
    octets += mbuf->pkt_len;
    if (ReceiveQueue::take_back(mbuf)) [[likely]]
      continue;
    ++strange;
    // Of a chain, an mbuf of headers in front of a replayed frame say, some segments may be ours.
    while (mbuf != nullptr) {
      rte_mbuf* const next = mbuf->next;
      if (rte_mbuf_refcnt_read(mbuf) == 1) {
        mbuf->next = nullptr;
        mbuf->nb_segs = 1;
      }
      if (!ReceiveQueue::take_back(mbuf)) rte_pktmbuf_free_seg(mbuf);
      mbuf = next;
    }
  }
  GateCounters& counters = queue.counters_;
  add(counters.frames, count);
  add(counters.octets, octets);
  add(counters.bursts, 1);
  if (strange != 0) add(counters.strange, strange);
  return count;
}

void TransmitQueue::keep(const rte_mbuf* frame, std::uint32_t wanted) noexcept {
  if (sample_.claimed.exchange(wanted) == wanted) return;  // another queue was first
  const auto size = std::min<std::uint32_t>(frame->pkt_len, sizeof sample_.octets);
  const void* const octets = rte_pktmbuf_read(frame, 0, size, sample_.octets);
  if (octets != sample_.octets) std::memcpy(sample_.octets, octets, size);
  sample_.pkt_len = frame->pkt_len;
  sample_.number.store(wanted, std::memory_order_release);
}

// -- starting and stopping ------------------------------------------------------------------------

ReceiveQueue::ReceiveQueue(rte_mempool* pool, Gate& gate, unsigned device, unsigned queue)
    : gate_{gate.header},
      counters_{gate.counters[device][queue][0]},
      run_bit_{1U << device},
      log_{queue == 0 ? &gate.logs[device] : nullptr},
      pool_{pool},
      id_{kMaxQueues} {
  for (std::uint32_t i = 0; i < kMaxQueues && id_ == kMaxQueues; ++i) {
    if (!g_loans[i].is_taken) id_ = i;
  }
  if (id_ != kMaxQueues) g_loans[id_].is_taken = true;
}

ReceiveQueue::~ReceiveQueue() {
  stop();
  if (id_ != kMaxQueues) g_loans[id_].is_taken = false;
}

std::string ReceiveQueue::start(
    const std::vector<const Captured*>& captured, const ReceiveConfig& config
) {
  if (captured.empty()) return {};
  if (id_ == kMaxQueues)
    return "this process has " + std::to_string(kMaxQueues) + " queues already";
  std::string error = make_frames(captured, config);
  if (error.empty()) error = fill_slots();
  if (!error.empty()) stop();
  return error;
}

std::string ReceiveQueue::make_frames(
    const std::vector<const Captured*>& captured, const ReceiveConfig& config
) {
  frame_count_ = static_cast<std::uint32_t>(captured.size());
  const std::uint32_t repeated = (kLeastSlots + frame_count_ - 1) / frame_count_ * frame_count_;
  slot_count_ = config.slots == 0 ? repeated : std::max(config.slots, kLeastSlots);
  if (slot_count_ > kMaxSlots) {
    return std::to_string(frame_count_) + " frames are above the limit " +
           std::to_string(kMaxSlots) + ": use slots=N";
  }
  restore_ = config.restore;
  is_fixed_ = config.slots == 0;

  const std::uint32_t room = rte_pktmbuf_data_room_size(pool_) - RTE_PKTMBUF_HEADROOM;
  const auto stored = [this](const Captured& frame) {
    return RTE_ALIGN_CEIL(std::max<std::size_t>(frame.octets.size(), restore_), kLine);
  };
  std::size_t all = 0;
  for (const Captured* frame : captured) {
    if (frame->octets.size() > room) {
      return "a frame of " + std::to_string(frame->octets.size()) +
             " octets does not fit the packet buffers of " + std::to_string(room);
    }
    all += stored(*frame);
  }
  auto* const frames = allocate<Frame>(frame_count_ + kPrefetchAhead);
  frames_ = frames;
  octets_ = allocate<std::uint8_t>(all);
  slots_ = allocate<Slot>(slot_count_ + kPrefetchAhead);
  if (octets_ == nullptr || frames == nullptr || slots_ == nullptr) {
    const std::size_t wanted = all + frame_count_ * sizeof(Frame) + slot_count_ * sizeof(Slot);
    return "no memory for " + std::to_string(wanted / 1024) + " KiB of frames";
  }
  std::uint8_t* octets = octets_;
  for (std::uint32_t i = 0; i < frame_count_; ++i) {
    const Captured& from = *captured[i];
    const auto size = static_cast<std::uint16_t>(from.octets.size());
    std::memcpy(octets, from.octets.data(), size);
    frames[i] = Frame{from.packet_type, size, size, 0, from.hash, config.flags, octets};
    octets += stored(from);
  }
  for (std::uint32_t i = 0; i < kPrefetchAhead; ++i) {
    frames[frame_count_ + i] = frames[i % frame_count_];
  }
  rte_mbuf fresh{};
  fresh.data_off = RTE_PKTMBUF_HEADROOM;
  fresh.refcnt = 1;
  fresh.nb_segs = 1;
  fresh.port = config.port;
  std::memcpy(&rearm_, &fresh.rearm_data, sizeof rearm_);
  return {};
}

std::string ReceiveQueue::fill_slots() {
  for (std::uint32_t i = 0; i < slot_count_; ++i) {
    Slot& slot = slots_[i];
    const std::uint32_t name = id_ << kQueueShift | i;
    rte_mbuf* const mbuf = rte_pktmbuf_alloc(pool_);
    if (mbuf == nullptr) {
      return "the pool " + std::string{pool_->name} + " has only " + std::to_string(i) + " of " +
             std::to_string(slot_count_) + " packet buffers: give it more, or use slots=N";
    }
    const Frame& frame = frames_[i % frame_count_];
    std::memcpy(start_of(mbuf), frame.octets, frame.data_len);
    slot.buffer.store(mbuf, std::memory_order_relaxed);
    slot.out.store(name, std::memory_order_relaxed);
    slot.back.store(name, std::memory_order_relaxed);
  }
  for (std::uint32_t i = 0; i < kPrefetchAhead; ++i) {
    slots_[slot_count_ + i].buffer.store(peek(slots_[i % slot_count_].buffer));
  }
  next_slot_ = 0;
  next_frame_ = 0;
  g_loans[id_].slots.store(slots_, std::memory_order_release);
  g_loans[id_].count.store(slot_count_, std::memory_order_release);
  return {};
}

void ReceiveQueue::stop() noexcept {
  // From here on nothing is taken back: late frames go to their pool.
  if (id_ != kMaxQueues) g_loans[id_].count.store(0, std::memory_order_release);
  for (std::uint32_t i = 0; slots_ != nullptr && i < slot_count_; ++i) {
    rte_mbuf* const mbuf = peek(slots_[i].buffer);
    if (mbuf != nullptr && is_home(slots_[i])) rte_pktmbuf_free(mbuf);
  }
  slot_count_ = 0;
  frame_count_ = 0;
  std::free(slots_);
  std::free(const_cast<Frame*>(frames_));
  std::free(octets_);
  slots_ = nullptr;
  frames_ = nullptr;
  octets_ = nullptr;
}

}  // namespace weft::replay
