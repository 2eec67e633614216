#include "pmd-config/reaper.h"

#include <atomic>
#include <chrono>
#include <latch>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace weft {
namespace {

/// A port whose destruction takes as long as the test wants, and is recorded.
class SlowPort final : public Port {
 public:
  SlowPort(int number, std::vector<int>& died, std::latch* may_die = nullptr)
      : Port{"slow", {}}, number_{number}, died_{died}, may_die_{may_die} {}
  ~SlowPort() override {
    if (may_die_ != nullptr) may_die_->wait();
    died_.push_back(number_);
  }
  [[nodiscard]] std::uint16_t rx_burst(rte_mbuf**, std::uint16_t) noexcept override { return 0; }
  [[nodiscard]] std::uint16_t tx_burst(rte_mbuf**, std::uint16_t) noexcept override { return 0; }
  [[nodiscard]] const char* kind() const noexcept override { return "slow"; }

 private:
  int number_;
  std::vector<int>& died_;
  std::latch* may_die_;
};

TEST(Reaper, DoesNotKeepTheCallerWaiting) {
  std::vector<int> died;
  std::latch may_die{1};
  Reaper reaper;
  reaper.reap(std::make_unique<SlowPort>(1, died, &may_die));
  reaper.reap(std::make_unique<SlowPort>(2, died));
  EXPECT_EQ(reaper.pending(), 2U);
  may_die.count_down();
  reaper.drain();
  EXPECT_EQ(reaper.pending(), 0U);
  EXPECT_EQ(died, (std::vector<int>{1, 2}));
}

TEST(Reaper, WhatIsWaitedForGoesFirst) {
  std::vector<int> died;
  std::latch may_die{1};
  Reaper reaper;
  reaper.reap(std::make_unique<SlowPort>(1, died, &may_die));
  while (reaper.pending() != 1) std::this_thread::yield();
  reaper.reap(std::make_unique<SlowPort>(2, died));
  const Reaper::Ticket third = reaper.reap(std::make_unique<SlowPort>(3, died));
  std::thread waiter{[&] { reaper.wait_for(third); }};
  std::this_thread::sleep_for(std::chrono::milliseconds{20});  // the waiter has asked by then
  may_die.count_down();
  waiter.join();
  reaper.drain();
  EXPECT_EQ(died, (std::vector<int>{1, 3, 2}));
}

TEST(Reaper, DestroysEverythingBeforeItEnds) {
  std::vector<int> died;
  {
    Reaper reaper;
    for (int i = 0; i < 50; ++i) reaper.reap(std::make_unique<SlowPort>(i, died));
  }
  ASSERT_EQ(died.size(), 50U);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(died[static_cast<std::size_t>(i)], i);
}

TEST(Reaper, TakesPortsFromSeveralThreads) {
  std::vector<int> died;
  Reaper reaper;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) reaper.reap(std::make_unique<SlowPort>(i, died));
    });
  }
  for (std::thread& thread : threads) thread.join();
  reaper.drain();
  EXPECT_EQ(died.size(), 400U);
}

}  // namespace
}  // namespace weft
