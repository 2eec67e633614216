#include "classifier/flow_table.h"

#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "classifier/testing/flow_tables.h"

namespace weft::classifier {
namespace {

TEST(FlowTable, FindsWhatWasInsertedAndNothingElse) {
  FlowTable table = make_table(100);
  EXPECT_EQ(look_up(table, kOwner, 1), nullptr);
  const Inserted first = add(table, kOwner, 1, ConnState::syn_sent, CoarseTime{9});
  ASSERT_EQ(first.status, InsertStatus::ok);
  EXPECT_EQ(look_up(table, kOwner, 1), first.entry);
  EXPECT_EQ(first.entry->key, numbered_key(kOwner, 1));
  EXPECT_EQ(first.entry->state, ConnState::syn_sent);
  EXPECT_EQ(first.entry->seen, CoarseTime{9});
  EXPECT_EQ(first.entry->decision, Decision{});
  EXPECT_EQ(look_up(table, kOwner, 2), nullptr);
  EXPECT_EQ(look_up(table, EndpointIndex{8}, 1), nullptr);

  table.erase(*first.entry);
  EXPECT_EQ(look_up(table, kOwner, 1), nullptr);
  EXPECT_FALSE(first.entry->is_of(numbered_key(kOwner, 1)));
  EXPECT_EQ(table.stats().entries, 0U);
  EXPECT_EQ(table.stats().inserted, 1U);
  EXPECT_EQ(table.stats().erased, 1U);
}

TEST(FlowTable, ClearsAPlaceThatIsUsedAgain) {
  FlowTable table = make_table(1);
  add(table, kOwner, 1).entry->packets = 5;
  table.erase(*look_up(table, kOwner, 1));
  EXPECT_EQ(add(table, kOwner, 1).entry->packets, 1U);
}

TEST(FlowTable, AnswersWithTheEntryThatIsThereAlready) {
  FlowTable table = make_table(10);
  FlowEntry* entry = add(table, kOwner, 1).entry;
  entry->packets = 3;
  const Inserted again = add(table, kOwner, 1, ConnState::syn_sent);
  EXPECT_EQ(again.status, InsertStatus::exists);
  EXPECT_EQ(again.entry, entry);
  EXPECT_EQ(entry->packets, 3U);
  EXPECT_EQ(entry->state, ConnState::established);
  EXPECT_EQ(table.count(kOwner), 1U);
}

TEST(FlowTable, HoldsExactlyItsMaximumWhateverThatIs) {
  for (const std::uint32_t max_entries : {1U, 2U, 11U, 12U, 13U, 100U, 4096U, 300'000U}) {
    FlowTable table = make_table(max_entries);
    for (std::uint32_t i = 0; i < max_entries; ++i) {
      ASSERT_EQ(add(table, kOwner, i).status, InsertStatus::ok) << max_entries << ", " << i;
    }
    EXPECT_EQ(table.stats().entries, max_entries);
    EXPECT_EQ(table.stats().evicted, 0U);
    for (std::uint32_t i = 0; i < max_entries; ++i) {
      ASSERT_NE(look_up(table, kOwner, i), nullptr) << max_entries << ", " << i;
    }
    EXPECT_EQ(add(table, kOwner, max_entries).status, InsertStatus::ok);
    EXPECT_EQ(table.stats().entries, max_entries);
    EXPECT_EQ(table.stats().evicted, 1U);
  }
}

TEST(FlowTable, RefusesAConfigurationOutOfRange) {
  EXPECT_FALSE(FlowTable::create({0, 1, 0}).is_ok());
  EXPECT_FALSE(FlowTable::create({1, 0, 0}).is_ok());
  EXPECT_FALSE(FlowTable::create({1, kMaxKeyEndpoints + 1, 0}).is_ok());
  const auto huge = FlowTable::create({kMaxFlowEntries + 1, 1, 0});
  ASSERT_FALSE(huge.is_ok());
  EXPECT_EQ(huge.error().message, "flow table: max_entries 100000001 is not in 1..100000000");
}

TEST(FlowTable, TakesAboutAHundredOctetsPerEntry) {
  EXPECT_LT(flow_table_size({1'000'000, 16'384, 0}), 110'000'000U);
  EXPECT_GT(flow_table_size({1'000'000, 16'384, 0}), 85'000'000U);
}

TEST(FlowTable, FindsInBulkWhatItFindsOneByOne) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random{seed};
  FlowTable table = make_table(2000);
  for (std::uint32_t i = 0; i < 2000; ++i) add(table, kOwner, i);
  for (int round = 0; round < 2000; ++round) {
    std::array<ConnectionKey, kMaxBulk> keys;
    std::array<std::uint64_t, kMaxBulk> hashes{};
    std::array<FlowEntry*, kMaxBulk> found{};
    const std::size_t count = random() % (kMaxBulk + 1);
    for (std::size_t i = 0; i < count; ++i) {
      keys[i] = numbered_key(kOwner, random() % 4000);
      hashes[i] = table.hash(keys[i]);
    }
    const std::uint64_t hits = table.find_bulk(
        std::span{keys}.first(count), std::span{hashes}.first(count), std::span{found}.first(count)
    );
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_EQ(found[i], table.find(keys[i], hashes[i]));
      ASSERT_EQ((hits >> i & 1U) != 0, found[i] != nullptr);
    }
    ASSERT_TRUE(count == kMaxBulk || hits >> count == 0);
  }
}

// -- time -----------------------------------------------------------------------------------------

TEST(FlowTable, SweepsWhatIsOverInBoundedStepsAcrossTheWrapOfTime) {
  FlowTable table = make_table(1000);
  const Timeouts timeouts;
  const CoarseTime start{0xFFFFFFFFU - 100};
  for (std::uint32_t i = 0; i < 500; ++i) {
    add(table, kOwner, i, ConnState::udp_unreplied, start);
    add(table, kOwner, 500 + i, ConnState::established, start);
  }
  const std::uint32_t timeout = timeout_of(ConnState::udp_unreplied, timeouts);
  const CoarseTime last{start.value() + timeout};
  EXPECT_EQ(table.sweep(last, timeouts, table.bucket_count()), 0U);

  const CoarseTime over{last.value() + 1};
  ASSERT_LT(over.value(), start.value()) << "time has wrapped";
  std::uint32_t expired = 0;
  for (std::uint32_t bucket = 0; bucket < table.bucket_count(); ++bucket) {
    const std::uint32_t now_expired = table.sweep(over, timeouts, 1);
    EXPECT_LE(now_expired, 16U);
    expired += now_expired;
  }
  EXPECT_EQ(expired, 500U);
  EXPECT_EQ(table.stats().expired, 500U);
  EXPECT_EQ(table.stats().entries, 500U);
  EXPECT_EQ(look_up(table, kOwner, 3), nullptr);
  EXPECT_NE(look_up(table, kOwner, 503), nullptr);
}

// -- limits ---------------------------------------------------------------------------------------

TEST(FlowTable, RefusesAnOwnerAboveItsConnectionLimitAndNobodyElse) {
  FlowTable table = make_table(100);
  const OwnerLimits limits{3, 0, 0};
  for (std::uint32_t i = 0; i < 3; ++i) {
    EXPECT_EQ(add(table, kOwner, i, ConnState::established, {}, limits).status, InsertStatus::ok);
  }
  const Inserted refused = add(table, kOwner, 3, ConnState::established, {}, limits);
  EXPECT_EQ(refused.status, InsertStatus::over_connection_limit);
  EXPECT_EQ(refused.entry, nullptr);
  EXPECT_EQ(table.stats().over_connection_limit, 1U);
  EXPECT_EQ(table.stats().table_full + table.stats().over_connection_rate, 0U);
  EXPECT_EQ(table.count(kOwner), 3U);
  EXPECT_EQ(
      add(table, EndpointIndex{8}, 0, ConnState::established, {}, limits).status, InsertStatus::ok
  );
}

TEST(FlowTable, CountsOnlyLiveConnectionsAndRecyclesTheClosingOnes) {
  FlowTable table = make_table(100);
  const OwnerLimits limits{3, 0, 0};
  for (std::uint32_t i = 0; i < 3; ++i) add(table, kOwner, i);
  table.set_state(*look_up(table, kOwner, 1), ConnState::time_wait);
  EXPECT_EQ(table.live_count(kOwner), 2U);
  EXPECT_EQ(add(table, kOwner, 3, ConnState::established, {}, limits).status, InsertStatus::ok);
  EXPECT_EQ(table.count(kOwner), 3U) << "never more entries than the limit";
  EXPECT_EQ(look_up(table, kOwner, 1), nullptr);
  EXPECT_EQ(table.stats().recycled, 1U);
  EXPECT_EQ(table.stats().evicted, 0U);
}

TEST(FlowTable, RefusesNewConnectionsAboveTheRate) {
  FlowTable table = make_table(100);
  const OwnerLimits limits{0, 2, 4};
  std::uint64_t number = 0;
  const auto tries = [&](CoarseTime now) {
    int accepted = 0;
    for (int i = 0; i < 10; ++i) {
      const auto status = add(table, kOwner, number++, ConnState::syn_sent, now, limits).status;
      EXPECT_TRUE(status == InsertStatus::ok || status == InsertStatus::over_connection_rate);
      accepted += status == InsertStatus::ok ? 1 : 0;
    }
    return accepted;
  };
  EXPECT_EQ(tries(CoarseTime{1000}), 4);
  EXPECT_EQ(tries(CoarseTime{1000 + kTicksPerSecond}), 2);
  EXPECT_EQ(table.stats().over_connection_rate, 14U);
  EXPECT_TRUE(table.erase_owner(kOwner, 100));
  EXPECT_EQ(tries(CoarseTime{1000 + kTicksPerSecond}), 4) << "another container at that index";
}

// -- owners and listing ---------------------------------------------------------------------------

TEST(FlowTable, ErasesAnOwnerInBoundedSteps) {
  FlowTable table = make_table(100);
  for (std::uint32_t i = 0; i < 10; ++i) {
    add(table, kOwner, i, i % 2 == 0 ? ConnState::syn_sent : ConnState::established);
    add(table, EndpointIndex{8}, i);
  }
  EXPECT_FALSE(table.erase_owner(kOwner, 4));
  EXPECT_EQ(table.count(kOwner), 6U);
  EXPECT_FALSE(table.erase_owner(kOwner, 5));
  EXPECT_TRUE(table.erase_owner(kOwner, 5));
  EXPECT_TRUE(table.erase_owner(kOwner, 0));
  EXPECT_EQ(table.count(kOwner), 0U);
  EXPECT_EQ(table.count(EndpointIndex{8}), 10U);
  EXPECT_EQ(table.stats().erased, 10U);
}

TEST(FlowTable, NamesTheOldestEntryOfEachClass) {
  FlowTable table = make_table(100);
  EXPECT_EQ(table.oldest(kOwner, FlowClass::settled), nullptr);
  add(table, kOwner, 1);
  add(table, kOwner, 2);
  add(table, kOwner, 3, ConnState::syn_sent);
  EXPECT_EQ(table.oldest(kOwner, FlowClass::settled), look_up(table, kOwner, 1));
  EXPECT_EQ(table.oldest(kOwner, FlowClass::opening), look_up(table, kOwner, 3));
  EXPECT_EQ(table.oldest(kOwner, FlowClass::closing), nullptr);
  EXPECT_EQ(table.oldest(EndpointIndex{8}, FlowClass::settled), nullptr);
}

TEST(FlowTable, IsListedFromACursorOnceAndCompletely) {
  FlowTable table = make_table(500);
  for (std::uint32_t i = 0; i < 400; ++i) add(table, kOwner, i);
  std::multiset<std::string> seen;
  std::uint32_t cursor = 0;
  while (cursor != table.bucket_count()) {
    cursor =
        table.visit(cursor, 7, [&](const FlowEntry& entry) { seen.insert(name_of(entry.key)); });
  }
  EXPECT_EQ(seen.size(), 400U);
  for (std::uint32_t i = 0; i < 400; ++i) {
    EXPECT_EQ(seen.count(name_of(numbered_key(kOwner, i))), 1U);
  }
}

// -- model ----------------------------------------------------------------------------------------

struct ModelEntry {
  ConnState state;
  CoarseTime seen;
  std::uint32_t packets;
};

TEST(FlowTable, EqualsAMapOverAMillionRandomOperations) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random{seed};
  constexpr std::uint32_t kOwners = 30;
  constexpr std::uint32_t kNumbers = 200;
  FlowTable table = make_table(kOwners * kNumbers);  // never full
  using Name = std::pair<std::uint32_t, std::uint64_t>;
  std::map<Name, ModelEntry> model;
  const Timeouts timeouts;
  CoarseTime now{0xFFFF0000U};
  std::uint32_t packets = 0;

  for (int step = 0; step < 1'000'000; ++step) {
    now = CoarseTime{now.value() + (random() % 8U == 0 ? 1U : 0U)};
    const Name name{random() % kOwners, random() % kNumbers};
    const EndpointIndex owner{name.first};
    const auto state =
        static_cast<ConnState>(1U + random() % (static_cast<unsigned>(kConnStateCount) - 1U));
    const auto expected = model.find(name);
    FlowEntry* entry = look_up(table, owner, name.second);
    ASSERT_EQ(entry != nullptr, expected != model.end()) << step;
    if (entry != nullptr) {
      ASSERT_EQ(entry->state, expected->second.state);
      ASSERT_EQ(entry->seen, expected->second.seen);
      ASSERT_EQ(entry->packets, expected->second.packets);
    }
    switch (random() % 4) {
      case 0: {
        const Inserted inserted = add(table, owner, name.second, state, now);
        ASSERT_EQ(inserted.status, entry != nullptr ? InsertStatus::exists : InsertStatus::ok);
        if (entry == nullptr) model[name] = {state, now, 1};
        break;
      }
      case 1:
        if (entry == nullptr || random() % 4 != 0) break;
        table.erase(*entry);
        model.erase(expected);
        break;
      default:
        if (entry == nullptr) break;
        table.set_state(*entry, state);
        entry->seen = now;
        entry->packets = ++packets;
        expected->second = {state, now, packets};
        break;
    }
    if (random() % 1000 == 0) {
      const std::size_t before = model.size();
      std::erase_if(model, [&](const auto& item) {
        return is_expired(item.second.state, item.second.seen, now, timeouts);
      });
      ASSERT_EQ(table.sweep(now, timeouts, table.bucket_count()), before - model.size());
    }
    if (random() % 5000 == 0) {
      ASSERT_TRUE(table.erase_owner(owner, kNumbers));
      std::erase_if(model, [&](const auto& item) { return item.first.first == name.first; });
    }
    ASSERT_EQ(table.stats().entries, model.size());
  }
  EXPECT_LT(now.value(), 0xFFFF0000U) << "time has wrapped on the way";
  EXPECT_EQ(picture_of(table).entries.size(), model.size());
  EXPECT_EQ(table.stats().evicted + table.stats().table_full, 0U);
}

}  // namespace
}  // namespace weft::classifier
