// Names of live objects for completion, asked from the daemon when TAB is pressed.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "control/cli/client.h"
#include "control/cli/value.h"

namespace weft::cli {

/// Remembers what it asked for a second, so that TAB TAB is one question. A daemon that does not
/// answer has no names: completion never prints an error.
class LiveDirectory {
 public:
  using Clock = std::chrono::steady_clock;

  /// `client` outlives the directory.
  explicit LiveDirectory(Client& client) : client_{client} {}

  [[nodiscard]] std::vector<std::string> names(Live live, Clock::time_point now = Clock::now());

 private:
  struct Remembered {
    Clock::time_point asked_at;
    std::vector<std::string> names;
  };
  [[nodiscard]] std::vector<std::string> ask(Live live);

  Client& client_;
  std::map<Live, Remembered> remembered_;
};

}  // namespace weft::cli
