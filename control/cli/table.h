// Plain text tables: columns as wide as their content, numbers to the right, and a last column
// whose text is wrapped so that lines stay within the given width.
//
//   Reason       Count  Meaning
//   unknown_vni     12  No segment here has this VNI or VSID with this
//                       encapsulation on this VTEP address.
//
// Text is ASCII by contract of the socket's names; cells come through printable() anyway.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weft::cli {

inline constexpr std::size_t kDefaultWidth = 80;  // characters in a line

enum class Align : std::uint8_t { left, right };

struct Column {
  std::string title;
  Align align{Align::left};
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_{std::move(columns)} {}

  /// Precondition: as many cells as columns.
  void add(std::vector<std::string> cells);

  /// Title line and rows, each ending in a newline, without trailing blanks.
  [[nodiscard]] std::string format(std::size_t width = kDefaultWidth) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

/// Joins pieces with blanks into lines of at most `width` characters, none of them broken; a piece
/// that is longer than that has a line of its own. At least one line, perhaps an empty one.
[[nodiscard]] std::vector<std::string> wrap(
    const std::vector<std::string>& pieces, std::size_t width
);

/// The words of a text, split at blanks.
[[nodiscard]] std::vector<std::string> split_words(std::string_view text);

/// Control characters as `?`: nothing that somebody else has named may steer the terminal.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace weft::cli
