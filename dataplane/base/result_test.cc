#include "dataplane/base/result.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace weft {
namespace {

Result<int> half_of(int value) {
  if (value % 2 != 0) return Error{"value: 3 is odd"};
  return value / 2;
}

Status must_be_even(int value) {
  if (const auto half = half_of(value); !half) return half.error();
  return Ok{};
}

TEST(Result, HoldsTheValue) {
  const Result<int> half = half_of(4);
  ASSERT_TRUE(half);
  EXPECT_TRUE(half.is_ok());
  EXPECT_EQ(half.value(), 2);
  EXPECT_EQ(*half, 2);
}

TEST(Result, HoldsTheError) {
  const Result<int> half = half_of(3);
  ASSERT_FALSE(half);
  EXPECT_FALSE(half.is_ok());
  EXPECT_EQ(half.error().message, "value: 3 is odd");
}

TEST(Result, StatusPassesAnErrorOn) {
  EXPECT_TRUE(must_be_even(2).is_ok());
  EXPECT_EQ(must_be_even(3).error().message, "value: 3 is odd");
}

TEST(Result, GivesAwayAValueThatOnlyMoves) {
  Result<std::unique_ptr<int>> owner{std::make_unique<int>(7)};
  const std::unique_ptr<int> taken = std::move(owner).value();
  EXPECT_EQ(*taken, 7);
}

TEST(Result, ReachesMembersForReadingAndWriting) {
  Result<std::string> text{std::string{"weft"}};
  text->push_back('d');
  const Result<std::string>& read_only = text;
  EXPECT_EQ(read_only->size(), 5U);
  EXPECT_EQ(*read_only, "weftd");
}

#ifndef NDEBUG
TEST(ResultDeathTest, AsksBeforeItIsRead) {
  const Result<int> bad = half_of(3);
  const Result<int> good = half_of(4);
  EXPECT_DEATH((void)bad.value(), "");
  EXPECT_DEATH((void)good.error(), "");
}
#endif

}  // namespace
}  // namespace weft
