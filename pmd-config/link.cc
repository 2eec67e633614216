#include "pmd-config/link.h"

#include <algorithm>
#include <cctype>

#include <fcntl.h>
#include <net/if.h>
#include <unistd.h>

#include "pmd-config/link_socket.h"

namespace weft {
namespace {

/// Best effort: a kernel without IPv6 has no such file, and then add_address says so.
void write_ipv6_setting(const std::string& ifname, const char* setting, const char* value) {
  const std::string path = "/proc/sys/net/ipv6/conf/" + ifname + "/" + setting;
  const UniqueFd fd{::open(path.c_str(), O_WRONLY | O_CLOEXEC)};
  if (fd) (void)!::write(fd.get(), value, 1);
}

Status apply(LinkSocket& socket, const LinkConfig& config) {
  const LinkSocket::Attributes attributes{config.mac, config.mtu, config.txqueuelen, kGsoMaxSize};
  if (Status set = socket.set_attributes(config.ifname, attributes); !set) return set;

  const auto is_v6 = [](const IpPrefix& prefix) { return !prefix.address.is_v4(); };
  if (std::any_of(config.addresses.begin(), config.addresses.end(), is_v6)) {
    // Container runtimes switch IPv6 off for new links. Duplicate address detection would hold the
    // link-local address back for a second, and the switch knows every address anyway.
    write_ipv6_setting(config.ifname, "disable_ipv6", "0");
    write_ipv6_setting(config.ifname, "accept_dad", "0");
  }
  for (const IpPrefix& address : config.addresses) {
    if (Status added = socket.add_address(config.ifname, address); !added) return added;
  }
  if (Status up = socket.set_up(config.ifname, true); !up) return up;
  for (const Route& route : config.routes) {
    if (Status added = socket.add_route(config.ifname, route); !added) return added;
  }
  return Ok{};
}

/// Down takes the routes and the IPv6 addresses with it; IPv4 addresses have to be named.
void undo(LinkSocket& socket, const LinkConfig& config) {
  (void)socket.set_up(config.ifname, false);
  for (const IpPrefix& address : config.addresses) {
    (void)socket.remove_address(config.ifname, address);
  }
}

}  // namespace

Status check_ifname(std::string_view ifname) {
  const auto is_refused = [](char c) {
    return std::isgraph(static_cast<unsigned char>(c)) == 0 || c == '/' || c == ':' || c == '%';
  };
  if (ifname.empty() || ifname.size() >= IFNAMSIZ || ifname == "." || ifname == ".." ||
      std::any_of(ifname.begin(), ifname.end(), is_refused)) {
    return Error{
        "ifname: '" + std::string{ifname} +
        "' is not an interface name: 1 to 15 printable characters without '/', ':' and '%'"};
  }
  return Ok{};
}

Status configure_link(const Netns& netns, const LinkConfig& config) {
  if (Status name = check_ifname(config.ifname); !name) return name;
  return netns.run([&]() -> Status {
    Result<LinkSocket> socket = LinkSocket::open();
    if (!socket) return socket.error();
    Status applied = apply(*socket, config);
    if (!applied) undo(*socket, config);
    return applied;
  });
}

Result<LinkState> read_link(const Netns& netns, const std::string& ifname) {
  return netns.run([&]() -> Result<LinkState> {
    Result<LinkSocket> socket = LinkSocket::open();
    if (!socket) return socket.error();
    return socket->read(ifname);
  });
}

Status delete_link(const Netns& netns, const std::string& ifname) {
  return netns.run([&]() -> Status {
    Result<LinkSocket> socket = LinkSocket::open();
    if (!socket) return socket.error();
    return socket->remove(ifname);
  });
}

}  // namespace weft
