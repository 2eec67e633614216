#include "dataplane/scheduler_plan.h"

#include <algorithm>
#include <bit>
#include <string_view>

namespace weft {
namespace {

using classifier::kPhbs;
using classifier::Phb;
using classifier::TokenRate;

/// Octets that the class of the smallest weight may send per round. A frame of 64 KB then waits at most 33
/// rounds of looking at five queues, and the quanta have the ratio of the weights within 1/2048.
constexpr std::uint32_t kSmallestQuantum = 2048;

constexpr std::uint64_t kDefaultBurstPerSecond = 250;  // 4 ms
constexpr std::uint64_t kSmallestDefaultBurst = 16'384;

/// What the idle time of a queue is measured with when no rate says how fast it would have drained: 1 Gbit/s.
constexpr std::uint64_t kUsualRate = 125'000'000;
constexpr std::uint64_t kUsualFrame = 1000;  // octets

std::string above(std::string_view what, std::uint64_t value, std::uint64_t limit) {
  return std::string{what} + ": " + std::to_string(value) + " is above the limit " +
         std::to_string(limit);
}

std::optional<std::string> queue_problem(Phb phb, const QueueConfig& queue) {
  const std::string queue_name = "queue " + std::string{name(phb)};
  if (queue.capacity == 0) return queue_name + ": a capacity of 0 frames lets nothing pass";
  if (queue.capacity > kMaxQueueCapacity) {
    return above(queue_name + ": capacity", queue.capacity, kMaxQueueCapacity);
  }
  for (std::size_t i = 0; queue.has_wred && i < queue.wred.size(); ++i) {
    const WredCurve& curve = queue.wred[i];
    const std::string what =
        queue_name + ": wred of " + std::string{name(static_cast<classifier::Colour>(i))};
    if (curve.max > 100) return above(what + ", max percent", curve.max, 100);
    if (curve.min >= curve.max) {
      return what + ": min " + std::to_string(curve.min) + " percent is not below max " +
             std::to_string(curve.max);
    }
    if (curve.drop == 0) return what + ": drop of 0 percent; turn wred off instead";
    if (curve.drop > 100) return above(what + ", drop percent", curve.drop, 100);
  }
  return std::nullopt;
}

std::optional<std::string> shaper_problem(const SchedulerConfig& config, std::uint64_t link_rate) {
  if (config.rate == 0 && config.burst != 0) {
    return "burst: " + std::to_string(config.burst) + " octets mean nothing without a rate";
  }
  if (link_rate != 0 && config.rate > link_rate) {
    return "rate: " + std::to_string(config.rate) + " octets/s is above the link's " +
           std::to_string(link_rate);
  }
  if (config.rate > classifier::kMaxRate) return above("rate", config.rate, classifier::kMaxRate);
  if (config.burst > kMaxShaperBurst) return above("burst", config.burst, kMaxShaperBurst);
  if (config.ef_share == 0) return "ef share: 0 percent; EF needs at least 1";
  if (config.ef_share > 100) return above("ef share: percent", config.ef_share, 100);
  if (config.ef_share < 100 && config.rate == 0) {
    return "ef share: " + std::to_string(config.ef_share) + " percent of what? It needs a rate";
  }
  return std::nullopt;
}

/// The largest power of two of ticks within which a queue's average halves while it drains.
unsigned half_life_shift(std::uint64_t rate, std::uint64_t tsc_hz) noexcept {
  const std::uint64_t octets = Wred::kHalfLifeFrames * kUsualFrame;
  const TokenRate drain = TokenRate::make(rate == 0 ? kUsualRate : rate, tsc_hz);
  const std::uint64_t ticks = std::max<std::uint64_t>(drain.ticks_until(octets, 0), 1);
  return static_cast<unsigned>(std::bit_width(ticks)) - 1U;
}

SchedulerPlan::Shaper share_of(
    std::uint64_t rate, std::uint64_t burst, unsigned percent, std::uint64_t tsc_hz
) noexcept {
  // At least 1: a rate or size of nothing would mean no limit.
  const auto part = [percent](std::uint64_t whole) {
    return std::max<std::uint64_t>(whole * percent / 100U, 1);
  };
  return {TokenRate::make(part(rate), tsc_hz), static_cast<std::int64_t>(part(burst))};
}

}  // namespace

std::optional<std::string> problem_of(const SchedulerConfig& config, std::uint64_t link_rate) {
  if (auto problem = shaper_problem(config, link_rate)) return problem;
  if (config.frame_overhead > kMaxFrameOverhead) {
    return above("frame overhead", config.frame_overhead, kMaxFrameOverhead);
  }
  for (std::size_t i = 0; i < kWeightedCount; ++i) {
    const std::string what = "weight of " + std::string{name(kPhbs[kFirstWeighted + i])};
    if (config.weights[i] == 0) return what + ": 0 would starve it; the smallest is 1";
    if (config.weights[i] > kMaxWeight) return above(what, config.weights[i], kMaxWeight);
  }
  for (const Phb phb : kPhbs) {
    if (auto problem = queue_problem(phb, config.queues[static_cast<std::size_t>(phb)])) {
      return problem;
    }
  }
  return std::nullopt;
}

SchedulerPlan compile(
    const SchedulerConfig& config, std::uint32_t version, std::uint64_t tsc_hz
) noexcept {
  SchedulerPlan plan{.version = version, .frame_overhead = config.frame_overhead};
  if (config.rate != 0) {
    const std::uint64_t burst =
        config.burst != 0 ? config.burst
                          : std::max(config.rate / kDefaultBurstPerSecond, kSmallestDefaultBurst);
    plan.port = share_of(config.rate, burst, 100, tsc_hz);
    if (config.ef_share < 100)
      plan.expedited = share_of(config.rate, burst, config.ef_share, tsc_hz);
  }
  const std::uint32_t smallest = *std::min_element(config.weights.begin(), config.weights.end());
  for (std::size_t i = 0; i < classifier::kPhbCount; ++i) {
    const QueueConfig& from = config.queues[i];
    SchedulerPlan::Queue& to = plan.queues[i];
    to.capacity = from.capacity;
    if (i >= kFirstWeighted && i <= kLastWeighted) {
      const std::uint32_t weight = config.weights[i - kFirstWeighted];
      to.quantum = static_cast<std::int32_t>(kSmallestQuantum * weight / smallest);
    }
    to.has_wred = from.has_wred;
    to.wred.half_life_shift = half_life_shift(config.rate, tsc_hz);
    for (std::size_t colour = 0; from.has_wred && colour < classifier::kColourCount; ++colour) {
      to.wred.curves[colour] = Wred::compile(from.wred[colour], from.capacity);
    }
  }
  return plan;
}

}  // namespace weft
