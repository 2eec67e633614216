// Verbs; those of policy and QoS are in controller_policy.cc, of match-action rules in controller_rules.cc, several as one
// change in controller_transaction.cc, what the dataplane reports is in controller_reports.cc.

#include "control/controller.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include <spdlog/spdlog.h>

#include "control/policy_build.h"
#include "control/stats.h"
#include "dataplane/port/port.h"

namespace weft::control {
namespace {

/// As Linux limits its own (icmp_msgs_per_sec is 1000 for a host; this is per container).
constexpr std::uint64_t kIcmpErrorsPerSecond = 100;
constexpr std::uint64_t kIcmpErrorBurst = 20;

/// Tokens for a tenth of a second: a burst of ARP requests at start-up passes, a storm does not.
classifier::Budget budget(std::uint32_t rate, std::uint64_t tsc_hz) {
  return classifier::Budget{rate, std::max<std::uint64_t>(rate / 10U, 16U), tsc_hz};
}

Failure system_refused(const std::string& object, const Error& error) {
  return refused(ErrorCode::system_refused, object + ": " + error.message);
}

/// Names at most kMost entries.
Event change_of(const std::set<EntryKey>& entries) {
  constexpr std::size_t kMost = 64;
  Event event{"change", {}, {{"entries", Json::array()}}};
  for (const EntryKey& entry : entries) {
    if (event.facts["entries"].size() == kMost) break;
    event.facts["entries"].push_back({{"section", name(entry.part)}, {"name", entry.name}});
  }
  if (entries.size() > kMost) event.facts["more"] = entries.size() - kMost;
  return event;
}

}  // namespace

Controller::Controller(Platform& platform, encap::DecapConfig decap) : platform_{platform} {
  runtime_.worker_count = platform.worker_count();
  runtime_.tsc_hz = platform.tsc_hz();
  runtime_.decap = decap;
  runtime_.cleared.resize(runtime_.worker_count);
  snapshot_ = std::make_shared<const Snapshot>();
  publish_empty();
}

Controller::~Controller() {
  std::vector<std::shared_ptr<Port>> ports;
  while (!runtime_.ports.empty()) ports.push_back(take_port(runtime_.ports.begin()->first));
  // Twice: after the first the workers drain the schedulers, after the second they have.
  publish_empty();
  publish_empty();
  for (auto& port : ports) platform_.retire(std::move(port));
  for (std::uint16_t i = 0; i < kMaxUplinks; ++i) {
    if (runtime_.uplinks[i].has_value()) platform_.close_uplink(UplinkIndex{i});
  }
}

// -- publishing ----------------------------------------------------------------------------------

void Controller::publish() {
  if (platform_.is_staging()) return;  // the transaction's end publishes
  if (is_going_back_) registry_.dirty().entries.clear();
  assert(journal_ == nullptr || is_in_transaction() || registry_.dirty().entries.empty());
  Dirty dirty = std::exchange(registry_.dirty(), Dirty{});
  if (!dirty.entries.empty()) document_ = Generation{document_.value() + 1U};
  for (const std::uint32_t counter : dirty.fresh_counters) platform_.clear_hits(counter);
  for (const std::uint16_t meter : dirty.fresh_meters) platform_.clear_meter(meter);
  if (!dirty.is_empty()) {
    put_egress(dirty);
    snapshot_ = compile(model(), runtime_, dirty, *snapshot_);
    platform_.publish(snapshot_);
    runtime_.egress.published();
  }
  std::ranges::move(dirty.events, std::back_inserter(events_));
  if (!dirty.entries.empty()) events_.push_back(change_of(dirty.entries));
  if (!is_in_transaction()) tell_events();
  for (const NextHop& next_hop : dirty.next_hops) {
    if (model().tunnels_by_next_hop.contains(next_hop)) {
      platform_.resolve(next_hop.uplink, next_hop.address);
    } else {
      platform_.forget(next_hop.uplink, next_hop.address);
      runtime_.next_hop_macs.erase(next_hop);
    }
  }
}

void Controller::tell_events() {
  if (!events_.empty()) tell_(std::exchange(events_, {}));
}

void Controller::put_egress(const Dirty& dirty) {
  const auto version = static_cast<std::uint32_t>(snapshot_->generation.value() + 1U);
  for (const EndpointIndex index : dirty.endpoints) {
    const EndpointRecord* endpoint = model().endpoint(index);
    if (endpoint != nullptr) {
      runtime_.egress.put(index, endpoint->config.qos, version, runtime_.tsc_hz);
    } else {
      runtime_.egress.remove(index);
    }
  }
  if (!dirty.uplinks) return;
  for (std::uint16_t i = 0; i < kMaxUplinks; ++i) {
    const UplinkIndex index{i};
    const PortRecord* port = model().port(index);
    if (port != nullptr && runtime_.uplinks[i].has_value()) {
      const auto& ports = runtime_.uplinks[i]->opened.port_of_worker;
      runtime_.egress.put(index, port->qos, ports, version, runtime_.tsc_hz);
    } else {
      runtime_.egress.remove(index);
    }
  }
}

void Controller::publish_empty() {
  Runtime nothing;
  nothing.worker_count = runtime_.worker_count;
  nothing.decap = runtime_.decap;
  Snapshot start;
  start.generation = snapshot_->generation;
  snapshot_ = compile(Model{}, nothing, everything(Model{}, nothing), start);
  platform_.publish(snapshot_);
}

// -- ports ---------------------------------------------------------------------------------------

Outcome<UplinkIndex> Controller::add_port(const PortConfig& config) {
  const auto admission = registry_.admit_port(config);
  if (!admission) return admission.error();
  const UplinkIndex index = admission->index;
  if (admission->exists) return index;

  auto opened = platform_.open_uplink(index, config);
  if (!opened) return system_refused("port " + config.name, opened.error());
  registry_.put_port(config, index, opened->mtu);
  runtime_.uplinks[index.value()] = RuntimeUplink{std::move(*opened), {}};
  publish();
  return index;
}

Outcome<Ok> Controller::remove_port(const std::string& name) {
  const auto index = registry_.remove_port(name);
  if (!index) return index.error();
  runtime_.uplinks[index->value()].reset();
  runtime_.rules.erase(port_number(*index));
  forget_path_mtus();  // nobody will report that they expired
  publish();
  platform_.close_uplink(*index);
  return Ok{};
}

Outcome<Ok> Controller::set_port_up(const std::string& name, bool up) {
  const PortRecord* port = model().port(name);
  if (port == nullptr) {
    return refused(ErrorCode::not_found, "port \"" + name + "\" does not exist", "name");
  }
  if (const Status status = platform_.set_uplink_up(port->index, up); !status) {
    return system_refused("port " + name, status.error());
  }
  link_changed(port->index, platform_.link(port->index));
  publish();
  return Ok{};
}

// -- tenants, segments, remotes ------------------------------------------------------------------

Outcome<Ok> Controller::add_access(const AccessConfig& config) {
  auto status = registry_.add_access(config);
  publish();
  return status;
}

Outcome<Ok> Controller::remove_access(const std::string& name) {
  auto status = registry_.remove_access(name);
  publish();
  return status;
}

Outcome<Ok> Controller::set_quota(const std::string& name, const TenantQuota& quota) {
  auto status = registry_.set_quota(name, quota);
  publish();
  return status;
}

Outcome<Ok> Controller::add_tenant(const TenantConfig& config) {
  const bool is_new = model().tenant(config.name) == nullptr;
  if (const auto status = registry_.add_tenant(config); !status) return status.error();
  if (!is_new) return Ok{};
  auto policy = build_policy(*model().tenant(config.name), runtime_.worker_count);
  assert(policy);  // without rules there is nothing to refuse
  put_policy(config.name, std::move(*policy));
  publish();
  return Ok{};
}

Outcome<Ok> Controller::remove_tenant(const std::string& name) {
  if (const auto status = registry_.remove_tenant(name); !status) return status.error();
  runtime_.policies.erase(name);
  publish();  // its meters
  return Ok{};
}

Outcome<SegmentIndex> Controller::add_segment(const SegmentConfig& config) {
  auto policy = policy_with_agents(config);
  if (!policy) return policy.error();
  auto index = registry_.add_segment(config);
  if (!index) return index.error();
  put_policy(config.tenant, std::move(*policy));
  publish();
  return index;
}

Outcome<Ok> Controller::set_segment(const SegmentConfig& config) {
  auto policy = policy_with_agents(config);
  if (!policy) return policy.error();
  const auto status = registry_.set_segment(config);
  if (!status) return status.error();
  put_policy(config.tenant, std::move(*policy));
  publish();
  return Ok{};
}

Outcome<Ok> Controller::remove_segment(const std::string& name) {
  const SegmentRecord* segment = model().segment(name);
  SegmentConfig without_agents = segment == nullptr ? SegmentConfig{} : segment->config;
  without_agents.agents.clear();
  auto policy = policy_with_agents(without_agents);
  if (!policy) return policy.error();
  const auto index = registry_.remove_segment(name);
  if (!index) return index.error();
  put_policy(without_agents.tenant, std::move(*policy));
  forget_learned_in(*index);
  publish();
  return Ok{};
}

Outcome<Ok> Controller::add_remote(const RemoteConfig& config) {
  auto policy = policy_with(config);
  if (!policy) return policy.error();
  const auto index = registry_.add_remote(config);
  if (!index) return index.error();
  put_policy(model().segment(config.segment)->config.tenant, std::move(*policy));
  const SegmentIndex segment = model().remote(*index)->segment;
  // What is configured now needs no learning, and must not come back when it is removed.
  if (const auto learned = runtime_.learned.find(segment); learned != runtime_.learned.end()) {
    for (const RemoteEndpoint& endpoint : config.endpoints) learned->second.erase(endpoint.mac);
  }
  publish();
  return Ok{};
}

Outcome<Ok> Controller::remove_remote(const std::string& segment, const IpAddress& vtep) {
  const auto index = registry_.remove_remote(segment, vtep);
  if (!index) return index.error();
  forget_learned_through(model().segment_names.at(segment), *index);
  publish();
  return Ok{};
}

// -- endpoints -----------------------------------------------------------------------------------

WorkerId Controller::least_loaded_worker() const {
  const auto& load = model().endpoints_of_worker;
  const auto least = std::min_element(load.begin(), load.begin() + runtime_.worker_count);
  return WorkerId{static_cast<std::uint16_t>(least - load.begin())};
}

Outcome<EndpointIndex> Controller::attach(const EndpointConfig& config) {
  const auto admission = registry_.admit_endpoint(config);
  if (!admission) return admission.error();
  const EndpointIndex index = admission->index;
  if (const auto open = runtime_.ports.find(index);
      admission->exists && open != runtime_.ports.end()) {
    if (platform_.is_present(*open->second.port)) return index;
    endpoint_gone(index);  // its namespace was replaced, and nobody has noticed yet
  }
  const bool is_gone = admission->exists;

  const std::string& tenant = model().segment(config.segment)->config.tenant;
  auto policy = policy_with(tenant, {config.identity});
  if (!policy) return policy.error();
  const WorkerId owner = is_gone ? model().endpoint(index)->owner : least_loaded_worker();
  EndpointConfig complete = config;
  complete.mtu = registry_.mtu_of(config);
  if (lives_ && !lives_(config)) return put_gone(config, index);
  // Before and after it is opened: what a path leads to may change in between.
  if (auto failure = check_place(config, {})) return *failure;
  vacate_place_of(config);
  auto port = platform_.open_endpoint(complete, owner);
  if (!port && lives_) {
    spdlog::error("endpoint {}: {}", config.name(), port.error().message);
    return put_gone(config, index);
  }
  if (!port) return system_refused("endpoint " + config.name(), port.error());
  if (auto failure = check_place(config, platform_.identity_of(**port))) {
    platform_.retire(std::move(*port));
    return *failure;
  }

  const std::uint64_t hz = platform_.tsc_hz();
  (*port)->budgets.broadcast = budget(config.bum_budget.broadcast, hz);
  (*port)->budgets.multicast = budget(config.bum_budget.multicast, hz);
  (*port)->budgets.unknown_unicast = budget(config.bum_budget.unknown_unicast, hz);
  (*port)->budgets.icmp_errors = classifier::Budget{kIcmpErrorsPerSecond, kIcmpErrorBurst, hz};
  runtime_.ports.emplace(index, RuntimePort{*port, {}});
  if (is_gone) {
    registry_.reopen_endpoint(index, complete.mtu);
  } else {
    registry_.put_endpoint(config, index, owner);
    put_policy(tenant, std::move(*policy));
    const auto learned = runtime_.learned.find(model().endpoint(index)->segment);
    if (learned != runtime_.learned.end()) learned->second.erase(config.mac);
  }
  if ((*port)->poll_fd() == -1) {
    registry_.dirty().polled = true;
    publish();
    return index;
  }
  publish();
  const Status watched = platform_.watch(index, **port, owner);
  if (watched) return index;

  runtime_.ports.erase(index);
  if (is_gone) {
    registry_.touch_endpoint(index);
  } else {
    registry_.remove_endpoint(index);
  }
  publish();
  platform_.retire(std::move(*port));
  return system_refused("endpoint " + config.name(), watched.error());
}

/// An agent of a tenant names namespaces of the host, so it could name anybody's. `identity`: where its interface is;
/// empty: what the config says.
std::optional<Failure> Controller::check_place(
    const EndpointConfig& config, const std::string& identity
) const {
  if (!place_limit_.has_value()) return std::nullopt;
  const auto leads_to = [&](const std::string& place) {
    if (place.empty()) return false;
    return identity.empty() ? platform_.is_at(config, place) : identity == place;
  };
  std::string reason;
  if (leads_to(platform_.own_identity())) reason = "is the host's network namespace";
  for (const auto& [index, open] : runtime_.ports) {
    if (!reason.empty() || identity.empty()) break;
    const EndpointRecord* other = model().endpoint(index);
    if (other == nullptr) continue;
    const std::string& tenant = model().segment(other->segment)->config.tenant;
    if (place_limit_->contains(tenant) || !leads_to(platform_.identity_of(*open.port))) continue;
    reason = "is of a container of another tenant";
  }
  if (reason.empty()) return std::nullopt;
  return refused(
      ErrorCode::not_permitted,
      "endpoint.netns: " + (config.netns.empty() ? std::to_string(config.pid) : config.netns) +
          " " + reason,
      config.netns.empty() ? "pid" : "netns"
  );
}

/// The port, no longer watched and no longer in the next snapshot.
std::shared_ptr<Port> Controller::take_port(EndpointIndex index) {
  const auto found = runtime_.ports.find(index);
  if (found == runtime_.ports.end()) return nullptr;
  std::shared_ptr<Port> port = std::move(found->second.port);
  runtime_.ports.erase(found);
  if (port->poll_fd() == -1) {
    registry_.dirty().polled = true;
  } else {
    platform_.unwatch(index, *port, model().endpoint(index)->owner);
  }
  return port;
}

std::size_t Controller::detach(
    const std::string& container, const std::optional<std::string>& ifname
) {
  std::vector<EndpointIndex> detached;
  const auto& names = model().endpoint_names;
  for (auto it = names.lower_bound(EndpointName{container, ifname.value_or("")});
       it != names.end() && it->first.container == container;
       ++it) {
    if (!ifname.has_value() || it->first.ifname == *ifname) detached.push_back(it->second);
  }
  std::vector<std::shared_ptr<Port>> ports;
  for (const EndpointIndex index : detached) {
    if (auto port = take_port(index)) ports.push_back(std::move(port));
    forget_rules_about(index);
    registry_.remove_endpoint(index);
    if (before_ != nullptr) before_->detached.push_back(index);
  }
  publish();
  for (auto& port : ports) platform_.retire(std::move(port));
  return detached.size();
}

// -- the rest ------------------------------------------------------------------------------------

void Controller::set_forwarding(bool is_forwarding) {
  if (runtime_.is_forwarding == is_forwarding) return;
  runtime_.is_forwarding = is_forwarding;
  registry_.dirty().globals = true;
  publish();
}

void Controller::clear_counters() {
  for (std::uint16_t w = 0; w < runtime_.worker_count; ++w) {
    runtime_.cleared[w] = read(platform_.counters(WorkerId{w}));
  }
  for (auto& uplink : runtime_.uplinks) {
    if (!uplink.has_value()) continue;
    uplink->cleared = PortReading{};
    for (const Port* port : uplink->opened.port_of_worker) {
      if (port != nullptr) uplink->cleared += read(port->counters);
    }
  }
  for (auto& [index, port] : runtime_.ports) port.cleared = read(port.port->counters);
}

}  // namespace weft::control
