// WorkerTables: what one worker remembers about flows, rules and meters between packets.
//
// Fixed memory, made before the worker's thread starts and reserved lazily: a page that no rule or meter
// uses costs nothing. The worker is the only writer; control reads counters with relaxed loads, and asks the worker
// (messages.h) for flows. An index is the snapshot's: PolicyRule::counter, Snapshot::meters.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "classifier/conntrack.h"
#include "classifier/flow_table.h"
#include "classifier/policer.h"
#include "dataplane/base/ids.h"
#include "dataplane/base/lanes.h"
#include "dataplane/base/result.h"
#include "dataplane/lazy_array.h"
#include "dataplane/port/counters.h"
#include "dataplane/shared_meter.h"

namespace weft {

/// What one rule decided. worker: w, control: r
struct RuleHits {
  Counter packets;
  Counter octets;       // of frames, as the endpoint sees them
  Counter connections;  // judged by it
};

/// One meter of one worker.
struct MeterSlot {
  classifier::Meter meter;  // worker: rw; unused if it is a shared one
  std::array<Counter, classifier::kColourCount> packets;  // worker: w, control: r
  std::array<Counter, classifier::kColourCount> octets;
  void count(classifier::Colour colour, std::uint64_t size) noexcept {
    packets[static_cast<std::size_t>(colour)].add(1);
    octets[static_cast<std::size_t>(colour)].add(size);
  }
};

struct TableSizes {
  std::uint32_t flows = 1U << 18U;      // connections tracked at once, about 100 octets each
  std::uint32_t endpoints = 1U << 20U;  // owners of flows
  std::uint32_t rule_counters = 1U << 20U;
  std::uint32_t meters = 1U << 16U;
};

/// By index, TableSizes::meters of them: the meters of tenants and rules when there are several workers. They belong to
/// all workers and outlive them.
using SharedMeters = LazyArray<SharedMeter>;

class WorkerTables {
 public:
  /// An Error names what did not fit into memory.
  /// `seed`: random, secret (FlowTableConfig). `shared_meters`: nullptr if there is one worker.
  [[nodiscard]] static Result<std::unique_ptr<WorkerTables>> make(
      const TableSizes& sizes, std::uint64_t seed, SharedMeters* shared_meters = nullptr
  );

  /// Precondition: below TableSizes::rule_counters.
  [[nodiscard]] RuleHits& hits(std::uint32_t counter) noexcept { return hits_[counter]; }
  [[nodiscard]] const RuleHits& hits(std::uint32_t counter) const noexcept {
    return hits_[counter];
  }
  /// Precondition: below TableSizes::meters.
  [[nodiscard]] MeterSlot& meter(std::uint16_t index) noexcept { return meters_[index]; }
  [[nodiscard]] const MeterSlot& meter(std::uint16_t index) const noexcept {
    return meters_[index];
  }
  /// nullptr: this worker is the only one. Precondition: below TableSizes::meters.
  [[nodiscard]] SharedMeter* shared_meter(std::uint16_t index) noexcept {
    return shared_meters_ != nullptr ? &(*shared_meters_)[index] : nullptr;
  }
  [[nodiscard]] const TableSizes& sizes() const noexcept { return sizes_; }

  /// The burst in hand, as stage_flow looks it up.
  struct FlowScratch {
    std::array<classifier::ConnectionKey, kMaxBurst> keys;
    std::array<std::uint64_t, kMaxBurst> hashes{};
    std::array<classifier::FlowEntry*, kMaxBurst> found{};
  };
  FlowScratch scratch;            // worker: rw
  classifier::FlowTable flows;    // worker: rw
  classifier::Timeouts timeouts;  // set before the worker starts

 private:
  WorkerTables(const TableSizes& sizes, classifier::FlowTable table);
  TableSizes sizes_;
  LazyArray<RuleHits> hits_;
  LazyArray<MeterSlot> meters_;
  SharedMeters* shared_meters_{};
};

}  // namespace weft
