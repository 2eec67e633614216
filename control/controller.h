// Controller: the desired state, what the machine answered, and the snapshot in force.
//
//   Dispatcher (JSON) -> Controller -> Registry (validate, change the Model, say what is dirty)
//                                   -> Platform (open and close)
//                                   -> compile  (Model + Runtime + Dirty -> Snapshot) -> publish
//
// Verbs are all-or-nothing and in force on every worker when they return; generation() then says
// since when. Between begin() and commit_transaction() or roll_back() several of them are one change: nothing is in
// force before the end, and roll_back() leaves model, machine and workers as they were
// (controller_transaction.cc). What the dataplane reports (neighbours, learned MACs, link state) is collected by the
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
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "control/compiler.h"
#include "control/events.h"
#include "control/failure.h"
#include "control/journal.h"
#include "control/model.h"
#include "control/platform.h"
#include "control/registry.h"
#include "control/runtime.h"
#include "control/staged_platform.h"

namespace weft::control {

/// What became of a match-action rule.
struct PortRuleAnswer {
  std::uint32_t rule{};          // its number on its port
  std::string software_because;  // empty: it is in the device
};

class Controller {
 public:
  /// Publishes an empty, forwarding snapshot. `platform` outlives the controller.
  explicit Controller(Platform& platform, encap::DecapConfig decap = {});
  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;
  /// Publishes an empty snapshot, retires every port and closes every uplink: nothing is left.
  ~Controller();

  // -- transactions ------------------------------------------------------------------------------
  enum class Purpose : std::uint8_t { change, trial };
  /// Verbs after this are one change. Costs a copy of the model. A trial judges them without touching the machine, and
  /// can only be rolled back. Precondition: is_in_transaction() is false.
  void begin(Purpose purpose);
  /// All of it is in force now and, with a journal, durable; or (the system refused) none of it. Precondition:
  /// begin(Purpose::change).
  [[nodiscard]] Outcome<Ok> commit_transaction();
  void roll_back();
  [[nodiscard]] bool is_in_transaction() const noexcept { return before_ != nullptr; }

  /// From now on changes of the document are durable before they are in force, and must be transactions. nullptr: no
  /// longer. `journal` outlives the controller, or is taken away before.
  void keep_in(Journal* journal) noexcept { journal_ = journal; }

  // -- restoring (controller_restore.cc) ---------------------------------------------------------
  using Lives = std::function<bool(const EndpointConfig&)>;
  /// A transaction in which what was accepted once is not refused: endpoints that do not live, or whose interface does
  /// not open, are put as "gone" (Registry::begin_restoring has the rest).
  void begin_restoring(Lives lives, Registry::Places places);
  /// The document has `generation` then.
  [[nodiscard]] Outcome<Ok> end_restoring(Generation generation);

  // -- bounds ------------------------------------------------------------------------------------
  /// From now on attach() opens no interface in the namespace that weftd runs in, nor in one with a container of another
  /// tenant. nullopt: anywhere.
  void limit_places(std::optional<std::set<std::string>> tenants) {
    place_limit_ = std::move(tenants);
  }

  // -- verbs -------------------------------------------------------------------------------------
  [[nodiscard]] Outcome<Ok> add_access(const AccessConfig& config);
  [[nodiscard]] Outcome<Ok> remove_access(const std::string& name);
  [[nodiscard]] Outcome<UplinkIndex> add_port(const PortConfig& config);
  [[nodiscard]] Outcome<Ok> remove_port(const std::string& name);
  [[nodiscard]] Outcome<Ok> set_port_up(const std::string& name, bool up);
  [[nodiscard]] Outcome<Ok> add_tenant(const TenantConfig& config);
  [[nodiscard]] Outcome<Ok> set_quota(const std::string& name, const TenantQuota& quota);
  [[nodiscard]] Outcome<Ok> remove_tenant(const std::string& name);
  /// Which of its meters polices all that its containers send; empty: none.
  [[nodiscard]] Outcome<Ok> set_tenant_meter(const std::string& name, const std::string& meter);
  [[nodiscard]] Outcome<SegmentIndex> add_segment(const SegmentConfig& config);
  /// Replaces every property but the name and the tenant.
  [[nodiscard]] Outcome<Ok> set_segment(const SegmentConfig& config);
  /// With its remotes; refused while endpoints are attached.
  [[nodiscard]] Outcome<Ok> remove_segment(const std::string& name);
  [[nodiscard]] Outcome<Ok> add_remote(const RemoteConfig& config);
  [[nodiscard]] Outcome<Ok> remove_remote(const std::string& segment, const IpAddress& vtep);
  /// Attaching again an endpoint whose interface is gone opens a new interface for it.
  [[nodiscard]] Outcome<EndpointIndex> attach(const EndpointConfig& config);
  /// Changes groups, labels, limits and QoS under traffic. Precondition: there is such an endpoint, and
  /// `config` is its own otherwise.
  [[nodiscard]] Outcome<Ok> set_endpoint(const EndpointConfig& config);
  /// One interface, or all of the container's when `ifname` is nullopt. Answers how many there
  /// were.
  std::size_t detach(const std::string& container, const std::optional<std::string>& ifname);
  /// Forgets learned entries, of one segment or of all. Answers how many there were.
  [[nodiscard]] Outcome<std::size_t> flush_fdb(const std::optional<std::string>& segment);
  // Policy: compiled before it is accepted. Existing flows are judged anew from the next packet on.
  [[nodiscard]] Outcome<Ok> add_rule(const std::string& tenant, const PolicyRuleConfig& config);
  [[nodiscard]] Outcome<Ok> remove_rule(const std::string& tenant, const std::string& name);
  /// Replaces all rules of the tenant; those that stay as they were keep their counters.
  [[nodiscard]] Outcome<Ok> apply_rules(
      const std::string& tenant, const std::vector<PolicyRuleConfig>& configs
  );
  [[nodiscard]] Outcome<Ok> add_l7(const std::string& tenant, const L7ClassConfig& config);
  [[nodiscard]] Outcome<Ok> remove_l7(const std::string& tenant, const std::string& name);
  [[nodiscard]] Outcome<Ok> add_meter(const std::string& tenant, const MeterConfig& config);
  [[nodiscard]] Outcome<Ok> remove_meter(const std::string& tenant, const std::string& name);
  [[nodiscard]] Outcome<Ok> set_budget(classifier::Phb phb, std::optional<BitRate> rate);
  [[nodiscard]] Outcome<Ok> set_port_qos(
      const std::string& name, const std::optional<PortQosConfig>& qos
  );
  // Match-action rules of a port, which is called by number or name (rule_names.h). Precondition: each
  // rule passed classifier::check.
  /// Why the rule would be in software; empty: the device seems to take it.
  [[nodiscard]] Outcome<std::string> validate_port_rule(
      const std::string& port, const classifier::MatchRule& rule
  ) const;
  [[nodiscard]] Outcome<PortRuleAnswer> create_port_rule(
      const std::string& port, const classifier::MatchRule& rule
  );
  /// All of them or none.
  [[nodiscard]] Outcome<Ok> destroy_port_rules(
      const std::string& port, const std::vector<std::uint32_t>& numbers
  );
  /// Answers which there were.
  [[nodiscard]] Outcome<std::vector<std::uint32_t>> flush_port_rules(const std::string& port);
  /// Replaces all rules of the port; those that stay as they were keep their counters.
  [[nodiscard]] Outcome<Ok> apply_port_rules(const std::string& port, const PortRules& rules);
  /// Forgets tracked connections, of one endpoint or of all.
  void flush_flows(std::optional<EndpointIndex> endpoint);
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
  /// Who is told of events, each time some are in force.
  using Tell = std::function<void(const std::vector<Event>&)>;
  void tell_to(Tell tell) { tell_ = std::move(tell); }
  /// Publishes what the reports above changed, if anything.
  void commit() { publish(); }

  // -- reading -----------------------------------------------------------------------------------
  [[nodiscard]] const Model& model() const noexcept { return registry_.model(); }
  [[nodiscard]] const Runtime& runtime() const noexcept { return runtime_; }
  [[nodiscard]] const Snapshot& snapshot() const noexcept { return *snapshot_; }
  /// Which namespace its interface is in (Platform::identity_of); nullopt: there is no such endpoint, or it is gone.
  [[nodiscard]] std::optional<std::string> attachment_of(const std::string& endpoint) const;
  /// What the transaction changed so far.
  [[nodiscard]] const std::set<EntryKey>& changed_entries() const noexcept {
    return registry_.dirty().entries;
  }
  /// Of the document: each change of it makes a new one, and nothing else does. Within a transaction: which one it will
  /// have.
  [[nodiscard]] Generation generation() const noexcept;
  [[nodiscard]] const Platform& platform() const noexcept { return platform_; }
  /// The number of an uplink or endpoint, from its number or name.
  [[nodiscard]] Outcome<std::uint32_t> port_called(const std::string& port) const;
  /// Why a rule of that port is in software; empty: it is in the device.
  [[nodiscard]] std::string software_because(std::uint32_t port, const classifier::PortRule& rule)
      const;
  /// What matched the rule, in software and in the device. Refused if it has no action count.
  [[nodiscard]] Outcome<HitCounts> port_rule_counts(const std::string& port, std::uint32_t rule)
      const;

 private:
  void publish();
  void tell_events();
  void put_egress(const Dirty& dirty);
  /// Path MTUs towards VTEPs that are no remote of any segment.
  void forget_path_mtus();
  void publish_empty();
  [[nodiscard]] std::shared_ptr<Port> take_port(EndpointIndex index);
  [[nodiscard]] WorkerId least_loaded_worker() const;
  template <typename Forget>
  std::size_t forget_learned(SegmentIndex segment, Forget is_forgotten);
  std::size_t forget_learned_in(SegmentIndex segment);
  void tell_of(const SegmentRecord& segment, const char* kind, const Json& facts);
  void forget_learned_through(SegmentIndex segment, TunnelIndex tunnel);

  /// A tenant's policy as a verb would leave it; nullptr: as it is.
  using NextPolicy = std::shared_ptr<const TenantPolicy>;
  [[nodiscard]] Outcome<Ok> put_proposal(Outcome<Registry::Proposal> proposal);
  [[nodiscard]] Outcome<NextPolicy> policy_with(
      const std::string& tenant, const std::vector<classifier::Identity>& identities
  ) const;
  [[nodiscard]] Outcome<NextPolicy> policy_with(const RemoteConfig& remote) const;
  [[nodiscard]] Outcome<NextPolicy> policy_with_agents(const SegmentConfig& segment) const;
  void put_policy(const std::string& tenant, NextPolicy policy);

  [[nodiscard]] std::optional<Failure> check_actions(
      std::uint32_t port, const classifier::MatchRule& rule, const std::string& path
  ) const;
  [[nodiscard]] Outcome<Ok> put_port_rules(std::uint32_t port, PortRules next);
  [[nodiscard]] Outcome<Ok> change_port_rules(std::uint32_t port, PortRules rules);
  void forget_rules_about(EndpointIndex endpoint);

  /// Where a transaction began.
  struct Before {
    Registry registry;
    Runtime runtime;
    Generation generation;
    std::vector<EndpointIndex> detached;  // in this transaction
    std::vector<EndpointIndex> vacated;   // of them, those whose interface is gone already
  };
  [[nodiscard]] std::optional<Failure> check_place(
      const EndpointConfig& config, const std::string& identity
  ) const;
  void vacate_place_of(const EndpointConfig& config);
  void restore();
  void reopen(const std::vector<EndpointIndex>& vacated);
  void drop_ports(const std::vector<EndpointIndex>& unwatched);
  void offer_again(const std::set<UplinkIndex>& uplinks);

  /// Puts the endpoint without an interface. Precondition: admitted, and not existing.
  [[nodiscard]] Outcome<EndpointIndex> put_gone(const EndpointConfig& config, EndpointIndex index);

  StagedPlatform platform_;
  Journal* journal_{};
  std::optional<std::set<std::string>> place_limit_;
  Tell tell_ = [](const std::vector<Event>&) {};
  std::vector<Event> events_;       // that are not told yet
  Generation document_{1};          // the empty one
  bool is_going_back_{};            // to what is durable already
  Lives lives_;                     // empty: not restoring
  std::unique_ptr<Before> before_;  // nullptr: no transaction
  Registry registry_;
  Runtime runtime_;
  std::shared_ptr<const Snapshot> snapshot_;
};

}  // namespace weft::control
