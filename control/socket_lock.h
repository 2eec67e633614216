// SocketLock: one daemon per socket path.
//
// The lock is an flock on `<path>.lock`, which the kernel releases with the process however it
// ends; the file holds the daemon's pid for the message of the one that is refused.
#pragma once

#include <string>

#include "dataplane/base/result.h"
#include "pmd-config/os.h"

namespace weft::control {

class SocketLock {
 public:
  /// Refused when another process holds the lock or answers on the socket; else removes what a dead
  /// one left at `path`.
  [[nodiscard]] static Result<SocketLock> take(const std::string& path);

  SocketLock(SocketLock&&) noexcept = default;
  SocketLock& operator=(SocketLock&&) noexcept = default;
  /// Removes the socket and the lock file, unless moved from.
  ~SocketLock();

 private:
  SocketLock(std::string path, UniqueFd fd) : path_{std::move(path)}, fd_{std::move(fd)} {}

  std::string path_;  // of the socket
  UniqueFd fd_;
};

}  // namespace weft::control
