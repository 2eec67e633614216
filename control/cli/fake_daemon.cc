#include "control/cli/fake_daemon.h"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace weft::cli {

namespace {

void check(bool is_ok, const char* what) {
  if (!is_ok) throw std::runtime_error{std::string{what} + ": " + std::strerror(errno)};
}

/// Whether `fd` became readable before `stop` did.
bool wait_readable(int fd, int stop) {
  std::array<pollfd, 2> fds{{{fd, POLLIN, 0}, {stop, POLLIN, 0}}};
  while (::poll(fds.data(), fds.size(), -1) < 0 && errno == EINTR) {
  }
  return fds[1].revents == 0;
}

}  // namespace

FakeDaemon::FakeDaemon(Handler handler) : handler_{std::move(handler)} {
  std::string directory = std::filesystem::temp_directory_path() / "weft-cli-XXXXXX";
  check(::mkdtemp(directory.data()) != nullptr, "mkdtemp");
  directory_ = directory;
  path_ = directory_ + "/weft.sock";
  listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  check(listener_ >= 0, "socket");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  check(path_.size() < sizeof(address.sun_path), "path");
  std::memcpy(address.sun_path, path_.data(), path_.size());
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  check(::bind(listener_, generic, sizeof(address)) == 0, "bind");
  check(::listen(listener_, 8) == 0, "listen");
  stop_ = ::eventfd(0, EFD_CLOEXEC);
  check(stop_ >= 0, "eventfd");
  thread_ = std::thread{[this] { serve(); }};
}

FakeDaemon::FakeDaemon(std::map<std::string, Json> results)
    : FakeDaemon{[results = std::move(results)](const Json& request) -> std::optional<std::string> {
        const auto found = results.find(request.value("method", ""));
        if (found == results.end()) return error_line(request, -32601, "no such method");
        return result_line(request, found->second);
      }} {}

FakeDaemon::~FakeDaemon() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(stop_, &one, sizeof(one));
  thread_.join();
  ::close(listener_);
  ::close(stop_);
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

std::vector<FakeDaemon::Json> FakeDaemon::requests() const {
  const std::lock_guard lock{mutex_};
  return requests_;
}

std::string FakeDaemon::result_line(const Json& request, const Json& result) {
  return Json{{"jsonrpc", "2.0"}, {"id", request["id"]}, {"result", result}}.dump() + "\n";
}

std::string FakeDaemon::error_line(const Json& request, int code, const std::string& message) {
  const Json error{{"code", code}, {"message", message}};
  return Json{{"jsonrpc", "2.0"}, {"id", request["id"]}, {"error", error}}.dump() + "\n";
}

void FakeDaemon::serve() {
  while (wait_readable(listener_, stop_)) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    serve_connection(fd);
    ::close(fd);
  }
}

void FakeDaemon::serve_connection(int fd) {
  std::string pending;
  std::array<char, 4096> chunk{};
  while (wait_readable(fd, stop_)) {
    const ssize_t count = ::recv(fd, chunk.data(), chunk.size(), 0);
    if (count <= 0) return;
    pending.append(chunk.data(), static_cast<std::size_t>(count));
    for (std::size_t end = 0; (end = pending.find('\n')) != std::string::npos;) {
      const Json request = Json::parse(pending.substr(0, end));
      pending.erase(0, end + 1);
      {
        const std::lock_guard lock{mutex_};
        requests_.push_back(request);
      }
      const std::optional<std::string> answer = handler_(request);
      if (!answer) return;
      ::send(fd, answer->data(), answer->size(), MSG_NOSIGNAL);
      if (!answer->ends_with('\n')) return;
    }
  }
}

}  // namespace weft::cli
