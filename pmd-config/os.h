// The operating system as values: an owned file descriptor, and errno as an operator's sentence.
//
// Cold paths only; what a worker calls deals with raw fds and errno.
#pragma once

#include <string>
#include <system_error>
#include <utility>

#include <unistd.h>

#include "dataplane/base/result.h"

namespace weft {

/// Owns one file descriptor and closes it. Mind the cost: closing a TAP or a packet socket waits for
/// an RCU grace period (12-19 ms), so those are destroyed on the reaper thread.
class UniqueFd {
 public:
  UniqueFd() noexcept = default;
  explicit UniqueFd(int fd) noexcept : fd_{fd} {}
  UniqueFd(UniqueFd&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }

  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] explicit operator bool() const noexcept { return fd_ >= 0; }
  void reset(int fd = -1) noexcept {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

/// "`what`: No such file or directory". `errnum` is taken by value because building `what` may
/// already have changed errno: read errno first.
[[nodiscard]] inline Error os_error(int errnum, const std::string& what) {
  return Error{what + ": " + std::generic_category().message(errnum)};
}

}  // namespace weft
