#include "control/egress.h"

#include <algorithm>
#include <utility>

namespace weft::control {
namespace {

constexpr std::uint64_t kBitsPerOctet = 8;
/// Preamble, start of frame, frame check sequence and gap: what a frame takes on the wire beside itself.
constexpr std::uint16_t kEthernetOverhead = 24;
/// Frames that wait for one container in one class: large segments among them, so that is much already.
constexpr std::uint32_t kEndpointCapacity = 64;

std::shared_ptr<const SchedulerPlan> plan_of(
    const SchedulerConfig& config, std::uint32_t version, std::uint64_t tsc_hz
) {
  return std::make_shared<const SchedulerPlan>(weft::compile(config, version, tsc_hz));
}

}  // namespace

SchedulerConfig scheduler_config(const PortQosConfig& config, std::size_t queues) {
  SchedulerConfig scheduler;
  const std::uint64_t share = std::max<std::uint64_t>(queues, 1);
  scheduler.rate = config.rate / kBitsPerOctet / share;
  scheduler.burst = config.burst / share;
  scheduler.frame_overhead = kEthernetOverhead;
  scheduler.ef_share = scheduler.rate == 0 ? 100 : config.ef_share_percent;
  std::ranges::copy(config.weights, scheduler.weights.begin());
  return scheduler;
}

SchedulerConfig scheduler_config(const EndpointQosConfig& config) {
  SchedulerConfig scheduler;
  scheduler.rate = config.rate_in / kBitsPerOctet;
  scheduler.burst = config.burst_in;
  for (QueueConfig& queue : scheduler.queues) queue.capacity = kEndpointCapacity;
  return scheduler;
}

template <typename Index>
void EgressSchedulers::retire(std::map<Index, Wanted>& from, Index index) {
  const auto found = from.find(index);
  if (found == from.end()) return;
  for (auto& scheduler : found->second.egress.schedulers) {
    if (scheduler != nullptr) retired_.push_back(std::move(scheduler));
  }
  from.erase(found);
}

void EgressSchedulers::remove(EndpointIndex endpoint) {
  retire(endpoints_, endpoint);
}

void EgressSchedulers::remove(UplinkIndex uplink) {
  retire(uplinks_, uplink);
}

void EgressSchedulers::put(
    EndpointIndex endpoint,
    const EndpointQosConfig& config,
    std::uint32_t version,
    std::uint64_t tsc_hz
) {
  if (config.rate_in == 0) {
    remove(endpoint);
    return;
  }
  const SchedulerConfig wanted = scheduler_config(config);
  auto [entry, is_new] = endpoints_.try_emplace(endpoint);
  if (!is_new && entry->second.config == wanted) return;
  Egress& egress = entry->second.egress;
  entry->second.config = wanted;
  egress.plan = plan_of(wanted, version, tsc_hz);
  if (is_new) egress.schedulers.push_back(std::make_shared<PortScheduler>(*egress.plan));
}

void EgressSchedulers::put(
    UplinkIndex uplink,
    const std::optional<PortQosConfig>& config,
    const std::vector<Port*>& port_of_worker,
    std::uint32_t version,
    std::uint64_t tsc_hz
) {
  if (!config.has_value()) {
    remove(uplink);
    return;
  }
  const auto queues =
      std::ranges::count_if(port_of_worker, [](const Port* port) { return port != nullptr; });
  const SchedulerConfig wanted = scheduler_config(*config, static_cast<std::size_t>(queues));
  auto [entry, is_new] = uplinks_.try_emplace(uplink);
  if (!is_new && entry->second.config == wanted) return;
  Egress& egress = entry->second.egress;
  entry->second.config = wanted;
  egress.plan = plan_of(wanted, version, tsc_hz);
  if (!is_new) return;
  for (const Port* port : port_of_worker) {
    egress.schedulers.push_back(
        port != nullptr ? std::make_shared<PortScheduler>(*egress.plan) : nullptr
    );
  }
}

const Egress* EgressSchedulers::find(EndpointIndex endpoint) const {
  const auto found = endpoints_.find(endpoint);
  return found == endpoints_.end() ? nullptr : &found->second.egress;
}

const Egress* EgressSchedulers::find(UplinkIndex uplink) const {
  const auto found = uplinks_.find(uplink);
  return found == uplinks_.end() ? nullptr : &found->second.egress;
}

void EgressSchedulers::published() noexcept {
  draining_ = std::exchange(retired_, {});
}

}  // namespace weft::control
