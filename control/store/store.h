// Store: the desired state on disk, by generation, in one SQLite file in the folder that --state names.
//
// Every entry of the document (control/document_parts.h) is a row for each value that it had, with the generation since
// which it had it and the one until which; so a change costs what it changes, whatever the state's size, and each of the
// kept generations can be read again. Beside them: who made a generation and when (history), which namespace a
// container was attached in (attachments), and what requests with an id were answered (requests).
//
// write() is one transaction that is on disk when it returns; if it fails, nothing of it is. The file names its format in
// user_version; older ones are brought forward when it is opened, newer ones are refused.
//
//   auto store = Store::open("/var/lib/weft", {});
//   const StoredState state = *(*store)->read();        // what was acknowledged last
//   (*store)->write({.generation = 8, ...});
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/document_parts.h"
#include "control/fields.h"
#include "control/store/sqlite.h"
#include "dataplane/base/result.h"

namespace weft::control {

struct StoredEntry {
  Part part{};
  std::string name;
  std::string json;         // canonical; empty: there is none any more
  std::int64_t position{};  // its place among others of its section, where that matters
};

/// Where an endpoint was attached; identities are the platform's (Platform::identity_of).
struct StoredAttachment {
  std::string endpoint;
  std::string identity;
  std::string boot_id;
};

/// What a request with an id was answered.
struct StoredRequest {
  std::string who;
  std::string id;
  std::string fingerprint;  // of method and parameters
  std::string answer;       // JSON; empty: forget the request
};

struct StoredGeneration {
  std::uint64_t number{};
  std::int64_t at_ms{};  // since 1970, UTC
  std::string who;
  std::string what;  // methods
};

struct StoredChange {
  StoredGeneration generation;                // number 0: the state stays what it was
  std::vector<StoredEntry> entries;           // that may differ
  std::vector<StoredAttachment> attachments;  // likewise; without identity: none any more
  std::vector<StoredRequest> requests;
};

struct StoreLimits {
  std::int64_t generations = 1000;  // that can be read again
  std::int64_t requests = 10000;    // whose answers are kept
};

class Store {
 public:
  static constexpr std::int64_t kSchema = 1;
  static constexpr const char* kFileName = "weft.db";

  /// Creates folder and file where they are missing. Nobody else can open the file meanwhile.
  [[nodiscard]] static Result<std::unique_ptr<Store>> open(
      const std::string& folder, const StoreLimits& limits = {}
  );
  ~Store();

  /// The last one, or nullopt: nothing was ever written.
  [[nodiscard]] Result<std::optional<StoredGeneration>> last();
  /// Kept generations, the last one first.
  [[nodiscard]] Result<std::vector<StoredGeneration>> history(std::int64_t limit);
  /// The document as of a generation. Precondition: is_kept(generation).
  [[nodiscard]] Result<Json> document(std::uint64_t generation);
  /// Whether the state of a generation can be read: also of one between two that are kept.
  [[nodiscard]] Result<bool> is_kept(std::uint64_t generation);
  [[nodiscard]] Result<std::vector<StoredAttachment>> attachments();
  /// Entry::position of the uplinks and endpoints that there are now.
  [[nodiscard]] Result<std::map<EntryKey, std::int64_t>> places();
  /// Oldest first.
  [[nodiscard]] Result<std::vector<StoredRequest>> requests();

  /// Precondition: the generation is above the last one, or 0 and there are no entries.
  [[nodiscard]] Status write(const StoredChange& change);

  /// Everything that can be judged without weftd: pages, tables, that documents are JSON. Costs a read of the file.
  [[nodiscard]] Status check();

  /// A document that weftd applies when it starts next, instead of what is there. nullopt: none.
  [[nodiscard]] Result<std::optional<Json>> pending_import();
  [[nodiscard]] Status set_pending_import(const std::optional<Json>& document);

  [[nodiscard]] const std::string& path() const noexcept;

 private:
  struct Statements;
  Store(Database database, StoreLimits limits);
  [[nodiscard]] Status prepare();
  [[nodiscard]] Status write_rows(const StoredChange& change);
  [[nodiscard]] Status write_request(const StoredRequest& request);
  [[nodiscard]] Status write_entry(const StoredEntry& entry, std::uint64_t generation);
  [[nodiscard]] Status prune();

  Database database_;
  StoreLimits limits_;
  std::unique_ptr<Statements> statements_;
};

}  // namespace weft::control
