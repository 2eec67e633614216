// A command line as words that remember where they stood, so that an error can point at them.
//
// Quoting is the shell's, reduced: '...' and "..." anywhere in a word, a backslash escapes the next
// character inside double quotes, `#` at the beginning of a word starts a comment.
//
//   split_line("segment del 'blue' # gone")  ->  segment, del, blue at columns 0, 8, 12
//
// Words that a shell has already split (argv) come in through join_words().
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace weft::cli {

struct Word {
  std::string text;      // without quotes
  std::size_t column{};  // octets from the beginning of Line::text, quote included
};

struct Line {
  std::string text;  // without comment and trailing blanks
  std::vector<Word> words;

  /// The column behind the last character: where something that is missing was expected.
  [[nodiscard]] std::size_t end_column() const noexcept { return text.size(); }
};

/// What is wrong with a command line, and where.
struct Complaint {
  std::string line;
  std::size_t column{};
  std::string sentence;
};

/// Fails on a quote that is not closed.
[[nodiscard]] std::variant<Line, Complaint> split_line(std::string_view text);

/// Words from argv, taken as they are; `text` is them joined with blanks.
[[nodiscard]] Line join_words(std::span<const std::string> words);

/// "weft: <sentence>", the line, and a caret below the column.
[[nodiscard]] std::string format(const Complaint& complaint);

}  // namespace weft::cli
