// The store against real files.

#include "control/store/store.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft::control {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class StoreTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "weft-store-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder = pattern;
  }
  void TearDown() override {
    store.reset();
    std::filesystem::remove_all(folder);
  }

  void open(const StoreLimits& limits = {}) {
    store.reset();  // it is the only one that may have the file open
    auto opened = Store::open(folder, limits);
    ASSERT_TRUE(opened) << opened.error().message;
    store = std::move(*opened);
  }
  std::string refusal() {
    store.reset();
    const auto opened = Store::open(folder);
    return opened ? "opened" : opened.error().message;
  }

  static StoredEntry tenant(const std::string& name, bool exists = true) {
    return {Part::tenants, name, exists ? R"({"name":")" + name + R"("})" : "", 0};
  }
  void write(std::uint64_t generation, std::vector<StoredEntry> entries) {
    StoredChange change;
    change.generation = {generation, 1000, "uid 0 pid 1", "tenant.add"};
    change.entries = std::move(entries);
    const Status written = store->write(change);
    EXPECT_TRUE(written) << written.error().message;
  }
  std::string tenants(std::uint64_t generation) {
    const auto document = store->document(generation);
    if (!document) return document.error().message;
    std::string names;
    for (const Json& entry : (*document)["tenants"]) names += text(entry, "name") + " ";
    return names;
  }
  [[nodiscard]] std::string path() const { return folder + "/weft.db"; }

  std::string folder;
  std::unique_ptr<Store> store;
};

TEST_F(StoreTest, IsEmptyAtFirst) {
  open();
  EXPECT_FALSE(store->last()->has_value());
  EXPECT_TRUE(store->history(10)->empty());
  EXPECT_FALSE(*store->is_kept(1));
  EXPECT_TRUE(store->check());
}

TEST_F(StoreTest, EachGenerationCanBeReadAgain) {
  open();
  write(2, {tenant("a")});
  write(3, {tenant("b"), tenant("c")});
  write(7, {tenant("a", false)});
  write(8, {tenant("a"), tenant("b", false)});
  open();
  EXPECT_EQ(tenants(2), "a ");
  EXPECT_EQ(tenants(3), "a b c ");
  EXPECT_EQ(tenants(5), "a b c ");
  EXPECT_EQ(tenants(7), "b c ");
  EXPECT_EQ(tenants(8), "a c ");
  EXPECT_EQ((*store->last())->number, 8U);
  EXPECT_EQ((*store->last())->who, "uid 0 pid 1");
  EXPECT_EQ((*store->history(2))[1].number, 7U);
  EXPECT_FALSE(*store->is_kept(1));
  EXPECT_TRUE(*store->is_kept(5));
  EXPECT_FALSE(*store->is_kept(9));
  EXPECT_EQ(store->document(8)->size(), kPartCount);
}

TEST_F(StoreTest, EntriesComeByPosition) {
  open();
  write(2, {{Part::ports, "a", R"({"name":"a"})", 5}, {Part::ports, "b", R"({"name":"b"})", 2}});
  EXPECT_EQ((*store->document(2))["ports"][0]["name"], "b");
  write(3, {{Part::ports, "a", R"({"name":"a"})", 1}});
  EXPECT_EQ((*store->document(3))["ports"][0]["name"], "a");
  EXPECT_EQ((*store->document(2))["ports"][0]["name"], "b");
}

TEST_F(StoreTest, WhatDidNotChangeCostsNothing) {
  open();
  write(2, {tenant("a"), tenant("never", false)});
  write(3, {tenant("a")});
  auto database = [&] {
    store.reset();
    return Database::open(path());
  }();
  ASSERT_TRUE(database);
  EXPECT_EQ(*database->number_of("SELECT count(*) FROM entry"), 1);
}

TEST_F(StoreTest, OldGenerationsAreForgottenWithTheirValues) {
  open({.generations = 3, .requests = 10});
  for (std::uint64_t number = 2; number < 12; ++number) {
    write(
        number,
        {tenant("old" + std::to_string(number)), tenant("old" + std::to_string(number - 1), false)}
    );
  }
  EXPECT_EQ(store->history(100)->size(), 3U);
  EXPECT_FALSE(*store->is_kept(8));
  EXPECT_EQ(tenants(9), "old9 ");
  EXPECT_EQ(tenants(11), "old11 ");
  store.reset();
  auto database = Database::open(path());
  EXPECT_EQ(*database->number_of("SELECT count(*) FROM entry"), 3);
}

TEST_F(StoreTest, AttachmentsAndRequestsAreKept) {
  open({.generations = 10, .requests = 2});
  StoredChange change;
  change.generation = {2, 1000, "uid 0 pid 1", "endpoint.attach"};
  change.attachments = {{"c1/eth0", "4:77", "boot"}, {"c2/eth0", "", "boot"}};
  change.requests = {{"uid 0", "r1", "f1", "{}"}, {"uid 0", "r2", "f2", "{}"}};
  ASSERT_TRUE(store->write(change));
  change.generation.number = 3;
  change.attachments = {{"c1/eth0", "", ""}};
  change.requests = {{"uid 1", "r1", "f3", R"({"generation":3})"}};
  ASSERT_TRUE(store->write(change));
  open();
  ASSERT_EQ(store->attachments()->size(), 1U);
  EXPECT_EQ((*store->attachments())[0].endpoint, "c2/eth0");
  ASSERT_EQ(store->requests()->size(), 2U);
  EXPECT_EQ((*store->requests())[0].id, "r2");
  EXPECT_EQ((*store->requests())[1].answer, R"({"generation":3})");
}

TEST_F(StoreTest, AFailedWriteLeavesNothing) {
  open();
  write(2, {tenant("a")});
  StoredChange again;
  again.generation = {2, 1000, "", ""};  // there is one already
  again.entries = {tenant("b")};
  const Status written = store->write(again);
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().message, testing::StartsWith("state " + path() + ": "));
  EXPECT_EQ(tenants(2), "a ");
  write(3, {tenant("b")});
  EXPECT_EQ(tenants(3), "a b ");
}

TEST_F(StoreTest, AFullDiskIsAnErrorAndNoMore) {
  open();
  write(2, {tenant("a")});
  store.reset();
  {
    auto database = Database::open(path());
    ASSERT_TRUE(database);
    const auto pages = *database->number_of("PRAGMA page_count");
    ASSERT_TRUE(database->execute(("PRAGMA max_page_count = " + std::to_string(pages)).c_str()));
    // As the store does it, in a file that can not grow.
    ASSERT_TRUE(database->execute("BEGIN IMMEDIATE"));
    auto insert = database->prepare("INSERT INTO entry VALUES ('tenants', ?1, 3, NULL, 0, ?2)");
    Status written = Ok{};
    for (int i = 0; i < 100 && written; ++i) {
      written = insert->bind(1, std::to_string(i)).bind(2, std::string(4000, ' ')).run();
    }
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().message, "state " + path() + ": database or disk is full");
    if (database->is_in_transaction()) {
      EXPECT_TRUE(database->execute("ROLLBACK"));
    }
  }
  open();
  EXPECT_EQ(tenants(2), "a ");
  write(3, {tenant("b")});
}

TEST_F(StoreTest, OneProcessAtATime) {
  open();
  const auto second = Store::open(folder);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message, HasSubstr("another process has it open"));
}

TEST_F(StoreTest, WhatIsNoDatabaseIsNamed) {
  std::ofstream{path()} << std::string(5000, 'x');
  EXPECT_EQ(refusal(), "state " + path() + ": file is not a database (is damaged, or no database)");
}

TEST_F(StoreTest, ADamagedFileIsNoticed) {
  open();
  for (std::uint64_t number = 2; number < 60; ++number) {
    write(number, {tenant("t" + std::to_string(number) + std::string(300, 'x'))});
  }
  store.reset();
  {
    std::fstream file{path(), std::ios::in | std::ios::out | std::ios::binary};
    file.seekp(std::streamoff{3} * 4096);
    file << std::string(8192, '\xA5');
  }
  auto opened = Store::open(folder);
  if (opened) {
    const Status checked = (*opened)->check();
    ASSERT_FALSE(checked);
    EXPECT_THAT(checked.error().message, testing::StartsWith("state " + path() + ": "));
  } else {
    EXPECT_THAT(opened.error().message, testing::StartsWith("state " + path() + ": "));
  }
}

TEST_F(StoreTest, AnEntryThatIsNoJsonIsNoticed) {
  open();
  write(2, {{Part::tenants, "a", "{", 0}});
  EXPECT_EQ(
      store->check().error().message,
      "state " + path() + ": entry \"a\" of section \"tenants\" can not be read"
  );
}

TEST_F(StoreTest, FilesOfNewerFormatsAreRefused) {
  open();
  store.reset();
  ASSERT_TRUE(Database::open(path())->execute("PRAGMA user_version = 2"));
  EXPECT_EQ(refusal(), "state " + path() + ": has format 2, and this weft knows formats up to 1");
}

TEST_F(StoreTest, OtherProgramsFilesAreRefused) {
  ASSERT_TRUE(Database::open(path())->execute("CREATE TABLE t (x)"));
  EXPECT_EQ(refusal(), "state " + path() + ": is another program's database");
}

TEST_F(StoreTest, AFolderThatCanNotBeMadeIsNamed) {
  std::ofstream{folder + "/file"} << "x";
  const auto opened = Store::open(folder + "/file/state");
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message, HasSubstr(folder + "/file/state"));
}

TEST_F(StoreTest, AnImportWaits) {
  open();
  EXPECT_FALSE(store->pending_import()->has_value());
  ASSERT_TRUE(store->set_pending_import(Json{{"tenants", Json::array()}}));
  open();
  EXPECT_EQ(store->pending_import()->value(), (Json{{"tenants", Json::array()}}));
  ASSERT_TRUE(store->set_pending_import(std::nullopt));
  EXPECT_FALSE(store->pending_import()->has_value());
}

}  // namespace
}  // namespace weft::control
