#include "control/cli/words.h"

#include <optional>

namespace weft::cli {

namespace {

constexpr std::string_view kBlanks = " \t\r\n";

bool is_blank(char c) {
  return kBlanks.find(c) != std::string_view::npos;
}

/// Reads one word from `text` at `at`, which ends behind it; nullopt when a quote is not closed.
std::optional<Word> read_word(std::string_view text, std::size_t& at) {
  Word word{"", at};
  char quote = '\0';
  for (; at < text.size() && (quote != '\0' || !is_blank(text[at])); ++at) {
    const char c = text[at];
    if (quote == '\0' && (c == '"' || c == '\'')) {
      quote = c;
    } else if (c == quote) {
      quote = '\0';
    } else if (quote == '"' && c == '\\' && at + 1 < text.size()) {
      word.text += text[++at];
    } else {
      word.text += c;
    }
  }
  if (quote != '\0') return std::nullopt;
  return word;
}

}  // namespace

std::variant<Line, Complaint> split_line(std::string_view text) {
  Line line;
  std::size_t end = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (is_blank(text[at])) {
      ++at;
      continue;
    }
    if (text[at] == '#') break;
    const std::size_t begin = at;
    std::optional<Word> word = read_word(text, at);
    if (!word) return Complaint{std::string{text}, begin, "this quote is not closed"};
    line.words.push_back(std::move(*word));
    end = at;
  }
  line.text = text.substr(0, end);
  return line;
}

Line join_words(std::span<const std::string> words) {
  Line line;
  for (const std::string& word : words) {
    if (!line.words.empty()) line.text += ' ';
    line.words.push_back(Word{word, line.text.size()});
    line.text += word;
  }
  return line;
}

std::string format(const Complaint& complaint) {
  std::string text = "weft: " + complaint.sentence + "\n  ";
  // Tabs become blanks of the same width, so that the caret stands where it should.
  for (const char c : complaint.line) text += is_blank(c) ? ' ' : c;
  return text + "\n  " + std::string(complaint.column, ' ') + "^\n";
}

}  // namespace weft::cli
