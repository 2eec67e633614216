#include "control/server.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace weft::control {
namespace {

constexpr int kBacklog = 128;
constexpr int kEventsPerTurn = 64;
constexpr std::chrono::seconds kListenerPause{1};

Result<UniqueFd> listen_at(const std::string& path) {
  UniqueFd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd) return os_error(errno, "socket " + path);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1U);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return os_error(errno, "socket " + path);
  }
  // The mode before listen: until then nobody can connect.
  if (::chmod(path.c_str(), 0660) != 0 || ::listen(fd.get(), kBacklog) != 0) {
    return os_error(errno, "socket " + path);
  }
  return fd;
}

}  // namespace

Result<std::unique_ptr<Server>> Server::open(
    const ServerConfig& config, Handler handler, Settle settle
) {
  const auto folder = std::filesystem::path{config.path}.parent_path();
  if (std::error_code error; !folder.empty()) {
    std::filesystem::create_directories(folder, error);
    if (error)
      return Error{"socket " + config.path + ": " + folder.string() + ": " + error.message()};
  }
  auto lock = SocketLock::take(config.path);
  if (!lock) return lock.error();
  auto listener = listen_at(config.path);
  if (!listener) return listener.error();
  UniqueFd epoll{::epoll_create1(EPOLL_CLOEXEC)};
  if (!epoll) return os_error(errno, "socket " + config.path + ": epoll");
  std::unique_ptr<Server> server{new Server{
      config,
      std::move(handler),
      std::move(settle),
      std::move(*lock),
      std::move(*listener),
      std::move(epoll)}};
  server->watch_listener(true);
  return server;
}

Server::Server(
    ServerConfig config,
    Handler handler,
    Settle settle,
    SocketLock lock,
    UniqueFd listener,
    UniqueFd epoll
)
    : config_{std::move(config)},
      handler_{std::move(handler)},
      settle_{std::move(settle)},
      lock_{std::move(lock)},
      epoll_{std::move(epoll)},
      listener_{std::move(listener)} {}

Server::~Server() = default;

void Server::serve(TimePoint now) {
  if (is_listener_paused_ && now >= listener_resumes_) watch_listener(true);
  std::array<epoll_event, kEventsPerTurn> events;
  const int count = ::epoll_wait(epoll_.get(), events.data(), kEventsPerTurn, 0);
  std::vector<int> served;
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (event.data.fd == listener_.get()) {
      accept_clients(now);
      continue;
    }
    const auto client = clients_.find(event.data.fd);
    if (client == clients_.end()) continue;
    // A client that hung up may have left requests behind: they are carried out all the same.
    if (client->second.connection.receive(handler_, now)) {
      served.push_back(client->first);
    } else {
      close(client->first);
    }
  }
  settle_();
  for (const int fd : served) {
    Watched& client = clients_.at(fd);
    if (client.connection.send(now)) {
      watch(client);
    } else {
      close(fd);
    }
  }
  close_impatiently(now);
}

bool Server::push(std::uint64_t number, const std::string& line, TimePoint now) {
  const auto found = std::ranges::find_if(clients_, [&](const auto& client) {
    return client.second.connection.number() == number;
  });
  if (found == clients_.end()) return false;
  found->second.connection.push(line, now);
  watch(found->second);  // a writable socket brings the turn that sends it
  return true;
}

void Server::close(int fd) {
  long_line_.give_back(fd);
  clients_.erase(fd);
}

void Server::accept_clients(TimePoint now) {
  for (int i = 0; i < kBacklog; ++i) {
    UniqueFd fd{::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (!fd) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
        // The client stays in the backlog and the listener readable: without a pause this would
        // spin.
        spdlog::warn("socket {}: {}", config_.path, os_error(errno, "no new clients").message);
        watch_listener(false);
        listener_resumes_ = now + kListenerPause;
      }
      return;
    }
    if (clients_.size() >= kMaxClients) {
      spdlog::debug("socket {}: more than {} clients", config_.path, kMaxClients);
      continue;
    }
    const int number = fd.get();
    const auto added = clients_.emplace(
        number, Watched{ClientConnection{std::move(fd), now, long_line_, ++last_number_}, 0}
    );
    watch(added.first->second);
  }
}

void Server::watch(Watched& client) {
  const ClientConnection& connection = client.connection;
  const std::uint32_t wanted = (connection.wants_to_read() ? std::uint32_t{EPOLLIN} : 0U) |
                               (connection.wants_to_write() ? std::uint32_t{EPOLLOUT} : 0U);
  if (wanted == client.events) return;
  epoll_event event{};
  event.events = wanted;
  event.data.fd = connection.fd();
  const int operation = client.events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  ::epoll_ctl(epoll_.get(), operation, connection.fd(), &event);
  client.events = wanted;
}

void Server::watch_listener(bool is_watched) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = listener_.get();
  ::epoll_ctl(epoll_.get(), is_watched ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, listener_.get(), &event);
  is_listener_paused_ = !is_watched;
}

void Server::close_impatiently(TimePoint now) {
  std::erase_if(clients_, [&](const auto& client) {
    const bool is_stuck = client.second.connection.is_stuck(now, config_.patience);
    if (!is_stuck) return false;
    spdlog::warn("socket {}: a client that makes no progress is closed", config_.path);
    long_line_.give_back(client.first);
    return true;
  });
}

}  // namespace weft::control
