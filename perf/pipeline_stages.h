// run_burst with a clock beside it: where the cycles go, stage by stage.
//
// The list of stages is that of dataplane/pipeline.cc and has to follow it. `deliver` holds what it calls: the outer
// header, or the receiver's flow and qos stages. Reading the clock costs about a cycle per packet and stage.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include <x86intrin.h>

#include "dataplane/stages.h"

namespace weft::perf {

enum class Stage : std::uint8_t {
  parse,
  rules,
  decap,
  learn,
  guard,
  neighbor,
  flow,
  qos,
  forward,
  deliver,
  flush,
  count_
};
inline constexpr std::size_t kStageCount = static_cast<std::size_t>(Stage::count_);
inline constexpr std::array<std::string_view, kStageCount> kStageNames{
    "a_parse",
    "b_rules",
    "c_decap",
    "d_learn",
    "e_guard",
    "f_neighbor",
    "g_flow",
    "h_qos",
    "i_forward",
    "j_deliver",
    "k_flush"};  // Google Benchmark prints counters by name

/// Cycles of each stage, batch by batch.
class StageClock {
 public:
  StageClock() {
    for (auto& series : series_) series.reserve(1U << 16U);
  }
  void start() noexcept { last_ = __rdtsc(); }
  /// The time since the last call goes to `stage`.
  void lap(Stage stage) noexcept {
    const std::uint64_t now = __rdtsc();
    batch_[static_cast<std::size_t>(stage)] += now - last_;
    last_ = now;
  }
  void end_batch() {
    for (std::size_t i = 0; i < kStageCount; ++i) {
      if (series_[i].size() < series_[i].capacity()) series_[i].push_back(batch_[i]);
    }
    batch_.fill(0);
  }
  /// Cycles of the batch in the middle.
  [[nodiscard]] double median(Stage stage) {
    auto& series = series_[static_cast<std::size_t>(stage)];
    if (series.empty()) return 0;
    std::sort(series.begin(), series.end());
    return static_cast<double>(series[series.size() / 2]);
  }

 private:
  std::uint64_t last_{};
  std::array<std::uint64_t, kStageCount> batch_{};
  std::array<std::vector<std::uint64_t>, kStageCount> series_;
};

inline void run_burst_timed(
    StageContext& context, const Origin& origin, Burst& burst, StageClock& clock
) noexcept {
  Lanes live = Lanes::first(burst.count);
  clock.start();
  live = stage_parse(context, burst, live);
  clock.lap(Stage::parse);
  live = stage_rules(context, origin, burst, live);
  clock.lap(Stage::rules);
  if (origin.is_uplink()) {
    live = stage_decap(context, origin.uplink, burst, live);
    clock.lap(Stage::decap);
    live = stage_learn(context, burst, live);
    clock.lap(Stage::learn);
  } else {
    live = stage_guard(context, origin.endpoint, burst, live);
    clock.lap(Stage::guard);
    live = stage_neighbor(context, burst, live);
    clock.lap(Stage::neighbor);
    live = stage_flow(context, classifier::End::sender, burst, live);
    clock.lap(Stage::flow);
    live = stage_qos(context, origin.endpoint, burst, live);
    clock.lap(Stage::qos);
  }
  live = stage_forward(context, burst, live);
  clock.lap(Stage::forward);
  deliver(context, burst, live);
  clock.lap(Stage::deliver);
}

}  // namespace weft::perf
