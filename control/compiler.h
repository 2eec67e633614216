// Compiler: Model + Runtime + Dirty + the previous Snapshot -> the next Snapshot. A pure function.
//
// For each dirty key it looks up what should be there now and writes or erases exactly that; chunks
// that no dirty key falls into are shared with the previous snapshot. Cost: O(dirty keys), plus the
// segment's members for a dirty flood list, plus the polled ports for a dirty poll list. The result
// does not depend on the way there: compiling step by step and compiling `everything` at once give
// the same entries, which the tests assert over random sequences of verbs.
#pragma once

#include <memory>

#include "control/dirty.h"
#include "control/model.h"
#include "control/runtime.h"
#include "dataplane/snapshot.h"

namespace weft::control {

/// The generation is the previous one's plus 1.
[[nodiscard]] std::shared_ptr<const Snapshot> compile(
    const Model& model, const Runtime& runtime, const Dirty& dirty, const Snapshot& previous
);

/// Every key that a snapshot of this model has: compile(..., everything(...), Snapshot{}) starts
/// over.
[[nodiscard]] Dirty everything(const Model& model, const Runtime& runtime);

}  // namespace weft::control
