// The driver net_replay: virtual Ethernet devices that receive a pcap file over and over, and drop
// what they are sent. README.md lists the arguments; queue.h is the path that frames take.
//
//   dpdk-testpmd -d librte_net_replay.so --vdev net_replay0 --vdev net_replay1,pcap=flows.pcap ...
//
// Everything here is cold and runs on the application's control threads.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <rte_ethdev.h>
#include <rte_log.h>
#include <rte_malloc.h>

#include "perf/replay/arguments.h"
#include "perf/replay/capture.h"
#include "perf/replay/driver_abi.h"
#include "perf/replay/gate.h"
#include "perf/replay/queue.h"

namespace weft::replay {
namespace {

constexpr std::uint16_t kMostMtu = 9200;
constexpr std::uint16_t kMostSendQueues = 128;  // one for each lcore that DPDK can have
// What a NIC of the last ten years does; applications use of it what they know.
constexpr std::uint64_t kReceiveOffloads =
    RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM |
    RTE_ETH_RX_OFFLOAD_RSS_HASH;
constexpr std::uint64_t kSendOffloads =
    RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;

/// The device behind EthDevData::dev_private.
struct Device {
  Arguments arguments;
  unsigned index{};  // its place in the gate
  Gate* gate{};
  std::vector<Captured> frames;
  rte_ether_addr mac{};
  std::vector<std::unique_ptr<ReceiveQueue>> receive;
  std::vector<std::unique_ptr<TransmitQueue>> transmit;
  std::uint64_t subtracted[4]{};  // rte_eth_stats_reset: received, its octets, sent, its octets
};

void complain(const std::string& name, const std::string& sentence) {
  rte_log(RTE_LOG_ERR, RTE_LOGTYPE_PMD, "%s: %s\n", name.c_str(), sentence.c_str());
}

Device& device_of(const EthDev* dev) {
  return **static_cast<std::unique_ptr<Device>*>(dev->data->dev_private);
}

// -- ethdev's functions ---------------------------------------------------------------------------

int do_nothing(EthDev*) {
  return 0;
}

int get_info(EthDev*, rte_eth_dev_info* info) {
  info->max_rx_pktlen = kMostMtu + RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN;
  info->max_mtu = kMostMtu;
  info->min_rx_bufsize = 0;
  info->max_rx_queues = kGateQueues;
  info->max_tx_queues = kMostSendQueues;
  info->max_mac_addrs = 1;
  info->rx_offload_capa = kReceiveOffloads;
  info->rx_queue_offload_capa = kReceiveOffloads;
  info->tx_offload_capa = kSendOffloads;
  info->tx_queue_offload_capa = kSendOffloads;
  info->flow_type_rss_offloads =
      RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_TUNNEL;
  info->speed_capa = RTE_ETH_LINK_SPEED_100G;
  return 0;
}

const std::uint32_t* get_packet_types(EthDev*) {
  static const std::uint32_t types[] = {
      RTE_PTYPE_L2_ETHER,
      RTE_PTYPE_L3_IPV4_EXT_UNKNOWN,
      RTE_PTYPE_L3_IPV6_EXT_UNKNOWN,
      RTE_PTYPE_L4_TCP,
      RTE_PTYPE_L4_UDP,
      RTE_PTYPE_UNKNOWN};
  return types;
}

int update_link(EthDev* dev, int) {
  rte_eth_link link{};
  link.link_speed = RTE_ETH_SPEED_NUM_100G;
  link.link_duplex = RTE_ETH_LINK_FULL_DUPLEX;
  link.link_autoneg = RTE_ETH_LINK_FIXED;
  link.link_status = RTE_ETH_LINK_UP;
  dev->data->link = link;
  return 0;
}

int set_mtu(EthDev*, std::uint16_t) {
  return 0;
}

int set_mac(EthDev*, rte_ether_addr*) {
  return 0;  // ethdev keeps it; nothing is filtered
}

int set_up_receive(
    EthDev* dev,
    std::uint16_t queue,
    std::uint16_t,
    unsigned,
    const rte_eth_rxconf*,
    rte_mempool* pool
) {
  Device& device = device_of(dev);
  if (queue >= kGateQueues) return -EINVAL;
  if (device.receive.size() <= queue) device.receive.resize(queue + 1U);
  device.receive[queue] = std::make_unique<ReceiveQueue>(pool, *device.gate, device.index, queue);
  dev->data->rx_queues[queue] = device.receive[queue].get();
  return 0;
}

int set_up_transmit(EthDev* dev, std::uint16_t queue, std::uint16_t, unsigned, const void*) {
  Device& device = device_of(dev);
  if (device.transmit.size() <= queue) device.transmit.resize(queue + 1U);
  // Systems ask for one queue per lcore and use few: those beyond the grid share its last line.
  const unsigned line = std::min<unsigned>(queue, kGateQueues - 1);
  Gate& gate = *device.gate;
  device.transmit[queue] = std::make_unique<TransmitQueue>(
      gate.header, gate.counters[device.index][line][1], gate.samples[device.index]
  );
  dev->data->tx_queues[queue] = device.transmit[queue].get();
  return 0;
}

void release_receive(EthDev* dev, std::uint16_t queue) {
  Device& device = device_of(dev);
  if (queue < device.receive.size()) device.receive[queue].reset();
}

void release_transmit(EthDev* dev, std::uint16_t queue) {
  Device& device = device_of(dev);
  if (queue < device.transmit.size()) device.transmit[queue].reset();
}

std::uint64_t flags_for(std::uint64_t offloads) {
  std::uint64_t flags = 0;
  if ((offloads & RTE_ETH_RX_OFFLOAD_RSS_HASH) != 0) flags |= RTE_MBUF_F_RX_RSS_HASH;
  if ((offloads & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM) != 0) flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD;
  if ((offloads & RTE_ETH_RX_OFFLOAD_UDP_CKSUM) != 0) flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
  return flags;
}

/// Frames that move from slot to slot must be written anew each time.
std::uint32_t restored_octets(const Device& device) {
  if (device.arguments.slots == 0) return device.arguments.restore;
  const auto is_long = [](const Captured& frame) { return frame.octets.size() > 64; };
  return std::ranges::any_of(device.frames, is_long) ? 128 : 64;
}

int start(EthDev* dev) {
  Device& device = device_of(dev);
  const auto queues = static_cast<std::uint32_t>(dev->data->rx_queue_count);
  const ReceiveConfig config{
      .port = dev->data->port_id,
      .slots = device.arguments.slots,
      .restore = restored_octets(device),
      .flags = flags_for(dev->data->conf.rxmode.offloads)};
  for (std::uint32_t q = 0; q < queues; ++q) {
    std::vector<const Captured*> own;
    for (const Captured& frame : device.frames) {
      if (frame.hash % queues == q) own.push_back(&frame);
    }
    const std::string error = device.receive[q]->start(own, config);
    if (error.empty()) continue;
    complain(dev->data->name, error);
    for (std::uint32_t started = 0; started < q; ++started) device.receive[started]->stop();
    return -ENOMEM;
  }
  dev->rx_burst = ReceiveQueue::burst_function(config.restore);
  dev->tx_burst = TransmitQueue::send;
  return 0;
}

int stop(EthDev* dev) {
  for (const auto& queue : device_of(dev).receive) {
    if (queue) queue->stop();
  }
  return 0;
}

struct Totals {
  std::uint64_t values[4]{};
};

Totals totals_of(const Device& device) {
  Totals totals;
  for (unsigned queue = 0; queue < kGateQueues; ++queue) {
    for (std::size_t direction = 0; direction < 2; ++direction) {
      const GateCounters& line = device.gate->counters[device.index][queue][direction];
      totals.values[2 * direction] += line.frames.load(std::memory_order_relaxed);
      totals.values[2 * direction + 1] += line.octets.load(std::memory_order_relaxed);
    }
  }
  return totals;
}

int get_stats(EthDev* dev, rte_eth_stats* stats) {
  const Device& device = device_of(dev);
  const Totals totals = totals_of(device);
  stats->ipackets = totals.values[0] - device.subtracted[0];
  stats->ibytes = totals.values[1] - device.subtracted[1];
  stats->opackets = totals.values[2] - device.subtracted[2];
  stats->obytes = totals.values[3] - device.subtracted[3];
  return 0;
}

int reset_stats(EthDev* dev) {
  Device& device = device_of(dev);
  const Totals totals = totals_of(device);
  std::copy(std::begin(totals.values), std::end(totals.values), device.subtracted);
  return 0;
}

int update_rss(EthDev*, rte_eth_rss_conf*) {
  return 0;  // the key is our own
}

/// Everything that the device has; ethdev frees the memory of dev_private.
int close(EthDev* dev) {
  auto* const device = static_cast<std::unique_ptr<Device>*>(dev->data->dev_private);
  if (device == nullptr) return 0;
  device->reset();
  dev->data->mac_addresses = nullptr;  // it was inside
  return 0;
}

const OpTable& operations() {
  static const OpTable table = [] {
    OpTable all;
    all.set(Op::configure, do_nothing);
    all.set(Op::start, start);
    all.set(Op::stop, stop);
    all.set(Op::set_link_up, do_nothing);
    all.set(Op::set_link_down, do_nothing);
    all.set(Op::close, close);
    all.set(Op::link_update, update_link);
    all.set(Op::promiscuous_on, do_nothing);
    all.set(Op::promiscuous_off, do_nothing);
    all.set(Op::all_multicast_on, do_nothing);
    all.set(Op::all_multicast_off, do_nothing);
    all.set(Op::mac_set, set_mac);
    all.set(Op::mtu_set, set_mtu);
    all.set(Op::stats_get, get_stats);
    all.set(Op::stats_reset, reset_stats);
    all.set(Op::info_get, get_info);
    all.set(Op::packet_types_get, get_packet_types);
    all.set(Op::rx_queue_setup, set_up_receive);
    all.set(Op::rx_queue_release, release_receive);
    all.set(Op::tx_queue_setup, set_up_transmit);
    all.set(Op::tx_queue_release, release_transmit);
    all.set(Op::rss_update, update_rss);
    all.set(Op::rss_get, update_rss);
    return all;
  }();
  return table;
}

// -- the bus --------------------------------------------------------------------------------------

std::string make_device(const std::string& name, const char* arguments, Device& out) {
  std::string error;
  auto parsed = parse_arguments(arguments == nullptr ? "" : arguments, error);
  if (!parsed) return error;
  out.arguments = std::move(*parsed);
  const auto index = parse_index(name);
  if (!index) return "the name must end in a number from 0 to " + std::to_string(kGateDevices - 1);
  out.index = *index;
  out.gate = open_gate(out.arguments.gate, error);
  if (out.gate == nullptr) return error;
  if (!out.arguments.pcap.empty()) {
    auto frames = read_capture(out.arguments.pcap, error);
    if (!frames) return error;
    out.frames = std::move(*frames);
  }
  // Locally administered.
  out.mac = {{0x02, 0x00, 0x00, 0x00, 0xFF, static_cast<std::uint8_t>(out.index)}};
  return {};
}

int probe_or_throw(VdevDevice* vdev) {
  const std::string name{vdev->device.name};
  const char* const arguments =
      vdev->device.devargs == nullptr ? nullptr : vdev->device.devargs->args;
  auto device = std::make_unique<Device>();
  if (const std::string error = make_device(name, arguments, *device); !error.empty()) {
    complain(name, error);
    return -EINVAL;
  }
  EthDev* const dev = rte_eth_dev_allocate(name.c_str());
  if (dev == nullptr) return -ENOMEM;
  if (!is_expected_abi(*dev, name)) {
    complain(name, std::string{"is made for DPDK 22.11, this is "} + rte_version());
    return -ENOTSUP;  // not even releasing the device is safe
  }
  void* const memory = rte_zmalloc("replay", sizeof(std::unique_ptr<Device>), 0);
  if (memory == nullptr) {
    rte_eth_dev_release_port(dev);
    return -ENOMEM;
  }
  dev->device = &vdev->device;
  dev->data->dev_private = new (memory) std::unique_ptr<Device>{std::move(device)};
  dev->data->mac_addresses = &device_of(dev).mac;
  dev->data->rx_queue_count = 1;
  dev->data->tx_queue_count = 1;
  update_link(dev, 0);
  dev->ops = &operations();
  rte_eth_dev_probing_finish(dev);
  return 0;
}

int probe(VdevDevice* vdev) {
  try {
    return probe_or_throw(vdev);
  } catch (const std::exception& exception) {
    complain(vdev->device.name, exception.what());
    return -ENOMEM;
  }
}

int remove(VdevDevice* vdev) {
  EthDev* const dev = rte_eth_dev_allocated(vdev->device.name);
  if (dev == nullptr) return 0;  // closed before
  close(dev);
  return rte_eth_dev_release_port(dev);
}

/// EAL opens the plug-in before it scans its buses.
[[gnu::constructor]] void enter() {
  static VdevDriver driver;
  driver.driver.name = "net_replay";
  driver.probe = probe;
  driver.remove = remove;
  rte_vdev_register(&driver);
}

}  // namespace
}  // namespace weft::replay
