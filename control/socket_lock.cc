#include "control/socket_lock.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace weft::control {
namespace {

std::string pid_in(int lock) {
  std::array<char, 32> text{};
  const ssize_t size = ::pread(lock, text.data(), text.size(), 0);
  std::string pid{text.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
  pid.erase(pid.find_last_not_of('\n') + 1U);
  return pid.empty() ? "unknown" : pid;
}

Error served_by(const std::string& path, const std::string& pid) {
  return Error{"socket " + path + ": another weftd serves it (pid " + pid + ")"};
}

/// Whether the file that was locked is still the one at that name: its last holder removes it.
bool is_same_file(int fd, const std::string& path) {
  struct stat open {};
  struct stat named {};
  return ::fstat(fd, &open) == 0 && ::stat(path.c_str(), &named) == 0 &&
         open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

/// The pid of whoever listens on the socket without holding the lock.
std::optional<std::string> listener_of(const std::string& path) {
  const UniqueFd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1U);
  // EAGAIN: somebody listens, and its backlog is full.
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return errno == EAGAIN ? std::optional<std::string>{"unknown"} : std::nullopt;
  }
  ucred peer{};
  socklen_t size = sizeof peer;
  const bool has_peer = ::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
  return has_peer ? std::to_string(peer.pid) : "unknown";
}

Status remove_stale(const std::string& path) {
  struct stat file {};
  if (::lstat(path.c_str(), &file) != 0) return Ok{};
  if (!S_ISSOCK(file.st_mode)) {
    return Error{"socket " + path + ": there is a file that is not a socket"};
  }
  if (const auto pid = listener_of(path)) return served_by(path, *pid);
  if (::unlink(path.c_str()) != 0) return os_error(errno, "socket " + path + ": stale, and stays");
  return Ok{};
}

}  // namespace

Result<SocketLock> SocketLock::take(const std::string& path) {
  if (path.empty() || path.size() >= sizeof(sockaddr_un::sun_path)) {
    return Error{
        "socket " + path + ": " + std::to_string(path.size()) + " octets are above the limit " +
        std::to_string(sizeof(sockaddr_un::sun_path) - 1U)};
  }
  const std::string lock_path = path + ".lock";
  UniqueFd fd;
  do {
    fd.reset(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640));
    if (!fd) return os_error(errno, "socket lock " + lock_path);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) return served_by(path, pid_in(fd.get()));
      return os_error(errno, "socket lock " + lock_path);
    }
  } while (!is_same_file(fd.get(), lock_path));

  if (const Status status = remove_stale(path); !status) return status.error();
  const std::string pid = std::to_string(::getpid()) + "\n";
  const bool is_written =
      ::ftruncate(fd.get(), 0) == 0 &&
      ::pwrite(fd.get(), pid.data(), pid.size(), 0) == static_cast<ssize_t>(pid.size());
  if (!is_written) return os_error(errno, "socket lock " + lock_path);
  return SocketLock{path, std::move(fd)};
}

SocketLock::~SocketLock() {
  if (!fd_) return;
  ::unlink(path_.c_str());
  ::unlink((path_ + ".lock").c_str());
}

}  // namespace weft::control
