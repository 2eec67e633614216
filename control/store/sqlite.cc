#include "control/store/sqlite.h"

#include <utility>

#include <sqlite3.h>

namespace weft::control {
namespace {

Error failure(const std::string& path, sqlite3* database) {
  std::string message = "state " + path + ": " + sqlite3_errmsg(database);
  const int code = sqlite3_extended_errcode(database) & 0xFF;
  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) message += " (is damaged, or no database)";
  if (code == SQLITE_BUSY || code == SQLITE_LOCKED) message += ": another process has it open";
  return Error{std::move(message)};
}

}  // namespace

// -- statements ----------------------------------------------------------------------------------

void Statement::Finalize::operator()(sqlite3_stmt* statement) const noexcept {
  sqlite3_finalize(statement);
}

Error Statement::error() const {
  return failure(path_, sqlite3_db_handle(statement_.get()));
}

Statement& Statement::bind(int position, std::int64_t value) {
  note(sqlite3_bind_int64(statement_.get(), position, value));
  return *this;
}

Statement& Statement::bind(int position, std::string_view text) {
  note(sqlite3_bind_text64(
      statement_.get(), position, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8
  ));
  return *this;
}

Result<bool> Statement::step() {
  const int bound = std::exchange(bind_error_, SQLITE_OK);
  if (bound != SQLITE_OK) return Error{"state " + path_ + ": " + sqlite3_errstr(bound)};
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    reset();
    return false;
  }
  const Error why = error();
  reset();
  return why;
}

Status Statement::run() {
  const auto row = step();
  if (!row) return row.error();
  reset();
  return Ok{};
}

void Statement::reset() {
  sqlite3_reset(statement_.get());
}

std::int64_t Statement::number(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string Statement::text(int column) const {
  const auto* octets = sqlite3_column_text(statement_.get(), column);
  if (octets == nullptr) return {};
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
  return {reinterpret_cast<const char*>(octets), size};
}

// -- the database --------------------------------------------------------------------------------

void Database::Close::operator()(sqlite3* database) const noexcept {
  sqlite3_close_v2(database);
}

Result<Database> Database::open(const std::string& path) {
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(
      path.c_str(),
      &opened,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
      nullptr
  );
  Database database{opened, path};
  if (code != SQLITE_OK) return database.error();
  sqlite3_extended_result_codes(opened, 1);
  // Exclusive before WAL: the log then needs no shared memory beside it, and the lock is held from the first use on.
  constexpr const char* kSettings =
      "PRAGMA locking_mode = EXCLUSIVE;"
      "PRAGMA journal_mode = WAL;"
      "PRAGMA synchronous = FULL;"
      "PRAGMA journal_size_limit = 16777216;"
      "BEGIN EXCLUSIVE; COMMIT";
  if (const Status set = database.execute(kSettings); !set) return set.error();
  if (sqlite3_db_readonly(opened, "main") == 1) {
    return Error{"state " + path + ": cannot be written"};
  }
  return database;
}

Error Database::error() const {
  return failure(path_, database_.get());
}

Status Database::execute(const char* sql) {
  if (sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK) return Ok{};
  return error();
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(
      database_.get(),
      sql.data(),
      static_cast<int>(sql.size()),
      SQLITE_PREPARE_PERSISTENT,
      &statement,
      nullptr
  );
  if (code != SQLITE_OK) return error();
  return Statement{statement, path_};
}

Result<std::int64_t> Database::number_of(std::string_view sql) {
  auto statement = prepare(sql);
  if (!statement) return statement.error();
  const auto row = statement->step();
  if (!row) return row.error();
  return statement->number(0);
}

Result<std::string> Database::text_of(std::string_view sql) {
  auto statement = prepare(sql);
  if (!statement) return statement.error();
  const auto row = statement->step();
  if (!row) return row.error();
  return statement->text(0);
}

bool Database::is_in_transaction() const noexcept {
  return sqlite3_get_autocommit(database_.get()) == 0;
}

}  // namespace weft::control
