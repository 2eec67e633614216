// A client's end of the control socket: one JSON-RPC 2.0 request, one answer (control/README.md). The CLI
// has it, and weft-cni.
//
// The connection is opened with the first call and kept. When the daemon has closed it in between
// (it was restarted), the next call opens a new one; a request that may have been received is never
// sent twice. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <nlohmann/json.hpp>

namespace weft::cli {

/// The daemon's own "no".
struct Refusal {
  int code{};           // JSON-RPC error code
  std::string message;  // the daemon's sentence
};

/// No daemon, or none that speaks the protocol.
struct Unreachable {
  std::string message;      // a sentence that names the socket
  bool may_have_arrived{};  // the request was sent: it may have been carried out
};

using Answer = std::variant<nlohmann::json, Refusal, Unreachable>;

class Client {
 public:
  /// `timeout`: how long one call may take.
  Client(std::string socket_path, std::chrono::milliseconds timeout)
      : path_{std::move(socket_path)}, timeout_{timeout} {}
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() { close(); }

  /// Blocks until the answer is complete, the connection ends or the time is over.
  [[nodiscard]] Answer call(std::string_view method, const nlohmann::json& params);
  /// For the calls from now on.
  void set_timeout(std::chrono::milliseconds timeout) noexcept { timeout_ = timeout; }

  /// Subscribes, and hands on each event, until `on_event` answers false (then an empty result) or the connection ends.
  /// Closes the connection.
  using OnEvent = std::function<bool(const nlohmann::json& event)>;
  [[nodiscard]] Answer watch(const nlohmann::json& params, const OnEvent& on_event);

 private:
  [[nodiscard]] std::optional<Unreachable> open();
  void close() noexcept;
  [[nodiscard]] bool has_hung_up() const noexcept;
  [[nodiscard]] std::optional<Unreachable> send_line(const std::string& line);
  [[nodiscard]] std::variant<std::string, Unreachable> receive_line(std::string_view method);
  [[nodiscard]] Unreachable fail(std::string_view what);
  void limit_waiting() const noexcept;

  std::string path_;
  std::chrono::milliseconds timeout_;
  std::chrono::steady_clock::time_point end_;  // of the call
  bool is_sent_{};                             // some of the request
  int fd_{-1};
  std::string received_;  // after the last line
  std::uint64_t last_id_{};
};

}  // namespace weft::cli
