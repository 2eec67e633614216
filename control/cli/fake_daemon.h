// A daemon for tests: a unix socket whose answers the test decides. It serves one connection after
// the other on a thread of its own, which ends with the object.
//
//   FakeDaemon daemon{{{"tenant.list", R"({"tenants":[]})"_json}}};
//   ... run the CLI against daemon.path() ...
//   EXPECT_EQ(daemon.requests().back()["method"], "tenant.list");
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

namespace weft::cli {

class FakeDaemon {
 public:
  using Json = nlohmann::json;
  /// The octets to send for a request; nullopt closes the connection instead. Octets without a
  /// newline are sent and the connection is closed behind them.
  using Handler = std::function<std::optional<std::string>(const Json& request)>;

  explicit FakeDaemon(Handler handler);
  /// Answers each method with its result, and -32601 to any other.
  explicit FakeDaemon(std::map<std::string, Json> results);
  FakeDaemon(const FakeDaemon&) = delete;
  FakeDaemon& operator=(const FakeDaemon&) = delete;
  ~FakeDaemon();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::vector<Json> requests() const;

  [[nodiscard]] static std::string result_line(const Json& request, const Json& result);
  [[nodiscard]] static std::string error_line(
      const Json& request, int code, const std::string& message
  );

 private:
  void serve();
  void serve_connection(int fd);

  Handler handler_;
  std::string directory_;
  std::string path_;
  int listener_{-1};
  int stop_{-1};  // eventfd: readable when the thread is to end
  mutable std::mutex mutex_;
  std::vector<Json> requests_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace weft::cli
