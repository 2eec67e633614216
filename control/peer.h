// Peer: who is at the other end of a connection, as the kernel says (SO_PEERCRED, SO_PEERGROUPS).
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace weft::control {

struct Peer {
  /// Whom the kernel could not name.
  static constexpr std::uint32_t kNobody = std::numeric_limits<std::uint32_t>::max();

  std::uint32_t uid{};
  std::int32_t pid{};  // when it connected; 0: in a PID namespace that weftd does not see
  std::vector<std::uint32_t> groups;  // its primary one and the others
  bool is_daemon = true;              // weftd itself: its config file, its restart
  std::uint64_t connection{};         // its number among all of this process; 0: none

  /// Under which its request ids are remembered.
  [[nodiscard]] std::string owner() const { return "uid " + std::to_string(uid); }
  /// "uid 0 pid 4711".
  [[nodiscard]] std::string name() const {
    return is_daemon ? "weftd" : owner() + " pid " + std::to_string(pid);
  }
};

}  // namespace weft::control
