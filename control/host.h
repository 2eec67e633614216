// Host: the Platform made of DPDK, kernel namespaces and workers.
//
// Owns everything below the control layer, in this order of construction (destruction is the reverse):
// EAL, packet pools, reaper, workers and their threads, uplinks. Desired state is the Controller's; the Host
// does what it is told and reports what happened:
//
//   Host::start(config) -> Controller{host} -> per turn: host.poll(controller, now)
//
// Reports, all on the control thread, inside poll(): punted frames go through the Underlay (the VTEP as
// a host: ARP, ND, echo, path MTU), whose answers are sent by the uplink's first worker; learned MACs, dead ports,
// vanished namespaces and link changes go to the Controller.
//
// The first publish() starts the worker threads: a worker never runs without a snapshot.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "control/container_port.h"
#include "control/controller.h"
#include "control/platform.h"
#include "control/underlay.h"
#include "dataplane/base/result.h"
#include "dataplane/rcu.h"
#include "dataplane/worker.h"
#include "pmd-config/eal.h"
#include "pmd-config/ethdev_port.h"
#include "pmd-config/flow_offload.h"
#include "pmd-config/netns.h"
#include "pmd-config/pools.h"
#include "pmd-config/reaper.h"

namespace weft::control {

struct HostConfig {
  EalConfig eal;
  PoolConfig pools;
  IdlePolicy idle;
  std::uint32_t flow_entries = 1U << 18U;  // connections that each worker can track
};

class Host final : public Platform {
 public:
  /// Starts EAL on the calling thread, which becomes the control thread.
  [[nodiscard]] static Result<std::unique_ptr<Host>> start(const HostConfig& config);
  /// Precondition: the Controller is gone, so no port and no uplink is left.
  ~Host() override;

  /// Handles what the workers and the kernel reported since the last call, then commits. Call every few
  /// milliseconds.
  void poll(Controller& controller, TimePoint now);

  [[nodiscard]] const Eal& eal() const noexcept { return *eal_; }

  // Platform
  [[nodiscard]] std::uint16_t worker_count() const override;
  [[nodiscard]] std::uint64_t tsc_hz() const override;
  [[nodiscard]] WorkerFacts facts(WorkerId worker) const override;
  [[nodiscard]] const WorkerCounters& counters(WorkerId worker) const override;
  [[nodiscard]] std::uint64_t in_flight() const override;
  [[nodiscard]] MbufLevels mbuf_levels() const override;
  [[nodiscard]] Result<OpenedUplink> open_uplink(UplinkIndex index, const PortConfig& config)
      override;
  void close_uplink(UplinkIndex index) override;
  [[nodiscard]] Status set_uplink_up(UplinkIndex index, bool up) override;
  [[nodiscard]] LinkState link(UplinkIndex index) const override;
  [[nodiscard]] DeviceLosses device_losses(UplinkIndex index) const override;
  void resolve(UplinkIndex uplink, const IpAddress& next_hop) override;
  void forget(UplinkIndex uplink, const IpAddress& next_hop) override;
  [[nodiscard]] Result<std::shared_ptr<Port>> open_endpoint(
      const EndpointConfig& config, WorkerId owner
  ) override;
  [[nodiscard]] std::string place_of(const EndpointConfig& config) const override {
    return container_ports_.place_of(config);
  }
  [[nodiscard]] bool is_present(const Port& port) const override;
  [[nodiscard]] std::string identity_of(const Port& port) const override;
  [[nodiscard]] bool is_at(const EndpointConfig& config, const std::string& identity)
      const override;
  [[nodiscard]] std::string own_identity() const override;
  [[nodiscard]] Status watch(EndpointIndex endpoint, Port& port, WorkerId owner) override;
  void unwatch(EndpointIndex endpoint, Port& port, WorkerId owner) override;
  void retire(std::shared_ptr<Port> port) override;
  void publish(std::shared_ptr<const Snapshot> snapshot) override;
  [[nodiscard]] bool was_active(SegmentIndex segment, const MacAddress& mac, TimePoint since)
      const override;
  [[nodiscard]] HitCounts hits(std::uint32_t counter) const override;
  void clear_hits(std::uint32_t counter) override;
  void clear_meter(std::uint16_t meter) override;
  [[nodiscard]] ColourCounts colours(std::uint16_t meter) const override;
  [[nodiscard]] Status offload_rules(
      UplinkIndex uplink, std::span<const classifier::PortRule> rules
  ) override;
  [[nodiscard]] std::optional<std::string> software_because(UplinkIndex uplink, std::uint32_t rule)
      const override;
  [[nodiscard]] Status can_offload(UplinkIndex uplink, const classifier::MatchRule& rule)
      const override;
  [[nodiscard]] HitCounts offloaded_counts(UplinkIndex uplink, std::uint32_t rule) const override;
  [[nodiscard]] std::optional<SchedulerReading> queues(UplinkIndex uplink) const override;
  [[nodiscard]] std::optional<SchedulerReading> queues(EndpointIndex endpoint) const override;
  [[nodiscard]] std::vector<FlowReading> flows(const FlowFilter& filter) const override;
  void flush_flows(std::optional<EndpointIndex> endpoint) override;

 private:
  struct Uplink {
    std::unique_ptr<EthdevUplink> device;
    std::unique_ptr<FlowOffload> offload;  // ends before the device does
    WorkerId first_worker;                 // sends what the underlay writes
    LinkState link;                        // at the last look
  };
  /// Where a container port's interface lives, to notice that its namespace is gone.
  struct Home {
    std::string path;
    NetnsIdentity identity;
    std::string words;                     // Platform::identity_of
    std::string place;                     // what nobody else can open while the port exists
    EndpointIndex endpoint = kNoEndpoint;  // set while watched
  };

  Host(std::unique_ptr<Eal> eal, Pools pools);
  [[nodiscard]] Status make_workers(const HostConfig& config);
  void start_threads();
  void drain_events(Controller& controller, TimePoint now);
  void look_at_links(Controller& controller, TimePoint now);
  void look_at_namespaces(Controller& controller);
  void carry_out(Controller& controller, const UnderlayOutput& output);
  void transmit(const UnderlayFrame& frame);
  void refresh_reports() const;

  std::unique_ptr<Eal> eal_;
  Pools pools_;
  ContainerPorts container_ports_;
  std::unique_ptr<Reaper> reaper_;
  std::map<std::string, Reaper::Ticket> dying_;  // by place: somebody may want it again at once
  Published<Snapshot> published_;
  Qsbr<kMaxWorkers> qsbr_;
  SharedMeters shared_meters_;  // of all workers; not made if there is one
  std::vector<std::unique_ptr<Worker>> workers_;
  bool are_threads_running_{};
  std::array<std::unique_ptr<Uplink>, kMaxUplinks> uplinks_;
  std::map<const Port*, Home> homes_;

  /// The VTEPs that tunnels of the published snapshot come from.
  struct Remotes {
    Generation generation;
    std::set<std::array<std::uint8_t, 16>> addresses;
  };
  [[nodiscard]] bool is_remote(const IpAddress& address);

  Remotes remotes_;
  Underlay underlay_;
  UnderlayOutput pending_;  // from calls inside verbs, carried out in the next poll
  TimePoint next_slow_look_{};
  mutable TimePoint reported_at_{};
  std::map<std::uint32_t, HitCounts> hits_base_;        // what rule counters start from
  std::map<std::uint16_t, ColourCounts> colours_base_;  // and meters
};

}  // namespace weft::control
