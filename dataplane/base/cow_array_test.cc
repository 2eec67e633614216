#include "dataplane/base/cow_array.h"

#include <cstdint>
#include <random>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace weft {
namespace {

constexpr std::size_t kChunk = 8;
using Array = CowArray<std::uint64_t, kChunk>;

std::vector<std::uint64_t> values(const Array& array) {
  std::vector<std::uint64_t> found;
  for (std::size_t i = 0; i < array.size(); ++i) found.push_back(array[i]);
  return found;
}

/// Entries that do not lie at the same address in both: those of chunks that are not shared.
std::size_t unshared(const Array& a, const Array& b) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < a.size(); ++i) count += &a[i] != &b[i] ? 1U : 0U;
  return count;
}

TEST(CowArray, GrowsWithZerosAndNeverShrinks) {
  Array array;
  EXPECT_EQ(array.size(), 0U);
  array.grow(3);
  array.mutate(2) = 7;
  array.grow(20);
  array.grow(5);
  ASSERT_EQ(array.size(), 20U);
  for (std::size_t i = 0; i < 20; ++i) EXPECT_EQ(array[i], i == 2 ? 7U : 0U);
}

TEST(CowArray, FindAnswersOnlyInsideItsSize) {
  Array array;
  EXPECT_EQ(array.find(0), nullptr);
  array.grow(3);
  EXPECT_EQ(array.find(2), &array[2]);
  EXPECT_EQ(array.find(3), nullptr) << "inside the chunk but not inside the array";
  EXPECT_EQ(array.find(~std::size_t{0}), nullptr);
}

TEST(CowArray, CopiesShareEveryChunk) {
  Array array;
  array.grow(100);
  const Array copy = array;
  EXPECT_EQ(unshared(array, copy), 0U);
}

TEST(CowArray, WritingClonesOneChunkOnce) {
  Array published;
  published.grow(100);
  Array next = published;
  next.mutate(17) = 1;
  EXPECT_EQ(unshared(published, next), kChunk);
  const std::uint64_t* where = &next[17];
  next.mutate(18) = 2;
  next.mutate(17) = 3;
  EXPECT_EQ(unshared(published, next), kChunk);
  EXPECT_EQ(&next[17], where) << "nobody else holds the clone: it is written in place";
  EXPECT_EQ(published[17], 0U);
  EXPECT_EQ(next[17], 3U);
}

TEST(CowArray, AChunkThatIsNoLongerSharedIsWrittenInPlace) {
  Array array;
  array.grow(8);
  { const Array gone = array; }
  const std::uint64_t* where = &array[0];
  array.mutate(0) = 1;
  EXPECT_EQ(&array[0], where);
}

TEST(CowArray, OldVersionsStayIntactUnderRandomWrites) {
  constexpr unsigned kSeed = 11;
  std::mt19937 random{kSeed};
  Array current;
  std::vector<std::uint64_t> model;
  std::vector<std::pair<Array, std::vector<std::uint64_t>>> versions;
  for (int version = 0; version < 200; ++version) {
    versions.emplace_back(current, model);
    if (random() % 4 == 0) {
      model.resize(model.size() + random() % 20);
      current.grow(model.size());
    }
    if (model.empty()) continue;
    std::set<std::size_t> chunks;
    for (auto writes = random() % 10; writes > 0; --writes) {
      const std::size_t i = random() % model.size();
      current.mutate(i) = model[i] = random();
      chunks.insert(i / kChunk);
    }
    const Array& before = versions.back().first;
    EXPECT_LE(unshared(before, current), chunks.size() * kChunk);
  }
  for (const auto& [array, expected] : versions) {
    ASSERT_EQ(values(array), expected) << "seed " << kSeed;
  }
}

}  // namespace
}  // namespace weft
