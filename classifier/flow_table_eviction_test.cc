// Who loses what when a flow table is full. The rest of the table: flow_table_test.cc.
#include <algorithm>
#include <random>

#include <gtest/gtest.h>

#include "classifier/flow_table.h"
#include "classifier/testing/flow_tables.h"

namespace weft::classifier {
namespace {

TEST(FlowTableEviction, EvictsClosingThenOpeningThenTheMostIdleSettled) {
  FlowTable table = make_table(6);
  add(table, kOwner, 0, ConnState::established, CoarseTime{10});
  add(table, kOwner, 1, ConnState::established, CoarseTime{5});
  add(table, kOwner, 2, ConnState::syn_sent, CoarseTime{20});
  add(table, kOwner, 3, ConnState::syn_sent, CoarseTime{15});
  add(table, kOwner, 4, ConnState::established, CoarseTime{30});
  add(table, kOwner, 5, ConnState::established, CoarseTime{3});
  table.set_state(*look_up(table, kOwner, 4), ConnState::closed);
  std::uint64_t number = 100;
  for (const std::uint64_t victim : {4U, 3U, 2U, 5U, 1U, 0U}) {
    ASSERT_NE(look_up(table, kOwner, victim), nullptr);
    ASSERT_EQ(
        add(table, kOwner, number++, ConnState::established, CoarseTime{40}).status,
        InsertStatus::ok
    );
    EXPECT_EQ(look_up(table, kOwner, victim), nullptr) << victim;
  }
  EXPECT_EQ(table.stats().evicted, 6U);
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
