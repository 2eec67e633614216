#include "control/cli/tab.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

namespace weft::cli {

std::string_view begun_word(std::string_view before_cursor) noexcept {
  const std::size_t blank = before_cursor.find_last_of(" \t");
  return blank == std::string_view::npos ? before_cursor : before_cursor.substr(blank + 1);
}

std::string extension(std::span<const std::string> candidates, std::string_view begun) {
  if (candidates.empty() || !candidates[0].starts_with(begun)) return {};
  std::string_view common = candidates[0];
  for (const std::string& other : candidates) {
    const auto differs = std::ranges::mismatch(common, other).in1;
    common = common.substr(0, static_cast<std::size_t>(differs - common.begin()));
  }
  if (common.size() < begun.size()) return {};
  std::string added{common.substr(begun.size())};
  if (candidates.size() == 1 && !common.ends_with('/')) added += ' ';
  return added;
}

std::vector<std::string> paths(std::string_view begun) {
  const std::size_t slash = begun.rfind('/');
  const bool has_directory = slash != std::string_view::npos;
  const std::string_view directory = has_directory ? begun.substr(0, slash + 1) : "";
  const std::string_view name = begun.substr(directory.size());
  std::vector<std::string> found;
  std::error_code error;  // a directory that can not be read has nothing to offer
  std::filesystem::directory_iterator entry{
      has_directory ? directory : std::string_view{"."}, error};
  for (; !error && entry != std::filesystem::directory_iterator{}; entry.increment(error)) {
    std::string file = entry->path().filename();
    if (!file.starts_with(name) || (file.starts_with('.') && name.empty())) continue;
    std::error_code not_there;
    if (entry->is_directory(not_there)) file += '/';
    found.push_back(std::string{directory} + file);
  }
  std::ranges::sort(found);
  return found;
}

std::string columns(std::span<const std::string> words, std::size_t width) {
  if (words.empty()) return {};
  std::size_t widest = 0;
  for (const std::string& word : words) widest = std::max(widest, word.size());
  const std::size_t cell = widest + 2;
  const std::size_t per_row = std::max<std::size_t>(width / cell, 1);
  const std::size_t rows = (words.size() + per_row - 1) / per_row;
  std::string text;
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t i = row; i < words.size(); i += rows) {
      text += words[i];
      if (i + rows < words.size()) text.append(cell - words[i].size(), ' ');
    }
    text += '\n';
  }
  return text;
}

}  // namespace weft::cli
