// Reading words with a compiled pattern: a request's parameters, or where it went wrong and what
// could have stood there.
//
// While it reads, the matcher notes everything it would have accepted at the position where it
// stopped. That one list is the error message ("expected ...") and, for a line that ends at the
// cursor, the completion. No state is kept between calls.
//
//   match(compile_pattern("fdb [segment=SEGMENT]"), *split("fdb blue"))  ->  {"segment":"blue"}
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "control/cli/pattern.h"
#include "control/cli/words.h"

namespace weft::cli {

/// What may stand at a position. Points into the pattern.
struct Expectation {
  std::string_view literal;  // if kind is nullptr
  const ValueKind* kind{};
  bool is_required{};  // the command is not complete without it

  friend bool operator==(const Expectation&, const Expectation&) = default;
};

struct MatchResult {
  /// Set when all words were read and nothing required is missing.
  bool is_complete{};
  nlohmann::json params = nlohmann::json::object();  // to be sent
  nlohmann::json local = nlohmann::json::object();   // fields written @field: for the CLI itself
  /// The first word that was not accepted; words.size() when the line is too short or complete.
  std::size_t stopped_at{};
  /// What would have been accepted there.
  std::vector<Expectation> expected;
};

[[nodiscard]] MatchResult match(const Sequence& pattern, const Line& line);

/// As an error names them: "`on` or `off`", "a segment's name". `required_only` leaves out what the
/// command could do without.
[[nodiscard]] std::string format(const std::vector<Expectation>& expected, bool required_only);

}  // namespace weft::cli
