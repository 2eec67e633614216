// What workers keep about flows, rules and meters, read and cleared for control.
#include <algorithm>
#include <chrono>
#include <thread>

#include "control/host.h"
#include "dataplane/flow_request.h"
#include "dataplane/net/headers.h"
#include "dataplane/scheduler.h"
#include "dataplane/tables.h"

namespace weft::control {
namespace {

void add(SchedulerReading& sum, const PortScheduler& scheduler) {
  for (const classifier::Phb phb : classifier::kPhbs) {
    const QueueCounters& counters = scheduler.counters(phb);
    QueueReading& queue = sum[static_cast<std::size_t>(phb)];
    queue.packets += counters.packets.get();
    queue.octets += counters.octets.get();
    queue.dropped_full += counters.dropped_full.get();
    queue.dropped_early += counters.dropped_early.get();
    queue.marked += counters.marked.get();
    queue.length += static_cast<std::uint32_t>(counters.length.get());
  }
}

FlowReading reading_of(
    const classifier::FlowEntry& entry, classifier::CoarseTime now, WorkerId worker
) {
  const bool is_low_opener = (entry.flags & classifier::kOpenerIsLow) != 0;
  const classifier::KeyedPacket opening{entry.key, is_low_opener};
  FlowReading reading;
  reading.endpoint = entry.key.endpoint();
  reading.worker = worker;
  if (entry.key.kind() == classifier::KeyKind::ethernet) {
    reading.ether_type = opening.source_port();
  } else {
    reading.opener = opening.source();
    reading.responder = opening.destination();
    reading.opener_port = opening.source_port();
    reading.responder_port = opening.destination_port();
    reading.ether_type = reading.opener.is_v4() ? kEtherTypeIpv4 : kEtherTypeIpv6;
    reading.protocol = entry.key.protocol();
  }
  reading.state = info(entry.state).name;
  const auto idle = static_cast<std::int32_t>(now.value() - entry.seen.value());
  reading.idle_s = static_cast<std::uint32_t>(std::max(idle, 0)) / classifier::kTicksPerSecond;
  reading.packets = entry.packets;
  reading.counter = entry.decision.rule;
  reading.dscp = entry.decision.dscp;
  reading.l7 = entry.l7;
  return reading;
}

// Iterations are microseconds, and a request takes a few hundred of them at most.
void ask(Worker& worker, FlowRequest& request) {
  worker.ask(request);
  while (!worker.has_answered()) std::this_thread::sleep_for(std::chrono::microseconds{5});
}

}  // namespace

HitCounts Host::hits(std::uint32_t counter) const {
  HitCounts sum;
  for (const auto& worker : workers_) {
    const RuleHits& hits = worker->tables().hits(counter);
    sum.packets += hits.packets.get();
    sum.octets += hits.octets.get();
    sum.connections += hits.connections.get();
  }
  if (const auto base = hits_base_.find(counter); base != hits_base_.end()) {
    sum.packets -= base->second.packets;
    sum.octets -= base->second.octets;
    sum.connections -= base->second.connections;
  }
  return sum;
}

// Counters have one writer, the worker: what control clears is where it counts from.
void Host::clear_hits(std::uint32_t counter) {
  hits_base_.erase(counter);
  const HitCounts now = hits(counter);
  if (now.packets != 0 || now.connections != 0) hits_base_[counter] = now;
}

ColourCounts Host::colours(std::uint16_t meter) const {
  ColourCounts sum;
  for (const auto& worker : workers_) {
    const MeterSlot& slot = worker->tables().meter(meter);
    for (std::size_t i = 0; i < classifier::kColourCount; ++i) {
      sum.packets[i] += slot.packets[i].get();
      sum.octets[i] += slot.octets[i].get();
    }
  }
  if (const auto base = colours_base_.find(meter); base != colours_base_.end()) {
    for (std::size_t i = 0; i < classifier::kColourCount; ++i) {
      sum.packets[i] -= base->second.packets[i];
      sum.octets[i] -= base->second.octets[i];
    }
  }
  return sum;
}

void Host::clear_meter(std::uint16_t meter) {
  colours_base_.erase(meter);
  colours_base_[meter] = colours(meter);
}

std::optional<SchedulerReading> Host::queues(UplinkIndex uplink) const {
  std::optional<SchedulerReading> sum;
  for (const PortScheduler* scheduler : published_.read()->uplinks[uplink.value()].scheduler) {
    if (scheduler == nullptr) continue;
    if (!sum) sum.emplace();
    add(*sum, *scheduler);
  }
  return sum;
}

std::optional<SchedulerReading> Host::queues(EndpointIndex endpoint) const {
  const EndpointEntry* entry = published_.read()->endpoints.find(endpoint.value());
  if (entry == nullptr || entry->scheduler == nullptr) return std::nullopt;
  SchedulerReading sum{};
  add(sum, *entry->scheduler);
  return sum;
}

std::vector<FlowReading> Host::flows(const FlowFilter& filter) const {
  std::vector<FlowReading> readings;
  if (!are_threads_running_) return readings;
  for (std::size_t i = 0; i < workers_.size() && readings.size() < filter.limit; ++i) {
    FlowRequest request;
    request.endpoint = filter.endpoint;
    request.address = filter.address;
    request.port = filter.port;
    request.found.reserve(filter.limit - readings.size());
    ask(*workers_[i], request);
    for (const classifier::FlowEntry& entry : request.found) {
      const WorkerId worker{static_cast<std::uint16_t>(i)};
      readings.push_back(reading_of(entry, request.now, worker));
    }
  }
  return readings;
}

void Host::flush_flows(std::optional<EndpointIndex> endpoint) {
  if (!are_threads_running_) return;
  for (const auto& worker : workers_) {
    FlowRequest request;
    request.kind = FlowRequest::Kind::forget;
    request.endpoint = endpoint;
    ask(*worker, request);
  }
}

}  // namespace weft::control
