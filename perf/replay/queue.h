// Queues of a replay device: the path that is measured with every system, so that it must be cheap
// and the same for all.
//
//   ReceiveQueue   hands out frames that lie ready in mbufs ("slots") of the application's own pool
//   TransmitQueue  drops what it is sent; a slot's mbuf goes back to its slot, anything else to its
//                  pool
//
// How a frame is handed out again without copying. An application owns what it receives: reference
// count 1, no other owner, so it may write headroom and headers and free it as it likes. Each mbuf
// carries the number of its slot in hash.fdir.hi, which no flag declares valid. Transmit finds the
// slot by it, *checks that this is the slot's mbuf* and marks the slot full; no pool is involved.
// The next receive of that slot rewrites what receive functions write (data_off, lengths, flags,
// hash): the mbuf is as new, wherever tunnel headers were pushed or pulled. A slot whose mbuf has
// not come back when its turn comes (dropped, still queued, cloned) gets a new one from the pool,
// and a copy of its frame; `strange` counts these. A late old one just goes to the pool.
//
// What the application wrote *into* the frame stays there, unless the device was given restore=64
// or restore=128: then so many octets from its start are copied from the pcap each time, which is
// part of the cost of every system. Without it the harness asks for a check after a run (gate.h).
//
// Fewer slots than frames (slots=N) is for traffic of many flows: frames then go round through the
// slots, and their first 64 octets (128, if any frame is longer) are copied each time. So the mbufs
// stay in the second-level cache, as those of a NIC's rings do.
//
// Threads: one worker per queue. A frame may come back on another worker's transmit queue: slots
// have one field that receive writes and one that transmit writes, and generations keep a late
// return from being taken for the current one.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <rte_mbuf.h>

#include "perf/replay/capture.h"
#include "perf/replay/gate.h"

namespace weft::replay {

/// Bits of a slot's name in an mbuf: queue of this process, generation, slot.
inline constexpr unsigned kSlotBits = 20;
inline constexpr unsigned kGenerationBits = 6;
inline constexpr std::uint32_t kMaxSlots = 1U << kSlotBits;
inline constexpr std::uint32_t kMaxQueues = 1U << (32U - kSlotBits - kGenerationBits);
/// Slots of the shortest capture: more frames than a system has in flight at any time.
inline constexpr std::uint32_t kLeastSlots = 512;

/// The mbuf is here while back == out. Otherwise it is on loan.
struct Slot {
  std::atomic<rte_mbuf*> buffer;    // receive writes
  std::atomic<std::uint32_t> out;   // receive writes: name of the current loan
  std::atomic<std::uint32_t> back;  // transmit writes: name of the last loan that came back
};
static_assert(sizeof(Slot) == 16);

/// A frame as it is handed out.
struct alignas(32) Frame {
  std::uint32_t packet_type;  // the first four: an mbuf's rx_descriptor_fields1, 16 octets
  std::uint32_t pkt_len;
  std::uint16_t data_len;
  std::uint16_t vlan_tci;
  std::uint32_t hash;
  std::uint64_t flags;
  const std::uint8_t* octets;
};
static_assert(sizeof(Frame) == 32);

struct ReceiveConfig {
  std::uint16_t port{};
  std::uint32_t slots{};    // 0: one per frame
  std::uint32_t restore{};  // 0, 64 or 128 octets; not 0 when `slots` is not
  std::uint64_t flags{};    // RTE_MBUF_F_RX_* of every frame
};

class ReceiveQueue {
 public:
  using Burst = std::uint16_t (*)(void* queue, rte_mbuf** out, std::uint16_t max);

  /// `device`, `queue`: its place in the gate.
  ReceiveQueue(rte_mempool* pool, Gate& gate, unsigned device, unsigned queue);
  ReceiveQueue(const ReceiveQueue&) = delete;
  ReceiveQueue& operator=(const ReceiveQueue&) = delete;
  ~ReceiveQueue();

  /// Fills the slots. A sentence if it can not; nothing is left behind then. No frames: never
  /// receives.
  [[nodiscard]] std::string start(
      const std::vector<const Captured*>& frames, const ReceiveConfig& config
  );
  /// Frees the frames that lie in the slots; the others are still their owners'.
  void stop() noexcept;

  /// The function for `restore`.
  [[nodiscard]] static Burst burst_function(std::uint32_t restore) noexcept;

  /// Transmit: takes `mbuf` back if it is on loan from a slot. Any thread.
  [[nodiscard]] static bool take_back(rte_mbuf* mbuf) noexcept;

 private:
  template <std::uint32_t kRestore>
  static std::uint16_t receive(void* queue, rte_mbuf** out, std::uint16_t max) noexcept;
  [[nodiscard]] rte_mbuf* refill(Slot& slot, const Frame& frame) noexcept;
  std::string make_frames(const std::vector<const Captured*>& frames, const ReceiveConfig& config);
  std::string fill_slots();
  [[nodiscard]] std::uint16_t rest() noexcept;
  void check() noexcept;
  void count(std::uint32_t frames, std::uint64_t octets) noexcept;
  void log_chunk() noexcept;

  // Read and written per burst.
  Slot* slots_{};
  const Frame* frames_{};
  std::uint32_t slot_count_{};
  std::uint32_t frame_count_{};
  std::uint32_t next_slot_{};
  std::uint32_t next_frame_{};
  std::uint64_t rearm_{};  // data_off, reference count, segments and port of a fresh mbuf
  GateHeader& gate_;
  GateCounters& counters_;
  std::uint32_t run_bit_;
  std::uint32_t chunk_bursts_{};  // since the last entry of the log
  std::uint64_t chunk_frames_{};  // counters_.frames then
  std::uint64_t chunk_start_{};   // and the time; 0: there was no frame yet
  GateLog* log_;                  // nullptr: another queue writes it

  rte_mempool* pool_;
  std::uint32_t id_;
  std::uint32_t restore_{};
  bool is_fixed_{};         // every slot has a frame of its own
  std::uint8_t* octets_{};  // of all frames
};

class TransmitQueue {
 public:
  TransmitQueue(GateHeader& header, GateCounters& counters, GateSample& sample)
      : header_{header}, counters_{counters}, sample_{sample} {}
  static std::uint16_t send(void* queue, rte_mbuf** frames, std::uint16_t count) noexcept;

 private:
  void keep(const rte_mbuf* frame, std::uint32_t wanted) noexcept;

  GateHeader& header_;
  GateCounters& counters_;
  GateSample& sample_;
};

}  // namespace weft::replay
