// Config: the desired state as one document, out of the model and back in.
//
// The document holds the parameter objects of the add verbs (README.md, "The document"), so
// applying what `config.get` answered to an empty daemon gives the same state. Applying goes
// through the same handlers as the socket: there is no second way to configure anything.
#pragma once

#include "control/dispatch.h"
#include "control/failure.h"
#include "control/fields.h"
#include "control/model.h"

namespace weft::control {

[[nodiscard]] Json document_of(const Model& model);

/// Applies `document` in the order of its sections (README.md), stopping at the
/// first refusal, whose message names the entry: "segments[2]: ...". What was applied before stays.
[[nodiscard]] Outcome<Ok> apply_document(
    Dispatcher& dispatcher, const Json& document, TimePoint now
);

}  // namespace weft::control
