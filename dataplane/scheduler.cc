#include "dataplane/scheduler.h"

#include <algorithm>
#include <bit>
#include <cassert>

#include "dataplane/port/packet.h"

namespace weft {
namespace {

using classifier::CeMark;
using classifier::Colour;
using classifier::kPhbCount;
using classifier::Phb;

constexpr auto kExpedited = static_cast<std::size_t>(Phb::expedited);
constexpr auto kNetworkControl = static_cast<std::size_t>(Phb::network_control);
constexpr auto kLowerEffort = static_cast<std::size_t>(Phb::lower_effort);
constexpr std::uint32_t kWeightedMask = ((1U << kWeightedCount) - 1U) << kFirstWeighted;

/// Marks the frame if its sender listens to that and nobody else reads these octets (a clone, a copy that
/// shares its data): otherwise only a drop tells.
bool is_marked(rte_mbuf* frame, EgressClass egress) noexcept {
  if (!RTE_MBUF_DIRECT(frame) || rte_mbuf_refcnt_read(frame) != 1) return false;
  return classifier::mark_ce(head_bytes(frame), egress.l3, egress.l3_offset) == CeMark::marked;
}

}  // namespace

// -- buckets --------------------------------------------------------------------------------------

void PortScheduler::Bucket::restart(const SchedulerPlan::Shaper& shaper) noexcept {
  tokens = shaper.size;
  remainder = 0;
}

void PortScheduler::Bucket::fill(
    const SchedulerPlan::Shaper& shaper, std::uint64_t elapsed
) noexcept {
  const std::uint64_t earned = shaper.rate.advance(elapsed, remainder);
  const auto room = static_cast<std::uint64_t>(shaper.size - tokens);
  tokens += static_cast<std::int64_t>(std::min(earned, room));
}

/// Tokens that have to come before `octets` may pass; 0 or less: they may. Never more than a full bucket.
std::int64_t PortScheduler::Bucket::missing(
    const SchedulerPlan::Shaper& shaper, std::int64_t octets
) const noexcept {
  return std::min(octets, shaper.size) - tokens;
}

// -- life -----------------------------------------------------------------------------------------

PortScheduler::PortScheduler(const SchedulerPlan& plan, std::uint64_t seed)
    : plan_{plan}, random_{seed} {
  std::size_t total = 0;
  for (const SchedulerPlan::Queue& queue : plan.queues) total += std::bit_ceil(queue.capacity);
  slots_ = std::make_unique<Slot[]>(total);
  Slot* slots = slots_.get();
  for (std::size_t i = 0; i < kPhbCount; ++i) {
    const std::uint32_t size = std::bit_ceil(plan.queues[i].capacity);
    queues_[i].slots = slots;
    queues_[i].mask = size - 1U;
    slots += size;
  }
  port_.restart(plan_.port);
  expedited_.restart(plan_.expedited);
}

PortScheduler::~PortScheduler() {
  std::array<rte_mbuf*, 64> frames;
  while (const std::uint16_t count = drain(frames.data(), frames.size())) {
    rte_pktmbuf_free_bulk(frames.data(), count);
  }
}

void PortScheduler::adopt(const SchedulerPlan& plan, Tsc now) noexcept {
  advance(now);
  // A debt stays a debt; what was saved is saved up to the new burst. A bucket that was unlimited starts full.
  const auto change = [](Bucket& bucket, const auto& from, const auto& to) {
    bucket.tokens = from.is_limited() ? std::min(bucket.tokens, to.size) : to.size;
    bucket.remainder = 0;
  };
  change(port_, plan_.port, plan.port);
  change(expedited_, plan_.expedited, plan.expedited);
  for (std::size_t i = 0; i < kPhbCount; ++i) {
    assert(plan.queues[i].capacity == plan_.queues[i].capacity);
    queues_[i].deficit = 0;
  }
  has_quantum_ = false;
  plan_ = plan;
}

// -- in -------------------------------------------------------------------------------------------

DropReason PortScheduler::enqueue(rte_mbuf* frame, EgressClass egress, Tsc now) noexcept {
  const auto i = static_cast<std::size_t>(egress.phb);
  Queue& queue = queues_[i];
  QueueCounters& counters = counters_[i];
  const Wred::Advice early = advice(i, egress.colour, now);
  if (queue.count == plan_.queues[i].capacity) [[unlikely]] {
    counters.dropped_full.add(1);
    return DropReason::queue_full;
  }
  if (early != Wred::Advice::pass) [[unlikely]] {
    if (early == Wred::Advice::drop || !is_marked(frame, egress)) {
      counters.dropped_early.add(1);
      return DropReason::early_drop;
    }
    counters.marked.add(1);
  }
  queue.slots[(queue.head + queue.count) & queue.mask] = Slot{frame, frame->pkt_len};
  ++queue.count;
  ++length_;
  backlog_ |= 1U << i;
  counters.packets.add(1);
  counters.octets.add(frame->pkt_len);
  counters.length.set(queue.count);
  return DropReason::none;
}

Wred::Advice PortScheduler::advice(std::size_t i, Colour colour, Tsc now) noexcept {
  const SchedulerPlan::Queue& plan = plan_.queues[i];
  if (!plan.has_wred) return Wred::Advice::pass;
  Queue& queue = queues_[i];
  if (queue.count == 0 && now.value() > queue.empty_since) {
    queue.average.rest(now.value() - queue.empty_since, plan.wred.half_life_shift);
    queue.empty_since = now.value();
  }
  queue.average.arrive(queue.count);
  return plan.wred.advise(queue.average.value(), colour, roll());
}

// xorshift64* (Marsaglia; Vigna): its upper half is good enough to choose packets by.
std::uint32_t PortScheduler::roll() noexcept {
  random_ ^= random_ >> 12U;
  random_ ^= random_ << 25U;
  random_ ^= random_ >> 27U;
  return static_cast<std::uint32_t>((random_ * 0x2545F4914F6CDD1DU) >> 32U);
}

// -- out ------------------------------------------------------------------------------------------

void PortScheduler::advance(Tsc now) noexcept {
  if (!is_started_) {
    is_started_ = true;
    last_ = now.value();
  }
  if (now.value() <= last_) return;
  const std::uint64_t elapsed = now.value() - last_;
  last_ = now.value();
  if (plan_.port.is_limited()) port_.fill(plan_.port, elapsed);
  if (plan_.expedited.is_limited()) expedited_.fill(plan_.expedited, elapsed);
}

std::uint16_t PortScheduler::dequeue(Tsc now, rte_mbuf** out, std::uint16_t max) noexcept {
  advance(now);
  std::uint16_t count = 0;
  while (count < max && backlog_ != 0) {
    const std::size_t i = select();
    const std::int64_t cost = head_cost(i);
    if (plan_.port.is_limited()) {
      if (port_.missing(plan_.port, cost) > 0) break;
      port_.tokens -= cost;
    }
    if (i == kExpedited && plan_.expedited.is_limited() && is_expedited_within_cap()) {
      expedited_.tokens -= cost;
    }
    if (i >= kFirstWeighted && i <= kLastWeighted) {
      queues_[i].deficit -= static_cast<std::int32_t>(cost);
    }
    counters_[i].sent.add(1);
    out[count++] = pop(i, now.value());
  }
  return count;
}

std::int64_t PortScheduler::head_cost(std::size_t i) const noexcept {
  const Queue& queue = queues_[i];
  return std::int64_t{queue.slots[queue.head & queue.mask].octets} + plan_.frame_overhead;
}

bool PortScheduler::is_expedited_within_cap() const noexcept {
  return !plan_.expedited.is_limited() ||
         expedited_.missing(plan_.expedited, head_cost(kExpedited)) <= 0;
}

/// The queue whose turn it is. Asked again before anything changed, the answer is the same.
/// Precondition: backlog_ != 0.
std::size_t PortScheduler::select() noexcept {
  if (has(kExpedited) && is_expedited_within_cap()) return kExpedited;
  if (has(kNetworkControl)) return kNetworkControl;
  if ((backlog_ & kWeightedMask) != 0) return select_weighted();
  return has(kExpedited) ? kExpedited : kLowerEffort;
}

// Deficit round robin (Shreedhar and Varghese 1995): a queue gets its quantum once a round, sends while its
// deficit covers the frame at its head, keeps the rest if frames remain and loses it if none do.
std::size_t PortScheduler::select_weighted() noexcept {
  for (;;) {
    Queue& queue = queues_[cursor_];
    if (has(cursor_)) {
      if (!has_quantum_) {
        queue.deficit += plan_.queues[cursor_].quantum;
        has_quantum_ = true;
      }
      if (head_cost(cursor_) <= queue.deficit) return cursor_;
    } else {
      queue.deficit = 0;
    }
    cursor_ = cursor_ == kLastWeighted ? kFirstWeighted : cursor_ + 1;
    has_quantum_ = false;
  }
}

/// Takes the frame at the head of queue i. Precondition: has(i).
rte_mbuf* PortScheduler::pop(std::size_t i, std::uint64_t now) noexcept {
  Queue& queue = queues_[i];
  rte_mbuf* frame = queue.slots[queue.head & queue.mask].frame;
  ++queue.head;
  --queue.count;
  --length_;
  if (queue.count == 0) {
    backlog_ &= ~(1U << i);
    queue.empty_since = now;
  }
  counters_[i].length.set(queue.count);
  return frame;
}

std::uint16_t PortScheduler::drain(rte_mbuf** out, std::uint16_t max) noexcept {
  std::uint16_t count = 0;
  while (count < max && backlog_ != 0) {
    const auto i = static_cast<std::size_t>(std::countr_zero(backlog_));
    counters_[i].drained.add(1);
    out[count++] = pop(i, last_);
  }
  return count;
}

std::optional<Tsc> PortScheduler::next_ready(Tsc now) noexcept {
  if (backlog_ == 0) return std::nullopt;
  advance(now);
  if (!plan_.port.is_limited()) return now;
  const auto wait =
      [](const Bucket& bucket, const SchedulerPlan::Shaper& shaper, std::int64_t octets) {
        const std::int64_t missing = bucket.missing(shaper, octets);
        if (missing <= 0) return std::uint64_t{0};
        return shaper.rate.ticks_until(static_cast<std::uint64_t>(missing), bucket.remainder);
      };
  std::uint64_t ticks = wait(port_, plan_.port, head_cost(select()));
  if (ticks != 0 && has(kExpedited) && plan_.expedited.is_limited()) {
    // Expedited frames beyond their cap are back in front once their own bucket says so: if that is before the
    // frame that is in front now may leave, they leave first.
    const std::int64_t cost = head_cost(kExpedited);
    const std::uint64_t within_cap = wait(expedited_, plan_.expedited, cost);
    if (within_cap <= ticks) ticks = std::max(within_cap, wait(port_, plan_.port, cost));
  }
  return Tsc{now.value() + ticks};
}

}  // namespace weft
