#include "control/connector/durable_file.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>

#include "control/connector/unique_fd.h"

namespace weft::connector {
namespace {

constexpr std::size_t kMaxFile = std::size_t{16} << 20U;  // octets

Problem failed(const char* what, const std::string& path) {
  return {
      ProblemCode::io, std::string{"cannot "} + what + " " + path + ": " + std::strerror(errno)};
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

}  // namespace

Done make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return Ok{};
  const std::size_t slash = path.rfind('/');
  if (errno != ENOENT || slash == std::string::npos || slash == 0) {
    return failed("make the folder", path);
  }
  if (Done above = make_folder(path.substr(0, slash)); !above) return above;
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return Ok{};
  return failed("make the folder", path);
}

Done write_durably(const std::string& path, const std::string& text) {
  const std::string folder = path.substr(0, path.rfind('/'));
  const std::string beside = folder + "/." + std::to_string(::getpid()) + ".new";
  {
    const UniqueFd file{::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
    if (!file.is_open()) return failed("write", beside);
    if (!write_all(file.get(), text) || ::fsync(file.get()) != 0) {
      Problem problem = failed("write", beside);
      ::unlink(beside.c_str());
      return problem;
    }
  }
  if (::rename(beside.c_str(), path.c_str()) != 0) {
    Problem problem = failed("write", path);
    ::unlink(beside.c_str());
    return problem;
  }
  const UniqueFd directory{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!directory.is_open() || ::fsync(directory.get()) != 0) return failed("sync", folder);
  return Ok{};
}

std::optional<std::string> read_file(const std::string& path) {
  const UniqueFd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file.is_open()) return std::nullopt;
  std::string text;
  std::array<char, 65536> chunk{};
  while (text.size() <= kMaxFile) {
    const ssize_t count = ::read(file.get(), chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return std::nullopt;
    if (count == 0) return text;
    text.append(chunk.data(), static_cast<std::size_t>(count));
  }
  return std::nullopt;
}

}  // namespace weft::connector
