#include "classifier/owner_accounts.h"

#include <algorithm>
#include <array>
#include <deque>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace weft::classifier {
namespace {

constexpr std::uint32_t kOwners = 20;
constexpr std::uint32_t kSlots = 300;

OwnerAccounts accounts() {
  auto made = OwnerAccounts::create(kOwners, kSlots, kSlots);
  EXPECT_TRUE(made.is_ok());
  return std::move(*made);
}

/// Passes over each entry once, so the ring is as it was.
std::vector<std::uint32_t> ring(OwnerAccounts& book, EndpointIndex owner, FlowClass flow_class) {
  std::vector<std::uint32_t> slots;
  const FlowSlot first = book.front(owner, flow_class);
  for (FlowSlot slot = first; slot != kNoSlot;) {
    slots.push_back(slot.value());
    book.pass_over_front(owner, flow_class);
    slot = book.front(owner, flow_class);
    if (slot == first) break;
  }
  return slots;
}

TEST(OwnerAccounts, KeepTheOrderOfArrivalInEachRing) {
  OwnerAccounts book = accounts();
  const EndpointIndex owner{3};
  EXPECT_EQ(book.front(owner, FlowClass::opening), kNoSlot);
  for (std::uint32_t slot : {5U, 0U, 7U}) book.add(owner, FlowClass::opening, FlowSlot{slot});
  EXPECT_EQ(ring(book, owner, FlowClass::opening), (std::vector<std::uint32_t>{5, 0, 7}));
  book.move(owner, FlowClass::opening, FlowClass::opening, FlowSlot{5});
  EXPECT_EQ(ring(book, owner, FlowClass::opening), (std::vector<std::uint32_t>{0, 7, 5}));
  book.move(owner, FlowClass::opening, FlowClass::closing, FlowSlot{7});
  EXPECT_EQ(ring(book, owner, FlowClass::opening), (std::vector<std::uint32_t>{0, 5}));
  EXPECT_EQ(ring(book, owner, FlowClass::closing), (std::vector<std::uint32_t>{7}));
  EXPECT_EQ(book.count(owner), 3U);
  EXPECT_EQ(book.live_count(owner), 2U);
  book.remove(owner, FlowClass::closing, FlowSlot{7});
  EXPECT_EQ(book.front(owner, FlowClass::closing), kNoSlot);
}

TEST(OwnerAccounts, KeepTheMarkOfAnEntryThatMoves) {
  OwnerAccounts book = accounts();
  const EndpointIndex owner{3};
  for (std::uint32_t slot : {5U, 0U}) book.add(owner, FlowClass::opening, FlowSlot{slot});
  book.mark(FlowSlot{5}) = 17;
  book.mark(FlowSlot{0}) = 4;
  book.pass_over_front(owner, FlowClass::opening);
  book.move(owner, FlowClass::opening, FlowClass::settled, FlowSlot{5});
  EXPECT_EQ(book.mark(FlowSlot{5}), 17U);
  EXPECT_EQ(book.mark(FlowSlot{0}), 4U);
}

TEST(OwnerAccounts, AgreeWithAnObviousModelOverRandomOperations) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random{seed};
  OwnerAccounts book = accounts();
  std::array<std::array<std::deque<std::uint32_t>, kFlowClassCount>, kOwners> model;
  std::vector<std::uint32_t> unused;
  for (std::uint32_t slot = 0; slot < kSlots; ++slot) unused.push_back(slot);

  const auto count = [&](std::uint32_t owner) {
    std::size_t sum = 0;
    for (const auto& slots : model[owner]) sum += slots.size();
    return sum;
  };
  for (int step = 0; step < 100'000; ++step) {
    // Low numbers more often, so that some owners are heavy.
    const auto owner = static_cast<std::uint32_t>(random() % (1U + random() % kOwners));
    const std::size_t from = random() % kFlowClassCount;
    const std::size_t to = random() % kFlowClassCount;
    auto& slots = model[owner][from];
    if (random() % 2 == 0 && !unused.empty()) {
      book.add(EndpointIndex{owner}, static_cast<FlowClass>(from), FlowSlot{unused.back()});
      slots.push_back(unused.back());
      unused.pop_back();
    } else if (!slots.empty()) {
      const auto at = slots.begin() + static_cast<long>(random() % slots.size());
      const std::uint32_t slot = *at;
      slots.erase(at);
      if (random() % 2 == 0) {
        book.remove(EndpointIndex{owner}, static_cast<FlowClass>(from), FlowSlot{slot});
        unused.push_back(slot);
      } else {
        book.move(
            EndpointIndex{owner},
            static_cast<FlowClass>(from),
            static_cast<FlowClass>(to),
            FlowSlot{slot}
        );
        model[owner][to].push_back(slot);
      }
    }
    std::size_t most = 0;
    for (std::uint32_t i = 0; i < kOwners; ++i) most = std::max(most, count(i));
    if (most != 0) {
      ASSERT_EQ(book.count(book.heaviest()), most) << step;
      ASSERT_EQ(count(book.heaviest().value()), most) << step;
    }
    ASSERT_EQ(book.count(EndpointIndex{owner}), count(owner)) << step;
    ASSERT_EQ(book.live_count(EndpointIndex{owner}), count(owner) - model[owner][0].size()) << step;
    const std::vector<std::uint32_t> expected(model[owner][to].begin(), model[owner][to].end());
    ASSERT_EQ(ring(book, EndpointIndex{owner}, static_cast<FlowClass>(to)), expected) << step;
  }
}

int granted(OwnerAccounts& book, EndpointIndex owner, const OwnerLimits& limits, CoarseTime now) {
  int count = 0;
  while (count < 1000 && book.take_credit(owner, limits, now)) ++count;
  return count;
}

TEST(OwnerAccounts, GrantABurstAndThenTheRateExactly) {
  OwnerAccounts book = accounts();
  const EndpointIndex owner{1};
  const OwnerLimits limits{0, 5, 12};
  CoarseTime now{0xFFFFFFF0U};  // wraps on the way
  EXPECT_EQ(granted(book, owner, limits, now), 12);
  int later = 0;
  for (std::uint32_t tick = 1; tick <= 100 * kTicksPerSecond; ++tick) {
    now = CoarseTime{0xFFFFFFF0U + tick};
    later += granted(book, owner, limits, now);
  }
  EXPECT_EQ(later, 500);
  EXPECT_EQ(granted(book, owner, limits, CoarseTime{now.value() + 1'000'000}), 12);
}

TEST(OwnerAccounts, TakeOneSecondAsBurstByDefaultAndNoRateAsUnlimited) {
  OwnerAccounts book = accounts();
  EXPECT_EQ(granted(book, EndpointIndex{1}, OwnerLimits{0, 7, 0}, CoarseTime{0}), 7);
  EXPECT_EQ(granted(book, EndpointIndex{2}, OwnerLimits{}, CoarseTime{0}), 1000);
}

TEST(OwnerAccounts, ForgetTheCreditOfAnEarlierContainer) {
  OwnerAccounts book = accounts();
  const OwnerLimits limits{0, 3, 0};
  EXPECT_EQ(granted(book, EndpointIndex{1}, limits, CoarseTime{50}), 3);
  EXPECT_EQ(granted(book, EndpointIndex{1}, limits, CoarseTime{50}), 0);
  book.forget_credit(EndpointIndex{1});
  EXPECT_EQ(granted(book, EndpointIndex{1}, limits, CoarseTime{50}), 3);
}

}  // namespace
}  // namespace weft::classifier
