// What an egress scheduler costs per packet: enqueue and dequeue, beside a plain FIFO of mbuf pointers.
//
// Per packet one frame is queued and one is taken, in bursts of 32 and with 64 frames waiting, so that the round
// robin has something to choose from. The same mbufs go round: what is measured is the scheduler, not the pool.
//
//   fifo          push and pop of a ring, nothing else
//   one_class     best effort alone, no rate
//   eight_classes all classes in turn, weights, no rate, no WRED
//   wred          and WRED, below its thresholds
//   shaped        and a rate, high enough to be never empty
#include <array>
#include <vector>

#include <benchmark/benchmark.h>

#include "dataplane/port/testing/packets.h"
#include "dataplane/ring.h"
#include "dataplane/scheduler.h"
#include "perf/packet_meter.h"

namespace weft {
namespace {

using classifier::kPhbCount;
using classifier::kPhbs;
using classifier::Phb;

constexpr std::size_t kBurst = 32;
constexpr std::size_t kWaiting = 64;
constexpr std::uint64_t kHz = 2'600'000'000;

/// Frames of several sizes, and the order in which they are queued.
class Frames {
 public:
  Frames() {
    for (std::size_t i = 0; i < kWaiting + kBurst; ++i) {
      frames_.push_back(wire_test::packet(wire_test::Octets(64 + i * 14)));
    }
  }
  [[nodiscard]] rte_mbuf* operator[](std::size_t i) const { return frames_[i].get(); }

 private:
  std::vector<wire_test::Packet> frames_;
};

/// One burst out and in again per 32 packets. put(frame), take(out, max) -> count.
template <typename Put, typename Take>
void cycle(benchmark::State& state, Put put, Take take) {
  std::array<rte_mbuf*, kBurst> burst{};
  std::size_t at = kBurst;
  perf::measure_packets(state, [&] {
    if (at == kBurst) {
      if (take(burst.data(), kBurst) != kBurst) state.SkipWithError("a frame is missing");
      at = 0;
    }
    put(burst[at++]);
  });
  for (; at < kBurst; ++at) put(burst[at]);
}

void fifo(benchmark::State& state) {
  const Frames frames;
  SpscRing<rte_mbuf*> ring{256};
  for (std::size_t i = 0; i < kWaiting; ++i) benchmark::DoNotOptimize(ring.push(frames[i]));
  cycle(
      state,
      [&](rte_mbuf* frame) { benchmark::DoNotOptimize(ring.push(frame)); },
      [&](rte_mbuf** out, std::size_t max) { return ring.pop_burst(out, max); }
  );
}

void scheduler(benchmark::State& state, const SchedulerConfig& config, std::size_t classes) {
  const Frames frames;
  PortScheduler scheduler{compile(config, 1, kHz)};
  std::size_t turn = 0;
  std::uint64_t now = 1;
  const auto put = [&](rte_mbuf* frame) {
    const Phb phb = classes == 1 ? Phb::best_effort : kPhbs[turn++ % classes];
    const DropReason reason = scheduler.enqueue(frame, {.phb = phb}, Tsc{now});
    if (reason != DropReason::none) state.SkipWithError("dropped");
  };
  for (std::size_t i = 0; i < kWaiting; ++i) put(frames[i]);
  cycle(state, put, [&](rte_mbuf** out, std::size_t max) {
    now += 100'000;  // ticks, more than a burst needs
    return scheduler.dequeue(Tsc{now}, out, static_cast<std::uint16_t>(max));
  });
  std::array<rte_mbuf*, kWaiting + kBurst> rest;  // they belong to `frames`
  benchmark::DoNotOptimize(scheduler.drain(rest.data(), rest.size()));
}

SchedulerConfig plain(std::uint64_t rate = 0) {
  SchedulerConfig config{.rate = rate, .frame_overhead = 24};
  for (QueueConfig& queue : config.queues) queue.has_wred = false;
  return config;
}
SchedulerConfig with_wred(std::uint64_t rate = 0) {
  SchedulerConfig config = plain(rate);
  for (QueueConfig& queue : config.queues) queue.has_wred = true;
  if (rate != 0) config.ef_share = 30;
  return config;
}

BENCHMARK(fifo);
BENCHMARK_CAPTURE(scheduler, one_class, plain(), 1);
BENCHMARK_CAPTURE(scheduler, eight_classes, plain(), kPhbCount);
BENCHMARK_CAPTURE(scheduler, wred, with_wred(), kPhbCount);
BENCHMARK_CAPTURE(scheduler, shaped, with_wred(12'500'000'000), kPhbCount);

}  // namespace
}  // namespace weft

BENCHMARK_MAIN();
