// veth: the port for containers that need an ordinary veth, with the TAP's frame format.
//
// The container's end is its eth0. The other end lies in a namespace of the daemon's own, the
// *backstage*, where nobody adds addresses, bridges or firewalls to it, and has one AF_PACKET socket
// bound to it. The socket's binding is the port's identity; nothing in a frame is trusted. Batched system
// calls (recvmmsg, sendmmsg), the virtio-net header for large segments and partial checksums, and the
// VLAN tag that AF_PACKET strips into auxiliary data is put back where it was.
//
// Compared with TAP: about 15 % more CPU per packet, and the kernel drops what the socket's buffer (1 MB)
// does not hold, so TCP sees a few retransmissions. But the kernel removes the pair together with the
// container's namespace, without our help: then the socket reports ENETDOWN or ENXIO and is_alive() turns
// false. The backstage has no name: if the daemon dies, all its veths die with it.
//
// Destroying a port waits for the kernel (20-40 ms): on the reaper thread (reaper.h).
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "dataplane/base/result.h"
#include "dataplane/port/pool.h"
#include "dataplane/port/port.h"
#include "pmd-config/link.h"
#include "pmd-config/netns.h"
#include "pmd-config/os.h"

namespace weft {

class VethPort final : public Port {
 public:
  /// Takes over the pair whose host end is `host_ifname` in `backstage`, as open_veth makes it.
  VethPort(
      std::string name,
      std::string host_ifname,
      std::shared_ptr<const Netns> backstage,
      const PacketPools& pools
  );
  ~VethPort() override;

  [[nodiscard]] std::uint16_t rx_burst(rte_mbuf** out, std::uint16_t max) noexcept override;
  [[nodiscard]] std::uint16_t tx_burst(rte_mbuf** frames, std::uint16_t count) noexcept override;
  [[nodiscard]] int poll_fd() const noexcept override { return fd_.get(); }
  [[nodiscard]] bool is_alive() const noexcept override {
    return is_alive_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] const char* kind() const noexcept override { return "veth"; }

  /// The packet socket bound to the host end. Before the first burst.
  void adopt_socket(UniqueFd fd) noexcept { fd_ = std::move(fd); }

 private:
  /// One recvmmsg of at most `max` frames, appended to `out` behind `count`. Returns how many frames the
  /// kernel gave, lost ones included.
  [[nodiscard]] std::uint16_t read_batch(
      rte_mbuf** out, std::uint16_t max, std::uint16_t& count
  ) noexcept;
  void note_error(int errnum) noexcept;

  UniqueFd fd_;
  std::atomic<bool> is_alive_{true};  // owner: w, control: r
  std::uint16_t batch_ = 2;           // messages to ask for next: follows the load. owner: rw
  std::string host_ifname_;
  std::shared_ptr<const Netns> backstage_;
  PacketPools pools_;
};

/// Creates the pair and binds a socket to its host end. The container's end is down: configure_link
/// brings it up. `backstage`: made once by Netns::create_private(), shared by all ports. On failure
/// nothing stays behind. About 1 ms.
[[nodiscard]] Result<std::unique_ptr<Port>> open_veth(
    const ContainerLink& link,
    const std::shared_ptr<const Netns>& backstage,
    const PacketPools& pools
);

}  // namespace weft
