// Audit: who asked for which change, and what became of it; one JSON object each.
//
// The last kKept are in memory (audit.list); with a folder they are also lines of `audit.jsonl` in it, which is rotated
// at kMaxFile octets (`audit.1.jsonl` ... are older). A line is written when the request is answered.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <spdlog/logger.h>

#include "control/failure.h"
#include "control/fields.h"
#include "control/peer.h"
#include "dataplane/base/result.h"

namespace weft::control {

/// One request that wanted to change something.
struct Audited {
  const Peer& peer;
  const char* role{};
  std::string_view method;
  const Json& params;
  const Failure* refused{};    // nullptr: it was carried out
  std::uint64_t generation{};  // since when it is in force; 0: refused
};

class Audit {
 public:
  static constexpr std::size_t kKept = 1000;
  static constexpr std::size_t kMaxFile = std::size_t{8} * 1024 * 1024;
  static constexpr std::size_t kMaxFiles = 4;

  /// In memory only.
  Audit() = default;
  [[nodiscard]] static Result<Audit> open(const std::string& folder);

  void write(const Audited& audited);
  /// The last ones first.
  [[nodiscard]] Json last(std::size_t limit) const;

 private:
  std::deque<Json> kept_;
  std::shared_ptr<spdlog::logger> file_;
};

}  // namespace weft::control
