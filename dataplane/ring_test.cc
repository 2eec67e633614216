#include "dataplane/ring.h"

#include <array>
#include <cstdint>
#include <thread>

#include <gtest/gtest.h>

namespace weft {
namespace {

TEST(SpscRing, KeepsOrder) {
  SpscRing<int> ring{4};
  EXPECT_TRUE(ring.push(1));
  EXPECT_TRUE(ring.push(2));
  int value = 0;
  ASSERT_TRUE(ring.pop(value));
  EXPECT_EQ(value, 1);
  ASSERT_TRUE(ring.pop(value));
  EXPECT_EQ(value, 2);
  EXPECT_FALSE(ring.pop(value));
}

TEST(SpscRing, RefusesWhenFull) {
  SpscRing<int> ring{4};
  const std::array<int, 6> values{1, 2, 3, 4, 5, 6};
  EXPECT_EQ(ring.push_burst(values.data(), values.size()), 4U);
  EXPECT_FALSE(ring.push(7));
  EXPECT_EQ(ring.size(), 4U);
  int value = 0;
  EXPECT_TRUE(ring.pop(value));
  EXPECT_TRUE(ring.push(7));
}

TEST(SpscRing, PopsNoMoreThanAskedFor) {
  SpscRing<int> ring{8};
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(ring.push(i));
  std::array<int, 3> out{};
  EXPECT_EQ(ring.pop_burst(out.data(), out.size()), 3U);
  EXPECT_EQ(out, (std::array<int, 3>{0, 1, 2}));
  EXPECT_EQ(ring.size(), 2U);
}

TEST(SpscRing, WrapsAroundManyTimes) {
  SpscRing<std::uint64_t> ring{8};
  std::uint64_t expected = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    ASSERT_TRUE(ring.push(i));
    if (i % 5 == 4) {
      std::uint64_t value = 0;
      while (ring.pop(value)) ASSERT_EQ(value, expected++);
    }
  }
  EXPECT_EQ(expected, 1000U);
}

// Run under ThreadSanitizer by `./check --full`.
TEST(SpscRing, HandsEveryValueOverBetweenTwoThreads) {
  constexpr std::uint64_t kValues = 200'000;
  SpscRing<std::uint64_t> ring{64};
  std::thread producer{[&] {
    for (std::uint64_t i = 0; i < kValues;) {
      if (ring.push(i)) {
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
  }};
  std::array<std::uint64_t, 16> out{};
  std::uint64_t expected = 0;
  while (expected < kValues) {
    const std::size_t count = ring.pop_burst(out.data(), out.size());
    for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(out[i], expected++);
    if (count == 0) std::this_thread::yield();
  }
  producer.join();
  EXPECT_EQ(ring.size(), 0U);
}

}  // namespace
}  // namespace weft
