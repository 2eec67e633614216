#include "classifier/range_table.h"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

namespace weft::classifier {
namespace {

template <std::size_t kOctets>
using Key = std::array<std::uint8_t, kOctets>;
template <std::size_t kOctets>
using Runs = std::vector<RangeTable::Run<kOctets>>;

/// The last run that does not begin after `key`, one by one.
template <std::size_t kOctets>
std::uint32_t slow_find(const Runs<kOctets>& runs, const Key<kOctets>& key) {
  std::uint32_t value = 0;
  for (const auto& run : runs) {
    if (run.start <= key) value = run.value;
  }
  return value;
}

TEST(RangeTable, OneRunNeedsNoMemory) {
  RangeTable table;
  const Runs<3> runs{{{}, 7}};
  const RangeTable::Root root = table.add<3>(runs);
  EXPECT_EQ(table.octets(), 0U);
  EXPECT_EQ(table.find<3>(root, {0, 0, 0}), 7U);
  EXPECT_EQ(table.find<3>(root, {255, 255, 255}), 7U);
}

TEST(RangeTable, RunsBeginExactlyWhereTheySay) {
  RangeTable table;
  const Runs<3> runs{{{}, 1}, {{6, 0, 80}, 2}, {{6, 0, 81}, 1}, {{6, 255, 255}, 3}, {{7, 0, 0}, 4}};
  const RangeTable::Root root = table.add<3>(runs);
  EXPECT_EQ(table.find<3>(root, {0, 0, 0}), 1U);
  EXPECT_EQ(table.find<3>(root, {6, 0, 79}), 1U);
  EXPECT_EQ(table.find<3>(root, {6, 0, 80}), 2U);
  EXPECT_EQ(table.find<3>(root, {6, 0, 81}), 1U);
  EXPECT_EQ(table.find<3>(root, {6, 255, 254}), 1U);
  EXPECT_EQ(table.find<3>(root, {6, 255, 255}), 3U);
  EXPECT_EQ(table.find<3>(root, {7, 0, 0}), 4U);
  EXPECT_EQ(table.find<3>(root, {255, 255, 255}), 4U);
}

TEST(RangeTable, AllOf256StretchesInOneOctet) {
  RangeTable table;
  Runs<4> runs;
  for (unsigned i = 0; i < 256; ++i) {
    runs.push_back({{10, 0, 0, static_cast<std::uint8_t>(i)}, i + 1});
  }
  runs.insert(runs.begin(), {{}, 0});
  const RangeTable::Root root = table.add<4>(runs);
  for (unsigned i = 0; i < 256; ++i) {
    EXPECT_EQ(table.find<4>(root, {10, 0, 0, static_cast<std::uint8_t>(i)}), i + 1);
  }
  EXPECT_EQ(table.find<4>(root, {9, 255, 255, 255}), 0U);
  EXPECT_EQ(table.find<4>(root, {10, 0, 1, 0}), 256U);
}

template <std::size_t kOctets>
void compare_random(std::mt19937& random) {
  RangeTable table;
  std::vector<Runs<kOctets>> spaces;
  std::vector<RangeTable::Root> roots;
  // Few distinct octets, so that runs share prefixes and differ in the last octet too.
  const auto octet = [&random] {
    static constexpr std::uint8_t kUsual[] = {0, 1, 63, 64, 127, 128, 254, 255};
    return random() % 4 == 0 ? static_cast<std::uint8_t>(random()) : kUsual[random() % 8];
  };
  const auto key = [&octet] {
    Key<kOctets> octets{};
    for (std::uint8_t& o : octets) o = octet();
    return octets;
  };
  for (int space = 0; space < 20; ++space) {
    std::vector<Key<kOctets>> starts{Key<kOctets>{}};
    for (auto i = random() % 300; i > 0; --i) starts.push_back(key());
    std::sort(starts.begin(), starts.end());
    starts.erase(std::unique(starts.begin(), starts.end()), starts.end());
    Runs<kOctets> runs;
    for (const auto& start : starts)
      runs.push_back({start, static_cast<std::uint32_t>(random() % 9)});
    roots.push_back(table.add<kOctets>(runs));
    spaces.push_back(std::move(runs));
  }
  for (int i = 0; i < 20000; ++i) {
    const std::size_t space = random() % spaces.size();
    Key<kOctets> probe = key();
    if (i % 2 == 0) probe = spaces[space][random() % spaces[space].size()].start;
    ASSERT_EQ(table.find<kOctets>(roots[space], probe), slow_find<kOctets>(spaces[space], probe));
  }
}

TEST(RangeTable, AgreesWithALinearSearch) {
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random{seed};
  compare_random<3>(random);
  compare_random<4>(random);
  compare_random<16>(random);
}

TEST(RangeTable, ReadsAtMostTwoLinesPerOctet) {
  RangeTable table;
  Runs<4> runs{{{}, 0}};
  std::mt19937 random{1};
  for (std::uint32_t i = 1; i < 100'000; ++i) {
    const std::uint32_t start = i * 42'000;
    runs.push_back(
        {{static_cast<std::uint8_t>(start >> 24U),
          static_cast<std::uint8_t>(start >> 16U),
          static_cast<std::uint8_t>(start >> 8U),
          static_cast<std::uint8_t>(start)},
         i}
    );
  }
  const RangeTable::Root root = table.add<4>(runs);
  for (int i = 0; i < 1000; ++i) {
    unsigned lines = 0;
    const auto bits = static_cast<std::uint32_t>(random());
    const Key<4> key{
        static_cast<std::uint8_t>(bits >> 24U),
        static_cast<std::uint8_t>(bits >> 16U),
        static_cast<std::uint8_t>(bits >> 8U),
        static_cast<std::uint8_t>(bits)};
    const std::uint32_t value = table.find<4>(root, key, [&lines](const void*) { ++lines; });
    EXPECT_EQ(value, std::min<std::uint32_t>(bits / 42'000, 99'999));
    EXPECT_LE(lines, 8U);
  }
}

}  // namespace
}  // namespace weft::classifier
