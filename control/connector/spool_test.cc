// The files that outlive a call: the spool, the locks and the tombstones.
#include "control/connector/spool.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/connector/durable_file.h"
#include "control/connector/key_lock.h"

namespace weft::connector {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using ::testing::UnorderedElementsAre;

class StateTest : public ::testing::Test {
 protected:
  StateTest() {
    std::string pattern = (fs::temp_directory_path() / "weft-spool-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    folder_ = pattern;
  }
  ~StateTest() override { fs::remove_all(folder_); }

  std::string folder_;
  const Attachment eth0_{"c1", "eth0"};
  const Attachment eth1_{"c1", "eth1"};
};
class SpoolTest : public StateTest {};
class KeyLockTest : public StateTest {};

Departure sample(const Attachment& attachment) {
  IpamCall ipam{"host-local", {}, R"({"name":"shop"})"};
  ipam.environment.container = attachment.container;
  ipam.environment.ifname = attachment.ifname;
  ipam.environment.path = "/opt/cni/bin";
  return {attachment, "/run/weft/weft.sock", ipam, 3};
}

TEST_F(SpoolTest, WhatIsPutCanBeFoundByAnother) {
  const Spool spool{folder_ + "/a/spool"};
  ASSERT_TRUE(spool.put(sample(eth0_)));
  ASSERT_TRUE(spool.put({eth1_, "/other.sock", std::nullopt, 0}));
  const Spool another{folder_ + "/a/spool"};
  EXPECT_EQ(another.list(10).size(), 2U);
  EXPECT_EQ(another.list(1).size(), 1U);
  const auto found = another.find(eth0_);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(to_json(*found), to_json(sample(eth0_)));
  EXPECT_FALSE(another.find(eth1_)->ipam.has_value());
  another.remove(eth0_);
  EXPECT_FALSE(spool.find(eth0_).has_value());
  EXPECT_FALSE(spool.find({"c2", "eth0"}).has_value());
}

TEST_F(SpoolTest, OneFileForEachAttachment) {
  const Spool spool{folder_};
  ASSERT_TRUE(spool.put(sample(eth0_)));
  ASSERT_TRUE(spool.put(sample(eth0_)));
  EXPECT_EQ(spool.list(10).size(), 1U);
}

TEST_F(SpoolTest, NothingHalfWrittenIsReadAndDamageIsTakenAway) {
  const Spool spool{folder_};
  std::ofstream{folder_ + "/.77.new"} << R"({"container":"c1")";
  EXPECT_TRUE(spool.list(10).empty());
  for (const char* text :
       {"", "{", "[]", R"({"container":5})", R"({"container":"c2","ifname":"eth0"})"}) {
    std::ofstream{folder_ + "/c1:eth0.json"} << text;
    EXPECT_FALSE(spool.find(eth0_).has_value()) << text;
    EXPECT_TRUE(spool.list(10).empty()) << text;
  }
}

TEST_F(SpoolTest, AFolderThatIsNoneIsAnErrorThatNamesIt) {
  std::ofstream{folder_ + "/file"} << "x";
  const Spool spool{folder_ + "/file/spool"};
  EXPECT_TRUE(spool.list(10).empty());
  const Done put = spool.put(sample(eth0_));
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code, ProblemCode::io);
  EXPECT_THAT(put.error().message, ::testing::HasSubstr(folder_ + "/file"));
}

TEST_F(KeyLockTest, IsForOneAtATimeAndLeavesNoFile) {
  {
    const auto first = KeyLock::take(folder_, eth0_, Deadline{milliseconds{0}});
    ASSERT_TRUE(first && first.value());
    EXPECT_FALSE(first.value()->was_left());
    const auto second = KeyLock::take(folder_, eth0_, Deadline{milliseconds{20}});
    ASSERT_TRUE(second);
    EXPECT_FALSE(second.value());
    const auto other = KeyLock::take(folder_, eth1_, Deadline{milliseconds{0}});
    EXPECT_TRUE(other && other.value());
  }
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(KeyLockTest, ThoseWhoWaitGetItOneAfterTheOther) {
  int inside = 0;
  int most = 0;
  std::vector<std::thread> threads;
  std::mutex mutex;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const auto lock = KeyLock::take(folder_, eth0_, Deadline{milliseconds{20000}});
      ASSERT_TRUE(lock && lock.value());
      {
        const std::lock_guard guard{mutex};
        most = std::max(most, ++inside);
      }
      std::this_thread::sleep_for(milliseconds{2});
      const std::lock_guard guard{mutex};
      --inside;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(most, 1);
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(KeyLockTest, SaysThatItsLastHolderWasKilled) {
  const pid_t child = ::fork();
  if (child == 0) {
    const auto lock = KeyLock::take(folder_, eth0_, Deadline{milliseconds{0}});
    ::_exit(lock && lock.value() ? 0 : 1);  // as a killed process: no destructor runs
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  {
    const auto lock = KeyLock::take(folder_, eth0_, Deadline{milliseconds{0}});
    ASSERT_TRUE(lock && lock.value());
    EXPECT_TRUE(lock.value()->was_left());
  }
  const auto lock = KeyLock::take(folder_, eth0_, Deadline{milliseconds{0}});
  EXPECT_FALSE(lock.value()->was_left());
}

TEST_F(KeyLockTest, ATombstoneIsForThoseWhoBeganBeforeIt) {
  const std::uint64_t before = since_boot();
  EXPECT_FALSE(has_tombstone(folder_, eth0_, before));
  ASSERT_TRUE(put_tombstone(folder_, eth0_));
  EXPECT_TRUE(has_tombstone(folder_, eth0_, before));
  EXPECT_FALSE(has_tombstone(folder_, eth1_, before));
  EXPECT_FALSE(has_tombstone(folder_, eth0_, since_boot()));
}

TEST_F(KeyLockTest, OldTombstonesGoAndYoungOnesStay) {
  ASSERT_TRUE(put_tombstone(folder_, eth0_));
  ASSERT_TRUE(put_tombstone(folder_, eth1_));
  const auto old = fs::file_time_type::clock::now() - std::chrono::minutes{6};
  fs::last_write_time(folder_ + "/c1:eth0.dead", old);
  ASSERT_TRUE(put_tombstone(folder_, {"c2", "eth0"}));
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator{folder_}) {
    names.push_back(entry.path().filename().string());
  }
  EXPECT_THAT(names, UnorderedElementsAre("c1:eth1.dead", "c2:eth0.dead"));
}

TEST_F(KeyLockTest, ATombstoneOfAnotherBootIsNone) {
  std::ofstream{folder_ + "/c1:eth0.dead"} << since_boot() + 3'600'000'000'000U;
  EXPECT_FALSE(has_tombstone(folder_, eth0_, since_boot()));
  std::ofstream{folder_ + "/c1:eth0.dead"} << "x";
  EXPECT_FALSE(has_tombstone(folder_, eth0_, 0));
}

}  // namespace
}  // namespace weft::connector
