// What TAB does to a line: pure, from candidates to text.
//
//   weft> show po|           candidates: port           "show port |"
//   weft> show t|            tenant, tunnel             nothing in common to add: both are listed
//
// Which candidates there are is the grammar's business (commands.h).
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weft::cli {

/// The word in front of the cursor: what stands behind the last blank, possibly nothing.
[[nodiscard]] std::string_view begun_word(std::string_view before_cursor) noexcept;

/// What to insert at the cursor: what all candidates have in common behind `begun`, and a blank when
/// there is only one (none behind a directory, which ends with '/'). Empty when candidates do not
/// agree on a further character, or do not begin with `begun` (it may be quoted).
[[nodiscard]] std::string extension(
    std::span<const std::string> candidates, std::string_view begun
);

/// The files and directories whose paths begin with `begun`, sorted; directories end with '/'. Hidden
/// ones only when asked for by their dot.
[[nodiscard]] std::vector<std::string> paths(std::string_view begun);

/// In columns, read downwards, as wide as `width` allows; ends with a line feed.
[[nodiscard]] std::string columns(std::span<const std::string> words, std::size_t width);

}  // namespace weft::cli
