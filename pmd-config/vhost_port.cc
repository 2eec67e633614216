#include "pmd-config/vhost_port.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <mutex>
#include <unordered_map>
#include <utility>

#include <rte_vhost.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "dataplane/net/headers.h"
#include "pmd-config/os.h"
#include "pmd-config/socket_path.h"
#include "pmd-config/vnet_io.h"

namespace weft {
namespace {

// Virtio 1.2 s5.1.2: virtqueues are named from the client's side.
constexpr std::uint16_t kClientRxQueue = 0;
constexpr std::uint16_t kClientTxQueue = 1;

/// librte_vhost handles at most this many frames per call.
constexpr std::uint16_t kVhostBurst = 32;
/// Longest frame that fits a client's buffers even when they are not mergeable.
constexpr std::uint32_t kWireFrame = 1518;

constexpr std::uint64_t bit(unsigned number) {
  return std::uint64_t{1} << number;
}
/// Virtio 1.2 s5.1.3. <linux/virtio_net.h> has the names, but is not valid C++.
constexpr std::uint64_t kFeaturesNotOffered =
    bit(0) | bit(1) |                        // CSUM, GUEST_CSUM
    bit(7) | bit(8) | bit(9) | bit(10) |     // GUEST_TSO4, TSO6, ECN, UFO
    bit(11) | bit(12) | bit(13) | bit(14) |  // HOST_TSO4, TSO6, ECN, UFO
    bit(21) | bit(22);                       // GUEST_ANNOUNCE, MQ

/// Which port a callback is about. librte_vhost's callbacks carry no context, hence the one table of the
/// process. The lock is held while a port is told, so that it can not be destroyed meanwhile.
struct Registry {
  std::mutex mutex;
  std::unordered_map<std::string, VhostPort*> by_socket;  // mutex
};
Registry& registry() {
  static Registry instance;
  return instance;
}

template <typename Call>
void tell_port(int vid, Call call) {
  std::array<char, PATH_MAX> socket{};
  if (rte_vhost_get_ifname(vid, socket.data(), socket.size()) != 0) return;
  Registry& ports = registry();
  const std::lock_guard lock{ports.mutex};
  const auto found = ports.by_socket.find(socket.data());
  if (found != ports.by_socket.end()) call(*found->second);
}

int on_new_device(int vid) {
  tell_port(vid, [vid](VhostPort& port) { port.attach(vid); });
  return 0;
}
void on_destroy_device(int vid) {
  tell_port(vid, [vid](VhostPort& port) { port.detach(vid); });
}

const rte_vhost_device_ops& callbacks() {
  static const rte_vhost_device_ops ops = [] {
    rte_vhost_device_ops made{};
    made.new_device = on_new_device;
    made.destroy_device = on_destroy_device;
    return made;
  }();
  return ops;
}

}  // namespace

Result<std::unique_ptr<Port>> open_vhost_user(
    const std::string& name, const std::string& socket, const PacketPools& pools
) {
  auto port = std::make_unique<VhostPort>(name, socket, pools);
  if (Status listening = port->listen(); !listening) return listening.error();
  return std::unique_ptr<Port>{std::move(port)};
}

VhostPort::VhostPort(std::string name, std::string socket, const PacketPools& pools)
    : Port{std::move(name), PortTraits{.takes_offloads = false, .takes_chains = true, .max_frame = kMaxFrame}},
      socket_{std::move(socket)},
      pools_{pools} {}

Status VhostPort::listen() {
  if (Status claimed = claim_socket_path(name(), socket_, SOCK_STREAM); !claimed) {
    return claimed.error();
  }
  const std::string what = name() + ": vhost-user socket '" + socket_ + "'";
  if (rte_vhost_driver_register(socket_.c_str(), 0) != 0) {
    return Error{what + " is refused by librte_vhost: at most 1024 of them, each path once"};
  }
  is_registered_ = true;
  {
    Registry& ports = registry();
    const std::lock_guard lock{ports.mutex};
    ports.by_socket[socket_] = this;
  }
  if (rte_vhost_driver_disable_features(socket_.c_str(), kFeaturesNotOffered) != 0 ||
      rte_vhost_driver_callback_register(socket_.c_str(), &callbacks()) != 0 ||
      rte_vhost_driver_start(socket_.c_str()) != 0) {
    return Error{what + " can not be started: see the log of librte_vhost"};
  }
  if (::chmod(socket_.c_str(), kSocketMode) != 0) return os_error(errno, what);
  return Ok{};
}

VhostPort::~VhostPort() {
  if (!is_registered_) return;
  // Disconnects the client, calling back, and removes the socket. Not under the registry's lock.
  rte_vhost_driver_unregister(socket_.c_str());
  Registry& ports = registry();
  const std::lock_guard lock{ports.mutex};
  ports.by_socket.erase(socket_);
}

void VhostPort::attach(int vid) noexcept {
  rte_vhost_enable_guest_notification(vid, kClientTxQueue, 0);  // we poll
  rte_vhost_enable_guest_notification(vid, kClientRxQueue, 0);
  device_.withdraw();  // several clients may connect: the latest one has the port
  vid_ = vid;
  device_.offer(&vid_);
}

void VhostPort::detach(int vid) noexcept {
  if (vid_ != vid) return;
  device_.withdraw();
  vid_ = -1;
}

std::uint16_t VhostPort::rx_burst(rte_mbuf** out, std::uint16_t max) noexcept {
  const auto vid = device_.enter();
  if (!vid) return 0;
  std::uint16_t kept = 0;
  for (std::uint16_t asked = 0; asked < max;) {
    const auto part = std::min<std::uint16_t>(kVhostBurst, static_cast<std::uint16_t>(max - asked));
    rte_mbuf** const fresh = out + kept;
    const std::uint16_t count =
        rte_vhost_dequeue_burst(*vid, kClientTxQueue, pools_.small, fresh, part);
    for (std::uint16_t i = 0; i < count; ++i) {
      rte_mbuf* const frame = fresh[i];
      const bool is_too_short = frame->pkt_len < sizeof(EthernetHeader);
      if (is_too_short || frame->pkt_len > kMaxFrame) [[unlikely]] {
        ++(is_too_short ? losses.truncated : losses.frame_too_large);
        rte_pktmbuf_free(frame);
        continue;
      }
      meta(frame).offload = OffloadRequest{};
      out[kept++] = frame;
    }
    if (count < part) break;
    asked = static_cast<std::uint16_t>(asked + part);
  }
  return kept;
}

std::uint16_t VhostPort::tx_burst(rte_mbuf** frames, std::uint16_t count) noexcept {
  const auto vid = device_.enter();
  if (!vid) return 0;
  std::uint16_t sent = 0;
  std::uint16_t end = count;
  while (sent < end) {
    const auto part = std::min<std::uint16_t>(kVhostBurst, static_cast<std::uint16_t>(end - sent));
    const std::uint16_t taken = rte_vhost_enqueue_burst(*vid, kClientRxQueue, frames + sent, part);
    sent = static_cast<std::uint16_t>(sent + taken);
    if (taken == part) continue;
    // Either the ring is full, or this frame is too long for a client without mergeable buffers.
    if (frames[sent]->pkt_len <= kWireFrame) break;
    end = put_last(frames, sent, end);
  }
  rte_pktmbuf_free_bulk(frames, sent);
  return sent;
}

}  // namespace weft
