// When something was, in words (RFC 3339, UTC), for people and for log files.
#pragma once

#include <array>
#include <cstdint>
#include <ctime>
#include <string>

namespace weft::control {

/// "2026-11-22T18:30:00". `at_ms`: milliseconds since 1970, UTC.
[[nodiscard]] inline std::string utc_second(std::int64_t at_ms) {
  const std::time_t seconds = at_ms / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%FT%T", &parts);
  return {text.data(), size};
}

}  // namespace weft::control
