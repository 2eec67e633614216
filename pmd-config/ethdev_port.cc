#include "pmd-config/ethdev_port.h"

#include <algorithm>
#include <new>
#include <utility>

#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "dataplane/net/headers.h"
#include "pmd-config/eal_log.h"
#include "pmd-config/pools.h"
#include "pmd-config/rx_checksum.h"

namespace weft {
namespace {

/// Ethernet header and one tag in front of the IP packet.
constexpr std::uint32_t kFrameOverhead = sizeof(EthernetHeader) + sizeof(VlanTag);
/// The kernel wants an AF_XDP buffer to lie in one page.
constexpr std::uint32_t kXdpChunk = 4096;

/// The frame in one segment, or nullptr: then `frame` is unchanged and still the caller's.
rte_mbuf* linearised(rte_mbuf* frame, rte_mempool* pool) noexcept {
  // A shared first segment (a clone) must not be written: other owners read it.
  const bool is_own = RTE_MBUF_DIRECT(frame) && rte_mbuf_refcnt_read(frame) == 1;
  if (is_own && rte_pktmbuf_linearize(frame) == 0) return frame;
  if (frame->pkt_len + kHeadroom > rte_pktmbuf_data_room_size(pool)) return nullptr;
  rte_mbuf* copy = rte_pktmbuf_copy(frame, pool, 0, frame->pkt_len);
  if (copy != nullptr) rte_pktmbuf_free(frame);
  return copy;
}

}  // namespace

// -- EthdevQueue ----------------------------------------------------------------------------------

EthdevQueue::EthdevQueue(
    std::string name,
    PortTraits traits,
    std::uint16_t port_id,
    std::uint16_t queue,
    rte_mempool* pool
)
    : Port{std::move(name), traits}, port_id_{port_id}, queue_{queue}, pool_{pool} {}

std::uint16_t EthdevQueue::rx_burst(rte_mbuf** out, std::uint16_t max) noexcept {
  const std::uint16_t received = rte_eth_rx_burst(port_id_, queue_, out, max);
  std::uint16_t kept = 0;
  for (std::uint16_t i = 0; i < received; ++i) {
    rte_mbuf* frame = out[i];
    if (frame->data_len < sizeof(EthernetHeader)) [[unlikely]] {
      rte_pktmbuf_free(frame);
      ++losses.truncated;
      continue;
    }
    // The buffer's last user may have been a container's large segment.
    OffloadRequest& offload = meta(frame).offload;
    offload = OffloadRequest{};
    offload.is_checked = is_outer_udp_good(frame->ol_flags, frame->packet_type);
    out[kept++] = frame;
  }
  return kept;
}

std::uint16_t EthdevQueue::tx_burst(rte_mbuf** frames, std::uint16_t count) noexcept {
  const std::uint16_t sendable = keep_sendable(frames, count);
  return rte_eth_tx_burst(port_id_, queue_, frames, sendable);
}

/// Moves what the device can not take behind the rest, and answers how many it can.
std::uint16_t EthdevQueue::keep_sendable(rte_mbuf** frames, std::uint16_t count) noexcept {
  std::uint16_t sendable = count;
  for (std::uint16_t i = 0; i < sendable;) {
    rte_mbuf* frame = frames[i];
    const bool is_too_long = frame->pkt_len > traits_.max_frame;
    if (!is_too_long && (frame->nb_segs == 1 || traits_.takes_chains)) [[likely]] {
      ++i;
      continue;
    }
    if (rte_mbuf* whole = is_too_long ? nullptr : linearised(frame, pool_); whole != nullptr) {
      frames[i++] = whole;
      continue;
    }
    std::rotate(frames + i, frames + i + 1, frames + sendable);  // keeps the order of the others
    --sendable;
  }
  return sendable;
}

// -- EthdevUplink: opening --------------------------------------------------------------------------

EthdevUplink::EthdevUplink(std::string name, Device device, Profile profile)
    : name_{std::move(name)}, device_{std::move(device)}, profile_{std::move(profile)} {}

/// What can be known beforehand is checked before anything is attached: a device that is refused
/// half way may leave resources behind in its driver (af_packet: sockets).
Result<EthdevUplink::Plan> EthdevUplink::plan(const UplinkConfig& config) {
  Result<DeviceSpec> spec = parse_device(config.device);
  if (!spec) return Error{"device: " + spec.error().message};
  Plan plan{
      .spec = std::move(*spec),
      .queues = std::max<std::uint16_t>(config.queues, 1),
      .mtu = config.mtu};
  if (plan.spec.interface.empty()) return plan;

  const std::string& interface = plan.spec.interface;
  const Result<KernelInterface> kernel = read_kernel_interface(interface);
  if (!kernel) return Error{"device: " + kernel.error().message};
  if (plan.mtu > kernel->mtu) {
    return Error{
        "mtu: " + std::to_string(plan.mtu) + " is above the " + std::to_string(kernel->mtu) +
        " of interface " + interface};
  }
  if (plan.mtu == 0) plan.mtu = kernel->mtu;
  const std::uint32_t room = small_room(config.pools);
  if (plan.mtu + kFrameOverhead > room) {
    return Error{
        "mtu: " + std::to_string(plan.mtu) + " of interface " + interface +
        " does not fit the packet buffers of " + std::to_string(room) +
        " octets, which are sized when weftd starts: name this port in its configuration file"};
  }
  if (plan.spec.driver == "net_af_xdp") {
    plan.queues = std::min(plan.queues, kernel->channels);
    const rte_mempool& pool = *config.pools.small;
    const std::uint32_t buffer = pool.header_size + pool.elt_size + pool.trailer_size;
    if (buffer > kXdpChunk) {
      return Error{
          "device: af_xdp takes packet buffers of at most " + std::to_string(kXdpChunk) +
          " octets, these have " + std::to_string(buffer) +
          " because of another uplink's MTU: use af_packet:" + interface};
    }
  }
  return plan;
}

Result<std::unique_ptr<EthdevUplink>> EthdevUplink::open(const UplinkConfig& config) {
  const auto refused = [&config](const Error& error) {
    return Error{"port " + config.name + ": " + error.message};
  };
  Result<Plan> planned = plan(config);
  if (!planned) return refused(planned.error());
  Plan& wanted = *planned;

  Result<Device> device =
      Device::attach(wanted.spec, devargs_for(wanted.spec, wanted.queues, wanted.mtu));
  if (!device) return refused(device.error());
  if (wanted.mtu == 0 && rte_eth_dev_get_mtu(device->port_id(), &wanted.mtu) != 0) {
    wanted.mtu = RTE_ETHER_MTU;
  }
  Result<Profile> profile = probe(
      device->port_id(),
      {.queues = std::max<std::uint16_t>(config.queues, 1),
       .mtu = wanted.mtu,
       .kernel_owns_mtu = !wanted.spec.interface.empty(),
       .buffer_room = small_room(config.pools),
       .buffer_count = config.pools.small->size}
  );
  if (!profile) return refused(profile.error());

  std::unique_ptr<EthdevUplink> uplink{
      new EthdevUplink{config.name, std::move(*device), std::move(*profile)}};
  uplink->interface_ = wanted.spec.interface;
  uplink->mtu_ = wanted.mtu;
  if (const Status configured = uplink->configure(config.pools); !configured) {
    return refused(configured.error());
  }
  if (const Status started = uplink->start(); !started) return refused(started.error());
  uplink->fill_queues(config.pools);
  return uplink;
}

Status EthdevUplink::configure(const PacketPools& pools) {
  const std::uint16_t id = port_id();
  const EalComplaints complaints;
  const auto refused = [&](const char* what, int result) {
    return Error{
        profile_.driver + " refused " + what + ": " + rte_strerror(-result) + complaints.quoted()};
  };
  if (const int result =
          rte_eth_dev_configure(id, profile_.queues, profile_.queues, &profile_.conf);
      result != 0) {
    return refused("its configuration", result);
  }
  if (interface_.empty()) {
    // -ENOTSUP: net_null, net_ring and the like carry whatever fits the buffers.
    const int result = rte_eth_dev_set_mtu(id, mtu_);
    if (result != 0 && result != -ENOTSUP) return refused("the MTU", result);
    if (result == -ENOTSUP) {
      profile_.falls_back.push_back(
          "the driver has no MTU setting: the far side must agree on " + std::to_string(mtu_)
      );
    }
  }
  rte_eth_dev_info info{};
  if (const int result = rte_eth_dev_info_get(id, &info); result != 0)
    return refused("info", result);
  const int socket = rte_eth_dev_socket_id(id);
  const auto node =
      socket < 0 ? static_cast<unsigned>(SOCKET_ID_ANY) : static_cast<unsigned>(socket);
  rte_eth_rxconf rx = info.default_rxconf;
  rx.offloads = profile_.conf.rxmode.offloads;
  rte_eth_txconf tx = info.default_txconf;
  tx.offloads = profile_.conf.txmode.offloads;
  for (std::uint16_t queue = 0; queue < profile_.queues; ++queue) {
    int result = rte_eth_rx_queue_setup(id, queue, profile_.rx_descriptors, node, &rx, pools.small);
    if (result != 0) return refused("a receive queue", result);
    result = rte_eth_tx_queue_setup(id, queue, profile_.tx_descriptors, node, &tx);
    if (result != 0) return refused("a transmit queue", result);
  }
  return Ok{};
}

Status EthdevUplink::start() {
  const std::uint16_t id = port_id();
  const EalComplaints complaints;
  if (const int result = rte_eth_dev_start(id); result != 0) {
    return Error{
        profile_.driver + " did not start: " + rte_strerror(-result) + complaints.quoted()};
  }
  // Neighbour solicitations for a VTEP address come to a multicast MAC.
  if (rte_eth_allmulticast_enable(id) != 0 && rte_eth_promiscuous_enable(id) != 0) {
    profile_.falls_back.emplace_back(
        "no multicast reception setting: IPv6 neighbours may not find this host"
    );
  }
  rte_ether_addr address{};
  if (const int result = rte_eth_macaddr_get(id, &address); result != 0) {
    return Error{std::string{"the MAC can not be read: "} + rte_strerror(-result)};
  }
  std::copy(std::begin(address.addr_bytes), std::end(address.addr_bytes), mac_.octets.begin());
  return Ok{};
}

void EthdevUplink::fill_queues(const PacketPools& pools) {
  const PortTraits traits{
      .takes_offloads = false,
      .takes_chains = profile_.takes_chains,
      .max_frame = mtu_ + kFrameOverhead};
  for (std::uint16_t queue = 0; queue < profile_.queues; ++queue) {
    queues_.push_back(std::make_unique<EthdevQueue>(
        name_ + "/" + std::to_string(queue), traits, port_id(), queue, pools.small
    ));
  }
}

EthdevUplink::~EthdevUplink() = default;  // device_ stops, closes and detaches

// -- EthdevUplink: running ---------------------------------------------------------------------------

UplinkLink EthdevUplink::link() const noexcept {
  if (!is_admin_up_) return {};
  if (!interface_.empty()) {
    try {
      const Result<KernelInterface> kernel = read_kernel_interface(interface_);
      if (!kernel) return {};  // the interface is gone
      return {kernel->is_running, kernel->speed_mbps};
    } catch (const std::bad_alloc&) {
      return {};
    }
  }
  rte_eth_link link{};
  if (rte_eth_link_get_nowait(port_id(), &link) != 0) return {};
  return {
      link.link_status == RTE_ETH_LINK_UP,
      link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0U : link.link_speed};
}

DeviceStats EthdevUplink::stats() const noexcept {
  rte_eth_stats stats{};
  if (rte_eth_stats_get(port_id(), &stats) != 0) return {};
  return {
      .rx_packets = stats.ipackets,
      .rx_octets = stats.ibytes,
      .tx_packets = stats.opackets,
      .tx_octets = stats.obytes,
      .rx_missed = stats.imissed,
      .rx_errors = stats.ierrors,
      .rx_no_mbuf = stats.rx_nombuf,
      .tx_errors = stats.oerrors};
}

void EthdevUplink::set_up(bool up) noexcept {
  is_admin_up_ = up;
  // Many drivers can not; link() and the snapshot then carry the state alone.
  if (up) {
    rte_eth_dev_set_link_up(port_id());
  } else {
    rte_eth_dev_set_link_down(port_id());
  }
}

}  // namespace weft
