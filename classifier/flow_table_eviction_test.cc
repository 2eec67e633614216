// Who loses what when a flow table is full. The rest of the table: flow_table_test.cc.
#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <random>

#include <gtest/gtest.h>

#include "classifier/flow_table.h"
#include "classifier/testing/flow_tables.h"

namespace weft::classifier {
namespace {

void use(FlowTable& table, std::uint64_t number, CoarseTime now) {
  FlowEntry* entry = look_up(table, kOwner, number);
  ASSERT_NE(entry, nullptr) << number;
  ++entry->packets;
  entry->seen = now;
}

/// Adds to a full table, again and again, and expects that these go, in this order.
void expect_to_go(FlowTable& table, std::initializer_list<std::uint64_t> victims) {
  std::uint64_t number = 1000;
  for (const std::uint64_t victim : victims) {
    ASSERT_NE(look_up(table, kOwner, victim), nullptr) << victim;
    ASSERT_EQ(
        add(table, kOwner, number++, ConnState::established, CoarseTime{40}).status,
        InsertStatus::ok
    );
    EXPECT_EQ(look_up(table, kOwner, victim), nullptr) << victim;
  }
}

TEST(FlowTableEviction, EvictsClosingThenOpeningThenSettledInTheOrderOfArrival) {
  FlowTable table = make_table(6);
  add(table, kOwner, 0, ConnState::established, CoarseTime{1});
  add(table, kOwner, 1, ConnState::syn_sent, CoarseTime{2});
  add(table, kOwner, 2, ConnState::established, CoarseTime{3});
  add(table, kOwner, 3, ConnState::syn_sent, CoarseTime{4});
  add(table, kOwner, 4, ConnState::established, CoarseTime{5});
  add(table, kOwner, 5, ConnState::established, CoarseTime{6});
  table.set_state(*look_up(table, kOwner, 4), ConnState::closed);
  expect_to_go(table, {4, 1, 3, 0, 2, 5});
  EXPECT_EQ(table.stats().evicted, 6U);
}

TEST(FlowTableEviction, PassesOverWhatWasUsedSinceItGotItsPlace) {
  FlowTable table = make_table(4);
  for (std::uint64_t number = 0; number < 4; ++number) add(table, kOwner, number);
  use(table, 0, CoarseTime{20});
  use(table, 2, CoarseTime{10});
  expect_to_go(table, {1, 3, 0});  // 0 had its second chance
}

TEST(FlowTableEviction, TakesTheMostIdleOneIfAllWereUsed) {
  FlowTable table = make_table(4);
  for (std::uint64_t number = 0; number < 4; ++number) add(table, kOwner, number);
  use(table, 0, CoarseTime{20});
  use(table, 1, CoarseTime{30});
  use(table, 2, CoarseTime{10});
  use(table, 3, CoarseTime{25});
  expect_to_go(table, {2});
}

TEST(FlowTableEviction, LooksAtNoMoreThanItsScanAtOnce) {
  constexpr std::uint64_t kMany = 3 * kEvictionScan;
  FlowTable table = make_table(kMany);
  for (std::uint64_t number = 0; number < kMany; ++number) add(table, kOwner, number);
  for (std::uint64_t number = 0; number < kMany; ++number) use(table, number, CoarseTime{20});
  use(table, 3, CoarseTime{10});
  use(table, kMany - 1, CoarseTime{5});
  expect_to_go(table, {3});
}

// A connection that is in use outlives a flood from its own owner.
TEST(FlowTableEviction, AFloodOfOneOwnerLeavesItsOwnBusyConnectionsAlone) {
  constexpr std::uint32_t kBusy = kEvictionScan - 1;
  FlowTable table = make_table(1000);
  for (std::uint32_t i = 0; i < kBusy; ++i) add(table, kOwner, i);
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    const CoarseTime now{i / 100};
    ASSERT_EQ(add(table, kOwner, 100 + i, ConnState::udp_replied, now).status, InsertStatus::ok);
    if (i % 100 == 0) {
      for (std::uint32_t busy = 0; busy < kBusy; ++busy) use(table, busy, now);
    }
  }
}

TEST(FlowTableEviction, IsFullOnlyWhenEveryOwnerHasOneEntryAndTheNewcomerNone) {
  FlowTable table = make_table(4);
  for (std::uint32_t owner = 0; owner < 4; ++owner) add(table, EndpointIndex{owner}, 1);
  EXPECT_EQ(add(table, EndpointIndex{9}, 1).status, InsertStatus::table_full);
  EXPECT_EQ(table.stats().table_full, 1U);
  EXPECT_EQ(table.stats().entries, 4U);
  EXPECT_EQ(add(table, EndpointIndex{2}, 2).status, InsertStatus::ok) << "from itself";
  EXPECT_EQ(look_up(table, EndpointIndex{2}, 1), nullptr);
}

TEST(FlowTableEviction, NeverTakesAnythingFromALighterOwner) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random{seed};
  constexpr ConnState kStates[] = {
      ConnState::time_wait, ConnState::syn_sent, ConnState::established, ConnState::udp_replied};
  FlowTable table = make_table(150);
  std::uint64_t number = 0;
  for (int step = 0; step < 15'000; ++step) {
    const EndpointIndex owner{static_cast<std::uint32_t>(random() % (1U + random() % 40U))};
    const Picture before = picture_of(table);
    const bool is_full = table.stats().entries == 150;
    const ConnState state = kStates[random() % 4];
    const CoarseTime now{static_cast<std::uint32_t>(random() % 1000U)};
    const auto status = add(table, owner, number++, state, now).status;
    if (!is_full) {
      ASSERT_EQ(status, InsertStatus::ok);
      continue;
    }
    const Picture after = picture_of(table);
    const auto count_of = [&before](std::uint32_t who) {
      const auto at = before.counts.find(who);
      return at != before.counts.end() ? at->second : 0U;
    };
    std::uint32_t most = 0;
    for (const auto& [who, count] : before.counts) most = std::max(most, count);
    if (status == InsertStatus::table_full) {
      ASSERT_EQ(most, 1U);
      ASSERT_EQ(count_of(owner.value()), 0U);
      continue;
    }
    ASSERT_EQ(status, InsertStatus::ok);
    int lost = 0;
    for (const auto& [key, entry] : before.entries) {
      if (after.entries.contains(key)) continue;
      ++lost;
      const auto [loser, flow_class] = entry;
      ASSERT_TRUE(
          loser == owner.value() || (count_of(loser) == most && most >= count_of(owner.value()) + 2)
      ) << step;
      for (std::uint8_t better = 0; better < static_cast<std::uint8_t>(flow_class); ++better) {
        ASSERT_FALSE(before.classes.contains(std::pair{loser, static_cast<FlowClass>(better)}))
            << step << ": an entry that is missed less was there";
      }
    }
    ASSERT_EQ(lost, 1) << step;
    // Now and then somebody leaves, so that the table is not full for ever.
    if (random() % 500 == 0) {
      ASSERT_TRUE(table.erase_owner(owner, 150));
    }
  }
}

TEST(FlowTableEviction, AFloodOfOneOwnerLeavesTheOthersAlone) {
  FlowTable table = make_table(1000);
  for (std::uint32_t owner = 1; owner <= 9; ++owner) {
    for (std::uint32_t i = 0; i < 50; ++i) add(table, EndpointIndex{owner}, i);
  }
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    ASSERT_EQ(add(table, EndpointIndex{0}, i, ConnState::syn_sent).status, InsertStatus::ok);
  }
  for (std::uint32_t owner = 1; owner <= 9; ++owner) {
    EXPECT_EQ(table.count(EndpointIndex{owner}), 50U);
  }
  EXPECT_EQ(table.count(EndpointIndex{0}), 550U);
}

}  // namespace
}  // namespace weft::classifier
