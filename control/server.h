// Server: the unix stream socket of the control protocol, one JSON object per line.
//
// Single-threaded and never blocking: the control loop polls poll_fd() and calls serve(), which
// accepts, reads, answers and writes what is possible now. Requests of one client are answered in
// order; a half line waits for its rest and holds up nobody; a client with many requests takes
// turns with the others (kRequestsPerTurn).
//
// Bounds, so that no client costs more memory than this: a line of more than kMaxLine octets is
// answered with an error and the client is closed, and only one client at a time may be sending one of
// more than kUsualLine; while a client leaves more than kMaxUnread
// octets of answers unread its further requests wait unread in the kernel; a client that takes
// nothing for `patience` although answers wait is disconnected; clients beyond kMaxClients are
// closed on arrival.
//
// One daemon per socket: `<path>.lock` is locked (flock) as long as the server lives and holds its
// pid. A socket file whose lock is free and on which nobody answers is stale and is taken over.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "control/client_connection.h"
#include "control/platform.h"
#include "control/socket_lock.h"
#include "dataplane/base/result.h"
#include "pmd-config/os.h"

namespace weft::control {

struct ServerConfig {
  std::string path = "/run/weft/weft.sock";  // at most 107 octets
  std::chrono::milliseconds patience{5000};
};

class Server {
 public:
  static constexpr std::size_t kMaxLine = ClientConnection::kMaxLine;
  static constexpr std::size_t kUsualLine = ClientConnection::kUsualLine;
  static constexpr std::size_t kMaxUnread = ClientConnection::kMaxUnread;
  static constexpr std::size_t kMaxClients = 128;

  /// Answers one line (without newline); an empty string means that there is no answer.
  using Handler = ClientConnection::Handler;
  /// Completes the answers of a turn: after all lines of serve(), before any answer is sent.
  using Settle = std::function<void()>;

  /// Binds and listens with mode 0660, creating missing directories. Refused when another daemon
  /// serves `path`: the message names path and pid.
  [[nodiscard]] static Result<std::unique_ptr<Server>> open(
      const ServerConfig& config, Handler handler, Settle settle = [] {}
  );
  /// Closes every client and removes socket and lock file.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Readable (level-triggered) when serve() has something to do.
  [[nodiscard]] int poll_fd() const noexcept { return epoll_.get(); }
  /// Does what is possible without waiting. Call it also about once a second without events: that
  /// is when patience runs out.
  void serve(TimePoint now);
  /// Queues a line for the client of that number (Peer::connection). False: it is gone.
  bool push(std::uint64_t number, const std::string& line, TimePoint now);
  [[nodiscard]] std::size_t client_count() const noexcept { return clients_.size(); }

 private:
  struct Watched {
    ClientConnection connection;
    std::uint32_t events{};  // what epoll is asked for
  };

  Server(
      ServerConfig config,
      Handler handler,
      Settle settle,
      SocketLock lock,
      UniqueFd listener,
      UniqueFd epoll
  );
  void accept_clients(TimePoint now);
  void watch(Watched& client);
  void watch_listener(bool is_watched);
  void close(int fd);
  void close_impatiently(TimePoint now);

  ServerConfig config_;
  Handler handler_;
  Settle settle_;
  SocketLock lock_;
  UniqueFd epoll_;
  UniqueFd listener_;
  LongLine long_line_;
  std::map<int, Watched> clients_;  // by fd
  std::uint64_t last_number_{};
  bool is_listener_paused_{};  // out of descriptors
  TimePoint listener_resumes_{};
};

}  // namespace weft::control
