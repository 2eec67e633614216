// Uplinks: DPDK ethdevs, one Port per queue pair.
//
//   Result<std::unique_ptr<EthdevUplink>> up = EthdevUplink::open({.name = "up0",
//       .device = "af_packet:eth1", .queues = workers, .pools = pools.get()});
//   snapshot.uplinks[i].tx_port[w] = up->queue(w);
//
// An uplink has as many queue pairs as asked for, as far as the device has them; queue q is for one
// worker, its owner. Workers beyond that hand their frames over.
//
// Threads: everything here is control's, except that the owner worker calls rx_burst and tx_burst
// of its queue. set_up, link and stats may be called while workers poll. Before an EthdevUplink is
// destroyed, a snapshot without its queues must have passed its grace period.
//
// What arrives: meta(m).offload is reset; is_checked says that the device found the outer UDP
// checksum right (rx_checksum.h). Frames shorter than an Ethernet header are counted in
// `losses`. What is sent: frames that the device can not take (a chain it has no scatter for and
// that can not be made contiguous, or longer than max_frame) are moved to the end of the array and
// are among those not sent: the caller counts them. Frames that the device itself loses are in
// DeviceStats, never hidden.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/base/result.h"
#include "dataplane/net/addr.h"
#include "dataplane/port/pool.h"
#include "dataplane/port/port.h"
#include "pmd-config/device.h"
#include "pmd-config/probe.h"

namespace weft {

/// One queue pair. Owner: one worker.
class EthdevQueue final : public Port {
 public:
  EthdevQueue(
      std::string name,
      PortTraits traits,
      std::uint16_t port_id,
      std::uint16_t queue,
      rte_mempool* pool
  );

  [[nodiscard]] std::uint16_t rx_burst(rte_mbuf** out, std::uint16_t max) noexcept override;
  [[nodiscard]] std::uint16_t tx_burst(rte_mbuf** frames, std::uint16_t count) noexcept override;
  [[nodiscard]] const char* kind() const noexcept override { return "ethdev"; }

 private:
  std::uint16_t keep_sendable(rte_mbuf** frames, std::uint16_t count) noexcept;

  std::uint16_t port_id_;
  std::uint16_t queue_;
  rte_mempool* pool_;  // for copies of chains that the device does not take
};

struct UplinkConfig {
  std::string name;
  std::string device;        // grammar: device.h
  std::uint16_t mtu = 0;     // octets of an IP packet; 0: as the device says
  std::uint16_t queues = 1;  // queue pairs wanted, usually one per worker
  PacketPools pools;         // rx buffers come from `small`
};

struct UplinkLink {
  bool is_up{};
  std::uint32_t speed_mbps{};  // 0: unknown
};

/// The device's own counters since it was opened (rte_eth_stats): what the switch can not see.
struct DeviceStats {
  std::uint64_t rx_packets{};
  std::uint64_t rx_octets{};
  std::uint64_t tx_packets{};
  std::uint64_t tx_octets{};
  std::uint64_t rx_missed{};  // no free descriptor: the workers are too slow
  std::uint64_t rx_errors{};
  std::uint64_t rx_no_mbuf{};  // the packet pool was empty
  std::uint64_t tx_errors{};
};

class EthdevUplink {
 public:
  /// Attaches, configures and starts the device. On failure nothing stays behind.
  [[nodiscard]] static Result<std::unique_ptr<EthdevUplink>> open(const UplinkConfig& config);
  EthdevUplink(const EthdevUplink&) = delete;
  EthdevUplink& operator=(const EthdevUplink&) = delete;
  /// Stops, closes and detaches.
  ~EthdevUplink();

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::uint16_t port_id() const noexcept { return device_.port_id(); }
  [[nodiscard]] const MacAddress& mac() const noexcept { return mac_; }
  /// Octets of an IP packet.
  [[nodiscard]] std::uint16_t mtu() const noexcept { return mtu_; }
  /// What of the driver is used and what it lacks: `show port info`.
  [[nodiscard]] const Profile& profile() const noexcept { return profile_; }

  [[nodiscard]] std::uint16_t queue_count() const noexcept {
    return static_cast<std::uint16_t>(queues_.size());
  }
  /// Precondition: index < queue_count(). Lives as long as the uplink.
  [[nodiscard]] Port* queue(std::uint16_t index) const noexcept { return queues_[index].get(); }

  /// Cheap enough for once a second: devices whose driver does not watch the carrier (af_packet,
  /// af_xdp) are asked through the kernel.
  [[nodiscard]] UplinkLink link() const noexcept;
  [[nodiscard]] DeviceStats stats() const noexcept;

  /// Administratively up or down. Down also holds where the device can not switch its link off:
  /// link() says down, and control keeps workers from using it.
  void set_up(bool up) noexcept;

 private:
  struct Plan {
    DeviceSpec spec;
    std::uint16_t queues{};  // that the device is made with
    std::uint16_t mtu{};     // 0: ask the device
  };
  static Result<Plan> plan(const UplinkConfig& config);

  EthdevUplink(std::string name, Device device, Profile profile);
  Status configure(const PacketPools& pools);
  Status start();
  void fill_queues(const PacketPools& pools);

  std::string name_;
  Device device_;
  Profile profile_;
  std::string interface_;
  MacAddress mac_;
  std::uint16_t mtu_{};
  bool is_admin_up_ = true;
  std::vector<std::unique_ptr<EthdevQueue>> queues_;
};

}  // namespace weft
