// What handing a frame to another worker costs, beside rte_ring (one producer, one consumer).
//
// `alone`: pushed and popped by the same thread, the least there is. `across`: another thread pushes as fast
// as there is room, this one pops. The argument is the length of a burst. cyc/pkt is that of the best batch;
// `across`, look at `mean`: a batch that finds its frames waiting says nothing about handing over.
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <thread>

#include <benchmark/benchmark.h>
#include <rte_ring.h>
#include <x86intrin.h>

#include "dataplane/port/testing/packets.h"
#include "dataplane/ring.h"
#include "perf/packet_meter.h"

namespace weft {
namespace {

constexpr std::size_t kCapacity = 1024;
constexpr std::size_t kMaxBurst = 32;
using Frames = std::array<void*, kMaxBurst>;

class Ours {
 public:
  std::size_t push(const Frames& frames, std::size_t count) noexcept {
    return ring_.push_burst(frames.data(), count);
  }
  std::size_t pop(Frames& frames, std::size_t count) noexcept {
    return ring_.pop_burst(frames.data(), count);
  }

 private:
  SpscRing<void*> ring_{kCapacity};
};

class Rte {
 public:
  Rte() {
    static_cast<void>(wire_test::pools());  // starts EAL
    ring_.reset(rte_ring_create("bench", kCapacity, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ));
    if (ring_ == nullptr) std::abort();
  }
  std::size_t push(const Frames& frames, std::size_t count) noexcept {
    const auto wanted = static_cast<unsigned>(count);
    return rte_ring_sp_enqueue_burst(ring_.get(), frames.data(), wanted, nullptr);
  }
  std::size_t pop(Frames& frames, std::size_t count) noexcept {
    const auto wanted = static_cast<unsigned>(count);
    return rte_ring_sc_dequeue_burst(ring_.get(), frames.data(), wanted, nullptr);
  }

 private:
  struct Free {
    void operator()(rte_ring* ring) const noexcept { rte_ring_free(ring); }
  };
  std::unique_ptr<rte_ring, Free> ring_;
};

template <typename Ring>
void alone(benchmark::State& state) {
  Ring ring;
  Frames frames{};
  const auto burst = static_cast<std::size_t>(state.range(0));
  std::size_t at = 0;
  perf::measure_packets(state, [&] {
    if (++at % burst != 0) return;
    benchmark::DoNotOptimize(ring.push(frames, burst));
    benchmark::DoNotOptimize(ring.pop(frames, burst));
  });
}

template <typename Ring>
void across(benchmark::State& state) {
  Ring ring;
  const auto burst = static_cast<std::size_t>(state.range(0));
  std::atomic<bool> is_over{};
  std::thread producer{[&] {
    const Frames frames{};
    while (!is_over.load(std::memory_order_relaxed)) {
      if (ring.push(frames, burst) == 0) _mm_pause();
    }
  }};
  Frames frames{};
  std::size_t ready = 0;
  std::uint64_t count = 0;
  const std::uint64_t before = __rdtsc();
  perf::measure_packets(state, [&] {
    while (ready == 0) ready = ring.pop(frames, burst);
    --ready;
    ++count;
  });
  state.counters["mean"] = static_cast<double>(__rdtsc() - before) / static_cast<double>(count);
  is_over = true;
  producer.join();
}

BENCHMARK(alone<Ours>)->Name("alone")->Arg(1)->Arg(32);
BENCHMARK(alone<Rte>)->Name("rte_alone")->Arg(1)->Arg(32);
BENCHMARK(across<Ours>)->Name("across")->Arg(1)->Arg(32);
BENCHMARK(across<Rte>)->Name("rte_across")->Arg(1)->Arg(32);

}  // namespace
}  // namespace weft

BENCHMARK_MAIN();
