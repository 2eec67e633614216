// Registry: every change of the desired state, validated against it, and what it makes dirty.
//
// Pure bookkeeping: no device is opened here and no snapshot is built. Each verb validates first
// and only then writes, so a refused verb changed nothing. Where the machine has a say (a device
// may not open), the verb is two functions: `admit_` judges and answers where the object will go,
// `put_` writes it once the machine agreed. Where the policy compiler has a say (rules may be too many), the
// verb proposes a tenant's next record, which put_tenant writes once a policy was compiled from it. An
// `add` of what exists with the same properties is a no-op.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "control/dirty.h"
#include "control/failure.h"
#include "control/index_pool.h"
#include "control/model.h"
#include "control/platform.h"

namespace weft::control {

/// Among all tenants' rules: PolicyRule::counter.
using RuleCounter = Strong<struct RuleCounterTag, std::uint32_t>;
/// Into Snapshot::meters.
using MeterIndex = Strong<struct MeterIndexTag, std::uint16_t>;

inline constexpr std::uint16_t kMaxSegments = 65534;       // kNoSegment and one spare
inline constexpr std::uint32_t kMaxEndpoints = 1U << 20U;  // Destination has room for 2^30
inline constexpr std::uint32_t kMaxTunnels = 1U << 20U;
/// Inner MTU of a segment without tunnels, unless it says otherwise.
inline constexpr std::uint16_t kLocalMtu = 1500;

/// A judged object: where it will go, or where it already is.
template <typename Index>
struct Admission {
  Index index;
  bool exists{};  // with the same properties
};

class Registry {
 public:
  [[nodiscard]] const Model& model() const noexcept { return model_; }
  /// What changed since the caller last cleared it.
  [[nodiscard]] Dirty& dirty() noexcept { return dirty_; }
  [[nodiscard]] const Dirty& dirty() const noexcept { return dirty_; }

  // -- transactions ------------------------------------------------------------------------------
  // A registry is a value: who keeps a copy can go back to it.
  /// From now on indices of what is removed are not given out again, until release(): the snapshot in force still
  /// names them. Nor may an uplink's device be opened again.
  void hold();
  void release();
  /// `later` was published, and is taken back: its indices are not given out again at once. Precondition: `later` is
  /// what this one was changed to since hold().
  void quarantine_taken_by(const Registry& later);

  // -- access (registry_access.cc) --------------------------------------------------------------
  [[nodiscard]] Outcome<Ok> add_access(const AccessConfig& config);
  [[nodiscard]] Outcome<Ok> remove_access(const std::string& name);

  // -- restoring ---------------------------------------------------------------------------------
  /// Where objects were, by their entries: an uplink's or endpoint's index.
  using Places = std::map<EntryKey, std::int64_t>;
  /// From now on, until end_restoring(), objects get their former places, and what was accepted once is not refused for
  /// what happened to it since: an MTU that shrank, say.
  void begin_restoring(Places places) { places_ = std::move(places); }
  void end_restoring() { places_.reset(); }
  [[nodiscard]] bool is_restoring() const noexcept { return places_.has_value(); }

  // -- ports -------------------------------------------------------------------------------------
  [[nodiscard]] Outcome<Admission<UplinkIndex>> admit_port(const PortConfig& config) const;
  /// Precondition: admitted, and not existing. `mtu`: octets of an IP packet, in force.
  void put_port(const PortConfig& config, UplinkIndex index, std::uint16_t mtu);
  [[nodiscard]] Outcome<UplinkIndex> remove_port(const std::string& name);

  // -- tenants -----------------------------------------------------------------------------------
  [[nodiscard]] Outcome<Ok> add_tenant(const TenantConfig& config);
  /// Which of its meters polices all that its containers send; empty: none.
  [[nodiscard]] Outcome<Ok> set_tenant_meter(const std::string& name, const std::string& meter);
  /// Refused when it has more already.
  [[nodiscard]] Outcome<Ok> set_quota(const std::string& name, const TenantQuota& quota);
  [[nodiscard]] Outcome<Ok> remove_tenant(const std::string& name);

  // -- segments ----------------------------------------------------------------------------------
  [[nodiscard]] Outcome<SegmentIndex> add_segment(const SegmentConfig& config);
  /// Replaces the properties of the segment of that name; the tenant stays.
  [[nodiscard]] Outcome<Ok> set_segment(const SegmentConfig& config);
  /// With its remotes; refused while endpoints are attached.
  [[nodiscard]] Outcome<SegmentIndex> remove_segment(const std::string& name);

  // -- remotes -----------------------------------------------------------------------------------
  /// Merges the endpoints into a remote that exists.
  [[nodiscard]] Outcome<TunnelIndex> add_remote(const RemoteConfig& config);
  [[nodiscard]] Outcome<TunnelIndex> remove_remote(
      const std::string& segment, const IpAddress& vtep
  );

  // -- endpoints ---------------------------------------------------------------------------------
  [[nodiscard]] Outcome<Admission<EndpointIndex>> admit_endpoint(const EndpointConfig& config
  ) const;
  /// Inner MTU that the endpoint gets. Precondition: admitted.
  [[nodiscard]] std::uint16_t mtu_of(const EndpointConfig& config) const;
  /// Precondition: admitted, and not existing.
  void put_endpoint(const EndpointConfig& config, EndpointIndex index, WorkerId owner);
  /// Precondition: there is such an endpoint.
  void remove_endpoint(EndpointIndex index);
  /// The endpoint's interface vanished or came back: what depends on its port is dirty.
  void touch_endpoint(EndpointIndex index);
  /// An event (events.h) about it.
  void tell_endpoint(const char* kind, const EndpointRecord& endpoint);
  /// An endpoint that was gone has an interface again, with this MTU.
  void reopen_endpoint(EndpointIndex index, std::uint16_t mtu);
  /// Changes groups, labels, limits and QoS; `config` is the endpoint's otherwise.
  [[nodiscard]] Outcome<Ok> admit_endpoint_change(const EndpointConfig& config) const;
  /// Precondition: admitted.
  void put_endpoint_change(const EndpointConfig& config);

  // -- policy (registry_policy.cc) ---------------------------------------------------------------
  // A proposal: the tenant's next record, to be given to put_tenant or drop_proposal; nullopt: it
  // would be the same. `index` of a refusal is the rule's position in the list.
  using Proposal = std::optional<TenantRecord>;
  [[nodiscard]] Outcome<Proposal> propose_rule(
      const std::string& tenant, const PolicyRuleConfig& config
  );
  [[nodiscard]] Outcome<Proposal> propose_without_rule(
      const std::string& tenant, const std::string& name
  ) const;
  [[nodiscard]] Outcome<Proposal> propose_rules(
      const std::string& tenant, const std::vector<PolicyRuleConfig>& configs
  );
  [[nodiscard]] Outcome<Proposal> propose_l7(const std::string& tenant, const L7ClassConfig& config)
      const;
  [[nodiscard]] Outcome<Proposal> propose_without_l7(
      const std::string& tenant, const std::string& name
  ) const;
  void put_tenant(TenantRecord record);
  void drop_proposal(const TenantRecord& record);

  // -- match-action rules (registry_rules.cc) ----------------------------------------------------
  // Ports are numbers (stats.h). Precondition of all: there is such a port, and the rules passed check().
  /// What the port's rules would be, with counters where they count: for put_port_rules or
  /// drop_port_proposal. nullopt: they are so already.
  [[nodiscard]] Outcome<std::optional<PortRules>> propose_port_rules(
      std::uint32_t port, PortRules rules
  );
  void put_port_rules(std::uint32_t port, PortRules rules);
  void drop_port_proposal(std::uint32_t port, const PortRules& rules);
  /// Other ports with rules that send frames out of this one.
  [[nodiscard]] std::vector<std::uint32_t> ports_that_send_to(std::uint32_t port) const;

  // -- classes and rates (registry_qos.cc) -------------------------------------------------------
  [[nodiscard]] Outcome<Ok> add_meter(const std::string& tenant, const MeterConfig& config);
  [[nodiscard]] Outcome<Ok> remove_meter(const std::string& tenant, const std::string& name);
  /// nullopt: the class is no longer scarce.
  [[nodiscard]] Outcome<Ok> set_budget(classifier::Phb phb, std::optional<BitRate> rate);
  /// nullopt: no scheduler.
  [[nodiscard]] Outcome<UplinkIndex> set_port_qos(
      const std::string& name, const std::optional<PortQosConfig>& qos
  );

 private:
  [[nodiscard]] Outcome<std::uint16_t> check_transport(
      const SegmentConfig& config, std::optional<SegmentIndex> self
  ) const;
  [[nodiscard]] Outcome<std::uint16_t> check_mtu(
      const SegmentConfig& config, std::uint16_t transport_mtu
  ) const;
  [[nodiscard]] std::optional<Failure> check_members(
      const SegmentRecord& segment, const SegmentConfig& config
  ) const;
  [[nodiscard]] Outcome<NextHop> route(const IpAddress& local_vtep, const IpAddress& remote) const;
  [[nodiscard]] std::optional<Failure> check_remote_endpoints(
      const SegmentRecord& segment, const RemoteConfig& config, const RemoteRecord* existing
  ) const;
  [[nodiscard]] std::string holder_name(Destination holder) const;

  void put_transport(const SegmentConfig& config, SegmentIndex index);
  void drop_transport(const SegmentConfig& config);
  void put_next_hop(RemoteRecord& remote, const NextHop& next_hop);
  void drop_next_hop(const RemoteRecord& remote);
  void put_holder(
      SegmentRecord& segment,
      Destination holder,
      const MacAddress& mac,
      const std::vector<IpAddress>& addresses,
      std::uint32_t identity
  );
  void drop_holder(
      SegmentRecord& segment, const MacAddress& mac, const std::vector<IpAddress>& addresses
  );
  std::optional<classifier::Identity> merge_endpoint(
      SegmentRecord& segment, TunnelIndex remote, const RemoteEndpoint& added
  );
  void drop_remote(TunnelIndex index);
  [[nodiscard]] TenantRecord& tenant_of(const SegmentRecord& segment);
  void put_agents(const SegmentConfig& config);

  [[nodiscard]] Outcome<const TenantRecord*> find_tenant(const std::string& name) const;
  [[nodiscard]] std::optional<Failure> check_rule(
      const TenantRecord& tenant, const PolicyRuleConfig& config, const std::string& path
  ) const;
  [[nodiscard]] std::optional<std::uint32_t> take_counter();
  void judge_again(const std::string& tenant);

  void give_back_counters(const PortRules& rules, const PortRules& kept);
  [[nodiscard]] std::string user_of(
      const classifier::MatchAction& action, std::optional<std::uint32_t> own
  ) const;
  // A rule that depends on it, as a sentence calls it; empty: there is none.
  [[nodiscard]] std::string rule_with_meter(std::uint16_t meter) const;
  [[nodiscard]] std::string rule_that_sends_to(UplinkIndex uplink) const;

  // registry_quota.cc. `what`: "endpoints", "rules", "meters" or "L7 classes". Precondition: the tenant exists.
  [[nodiscard]] std::optional<Failure> check_quota(
      const std::string& tenant, const char* what, std::size_t wanted
  ) const;
  [[nodiscard]] std::optional<Failure> check_contracts(
      const EndpointConfig& config, const EndpointQosConfig& before
  ) const;
  [[nodiscard]] std::size_t endpoints_of(const std::string& tenant) const;
  [[nodiscard]] BitRate contracts_of(const std::string& tenant, classifier::Phb phb) const;

  [[nodiscard]] std::optional<Failure> check_qos(
      const EndpointConfig& config, const EndpointRecord* existing
  ) const;
  void put_qos(EndpointRecord& endpoint, const EndpointQosConfig& qos);
  void drop_qos(EndpointRecord& endpoint);
  [[nodiscard]] std::uint16_t put_meter(const classifier::MeterConfig& meter);
  void drop_meter(std::uint16_t meter);

  void touch(Part part, std::string name) { dirty_.entries.insert({part, std::move(name)}); }
  void touch_l7(const TenantRecord& tenant);

  Model model_;
  Dirty dirty_;
  /// nullopt: not known, or taken. Only while restoring.
  [[nodiscard]] std::optional<std::int64_t> former_place(Part part, const std::string& name) const;

  std::optional<Places> places_;
  IndexPool<SegmentIndex> segment_indices_{kMaxSegments};
  IndexPool<EndpointIndex> endpoint_indices_{kMaxEndpoints};
  IndexPool<TunnelIndex> tunnel_indices_{kMaxTunnels};
  IndexPool<RuleCounter> counters_{kMaxRuleCounters};
  IndexPool<MeterIndex> meter_indices_{kMaxMeters};
  bool holds_{};
  std::map<UplinkIndex, std::string> held_ports_;  // their devices
};

}  // namespace weft::control
