// Files that are whole or not there: written beside, synced, renamed, and the folder synced.
#pragma once

#include <optional>
#include <string>

#include "control/connector/problem.h"

namespace weft::connector {

/// Makes the folder and those above it; theirs for root alone.
[[nodiscard]] Done make_folder(const std::string& path);

/// When this answers Ok, `text` is on disk under `path`; a crash before leaves what was there.
[[nodiscard]] Done write_durably(const std::string& path, const std::string& text);

/// Octets of a file, at most 16 MiB; nullopt when it can not be read.
[[nodiscard]] std::optional<std::string> read_file(const std::string& path);

}  // namespace weft::connector
