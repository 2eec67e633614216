// Snapshot: everything a worker may read about the network, immutable once published.
//
// Control builds the next snapshot beside the current one, sharing every chunk that did not change
// (CowArray, CowTable), publishes it with one pointer exchange (rcu.h) and frees the old one after
// a grace period. Workers load it once per loop iteration and never see the words tenant or
// container: only indices into these arrays. An index whose entry is not `in_use` is a hole left by
// a removal; packets for it are dropped with port_gone or unknown_*.
//
// Ports are owned by control (shared_ptr in the registry) and stay valid for the grace period of
// every snapshot that names them. The mutable state inside a Port belongs to its owner worker.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "classifier/policer.h"
#include "classifier/policy_rules.h"
#include "classifier/qos.h"
#include "classifier/source_guard.h"
#include "dataplane/base/cow_array.h"
#include "dataplane/base/cow_table.h"
#include "dataplane/base/ids.h"
#include "dataplane/net/addr.h"
#include "dataplane/port/packet.h"
#include "dataplane/tenant_policy.h"
#include "encap/outer.h"
#include "encap/tos.h"
#include "encap/tunnel.h"

namespace weft {

namespace classifier {
class RuleTable;
}
class Port;
class PortScheduler;
struct SchedulerPlan;

inline constexpr std::size_t kMaxUplinks = 16;
inline constexpr std::size_t kMaxWorkers = 64;
inline constexpr std::size_t kMaxVtepAddresses = 16;

/// A physical or virtual NIC: one Port per worker's queue pair.
struct UplinkEntry {
  bool in_use{};
  bool is_up{};
  MacAddress mac;
  std::uint16_t mtu{};  // octets of an IP packet
  /// Port whose tx queue worker w uses; nullptr: hand over to `tx_owner[w]`.
  std::array<Port*, kMaxWorkers> tx_port{};
  std::array<WorkerId, kMaxWorkers> tx_owner{};
  /// Of each tx port, or nullptr: sent at once. Owned by control, which keeps it until the worker has seen a
  /// snapshot without it and has drained it.
  std::array<PortScheduler*, kMaxWorkers> scheduler{};
  std::shared_ptr<const SchedulerPlan> plan;  // never null if there is a scheduler
  /// Match-action rules for what it receives; nullptr: none.
  std::shared_ptr<const classifier::RuleTable> rules;
};

/// A local VTEP address: what the outer destination must be.
struct VtepAddress {
  IpAddress address;
  UplinkIndex uplink;
};

enum class UnknownUnicast : std::uint8_t { flood, drop };
enum class InnerVlan : std::uint8_t { drop, keep };

/// Who gets a frame for everybody: local endpoints and one tunnel per remote VTEP.
struct FloodList {
  std::vector<EndpointIndex> endpoints;
  std::vector<TunnelIndex> tunnels;
};

/// One L2 domain.
struct SegmentEntry {
  bool in_use{};
  bool has_tunnels{};  // false: local only
  encap::Kind kind{};
  encap::DscpMode dscp_mode{};
  std::uint8_t fixed_dscp{};
  UnknownUnicast unknown_unicast{};
  InnerVlan inner_vlan{};
  bool suppress_neighbors = true;  // answer ARP and ND for known endpoints
  bool learn = true;               // learn source MACs from tunnels
  std::uint16_t mss_clamp_mtu{};   // 0: off; else clamp TCP MSS of SYNs to fit this inner MTU
  std::uint16_t mtu{};             // inner IP MTU handed to containers
  Vni vni;
  std::shared_ptr<const FloodList> flood;  // never null when in_use

  /// nullptr: everybody may talk to everybody, and no connections are tracked.
  std::shared_ptr<const TenantPolicy> policy;
  classifier::PolicyDefault policy_default{classifier::PolicyDefault::allow};
  /// Changes whenever a verdict in this segment may: a flow judged under another one is judged again.
  /// Grows (modulo 2^32).
  std::uint32_t policy_epoch{};
  std::uint16_t tenant_meter =
      classifier::kNoMeter;  // polices all that the tenant's containers send
};

/// Where the class of what a container sends comes from, unless a rule gives one.
enum class ClassSource : std::uint8_t { trust, pcp, fixed };

/// What an endpoint may send, and in which class.
struct EndpointQos {
  ClassSource source{ClassSource::trust};
  std::uint8_t dscp{};                         // for fixed
  std::uint16_t meter = classifier::kNoMeter;  // polices all that it sends
  std::array<std::uint16_t, classifier::kPhbCount>
      contracts;  // meters of scarce classes; kNoMeter: no contract
  constexpr EndpointQos() noexcept { contracts.fill(classifier::kNoMeter); }
};

/// Bounds on an endpoint's connections; 0: unlimited.
struct ConnectionLimits {
  std::uint32_t live{};
  std::uint32_t new_per_second{};
  friend bool operator==(const ConnectionLimits&, const ConnectionLimits&) noexcept = default;
};

/// One container interface.
struct EndpointEntry {
  bool in_use{};
  SegmentIndex segment;
  WorkerId owner;
  Port* port{};  // valid while a snapshot that holds this entry may be read
  MacAddress mac;
  classifier::SourceGuard guard;
  std::uint32_t identity{};  // what rules of its tenant know it by
  std::uint32_t
      born_epoch{};  // policy epoch when it was attached: older flows were somebody else's
  ConnectionLimits limits;
  EndpointQos qos;
  PortScheduler* scheduler{};  // as in UplinkEntry
  std::shared_ptr<const SchedulerPlan> plan;
  std::shared_ptr<const classifier::RuleTable>
      rules;  // for what the container sends; nullptr: none
};

/// One remote VTEP of one segment.
struct TunnelEntry {
  bool in_use{};
  bool is_resolved{};  // next hop's MAC known, template valid
  SegmentIndex segment;
  UplinkIndex uplink;
  std::uint16_t inner_mtu{};  // largest inner IP packet through this tunnel, octets
  encap::OuterTemplate outer;
};

/// FDB key: segment and MAC in 64 bits.
[[nodiscard]] constexpr std::uint64_t fdb_key(
    SegmentIndex segment, const MacAddress& mac
) noexcept {
  return (std::uint64_t{segment.value()} << 48U) | mac.bits();
}

/// Of a MAC address in an FDB key: it is a group's.
inline constexpr std::uint64_t kGroupBit = std::uint64_t{1} << 40U;

/// (VTEP address index, encapsulation, VNI) in 64 bits.
[[nodiscard]] constexpr std::uint64_t vni_key(
    std::size_t vtep, encap::Kind kind, Vni vni
) noexcept {
  return (std::uint64_t{vtep} << 32U) | (std::uint64_t{static_cast<std::uint8_t>(kind)} << 24U) |
         vni.value();
}

/// Key of tables by (segment, address).
struct SegmentAddress {
  std::array<std::uint8_t, 16> address{};
  std::uint32_t segment{};
  friend constexpr bool operator==(const SegmentAddress&, const SegmentAddress&) noexcept = default;
};
[[nodiscard]] inline SegmentAddress segment_address(
    SegmentIndex segment, const IpAddress& address
) noexcept {
  return SegmentAddress{address.octets(), segment.value()};
}

struct FdbEntry {
  Destination to;
  bool is_static{};  // a known endpoint or configured remote: never moved by learning
};

struct Snapshot {
  Generation generation;
  bool is_forwarding = true;  // `start` and `stop`
  encap::DecapConfig decap;

  std::array<UplinkEntry, kMaxUplinks> uplinks;
  std::array<VtepAddress, kMaxVtepAddresses> vteps;
  std::uint8_t vtep_count{};
  /// Ports without an fd (ethdev queues, memif, vhost-user), by worker: polled every loop.
  struct Polled {
    Port* port{};
    EndpointIndex endpoint = kNoEndpoint;  // kNoEndpoint: it is a queue of `uplink`
    UplinkIndex uplink;
  };
  std::array<std::shared_ptr<const std::vector<Polled>>, kMaxWorkers> polled;

  CowArray<SegmentEntry> segments;
  CowArray<EndpointEntry> endpoints;
  CowArray<TunnelEntry> tunnels;
  CowTable<std::uint64_t, FdbEntry> fdb;                   // fdb_key
  CowTable<std::uint64_t, SegmentIndex> vnis;              // vni_key
  CowTable<SegmentAddress, TunnelIndex> tunnel_by_remote;  // (segment, outer source)
  CowTable<SegmentAddress, MacAddress> neighbors;          // ARP/ND suppression
  CowTable<SegmentAddress, std::uint32_t> identities;      // per tenant; absent: 0, a stranger
  CowArray<classifier::CompiledMeter> meters;
  std::uint8_t scarce_classes{};  // bit Phb: only what a contract admits may be in this class
};

}  // namespace weft
