// The packet path as a whole: run_burst and flush on bursts in memory, per packet.
//
//   Pipeline/<job>/<bare | policy>/<flows>/<octets>    encap, decap, local; octets of the inner frame, or mix
//   Pipeline/<job>/<bare | policy>/1k/64/<variant>     nvgre, vxlan6, nvgre6 (IPv6 underlay); tap: containers take
//                                                      offloads, so that bursts to them are coalesced
//   New/<job>/<rule set>/<rules>                       every packet opens a connection
//   Stages/<job>/<bare | policy>/<flows>/64            where the cycles of a Pipeline go, stage by stage
//   Io                                                 an mbuf from the pool and back: what a port adds at least
//
//   build/perf/perf/pipeline_bench --benchmark_filter='Pipeline/.*/policy/1k/64$'
//
// policy: 1,000 rules, connection state, class and policer (pipeline_scene.h). Receiving and freeing are not part of
// the figures: they are cycles *beyond* the io ceiling. cyc/pkt and ns/pkt are those of the best batch of 256 packets,
// `median` of the batch in the middle, which is what to look at with many flows: the best batch is one that found
// more than its share of them near. Mpps is from the median, too.
#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>
#include <rte_cycles.h>
#include <x86intrin.h>

#include "perf/packet_meter.h"
#include "perf/pipeline_scene.h"
#include "perf/pipeline_stages.h"

namespace weft::perf {
namespace {

using classifier::testing::PolicyKind;

constexpr std::size_t kWarmBatches = 64;
constexpr std::size_t kRules = 1000;

/// The last one is kept: frames of other sizes and repetitions need the same.
Scene& scene_of(const SceneSpec& spec) {
  static std::unique_ptr<Scene> scene;
  if (scene == nullptr || scene->spec() != spec) {
    scene.reset();
    scene = std::make_unique<Scene>(spec);
  }
  return *scene;
}

void report(benchmark::State& state, std::vector<std::uint64_t>& batches) {
  if (batches.empty()) return;
  std::sort(batches.begin(), batches.end());
  const auto hz = static_cast<double>(rte_get_tsc_hz());
  const double best = static_cast<double>(batches.front()) / kBatch;
  const double median = static_cast<double>(batches[batches.size() / 2]) / kBatch;
  state.counters["cyc/pkt"] = best;
  state.counters["ns/pkt"] = best * 1e9 / hz;
  state.counters["median"] = median;
  state.counters["Mpps"] = hz / median / 1e6;
}

/// Times work() between prepare() and finish().
template <typename Prepare, typename Work, typename Finish>
void measure(benchmark::State& state, Prepare prepare, Work work, Finish finish) {
  const auto hz = static_cast<double>(rte_get_tsc_hz());
  std::vector<std::uint64_t> batches;
  batches.reserve(1U << 20U);
  std::uint64_t allocations = 0;
  for (auto _ : state) {
    prepare();
    const std::uint64_t allocations_before = allocation_count;
    const std::uint64_t before = __rdtsc();
    work();
    const std::uint64_t ticks = __rdtsc() - before;
    allocations += allocation_count - allocations_before;
    finish();
    if (batches.size() < batches.capacity()) batches.push_back(ticks);
    state.SetIterationTime(static_cast<double>(ticks) / hz);
  }
  report(state, batches);
  if (allocations != 0) state.SkipWithError("allocates on the packet path");
}

void pipeline(benchmark::State& state, const SceneSpec& spec, FrameOctets octets) {
  Scene& scene = scene_of(spec);
  Batch* batch = nullptr;
  const auto load = [&] { batch = &scene.load(octets); };
  for (std::size_t i = 0; i < kWarmBatches; ++i) {
    load();
    scene.run(*batch);
    scene.unload();
  }
  measure(
      state, load, [&] { scene.run(*batch); }, [&] { scene.unload(); }
  );
  const std::string fault = scene.fault();
  if (!fault.empty()) state.SkipWithError(fault.c_str());
}

void stages(benchmark::State& state, const SceneSpec& spec) {
  Scene& scene = scene_of(spec);
  StageClock clock;
  for (auto _ : state) {
    Batch& batch = scene.load(64);
    const std::uint64_t before = __rdtsc();
    for (unsigned i = 0; i < batch.count; ++i) {
      scene.run_part(
          batch.parts[i],
          [&clock](StageContext& context, const Origin& origin, Burst& burst) {
            run_burst_timed(context, origin, burst, clock);
          }
      );
      clock.lap(Stage::flush);
    }
    state.SetIterationTime(
        static_cast<double>(__rdtsc() - before) / static_cast<double>(rte_get_tsc_hz())
    );
    clock.end_batch();
    scene.unload();
  }
  for (std::size_t i = 0; i < kStageCount; ++i) {
    state.counters[std::string{kStageNames[i]}] = clock.median(static_cast<Stage>(i)) / kBatch;
  }
  const std::string fault = scene.fault();
  if (!fault.empty()) state.SkipWithError(fault.c_str());
}

/// What any forwarder does for a frame besides looking at it.
void io(benchmark::State& state) {
  rte_mempool* pool = frame_pool();
  constexpr unsigned kBurst = kMaxBurst / 2;
  std::array<rte_mbuf*, kBurst> frames{};
  const auto nothing = [] {};
  measure(
      state,
      nothing,
      [&] {
        for (unsigned i = 0; i < kBatch / kBurst; ++i) {
          if (rte_pktmbuf_alloc_bulk(pool, frames.data(), kBurst) != 0) std::abort();
          for (rte_mbuf* frame : frames) frame->data_len = 64;
          rte_pktmbuf_free_bulk(frames.data(), kBurst);
        }
      },
      nothing
  );
}

// -- names ------------------------------------------------------------------------------------------

constexpr std::array<std::pair<std::string_view, Job>, 3> kJobs{
    {{"encap", Job::encap}, {"decap", Job::decap}, {"local", Job::local}}};
constexpr std::array<std::pair<std::string_view, std::uint32_t>, 4> kFlows{
    {{"1", 1}, {"1k", 1000}, {"100k", 100'000}, {"1M", 1'000'000}}};
constexpr std::array<std::pair<std::string_view, FrameOctets>, 4> kOctets{
    {{"64", 64}, {"512", 512}, {"1500", 1500}, {"mix", 0}}};

template <typename... Parts>
std::string path(const Parts&... parts) {
  std::string joined;
  ((joined += joined.empty() ? "" : "/", joined += parts), ...);
  return joined;
}

template <typename Run>
void add(const std::string& name, Run run) {
  benchmark::RegisterBenchmark(name.c_str(), run)->UseManualTime();
}

void add_pipeline(const std::string& name, const SceneSpec& spec, FrameOctets octets = 64) {
  add(name, [spec, octets](benchmark::State& state) { pipeline(state, spec, octets); });
}

void add_flows_and_sizes(std::string_view job, const SceneSpec& base, std::string_view policy) {
  for (const auto& [count, flows] : kFlows) {
    SceneSpec spec = base;
    spec.flows = flows;
    for (const auto& [size, octets] : kOctets) {
      if (octets != 64 && flows != 1000) continue;
      add_pipeline(path("Pipeline", job, policy, count, size), spec, octets);
    }
    if (flows == 1) continue;
    add(path("Stages", job, policy, count, "64"),
        [spec](benchmark::State& state) { stages(state, spec); });
  }
}

void add_variants(std::string_view job, SceneSpec base, std::string_view policy) {
  base.flows = 1000;
  const std::string prefix = path("Pipeline", job, policy, "1k", "64");
  if (base.job != Job::encap) {
    SceneSpec tap = base;
    tap.has_kernel_ports = true;
    add_pipeline(path(prefix, "tap"), tap);
  }
  if (base.job == Job::local) return;
  for (const IpFamily underlay : {IpFamily::v4, IpFamily::v6}) {
    for (const encap::Kind kind : {encap::Kind::vxlan, encap::Kind::nvgre}) {
      if (underlay == IpFamily::v4 && kind == encap::Kind::vxlan) continue;
      SceneSpec spec = base;
      spec.kind = kind;
      spec.underlay = underlay;
      const std::string variant =
          std::string{encap::name(kind)} + (underlay == IpFamily::v6 ? "6" : "");
      add_pipeline(path(prefix, variant), spec);
    }
  }
}

void add_new(std::string_view job, SceneSpec spec, PolicyKind kind, std::size_t rules) {
  spec.is_always_new = true;
  spec.rule_kind = kind;
  spec.rules = rules;
  spec.flows = 1000;
  add_pipeline(path("New", job, classifier::testing::name_of(kind), std::to_string(rules)), spec);
}

void add_all() {
  add("Io", io);
  for (const auto& [name, job] : kJobs) {
    for (const bool has_policy : {false, true}) {
      SceneSpec spec;
      spec.job = job;
      spec.rules = has_policy ? kRules : 0;
      const std::string_view policy = has_policy ? "policy" : "bare";
      add_flows_and_sizes(name, spec, policy);
      add_variants(name, spec, policy);
    }
    SceneSpec spec;
    spec.job = job;
    add_new(name, spec, PolicyKind::tiers, kRules);
    if (job != Job::encap) continue;
    add_new(name, spec, PolicyKind::mixed, kRules);
    add_new(name, spec, PolicyKind::adversarial, 10);
    add_new(name, spec, PolicyKind::adversarial, 10'000);
  }
}

}  // namespace
}  // namespace weft::perf

int main(int argc, char** argv) {
  weft::perf::add_all();
  // Measured seconds each, unless an argument says otherwise; loading takes about as long.
  std::string min_time = "--benchmark_min_time=0.25";
  std::vector<char*> arguments(argv, argv + argc);
  arguments.insert(arguments.begin() + 1, min_time.data());
  arguments.push_back(nullptr);
  int count = argc + 1;
  benchmark::Initialize(&count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
