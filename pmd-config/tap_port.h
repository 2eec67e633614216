// TAP: the default port of an ordinary container.
//
// A TAP is created inside the container's namespace, where it *is* the container's eth0; the switch
// holds its file descriptor. One read or write per frame, with the virtio-net header, so TCP segments
// of up to 60 KB and partial checksums pass in one piece. Measured against veth and AF_XDP: least CPU per
// packet, no loss of TCP segments at a queue of 64, and a flooding container fills only its own queue.
//
// Identity is the descriptor: the kernel lets nobody else attach to the device while we hold it
// (IFF_MULTI_QUEUE is off, so not even with CAP_NET_ADMIN inside the container).
//
// Life and death:
//  * The device is persistent. If the daemon dies, the container keeps its interface (without carrier)
//    and open_tap attaches to it again in 0.05 ms.
//  * The descriptor keeps the namespace alive. Nobody tells us when the container is gone, so control
//    has to watch the path (NetnsWatch) and detach.
//  * Destroying the port deletes the device if its namespace is still in place, which waits 17-19 ms
//    for the kernel. If the namespace lost its path, only the descriptor is closed and the kernel removes
//    device and namespace together, in batches. Either way: on the reaper thread (reaper.h).
//  * The container may delete its own eth0. Then reads and writes fail with EBADFD, is_alive() turns
//    false and the descriptor stays readable: its owner must take it out of its epoll set.
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

class TapPort final : public Port {
 public:
  /// `fd`: a TAP made by open_tap. `path` and `identity`: the namespace that it is in.
  TapPort(
      std::string name,
      UniqueFd fd,
      std::string path,
      NetnsIdentity identity,
      const PacketPools& pools
  );
  ~TapPort() override;

  [[nodiscard]] std::uint16_t rx_burst(rte_mbuf** out, std::uint16_t max) noexcept override;
  [[nodiscard]] std::uint16_t tx_burst(rte_mbuf** frames, std::uint16_t count) noexcept override;
  [[nodiscard]] int poll_fd() const noexcept override { return fd_.get(); }
  [[nodiscard]] bool is_alive() const noexcept override {
    return is_alive_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] const char* kind() const noexcept override { return "tap"; }

  /// Leave the device in the container when this port is destroyed, to attach to it again later.
  void keep_device() noexcept { keeps_device_ = true; }

 private:
  UniqueFd fd_;
  std::atomic<bool> is_alive_{true};  // owner: w, control: r
  bool keeps_device_ = false;         // control
  std::string path_;
  NetnsIdentity identity_;
  PacketPools pools_;
};

/// Creates the TAP `link.ifname` in the namespace, or attaches to a persistent one that is there
/// already, and sets its MAC, MTU and queue. It is down: configure_link brings it up. On failure a
/// device that was created is removed again. About 0.2 ms.
[[nodiscard]] Result<std::unique_ptr<Port>> open_tap(
    const ContainerLink& link, const PacketPools& pools
);

}  // namespace weft
