#include "control/staged_platform.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include <spdlog/spdlog.h>

namespace weft::control {
namespace {

/// MTU of an uplink in a trial whose config leaves it to the device.
constexpr std::uint16_t kUsualMtu = 1500;

/// What a trial opens: carries nothing, is never published.
class StandIn final : public Port {
 public:
  explicit StandIn(std::string name) : Port{std::move(name), PortTraits{}} {}
  [[nodiscard]] std::uint16_t rx_burst(rte_mbuf**, std::uint16_t) noexcept override { return 0; }
  [[nodiscard]] std::uint16_t tx_burst(rte_mbuf**, std::uint16_t) noexcept override { return 0; }
  [[nodiscard]] int poll_fd() const noexcept override { return -1; }
  [[nodiscard]] const char* kind() const noexcept override { return "stand-in"; }
};

}  // namespace

// -- the life of a transaction -------------------------------------------------------------------

void StagedPlatform::begin(Mode mode) {
  assert(!is_staging() && mode != Mode::direct);
  mode_ = mode;
}

void StagedPlatform::begin_commit() {
  assert(mode_ == Mode::staged);
  mode_ = Mode::direct;
  for (const Watch& watch : to_unwatch_) machine_.unwatch(watch.endpoint, *watch.port, watch.owner);
  has_unwatched_ = true;
}

std::optional<Error> StagedPlatform::watch_opened() {
  for (const Watch& watch : to_watch_) {
    const Status watched = machine_.watch(watch.endpoint, *watch.port, watch.owner);
    if (watched) continue;
    for (const Watch& before : to_watch_) {
      if (before.port == watch.port) break;
      machine_.unwatch(before.endpoint, *before.port, before.owner);
    }
    return Error{"endpoint " + watch.port->name() + ": " + watched.error().message};
  }
  return std::nullopt;
}

void StagedPlatform::finish() {
  for (auto& port : to_retire_) machine_.retire(std::move(port));
  for (const UplinkIndex index : to_close_) close_uplink(index);
  for (const auto& endpoint : to_flush_) machine_.flush_flows(endpoint);
  clear();
}

StagedPlatform::Leftover StagedPlatform::roll_back() {
  const bool is_trial = mode_ == Mode::trial;
  mode_ = Mode::direct;
  Leftover leftover;
  if (!is_trial) {
    for (const Watch& watch : to_unwatch_) {
      if (!has_unwatched_) break;
      const Status watched = machine_.watch(watch.endpoint, *watch.port, watch.owner);
      if (watched) continue;
      spdlog::error("port {}: {}", watch.port->name(), watched.error().message);
      leftover.unwatched.push_back(watch.endpoint);
    }
    for (auto& port : opened_) machine_.retire(std::move(port));
    for (const UplinkIndex index : opened_uplinks_) close_uplink(index);
    for (const auto& [index, was_up] : was_set_up_) {
      const Status set = set_uplink_up(index, was_up);
      if (!set) spdlog::error("port {}: {}", index.value(), set.error().message);
    }
  }
  leftover.offered = std::move(offered_);
  for (const UplinkIndex index : opened_uplinks_) leftover.offered.erase(index);
  clear();
  return leftover;
}

void StagedPlatform::release(EndpointIndex endpoint, const Port& port) {
  const auto watch = std::ranges::find(to_unwatch_, endpoint, &Watch::endpoint);
  if (watch != to_unwatch_.end()) {
    machine_.unwatch(watch->endpoint, *watch->port, watch->owner);
    to_unwatch_.erase(watch);
  }
  std::erase_if(to_retire_, [&](const auto& leaving) { return leaving.get() == &port; });
}

void StagedPlatform::clear() {
  opened_uplinks_.clear();
  opened_.clear();
  stand_ins_.clear();
  was_set_up_.clear();
  offered_.clear();
  to_watch_.clear();
  to_unwatch_.clear();
  to_retire_.clear();
  to_close_.clear();
  to_flush_.clear();
  has_unwatched_ = false;
}

// -- uplinks -------------------------------------------------------------------------------------

OpenedUplink StagedPlatform::stand_in_uplink(const PortConfig& config) {
  OpenedUplink opened;
  opened.mtu = config.mtu != 0 ? config.mtu : kUsualMtu;
  opened.rx_queues = opened.tx_queues = config.queues != 0 ? config.queues : worker_count();
  for (std::uint16_t w = 0; w < worker_count(); ++w) {
    stand_ins_.push_back(std::make_unique<StandIn>(config.name));
    opened.port_of_worker.push_back(stand_ins_.back().get());
  }
  return opened;
}

Result<OpenedUplink> StagedPlatform::open_uplink(UplinkIndex index, const PortConfig& config) {
  if (!is_staging()) return machine_.open_uplink(index, config);
  if (is_trial()) {
    opened_uplinks_.insert(index);
    return stand_in_uplink(config);
  }
  auto opened = machine_.open_uplink(index, config);
  if (opened) opened_uplinks_.insert(index);
  return opened;
}

void StagedPlatform::close_uplink(UplinkIndex index) {
  if (is_staging() && !is_opened_here(index)) {
    to_close_.push_back(index);
    return;
  }
  if (is_trial()) {
    opened_uplinks_.erase(index);
    return;
  }
  if (is_staging()) {
    opened_uplinks_.erase(index);
    offered_.erase(index);
  }
  down_.erase(index);
  machine_.close_uplink(index);
}

Status StagedPlatform::set_uplink_up(UplinkIndex index, bool up) {
  if (is_trial()) return Ok{};
  if (is_staging() && !is_opened_here(index)) {
    // Not what its link says: that may be down because nothing is plugged in.
    was_set_up_.emplace(index, !down_.contains(index));
  }
  Status set = machine_.set_uplink_up(index, up);
  if (!set) return set;
  if (up) {
    down_.erase(index);
  } else {
    down_.insert(index);
  }
  return set;
}

LinkState StagedPlatform::link(UplinkIndex index) const {
  if (is_trial() && is_opened_here(index)) return {true, 0};
  return machine_.link(index);
}

DeviceLosses StagedPlatform::device_losses(UplinkIndex index) const {
  if (is_trial() && is_opened_here(index)) return {};
  return machine_.device_losses(index);
}

void StagedPlatform::resolve(UplinkIndex uplink, const IpAddress& next_hop) {
  assert(!is_staging());
  machine_.resolve(uplink, next_hop);
}

void StagedPlatform::forget(UplinkIndex uplink, const IpAddress& next_hop) {
  assert(!is_staging());
  machine_.forget(uplink, next_hop);
}

// -- container ports -----------------------------------------------------------------------------

Result<std::shared_ptr<Port>> StagedPlatform::open_endpoint(
    const EndpointConfig& config, WorkerId owner
) {
  if (!is_staging()) return machine_.open_endpoint(config, owner);
  if (is_trial()) {
    opened_.push_back(std::make_shared<StandIn>(config.name()));
    return std::shared_ptr<Port>{opened_.back()};
  }
  auto port = machine_.open_endpoint(config, owner);
  if (port) opened_.push_back(*port);
  return port;
}

std::string StagedPlatform::place_of(const EndpointConfig& config) const {
  return machine_.place_of(config);
}

bool StagedPlatform::is_present(const Port& port) const {
  const bool is_stand_in = is_trial() && std::ranges::any_of(opened_, [&](const auto& opened) {
                             return opened.get() == &port;
                           });
  return is_stand_in || machine_.is_present(port);
}

std::string StagedPlatform::identity_of(const Port& port) const {
  return machine_.identity_of(port);
}

bool StagedPlatform::is_at(const EndpointConfig& config, const std::string& identity) const {
  return machine_.is_at(config, identity);
}

std::string StagedPlatform::own_identity() const {
  return machine_.own_identity();
}

Status StagedPlatform::watch(EndpointIndex endpoint, Port& port, WorkerId owner) {
  if (!is_staging()) return machine_.watch(endpoint, port, owner);
  to_watch_.push_back({endpoint, &port, owner});
  return Ok{};
}

void StagedPlatform::unwatch(EndpointIndex endpoint, Port& port, WorkerId owner) {
  if (!is_staging()) {
    machine_.unwatch(endpoint, port, owner);
    return;
  }
  const auto opened = std::ranges::find(to_watch_, &port, &Watch::port);
  if (opened != to_watch_.end()) {
    to_watch_.erase(opened);
  } else {
    to_unwatch_.push_back({endpoint, &port, owner});
  }
}

void StagedPlatform::retire(std::shared_ptr<Port> port) {
  if (!is_staging()) {
    machine_.retire(std::move(port));
    return;
  }
  const auto opened = std::ranges::find(opened_, port);
  if (opened == opened_.end()) {
    to_retire_.push_back(std::move(port));
    return;
  }
  opened_.erase(opened);  // no snapshot has ever named it
  if (!is_trial()) machine_.retire(std::move(port));
}

// -- workers and classification ------------------------------------------------------------------

void StagedPlatform::publish(std::shared_ptr<const Snapshot> snapshot) {
  assert(!is_staging());
  machine_.publish(std::move(snapshot));
}

Status StagedPlatform::offload_rules(
    UplinkIndex uplink, std::span<const classifier::PortRule> rules
) {
  if (is_trial()) return Ok{};
  if (is_staging()) offered_.insert(uplink);
  return machine_.offload_rules(uplink, rules);
}

std::optional<std::string> StagedPlatform::software_because(UplinkIndex uplink, std::uint32_t rule)
    const {
  if (is_trial()) return "a plan offers no rule to a device";
  return machine_.software_because(uplink, rule);
}

Status StagedPlatform::can_offload(UplinkIndex uplink, const classifier::MatchRule& rule) const {
  if (is_trial() && is_opened_here(uplink)) return Error{"a plan offers no rule to a device"};
  return machine_.can_offload(uplink, rule);
}

HitCounts StagedPlatform::offloaded_counts(UplinkIndex uplink, std::uint32_t rule) const {
  if (is_trial()) return {};
  return machine_.offloaded_counts(uplink, rule);
}

void StagedPlatform::flush_flows(std::optional<EndpointIndex> endpoint) {
  if (!is_staging()) {
    machine_.flush_flows(endpoint);
  } else {
    to_flush_.push_back(endpoint);
  }
}

// -- the machine's word ---------------------------------------------------------------------------

std::uint16_t StagedPlatform::worker_count() const {
  return machine_.worker_count();
}

std::uint64_t StagedPlatform::tsc_hz() const {
  return machine_.tsc_hz();
}

WorkerFacts StagedPlatform::facts(WorkerId worker) const {
  return machine_.facts(worker);
}

const WorkerCounters& StagedPlatform::counters(WorkerId worker) const {
  return machine_.counters(worker);
}

std::uint64_t StagedPlatform::in_flight() const {
  return machine_.in_flight();
}

MbufLevels StagedPlatform::mbuf_levels() const {
  return machine_.mbuf_levels();
}

bool StagedPlatform::was_active(SegmentIndex segment, const MacAddress& mac, TimePoint since)
    const {
  return machine_.was_active(segment, mac, since);
}

HitCounts StagedPlatform::hits(std::uint32_t counter) const {
  return machine_.hits(counter);
}

void StagedPlatform::clear_hits(std::uint32_t counter) {
  machine_.clear_hits(counter);
}

void StagedPlatform::clear_meter(std::uint16_t meter) {
  machine_.clear_meter(meter);
}

ColourCounts StagedPlatform::colours(std::uint16_t meter) const {
  return machine_.colours(meter);
}

std::optional<SchedulerReading> StagedPlatform::queues(UplinkIndex uplink) const {
  return machine_.queues(uplink);
}

std::optional<SchedulerReading> StagedPlatform::queues(EndpointIndex endpoint) const {
  return machine_.queues(endpoint);
}

std::vector<FlowReading> StagedPlatform::flows(const FlowFilter& filter) const {
  return machine_.flows(filter);
}

}  // namespace weft::control
