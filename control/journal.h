// Journal: what makes a change durable, as the Controller sees it.
//
// The Controller asks it in the middle of commit_transaction(): everything was judged and opened, nothing is published
// and nothing closed. If it refuses, the transaction is rolled back and its caller is told why, so nothing is in force that
// is not durable. Implemented by StateJournal (SQLite) and by the fake of the unit tests.
#pragma once

#include <set>

#include "control/document_parts.h"
#include "dataplane/base/result.h"

namespace weft::control {

class Controller;

class Journal {
 public:
  Journal() = default;
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  virtual ~Journal() = default;

  /// Returns when these entries of the controller's document, as of generation(), survive the loss of power. On failure
  /// what was durable before still is, and nothing else.
  [[nodiscard]] virtual Status commit(
      const Controller& controller, const std::set<EntryKey>& entries
  ) = 0;
  /// The change that was committed last is not in force after all: the system refused. `controller` is as it was before.
  virtual void take_back(const Controller& controller, const std::set<EntryKey>& entries) = 0;
};

}  // namespace weft::control
