#include "control/cli/table.h"

#include <gtest/gtest.h>

namespace weft::cli {
namespace {

TEST(Table, AlignsNumbersRightAndWrapsTheLastColumn) {
  Table table{{{"Reason"}, {"Count", Align::right}, {"Meaning"}}};
  table.add({"unknown_vni", "12", "No segment here has this VNI."});
  table.add({"no_mbuf", "12345678", "The pool is empty."});
  EXPECT_EQ(
      table.format(41),
      "Reason          Count  Meaning\n"
      "unknown_vni        12  No segment here\n"
      "                       has this VNI.\n"
      "no_mbuf      12345678  The pool is empty.\n"
  );
}

TEST(Table, WithoutRowsIsItsTitle) {
  EXPECT_EQ((Table{{{"Tenant"}, {"Segments", Align::right}}}.format()), "Tenant  Segments\n");
}

TEST(Table, ShowsControlCharactersAsQuestionMarks) {
  Table table{{{"Name"}}};
  table.add({"a\x1b[31mb\n"});
  EXPECT_EQ(table.format(), "Name\na?[31mb?\n");
}

TEST(Wrap, NeverBreaksAPiece) {
  EXPECT_EQ(
      wrap({"aa", "bb", "a-very-long-piece", "c"}, 6),
      (std::vector<std::string>{"aa bb", "a-very-long-piece", "c"})
  );
  EXPECT_EQ(wrap({}, 6), (std::vector<std::string>{""}));
}

}  // namespace
}  // namespace weft::cli
