#include "control/cli/table.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace weft::cli {

namespace {

constexpr std::size_t kGap = 2;               // blanks between columns
constexpr std::size_t kMinWrappedWidth = 12;  // below, a long line reads better than a tall column

std::string pad(const std::string& text, std::size_t width, Align align) {
  const std::string blanks(width - std::min(width, text.size()), ' ');
  return align == Align::left ? text + blanks : blanks + text;
}

void append_line(std::string& out, std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  out += line + '\n';
}

}  // namespace

void Table::add(std::vector<std::string> cells) {
  assert(cells.size() == columns_.size());
  for (std::string& cell : cells) cell = printable(cell);
  rows_.push_back(std::move(cells));
}

std::string Table::format(std::size_t width) const {
  const std::size_t last = columns_.size() - 1;
  std::vector<std::size_t> widths;
  std::size_t used = 0;
  for (std::size_t i = 0; i < last; ++i) {
    std::size_t widest = columns_[i].title.size();
    for (const auto& row : rows_) widest = std::max(widest, row[i].size());
    widths.push_back(widest);
    used += widest + kGap;
  }
  // A number at the end is not wrapped but aligned.
  std::size_t last_width = 0;
  if (columns_[last].align == Align::right) {
    last_width = columns_[last].title.size();
    for (const auto& row : rows_) last_width = std::max(last_width, row[last].size());
  }
  const std::size_t room = std::max(kMinWrappedWidth, width - std::min(width, used));

  std::string out;
  const auto append_row = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (std::size_t i = 0; i < last; ++i) {
      line += pad(cells[i], widths[i], columns_[i].align) + std::string(kGap, ' ');
    }
    if (columns_[last].align == Align::right) {
      append_line(out, line + pad(cells[last], last_width, Align::right));
      return;
    }
    for (const std::string& part : wrap(split_words(cells[last]), room)) {
      append_line(out, line + part);
      line.assign(used, ' ');
    }
  };
  std::vector<std::string> titles;
  for (const Column& column : columns_) titles.push_back(column.title);
  append_row(titles);
  for (const auto& row : rows_) append_row(row);
  return out;
}

std::vector<std::string> wrap(const std::vector<std::string>& pieces, std::size_t width) {
  std::vector<std::string> lines{""};
  for (const std::string& piece : pieces) {
    if (lines.back().empty()) {
      lines.back() = piece;
    } else if (lines.back().size() + 1 + piece.size() <= width) {
      lines.back() += ' ' + piece;
    } else {
      lines.push_back(piece);
    }
  }
  return lines;
}

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (end > 0) words.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  return words;
}

std::string printable(std::string_view text) {
  std::string result{text};
  for (char& c : result) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet < 0x20 || octet == 0x7F) c = '?';
  }
  return result;
}

}  // namespace weft::cli
