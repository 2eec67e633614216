// Uplink devices by name: the grammar of `port.add`'s `device`, and attaching them at run time.
//
//   "0000:3b:00.0"                      a PCI function bound to vfio-pci (or mlx5's own kernel
//   driver) "net_af_packet0,iface=eth1"         any DPDK virtual device, arguments as its guide
//   documents them "af_packet:eth1" "af_xdp:eth1" "tap:weft0"   short forms for a kernel interface
//
// parse_device is pure. devargs_for adds what a driver must know at creation and an operator should
// not have to compute: queue counts and, for af_packet, a ring frame size that the MTU fits (the
// driver truncates longer frames without a word).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dataplane/base/result.h"

struct rte_device;

namespace weft {

struct DeviceSpec {
  enum class Bus : std::uint8_t { pci, vdev };
  Bus bus{};
  std::string name;       // EAL's name: "0000:3b:00.0", "net_af_packet0"
  std::string arguments;  // "iface=eth1", without the name
  std::string driver;     // "net_af_packet"; empty for PCI, where the hardware decides
  std::string interface;  // the kernel interface that af_packet and af_xdp sit on; else empty

  /// The value of `key` in `arguments`; empty when it is not there.
  [[nodiscard]] std::string_view argument(std::string_view key) const noexcept;
  [[nodiscard]] bool has_argument(std::string_view key) const noexcept;
};

/// Errors name the offending part; they do not begin with a field path, the caller adds it.
[[nodiscard]] Result<DeviceSpec> parse_device(std::string_view text);

/// `spec.arguments` completed for `queues` queue pairs and IP packets of `mtu` octets. Arguments
/// that the operator wrote are never replaced.
[[nodiscard]] std::string devargs_for(
    const DeviceSpec& spec, std::uint16_t queues, std::uint16_t mtu
);

/// Octets that af_packet's ring frame holds of a packet when the ring is made for IP packets of `mtu`
/// octets. The driver wants them to fit one mbuf (pools.h makes the small ones large enough).
[[nodiscard]] std::uint32_t af_packet_slot_octets(std::uint16_t mtu) noexcept;

/// A kernel interface in the calling thread's network namespace.
struct KernelInterface {
  std::uint16_t mtu{};
  bool is_running{};           // administratively up and carrier
  std::uint16_t channels = 1;  // combined queue channels (`ethtool -l`), 1 when the driver has none
  std::uint32_t speed_mbps{};  // 0: unknown
};
[[nodiscard]] Result<KernelInterface> read_kernel_interface(const std::string& name);

/// An attached device; detached when destroyed. Cold, control thread only.
class Device {
 public:
  /// Probes the device (rte_eal_hotplug_add) with `arguments` (see devargs_for). On failure nothing
  /// stays behind, and the driver's own complaint is part of the sentence.
  [[nodiscard]] static Result<Device> attach(const DeviceSpec& spec, const std::string& arguments);
  Device(Device&& other) noexcept;
  Device& operator=(Device&& other) noexcept;
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;
  /// Closes the ethdev if it is still open and removes the device from its bus.
  ~Device();

  [[nodiscard]] std::uint16_t port_id() const noexcept { return port_id_; }

 private:
  Device(rte_device* device, std::uint16_t port_id) noexcept : device_{device}, port_id_{port_id} {}
  void detach() noexcept;

  rte_device* device_{};  // nullptr: moved from
  std::uint16_t port_id_{};
};

}  // namespace weft
