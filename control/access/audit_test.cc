#include "control/access/audit.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft::control {
namespace {

class AuditTest : public testing::Test {
 protected:
  AuditTest() {
    std::string name = testing::TempDir() + "weft-audit-XXXXXX";
    folder = ::mkdtemp(name.data());
  }
  ~AuditTest() override { std::filesystem::remove_all(folder); }
  std::string folder;
  const Peer peer{1001, 17, {}, false};
};

TEST_F(AuditTest, ALineSaysWhoAskedForWhatAndWhatBecameOfIt) {
  auto audit = Audit::open(folder);
  ASSERT_TRUE(audit) << audit.error().message;
  const Json params{{"tenant", "acme"}, {"name", "web"}, {"action", "allow"}, {"request_id", "r1"}};
  audit->write({peer, "tenant", "policy.add", params, nullptr, 17});
  const Failure failure = refused(ErrorCode::not_permitted, "no");
  audit->write({peer, "tenant", "port.add", Json{{"name", "up0"}}, &failure, 0});

  std::ifstream file{folder + "/audit.jsonl"};
  std::string line;
  ASSERT_TRUE(std::getline(file, line));
  const Json accepted = Json::parse(line);
  EXPECT_THAT(accepted["at"], testing::MatchesRegex("....-..-..T..:..:..\\....Z"));
  EXPECT_EQ(accepted["uid"], 1001);
  EXPECT_EQ(accepted["pid"], 17);
  EXPECT_EQ(accepted["role"], "tenant");
  EXPECT_EQ(accepted["method"], "policy.add");
  EXPECT_EQ(accepted["object"], (Json{{"tenant", "acme"}, {"name", "web"}, {"request_id", "r1"}}));
  EXPECT_EQ(accepted["result"], "accepted");
  EXPECT_EQ(accepted["generation"], 17);
  ASSERT_TRUE(std::getline(file, line));
  const Json refusal = Json::parse(line);
  EXPECT_EQ(refusal["result"], "refused");
  EXPECT_EQ(refusal["code"], -32008);
  EXPECT_EQ(refusal["message"], "no");
  EXPECT_EQ(audit->last(1)[0], refusal);
  EXPECT_EQ(audit->last(9).size(), 2U);
}

TEST_F(AuditTest, TextThatIsNoUtf8IsMended) {
  auto audit = Audit::open(folder);
  ASSERT_TRUE(audit);
  audit->write(
      {peer, "operator", "tenant.add", Json{{"name", std::string(300, '\xFF')}}, nullptr, 1}
  );
  std::ifstream file{folder + "/audit.jsonl"};
  std::string line;
  ASSERT_TRUE(std::getline(file, line));
  EXPECT_TRUE(Json::accept(line));
}

TEST_F(AuditTest, KeepsTheLastOnesInMemory) {
  Audit audit;
  for (std::size_t i = 0; i <= Audit::kKept; ++i) {
    audit.write({peer, "operator", "tenant.add", Json{{"name", "a"}}, nullptr, i});
  }
  const Json all = audit.last(Audit::kKept + 5);
  EXPECT_EQ(all.size(), Audit::kKept);
  EXPECT_EQ(all.front()["generation"], Audit::kKept);
  EXPECT_EQ(all.back()["generation"], 1);
}

TEST_F(AuditTest, AFolderThatCanNotBeWrittenIsAnError) {
  EXPECT_FALSE(Audit::open("/proc/none"));
}

}  // namespace
}  // namespace weft::control
