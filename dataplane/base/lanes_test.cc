#include "dataplane/base/lanes.h"

#include <random>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace weft {
namespace {

std::vector<unsigned> members(Lanes lanes) {
  std::vector<unsigned> found;
  for (const unsigned lane : lanes) found.push_back(lane);
  return found;
}

TEST(Lanes, FirstHoldsTheFirstCount) {
  for (unsigned count = 0; count <= kMaxBurst; ++count) {
    const Lanes lanes = Lanes::first(count);
    EXPECT_EQ(lanes.count(), count);
    EXPECT_EQ(lanes.is_empty(), count == 0);
    for (unsigned lane = 0; lane < kMaxBurst; ++lane) EXPECT_EQ(lanes.has(lane), lane < count);
  }
}

TEST(Lanes, IterateInOrder) {
  Lanes lanes;
  for (const unsigned lane : {63U, 0U, 5U, 31U, 32U}) lanes.add(lane);
  EXPECT_EQ(members(lanes), (std::vector<unsigned>{0, 5, 31, 32, 63}));
  EXPECT_TRUE(members(Lanes{}).empty());
}

TEST(Lanes, MayLoseLanesWhileIterated) {  // what a stage that drops packets does
  Lanes lanes = Lanes::first(64);
  unsigned visited = 0;
  for (const unsigned lane : lanes) {
    ++visited;
    if (lane % 2 == 0) lanes.remove(lane);
  }
  EXPECT_EQ(visited, 64U);
  EXPECT_EQ(lanes.count(), 32U);
  EXPECT_FALSE(lanes.has(0));
  EXPECT_TRUE(lanes.has(63));
}

TEST(Lanes, AreASet) {
  constexpr unsigned kSeed = 7;
  std::mt19937 random{kSeed};
  Lanes lanes;
  std::set<unsigned> model;
  for (int round = 0; round < 10000; ++round) {
    const unsigned lane = random() % kMaxBurst;
    if (random() % 2 == 0) {
      lanes.add(lane);
      model.insert(lane);
    } else {
      lanes.remove(lane);
      model.erase(lane);
    }
    ASSERT_EQ(members(lanes), std::vector<unsigned>(model.begin(), model.end()))
        << "seed " << kSeed;
  }
}

TEST(Lanes, UniteIntersectAndSubtract) {
  const Lanes a{0b0011};
  const Lanes b{0b0110};
  EXPECT_EQ(a | b, Lanes{0b0111});
  EXPECT_EQ(a & b, Lanes{0b0010});
  EXPECT_EQ(a - b, Lanes{0b0001});
  EXPECT_EQ((a - b) | (a & b), a);
}

}  // namespace
}  // namespace weft
