#include "dataplane/base/cow_table.h"

#include <cstdint>
#include <random>
#include <set>
#include <unordered_map>
#include <vector>

#include <gtest/gtest.h>

namespace weft {
namespace {

constexpr std::size_t kChunk = 16;
using Table = CowTable<std::uint32_t, std::uint64_t, kChunk>;
using Model = std::unordered_map<std::uint32_t, std::uint64_t>;

void expect_equal(const Table& table, const Model& model) {
  ASSERT_EQ(table.size(), model.size());
  for (const auto& [key, value] : model) {
    const std::uint64_t* found = table.find(key);
    ASSERT_NE(found, nullptr) << key;
    ASSERT_EQ(*found, value) << key;
  }
  std::size_t visited = 0;
  table.for_each([&](std::uint32_t key, std::uint64_t value) {
    ++visited;
    const auto entry = model.find(key);
    ASSERT_NE(entry, model.end()) << key;
    ASSERT_EQ(value, entry->second) << key;
  });
  ASSERT_EQ(visited, model.size());
}

/// Where each key's value lies: equal addresses in two tables mean a shared chunk.
std::unordered_map<std::uint32_t, const std::uint64_t*> places(const Table& table) {
  std::unordered_map<std::uint32_t, const std::uint64_t*> found;
  table.for_each([&](const std::uint32_t& key, const std::uint64_t& value) {
    found.emplace(key, &value);
  });
  return found;
}

std::size_t moved(const Table& before, const Table& after) {
  const auto old_places = places(before);
  std::size_t count = 0;
  for (const auto& [key, place] : places(after)) {
    const auto old_place = old_places.find(key);
    count += old_place != old_places.end() && old_place->second != place ? 1U : 0U;
  }
  return count;
}

Table filled(std::uint32_t count) {
  Table table;
  for (std::uint32_t key = 0; key < count; ++key) table.set(key, key);
  return table;
}

TEST(CowTable, StartsEmpty) {
  const Table table;
  EXPECT_EQ(table.size(), 0U);
  EXPECT_EQ(table.find(1), nullptr);
  table.for_each([](std::uint32_t, std::uint64_t) { FAIL(); });
}

TEST(CowTable, SetsOverwritesAndErases) {
  Table table;
  table.set(1, 10);
  table.set(2, 20);
  table.set(1, 11);
  EXPECT_EQ(table.size(), 2U);
  EXPECT_EQ(*table.find(1), 11U);
  EXPECT_TRUE(table.erase(1));
  EXPECT_FALSE(table.erase(1));
  EXPECT_EQ(table.find(1), nullptr);
  EXPECT_EQ(*table.find(2), 20U);
  EXPECT_EQ(table.size(), 1U);
}

TEST(CowTable, FindsEveryKeyAfterEachOneIsErased) {  // probe chains are closed, not broken
  constexpr std::uint32_t kKeys = 500;
  Table table = filled(kKeys);
  for (std::uint32_t erased = 0; erased < kKeys; ++erased) {
    ASSERT_TRUE(table.erase(erased));
    for (std::uint32_t key = 0; key < kKeys; ++key) {
      ASSERT_EQ(table.find(key) != nullptr, key > erased) << key << " after " << erased;
    }
  }
}

TEST(CowTable, CopiesShareEveryChunk) {
  const Table table = filled(1000);
  const Table copy = table;
  EXPECT_EQ(moved(table, copy), 0U);
}

// A set touches one chunk. An erase touches the chunks of one probe run, which at load one half is
// hardly ever longer than a chunk: two of them.
TEST(CowTable, PublishingKChangesClonesOrderOfKChunks) {
  Table published = filled(20000);  // 65,536 slots: 4,096 chunks
  for (const std::uint32_t changes : {1U, 4U, 16U, 64U}) {
    Table next = published;
    for (std::uint32_t i = 0; i < changes; ++i) next.set(i * 131, 1);
    EXPECT_LE(moved(published, next), changes * kChunk);
    EXPECT_GE(moved(published, next), 1U);

    Table smaller = published;
    for (std::uint32_t i = 0; i < changes; ++i) ASSERT_TRUE(smaller.erase(i * 131));
    EXPECT_LE(moved(published, smaller), changes * 2 * kChunk);
  }
}

TEST(CowTable, ChangesToOneChunkCloneItOnce) {
  const Table published = filled(1000);
  Table next = published;
  next.set(7, 1);
  const std::uint64_t* where = next.find(7);
  next.set(7, 2);
  EXPECT_EQ(next.find(7), where);
  EXPECT_EQ(*published.find(7), 7U);
}

TEST(CowTable, FailedErasesCloneNothing) {
  const Table published = filled(1000);
  Table next = published;
  EXPECT_FALSE(next.erase(5000));
  EXPECT_EQ(moved(published, next), 0U);
}

/// Random sets and erases of `keys` different keys beside a std::unordered_map; every version that was
/// ever copied is compared again at the end.
void run_random_operations(std::uint32_t keys, unsigned erase_percent, unsigned seed) {
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937 random{seed};
  Table table;
  Model model;
  std::vector<std::pair<Table, Model>> versions;
  for (int round = 0; round < 20000; ++round) {
    const auto key = static_cast<std::uint32_t>(random() % keys);
    if (random() % 100 < erase_percent) {
      ASSERT_EQ(table.erase(key), model.erase(key) == 1);
    } else {
      const std::uint64_t value = random();
      table.set(key, value);
      model[key] = value;
    }
    if (random() % 500 == 0) versions.emplace_back(table, model);
  }
  expect_equal(table, model);
  for (const auto& [old_table, old_model] : versions) expect_equal(old_table, old_model);
}

TEST(CowTable, BehavesAsAMapAndKeepsOldVersions) {
  run_random_operations(10, 50, 1);
  run_random_operations(300, 50, 2);
  run_random_operations(5000, 30, 3);
  run_random_operations(5000, 70, 4);
}

/// As the real keys are: several fields without padding.
struct WideKey {
  std::uint8_t octets[9];
  std::uint8_t segment[2];
  friend bool operator==(const WideKey&, const WideKey&) = default;
};

TEST(CowTable, HashesEveryOctetOfAKeyThatIsNoMultipleOfEight) {
  const WideKey base{};
  std::set<std::uint64_t> hashes{cow_hash(base)};
  for (std::size_t bit = 0; bit < sizeof(WideKey) * 8; ++bit) {
    WideKey key = base;
    reinterpret_cast<std::uint8_t*>(&key)[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_TRUE(hashes.insert(cow_hash(key)).second) << bit;
  }
}

TEST(CowTable, TakesWideKeys) {
  CowTable<WideKey, std::uint32_t> table;
  for (std::uint8_t i = 0; i < 200; ++i) table.set(WideKey{{0, 0, 0, 0, 0, 0, 0, 0, i}, {1, i}}, i);
  for (std::uint8_t i = 0; i < 200; ++i) {
    const WideKey key{{0, 0, 0, 0, 0, 0, 0, 0, i}, {1, i}};
    table.prefetch(key);
    ASSERT_NE(table.find(key), nullptr);
    EXPECT_EQ(*table.find(key), i);
  }
  EXPECT_EQ(table.find(WideKey{{}, {2, 0}}), nullptr);
}

}  // namespace
}  // namespace weft
