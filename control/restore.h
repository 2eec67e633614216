// Restore: a fresh Controller becomes what was acknowledged last.
//
//   restore(...)     -> the stored document is in force, with its generation; nothing is written
//   dispatcher.keep_in(&journal)
//   finish_restoring(...) -> containers that no longer live are detached, as a generation of its own; then an import
//
// A container lives if the machine was not booted since it was attached, and its namespace is the same as then. One that
// lives gets its interface back (a TAP waits for it with its name, addresses and routes); one whose interface can not be
// opened stays listed as "gone" with its state, until it is attached again or detached.
#pragma once

#include <string>
#include <vector>

#include "control/controller.h"
#include "control/dispatch.h"
#include "control/state_journal.h"
#include "control/store/store.h"

namespace weft::control {

/// Endpoints of the stored document, as "c1/eth0".
struct Restored {
  std::vector<std::string> dead;  // they do not live any more, and are listed as "gone"
};

/// Precondition: `controller` is as constructed, and keeps no journal.
[[nodiscard]] Outcome<Restored> restore(
    Controller& controller, Dispatcher& dispatcher, StateJournal& journal, TimePoint now
);

/// Precondition: `dispatcher` keeps the journal.
[[nodiscard]] Outcome<Ok> finish_restoring(
    const Restored& restored, Dispatcher& dispatcher, StateJournal& journal, TimePoint now
);

}  // namespace weft::control
