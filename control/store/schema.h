// The format of the state file, and how files of older formats are brought forward.
#pragma once

#include "control/store/sqlite.h"
#include "dataplane/base/result.h"

namespace weft::control {

/// Makes the file's format Store::kSchema, in one transaction a step. Refuses files that are somebody else's, or newer.
[[nodiscard]] Status bring_forward(Database& database);

}  // namespace weft::control
