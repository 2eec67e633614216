#include "classifier/cell_table.h"

#include <gtest/gtest.h>

namespace weft::classifier {
namespace {

std::vector<CellTable::Cell> dense_cells(std::uint32_t from, std::uint32_t to) {
  std::vector<CellTable::Cell> cells;
  for (std::uint64_t i = 0; i < from; ++i) {
    for (std::uint64_t j = 0; j < to; ++j) {
      const auto set = static_cast<ServiceSets::Id>(cells.size() + 1);
      cells.push_back({(i << 32U) | j, {set, set + 1}});
    }
  }
  return cells;
}

TEST(CellTable, AnEmptyTableFindsNothing) {
  const CellTable table;
  EXPECT_EQ(table.find(0, End::sender), ServiceSets::kEmpty);
  EXPECT_EQ(table.find(12345, End::receiver), ServiceSets::kEmpty);
}

TEST(CellTable, FindsEveryCellForEachEndAndNothingElseWithinTwoLines) {
  const auto cells = dense_cells(300, 400);
  const CellTable table{cells};
  unsigned lines = 0;
  unsigned looks = 0;
  const auto count = [&lines](const void*) { ++lines; };
  const auto find = [&](std::uint64_t key, End end) {
    const unsigned before = lines;
    const ServiceSets::Id set = table.find(key, end, count);
    EXPECT_LE(lines - before, CellTable::kMaxLines);
    ++looks;
    return set;
  };
  for (const auto& cell : cells) {
    ASSERT_EQ(find(cell.key, End::sender), cell.sets[0]);
    ASSERT_EQ(find(cell.key, End::receiver), cell.sets[1]);
    ASSERT_EQ(find(cell.key + 400, End::sender), ServiceSets::kEmpty);
  }
  // One line is the rule.
  EXPECT_LT(lines, looks + looks / 8);
}

TEST(CellTable, HoldsAnyNumberOfCells) {
  for (std::uint32_t count = 1; count < 200; ++count) {
    const auto cells = dense_cells(1, count);
    const CellTable table{cells};
    for (const auto& cell : cells) ASSERT_EQ(table.find(cell.key, End::sender), cell.sets[0]);
    EXPECT_EQ(table.find(count, End::sender), ServiceSets::kEmpty);
  }
}

}  // namespace
}  // namespace weft::classifier
