// measure_packets: what one packet costs, as a Google Benchmark.
//
//   void parse(benchmark::State& state) {
//     ...
//     measure_packets(state, [&] { benchmark::DoNotOptimize(work(next_frame())); });
//   }
//
// Reports time stamp counter cycles (cyc/pkt) and nanoseconds (ns/pkt) per packet of the *best* batch of
// 256 packets: a batch takes microseconds, so some run undisturbed even on a busy machine, where
// the Time column, a mean over everything, says little. The loop itself costs about a cycle. The packet
// path may not allocate: packet_meter.cc counts, and a benchmark that allocates is failed.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include <benchmark/benchmark.h>
#include <x86intrin.h>

namespace weft::perf {

/// Calls of operator new by this program (packet_meter.cc).
extern std::uint64_t allocation_count;

inline constexpr int kBatch = 256;

/// Calls work() once per packet.
template <typename Work>
void measure_packets(benchmark::State& state, Work work) {
  using Clock = std::chrono::steady_clock;
  std::uint64_t best_ticks = ~std::uint64_t{0};
  std::uint64_t allocations = 0;
  const Clock::time_point start_time = Clock::now();
  const std::uint64_t start_ticks = __rdtsc();
  while (state.KeepRunningBatch(kBatch)) {
    const std::uint64_t allocations_before = allocation_count;
    const std::uint64_t before = __rdtsc();
    for (int i = 0; i < kBatch; ++i) work();
    best_ticks = std::min<std::uint64_t>(best_ticks, __rdtsc() - before);
    allocations += allocation_count - allocations_before;
  }
  const double ticks = static_cast<double>(__rdtsc() - start_ticks);
  const std::chrono::duration<double, std::nano> time = Clock::now() - start_time;
  const double cycles = static_cast<double>(best_ticks) / kBatch;
  state.counters["cyc/pkt"] = cycles;
  state.counters["ns/pkt"] = cycles * time.count() / ticks;
  if (allocations != 0) state.SkipWithError("allocates on the packet path");
}

}  // namespace weft::perf
