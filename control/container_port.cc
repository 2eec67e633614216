#include "control/container_port.h"

#include <utility>

#include "pmd-config/ethdev_port.h"
#include "pmd-config/link.h"
#include "pmd-config/memif_port.h"
#include "pmd-config/tap_port.h"
#include "pmd-config/veth_port.h"
#include "pmd-config/vhost_port.h"

namespace weft::control {
namespace {

Result<Netns> open_netns(const EndpointConfig& config) {
  return config.netns.empty() ? Netns::open_pid(config.pid) : Netns::open_path(config.netns);
}

std::string words(const NetnsIdentity& identity) {
  return std::to_string(identity.device) + ":" + std::to_string(identity.inode);
}

std::string identity_in_words(const Netns& netns) {
  return words(netns.identity()) + ":" + std::to_string(netns.cookie());
}

// The application at the other end of the socket configures itself.
Result<OpenedPort> without_namespace(Result<std::unique_ptr<Port>> port) {
  if (!port) return port.error();
  return OpenedPort{std::move(*port), {}, {}, {}};
}

// A device that is passed to the container's far end by other means: the representor of a virtual
// function, say. One queue, because a port has one owner.
Result<OpenedPort> open_ethdev(const EndpointConfig& config, const PacketPools& pools) {
  auto device = EthdevUplink::open(
      {.name = config.name(), .device = config.device, .mtu = config.mtu, .pools = pools}
  );
  if (!device) return device.error();
  const std::shared_ptr<EthdevUplink> owner{std::move(*device)};
  return OpenedPort{std::shared_ptr<Port>{owner, owner->queue(0)}, {}, {}, {}};
}

}  // namespace

Result<std::unique_ptr<Port>> ContainerPorts::open_veth_port(const ContainerLink& container) {
  if (backstage_ == nullptr) {
    auto made = Netns::create_private();
    if (!made) return made.error();
    backstage_ = std::make_shared<const Netns>(std::move(*made));
  }
  return open_veth(container, backstage_, pools_);
}

Result<OpenedPort> ContainerPorts::open_in_namespace(const EndpointConfig& config) {
  auto netns = open_netns(config);
  if (!netns) return netns.error();
  const ContainerLink container{
      .netns = *netns,
      .name = config.name(),
      .ifname = config.ifname,
      .mac = config.mac,
      .mtu = config.mtu,
  };
  auto port =
      config.kind == PortKind::tap ? open_tap(container, pools_) : open_veth_port(container);
  if (!port) return port.error();

  LinkConfig link;
  link.ifname = config.ifname;
  link.mac = config.mac;
  link.mtu = config.mtu;
  link.addresses = config.addresses;
  for (const Route& route : config.routes) link.routes.push_back({route.to, route.via});
  if (const Status configured = configure_link(*netns, link); !configured) {
    port->reset();
    static_cast<void>(delete_link(*netns, config.ifname));
    return configured.error();
  }
  return OpenedPort{std::move(*port), netns->path(), netns->identity(), identity_in_words(*netns)};
}

std::string ContainerPorts::place_of(const EndpointConfig& config) const {
  if (!config.socket.empty()) return config.socket;
  if (!config.device.empty()) return config.device;
  const auto netns = open_netns(config);
  if (!netns) return {};
  return words(netns->identity()) + "/" + config.ifname;
}

std::string ContainerPorts::identity_of(const EndpointConfig& config) {
  if (!config.socket.empty() || !config.device.empty()) return {};
  const auto netns = open_netns(config);
  return netns ? identity_in_words(*netns) : std::string{};
}

std::string ContainerPorts::own_identity() {
  const auto netns = Netns::open_path("/proc/self/ns/net");
  return netns ? identity_in_words(*netns) : std::string{};
}

Result<OpenedPort> ContainerPorts::open(const EndpointConfig& config) {
  switch (config.kind) {
    case PortKind::tap:
    case PortKind::veth:
      return open_in_namespace(config);
    case PortKind::memif:
      return without_namespace(open_memif(config.name(), config.socket, pools_));
    case PortKind::vhost_user:
      return without_namespace(open_vhost_user(config.name(), config.socket, pools_));
    case PortKind::ethdev:
      return open_ethdev(config, pools_);
  }
  return Error{config.name() + ": is of no known kind"};
}

}  // namespace weft::control
