// One operation at a time for each attachment, and a DEL that is heard by an ADD in progress.
//
// Every operation on an attachment holds <folder>/<container>:<ifname>.lock (flock). The file is taken
// away when the operation ends. One that is still there and free belonged to a process that was killed:
// `was_left` says so, for what it had asked the daemon for may still be under way.
//
// A DEL puts up a tombstone (<...>.dead) before it waits for the lock. An ADD that began before that looks
// at it between its steps, takes back what it did and fails. One that begins later does not care. Tombstones go
// after five minutes: no ADD takes that long.
//
//   ADD ---- lock ---- lease ---- attach ---- is there a tombstone? yes: undo, fail ---- unlock
//   DEL                      tombstone ---- wait ........................................ lock ---- detach
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "control/connector/attachment.h"
#include "control/connector/deadline.h"
#include "control/connector/problem.h"
#include "control/connector/unique_fd.h"

namespace weft::connector {

class KeyLock {
 public:
  /// Waits until the lock is free, at most until the deadline: nullopt. Fails when `folder`, which is made
  /// if it is missing, can not be written.
  [[nodiscard]] static Outcome<std::optional<KeyLock>> take(
      const std::string& folder, const Attachment& attachment, const Deadline& deadline
  );
  KeyLock(KeyLock&&) noexcept = default;
  KeyLock& operator=(KeyLock&&) = delete;
  KeyLock(const KeyLock&) = delete;
  KeyLock& operator=(const KeyLock&) = delete;
  ~KeyLock();

  /// Who held it before was killed.
  [[nodiscard]] bool was_left() const noexcept { return was_left_; }

 private:
  KeyLock(UniqueFd fd, std::string path, bool was_left)
      : fd_{std::move(fd)}, path_{std::move(path)}, was_left_{was_left} {}

  UniqueFd fd_;
  std::string path_;
  bool was_left_;
};

/// Nanoseconds since the machine was booted, sleep included: the same for all processes.
[[nodiscard]] std::uint64_t since_boot() noexcept;

/// Puts up a tombstone, and takes away some that are old.
[[nodiscard]] Done put_tombstone(const std::string& folder, const Attachment& attachment);

/// Whether a DEL came after `start` (since_boot()).
[[nodiscard]] bool has_tombstone(
    const std::string& folder, const Attachment& attachment, std::uint64_t start
);

}  // namespace weft::connector
