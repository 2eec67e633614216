// Readings: counters as plain numbers at one moment, so that they can be subtracted.
//
// The workers' counters have one writer, the worker: control never clears them. `stats.clear` takes
// a reading instead, and later answers are relative to it. A reading lives beside the object that
// it was taken of (runtime.h), so a port opened later under the same name or index starts at zero.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "dataplane/base/drop_reason.h"
#include "dataplane/port/counters.h"

namespace weft::control {

using DropNumbers = std::array<std::uint64_t, kDropReasonCount>;

struct PortReading {
  std::uint64_t rx_packets{};
  std::uint64_t rx_octets{};
  std::uint64_t tx_packets{};
  std::uint64_t tx_octets{};
  DropNumbers drops{};

  PortReading& operator+=(const PortReading& other) noexcept;
  PortReading& operator-=(const PortReading& other) noexcept;
  friend bool operator==(const PortReading&, const PortReading&) = default;
};

struct WorkerReading {
  /// In the order of kWorkerCounterFields.
  std::array<std::uint64_t, kWorkerCounterFields.size()> values{};
  DropNumbers drops{};

  /// The value of one counter: reading.of(&WorkerCounters::rx).
  [[nodiscard]] std::uint64_t of(Counter WorkerCounters::*field) const noexcept;
  [[nodiscard]] std::uint64_t dropped() const noexcept;

  WorkerReading& operator+=(const WorkerReading& other) noexcept;
  WorkerReading& operator-=(const WorkerReading& other) noexcept;
  friend bool operator==(const WorkerReading&, const WorkerReading&) = default;
};

[[nodiscard]] PortReading read(const PortCounters& counters) noexcept;
[[nodiscard]] WorkerReading read(const WorkerCounters& counters) noexcept;

}  // namespace weft::control
