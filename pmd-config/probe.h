// What a driver really offers, what Weft makes of it, and what it has to do without.
//
// decide() is pure: from rte_eth_dev_info to a Profile, so that real NIC families are tested from
// recorded facts (probe_test.cc) without the hardware. Sentences in `uses` and `falls_back` are for
// the operator (`show port info`): each fallback says what it costs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <rte_ethdev.h>

#include "dataplane/base/result.h"

namespace weft {

struct ProbeRequest {
  std::uint16_t queues = 1;  // queue pairs wanted
  std::uint16_t mtu = 1500;  // octets of an IP packet
  /// The kernel interface below sets the MTU and the ring was made for it: the driver's own limit,
  /// which af_packet and af_xdp state wrongly, does not count.
  bool kernel_owns_mtu{};
  std::uint32_t buffer_room{};  // octets of packet that one rx buffer holds, without headroom
  std::uint32_t
      buffer_count{};  // rx buffers in the pool: descriptors pin at most a quarter of them
};

struct Profile {
  std::string driver;        // "net_ixgbe"
  std::uint16_t queues = 1;  // queue pairs that will be used
  std::uint16_t max_mtu{};   // largest IP packet the driver admits, octets
  std::uint16_t rx_descriptors{};
  std::uint16_t tx_descriptors{};
  bool has_rss{};         // spreads over queues in the device
  bool has_tunnel_rss{};  // hashes inner headers of VXLAN or NVGRE
  bool takes_chains{};    // tx of several segments
  bool checks_udp{};      // rx: says of an outer UDP checksum that it is right (rx_checksum.h)
  bool scatters{};        // rx into several segments (frame larger than a buffer)
  std::vector<std::string> uses;
  std::vector<std::string> falls_back;
  rte_eth_conf conf{};  // to apply with rte_eth_dev_configure
};

/// Fails when the device can not carry the MTU at all.
[[nodiscard]] Result<Profile> decide(const rte_eth_dev_info& info, const ProbeRequest& request);

/// decide() with the facts of an attached device.
[[nodiscard]] Result<Profile> probe(std::uint16_t port_id, const ProbeRequest& request);

}  // namespace weft
