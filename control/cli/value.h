// The kinds of values that a command takes: SEGMENT, IP, NUMBER, ... The upper-case word in a
// pattern (pattern.h) names a row of the table in value.cc, which says what the value looks like,
// how an error names it, how it becomes JSON, and which live objects complete it.
//
// Shape only is judged here, so that an error can point at the word. Limits and existence are the
// daemon's to judge: its sentence names object, value and limit.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include <nlohmann/json.hpp>

namespace weft::cli {

/// What the daemon (or the file system) can be asked for when completing a value.
enum class Live : std::uint8_t {
  none,
  tenants,
  segments,
  containers,
  endpoints,
  ports,
  uplinks,
  rules,
  meters,
  l7_classes,
  files,
};

enum class ValueForm : std::uint8_t {
  text,       // a JSON string
  number,     // a JSON number
  rest,       // the rest of the line as it stands, a JSON string
  converted,  // what `convert` makes of the word
  entry,      // the same; an object, whose entries are added to those of the field
};

struct ValueKind {
  std::string_view placeholder;  // as patterns and help write it
  std::string_view meaning;      // completes "expected ..."
  ValueForm form{ValueForm::text};
  Live live{Live::none};
  bool (*accepts)(std::string_view word){};
  nlohmann::json (*convert)(std::string_view word){};  // for converted and entry; of accepted words
};

[[nodiscard]] std::span<const ValueKind> value_kinds() noexcept;

/// nullptr when there is no such kind.
[[nodiscard]] const ValueKind* find_value_kind(std::string_view placeholder) noexcept;

}  // namespace weft::cli
