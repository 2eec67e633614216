// The state folder of a weftd that does not run: check, export, import. A running one is asked instead (`get`, `apply`).
#pragma once

#include <string>

#include "dataplane/base/result.h"

namespace weft::cli {

// Each answers what to print. Refused while weftd has the folder open.

/// Pages, tables, and that documents are JSON.
[[nodiscard]] Result<std::string> check_state(const std::string& folder);
/// The document that was acknowledged last.
[[nodiscard]] Result<std::string> export_state(const std::string& folder);
/// Leaves a document for weftd to apply when it starts next: the whole state, so that what it does not mention goes.
/// `text`: as `get` answers it. `name`: of the file, for the refusal.
[[nodiscard]] Result<std::string> import_state(
    const std::string& folder, const std::string& name, const std::string& text
);

}  // namespace weft::cli
