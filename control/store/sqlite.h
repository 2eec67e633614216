// SQLite, as far as weft needs it: a connection and prepared statements that clean up after themselves.
//
// The only file that includes <sqlite3.h> is sqlite.cc. Every failure is a sentence that begins with the path of the
// file, because that is what an operator has to look at: "state /var/lib/weft/weft.db: database or disk is full".
//
// Threads: one at a time; weftd uses it on the control thread only.
//
//   auto database = Database::open("/var/lib/weft/weft.db");
//   auto insert = database->prepare("INSERT INTO t VALUES (?1, ?2)");
//   insert->bind(1, 7).bind(2, "text");
//   if (const auto row = insert->step(); !row) return row.error();
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "dataplane/base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace weft::control {

class Statement {
 public:
  // Positions of parameters begin at 1, of columns at 0. Text is copied.
  Statement& bind(int position, std::int64_t value);
  Statement& bind(int position, std::string_view text);

  /// True: there is a row to read. False: done, and ready to be bound and stepped again. After a failure likewise.
  [[nodiscard]] Result<bool> step();
  /// For a statement without rows, or whose rows do not matter.
  [[nodiscard]] Status run();
  /// Ends reading before the last row.
  void reset();

  [[nodiscard]] std::int64_t number(int column) const;
  [[nodiscard]] std::string text(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const noexcept;
  };
  Statement(sqlite3_stmt* statement, std::string path)
      : statement_{statement}, path_{std::move(path)} {}
  [[nodiscard]] Error error() const;
  void note(int code) {
    if (bind_error_ == 0) bind_error_ = code;
  }

  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  std::string path_;
  int bind_error_{};  // the first one; reported by step()
};

class Database {
 public:
  /// Creates the file if it does not exist. Nobody else can use the file while this one is open. What is
  /// committed survives the loss of power: write-ahead log, synced at every commit.
  [[nodiscard]] static Result<Database> open(const std::string& path);

  /// Statements without parameters and rows, separated by semicolons.
  [[nodiscard]] Status execute(const char* sql);
  [[nodiscard]] Result<Statement> prepare(std::string_view sql);
  /// The first column of the first row, a number.
  [[nodiscard]] Result<std::int64_t> number_of(std::string_view sql);
  /// Likewise, a text.
  [[nodiscard]] Result<std::string> text_of(std::string_view sql);
  /// Whether it is inside of BEGIN: some failures end it by themselves.
  [[nodiscard]] bool is_in_transaction() const noexcept;
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] Error error() const;

 private:
  struct Close {
    void operator()(sqlite3* database) const noexcept;
  };
  Database(sqlite3* database, std::string path) : database_{database}, path_{std::move(path)} {}

  std::unique_ptr<sqlite3, Close> database_;
  std::string path_;
};

}  // namespace weft::control
