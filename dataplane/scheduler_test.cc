// Order, rate and bookkeeping. WRED and ECN are in scheduler_wred_test.cc.
#include "dataplane/scheduler.h"

#include <array>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataplane/testing/scheduler_fixture.h"

namespace weft {
namespace {

using namespace wire_test;
using classifier::kPhbs;
using Scheduler = SchedulerTest;

// -- order ----------------------------------------------------------------------------------------

TEST_F(Scheduler, WithoutARateDrainsAtOnceInOrderOfClass) {
  make({});
  fill(Phb::lower_effort, 1, 64);
  fill(Phb::best_effort, 1, 64);
  fill(Phb::af4, 1, 64);
  fill(Phb::network_control, 1, 64);
  fill(Phb::expedited, 2, 64);
  EXPECT_EQ(scheduler_->next_ready(Tsc{now_}), Tsc{now_});
  using enum Phb;
  EXPECT_EQ(
      order(), (std::vector{expedited, expedited, network_control, af4, best_effort, lower_effort})
  );
  EXPECT_EQ(scheduler_->next_ready(Tsc{now_}), std::nullopt);
}

TEST_F(Scheduler, KeepsTheOrderWithinAQueue) {
  make({});
  for (std::uint32_t octets = 60; octets < 100; ++octets) {
    ASSERT_EQ(put(Phb::af2, octets), DropReason::none);
  }
  std::uint32_t expected = 60;
  for (const Sent& sent : take()) EXPECT_EQ(sent.octets, expected++);
  EXPECT_EQ(expected, 100U);
}

TEST_F(Scheduler, TakesNoMoreThanAskedFor) {
  make({});
  fill(Phb::best_effort, 10, 64);
  EXPECT_EQ(take(4).size(), 4U);
  EXPECT_EQ(scheduler_->length(), 6U);
}

TEST_F(Scheduler, SharesByWeightWithinOnePercentWhateverTheSizes) {
  SCOPED_TRACE(random_.trace());
  SchedulerConfig config = without_wred(shaped());
  config.weights = {40, 25, 20, 10, 5};
  make(config);
  const std::vector<Phb> load{Phb::af4, Phb::af3, Phb::af2, Phb::af1, Phb::best_effort};
  const auto octets = run(10, load, [&](Phb phb) {
    if (phb == Phb::af4) return 64U;  // the heaviest class has the smallest frames
    if (phb == Phb::best_effort) return 1514U;
    return 60 + random_.below(1455);
  });
  std::uint64_t total = 0;
  for (const std::uint64_t value : octets) total += value;
  for (std::size_t i = 0; i < load.size(); ++i) {
    const double share =
        static_cast<double>(octets[index_of(load[i])]) / static_cast<double>(total);
    EXPECT_NEAR(share / (config.weights[i] / 100.0), 1.0, 0.01) << name(load[i]);
  }
}

TEST_F(Scheduler, AnIdleClassLeavesItsShareToTheOthersAndSavesNone) {
  SchedulerConfig config = without_wred(shaped());
  config.weights = {10, 10, 10, 10, 10};
  make(config);
  const auto size = [](Phb) { return 1000U; };
  const auto alone = run(1, {Phb::af1}, size);
  EXPECT_GE(alone[index_of(Phb::af1)], kRate - 2 * kBurst);
  run(1, {}, size);
  const auto shared = run(1, {Phb::af1, Phb::af2}, size);
  EXPECT_NEAR(
      static_cast<double>(shared[index_of(Phb::af1)]) /
          static_cast<double>(shared[index_of(Phb::af2)]),
      1.0,
      0.02
  );
}

TEST_F(Scheduler, ExpeditedIsStrictButCapped) {
  SCOPED_TRACE(random_.trace());
  SchedulerConfig config = without_wred(shaped());
  config.ef_share = 30;
  make(config);
  const auto octets =
      run(5, {Phb::expedited, Phb::best_effort}, [&](Phb) { return 60 + random_.below(1455); });
  const double all = 5.0 * kRate;
  EXPECT_NEAR(static_cast<double>(octets[index_of(Phb::expedited)]) / all, 0.30, 0.003);
  EXPECT_NEAR(static_cast<double>(octets[index_of(Phb::best_effort)]) / all, 0.70, 0.007);
}

TEST_F(Scheduler, ExpeditedWithinItsCapPassesEverybody) {
  SchedulerConfig config = without_wred(shaped());
  config.ef_share = 30;
  make(config);
  fill(Phb::network_control, 20, 1000);
  fill(Phb::af4, 20, 1000);
  EXPECT_EQ(take().size(), kBurst / 1000);  // the bucket is empty now
  fill(Phb::af4, 20, 1000);
  ASSERT_EQ(put(Phb::expedited, 200), DropReason::none);
  now_ += kHz * 1000 / kRate;  // time for one frame
  EXPECT_EQ(order(), (std::vector{Phb::expedited}));
}

TEST_F(Scheduler, ExpeditedBeyondItsCapUsesWhatIsFreeButPassesLowerEffort) {
  SchedulerConfig config = without_wred(shaped());
  config.ef_share = 10;
  make(config);
  const auto octets = run(1, {Phb::expedited, Phb::lower_effort}, [](Phb) { return 500U; });
  EXPECT_GE(octets[index_of(Phb::expedited)], kRate - 2 * kBurst);
  // At the start the bucket holds more than the expedited frames that wait.
  EXPECT_LE(octets[index_of(Phb::lower_effort)], kBurst);
}

TEST_F(Scheduler, LowerEffortStarvesOnlyAtSaturation) {
  make(without_wred(shaped()));
  // Best effort offers 90 % of the rate; the rest is for who is patient.
  std::uint64_t lower = 0;
  std::uint64_t best = 0;
  for (int i = 0; i < 9000; ++i) {
    ASSERT_EQ(put(Phb::best_effort, 1000), DropReason::none);
    if (scheduler_->counters(Phb::lower_effort).length.get() < 20) {
      ASSERT_EQ(put(Phb::lower_effort, 1000), DropReason::none);
    }
    for (const Sent& sent : take()) (sent.phb == Phb::best_effort ? best : lower) += sent.octets;
    now_ += kHz * 1000 / (kRate * 9 / 10);
  }
  EXPECT_GE(best, 9'000'000U - 100'000U);
  EXPECT_NEAR(static_cast<double>(lower), 1e6, 50'000);

  const auto octets = run(1, {Phb::best_effort, Phb::lower_effort}, [](Phb) { return 1000U; });
  EXPECT_EQ(octets[index_of(Phb::lower_effort)], 0U);
}

// -- rate -----------------------------------------------------------------------------------------

TEST_F(Scheduler, HoldsTheRateWithinOneBurstOverTenSeconds) {
  SCOPED_TRACE(random_.trace());
  SchedulerConfig config = without_wred(shaped());
  config.frame_overhead = 24;
  make(config);
  const std::uint64_t start = now_;
  std::uint64_t cost = 0;
  const std::uint64_t end = now_ + 10 * kHz;
  while (now_ < end) {
    while (scheduler_->length() < 30) {
      ASSERT_EQ(put(Phb::best_effort, 60 + random_.below(1455)), DropReason::none);
    }
    for (const Sent& sent : take()) cost += sent.octets + 24;
    const auto allowed = static_cast<std::uint64_t>(
        static_cast<double>(now_ - start) / static_cast<double>(kHz) * kRate
    );
    ASSERT_LE(cost, allowed + kBurst);
    ASSERT_GE(cost + 2000, allowed);  // never behind by more than the frame that waits
    now_ += random_.below(kHz / 1000);
  }
  const std::uint64_t elapsed = now_ - start;
  EXPECT_NEAR(
      static_cast<double>(cost),
      static_cast<double>(elapsed) / static_cast<double>(kHz) * kRate,
      kBurst + 13'000  // and a millisecond of the last step
  );
}

TEST_F(Scheduler, IsReadyExactlyWhenItSays) {
  SCOPED_TRACE(random_.trace());
  SchedulerConfig config = without_wred(shaped());
  config.ef_share = 10;
  make(config);
  for (int i = 0; i < 3000; ++i) {
    while (scheduler_->length() < 60) {
      ASSERT_EQ(put(kPhbs[random_.below(kPhbCount)], 60 + random_.below(1455)), DropReason::none);
    }
    while (!take().empty()) {
    }
    const auto ready = scheduler_->next_ready(Tsc{now_});
    ASSERT_TRUE(ready);
    ASSERT_GT(ready->value(), now_);
    now_ = ready->value() - 1;
    ASSERT_TRUE(take().empty());
    now_ = ready->value();
    ASSERT_GE(take().size(), 1U);
  }
}

TEST_F(Scheduler, AFrameLargerThanTheBurstPassesAndIsPaidForLater) {
  SchedulerConfig config = without_wred({.rate = 1'000'000, .burst = 500});
  make(config);
  fill(Phb::best_effort, 3, 1500);
  EXPECT_EQ(take().size(), 1U);
  EXPECT_EQ(scheduler_->next_ready(Tsc{now_}), Tsc{now_ + kHz * 1500 / 1'000'000});
  now_ += kHz * 1500 / 1'000'000 - 1;
  EXPECT_EQ(take().size(), 0U);
  now_ += 1;
  EXPECT_EQ(take().size(), 1U);
  now_ += kHz;  // saves one burst only: one frame, not 600
  EXPECT_EQ(take().size(), 1U);
}

TEST_F(Scheduler, CountsTheOverheadOfEachFrame) {
  SchedulerConfig config = without_wred({.rate = 1'000'000, .burst = 1000});
  config.frame_overhead = 24;
  make(config);
  fill(Phb::best_effort, 20, 76);
  EXPECT_EQ(take().size(), 10U);
}

TEST_F(Scheduler, ALongIdleTimeAndAClockThatStepsBackAreHarmless) {
  make(without_wred(shaped()));
  fill(Phb::best_effort, 60, 1000);
  EXPECT_EQ(take().size(), 20U);
  const std::uint64_t before = now_;
  now_ = 0;
  EXPECT_EQ(take().size(), 0U);
  now_ = before;
  EXPECT_EQ(take().size(), 0U);
  now_ = ~std::uint64_t{0};
  EXPECT_EQ(take().size(), 20U);
}

TEST_F(Scheduler, AdoptsANewPlanWithoutTouchingTheQueues) {
  make(without_wred(shaped()));
  fill(Phb::best_effort, 60, 1000);
  EXPECT_EQ(take().size(), 20U);
  scheduler_->adopt(compile(without_wred({.rate = 1000, .burst = 1000}), 2, kHz), Tsc{now_});
  EXPECT_EQ(scheduler_->version(), 2U);
  now_ += kHz / 2;
  EXPECT_EQ(take().size(), 0U);
  now_ += kHz / 2;
  EXPECT_EQ(take().size(), 1U);
  scheduler_->adopt(compile(without_wred({}), 3, kHz), Tsc{now_});
  EXPECT_EQ(take().size(), 39U);
}

// -- losses ---------------------------------------------------------------------------------------

TEST_F(Scheduler, AFullQueueRefusesAndNoOtherDoes) {
  SchedulerConfig config = without_wred({});
  config.queue(Phb::af3).capacity = 10;  // not a power of two
  make(config);
  fill(Phb::af3, 10, 64);
  EXPECT_EQ(put(Phb::af3, 64), DropReason::queue_full);
  EXPECT_EQ(put(Phb::af2, 64), DropReason::none);
  const QueueCounters& counters = scheduler_->counters(Phb::af3);
  EXPECT_EQ(counters.packets.get(), 10U);
  EXPECT_EQ(counters.dropped_full.get(), 1U);
  EXPECT_EQ(counters.dropped_early.get(), 0U);
  EXPECT_EQ(counters.length.get(), 10U);
  EXPECT_EQ(scheduler_->counters(Phb::af2).dropped_full.get(), 0U);
}

// -- bookkeeping ----------------------------------------------------------------------------------

TEST_F(Scheduler, WhatWentInCameOutOrIsStillThere) {
  SCOPED_TRACE(random_.trace());
  SchedulerConfig config = shaped();
  config.ef_share = 20;
  for (QueueConfig& queue : config.queues) queue.capacity = 40;
  make(config);
  std::array<std::uint64_t, kPhbCount> offered{};
  std::array<std::uint64_t, kPhbCount> out{};
  for (int i = 0; i < 100'000; ++i) {
    const Phb phb = kPhbs[random_.below(kPhbCount)];
    ++offered[index_of(phb)];
    static_cast<void>(put(phb, 60 + random_.below(1455), static_cast<Colour>(random_.below(3))));
    now_ += random_.below(400'000);
    if (random_.below(16) == 0) {
      for (const Sent& sent : take(static_cast<std::uint16_t>(random_.below(64)))) {
        ++out[index_of(sent.phb)];
      }
    }
    ASSERT_EQ(mbufs_in_use(), scheduler_->length());
  }
  std::array<rte_mbuf*, 7> drained;
  while (const std::uint16_t count = scheduler_->drain(drained.data(), drained.size())) {
    for (std::uint16_t i = 0; i < count; ++i) ++out[index_of(queue_of_.at(drained[i]))];
    rte_pktmbuf_free_bulk(drained.data(), count);
  }
  std::uint64_t lost = 0;
  for (const Phb phb : kPhbs) {
    const QueueCounters& counters = scheduler_->counters(phb);
    const std::uint64_t dropped = counters.dropped_full.get() + counters.dropped_early.get();
    EXPECT_EQ(offered[index_of(phb)], counters.packets.get() + dropped) << name(phb);
    EXPECT_EQ(counters.packets.get(), counters.sent.get() + counters.drained.get()) << name(phb);
    EXPECT_EQ(out[index_of(phb)], counters.packets.get()) << name(phb);
    EXPECT_EQ(counters.length.get(), 0U);
    lost += dropped;
  }
  EXPECT_GT(lost, 1000U) << "the test saw no congestion";
}

TEST_F(Scheduler, FreesWhatIsLeftWhenItEnds) {
  make(shaped());
  fill(Phb::best_effort, 100, 1000);
  fill(Phb::expedited, 100, 1000);
  scheduler_.reset();
  EXPECT_EQ(mbufs_in_use(), 0U);
}

}  // namespace
}  // namespace weft
