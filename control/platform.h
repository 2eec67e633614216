// Platform: the seam between desired state and the machine.
//
// Everything that control decides is pure and lives above this interface; everything that touches a
// device, a namespace or a worker lives below it. Two implementations: control/host.h (DPDK,
// workers) and the fake of the unit tests, which fails on demand.
//
// Threads: every function is called on the control thread only.
//
// Order of calls, kept by the Controller:
//   attach   open_endpoint -> publish (entry with the port) -> watch
//   detach   unwatch -> publish (without it) -> retire
//   port.add open_uplink -> publish;   port.remove   publish (without it) -> close_uplink
// After a failure the steps already taken are undone in reverse order, so that the caller of an
// unsuccessful verb finds the machine as it was.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "classifier/tuple_space.h"
#include "control/model.h"
#include "dataplane/base/ids.h"
#include "dataplane/base/result.h"
#include "dataplane/net/addr.h"
#include "dataplane/port/counters.h"
#include "dataplane/port/port.h"
#include "dataplane/snapshot.h"

namespace weft::control {

/// Rule counters that workers have room for.
inline constexpr std::uint32_t kMaxRuleCounters = 1U << 20U;
/// Meters likewise.
inline constexpr std::uint16_t kMaxMeters = 65535;

/// Control's clock: monotonic, always handed in, never read by what is under test.
using TimePoint = std::chrono::steady_clock::time_point;

struct LinkState {
  bool is_up{};
  std::uint32_t speed_mbps{};  // 0: unknown
  friend bool operator==(const LinkState&, const LinkState&) = default;
};

/// Frames that the device itself lost, since it was opened: before the switch saw them, or after it gave
/// them away, so in no counter of ours.
struct DeviceLosses {
  std::uint64_t rx_missed{};   // no free descriptor: the workers were too slow
  std::uint64_t rx_no_mbuf{};  // the packet pool was empty
  std::uint64_t rx_errors{};
  std::uint64_t tx_errors{};
};

/// What a device turned out to be.
struct OpenedUplink {
  MacAddress mac;
  std::uint16_t mtu{};  // octets of an IP packet, in force
  std::string driver;
  LinkState link;
  std::uint16_t rx_queues{};
  std::uint16_t tx_queues{};
  std::vector<std::string> uses;  // one phrase per offload in use, for `show port info`
  std::vector<std::string>
      falls_back;  // one sentence per feature that is missing and what that costs
  /// Worker w's queue pair, nullptr if it has none; worker_count() entries, at least one not null.
  /// The ports belong to the platform and live until close_uplink.
  std::vector<Port*> port_of_worker;
};

struct WorkerFacts {
  unsigned core{};
  Generation generation;  // of the snapshot that the worker reads
};

struct PoolLevel {
  std::uint64_t size{};
  std::uint64_t in_use{};
};

struct MbufLevels {
  PoolLevel small;
  PoolLevel large;
};

/// What one rule decided, over all workers.
struct HitCounts {
  std::uint64_t packets{};
  std::uint64_t octets{};
  std::uint64_t connections{};  // judged by it: at opening, and again after changes
};

/// What one meter coloured, over all workers: green, yellow, red.
struct ColourCounts {
  std::array<std::uint64_t, 3> packets{};
  std::array<std::uint64_t, 3> octets{};
};

/// One tracked connection, as its endpoint's worker has it.
struct FlowReading {
  EndpointIndex endpoint;
  WorkerId worker;
  std::uint16_t ether_type{};  // 0x0800, 0x86DD, or what the frames carry
  std::uint8_t protocol{};     // of IP
  IpAddress opener;            // who opened it; unused when not IP
  IpAddress responder;
  std::uint16_t opener_port{};
  std::uint16_t responder_port{};
  std::string state;  // "established"
  std::uint32_t idle_s{};
  std::uint32_t packets{};  // modulo 2^32
  std::uint32_t counter{};  // of the deciding rule; kNoCounter: the segment's default
  std::uint8_t dscp = classifier::kNoClass;
  std::uint8_t l7{};
};
inline constexpr std::uint32_t kNoCounter = 0xFFFFFFFF;

struct FlowFilter {
  std::optional<EndpointIndex> endpoint;
  std::optional<IpAddress> address;   // of either side
  std::optional<std::uint16_t> port;  // of either side
  std::size_t limit = 100;
};

/// One queue of an egress scheduler.
struct QueueReading {
  std::uint64_t packets{};  // that were queued
  std::uint64_t octets{};
  std::uint64_t dropped_full{};
  std::uint64_t dropped_early{};
  std::uint64_t marked{};  // ECN
  std::uint32_t length{};  // now
};
using SchedulerReading = std::array<QueueReading, classifier::kPhbCount>;

class Platform {
 public:
  Platform() = default;
  Platform(const Platform&) = delete;
  Platform& operator=(const Platform&) = delete;
  virtual ~Platform() = default;

  // -- facts -------------------------------------------------------------------------------------
  [[nodiscard]] virtual std::uint16_t worker_count() const = 0;
  /// TSC ticks per second, > 0.
  [[nodiscard]] virtual std::uint64_t tsc_hz() const = 0;
  [[nodiscard]] virtual WorkerFacts facts(WorkerId worker) const = 0;
  [[nodiscard]] virtual const WorkerCounters& counters(WorkerId worker) const = 0;
  /// Frames in handoff rings, staged, or in the rings between workers and control.
  [[nodiscard]] virtual std::uint64_t in_flight() const = 0;
  [[nodiscard]] virtual MbufLevels mbuf_levels() const = 0;

  // -- uplinks -----------------------------------------------------------------------------------
  /// Opens and starts the device; `index` is a free slot below kMaxUplinks, chosen by control. The
  /// platform answers ARP, ND and echo for config.addresses from now on. On failure nothing is
  /// left.
  [[nodiscard]] virtual Result<OpenedUplink> open_uplink(
      UplinkIndex index, const PortConfig& config
  ) = 0;
  /// Precondition: no published snapshot names the uplink's ports.
  virtual void close_uplink(UplinkIndex index) = 0;
  /// Administrative state; the link event that follows arrives as Controller::link_changed.
  [[nodiscard]] virtual Status set_uplink_up(UplinkIndex index, bool up) = 0;
  [[nodiscard]] virtual LinkState link(UplinkIndex index) const = 0;
  [[nodiscard]] virtual DeviceLosses device_losses(UplinkIndex index) const = 0;

  /// Asks for the MAC of an on-link neighbour and keeps it fresh until `forget`; each change
  /// arrives as Controller::next_hop_changed, never from inside this call. Idempotent.
  virtual void resolve(UplinkIndex uplink, const IpAddress& next_hop) = 0;
  virtual void forget(UplinkIndex uplink, const IpAddress& next_hop) = 0;

  // -- container ports ---------------------------------------------------------------------------
  /// Creates the interface inside the namespace and configures it (name, MAC, MTU, addresses,
  /// routes, up). `config` is complete: mac is not zero, mtu is not 0. The port belongs to worker
  /// `owner` once it is published. On failure nothing is left.
  [[nodiscard]] virtual Result<std::shared_ptr<Port>> open_endpoint(
      const EndpointConfig& config, WorkerId owner
  ) = 0;
  /// Whether the port still leads into the container: the namespace it was opened in is where it was and
  /// the port is alive.
  /// Names where the endpoint's interface is or would be, however the config says it: of two configs with the same place
  /// one can be open at a time. Empty: nowhere (there is no such namespace).
  [[nodiscard]] virtual std::string place_of(const EndpointConfig& config) const = 0;
  [[nodiscard]] virtual bool is_present(const Port& port) const = 0;
  /// What the port leads into, in words that mean the same to a later process on the same boot of the same machine:
  /// a network namespace's device, inode and cookie. Empty: nothing that could be told from another (a socket).
  [[nodiscard]] virtual std::string identity_of(const Port& port) const = 0;
  /// Whether what `config` names is still what had this identity.
  [[nodiscard]] virtual bool is_at(const EndpointConfig& config, const std::string& identity)
      const = 0;
  /// The identity of the network namespace that weftd itself runs in.
  [[nodiscard]] virtual std::string own_identity() const = 0;
  /// Adds the port's poll_fd to its owner's epoll set; ports with poll_fd() == -1 are never passed.
  [[nodiscard]] virtual Status watch(EndpointIndex endpoint, Port& port, WorkerId owner) = 0;
  /// Removes it; no event for `endpoint` reaches the worker afterwards.
  virtual void unwatch(EndpointIndex endpoint, Port& port, WorkerId owner) = 0;
  /// Hands a port that no published snapshot names to the reaper, which deletes the interface.
  virtual void retire(std::shared_ptr<Port> port) = 0;

  // -- workers -----------------------------------------------------------------------------------
  /// Makes every worker read `snapshot`; returns when it is in force on all of them. No worker
  /// reads an older one afterwards.
  virtual void publish(std::shared_ptr<const Snapshot> snapshot) = 0;
  /// Whether a worker has seen `mac` as a source in tunnel traffic of `segment` since `since`.
  [[nodiscard]] virtual bool was_active(
      SegmentIndex segment, const MacAddress& mac, TimePoint since
  ) const = 0;

  // -- classification ----------------------------------------------------------------------------
  /// `counter`: PolicyRule::counter, below kMaxRuleCounters.
  [[nodiscard]] virtual HitCounts hits(std::uint32_t counter) const = 0;
  /// Precondition for both: no published snapshot names it. A new owner starts at zero.
  virtual void clear_hits(std::uint32_t counter) = 0;
  virtual void clear_meter(std::uint16_t meter) = 0;
  [[nodiscard]] virtual ColourCounts colours(std::uint16_t meter) const = 0;
  // -- match-action rules in the device ----------------------------------------------------------
  /// `rules`: all of the uplink's. The device gets as many as it takes and as may overtake the others. On
  /// failure the rules that were there before are in force. After either answer ask software_because of each.
  [[nodiscard]] virtual Status offload_rules(
      UplinkIndex uplink, std::span<const classifier::PortRule> rules
  ) = 0;
  /// nullopt: the rule is in the device.
  [[nodiscard]] virtual std::optional<std::string> software_because(
      UplinkIndex uplink, std::uint32_t rule
  ) const = 0;
  /// What the device says of a rule without taking it, which is no promise.
  [[nodiscard]] virtual Status can_offload(UplinkIndex uplink, const classifier::MatchRule& rule)
      const = 0;
  /// What the device has counted for a rule, to be added to hits().
  [[nodiscard]] virtual HitCounts offloaded_counts(UplinkIndex uplink, std::uint32_t rule)
      const = 0;

  // -- egress and connections --------------------------------------------------------------------
  /// Over all workers; nullopt: it has no scheduler.
  [[nodiscard]] virtual std::optional<SchedulerReading> queues(UplinkIndex uplink) const = 0;
  [[nodiscard]] virtual std::optional<SchedulerReading> queues(EndpointIndex endpoint) const = 0;
  /// At most filter.limit connections. Asks the workers: takes as long as a loop iteration of each per few
  /// hundred entries.
  [[nodiscard]] virtual std::vector<FlowReading> flows(const FlowFilter& filter) const = 0;
  /// Forgets connections of one endpoint, or all; the next packet of each is judged anew.
  virtual void flush_flows(std::optional<EndpointIndex> endpoint) = 0;
};

}  // namespace weft::control
