// Container ports by kind: which opener of pmd-config/ serves an endpoint.
#pragma once

#include <memory>
#include <string>

#include "control/model.h"
#include "dataplane/base/result.h"
#include "dataplane/port/pool.h"
#include "dataplane/port/port.h"
#include "pmd-config/link.h"
#include "pmd-config/netns.h"

namespace weft::control {

struct OpenedPort {
  std::shared_ptr<Port> port;
  std::string netns_path;  // empty for kinds without an interface in a namespace
  NetnsIdentity netns;
  std::string identity;  // of the namespace (ContainerPorts::identity_of)
};

class ContainerPorts {
 public:
  explicit ContainerPorts(const PacketPools& pools) : pools_{pools} {}

  /// Opens the port and configures its interface (name, MAC, MTU, addresses, routes, up). On failure
  /// nothing is left in the namespace. Precondition: config.mac and config.mtu are set.
  [[nodiscard]] Result<OpenedPort> open(const EndpointConfig& config);

  /// What only one port can occupy: the interface name in the namespace, or the socket. Empty if the
  /// namespace does not exist.
  [[nodiscard]] std::string place_of(const EndpointConfig& config) const;

  /// The namespace that the config names, in words that mean the same to a later process on the same boot. Empty: none.
  [[nodiscard]] static std::string identity_of(const EndpointConfig& config);
  /// Likewise of the namespace of this process.
  [[nodiscard]] static std::string own_identity();

 private:
  [[nodiscard]] Result<OpenedPort> open_in_namespace(const EndpointConfig& config);
  [[nodiscard]] Result<std::unique_ptr<Port>> open_veth_port(const ContainerLink& container);

  PacketPools pools_;
  std::shared_ptr<const Netns>
      backstage_;  // where host ends of veths live; made with the first one
};

}  // namespace weft::control
