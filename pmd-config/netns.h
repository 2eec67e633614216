// Network namespaces: open one, look inside it, notice that it is gone.
//
// A namespace is named by a path (/run/netns/c1, /proc/4711/ns/net) but *is* an inode: paths and pids
// are reused, an identity (device, inode) is not while anybody holds the namespace. So everything
// that outlives one call keeps path and identity together, and NetnsWatch compares them.
//
// A Netns owns one file descriptor, which keeps the namespace alive. Ten thousand containers would
// cost ten thousand descriptors of the 20,000 a process may have, and no namespace would ever go away:
// open a Netns for an attach or a detach, then let it go.
//
// Thread rules: `run` enters the namespace on a thread of its own, which ends with the call. The
// calling thread's namespace is never changed, so no error path can forget to change it back. Sockets,
// TAPs and netlink conversations opened inside belong to that namespace for good and may be used
// from any thread afterwards.
//
//   Result<Netns> netns = Netns::open_path("/run/netns/c1");
//   if (!netns) return netns.error();
//   Result<UniqueFd> socket = netns->run([] { return open_a_socket(); });
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "dataplane/base/result.h"
#include "pmd-config/os.h"

namespace weft {

/// What a namespace is, whatever it is called at the moment.
struct NetnsIdentity {
  std::uint64_t device{};
  std::uint64_t inode{};
  friend bool operator==(const NetnsIdentity&, const NetnsIdentity&) noexcept = default;
};

class Netns {
 public:
  /// Fails when the path does not exist or is not a network namespace. Never blocks on it (the path
  /// may come from a client and name a FIFO).
  [[nodiscard]] static Result<Netns> open_path(const std::string& path);
  /// The namespace of process `pid`.
  [[nodiscard]] static Result<Netns> open_pid(std::int64_t pid);
  /// A new namespace without a name, with IPv6 off: it lives as long as this object and what is in it.
  [[nodiscard]] static Result<Netns> create_private();

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] NetnsIdentity identity() const noexcept { return identity_; }
  /// A number that no other namespace has, or had, since the machine was booted (SO_NETNS_COOKIE, Linux 5.14); 0: the
  /// kernel has none. Inodes are used again as soon as nobody holds a namespace. Costs about 0.05 ms.
  [[nodiscard]] std::uint64_t cookie() const;
  /// The path it was opened by; empty for a private one.
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// For error sentences: "namespace /run/netns/c1".
  [[nodiscard]] std::string label() const;

  /// Calls `inside` (which returns a Result<T>) on a short-lived thread in this namespace and returns
  /// what it returned. An exception in it becomes an Error. Costs about 0.05 ms.
  template <typename F>
  [[nodiscard]] std::invoke_result_t<F&> run(F&& inside) const {
    std::optional<std::invoke_result_t<F&>> result;
    const Status entered = run_on_thread([&] { result.emplace(inside()); });
    if (!entered) return entered.error();
    return std::move(*result);
  }

 private:
  Netns(UniqueFd fd, NetnsIdentity identity, std::string path)
      : fd_{std::move(fd)}, identity_{identity}, path_{std::move(path)} {}
  [[nodiscard]] static Result<Netns> adopt(UniqueFd fd, std::string path);
  [[nodiscard]] Status run_on_thread(const std::function<void()>& inside) const;

  UniqueFd fd_;
  NetnsIdentity identity_;
  std::string path_;
};

struct NetnsWatch {
  /// Whether `path` still leads to the namespace `identity`: one stat, no descriptor. False once the
  /// path is gone or leads to another namespace (container restarted, pid reused). The namespace
  /// itself may live on: a TAP inside it keeps it alive until the TAP's fd is closed.
  [[nodiscard]] static bool still_there(
      const std::string& path, const NetnsIdentity& identity
  ) noexcept;
};

}  // namespace weft
