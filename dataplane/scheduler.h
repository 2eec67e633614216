// PortScheduler: what leaves a port next, and when. One FIFO for each per-hop behaviour.
//
//   order  queue                            how
//     1    expedited within its cap         strict; the cap is a token bucket, a share of the rate (RFC 3246 s2.2
//                                           wants EF policed, so that it can not starve the others)
//     2    network_control                  strict
//     3    af4 af3 af2 af1 best_effort      deficit round robin: octets in the ratio of the weights
//     4    expedited beyond its cap         when the ones above are empty: capped, not wasted
//     5    lower_effort                     when all others are empty (RFC 8622)
//
// Frames of one queue are never reordered. Before a frame is queued, WRED (wred.h) may refuse it, or mark it
// CE instead if it is ECN-capable; of a tunnel packet the outer header is marked, and decapsulation carries it
// inwards (RFC 6040).
//
// Shaping: a bucket of `burst` octets is filled at `rate`. A frame leaves when the bucket holds its octets and
// overhead, so any interval T sees at most rate * T + burst. A frame larger than the burst leaves when the
// bucket is full and takes it below zero: the rate holds over time. The bucket saves nothing beyond the
// burst: dequeue more often than every burst / rate seconds (next_ready says when). Without a rate everything
// is ready at once and the order is all that the scheduler decides.
//
// Ownership: a frame that enqueue took leaves by dequeue or drain; the destructor frees the rest. Those that
// it refused still belong to the caller. Nothing is read from a queued mbuf: its size is in the slot, so it
// must not change.
//
// Threads: one writer, the port's owner worker; control reads the counters. Construction allocates, nothing
// else does. Memory: 16 octets for each frame of capacity, rounded up to powers of two.
//
//   DropReason reason = scheduler.enqueue(frame, {phb, colour, L3Kind::ipv4, 14}, now);
//   if (reason != DropReason::none) drop(context, frame, reason);
//   const std::uint16_t count = scheduler.dequeue(now, out, max);
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include <rte_mbuf.h>

#include "classifier/qos.h"
#include "dataplane/base/drop_reason.h"
#include "dataplane/base/ids.h"
#include "dataplane/port/counters.h"
#include "dataplane/scheduler_plan.h"
#include "dataplane/wred.h"

namespace weft {

/// How a frame is to be queued, and where its IP header is, for ECN. l3 other or arp: there is none.
struct EgressClass {
  classifier::Phb phb{classifier::Phb::best_effort};
  classifier::Colour colour{classifier::Colour::green};
  L3Kind l3{L3Kind::other};  // of the IP header in front: the outer one of a tunnel packet
  std::uint16_t l3_offset{};
};

/// Of one queue; owner: w, control: r. packets = sent + drained + length.
struct QueueCounters {
  Counter packets;        // that were queued
  Counter octets;         // of those, without overhead
  Counter sent;           // by dequeue
  Counter drained;        // by drain
  Counter dropped_full;   // queue_full
  Counter dropped_early;  // early_drop
  Counter marked;         // CE instead of an early drop; they are queued
  Counter length;         // now
};

class PortScheduler {
 public:
  /// `seed` of the dice that WRED throws, not 0.
  explicit PortScheduler(const SchedulerPlan& plan, std::uint64_t seed = 0x9E3779B97F4A7C15U);
  PortScheduler(const PortScheduler&) = delete;
  PortScheduler& operator=(const PortScheduler&) = delete;
  ~PortScheduler();

  /// Changes rate, weights and WRED, not the capacities; what is queued stays.
  /// Precondition: the plan has the capacities of the first one.
  void adopt(const SchedulerPlan& plan, Tsc now) noexcept;
  [[nodiscard]] std::uint32_t version() const noexcept { return plan_.version; }

  /// none: the scheduler has the frame. queue_full, early_drop: the caller still has it.
  [[nodiscard]] DropReason enqueue(rte_mbuf* frame, EgressClass egress, Tsc now) noexcept;

  /// Up to `max` frames that may leave at `now`, in this order; they belong to the caller.
  [[nodiscard]] std::uint16_t dequeue(Tsc now, rte_mbuf** out, std::uint16_t max) noexcept;

  /// When dequeue will have something: `now` or later; nullopt: not before the next enqueue. Divides: for
  /// who is about to sleep.
  [[nodiscard]] std::optional<Tsc> next_ready(Tsc now) noexcept;

  /// Up to `max` frames whatever the rate, queue by queue: for a port that is closed. 0: all are out.
  [[nodiscard]] std::uint16_t drain(rte_mbuf** out, std::uint16_t max) noexcept;

  [[nodiscard]] std::uint32_t length() const noexcept { return length_; }
  [[nodiscard]] const QueueCounters& counters(classifier::Phb phb) const noexcept {
    return counters_[static_cast<std::size_t>(phb)];
  }

 private:
  struct Slot {
    rte_mbuf* frame;
    std::uint32_t octets;
  };
  /// `count` frames from slots[head & mask] on.
  struct Queue {
    Slot* slots{};
    std::uint32_t mask{};
    std::uint32_t head{};
    std::uint32_t count{};
    std::int32_t deficit{};
    AverageLength average;
    std::uint64_t empty_since{};  // ticks; while count is 0
  };
  struct Bucket {
    std::int64_t tokens{};
    std::uint64_t remainder{};
    void restart(const SchedulerPlan::Shaper& shaper) noexcept;
    void fill(const SchedulerPlan::Shaper& shaper, std::uint64_t elapsed) noexcept;
    [[nodiscard]] std::int64_t missing(const SchedulerPlan::Shaper& shaper, std::int64_t octets)
        const noexcept;
  };

  [[nodiscard]] bool has(std::size_t i) const noexcept { return (backlog_ >> i & 1U) != 0; }
  [[nodiscard]] std::int64_t head_cost(std::size_t i) const noexcept;
  [[nodiscard]] bool is_expedited_within_cap() const noexcept;
  [[nodiscard]] std::size_t select() noexcept;
  [[nodiscard]] std::size_t select_weighted() noexcept;
  [[nodiscard]] Wred::Advice advice(std::size_t i, classifier::Colour colour, Tsc now) noexcept;
  [[nodiscard]] rte_mbuf* pop(std::size_t i, std::uint64_t now) noexcept;
  void advance(Tsc now) noexcept;
  [[nodiscard]] std::uint32_t roll() noexcept;

  SchedulerPlan plan_;
  std::array<Queue, classifier::kPhbCount> queues_{};
  Bucket port_;
  Bucket expedited_;
  std::uint64_t last_{};  // ticks up to which the buckets are filled
  bool is_started_{};     // last_ means something
  std::uint64_t random_;
  std::uint32_t length_{};               // frames in all queues
  std::uint32_t backlog_{};              // bit i: queue i holds frames
  std::size_t cursor_ = kFirstWeighted;  // of the round robin
  bool has_quantum_{};                   // the queue at the cursor got its quantum of this round
  std::unique_ptr<Slot[]> slots_;
  std::array<QueueCounters, classifier::kPhbCount> counters_;
};

}  // namespace weft
