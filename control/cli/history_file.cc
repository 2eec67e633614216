#include "control/cli/history_file.h"

#include <cstdlib>
#include <fstream>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace weft::cli {

std::optional<std::filesystem::path> history_path() {
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && *state != '\0') return std::filesystem::path{state} / "weft/history";
  const char* home = std::getenv("HOME");
  if (home != nullptr && *home != '\0') return std::filesystem::path{home} / ".weft_history";
  return std::nullopt;
}

HistoryFile::HistoryFile(std::optional<std::filesystem::path> path) : path_{std::move(path)} {
  if (!path_) return;
  std::error_code ignored;  // without a directory there is no history: no reason to stop
  std::filesystem::create_directories(path_->parent_path(), ignored);
}

std::vector<std::string> HistoryFile::lines() const {
  std::vector<std::string> lines;
  if (!path_) return lines;
  std::ifstream file{*path_};
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

void HistoryFile::append(const std::string& line) const {
  if (!path_) return;
  const int fd = ::open(path_->c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return;
  // One write: the lines of two sessions never mix.
  const std::string whole = line + '\n';
  static_cast<void>(::write(fd, whole.data(), whole.size()) < 0);
  ::close(fd);
}

void HistoryFile::keep_last(std::size_t count) const {
  const std::vector<std::string> all = lines();
  if (all.size() <= count) return;
  // A new file in its place: whoever is killed in between leaves the old one whole.
  std::filesystem::path fresh = *path_;
  fresh += ".new";
  {
    const HistoryFile writer{fresh};
    std::string kept;
    for (std::size_t i = all.size() - count; i < all.size(); ++i) {
      kept += all[i];
      if (i + 1 < all.size()) kept += '\n';
    }
    std::error_code ignored;
    std::filesystem::remove(fresh, ignored);
    writer.append(kept);
  }
  std::error_code ignored;
  std::filesystem::rename(fresh, *path_, ignored);
}

}  // namespace weft::cli
