#include "control/connector/key_lock.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <string_view>
#include <thread>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "control/connector/durable_file.h"

namespace weft::connector {
namespace {

constexpr auto kPause = std::chrono::milliseconds{5};
constexpr auto kTombstoneLife = std::chrono::minutes{5};
constexpr int kMostSwept = 64;  // files that one DEL looks at
constexpr std::string_view kHeld = "held\n";

std::string tombstone_path(const std::string& folder, const Attachment& attachment) {
  return folder + "/" + attachment.file_name() + ".dead";
}

/// Whether `fd` is still what the path names: who held the lock before may have taken the file away.
bool is_named(int fd, const std::string& path) {
  struct stat own {};
  struct stat named {};
  return ::fstat(fd, &own) == 0 && ::stat(path.c_str(), &named) == 0 &&
         own.st_ino == named.st_ino && own.st_dev == named.st_dev;
}

bool has_text(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && status.st_size > 0;
}

void sweep(const std::string& folder) {
  namespace fs = std::filesystem;
  std::error_code error;
  const auto oldest = fs::file_time_type::clock::now() - kTombstoneLife;
  int seen = 0;
  for (fs::directory_iterator at{folder, error}, end; !error && at != end; at.increment(error)) {
    if (++seen > kMostSwept) return;
    std::error_code gone;  // another DEL sweeps too
    if (at->path().extension() != ".dead") continue;
    if (at->last_write_time(gone) < oldest && !gone) fs::remove(at->path(), gone);
  }
}

}  // namespace

Outcome<std::optional<KeyLock>> KeyLock::take(
    const std::string& folder, const Attachment& attachment, const Deadline& deadline
) {
  if (Done made = make_folder(folder); !made) return made.error();
  const std::string path = folder + "/" + attachment.file_name() + ".lock";
  for (;;) {
    UniqueFd fd{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
    if (!fd.is_open()) {
      return Problem{ProblemCode::io, "cannot lock " + path + ": " + std::strerror(errno)};
    }
    while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (deadline.is_over()) return std::optional<KeyLock>{};
      std::this_thread::sleep_for(kPause);
    }
    if (!is_named(fd.get(), path)) continue;
    const bool was_left = has_text(fd.get());
    // Should this fail, a kill of ours goes unnoticed: no worse than that.
    if (!was_left) static_cast<void>(!::write(fd.get(), kHeld.data(), kHeld.size()));
    return std::optional<KeyLock>{KeyLock{std::move(fd), path, was_left}};
  }
}

KeyLock::~KeyLock() {
  if (fd_.is_open()) ::unlink(path_.c_str());
}

std::uint64_t since_boot() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(now.tv_nsec);
}

Done put_tombstone(const std::string& folder, const Attachment& attachment) {
  if (Done made = make_folder(folder); !made) return made;
  sweep(folder);
  // Not synced: after a crash of the machine there is no ADD that it could tell. Renamed, so that it
  // is never read half.
  const std::string path = tombstone_path(folder, attachment);
  const std::string beside = path + "." + std::to_string(::getpid());
  const std::string text = std::to_string(since_boot());
  const UniqueFd file{::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
  const bool is_written =
      file.is_open() &&
      ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
      ::rename(beside.c_str(), path.c_str()) == 0;
  if (is_written) return Ok{};
  return Problem{ProblemCode::io, "cannot write " + path + ": " + std::strerror(errno)};
}

bool has_tombstone(const std::string& folder, const Attachment& attachment, std::uint64_t start) {
  const auto text = read_file(tombstone_path(folder, attachment));
  if (!text) return false;
  std::uint64_t at = 0;
  const auto parsed = std::from_chars(text->data(), text->data() + text->size(), at);
  // One of the future was put up before the machine was booted again.
  return parsed.ec == std::errc{} && at >= start && at <= since_boot();
}

}  // namespace weft::connector
