// Kernel links: what `ip link`, `ip address` and `ip route` do, inside a container's namespace.
//
// Each function enters the namespace, does one thing and leaves; link_socket.h is the conversation
// beneath them. Every failure is a sentence with the interface, the operation and the kernel's reason,
// which is errno's text and, where the kernel gives one, its extended message:
//
//   eth0: cannot add route to 10.9.0.0/16 via 10.8.0.1: Network is unreachable (Nexthop has invalid gateway)
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/result.h"
#include "dataplane/net/addr.h"
#include "pmd-config/netns.h"

namespace weft {

/// Frames the kernel may queue towards the switch for one container. Measured: 32 loses packets under
/// TCP, 64 and more do not; each may hold a 60 KB segment while the switch is busy.
inline constexpr std::uint32_t kTxQueueLength = 128;
/// Largest segment a container's kernel may hand over, octets of IP packet.
inline constexpr std::uint32_t kGsoMaxSize = 61440;

/// The container's side of a port that is to be opened.
struct ContainerLink {
  const Netns& netns;
  std::string name;    // of the port, for operators: "c1/eth0"
  std::string ifname;  // inside the namespace: "eth0"
  MacAddress mac;
  std::uint32_t mtu = 1500;
  std::uint32_t txqueuelen = kTxQueueLength;
};

struct Route {
  IpPrefix to;                   // length 0: the default route of its family
  std::optional<IpAddress> via;  // none: directly on the link
};

struct LinkConfig {
  std::string ifname;
  MacAddress mac;
  std::uint32_t mtu = 1500;
  std::vector<IpPrefix> addresses;  // interface form: host bits kept
  std::vector<Route> routes;        // added in this order
  std::uint32_t txqueuelen = kTxQueueLength;
};

/// What the kernel says about a link.
struct LinkState {
  std::uint32_t ifindex{};
  std::string kind;  // "tun", "veth"; empty for a device without rtnetlink kind
  MacAddress mac;
  std::uint32_t mtu{};
  std::uint32_t txqueuelen{};
  std::uint32_t gso_max_size{};
  bool is_up{};
  bool has_carrier{};
  std::vector<IpPrefix> addresses;
};

/// Sets MAC, MTU, queue length, gso_max_size and addresses, brings the link up and adds the routes.
/// Applying the same configuration again changes nothing. IPv6 addresses are usable at once
/// (IFA_F_NODAD: the switch answers for duplicates) even where new links have IPv6 disabled.
/// On failure the link is taken down and the addresses are removed.
[[nodiscard]] Status configure_link(const Netns& netns, const LinkConfig& config);

[[nodiscard]] Result<LinkState> read_link(const Netns& netns, const std::string& ifname);

/// Deletes the link; a link that does not exist is Ok. Waits for the kernel (about 20 ms): reaper only.
[[nodiscard]] Status delete_link(const Netns& netns, const std::string& ifname);

/// Whether the kernel takes it as an interface name: 1-15 printable characters without '/', ':' and
/// '%' (the kernel would fill in a number), not "." or "..".
[[nodiscard]] Status check_ifname(std::string_view ifname);

}  // namespace weft
