#include "pmd-config/probe.h"

#include <algorithm>
#include <limits>

#include <rte_errno.h>

namespace weft {
namespace {

constexpr std::uint32_t kEthernetAndTag = 14 + 4;
constexpr std::uint16_t kWantedDescriptors = 1024;
constexpr std::uint64_t kRssWanted =
    RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_TUNNEL;
constexpr std::uint64_t kTunnelRss = RTE_ETH_RSS_VXLAN | RTE_ETH_RSS_NVGRE;

/// The limit that the driver states in two ways: as MTU and as frame size with its own overhead.
std::uint16_t stated_max_mtu(const rte_eth_dev_info& info) {
  const bool has_mtu =
      info.max_mtu != 0 && info.max_mtu != std::numeric_limits<std::uint16_t>::max();
  if (has_mtu) return info.max_mtu;
  if (info.max_rx_pktlen == 0) return std::numeric_limits<std::uint16_t>::max();
  // Without an MTU the overhead is an Ethernet header and the FCS (ethdev computes the same).
  constexpr std::uint32_t kHeaderAndFcs = 14 + 4;
  const std::uint32_t octets =
      info.max_rx_pktlen > kHeaderAndFcs ? info.max_rx_pktlen - kHeaderAndFcs : 0;
  return static_cast<std::uint16_t>(
      std::min<std::uint32_t>(octets, std::numeric_limits<std::uint16_t>::max())
  );
}

/// `wanted`, moved into the driver's limits.
std::uint16_t fit_descriptors(std::uint32_t wanted, const rte_eth_desc_lim& limit) {
  const std::uint32_t most =
      limit.nb_max == 0 ? std::numeric_limits<std::uint16_t>::max() : limit.nb_max;
  const std::uint32_t align = std::max<std::uint32_t>(limit.nb_align, 1);
  const std::uint32_t least = std::max<std::uint32_t>(limit.nb_min, 1);
  std::uint32_t count = std::min(wanted, most) / align * align;
  if (count < least) count = least;
  return static_cast<std::uint16_t>(count);
}

std::string gigabits(std::uint32_t speed_capa) {
  struct Speed {
    std::uint32_t bit;
    const char* name;
  };
  constexpr Speed kSpeeds[] = {
      {RTE_ETH_LINK_SPEED_200G, "200"},
      {RTE_ETH_LINK_SPEED_100G, "100"},
      {RTE_ETH_LINK_SPEED_50G, "50"},
      {RTE_ETH_LINK_SPEED_40G, "40"},
      {RTE_ETH_LINK_SPEED_25G, "25"},
      {RTE_ETH_LINK_SPEED_10G, "10"},
      {RTE_ETH_LINK_SPEED_1G, "1"}};
  for (const Speed& speed : kSpeeds) {
    if ((speed_capa & speed.bit) != 0) return speed.name;
  }
  return {};
}

void decide_queues(const rte_eth_dev_info& info, const ProbeRequest& request, Profile& out) {
  const unsigned most = std::min(info.max_rx_queues, info.max_tx_queues);
  out.queues =
      static_cast<std::uint16_t>(std::clamp<unsigned>(request.queues, 1, std::max(most, 1U)));
  if (out.queues > 1) {
    out.uses.push_back(std::to_string(out.queues) + " queue pairs");
  } else if (request.queues > 1) {
    out.falls_back.push_back(
        "one queue pair for " + std::to_string(request.queues) +
        " workers: one of them receives and hands over what belongs to the others"
    );
  }
  if (out.queues > 1 && out.queues < request.queues) {
    out.falls_back.push_back(
        std::to_string(out.queues) + " queue pairs for " + std::to_string(request.queues) +
        " workers: the others hand their frames over"
    );
  }
}

void decide_rss(const rte_eth_dev_info& info, Profile& out) {
  const std::uint64_t types = info.flow_type_rss_offloads & kRssWanted;
  out.has_rss = types != 0;
  out.has_tunnel_rss = (types & kTunnelRss) != 0;
  if (out.queues == 1) return;  // nothing to spread over
  if (!out.has_rss) {
    out.falls_back.emplace_back(
        "no RSS: the driver or the kernel below it chooses the queue, and frames are handed over "
        "between workers"
    );
    return;
  }
  out.conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
  out.conf.rx_adv_conf.rss_conf.rss_hf = types;
  out.uses.emplace_back(
      (types & RTE_ETH_RSS_UDP) != 0
          ? "RSS on outer addresses and UDP ports (VXLAN spreads by flow)"
          : "RSS on outer addresses"
  );
  if (out.has_tunnel_rss) {
    out.uses.emplace_back("RSS inside tunnels");
  } else {
    out.falls_back.emplace_back(
        "no RSS inside tunnels: all NVGRE between two hosts arrives on one queue, and frames are "
        "handed over between workers"
    );
  }
}

Status decide_sizes(const rte_eth_dev_info& info, const ProbeRequest& request, Profile& out) {
  out.max_mtu = stated_max_mtu(info);
  if (!request.kernel_owns_mtu && request.mtu > out.max_mtu) {
    return Error{
        "mtu: " + std::to_string(request.mtu) + " is above the limit " +
        std::to_string(out.max_mtu) + " of driver " + out.driver};
  }
  if (info.min_mtu > request.mtu) {
    return Error{
        "mtu: " + std::to_string(request.mtu) + " is below the minimum " +
        std::to_string(info.min_mtu) + " of driver " + out.driver};
  }
  out.conf.rxmode.mtu = std::min(request.mtu, out.max_mtu);
  if (request.mtu + kEthernetAndTag <= request.buffer_room) return Ok{};
  if ((info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER) == 0 || request.kernel_owns_mtu) {
    return Error{
        "mtu: a frame of " + std::to_string(request.mtu + kEthernetAndTag) +
        " octets does not fit the packet buffers of " + std::to_string(request.buffer_room) +
        " octets, which are sized when weftd starts: name this uplink in its configuration file"};
  }
  out.scatters = true;
  out.conf.rxmode.offloads |= RTE_ETH_RX_OFFLOAD_SCATTER;
  out.uses.emplace_back("scattered receive (frames longer than a packet buffer)");
  return Ok{};
}

/// Only what somebody reads is asked for: the IPv4 header's sum costs less than looking at a flag.
void decide_receive(const rte_eth_dev_info& info, Profile& out) {
  constexpr std::uint64_t kUdp = RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_OUTER_UDP_CKSUM;
  const std::uint64_t offered = info.rx_offload_capa & kUdp;
  out.checks_udp = offered != 0;
  out.conf.rxmode.offloads |= offered;
  if (out.checks_udp) {
    out.uses.emplace_back("outer UDP checksums that the device found right are not summed again");
  } else {
    out.falls_back.emplace_back("outer UDP checksums are verified in software");
  }
}

/// The sentence for what the device could compute and Weft does itself. Tunnel segmentation and inner
/// checksums differ between families in what they expect of the headers, and there was no such
/// device to verify them on: a wrong checksum on the wire is worse than a slow one.
std::string unused_transmit_offloads(std::uint64_t offered) {
  struct Offload {
    std::uint64_t bits;
    const char* name;
  };
  constexpr Offload kOffloads[] = {
      {RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM,
       "checksums"},
      {RTE_ETH_TX_OFFLOAD_OUTER_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_OUTER_UDP_CKSUM, "outer checksums"},
      {RTE_ETH_TX_OFFLOAD_TCP_TSO, "TCP segmentation"},
      {RTE_ETH_TX_OFFLOAD_VXLAN_TNL_TSO | RTE_ETH_TX_OFFLOAD_GRE_TNL_TSO |
           RTE_ETH_TX_OFFLOAD_UDP_TNL_TSO,
       "TCP segmentation inside tunnels"}};
  std::string unused;
  for (const Offload& offload : kOffloads) {
    if ((offered & offload.bits) == 0) continue;
    unused += (unused.empty() ? "" : ", ") + std::string{offload.name};
  }
  const std::string sentence =
      "checksums and TCP segmentation are computed in software: the device ";
  return sentence + (unused.empty() ? "offers none" : "offers but Weft does not use " + unused);
}

void decide_transmit(const rte_eth_dev_info& info, Profile& out) {
  out.takes_chains = (info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) != 0;
  if (out.takes_chains) {
    out.conf.txmode.offloads |= RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
    out.uses.emplace_back("transmit from several buffers");
  } else {
    out.falls_back.emplace_back(
        "no transmit from several buffers: replicated and segmented frames are copied into one"
    );
  }
  out.falls_back.push_back(unused_transmit_offloads(info.tx_offload_capa));
}

void decide_descriptors(const rte_eth_dev_info& info, const ProbeRequest& request, Profile& out) {
  std::uint32_t rx = kWantedDescriptors;
  // A real NIC keeps one buffer per descriptor; the pool must not live in receive rings.
  const std::uint32_t share = request.buffer_count / 4 / out.queues;
  while (share != 0 && rx > share && rx > 64) rx /= 2;
  out.rx_descriptors = fit_descriptors(rx, info.rx_desc_lim);
  out.tx_descriptors = fit_descriptors(kWantedDescriptors, info.tx_desc_lim);
}

}  // namespace

Result<Profile> decide(const rte_eth_dev_info& info, const ProbeRequest& request) {
  Profile out;
  out.driver = info.driver_name == nullptr ? "unknown" : info.driver_name;
  const Status sizes = decide_sizes(info, request, out);
  if (!sizes) return sizes.error();
  decide_queues(info, request, out);
  decide_rss(info, out);
  decide_receive(info, out);
  decide_transmit(info, out);
  decide_descriptors(info, request, out);
  if (const std::string speed = gigabits(info.speed_capa); !speed.empty()) {
    out.uses.push_back("up to " + speed + " Gb/s");
  }
  return out;
}

Result<Profile> probe(std::uint16_t port_id, const ProbeRequest& request) {
  rte_eth_dev_info info{};
  const int result = rte_eth_dev_info_get(port_id, &info);
  if (result != 0) {
    return Error{std::string{"the driver does not describe its device: "} + rte_strerror(-result)};
  }
  return decide(info, request);
}

}  // namespace weft
