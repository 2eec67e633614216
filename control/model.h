// Model: the desired state of one host, as plain values.
//
// The configs are what an operator says (one struct per object of the protocol, see README.md); the
// records add what control assigned to them: dense indices into the arrays of a Snapshot. Names are
// the identity of objects, indices are the identity that workers use.
//
//   tenant > segment > endpoint          port (uplink) > VTEP address, egress scheduler
//          |         > remote (a VTEP of the segment, and static endpoints behind it)
//          > policy rules, meters, L7 classes (model_policy.h, model_qos.h)
//
// Match-action rules belong to a port, an uplink's or an endpoint's.
//
// Only the registry writes a Model, and only after it has validated the whole change. Everything
// here is copyable and comparable, has no behaviour beyond look-up, and knows nothing about the
// machine: that is Runtime (runtime.h).
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "classifier/policy_rules.h"
#include "classifier/source_guard.h"
#include "classifier/tuple_space.h"
#include "control/access/access.h"
#include "control/model_policy.h"
#include "control/model_qos.h"
#include "dataplane/base/ids.h"
#include "dataplane/net/addr.h"
#include "dataplane/snapshot.h"
#include "encap/tos.h"
#include "encap/tunnel.h"

namespace weft::control {

/// An uplink: `port.add`.
struct PortConfig {
  std::string name;
  std::string device;                         // PCI address, vdev string, or "af_packet:eth1"
  std::vector<IpPrefix> addresses;            // local VTEP addresses with their on-link prefixes
  std::vector<IpAddress> gateways;            // at most one of each family
  std::map<IpAddress, MacAddress> neighbors;  // permanent: never asked for, never learned
  std::uint16_t mtu{};                        // octets of an IP packet; 0: as the device says
  std::uint16_t queues{};  // queue pairs; 0: one per worker, as far as the device has them
  friend bool operator==(const PortConfig&, const PortConfig&) = default;
};

/// One L2 domain: `segment.add`.
struct SegmentConfig {
  std::string name;
  std::string tenant;
  std::optional<encap::Kind> encap;     // nullopt: "none", local only
  Vni vni;                              // VNI or VSID; unused when encap is none
  std::optional<IpAddress> local_vtep;  // one of a port's addresses; set unless encap is none
  std::uint16_t mtu{};                  // inner IP MTU, octets; 0: computed from the underlay
  encap::DscpMode dscp_mode = encap::DscpMode::uniform;
  std::uint8_t dscp{};            // 0-63, for DscpMode::fixed
  std::uint8_t ttl = 64;          // of the outer header
  std::vector<IpPrefix> subnets;  // endpoint addresses must be inside one, if any is listed
  UnknownUnicast unknown_unicast = UnknownUnicast::flood;
  InnerVlan inner_vlan = InnerVlan::drop;
  bool learn = true;
  std::uint32_t fdb_limit = 4096;    // learned MACs
  std::uint32_t fdb_ageing_s = 300;  // seconds
  bool suppress_neighbors = true;
  bool mss_clamp = false;
  bool udp6_checksum = false;
  classifier::PolicyDefault policy_default = classifier::PolicyDefault::allow;
  std::vector<IpPrefix> agents;  // of the host: always reachable, both ways
  friend bool operator==(const SegmentConfig&, const SegmentConfig&) = default;
};

/// A static endpoint behind a remote VTEP.
struct RemoteEndpoint {
  MacAddress mac;
  std::vector<IpAddress> addresses;
  classifier::Identity identity;
  friend bool operator==(const RemoteEndpoint&, const RemoteEndpoint&) = default;
};

/// A remote VTEP of a segment: `remote.add`.
struct RemoteConfig {
  std::string segment;
  IpAddress vtep;
  std::vector<RemoteEndpoint> endpoints;
  friend bool operator==(const RemoteConfig&, const RemoteConfig&) = default;
};

enum class PortKind : std::uint8_t { tap, veth, memif, vhost_user, ethdev };

struct Route {
  IpPrefix to;
  std::optional<IpAddress> via;
  friend bool operator==(const Route&, const Route&) = default;
};

/// Frames per second that one endpoint may send to many; 0: unlimited.
struct BumBudget {
  std::uint32_t broadcast = 1000;
  std::uint32_t multicast = 1000;
  std::uint32_t unknown_unicast = 1000;
  friend bool operator==(const BumBudget&, const BumBudget&) = default;
};

/// One container interface: `endpoint.attach`.
struct EndpointConfig {
  std::string container;
  std::string ifname = "eth0";
  std::string segment;
  std::string netns;    // path of the namespace; empty: use `pid`
  std::uint32_t pid{};  // 0: use `netns`
  PortKind kind = PortKind::tap;
  std::string socket;  // memif and vhost-user
  std::string device;  // ethdev: as in PortConfig
  MacAddress mac;      // zero: derived from container and ifname
  std::vector<IpPrefix> addresses;
  std::vector<Route> routes;
  std::uint16_t mtu{};  // inner IP MTU, octets; 0: the segment's
  bool anti_spoofing = true;
  bool allow_dhcp = false;
  BumBudget bum_budget;
  classifier::Identity identity;  // groups and labels
  ConnectionLimits limits;
  EndpointQosConfig qos;
  friend bool operator==(const EndpointConfig&, const EndpointConfig&) = default;

  /// "c1/eth0": the name of the endpoint.
  [[nodiscard]] std::string name() const { return container + "/" + ifname; }
};

// -- records: a config and what control assigned to it -------------------------------------------

struct PortRecord {
  PortConfig config;
  UplinkIndex index;
  std::uint16_t mtu{};               // of an IP packet, as the device has it in force
  std::optional<PortQosConfig> qos;  // nullopt: first come, first served
};

struct NextHop {
  UplinkIndex uplink;
  IpAddress address;
  friend auto operator<=>(const NextHop&, const NextHop&) = default;
};

struct RemoteRecord {
  RemoteConfig config;
  TunnelIndex index;
  SegmentIndex segment;
  NextHop next_hop;
};

struct EndpointRecord {
  EndpointConfig config;  // as asked for, with the MAC filled in
  EndpointIndex index;
  SegmentIndex segment;
  WorkerId owner;
  std::uint16_t mtu{};       // as handed to the container
  std::uint32_t identity{};  // of config.identity, among its tenant's
  EndpointMeters meters;
};

/// Who answers for an address inside a segment.
struct AddressHolder {
  Destination holder;
  MacAddress mac;
  std::uint32_t identity{};
  friend bool operator==(const AddressHolder&, const AddressHolder&) = default;
};

struct SegmentRecord {
  SegmentConfig config;
  SegmentIndex index;
  std::uint16_t mtu{};            // inner IP MTU in force
  std::uint16_t transport_mtu{};  // largest inner IP packet that fits the tunnels; 0: no tunnels
  std::map<MacAddress, Destination> macs;        // configured ones: endpoints and static remotes
  std::map<IpAddress, AddressHolder> addresses;  // likewise
  std::map<IpAddress, TunnelIndex> remotes;      // by VTEP
  std::set<EndpointIndex> endpoints;
  std::size_t limited_endpoints{};  // with limits on their connections
};

/// What makes a tunnel packet belong to a segment: no two segments may share it.
struct Transport {
  encap::Kind kind{};
  Vni vni;
  IpAddress local_vtep;
  friend auto operator<=>(const Transport&, const Transport&) = default;
};
[[nodiscard]] std::optional<Transport> transport_of(const SegmentConfig& config);

struct EndpointName {
  std::string container;
  std::string ifname;
  friend auto operator<=>(const EndpointName&, const EndpointName&) = default;
};

/// Match-action rules of one port, in the order of their numbers.
using PortRules = std::vector<classifier::PortRule>;

struct Model {
  AccessList access;
  std::map<std::string, PortRecord> ports;
  std::map<std::string, TenantRecord> tenants;
  std::map<std::string, SegmentIndex> segment_names;
  std::map<EndpointName, EndpointIndex> endpoint_names;

  std::map<SegmentIndex, SegmentRecord> segments;
  std::map<TunnelIndex, RemoteRecord> remotes;
  std::map<EndpointIndex, EndpointRecord> endpoints;

  /// Slots keep their position while in use, because vni_key holds the position.
  std::array<std::optional<VtepAddress>, kMaxVtepAddresses> vteps;
  std::map<Transport, SegmentIndex> transports;
  std::map<NextHop, std::set<TunnelIndex>> tunnels_by_next_hop;
  std::array<std::uint32_t, kMaxWorkers> endpoints_of_worker{};

  /// By classifier::Phb. nullopt: the class is not scarce.
  std::array<std::optional<BitRate>, classifier::kPhbCount> budgets;
  std::array<BitRate, classifier::kPhbCount> admitted{};  // by contracts of endpoints, together
  /// What each meter in use is, by its index in Snapshot::meters.
  std::map<std::uint16_t, classifier::MeterConfig> meters;
  std::map<std::uint32_t, PortRules> rules;  // by port number (stats.h); absent: none

  /// nullptr when there is none.
  [[nodiscard]] const PortRecord* port(const std::string& name) const;
  [[nodiscard]] const PortRecord* port(UplinkIndex index) const;
  [[nodiscard]] const TenantRecord* tenant(const std::string& name) const;
  [[nodiscard]] const SegmentRecord* segment(const std::string& name) const;
  [[nodiscard]] const SegmentRecord* segment(SegmentIndex index) const;
  [[nodiscard]] const RemoteRecord* remote(TunnelIndex index) const;
  [[nodiscard]] const EndpointRecord* endpoint(EndpointIndex index) const;
  [[nodiscard]] const EndpointRecord* endpoint(const EndpointName& name) const;
  /// Of a port that has none: an empty list.
  [[nodiscard]] const PortRules& rules_of(std::uint32_t port) const;
  /// The position of a local VTEP address.
  [[nodiscard]] std::optional<std::size_t> vtep_slot(const IpAddress& address) const;
};

}  // namespace weft::control
