#include "control/connector/sandbox.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <sstream>
#include <string_view>

#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "control/connector/durable_file.h"
#include "control/connector/unique_fd.h"

namespace weft::connector {
namespace {

constexpr const char* kOwnNetns = "/proc/thread-self/ns/net";

Problem bad_netns(const std::string& path, std::string_view why) {
  return {ProblemCode::bad_netns, "CNI_NETNS: " + path + " " + std::string{why}};
}

/// Never waits: the path may name a FIFO.
UniqueFd open_netns(const std::string& path) {
  return UniqueFd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
}

bool is_netns(int fd) {
  struct statfs status {};
  return ::fstatfs(fd, &status) == 0 && status.f_type == NSFS_MAGIC &&
         ::ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWNET;
}

bool is_same(int a, int b) {
  struct stat first {};
  struct stat second {};
  return ::fstat(a, &first) == 0 && ::fstat(b, &second) == 0 && first.st_ino == second.st_ino &&
         first.st_dev == second.st_dev;
}

/// This thread is in another namespace meanwhile.
class Inside {
 public:
  explicit Inside(const UniqueFd& netns) : home_{open_netns(kOwnNetns)} {
    is_in_ = home_.is_open() && ::setns(netns.get(), CLONE_NEWNET) == 0;
  }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
  ~Inside() {
    if (is_in_) static_cast<void>(!::setns(home_.get(), CLONE_NEWNET));
  }
  [[nodiscard]] bool is_in() const noexcept { return is_in_; }

 private:
  UniqueFd home_;
  bool is_in_{};
};

// -- interfaces and addresses ----------------------------------------------------------------------------

std::uint8_t ones(const std::uint8_t* octets, std::size_t count) {
  int length = 0;
  for (std::size_t i = 0; i < count; ++i) length += std::popcount(octets[i]);
  return static_cast<std::uint8_t>(length);
}

void note_address(SeenInterface& seen, const ifaddrs& entry) {
  const int family = entry.ifa_addr->sa_family;
  // The casts that the socket interface is built on (POSIX: sockaddr and its families).
  if (family == AF_PACKET) {
    const auto* link = reinterpret_cast<const sockaddr_ll*>(entry.ifa_addr);
    MacAddress mac;
    std::copy_n(std::begin(link->sll_addr), mac.octets.size(), mac.octets.begin());
    seen.mac = mac;
  } else if (family == AF_INET && entry.ifa_netmask != nullptr) {
    const auto* address = reinterpret_cast<const sockaddr_in*>(entry.ifa_addr);
    const auto* mask = reinterpret_cast<const sockaddr_in*>(entry.ifa_netmask);
    Ipv4Address v4;
    std::memcpy(v4.octets.data(), &address->sin_addr, v4.octets.size());
    const auto* octets = reinterpret_cast<const std::uint8_t*>(&mask->sin_addr);
    seen.addresses.push_back({IpAddress{v4}, ones(octets, 4)});
  } else if (family == AF_INET6 && entry.ifa_netmask != nullptr) {
    const auto* address = reinterpret_cast<const sockaddr_in6*>(entry.ifa_addr);
    const auto* mask = reinterpret_cast<const sockaddr_in6*>(entry.ifa_netmask);
    Ipv6Address v6;
    std::memcpy(v6.octets.data(), &address->sin6_addr, v6.octets.size());
    const auto* octets = reinterpret_cast<const std::uint8_t*>(&mask->sin6_addr);
    seen.addresses.push_back({IpAddress{v6}, ones(octets, 16)});
  }
}

std::optional<SeenInterface> look_at_interface(const std::string& ifname) {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return std::nullopt;
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner{list, &::freeifaddrs};
  std::optional<SeenInterface> seen;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (ifname != entry->ifa_name) continue;
    if (!seen) seen.emplace();
    seen->is_up = (entry->ifa_flags & IFF_UP) != 0;
    if (entry->ifa_addr != nullptr) note_address(*seen, *entry);
  }
  return seen;
}

// -- routes ------------------------------------------------------------------------------------------------

/// Hexadecimal digits in pairs as octets; false when they are not that.
bool read_octets(std::string_view text, std::uint8_t* octets, std::size_t count) {
  if (text.size() != 2 * count) return false;
  for (std::size_t i = 0; i < count; ++i) {
    const char* begin = text.data() + 2 * i;
    if (std::from_chars(begin, begin + 2, octets[i], 16).ec != std::errc{}) return false;
  }
  return true;
}

/// /proc/net/route has addresses as the numbers that they are in memory.
std::optional<Ipv4Address> read_v4(std::string_view text) {
  std::array<std::uint8_t, 4> octets{};
  if (!read_octets(text, octets.data(), 4)) return std::nullopt;
  return Ipv4Address{{octets[3], octets[2], octets[1], octets[0]}};
}

void read_v4_routes(SeenInterface& seen, const std::string& text) {
  std::istringstream lines{text};
  std::string line;
  while (std::getline(lines, line)) {
    std::istringstream words{line};
    std::string to;
    std::string gateway;
    std::string skipped;
    std::string mask;
    words >> skipped >> to >> gateway >> skipped >> skipped >> skipped >> skipped >> mask;
    const auto destination = read_v4(to);
    const auto via = read_v4(gateway);
    const auto bits = read_v4(mask);
    if (!destination || !via || !bits) continue;  // the title, too
    WantedRoute route{{IpAddress{*destination}, ones(bits->octets.data(), 4)}, std::nullopt};
    if (!via->is_zero()) route.gateway = IpAddress{*via};
    seen.routes.push_back(route);
  }
}

void read_v6_routes(SeenInterface& seen, const std::string& text) {
  std::istringstream lines{text};
  std::string line;
  while (std::getline(lines, line)) {
    std::istringstream words{line};
    std::string to;
    std::string gateway;
    std::string length;
    std::string skipped;
    words >> to >> length >> skipped >> skipped >> gateway;
    Ipv6Address destination;
    Ipv6Address via;
    std::uint8_t bits = 0;
    if (!read_octets(to, destination.octets.data(), 16) ||
        !read_octets(gateway, via.octets.data(), 16) || !read_octets(length, &bits, 1)) {
      continue;
    }
    WantedRoute route{{IpAddress{destination}, bits}, std::nullopt};
    if (!via.is_zero()) route.gateway = IpAddress{via};
    seen.routes.push_back(route);
  }
}

}  // namespace

Done check_netns(const std::string& path, bool may_be_own) {
  const UniqueFd netns = open_netns(path);
  if (!netns.is_open())
    return bad_netns(path, std::string{"cannot be opened: "} + std::strerror(errno));
  if (!is_netns(netns.get())) return bad_netns(path, "is no network namespace");
  const UniqueFd own = open_netns(kOwnNetns);
  if (!may_be_own && own.is_open() && is_same(netns.get(), own.get())) {
    return bad_netns(path, "is the plugin's own namespace (CNI_NETNS_OVERRIDE=1 allows that)");
  }
  return Ok{};
}

Outcome<std::optional<SeenInterface>> look_at(const std::string& netns, const std::string& ifname) {
  const UniqueFd fd = open_netns(netns);
  if (!fd.is_open())
    return bad_netns(netns, std::string{"cannot be opened: "} + std::strerror(errno));
  const Inside inside{fd};
  if (!inside.is_in()) {
    return bad_netns(netns, std::string{"cannot be entered: "} + std::strerror(errno));
  }
  std::optional<SeenInterface> seen = look_at_interface(ifname);
  if (!seen) return seen;
  // thread-self/net is that of the namespace which the thread is in now.
  if (const auto text = read_file("/proc/thread-self/net/route")) {
    read_v4_routes(*seen, *text);
  }
  if (const auto text = read_file("/proc/thread-self/net/ipv6_route")) {
    read_v6_routes(*seen, *text);
  }
  return seen;
}

}  // namespace weft::connector
