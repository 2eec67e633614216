#include "control/store/schema.h"

#include <array>
#include <string>

#include "control/store/store.h"

namespace weft::control {
namespace {

/// "weft", so that file(1) and we know the file.
constexpr std::int64_t kApplicationId = 0x77656674;

/// Step n makes a file of format n one of format n + 1. Steps that were released are never changed.
constexpr std::array<const char*, Store::kSchema> kSteps{
    // `since` and `until` are generations: the entry had this value in [since, until); NULL: it still has.
    "CREATE TABLE generation ("
    "  number INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL);"
    "CREATE TABLE entry ("
    "  part TEXT NOT NULL, name TEXT NOT NULL, since INTEGER NOT NULL, until INTEGER,"
    "  position INTEGER NOT NULL, json TEXT NOT NULL,"
    "  PRIMARY KEY (part, name, since)) WITHOUT ROWID;"
    "CREATE INDEX entry_until ON entry (until) WHERE until IS NOT NULL;"
    "CREATE TABLE attachment ("
    "  endpoint TEXT PRIMARY KEY, identity TEXT NOT NULL, boot_id TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE request ("
    "  number INTEGER PRIMARY KEY AUTOINCREMENT, who TEXT NOT NULL, id TEXT NOT NULL,"
    "  fingerprint TEXT NOT NULL, answer TEXT NOT NULL, UNIQUE (who, id));"
    "CREATE TABLE import (document TEXT NOT NULL);",
};

Status take_step(Database& database, std::int64_t from) {
  const std::string version = std::to_string(from + 1);
  const std::string sql = "BEGIN IMMEDIATE;" + std::string{kSteps[static_cast<std::size_t>(from)]} +
                          "PRAGMA application_id = " + std::to_string(kApplicationId) +
                          "; PRAGMA user_version = " + version + "; COMMIT";
  Status done = database.execute(sql.c_str());
  if (!done && database.is_in_transaction()) static_cast<void>(database.execute("ROLLBACK"));
  return done;
}

}  // namespace

Status bring_forward(Database& database) {
  const auto version = database.number_of("PRAGMA user_version");
  if (!version) return version.error();
  const auto application = database.number_of("PRAGMA application_id");
  if (!application) return application.error();
  const auto tables = database.number_of("SELECT count(*) FROM sqlite_schema");
  if (!tables) return tables.error();
  const bool is_new = *tables == 0 && *version == 0;
  if (!is_new && *application != kApplicationId) {
    return Error{"state " + database.path() + ": is another program's database"};
  }
  if (*version > Store::kSchema) {
    return Error{
        "state " + database.path() + ": has format " + std::to_string(*version) +
        ", and this weft knows formats up to " + std::to_string(Store::kSchema)};
  }
  for (std::int64_t from = *version; from < Store::kSchema; ++from) {
    if (Status step = take_step(database, from); !step) return step;
  }
  return Ok{};
}

}  // namespace weft::control
