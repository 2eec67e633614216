#include "pmd-config/handover.h"

#include <atomic>
#include <memory>
#include <thread>

#include <gtest/gtest.h>

namespace weft {
namespace {

TEST(Handover, GivesNothingBeforeTheOfferAndAfterTheWithdrawal) {
  Handover<int> handover;
  int object = 7;
  EXPECT_FALSE(handover.enter());
  handover.withdraw();
  handover.offer(&object);
  {
    const auto use = handover.enter();
    ASSERT_TRUE(use);
    EXPECT_EQ(*use, 7);
  }
  handover.withdraw();
  EXPECT_FALSE(handover.enter());
}

// Under ThreadSanitizer and AddressSanitizer: the object is freed right after each withdrawal.
TEST(Handover, NeverTakesTheObjectFromUnderTheWorker) {
  constexpr int kRounds = 2000;
  Handover<int> handover;
  std::atomic<bool> stops{false};
  std::atomic<std::uint64_t> uses{0};
  std::thread worker{[&] {
    while (!stops.load(std::memory_order_relaxed)) {
      if (const auto use = handover.enter()) {
        ++*use;
        uses.fetch_add(1, std::memory_order_relaxed);
      }
    }
  }};
  for (int round = 0; round < kRounds; ++round) {
    auto object = std::make_unique<int>(0);
    handover.offer(object.get());
    // Every tenth waits for a use, so that the test means something on one core too.
    const std::uint64_t before = uses.load();
    while (round % 10 == 0 && uses.load() == before) std::this_thread::yield();
    handover.withdraw();
  }
  stops = true;
  worker.join();
  EXPECT_GE(uses.load(), kRounds / 10U);
}

}  // namespace
}  // namespace weft
