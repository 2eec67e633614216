#include "control/readings.h"

#include <numeric>

namespace weft::control {
namespace {

DropNumbers read_drops(const DropCounters& counters) noexcept {
  DropNumbers numbers{};
  for (std::size_t i = 0; i < kDropReasonCount; ++i) numbers[i] = counters.by_reason[i].get();
  return numbers;
}

template <typename Numbers>
void add(Numbers& to, const Numbers& from) noexcept {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += from[i];
}

template <typename Numbers>
void subtract(Numbers& to, const Numbers& from) noexcept {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] -= from[i];
}

}  // namespace

PortReading& PortReading::operator+=(const PortReading& other) noexcept {
  rx_packets += other.rx_packets;
  rx_octets += other.rx_octets;
  tx_packets += other.tx_packets;
  tx_octets += other.tx_octets;
  add(drops, other.drops);
  return *this;
}

PortReading& PortReading::operator-=(const PortReading& other) noexcept {
  rx_packets -= other.rx_packets;
  rx_octets -= other.rx_octets;
  tx_packets -= other.tx_packets;
  tx_octets -= other.tx_octets;
  subtract(drops, other.drops);
  return *this;
}

std::uint64_t WorkerReading::of(Counter WorkerCounters::*field) const noexcept {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (kWorkerCounterFields[i] == field) return values[i];
  }
  return 0;
}

std::uint64_t WorkerReading::dropped() const noexcept {
  return std::accumulate(drops.begin(), drops.end(), std::uint64_t{0});
}

WorkerReading& WorkerReading::operator+=(const WorkerReading& other) noexcept {
  add(values, other.values);
  add(drops, other.drops);
  return *this;
}

WorkerReading& WorkerReading::operator-=(const WorkerReading& other) noexcept {
  subtract(values, other.values);
  subtract(drops, other.drops);
  return *this;
}

PortReading read(const PortCounters& counters) noexcept {
  return PortReading{
      counters.rx_packets.get(),
      counters.rx_octets.get(),
      counters.tx_packets.get(),
      counters.tx_octets.get(),
      read_drops(counters.drops),
  };
}

WorkerReading read(const WorkerCounters& counters) noexcept {
  WorkerReading reading;
  for (std::size_t i = 0; i < reading.values.size(); ++i) {
    reading.values[i] = (counters.*kWorkerCounterFields[i]).get();
  }
  reading.drops = read_drops(counters.drops);
  return reading;
}

}  // namespace weft::control
