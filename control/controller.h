// Controller: the desired state, what the machine answered, and the snapshot in force.
//
//   Dispatcher (JSON) -> Controller -> Registry (validate, change the Model, say what is dirty)
//                                   -> Platform (open and close)
//                                   -> compile  (Model + Runtime + Dirty -> Snapshot) -> publish
//
// Verbs are all-or-nothing and in force on every worker when they return; generation() then says
// since when. What the dataplane reports (neighbours, learned MACs, link state) is collected by the
// second group of functions and takes effect with the next verb or commit(), whichever is first:
// call commit() once per turn of the control loop. All of it runs on the control thread.
//
//   Controller controller{platform};
//   Dispatcher dispatcher{controller, About{...}};
//   for (;;) { server.serve(now); controller.learned(...); controller.age_out(now);
//   controller.commit(); }
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/compiler.h"
#include "control/failure.h"
#include "control/model.h"
#include "control/platform.h"
#include "control/registry.h"
#include "control/runtime.h"

namespace weft::control {

class Controller {
 public:
  /// Publishes an empty, forwarding snapshot. `platform` outlives the controller.
  explicit Controller(Platform& platform, encap::DecapConfig decap = {});
  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;
  /// Publishes an empty snapshot, retires every port and closes every uplink: nothing is left.
  ~Controller();

  // -- verbs -------------------------------------------------------------------------------------
  [[nodiscard]] Outcome<UplinkIndex> add_port(const PortConfig& config);
  [[nodiscard]] Outcome<Ok> remove_port(const std::string& name);
  [[nodiscard]] Outcome<Ok> set_port_up(const std::string& name, bool up);
  [[nodiscard]] Outcome<Ok> add_tenant(const TenantConfig& config);
  [[nodiscard]] Outcome<Ok> remove_tenant(const std::string& name);
  [[nodiscard]] Outcome<SegmentIndex> add_segment(const SegmentConfig& config);
  /// Replaces every property but the name and the tenant.
  [[nodiscard]] Outcome<Ok> set_segment(const SegmentConfig& config);
  /// With its remotes; refused while endpoints are attached.
  [[nodiscard]] Outcome<Ok> remove_segment(const std::string& name);
  [[nodiscard]] Outcome<Ok> add_remote(const RemoteConfig& config);
  [[nodiscard]] Outcome<Ok> remove_remote(const std::string& segment, const IpAddress& vtep);
  /// Attaching again an endpoint whose interface is gone opens a new interface for it.
  [[nodiscard]] Outcome<EndpointIndex> attach(const EndpointConfig& config);
  /// One interface, or all of the container's when `ifname` is nullopt. Answers how many there
  /// were.
  std::size_t detach(const std::string& container, const std::optional<std::string>& ifname);
  /// Forgets learned entries, of one segment or of all. Answers how many there were.
  [[nodiscard]] Outcome<std::size_t> flush_fdb(const std::optional<std::string>& segment);
  void set_forwarding(bool is_forwarding);
  /// From now on statistics are relative to now.
  void clear_counters();

  // -- what the dataplane reports ----------------------------------------------------------------
  /// The MAC of an on-link neighbour asked for by Platform::resolve; nullopt: no longer reachable.
  void next_hop_changed(
      UplinkIndex uplink, const IpAddress& next_hop, const std::optional<MacAddress>& mac
  );
  /// The path to a remote VTEP carries IP packets of at most `mtu` octets; nullopt: as the uplink
  /// does.
  void path_mtu_changed(const IpAddress& remote, std::optional<std::uint16_t> mtu);
  /// A source MAC arrived through a tunnel. Ignored for MACs that are configured, and beyond the
  /// segment's limit.
  void learned(SegmentIndex segment, const MacAddress& mac, TunnelIndex tunnel, TimePoint now);
  /// Forgets learned MACs that were silent for their segment's fdb_ageing_s. Call about once a
  /// second; costs a visit of each learned entry.
  void age_out(TimePoint now);
  void link_changed(UplinkIndex uplink, const LinkState& link);
  /// The far side of a port vanished: the interface is reaped at once, the endpoint stays listed as
  /// "gone" until it is detached or attached again.
  void endpoint_gone(EndpointIndex endpoint);
  /// Publishes what the reports above changed, if anything.
  void commit() { publish(); }

  // -- reading -----------------------------------------------------------------------------------
  [[nodiscard]] const Model& model() const noexcept { return registry_.model(); }
  [[nodiscard]] const Runtime& runtime() const noexcept { return runtime_; }
  [[nodiscard]] const Snapshot& snapshot() const noexcept { return *snapshot_; }
  [[nodiscard]] Generation generation() const noexcept { return snapshot_->generation; }
  [[nodiscard]] const Platform& platform() const noexcept { return platform_; }

 private:
  void publish();
  /// Path MTUs towards VTEPs that are no remote of any segment.
  void forget_path_mtus();
  void publish_empty();
  [[nodiscard]] std::shared_ptr<Port> take_port(EndpointIndex index);
  [[nodiscard]] WorkerId least_loaded_worker() const;
  template <typename Forget>
  std::size_t forget_learned(SegmentIndex segment, Forget is_forgotten);
  std::size_t forget_learned_in(SegmentIndex segment);
  void forget_learned_through(SegmentIndex segment, TunnelIndex tunnel);

  Platform& platform_;
  Registry registry_;
  Runtime runtime_;
  std::shared_ptr<const Snapshot> snapshot_;
};

}  // namespace weft::control
