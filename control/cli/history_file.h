// The lines of earlier sessions: a text file, one line each, oldest first.
//
// Each line is appended at once, so that a killed session loses nothing and sessions that run at the
// same time share one file. No directory, no permission: then there is no history, and nothing else
// is wrong.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace weft::cli {

/// $XDG_STATE_HOME/weft/history when that variable is set, else ~/.weft_history; nullopt when neither
/// XDG_STATE_HOME nor HOME says.
[[nodiscard]] std::optional<std::filesystem::path> history_path();

class HistoryFile {
 public:
  /// `path` nullopt: remembers nothing. Makes the directory when it is missing.
  explicit HistoryFile(std::optional<std::filesystem::path> path);

  [[nodiscard]] std::vector<std::string> lines() const;
  /// Only its owner may read the file: lines can name tenants.
  void append(const std::string& line) const;
  /// Forgets all but the last `count` lines.
  void keep_last(std::size_t count) const;

 private:
  std::optional<std::filesystem::path> path_;
};

}  // namespace weft::cli
