#include "control/cli/tab.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace weft::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Words = std::vector<std::string>;

TEST(Tab, TheBegunWordStandsBehindTheLastBlank) {
  EXPECT_EQ(begun_word(""), "");
  EXPECT_EQ(begun_word("show"), "show");
  EXPECT_EQ(begun_word("show po"), "po");
  EXPECT_EQ(begun_word("show\tport "), "");
}

TEST(Tab, TheOnlyCandidateIsFinishedWithABlank) {
  EXPECT_EQ(extension(Words{"port"}, "po"), "rt ");
  EXPECT_EQ(extension(Words{"port"}, "port"), " ");
  EXPECT_EQ(extension(Words{"/etc/"}, "/et"), "c/");  // more may follow
}

TEST(Tab, SeveralCandidatesAddWhatTheyHaveInCommon) {
  EXPECT_EQ(extension(Words{"blue-1", "blue-2", "blueberry"}, "b"), "lue");
  EXPECT_EQ(extension(Words{"blue", "blueberry"}, "b"), "lue");
  EXPECT_EQ(extension(Words{"tenant", "tunnel"}, "t"), "");
  EXPECT_EQ(extension(Words{}, "t"), "");
}

TEST(Tab, AWordThatIsWrittenOtherwiseIsLeftAlone) {
  EXPECT_EQ(extension(Words{"two words"}, "\"two"), "");
}

TEST(Tab, PathsOfADirectory) {
  std::string made = std::filesystem::temp_directory_path() / "weft-tab-XXXXXX";
  ASSERT_NE(::mkdtemp(made.data()), nullptr);
  const std::string in = made + "/";
  std::ofstream{in + "net.weft"};
  std::ofstream{in + ".hidden"};
  std::filesystem::create_directory(in + "nets");
  EXPECT_THAT(paths(in), ElementsAre(in + "net.weft", in + "nets/"));
  EXPECT_THAT(paths(in + "net."), ElementsAre(in + "net.weft"));
  EXPECT_THAT(paths(in + "."), ElementsAre(in + ".hidden"));
  EXPECT_THAT(paths(in + "other"), IsEmpty());
  EXPECT_THAT(paths("/no/such/directory/"), IsEmpty());
  std::filesystem::remove_all(made);
}

TEST(Tab, ColumnsAreReadDownwards) {
  EXPECT_EQ(columns(Words{"a", "bb", "c", "d", "e"}, 12), "a   c   e\nbb  d\n");
  EXPECT_EQ(columns(Words{"longer than all"}, 4), "longer than all\n");
  EXPECT_EQ(columns(Words{}, 80), "");
}

}  // namespace
}  // namespace weft::cli
