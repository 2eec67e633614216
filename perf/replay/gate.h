// Gate: the file through which a harness starts, stops and meters replay devices.
//
//   Result: a shared mapping of kGateOctets, the same for all devices of one process. The harness creates
//   it, writes `run` and reads the counters; the devices' queues poll `run` once per burst and add
//   to their own line of counters. So every system is measured by the same meter, and starting or
//   stopping traffic costs no restart.
//
// Layout (little-endian, perf/peer/gate.py reads it): 64 octets of GateHeader, a grid of 64-octet
// GateCounters [device 0-7][queue 0-15][0 received, 1 sent], a GateSample and a GateLog for each
// device.
//
// Threads: each GateCounters has one writer, the worker that polls that queue. GateHeader: the
// harness writes, workers read. A GateSample is written by the worker that claims it, a GateLog by the
// one that polls the device's first queue.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

namespace weft::replay {

inline constexpr std::uint64_t kGateMagic = 0x3145544147544657;  // "WFTGATE1"
inline constexpr unsigned kGateDevices = 8;
inline constexpr unsigned kGateQueues = 16;

struct alignas(64) GateHeader {
  std::uint64_t magic;
  std::atomic<std::uint32_t> run;     // 0: nothing is received
  std::atomic<std::uint32_t> check;   // raised by one: compare what lies in the slots with the pcap
  std::atomic<std::uint32_t> sample;  // raised by one: keep the next frame that each device is sent
};
static_assert(sizeof(GateHeader) == 64);

/// Counts since the device was made.
struct alignas(64) GateCounters {
  std::atomic<std::uint64_t> frames;
  std::atomic<std::uint64_t> octets;
  std::atomic<std::uint64_t> bursts;  // that had frames
  std::atomic<std::uint64_t>
      strange;  // received: slots refilled by copying; sent: frames that went
                // to their pool, because they were not replayed ones
  std::atomic<std::uint64_t> no_mbuf;  // received: bursts cut short by an empty pool
  std::atomic<std::uint64_t> altered;  // received: at the last check, frames unlike the pcap's
  std::atomic<std::uint64_t> checked;  // received: at the last check, frames compared
  std::atomic<std::uint32_t> check;    // received: the check that this is about
  std::uint32_t reserved;
};
static_assert(sizeof(GateCounters) == 64);

/// A frame as it was sent, to look whether it is what it should be.
struct alignas(64) GateSample {
  std::atomic<std::uint32_t> claimed;  // the request that a worker is answering
  std::atomic<std::uint32_t> number;   // the request that the rest answers
  std::uint32_t pkt_len;
  std::uint8_t octets[244];  // the first ones
};
static_assert(sizeof(GateSample) == 256);

/// What frames cost, chunk by chunk: time stamps from one to the next, divided by the frames between.
/// The median of many is what a frame costs while nothing else has the core, which a sum never says
/// on a machine that does other things.
inline constexpr std::uint32_t kLoggedChunks = 4096;
inline constexpr std::uint32_t kChunkBursts = 16;
inline constexpr std::uint32_t kChunkUnit = 16;  // of a cycle
struct alignas(64) GateLog {
  alignas(64) std::atomic<std::uint64_t> count;  // ever written; the next is count % kLoggedChunks
  alignas(64) std::atomic<std::uint32_t> cycles[kLoggedChunks];  // per frame, in 1/kChunkUnit
};
static_assert(sizeof(GateLog) == 4 * kLoggedChunks + 64);

struct Gate {
  GateHeader header;
  GateCounters counters[kGateDevices][kGateQueues][2];
  GateSample samples[kGateDevices];
  GateLog logs[kGateDevices];
};
inline constexpr std::size_t kGateOctets = sizeof(Gate);

/// Adds to a counter that only the caller writes.
inline void add(std::atomic<std::uint64_t>& counter, std::uint64_t n) noexcept {
  counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

/// The mapping of `path`, shared by all devices that name it and kept until the process ends. An
/// empty path: a gate of the process's own that is always open. nullptr with a sentence in `error`
/// when the file is not a gate.
[[nodiscard]] Gate* open_gate(const std::string& path, std::string& error);

}  // namespace weft::replay
