#include "control/cli/history_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace weft::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class HistoryFileTest : public ::testing::Test {
 protected:
  HistoryFileTest() {
    std::string path = std::filesystem::temp_directory_path() / "weft-history-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error{"mkdtemp"};
    directory_ = path;
  }
  ~HistoryFileTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  [[nodiscard]] std::filesystem::path path() const { return directory_ / "state/history"; }

 private:
  std::filesystem::path directory_;
};

TEST_F(HistoryFileTest, KeepsLinesInTheirOrder) {
  const HistoryFile file{path()};
  file.append("show port");
  file.append("show \"a name\"");
  EXPECT_THAT(HistoryFile{path()}.lines(), ElementsAre("show port", "show \"a name\""));
}

TEST_F(HistoryFileTest, ForgetsTheOldestLinesOnly) {
  const HistoryFile file{path()};
  for (const char* line : {"one", "two", "three"}) file.append(line);
  file.keep_last(3);
  EXPECT_THAT(file.lines(), ElementsAre("one", "two", "three"));
  file.keep_last(2);
  EXPECT_THAT(file.lines(), ElementsAre("two", "three"));
  file.append("four");
  EXPECT_THAT(file.lines(), ElementsAre("two", "three", "four"));
}

TEST_F(HistoryFileTest, CanOnlyBeReadByItsOwner) {
  HistoryFile{path()}.append("tenant add acme");
  struct stat status {};
  ASSERT_EQ(::stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(HistoryFileTest, WithoutAPlaceThereIsNoHistory) {
  const HistoryFile nowhere{std::nullopt};
  nowhere.append("lost");
  nowhere.keep_last(0);
  EXPECT_THAT(nowhere.lines(), IsEmpty());
  const HistoryFile refused{"/proc/no/such/place"};
  refused.append("lost");
  EXPECT_THAT(refused.lines(), IsEmpty());
}

}  // namespace
}  // namespace weft::cli
