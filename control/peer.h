// Peer: who is at the other end of a connection, as the kernel says (SO_PEERCRED).
#pragma once

#include <cstdint>
#include <string>

namespace weft::control {

struct Peer {
  std::uint32_t uid{};
  std::int32_t pid{};  // when it connected; 0: the daemon itself

  /// Under which its request ids are remembered.
  [[nodiscard]] std::string owner() const { return "uid " + std::to_string(uid); }
  /// "uid 0 pid 4711".
  [[nodiscard]] std::string name() const {
    return pid == 0 ? "weftd" : owner() + " pid " + std::to_string(pid);
  }
};

}  // namespace weft::control
