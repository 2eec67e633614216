// MemifControl: the listening socket of one memif port, and the thread that serves it.
//
// It sleeps in poll() until a client connects, leads it through the handshake, offers the resulting MemifLink
// to the worker, and takes it back when the client disconnects, dies or breaks the rules. Then the next
// client may come: reconnecting needs nothing from anybody else. One client at a time; a second one is told
// so. A client that does not finish its handshake within kHandshakeTime is sent away, and so is one that
// never reads.
//
// The link is destroyed on this thread, after Handover::withdraw said that the worker has let go.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include <sys/types.h>

#include "dataplane/base/result.h"
#include "pmd-config/handover.h"
#include "pmd-config/memif_handshake.h"
#include "pmd-config/memif_link.h"
#include "pmd-config/os.h"

namespace weft {

class MemifControl {
 public:
  static constexpr std::chrono::milliseconds kHandshakeTime{3000};

  /// Binds `socket` and starts the thread. `slot` receives the links and must outlive the result.
  [[nodiscard]] static Result<std::unique_ptr<MemifControl>> listen(
      const std::string& port, const std::string& socket, Handover<MemifLink>& slot
  );
  MemifControl(const MemifControl&) = delete;
  MemifControl& operator=(const MemifControl&) = delete;
  /// Disconnects the client and removes the socket. Waits for the end of the worker's current burst.
  ~MemifControl();

 private:
  MemifControl(
      std::string port,
      std::string socket,
      UniqueFd listener,
      UniqueFd event,
      Handover<MemifLink>& slot
  );

  void run();
  /// Milliseconds that poll() may sleep, -1 for ever.
  [[nodiscard]] int patience() const;
  void accept_client();
  /// Everything that the client has sent. Disconnects it on end of file and on errors.
  void read_messages();
  void disconnect(std::string_view reason);
  void drop_client();

  std::string port_;
  std::string socket_;
  UniqueFd listener_;
  UniqueFd event_;  // wakes the thread: the worker gave a link up, or stop
  dev_t device_{};  // of the socket file, to remove no other one
  ino_t inode_{};
  Handover<MemifLink>& slot_;
  std::atomic<bool> stops_{false};

  // The client. Only the thread.
  UniqueFd client_;
  std::optional<MemifHandshake> handshake_;
  std::chrono::steady_clock::time_point deadline_;
  std::unique_ptr<MemifLink> link_;

  std::thread thread_;  // last: it uses everything above
};

}  // namespace weft
