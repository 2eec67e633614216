#include "pmd-config/device.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <rte_bus_vdev.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pmd-config/eal_log.h"

namespace weft {
namespace {

// -- grammar ------------------------------------------------------------------------------------

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool is_alnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::string quoted(std::string_view text) {
  return "\"" + std::string{text} + "\"";
}

/// "3b:00.0" or "0000:3b:00.0" in EAL's long form.
std::optional<std::string> parse_pci(std::string_view text) {
  std::string pattern;  // the shape of the text: h for a hex digit
  for (const char c : text) pattern += is_hex(c) ? 'h' : c;
  std::string address{text};
  if (pattern == "hh:hh.h") {
    address = "0000:" + address;
  } else if (pattern != "hhhh:hh:hh.h") {
    return std::nullopt;
  }
  // The function is three bits wide, the device five.
  if (address.back() > '7') return std::nullopt;
  if (address[8] > '1') return std::nullopt;
  std::transform(address.begin(), address.end(), address.begin(), [](char c) {
    return c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return address;
}

/// What the kernel takes as an interface name and EAL as part of a device name.
Status check_interface(std::string_view name) {
  if (name.empty()) return Error{"the interface name is missing"};
  if (name.size() >= IFNAMSIZ) {
    return Error{
        "interface " + quoted(name) + " has " + std::to_string(name.size()) +
        " characters, the limit is " + std::to_string(IFNAMSIZ - 1)};
  }
  const bool is_plain = std::all_of(name.begin(), name.end(), [](char c) {
    return is_alnum(c) || c == '.' || c == '_' || c == '-';
  });
  if (!is_plain || name == "." || name == "..") {
    return Error{"interface " + quoted(name) + " has a character other than [A-Za-z0-9._-]"};
  }
  return Ok{};
}

struct ShortForm {
  std::string_view prefix;
  std::string_view driver;
  bool is_over_kernel_interface;  // sits on an existing interface (tap makes its own)
};
constexpr std::array<ShortForm, 3> kShortForms{{
    {"af_packet:", "net_af_packet", true},
    {"af_xdp:", "net_af_xdp", true},
    {"tap:", "net_tap", false},
}};

Result<DeviceSpec> parse_short_form(const ShortForm& form, std::string_view interface) {
  const Status checked = check_interface(interface);
  if (!checked) return checked.error();
  const std::string name{interface};
  return DeviceSpec{
      .bus = DeviceSpec::Bus::vdev,
      .name = std::string{form.driver} + "_" + name,
      .arguments = "iface=" + name,
      .driver = std::string{form.driver},
      .interface = form.is_over_kernel_interface ? name : std::string{}};
}

Status check_arguments(std::string_view arguments) {
  while (!arguments.empty()) {
    const std::size_t comma = arguments.find(',');
    const std::string_view pair = arguments.substr(0, comma);
    if (pair.empty() || pair.front() == '=') {
      return Error{"an argument is empty: write key=value, separated by commas"};
    }
    if (comma == std::string_view::npos) return Ok{};
    arguments.remove_prefix(comma + 1);
    if (arguments.empty()) return Error{"an argument is missing after the last comma"};
  }
  return Ok{};
}

/// "net_af_packet0" → "net_af_packet": drivers are named without the number that tells devices apart.
std::string_view driver_part(std::string_view name) {
  const std::size_t last = name.find_last_not_of("0123456789");
  return name.substr(0, last + 1);
}

Result<DeviceSpec> parse_vdev(std::string_view text) {
  const std::size_t comma = text.find(',');
  const std::string_view name = text.substr(0, comma);
  const bool is_plain = std::all_of(name.begin(), name.end(), [](char c) {
    return is_alnum(c) || c == '.' || c == '_' || c == '-';
  });
  if (!is_plain || name.size() <= 4) {
    return Error{"the device name " + quoted(name) + " has a character other than [A-Za-z0-9._-]"};
  }
  if (name.size() >= RTE_DEV_NAME_MAX_LEN) {
    return Error{
        "the device name has " + std::to_string(name.size()) + " characters, the limit is " +
        std::to_string(RTE_DEV_NAME_MAX_LEN - 1)};
  }
  DeviceSpec spec{
      .bus = DeviceSpec::Bus::vdev,
      .name = std::string{name},
      .arguments = {},
      .driver = std::string{driver_part(name)},
      .interface = {}};
  if (comma != std::string_view::npos) spec.arguments = text.substr(comma + 1);
  if (comma != std::string_view::npos && spec.arguments.empty()) {
    return Error{"an argument is missing after the last comma"};
  }
  const Status arguments = check_arguments(spec.arguments);
  if (!arguments) return arguments.error();
  if (spec.driver.starts_with("net_af_packet") || spec.driver.starts_with("net_af_xdp")) {
    spec.driver = spec.driver.starts_with("net_af_xdp") ? "net_af_xdp" : "net_af_packet";
    const std::string interface { spec.argument("iface") };
    const Status checked = check_interface(interface);
    if (!checked) return checked.error();
    spec.interface = interface;
  }
  return spec;
}

void add_argument(std::string& arguments, std::string_view key, std::uint32_t value) {
  if (!arguments.empty()) arguments += ',';
  arguments += key;
  arguments += '=';
  arguments += std::to_string(value);
}

// -- af_packet's ring -----------------------------------------------------------------------------

constexpr std::uint32_t kDefaultRingFrame = 2048;  // the driver's own
/// Frames in each direction (8 MiB a ring). The driver's own 512 overflow whenever a worker loses its CPU
/// for some milliseconds: measured, 3 s of TCP from a kernel VXLAN peer on two shared CPUs at 2.2 Gb/s,
/// 45,026 and 42,825 retransmissions with 512, 69 and 12 with 4096.
constexpr std::uint32_t kRingFrames = 4096;

/// Octets of one ring frame. The kernel puts the packet behind a header, at most 66 octets in
/// (TPACKET2_HDRLEN and 16, aligned, less the Ethernet header); 18 are the Ethernet header and a tag.
/// Larger than the default they are multiples of 1024, so that four frames make whole pages: the
/// driver takes the ring for contiguous, which it is only when frames fill their blocks.
std::uint32_t ring_frame_octets(std::uint16_t mtu) {
  const std::uint32_t needed = 66U + 18U + mtu;
  if (needed <= kDefaultRingFrame) return kDefaultRingFrame;
  return (needed + 1023U) / 1024U * 1024U;
}

// -- kernel interface -------------------------------------------------------------------------------

class ControlSocket {
 public:
  ControlSocket() : fd_{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)} {}
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;
  ~ControlSocket() {
    if (fd_ >= 0) ::close(fd_);
  }
  bool ask(unsigned long request, ifreq& about) const { return ::ioctl(fd_, request, &about) == 0; }

 private:
  int fd_;
};

std::uint16_t read_channels(const ControlSocket& socket, ifreq about) {
  ethtool_channels channels{};
  channels.cmd = ETHTOOL_GCHANNELS;
  about.ifr_data = reinterpret_cast<char*>(&channels);
  if (!socket.ask(SIOCETHTOOL, about)) return 1;
  const std::uint32_t most = std::max(channels.combined_count, channels.rx_count);
  return static_cast<std::uint16_t>(std::clamp<std::uint32_t>(most, 1, RTE_MAX_QUEUES_PER_PORT));
}

std::uint32_t read_speed(const ControlSocket& socket, ifreq about) {
  ethtool_cmd settings{};
  settings.cmd = ETHTOOL_GSET;  // superseded for its link mode masks, not for the speed
  about.ifr_data = reinterpret_cast<char*>(&settings);
  if (!socket.ask(SIOCETHTOOL, about)) return 0;
  const std::uint32_t speed = ethtool_cmd_speed(&settings);
  return speed == static_cast<std::uint32_t>(SPEED_UNKNOWN) ? 0 : speed;
}

// -- attaching ------------------------------------------------------------------------------------

/// The first ethdev of the device called `name`. (A NIC with several ports behind one PCI function
/// gives further ones; they stay closed.)
std::optional<std::uint16_t> port_of(const std::string& name) {
  for (std::uint16_t port = 0; port < RTE_MAX_ETHPORTS; ++port) {
    rte_eth_dev_info info{};
    if (rte_eth_dev_is_valid_port(port) == 0 || rte_eth_dev_info_get(port, &info) != 0) continue;
    if (info.device != nullptr && rte_dev_name(info.device) == name) return port;
  }
  return std::nullopt;
}

const char* bus_name(DeviceSpec::Bus bus) {
  switch (bus) {
    case DeviceSpec::Bus::pci:
      return "pci";
    case DeviceSpec::Bus::vdev:
      return "vdev";
  }
  return "";
}

}  // namespace

std::string_view DeviceSpec::argument(std::string_view key) const noexcept {
  std::string_view rest = arguments;
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    const std::string_view pair = rest.substr(0, comma);
    const std::size_t equals = pair.find('=');
    if (pair.substr(0, equals) == key) {
      return equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1);
    }
    if (comma == std::string_view::npos) return {};
    rest.remove_prefix(comma + 1);
  }
  return {};
}

bool DeviceSpec::has_argument(std::string_view key) const noexcept {
  return argument(key).data() != nullptr;
}

Result<DeviceSpec> parse_device(std::string_view text) {
  if (text.empty()) return Error{"the device is empty"};
  const bool is_printable =
      std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7F'; });
  if (!is_printable) return Error{"the device has a blank or a character that is not ASCII"};
  for (const ShortForm& form : kShortForms) {
    if (text.starts_with(form.prefix)) {
      return parse_short_form(form, text.substr(form.prefix.size()));
    }
  }
  if (const auto pci = parse_pci(text.substr(0, text.find(',')))) {
    DeviceSpec spec{
        .bus = DeviceSpec::Bus::pci, .name = *pci, .arguments = {}, .driver = {}, .interface = {}};
    if (const std::size_t comma = text.find(','); comma != std::string_view::npos) {
      spec.arguments = text.substr(comma + 1);
      if (spec.arguments.empty()) return Error{"an argument is missing after the last comma"};
    }
    const Status arguments = check_arguments(spec.arguments);
    if (!arguments) return arguments.error();
    return spec;
  }
  if (text.starts_with("net_")) return parse_vdev(text);
  return Error{
      quoted(text) +
      " is neither a PCI address (0000:3b:00.0), a DPDK device (net_NAME,key=value) nor one of "
      "af_packet:INTERFACE, af_xdp:INTERFACE, tap:INTERFACE"};
}

std::uint32_t af_packet_slot_octets(std::uint16_t mtu) noexcept {
  // As the driver computes it when it compares with the mbuf.
  return ring_frame_octets(mtu) - static_cast<std::uint32_t>(sizeof(tpacket2_hdr));
}

std::string devargs_for(const DeviceSpec& spec, std::uint16_t queues, std::uint16_t mtu) {
  std::string arguments = spec.arguments;
  const auto add = [&](std::string_view key, std::uint32_t value) {
    if (!spec.has_argument(key)) add_argument(arguments, key, value);
  };
  if (spec.driver == "net_af_packet") {
    add("qpairs", queues);
    const std::uint32_t frame = ring_frame_octets(mtu);
    add("framecnt", frame > kDefaultRingFrame ? kRingFrames / 4U : kRingFrames);
    if (frame > kDefaultRingFrame && !spec.has_argument("blocksz")) {
      add("framesz", frame);
      add("blocksz", frame / 1024U % 4U == 0 ? frame : 4U * frame);
    }
  } else if (spec.driver == "net_af_xdp") {
    add("queue_count", queues);
  } else if (spec.driver == "net_vhost") {
    add("queues", queues);
  }
  return arguments;
}

Result<KernelInterface> read_kernel_interface(const std::string& name) {
  const ControlSocket socket;
  ifreq about{};
  name.copy(about.ifr_name, IFNAMSIZ - 1);
  if (!socket.ask(SIOCGIFMTU, about)) {
    if (errno == ENODEV) {
      return Error{"interface " + name + " does not exist in this network namespace"};
    }
    return Error{"interface " + name + " can not be read: " + std::strerror(errno)};
  }
  KernelInterface interface;
  interface.mtu = static_cast<std::uint16_t>(std::clamp(about.ifr_mtu, 68, 65535));
  if (socket.ask(SIOCGIFFLAGS, about)) {
    const auto flags = static_cast<unsigned>(about.ifr_flags);
    interface.is_running = (flags & IFF_UP) != 0 && (flags & IFF_RUNNING) != 0;
  }
  interface.channels = read_channels(socket, about);
  interface.speed_mbps = read_speed(socket, about);
  return interface;
}

Result<Device> Device::attach(const DeviceSpec& spec, const std::string& arguments) {
  if (port_of(spec.name)) return Error{"device " + spec.name + " is attached already"};
  if (rte_eth_dev_count_avail() >= RTE_MAX_ETHPORTS) {
    return Error{
        "device " + spec.name + ": DPDK has room for " + std::to_string(RTE_MAX_ETHPORTS) +
        " devices and all are in use"};
  }
  const EalComplaints complaints;
  const int result = rte_eal_hotplug_add(bus_name(spec.bus), spec.name.c_str(), arguments.c_str());
  if (result != 0) {
    return Error{
        "device " + spec.name + " (" + arguments +
        ") could not be attached: " + rte_strerror(-result) + complaints.quoted()};
  }
  const auto port = port_of(spec.name);
  if (!port) {
    rte_eal_hotplug_remove(bus_name(spec.bus), spec.name.c_str());
    return Error{
        "device " + spec.name + " is not a network device that a DPDK driver here knows" +
        complaints.quoted()};
  }
  rte_eth_dev_info info{};
  rte_eth_dev_info_get(*port, &info);
  return Device{info.device, *port};
}

Device::Device(Device&& other) noexcept
    : device_{std::exchange(other.device_, nullptr)}, port_id_{other.port_id_} {}

Device& Device::operator=(Device&& other) noexcept {
  if (this != &other) {
    detach();
    device_ = std::exchange(other.device_, nullptr);
    port_id_ = other.port_id_;
  }
  return *this;
}

Device::~Device() {
  detach();
}

void Device::detach() noexcept {
  if (device_ == nullptr) return;
  // Removing the device closes its ethdevs, but only a stopped one closes cleanly.
  if (rte_eth_dev_is_valid_port(port_id_) != 0) {
    rte_eth_dev_stop(port_id_);
    rte_eth_dev_close(port_id_);
  }
  rte_dev_remove(device_);
  device_ = nullptr;
}

}  // namespace weft
