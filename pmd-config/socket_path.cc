#include "pmd-config/socket_path.h"

#include <cerrno>
#include <cstring>
#include <filesystem>

#include <sys/socket.h>
#include <unistd.h>

#include "pmd-config/os.h"

namespace weft {
namespace {

/// 0: somebody listens there. ECONNREFUSED: nobody does.
int connect_error(const std::string& path, int type) noexcept {
  const UniqueFd probe{::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!probe) return errno;
  const sockaddr_un address = socket_address(path);
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  return ::connect(probe.get(), generic, sizeof address) == 0 ? 0 : errno;
}

}  // namespace

sockaddr_un socket_address(const std::string& path) noexcept {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

Status claim_socket_path(const std::string& port, const std::string& path, int type) {
  const std::string what = port + ": socket '" + path + "'";
  if (path.empty() || path.front() != '/') return Error{what + " is not an absolute path"};
  if (path.size() > kMaxSocketPath) {
    return Error{
        what + " has " + std::to_string(path.size()) + " octets, above the limit of " +
        std::to_string(kMaxSocketPath)};
  }
  const std::string directory = std::filesystem::path{path}.parent_path().string();
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0) {
    return os_error(errno, what + " can not be made in directory '" + directory + "'");
  }
  if (!S_ISDIR(status.st_mode)) return Error{what + ": '" + directory + "' is not a directory"};

  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return Ok{};
    return os_error(errno, what);
  }
  if (!S_ISSOCK(status.st_mode)) return Error{what + " exists and is not a socket"};
  const int refused = connect_error(path, type);
  if (refused != ECONNREFUSED) return Error{what + " is in use by another port or process"};
  if (::unlink(path.c_str()) != 0) return os_error(errno, what + " can not be removed");
  return Ok{};
}

}  // namespace weft
