// Counters with one writer: the worker adds with a relaxed load and store (no locked instruction),
// control reads with relaxed loads and sums over workers.
//
// The conservation law, checked by every functional test (`stats.get` returns its terms):
//
//   rx + cloned + segmented + injected = tx + Σ drops + coalesced + punted + in flight
//
// rx: frames received from ports; cloned: extra copies made by replication; segmented: extra frames
// made by cutting a large segment; injected: frames that control gave to a worker to send; tx:
// frames that a port took; coalesced: frames merged into another one; punted: frames given to
// control; in flight: frames in handoff rings, egress schedulers, staged or in control's rings. An ARP or ICMP answer
// made *in place* of its request is that request's tx; an ICMP error made beside a dropped packet
// counts as injected.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "dataplane/base/drop_reason.h"
#include "dataplane/base/ids.h"

namespace weft {

/// A relaxed counter with exactly one writing thread.
class Counter {
 public:
  void add(std::uint64_t n) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  /// Of a gauge.
  void take(std::uint64_t n) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) - n, std::memory_order_relaxed);
  }
  void set(std::uint64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
  void raise_to(std::uint64_t value) noexcept {
    if (value > value_.load(std::memory_order_relaxed)) set(value);
  }
  [[nodiscard]] std::uint64_t get() const noexcept {
    return value_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t> value_{0};
};

struct DropCounters {
  std::array<Counter, kDropReasonCount> by_reason;
  void add(DropReason reason, std::uint64_t n = 1) noexcept {
    by_reason[static_cast<std::size_t>(reason)].add(n);
  }
  [[nodiscard]] std::uint64_t get(DropReason reason) const noexcept {
    return by_reason[static_cast<std::size_t>(reason)].get();
  }
};

/// Per port; owner worker: w, control: r. rx/tx seen from the switch: rx = sent by the container.
struct alignas(kCacheLine) PortCounters {
  Counter rx_packets;
  Counter rx_octets;
  Counter tx_packets;
  Counter tx_octets;
  DropCounters
      drops;  // of frames received from or staged to this port, as far as its owner drops them
};

/// Per worker; the worker: w, control: r.
struct alignas(kCacheLine) WorkerCounters {
  Counter rx;
  Counter tx;
  Counter cloned;
  Counter segmented;
  Counter injected;
  Counter coalesced;
  Counter punted;
  Counter handed_over;  // pushed to another worker's ring
  Counter taken_over;   // popped from other workers' rings
  Counter encapsulated;
  Counter decapsulated;
  Counter suppressed;       // ARP and ND answered locally
  Counter too_big_answers;  // ICMP fragmentation needed and ICMPv6 packet too big sent
  DropCounters drops;
  Counter queued;  // in egress schedulers now

  Counter iterations;
  Counter idle_iterations;
  Counter busy_cycles;
  Counter idle_cycles;
  Counter longest_iteration;  // cycles of one loop iteration, sleeping excluded
};

/// Every Counter of WorkerCounters but the drops.
inline constexpr std::array kWorkerCounterFields{
    &WorkerCounters::rx,
    &WorkerCounters::tx,
    &WorkerCounters::cloned,
    &WorkerCounters::segmented,
    &WorkerCounters::injected,
    &WorkerCounters::coalesced,
    &WorkerCounters::punted,
    &WorkerCounters::handed_over,
    &WorkerCounters::taken_over,
    &WorkerCounters::encapsulated,
    &WorkerCounters::decapsulated,
    &WorkerCounters::suppressed,
    &WorkerCounters::too_big_answers,
    &WorkerCounters::iterations,
    &WorkerCounters::idle_iterations,
    &WorkerCounters::busy_cycles,
    &WorkerCounters::idle_cycles,
    &WorkerCounters::longest_iteration,
};

/// Copies value by value. `to` has one writer: the caller.
inline void copy(const DropCounters& from, DropCounters& to) noexcept {
  for (std::size_t i = 0; i < kDropReasonCount; ++i) to.by_reason[i].set(from.by_reason[i].get());
}
inline void copy(const WorkerCounters& from, WorkerCounters& to) noexcept {
  for (Counter WorkerCounters::*field : kWorkerCounterFields) (to.*field).set((from.*field).get());
  to.queued.set(from.queued.get());
  copy(from.drops, to.drops);
}

}  // namespace weft
