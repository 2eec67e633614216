#include "pmd-config/netns.h"

#include <cerrno>
#include <exception>
#include <thread>

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

namespace weft {
namespace {

/// Calls `body` on a new thread and waits for it; what it throws, and failure to start one, is an Error.
Status run_thread(const std::function<Status()>& body) {
  Status result{Ok{}};
  try {
    std::thread thread{[&] {
      try {
        result = body();
      } catch (const std::exception& e) {
        result = Error{std::string{"unexpected failure inside a namespace: "} + e.what()};
      }
    }};
    thread.join();
  } catch (const std::system_error& e) {
    return Error{std::string{"cannot start a thread to enter a namespace: "} + e.what()};
  }
  return result;
}

Status write_sysctl(const char* path, const char* value) {
  const UniqueFd fd{::open(path, O_WRONLY | O_CLOEXEC)};
  if (!fd || ::write(fd.get(), value, 1) != 1) {
    return os_error(errno, std::string{"cannot write "} + path);
  }
  return Ok{};
}

}  // namespace

Result<Netns> Netns::adopt(UniqueFd fd, std::string path) {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) {
    return os_error(errno, "namespace " + path + ": cannot be examined");
  }
  return Netns{
      std::move(fd),
      NetnsIdentity{std::uint64_t{status.st_dev}, std::uint64_t{status.st_ino}},
      std::move(path)};
}

std::uint64_t Netns::cookie() const {
#ifdef SO_NETNS_COOKIE
  constexpr int kOption = SO_NETNS_COOKIE;
#else
  constexpr int kOption = 71;  // headers older than the kernel
#endif
  const auto cookie = run([]() -> Result<std::uint64_t> {
    const UniqueFd fd{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    std::uint64_t value = 0;
    socklen_t size = sizeof value;
    if (!fd || ::getsockopt(fd.get(), SOL_SOCKET, kOption, &value, &size) != 0) {
      return os_error(errno, "SO_NETNS_COOKIE");
    }
    return value;
  });
  return cookie ? *cookie : 0;
}

Result<Netns> Netns::open_path(const std::string& path) {
  UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
  if (!fd) return os_error(errno, "namespace " + path + ": cannot be opened");
  if (::ioctl(fd.get(), NS_GET_NSTYPE) != CLONE_NEWNET) {
    return Error{"namespace " + path + ": this is not a network namespace"};
  }
  return adopt(std::move(fd), path);
}

Result<Netns> Netns::open_pid(std::int64_t pid) {
  if (pid <= 0) return Error{"pid " + std::to_string(pid) + ": a pid is a positive number"};
  return open_path("/proc/" + std::to_string(pid) + "/ns/net");
}

Result<Netns> Netns::create_private() {
  UniqueFd fd;
  const Status created = run_thread([&]() -> Status {
    if (::unshare(CLONE_NEWNET) != 0) return os_error(errno, "cannot create a network namespace");
    // Before any device exists: neighbour discovery of our own would appear in containers.
    for (const char* path :
         {"/proc/sys/net/ipv6/conf/all/disable_ipv6",
          "/proc/sys/net/ipv6/conf/default/disable_ipv6"}) {
      if (::access(path, F_OK) != 0) continue;  // a kernel without IPv6
      if (Status written = write_sysctl(path, "1"); !written) return written;
    }
    fd.reset(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    if (!fd) return os_error(errno, "cannot open /proc/thread-self/ns/net");
    return Ok{};
  });
  if (!created) return created.error();
  return adopt(std::move(fd), "");
}

std::string Netns::label() const {
  return path_.empty() ? "the switch's own namespace" : "namespace " + path_;
}

Status Netns::run_on_thread(const std::function<void()>& inside) const {
  return run_thread([&]() -> Status {
    if (::setns(fd_.get(), CLONE_NEWNET) != 0) {
      return os_error(errno, label() + ": cannot be entered");
    }
    inside();
    return Ok{};
  });
}

bool NetnsWatch::still_there(const std::string& path, const NetnsIdentity& identity) noexcept {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return false;
  return NetnsIdentity{std::uint64_t{status.st_dev}, std::uint64_t{status.st_ino}} == identity;
}

}  // namespace weft
