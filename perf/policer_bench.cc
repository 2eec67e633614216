// What a policer costs per packet, beside rte_meter; and how often rte_meter disagrees with the RFC text.
//
// All meters see the same 4,096 random packets (64 to 1,518 octets, about the rate in all), over and over,
// with a virtual clock that goes on. "hot": one meter. "cold": each packet has one of 65,536 meters, in random
// order, as when each endpoint has its own; they share the profile.
//
// `wrong/M`: colours per million packets that are not those of classifier/testing/policer_model.h. Ours must be 0,
// and the benchmark fails if it is not.
#include <array>
#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include <benchmark/benchmark.h>
#include <rte_cycles.h>
#include <rte_meter.h>

#include "classifier/policer.h"
#include "classifier/testing/policer_model.h"
#include "dataplane/port/testing/packets.h"
#include "dataplane/shared_meter.h"
#include "perf/packet_meter.h"

namespace weft {
namespace {

using classifier::Colour;
using classifier::CompiledMeter;
using classifier::Meter;
using classifier::MeterConfig;
using classifier::MeterKind;
using classifier::testing::PolicerModel;

constexpr std::uint64_t kRate = 125'000'000;  // octets/s: 1 Gbit/s
constexpr std::size_t kPackets = 4096;
constexpr std::int64_t kHot = 1;
constexpr std::int64_t kCold = 65'536;

struct Arrival {
  std::uint64_t gap;  // ticks
  std::uint32_t octets;
  std::uint32_t dice;
  Colour colour;
};

/// 1.3 times the rate on average, in bursts; most of it green.
std::vector<Arrival> arrivals(std::uint64_t hz, std::size_t count) {
  std::mt19937 random{1};
  std::vector<Arrival> made(count);
  for (Arrival& arrival : made) {
    arrival.octets = 64 + static_cast<std::uint32_t>(random() % 1455);
    arrival.gap = arrival.octets * (random() % 2048) * hz / kRate / 1331;
    arrival.dice = static_cast<std::uint32_t>(random());
    constexpr std::array<Colour, 8> kColours{
        Colour::green,
        Colour::green,
        Colour::green,
        Colour::green,
        Colour::green,
        Colour::yellow,
        Colour::yellow,
        Colour::red};
    arrival.colour = kColours[random() % kColours.size()];
  }
  return made;
}

MeterConfig config_of(MeterKind kind, bool is_colour_aware) {
  MeterConfig config{.kind = kind, .is_colour_aware = is_colour_aware};
  config.cir = kRate;
  config.cbs = 20'000;
  config.excess_rate = kind == MeterKind::srtcm ? 0 : kRate + kRate / 4;
  config.excess_burst = 30'000;
  return config;
}

// -- ours and DPDK's behind one face: Profile, State{profile, start}, judge ------------------------

struct Ours {
  CompiledMeter profile;
  explicit Ours(const MeterConfig& config)
      : profile{classifier::compile(config, 1, rte_get_tsc_hz())} {}
  using State = Meter;
  [[nodiscard]] State start(std::uint64_t now) const {
    State state;
    benchmark::DoNotOptimize(state.judge(profile, Tsc{now}, 0, Colour::red));
    return state;
  }
  Colour judge(State& state, std::uint64_t now, const Arrival& arrival) {
    return state.judge(profile, Tsc{now}, arrival.octets, arrival.colour);
  }
};

Colour colour_of(rte_color colour) {
  return static_cast<Colour>(colour);
}
static_assert(RTE_COLOR_GREEN == 0 && RTE_COLOR_YELLOW == 1 && RTE_COLOR_RED == 2);

template <bool kIsAware>
struct RteSrtcm {
  rte_meter_srtcm_profile profile{};
  explicit RteSrtcm(const MeterConfig& config) {
    rte_meter_srtcm_params params{config.cir, config.cbs, config.excess_burst};
    rte_meter_srtcm_profile_config(&profile, &params);
  }
  using State = rte_meter_srtcm;
  [[nodiscard]] State start(std::uint64_t now) const {
    return {.time = now, .tc = profile.cbs, .te = profile.ebs};
  }
  Colour judge(State& state, std::uint64_t now, const Arrival& arrival) {
    if constexpr (!kIsAware) {
      return colour_of(rte_meter_srtcm_color_blind_check(&state, &profile, now, arrival.octets));
    }
    const auto in = static_cast<rte_color>(arrival.colour);
    return colour_of(rte_meter_srtcm_color_aware_check(&state, &profile, now, arrival.octets, in));
  }
};

template <bool kIsAware>
struct RteTrtcm {
  rte_meter_trtcm_profile profile{};
  explicit RteTrtcm(const MeterConfig& config) {
    rte_meter_trtcm_params params{config.cir, config.excess_rate, config.cbs, config.excess_burst};
    rte_meter_trtcm_profile_config(&profile, &params);
  }
  using State = rte_meter_trtcm;
  [[nodiscard]] State start(std::uint64_t now) const {
    return {.time_tc = now, .time_tp = now, .tc = profile.cbs, .tp = profile.pbs};
  }
  Colour judge(State& state, std::uint64_t now, const Arrival& arrival) {
    if constexpr (!kIsAware) {
      return colour_of(rte_meter_trtcm_color_blind_check(&state, &profile, now, arrival.octets));
    }
    const auto in = static_cast<rte_color>(arrival.colour);
    return colour_of(rte_meter_trtcm_color_aware_check(&state, &profile, now, arrival.octets, in));
  }
};

template <bool kIsAware>
struct RteRfc4115 {
  rte_meter_trtcm_rfc4115_profile profile{};
  explicit RteRfc4115(const MeterConfig& config) {
    rte_meter_trtcm_rfc4115_params params{
        config.cir, config.excess_rate, config.cbs, config.excess_burst};
    rte_meter_trtcm_rfc4115_profile_config(&profile, &params);
  }
  using State = rte_meter_trtcm_rfc4115;
  [[nodiscard]] State start(std::uint64_t now) const {
    return {.time_tc = now, .time_te = now, .tc = profile.cbs, .te = profile.ebs};
  }
  Colour judge(State& state, std::uint64_t now, const Arrival& arrival) {
    if constexpr (!kIsAware) {
      return colour_of(
          rte_meter_trtcm_rfc4115_color_blind_check(&state, &profile, now, arrival.octets)
      );
    }
    const auto in = static_cast<rte_color>(arrival.colour);
    return colour_of(
        rte_meter_trtcm_rfc4115_color_aware_check(&state, &profile, now, arrival.octets, in)
    );
  }
};

/// Colours per million packets that the model would not have given.
template <typename Policer>
double wrong_per_million(Policer& policer, const MeterConfig& config) {
  constexpr std::size_t kCount = 1'000'000;
  std::uint64_t now = 1'000'000;
  PolicerModel model{config, rte_get_tsc_hz(), now};
  auto state = policer.start(now);
  std::uint64_t wrong = 0;
  for (const Arrival& arrival : arrivals(rte_get_tsc_hz(), kCount)) {
    now += arrival.gap;
    const Colour expected = model.judge(now, arrival.octets, arrival.colour);
    wrong += policer.judge(state, now, arrival) != expected ? 1U : 0U;
  }
  return static_cast<double>(wrong) * 1e6 / kCount;
}

template <typename Policer>
void judge(benchmark::State& state, MeterKind kind, bool is_colour_aware) {
  static_cast<void>(wire_test::pools());  // starts EAL, which knows the clock
  const MeterConfig config = config_of(kind, is_colour_aware);
  Policer policer{config};
  const std::vector<Arrival> traffic = arrivals(rte_get_tsc_hz(), kPackets);
  const auto mask = static_cast<std::uint32_t>(state.range(0)) - 1U;
  std::uint64_t now = 1'000'000;
  std::vector<typename Policer::State> meters(mask + 1U, policer.start(now));
  std::uint32_t at = 0;
  perf::measure_packets(state, [&] {
    const Arrival& arrival = traffic[at++ % kPackets];
    now += arrival.gap;
    // The rounds through the traffic visit other meters each time.
    benchmark::DoNotOptimize(policer.judge(meters[(arrival.dice + at) & mask], now, arrival));
  });
  const double wrong = wrong_per_million(policer, config);
  state.counters["wrong/M"] = wrong;
  if (std::is_same_v<Policer, Ours> && wrong != 0) state.SkipWithError("is not what the RFC says");
}

template <typename Policer>
void add(const char* label, MeterKind kind, bool is_colour_aware) {
  const std::string name = std::string{label} + (is_colour_aware ? "_aware" : "_blind");
  benchmark::RegisterBenchmark((name + "/hot").c_str(), judge<Policer>, kind, is_colour_aware)
      ->Arg(kHot);
  benchmark::RegisterBenchmark((name + "/cold").c_str(), judge<Policer>, kind, is_colour_aware)
      ->Arg(kCold);
}

/// One meter of a tenant: this worker alone, or another one that judges as fast as it can meanwhile.
void shared(benchmark::State& state, bool is_contended) {
  static_cast<void>(wire_test::pools());
  const Ours policer{config_of(MeterKind::srtcm, false)};
  const std::vector<Arrival> traffic = arrivals(rte_get_tsc_hz(), kPackets);
  const auto meter = std::make_unique<SharedMeter>();
  // A worker's packets, one after the other.
  const auto packets = [&] {
    return [&, now = std::uint64_t{1'000'000}, at = std::uint32_t{}]() mutable {
      const Arrival& arrival = traffic[at++ % kPackets];
      now += arrival.gap;
      const Colour colour = meter->judge(policer.profile, Tsc{now}, arrival.octets, arrival.colour);
      benchmark::DoNotOptimize(colour);
    };
  };
  std::atomic<bool> is_over{};
  std::thread other;
  if (is_contended) {
    other = std::thread{[&, judge_next = packets()]() mutable {
      while (!is_over.load(std::memory_order_relaxed)) judge_next();
    }};
  }
  perf::measure_packets(state, packets());
  is_over = true;
  if (other.joinable()) other.join();
}

}  // namespace
}  // namespace weft

int main(int argc, char** argv) {
  using namespace weft;
  add<Ours>("srtcm", MeterKind::srtcm, false);
  add<RteSrtcm<false>>("rte_srtcm", MeterKind::srtcm, false);
  add<Ours>("srtcm", MeterKind::srtcm, true);
  add<RteSrtcm<true>>("rte_srtcm", MeterKind::srtcm, true);
  add<Ours>("trtcm", MeterKind::trtcm, false);
  add<RteTrtcm<false>>("rte_trtcm", MeterKind::trtcm, false);
  add<Ours>("trtcm", MeterKind::trtcm, true);
  add<RteTrtcm<true>>("rte_trtcm", MeterKind::trtcm, true);
  add<Ours>("rfc4115", MeterKind::rfc4115, false);
  add<RteRfc4115<false>>("rte_rfc4115", MeterKind::rfc4115, false);
  add<Ours>("rfc4115", MeterKind::rfc4115, true);
  add<RteRfc4115<true>>("rte_rfc4115", MeterKind::rfc4115, true);
  benchmark::RegisterBenchmark("shared_srtcm_blind/alone", shared, false);
  benchmark::RegisterBenchmark("shared_srtcm_blind/contended", shared, true);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
