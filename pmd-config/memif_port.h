// memif: a port for a DPDK process in a container, through shared memory (10 times a TAP's frame rate).
//
// The container's application is the memif client (net_memif, libmemif) and connects to the unix socket that
// is bind-mounted into the container; whoever can open that socket is the port's identity. It may come, go
// and come back: the port stays, and while nobody is connected it receives nothing and takes nothing.
//
//   dpdk-testpmd ... --vdev=net_memif0,role=client,socket=/run/weft/c1.memif,socket-abstract=no
//
// One ring each way, memif 2.0, Ethernet mode, the interface id is ignored. Frames are copied: the client's
// memory is never lent to the rest of the switch, so nothing depends on its behaviour or its life. No
// offloads. Not supported: zero-copy clients (memif_region.h) and clients that sleep for interrupts
// (memif_link.h).
//
// Files, from the wire up: memif_protocol.h (octets), memif_region (mapping), memif_link (rings and
// copying: the worker's part), memif_handshake (messages), memif_control (socket and thread).
#pragma once

#include <memory>
#include <string>

#include "dataplane/base/result.h"
#include "dataplane/port/pool.h"
#include "dataplane/port/port.h"
#include "pmd-config/handover.h"
#include "pmd-config/memif_control.h"
#include "pmd-config/memif_link.h"

namespace weft {

class MemifPort final : public Port {
 public:
  MemifPort(std::string name, const PacketPools& pools);

  /// Binds the socket and waits for clients. Once, before the first burst.
  [[nodiscard]] Status listen(const std::string& socket);

  [[nodiscard]] std::uint16_t rx_burst(rte_mbuf** out, std::uint16_t max) noexcept override;
  [[nodiscard]] std::uint16_t tx_burst(rte_mbuf** frames, std::uint16_t count) noexcept override;
  [[nodiscard]] const char* kind() const noexcept override { return "memif"; }

 private:
  PacketPools pools_;
  Handover<MemifLink> link_;
  std::unique_ptr<MemifControl> control_;  // last: it uses link_
};

/// `socket`: absolute path, at most 107 octets; made with mode 0660 and removed with the port.
[[nodiscard]] Result<std::unique_ptr<Port>> open_memif(
    const std::string& name, const std::string& socket, const PacketPools& pools
);

}  // namespace weft
