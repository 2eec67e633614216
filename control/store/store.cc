#include "control/store/store.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

#include "control/store/schema.h"

namespace weft::control {
namespace {

Status open_folder(const std::string& folder) {
  std::error_code error;
  const bool is_new = std::filesystem::create_directories(folder, error);
  if (error) return Error{"state " + folder + ": " + error.message()};
  // Documents name devices and namespaces: nobody's business.
  if (is_new) std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  return Ok{};
}

std::optional<Part> part_called(const std::string& word) {
  const auto part =
      std::ranges::find(kParts, word, [](Part each) { return std::string{name(each)}; });
  return part == kParts.end() ? std::nullopt : std::optional{*part};
}

StoredGeneration read_generation(const Statement& row) {
  return {static_cast<std::uint64_t>(row.number(0)), row.number(1), row.text(2), row.text(3)};
}

/// What `read` makes of each row.
template <typename Read>
auto rows_of(Statement& select, Read read)
    -> Result<std::vector<decltype(read(std::as_const(select)))>> {
  std::vector<decltype(read(std::as_const(select)))> rows;
  for (;;) {
    const auto row = select.step();
    if (!row) return row.error();
    if (!*row) return rows;
    rows.push_back(read(select));
  }
}

}  // namespace

/// Prepared once, because every commit uses them; set once the store is open.
struct Store::Statements {
  using Slot = std::optional<Statement>;
  Slot begin, commit, rollback;
  Slot current_entry, end_entry, add_entry;
  Slot add_generation, oldest_kept, drop_entries, drop_generations;
  Slot put_attachment, drop_attachment;
  Slot add_request, forget_request, drop_requests;
};

Store::Store(Database database, StoreLimits limits)
    : database_{std::move(database)}, limits_{limits} {}

Store::~Store() = default;

const std::string& Store::path() const noexcept {
  return database_.path();
}

Result<std::unique_ptr<Store>> Store::open(const std::string& folder, const StoreLimits& limits) {
  if (const Status made = open_folder(folder); !made) return made.error();
  const std::filesystem::path file = std::filesystem::path{folder} / kFileName;
  auto database = Database::open(file.string());
  if (!database) return database.error();
  // SQLite's own files beside it get the same mode.
  std::error_code error;
  using std::filesystem::perms;
  std::filesystem::permissions(file, perms::owner_read | perms::owner_write, error);
  if (const Status forward = bring_forward(*database); !forward) return forward.error();
  std::unique_ptr<Store> store{new Store{std::move(*database), limits}};
  if (const Status prepared = store->prepare(); !prepared) return prepared.error();
  return store;
}

Status Store::prepare() {
  std::optional<Error> error;
  const auto prepared = [&](const char* sql) -> Statements::Slot {
    auto statement = database_.prepare(sql);
    if (statement) return std::move(*statement);
    if (!error.has_value()) error = statement.error();
    return std::nullopt;
  };
  constexpr const char* kCurrentEntry =
      "SELECT since, position, json FROM entry"
      " WHERE part = ?1 AND name = ?2 AND until IS NULL ORDER BY since DESC LIMIT 1";
  statements_ = std::unique_ptr<Statements>{new Statements{
      .begin = prepared("BEGIN IMMEDIATE"),
      .commit = prepared("COMMIT"),
      .rollback = prepared("ROLLBACK"),
      .current_entry = prepared(kCurrentEntry),
      .end_entry =
          prepared("UPDATE entry SET until = ?3 WHERE part = ?1 AND name = ?2 AND until IS NULL"),
      .add_entry = prepared("INSERT INTO entry VALUES (?1, ?2, ?3, NULL, ?4, ?5)"),
      .add_generation = prepared("INSERT INTO generation VALUES (?1, ?2, ?3, ?4)"),
      .oldest_kept =
          prepared("SELECT number FROM generation ORDER BY number DESC LIMIT 1 OFFSET ?1"),
      .drop_entries = prepared("DELETE FROM entry WHERE until <= ?1"),
      .drop_generations = prepared("DELETE FROM generation WHERE number < ?1"),
      .put_attachment = prepared("INSERT OR REPLACE INTO attachment VALUES (?1, ?2, ?3)"),
      .drop_attachment = prepared("DELETE FROM attachment WHERE endpoint = ?1"),
      .add_request = prepared(
          "INSERT OR REPLACE INTO request (who, id, fingerprint, answer) VALUES (?1, ?2, ?3, ?4)"
      ),
      .forget_request = prepared("DELETE FROM request WHERE who = ?1 AND id = ?2"),
      .drop_requests =
          prepared("DELETE FROM request WHERE number <= (SELECT max(number) FROM request) - ?1"),
  }};
  if (error.has_value()) return *error;
  return Ok{};
}

// -- reading -------------------------------------------------------------------------------------

Result<std::optional<StoredGeneration>> Store::last() {
  auto rows = history(1);
  if (!rows) return rows.error();
  if (rows->empty()) return std::optional<StoredGeneration>{};
  return std::optional{std::move(rows->front())};
}

Result<std::vector<StoredGeneration>> Store::history(std::int64_t limit) {
  auto select = database_.prepare(
      "SELECT number, at_ms, who, what FROM generation ORDER BY number DESC LIMIT ?1"
  );
  if (!select) return select.error();
  select->bind(1, limit);
  return rows_of(*select, read_generation);
}

Result<bool> Store::is_kept(std::uint64_t generation) {
  auto select = database_.prepare(
      "SELECT count(*) FROM generation WHERE number <= ?1"
      " AND (SELECT max(number) FROM generation) >= ?1"
  );
  if (!select) return select.error();
  select->bind(1, static_cast<std::int64_t>(generation));
  const auto row = select->step();
  if (!row) return row.error();
  return select->number(0) > 0;
}

Result<Json> Store::document(std::uint64_t generation) {
  auto select = database_.prepare(
      "SELECT part, name, json FROM entry WHERE since <= ?1 AND (until IS NULL OR until > ?1)"
      " ORDER BY part, CASE part WHEN 'endpoints' THEN 0 ELSE position END, name"
  );
  if (!select) return select.error();
  select->bind(1, static_cast<std::int64_t>(generation));
  Json document = Json::object();
  for (const Part part : kParts) document[name(part)] = Json::array();
  for (;;) {
    const auto row = select->step();
    if (!row) return row.error();
    if (!*row) return document;
    const std::string section = select->text(0);
    const auto part = part_called(section);
    const Json json = Json::parse(select->text(2), nullptr, /*allow_exceptions=*/false);
    if (!part.has_value() || !json.is_object()) {
      return Error{
          "state " + path() + ": entry " + in_quotes(select->text(1)) + " of section " +
          in_quotes(section) + " can not be read"};
    }
    append_entry(*part, json, document[section]);
  }
}

Result<std::vector<StoredAttachment>> Store::attachments() {
  auto select = database_.prepare("SELECT endpoint, identity, boot_id FROM attachment");
  if (!select) return select.error();
  return rows_of(*select, [](const Statement& row) {
    return StoredAttachment{row.text(0), row.text(1), row.text(2)};
  });
}

Result<std::map<EntryKey, std::int64_t>> Store::places() {
  auto select = database_.prepare(
      "SELECT part, name, position FROM entry WHERE until IS NULL AND part IN ('ports', "
      "'endpoints')"
  );
  if (!select) return select.error();
  std::map<EntryKey, std::int64_t> places;
  for (;;) {
    const auto row = select->step();
    if (!row) return row.error();
    if (!*row) return places;
    const auto part = part_called(select->text(0));
    if (part.has_value()) places.emplace(EntryKey{*part, select->text(1)}, select->number(2));
  }
}

Result<std::vector<StoredRequest>> Store::requests() {
  auto select =
      database_.prepare("SELECT who, id, fingerprint, answer FROM request ORDER BY number");
  if (!select) return select.error();
  return rows_of(*select, [](const Statement& row) {
    return StoredRequest{row.text(0), row.text(1), row.text(2), row.text(3)};
  });
}

// -- writing -------------------------------------------------------------------------------------

Status Store::write(const StoredChange& change) {
  Statements& s = *statements_;
  if (Status begun = s.begin->run(); !begun) return begun;
  Status written = write_rows(change);
  if (written) written = s.commit->run();
  if (!written && database_.is_in_transaction()) static_cast<void>(s.rollback->run());
  return written;
}

Status Store::write_rows(const StoredChange& change) {
  Statements& s = *statements_;
  const StoredGeneration& generation = change.generation;
  const auto number = static_cast<std::int64_t>(generation.number);
  if (number != 0) {
    s.add_generation->bind(1, number).bind(2, generation.at_ms);
    s.add_generation->bind(3, generation.who).bind(4, generation.what);
    if (Status added = s.add_generation->run(); !added) return added;
  }
  for (const StoredEntry& entry : change.entries) {
    if (Status written = write_entry(entry, generation.number); !written) return written;
  }
  for (const StoredAttachment& attachment : change.attachments) {
    const bool is_gone = attachment.identity.empty() && attachment.boot_id.empty();
    Statement& put = is_gone ? *s.drop_attachment : *s.put_attachment;
    put.bind(1, attachment.endpoint);
    if (!is_gone) put.bind(2, attachment.identity).bind(3, attachment.boot_id);
    if (Status done = put.run(); !done) return done;
  }
  for (const StoredRequest& request : change.requests) {
    if (Status written = write_request(request); !written) return written;
  }
  if (!change.requests.empty()) {
    if (Status dropped = s.drop_requests->bind(1, limits_.requests).run(); !dropped) {
      return dropped;
    }
  }
  return number == 0 ? Status{Ok{}} : prune();
}

Status Store::write_request(const StoredRequest& request) {
  Statements& s = *statements_;
  if (request.answer.empty()) {
    return s.forget_request->bind(1, request.who).bind(2, request.id).run();
  }
  s.add_request->bind(1, request.who).bind(2, request.id);
  return s.add_request->bind(3, request.fingerprint).bind(4, request.answer).run();
}

Status Store::write_entry(const StoredEntry& entry, std::uint64_t generation) {
  Statements& s = *statements_;
  const std::string_view part = name(entry.part);
  const auto number = static_cast<std::int64_t>(generation);
  s.current_entry->bind(1, part).bind(2, entry.name);
  const auto row = s.current_entry->step();
  if (!row) return row.error();
  if (*row) {
    const bool is_same =
        s.current_entry->text(2) == entry.json && s.current_entry->number(1) == entry.position;
    s.current_entry->reset();
    if (is_same) return Ok{};
    if (Status ended = s.end_entry->bind(1, part).bind(2, entry.name).bind(3, number).run();
        !ended) {
      return ended;
    }
  }
  if (entry.json.empty()) return Ok{};
  s.add_entry->bind(1, part).bind(2, entry.name).bind(3, number);
  return s.add_entry->bind(4, entry.position).bind(5, entry.json).run();
}

/// Forgets the oldest generation beyond the limit, and the values that only older ones had.
Status Store::prune() {
  Statements& s = *statements_;
  const auto row = s.oldest_kept->bind(1, limits_.generations - 1).step();
  if (!row) return row.error();
  if (!*row) return Ok{};  // there is room for more
  const std::int64_t oldest = s.oldest_kept->number(0);
  s.oldest_kept->reset();
  if (Status dropped = s.drop_entries->bind(1, oldest).run(); !dropped) return dropped;
  return s.drop_generations->bind(1, oldest).run();
}

// -- check and import ----------------------------------------------------------------------------

Status Store::check() {
  const auto pages = database_.text_of("PRAGMA integrity_check(1)");
  if (!pages) return pages.error();
  if (*pages != "ok") return Error{"state " + path() + ": " + *pages};
  const auto newest = last();
  if (!newest) return newest.error();
  if (!newest->has_value()) return Ok{};
  const auto now = document((*newest)->number);
  if (!now) return now.error();
  auto select = database_.prepare("SELECT part, name, since FROM entry WHERE NOT json_valid(json)");
  if (!select) return select.error();
  const auto row = select->step();
  if (!row) return row.error();
  if (!*row) return Ok{};
  return Error{
      "state " + path() + ": entry " + in_quotes(select->text(1)) + " of section " +
      in_quotes(select->text(0)) + " as of generation " + std::to_string(select->number(2)) +
      " is not JSON"};
}

Result<std::optional<Json>> Store::pending_import() {
  auto select = database_.prepare("SELECT document FROM import");
  if (!select) return select.error();
  const auto row = select->step();
  if (!row) return row.error();
  if (!*row) return std::optional<Json>{};
  Json document = Json::parse(select->text(0), nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) return Error{"state " + path() + ": the import can not be read"};
  return std::optional{std::move(document)};
}

Status Store::set_pending_import(const std::optional<Json>& document) {
  auto insert = database_.prepare("INSERT INTO import VALUES (?1)");
  if (!insert) return insert.error();
  Status written = database_.execute("BEGIN IMMEDIATE; DELETE FROM import");
  if (written && document.has_value()) written = insert->bind(1, document->dump()).run();
  if (written) written = database_.execute("COMMIT");
  if (!written && database_.is_in_transaction()) static_cast<void>(database_.execute("ROLLBACK"));
  return written;
}

}  // namespace weft::control
