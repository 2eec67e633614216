#include "classifier/budget.h"

#include <cstdint>
#include <limits>

#include <gtest/gtest.h>

namespace weft::classifier {
namespace {

constexpr std::uint64_t kHz = 2'600'000'000;

/// How many of `count` frames that all arrive at `now` pass.
std::uint64_t passed(Budget& budget, Tsc now, std::uint64_t count) {
  std::uint64_t taken = 0;
  for (std::uint64_t i = 0; i < count; ++i) taken += budget.take(now) ? 1U : 0U;
  return taken;
}

TEST(Budget, DefaultAndRateZeroAreUnlimited) {
  Budget unlimited;
  Budget zero{0, 5, kHz};
  EXPECT_EQ(passed(unlimited, Tsc{0}, 1000), 1000U);
  EXPECT_EQ(passed(zero, Tsc{0}, 1000), 1000U);
}

TEST(Budget, StartsWithAFullBurst) {
  Budget budget{1000, 32, kHz};
  EXPECT_EQ(passed(budget, Tsc{0}, 100), 32U);
  EXPECT_EQ(passed(budget, Tsc{0}, 100), 0U);
}

TEST(Budget, EarnsOneFrameAtATime) {
  Budget budget{1000, 1, kHz};
  constexpr std::uint64_t kFrame = kHz / 1000;
  EXPECT_TRUE(budget.take(Tsc{1}));
  EXPECT_FALSE(budget.take(Tsc{kFrame}));
  EXPECT_TRUE(budget.take(Tsc{kFrame + 1}));
}

TEST(Budget, NeverSavesMoreThanABurst) {
  Budget budget{1000, 32, kHz};
  EXPECT_EQ(passed(budget, Tsc{0}, 100), 32U);
  EXPECT_EQ(passed(budget, Tsc{3600 * kHz}, 100), 32U);
  EXPECT_EQ(passed(budget, Tsc{std::numeric_limits<std::uint64_t>::max()}, 100), 32U);
}

// Polling often must not lose the fractions in between.
TEST(Budget, HoldsItsRateOverTime) {
  for (const std::uint64_t rate : {1U, 7U, 1000U, 1'000'000U}) {
    Budget budget{rate, 2, kHz};
    std::uint64_t taken = 0;
    constexpr std::uint64_t kStep = 997;  // ticks; one second in all
    for (std::uint64_t now = 0; now < kHz; now += kStep) taken += budget.take(Tsc{now}) ? 1U : 0U;
    EXPECT_LE(taken, rate + 2) << rate;
    EXPECT_GE(taken, rate - rate / 100) << rate;
  }
}

TEST(Budget, ARateAboveTheClockIsTheClock) {
  Budget budget{10 * kHz, 1, kHz};
  EXPECT_EQ(passed(budget, Tsc{100}, 5), 1U);
  EXPECT_EQ(passed(budget, Tsc{101}, 5), 1U);
}

TEST(Budget, TakesSeveralFramesAtOnceOrNone) {
  Budget budget{1, 4, kHz};
  EXPECT_TRUE(budget.take(Tsc{kHz}, 3));
  EXPECT_FALSE(budget.take(Tsc{kHz}, 2));
  EXPECT_TRUE(budget.take(Tsc{kHz}, 1));
  EXPECT_FALSE(budget.take(Tsc{1000 * kHz}, 5));  // more than the burst, however long one waits
}

TEST(Budget, ABurstOfZeroIsOne) {
  Budget budget{1000, 0, kHz};
  EXPECT_EQ(passed(budget, Tsc{0}, 10), 1U);
}

TEST(Budget, AHugeBurstDoesNotOverflow) {
  Budget budget{1, std::numeric_limits<std::uint64_t>::max(), kHz};
  EXPECT_EQ(passed(budget, Tsc{1}, 1000), 1000U);
}

TEST(Budget, AClockThatStepsBackEarnsNothing) {
  Budget budget{1000, 2, kHz};
  EXPECT_EQ(passed(budget, Tsc{kHz}, 10), 2U);
  EXPECT_EQ(passed(budget, Tsc{0}, 10), 0U);
  EXPECT_EQ(passed(budget, Tsc{kHz}, 10), 0U);
}

}  // namespace
}  // namespace weft::classifier
