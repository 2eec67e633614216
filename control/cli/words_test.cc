#include "control/cli/words.h"

#include <gtest/gtest.h>

namespace weft::cli {
namespace {

Line split(std::string_view text) {
  auto result = split_line(text);
  EXPECT_TRUE(std::holds_alternative<Line>(result)) << text;
  return std::holds_alternative<Line>(result) ? std::get<Line>(result) : Line{};
}

TEST(Words, RememberTheirColumns) {
  const Line line = split("  show \t port 0  ");
  ASSERT_EQ(line.words.size(), 3U);
  EXPECT_EQ(line.words[0].column, 2U);
  EXPECT_EQ(line.words[1].text, "port");
  EXPECT_EQ(line.words[1].column, 9U);
  EXPECT_EQ(line.text, "  show \t port 0");
}

TEST(Words, EmptyLinesAndCommentsHaveNone) {
  EXPECT_TRUE(split("").words.empty());
  EXPECT_TRUE(split("   ").words.empty());
  EXPECT_TRUE(split("  # start").words.empty());
}

TEST(Words, CommentStartsOnlyAtTheBeginningOfAWord) {
  const Line line = split("tenant add a#b # not this");
  ASSERT_EQ(line.words.size(), 3U);
  EXPECT_EQ(line.words[2].text, "a#b");
  EXPECT_EQ(line.text, "tenant add a#b");
}

TEST(Words, QuotesHoldWordsTogether) {
  const Line line = split(R"(load 'my file' "a \"b\" c" pre"x y"post "")");
  ASSERT_EQ(line.words.size(), 5U);
  EXPECT_EQ(line.words[1].text, "my file");
  EXPECT_EQ(line.words[2].text, "a \"b\" c");
  EXPECT_EQ(line.words[3].text, "prex ypost");
  EXPECT_EQ(line.words[4].text, "");
}

TEST(Words, UnclosedQuoteIsPointedAt) {
  const auto result = split_line("load 'my file");
  ASSERT_TRUE(std::holds_alternative<Complaint>(result));
  EXPECT_EQ(std::get<Complaint>(result).column, 5U);
}

TEST(Words, FromTheShellAreTakenAsTheyAre) {
  const std::vector<std::string> words{"load", "my file"};
  const Line line = join_words(words);
  EXPECT_EQ(line.text, "load my file");
  EXPECT_EQ(line.words[1].text, "my file");
  EXPECT_EQ(line.words[1].column, 5U);
}

TEST(Words, CaretStandsBelowTheColumnAlsoBehindTabs) {
  EXPECT_EQ(
      format(Complaint{"show\tprot", 5, "expected `port`"}),
      "weft: expected `port`\n"
      "  show prot\n"
      "       ^\n"
  );
}

}  // namespace
}  // namespace weft::cli
