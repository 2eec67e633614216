// MemifHandshake: from HELLO to CONNECT with one memif client (memif_protocol.h shows the exchange).
//
// A state machine without a socket: it is given each message with the descriptor that came along, and says
// what to answer, or with which sentence to disconnect. Everything the client announces is checked here
// once, except what it can change afterwards (memif_link.h). Control thread only.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "dataplane/base/result.h"
#include "pmd-config/memif_link.h"
#include "pmd-config/memif_protocol.h"
#include "pmd-config/memif_region.h"
#include "pmd-config/os.h"

namespace weft {

class MemifHandshake {
 public:
  /// `port` is the name the client sees; `control_event` is passed on to the link.
  MemifHandshake(std::string port, int control_event)
      : port_{std::move(port)}, control_event_{control_event} {}

  [[nodiscard]] static memif::Message hello(std::string_view program) noexcept;
  /// Cut to 95 octets.
  [[nodiscard]] static memif::Message disconnect(std::string_view reason) noexcept;

  /// The answer, or the reason to disconnect.
  [[nodiscard]] Result<memif::Message> answer(const memif::Message& message, UniqueFd fd);

  /// The link, once, after the client's CONNECT.
  [[nodiscard]] std::unique_ptr<MemifLink> take_link() noexcept { return std::move(link_); }

 private:
  [[nodiscard]] Status on_init(const memif::Message& message);
  [[nodiscard]] Status on_add_region(const memif::Message& message, UniqueFd fd);
  /// The eventfd that comes along is not needed: we poll and do not wake.
  [[nodiscard]] Status on_add_ring(const memif::Message& message);
  [[nodiscard]] Status on_connect();

  std::string port_;
  int control_event_;
  bool is_initialised_ = false;
  bool is_connected_ = false;
  memif::Regions regions_;
  std::optional<MemifRingPlace> to_server_;
  std::optional<MemifRingPlace> to_client_;
  std::unique_ptr<MemifLink> link_;
};

}  // namespace weft
