// The part of DPDK's driver interface that a virtual Ethernet device needs, as Debian's libraries
// have it.
//
// Debian ships DPDK's driver *symbols* (version node INTERNAL) but not the headers that declare them
// (ethdev_driver.h, bus_vdev_driver.h: meson's enable_driver_sdk, which is off). What follows is
// therefore written down here, for DPDK 22.11 and nothing else: that interface has no stability
// promise between releases, only within the ABI version 23 of the 22.11 series. perf/replay is not
// built against another version, and `is_expected_abi` refuses to register with libraries whose
// device table has other sizes.
//
// All layouts were compared with those of the v22.11.11 headers, field by field.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <rte_devargs.h>
#include <rte_ethdev.h>
#include <rte_version.h>

static_assert(
    RTE_VERSION >= RTE_VERSION_NUM(22, 11, 0, 0) && RTE_VERSION < RTE_VERSION_NUM(22, 12, 0, 0),
    "driver_abi.h describes DPDK 22.11"
);

namespace weft::replay {

/// A node of the tail queues that EAL and its buses link their objects with.
struct ListNode {
  void* next{};
  void* previous{};
};

struct Driver {
  ListNode node;
  const char* name{};
  const char* alias{};
};

struct BusDevice {
  ListNode node;
  const char* name;
  const char* bus_info;
  const Driver* driver;
  const void* bus;
  int numa_node;
  const rte_devargs* devargs;
};

struct VdevDevice {
  ListNode node;
  BusDevice device;
};

struct VdevDriver {
  ListNode node;
  Driver driver;
  int (*probe)(VdevDevice* device){};
  int (*remove)(VdevDevice* device){};
  void* dma_map{};
  void* dma_unmap{};
  std::uint32_t flags{};
};
static_assert(offsetof(VdevDriver, probe) == 48 && sizeof(VdevDriver) == 88);

/// What all processes of a device share.
struct EthDevData {
  char name[RTE_ETH_NAME_MAX_LEN];
  void** rx_queues;
  void** tx_queues;
  std::uint16_t rx_queue_count;
  std::uint16_t tx_queue_count;
  rte_eth_dev_sriov sriov;
  void* dev_private;
  rte_eth_link link;
  rte_eth_conf conf;
  std::uint16_t mtu;
  std::uint32_t min_rx_buffer;
  std::uint64_t rx_no_mbuf;
  rte_ether_addr* mac_addresses;
  std::uint64_t mac_pools[RTE_ETH_NUM_RECEIVE_MAC_ADDR];
  rte_ether_addr* hash_mac_addresses;
  std::uint16_t port_id;
  // Behind it: state that only ethdev itself touches.
};
static_assert(offsetof(EthDevData, dev_private) == 96 && offsetof(EthDevData, conf) == 112);
static_assert(offsetof(EthDevData, mac_addresses) == 2400 && offsetof(EthDevData, port_id) == 3440);

/// One entry of the process's table of Ethernet devices.
struct alignas(64) EthDev {
  std::uint16_t (*rx_burst)(void* queue, rte_mbuf** out, std::uint16_t max);
  std::uint16_t (*tx_burst)(void* queue, rte_mbuf** frames, std::uint16_t count);
  void* tx_prepare;
  void* rx_queue_count;
  void* rx_descriptor_status;
  void* tx_descriptor_status;
  EthDevData* data;
  void* process_private;
  const void* ops;
  BusDevice* device;
  void* interrupts;
  ListNode link_callbacks;
  void* rx_callbacks[RTE_MAX_QUEUES_PER_PORT];
  void* tx_callbacks[RTE_MAX_QUEUES_PER_PORT];
  std::uint32_t state;
  void* security;
};
static_assert(offsetof(EthDev, data) == 48 && offsetof(EthDev, device) == 72);
static_assert(sizeof(EthDev) == 16512);

using AnyFunction = void (*)();

/// ethdev calls a driver through a table of function pointers. The names are positions in it, of
/// the functions that this driver has.
enum class Op : std::uint8_t {
  configure = 0,
  start = 1,
  stop = 2,
  set_link_up = 3,
  set_link_down = 4,
  close = 5,
  link_update = 7,
  promiscuous_on = 9,
  promiscuous_off = 10,
  all_multicast_on = 11,
  all_multicast_off = 12,
  mac_remove = 13,
  mac_add = 14,
  mac_set = 15,
  mtu_set = 17,
  stats_get = 18,
  stats_reset = 19,
  info_get = 24,
  packet_types_get = 30,
  rx_queue_setup = 41,
  rx_queue_release = 42,
  tx_queue_setup = 45,
  tx_queue_release = 46,
  rss_update = 60,
  rss_get = 61,
};
inline constexpr std::size_t kOpCount = 113;

struct OpTable {
  AnyFunction at[kOpCount]{};

  template <typename Function>
  void set(Op op, Function* function) noexcept {
    at[static_cast<std::size_t>(op)] = reinterpret_cast<AnyFunction>(function);
  }
};

extern "C" {
EthDev* rte_eth_dev_allocate(const char* name);
EthDev* rte_eth_dev_allocated(const char* name);
int rte_eth_dev_release_port(EthDev* device);
void rte_eth_dev_probing_finish(EthDev* device);
void rte_vdev_register(VdevDriver* driver);
extern EthDev rte_eth_devices[];
}

/// Whether a freshly allocated device has its parts where this file says.
[[nodiscard]] inline bool is_expected_abi(const EthDev& device, std::string_view name) noexcept {
  const EthDevData& data = *device.data;
  return std::string_view{rte_version()}.find(" 22.11.") != std::string_view::npos &&
         std::string_view{data.name} == name && data.mtu == RTE_ETHER_MTU &&
         data.port_id < RTE_MAX_ETHPORTS && &rte_eth_devices[data.port_id] == &device;
}

}  // namespace weft::replay
