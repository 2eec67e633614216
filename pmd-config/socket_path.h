// The unix sockets at which DPDK containers find their port: memif and vhost-user.
//
// A path that is wrong gets a sentence when the port is opened. A socket that a killed daemon left behind
// is removed; a socket that somebody listens on, or a file that is no socket, is never touched.
#pragma once

#include <cstddef>
#include <string>

#include <sys/stat.h>
#include <sys/un.h>

#include "dataplane/base/result.h"

namespace weft {

/// Longest path that fits sockaddr_un with its terminating zero.
inline constexpr std::size_t kMaxSocketPath = sizeof(sockaddr_un::sun_path) - 1;
/// The directory decides who gets near the socket; owner and group may connect.
inline constexpr mode_t kSocketMode = 0660;

/// Precondition: the path was accepted by claim_socket_path.
[[nodiscard]] sockaddr_un socket_address(const std::string& path) noexcept;

/// Makes `path` free to bind. `port` names the port in errors; `type`: SOCK_SEQPACKET or SOCK_STREAM.
[[nodiscard]] Status claim_socket_path(const std::string& port, const std::string& path, int type);

}  // namespace weft
