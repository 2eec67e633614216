#include "dataplane/base/drop_reason.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

namespace weft {
namespace {

TEST(DropReason, NamesAreUniqueWords) {
  std::set<std::string_view> names;
  for (const DropInfo& info : kDropInfo) {
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    EXPECT_EQ(
        info.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"), std::string_view::npos
    ) << info.name;
  }
}

TEST(DropReason, SentencesAreSentences) {
  for (const DropInfo& info : kDropInfo) {
    EXPECT_EQ(info.sentence.back(), '.') << info.name;
    EXPECT_GE(info.sentence.size(), 12U) << info.name;
    for (const char c : info.sentence) EXPECT_TRUE(c >= ' ' && c <= '~') << info.name;
  }
}

TEST(DropReason, RowsAreFoundByTheirReason) {
  EXPECT_EQ(drop_info(DropReason::none).name, "none");
  EXPECT_EQ(drop_info(DropReason::unknown_vni).name, "unknown_vni");
  EXPECT_EQ(drop_info(DropReason::forwarding_stopped).name, "forwarding_stopped");
}

// Dashboards store the numbers: one value from each group, so that an insertion in the middle shows.
TEST(DropReason, NumbersNeverChange) {
  EXPECT_EQ(static_cast<int>(DropReason::none), 0);
  EXPECT_EQ(static_cast<int>(DropReason::truncated_ethernet), 1);
  EXPECT_EQ(static_cast<int>(DropReason::headers_not_contiguous), 12);
  EXPECT_EQ(static_cast<int>(DropReason::remote_claims_local_mac), 27);
  EXPECT_EQ(static_cast<int>(DropReason::frame_too_large), 38);
  EXPECT_EQ(static_cast<int>(DropReason::inner_too_big), 44);
  EXPECT_EQ(static_cast<int>(DropReason::forwarding_stopped), 54);
}

}  // namespace
}  // namespace weft
