// vhost-user: a port for a DPDK process or a virtual machine that speaks virtio (net_virtio_user, QEMU).
//
// librte_vhost is used directly: an ethdev per container would stop at 32, it carries 1,024. We are the
// server; the client connects to the socket, hands over its memory and its virtqueues, and may come back.
//
//   dpdk-testpmd ... --single-file-segments --vdev=net_virtio_user0,path=/run/weft/c1.vhost,queues=1
//
// The client's memory must be shareable: --no-huge, or --single-file-segments in DPDK's other modes; a memfd
// back end in QEMU. Ours need not be. No offloads are negotiated, so every frame is complete in both
// directions; mergeable receive buffers are, so long frames pass.
//
// Limits, which are librte_vhost's: a frame that it has no mbuf for stays in the client's ring, or is lost
// without being counted when the first mbuf was there and a later one was not; a client that truncates its
// memory file kills the daemon (memif does not have that problem); a client that does not poll is notified
// with a system call. So: vhost-user is for clients that are not hostile.
//
// librte_vhost calls back on its own thread and knows only a number, the vid. The vid is lent to the worker
// with a Handover; the library may free the device as soon as its callback returned.
#pragma once

#include <memory>
#include <string>

#include "dataplane/base/result.h"
#include "dataplane/port/pool.h"
#include "dataplane/port/port.h"
#include "pmd-config/handover.h"

namespace weft {

class VhostPort final : public Port {
 public:
  VhostPort(std::string name, std::string socket, const PacketPools& pools);
  ~VhostPort() override;

  /// Registers the socket with librte_vhost and waits for clients. Once, before the first burst.
  [[nodiscard]] Status listen();

  [[nodiscard]] std::uint16_t rx_burst(rte_mbuf** out, std::uint16_t max) noexcept override;
  [[nodiscard]] std::uint16_t tx_burst(rte_mbuf** frames, std::uint16_t count) noexcept override;
  [[nodiscard]] const char* kind() const noexcept override { return "vhost-user"; }

  /// librte_vhost's thread: the device is ready; it is about to disappear.
  void attach(int vid) noexcept;
  void detach(int vid) noexcept;

 private:
  std::string socket_;
  PacketPools pools_;
  bool is_registered_ = false;  // control
  int vid_ = -1;                // vhost thread: w while not offered; worker: r
  Handover<const int> device_;
};

/// `socket`: absolute path, at most 107 octets; made with mode 0660 and removed with the port.
[[nodiscard]] Result<std::unique_ptr<Port>> open_vhost_user(
    const std::string& name, const std::string& socket, const PacketPools& pools
);

}  // namespace weft
