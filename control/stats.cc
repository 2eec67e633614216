#include "control/stats.h"

#include <cmath>
#include <utility>

#include "control/params.h"
#include "dataplane/base/lanes.h"
#include "dataplane/port/port.h"

namespace weft::control {
namespace {

WorkerReading sum_of_workers(const Platform& platform) {
  WorkerReading sum;
  for (std::uint16_t w = 0; w < platform.worker_count(); ++w) {
    sum += read(platform.counters(WorkerId{w}));
  }
  return sum;
}

/// One worker since the counters were cleared.
WorkerReading reading_of(const Controller& controller, std::uint16_t worker) {
  WorkerReading reading = read(controller.platform().counters(WorkerId{worker}));
  reading -= controller.runtime().cleared[worker];
  return reading;
}

/// The terms of the law, in the order of its comment in counters.h.
std::uint64_t came_in(const WorkerReading& sum) {
  return sum.of(&WorkerCounters::rx) + sum.of(&WorkerCounters::cloned) +
         sum.of(&WorkerCounters::segmented) + sum.of(&WorkerCounters::injected);
}
std::uint64_t went_out(const WorkerReading& sum) {
  return sum.of(&WorkerCounters::tx) + sum.dropped() + sum.of(&WorkerCounters::coalesced) +
         sum.of(&WorkerCounters::punted);
}

Json pool_json(const PoolLevel& level) {
  return Json{{"size", level.size}, {"in_use", level.in_use}};
}

Json describe_uplink(const Controller& controller, const PortRecord& port) {
  const RuntimeUplink& uplink = *controller.runtime().uplinks[port.index.value()];
  const OpenedUplink& opened = uplink.opened;
  const PortReading reading = reading_of(uplink);
  const DeviceLosses losses = controller.platform().device_losses(port.index);
  return Json{
      {"port", port_number(port.index)},
      {"name", port.config.name},
      {"kind", "ethdev"},
      {"role", "uplink"},
      {"endpoint", nullptr},
      {"device", port.config.device},
      {"driver", opened.driver},
      {"mac", format(opened.mac)},
      {"mtu", opened.mtu},
      {"link",
       opened.link.is_up ? "up"
                         : "down"},  // what the workers go by, not what the device says just now
      {"speed_mbps", opened.link.speed_mbps},
      {"rx_queues", opened.rx_queues},
      {"tx_queues", opened.tx_queues},
      {"owner_worker", nullptr},
      {"addresses", to_json(port.config)["addresses"]},
      {"uses", opened.uses},
      {"falls_back", opened.falls_back},
      {"counters", counters_json(reading)},
      {"drops", drops_json(reading.drops)},
      {"device_losses",
       {{"rx_missed", losses.rx_missed},
        {"rx_no_mbuf", losses.rx_no_mbuf},
        {"rx_errors", losses.rx_errors},
        {"tx_errors", losses.tx_errors}}},
  };
}

Json describe_container_port(const Controller& controller, const EndpointRecord& endpoint) {
  const auto found = controller.runtime().ports.find(endpoint.index);
  const bool is_up = found != controller.runtime().ports.end();
  const PortReading reading = is_up ? reading_of(found->second) : PortReading{};
  const EndpointConfig& config = endpoint.config;
  const char* kind = name(config.kind);
  return Json{
      {"port", port_number(endpoint.index)},
      {"name", config.name()},
      {"kind", kind},
      {"role", "container"},
      {"endpoint", config.name()},
      {"device", config.socket.empty() ? config.ifname : config.socket},
      {"driver", kind},
      {"mac", format(config.mac)},
      {"mtu", endpoint.mtu},
      {"link", is_up ? "up" : "down"},
      {"speed_mbps", 0},
      {"rx_queues", 1},
      {"tx_queues", 1},
      {"owner_worker", endpoint.owner.value()},
      {"addresses", to_json(config)["addresses"]},
      {"uses", Json::array()},
      {"falls_back", Json::array()},
      {"counters", counters_json(reading)},
      {"drops", drops_json(reading.drops)},
  };
}

}  // namespace

std::uint32_t port_number(UplinkIndex uplink) noexcept {
  return uplink.value();
}

std::uint32_t port_number(EndpointIndex endpoint) noexcept {
  return static_cast<std::uint32_t>(kMaxUplinks) + endpoint.value();
}

PortReading reading_of(const RuntimePort& port) {
  PortReading reading = read(port.port->counters);
  reading -= port.cleared;
  return reading;
}

PortReading reading_of(const RuntimeUplink& uplink) {
  PortReading reading;
  for (const Port* port : uplink.opened.port_of_worker) {
    if (port != nullptr) reading += read(port->counters);
  }
  reading -= uplink.cleared;
  return reading;
}

Json counters_json(const PortReading& reading) {
  return Json{
      {"rx_packets", reading.rx_packets},
      {"rx_octets", reading.rx_octets},
      {"tx_packets", reading.tx_packets},
      {"tx_octets", reading.tx_octets},
  };
}

Json drops_json(const DropNumbers& drops) {
  Json json = Json::object();
  for (std::size_t i = 0; i < drops.size(); ++i) {
    if (drops[i] != 0) json[std::string{kDropInfo[i].name}] = drops[i];
  }
  return json;
}

Conservation conservation(const Platform& platform) {
  // Frames in flight are looked at between two readings: when the readings agree, nothing moved and
  // the law is exact; else it is tried again, and judged with what workers may have in their hands.
  constexpr int kTries = 16;
  Conservation result;
  const std::int64_t in_hand = std::int64_t{platform.worker_count()} * kMaxBurst;
  for (int i = 0; i < kTries && !result.holds; ++i) {
    const WorkerReading before = sum_of_workers(platform);
    result.in_flight = platform.in_flight();
    const WorkerReading after = sum_of_workers(platform);
    const bool is_moving = came_in(before) != came_in(after) || went_out(before) != went_out(after);
    const auto least = static_cast<std::int64_t>(came_in(before) - went_out(after));
    const auto most = static_cast<std::int64_t>(came_in(after) - went_out(before));
    const auto in_flight = static_cast<std::int64_t>(result.in_flight);
    const std::int64_t slack = is_moving ? in_hand : 0;
    result.holds = least - slack <= in_flight && in_flight <= most + slack;
    result.unaccounted = static_cast<std::int64_t>(came_in(after) - went_out(after)) - in_flight;
  }
  return result;
}

Json list_ports(const Controller& controller) {
  Json ports = Json::array();
  for (std::uint16_t i = 0; i < kMaxUplinks; ++i) {
    const PortRecord* port = controller.model().port(UplinkIndex{i});
    if (port != nullptr) ports.push_back(describe_uplink(controller, *port));
  }
  for (const auto& [index, endpoint] : controller.model().endpoints) {
    ports.push_back(describe_container_port(controller, endpoint));
  }
  return Json{{"ports", std::move(ports)}};
}

Json get_stats(const Controller& controller) {
  WorkerReading sum;
  for (std::uint16_t w = 0; w < controller.runtime().worker_count; ++w) {
    sum += reading_of(controller, w);
  }
  const Conservation law = conservation(controller.platform());
  Json totals{
      {"rx", sum.of(&WorkerCounters::rx)},
      {"tx", sum.of(&WorkerCounters::tx)},
      {"cloned", sum.of(&WorkerCounters::cloned)},
      {"segmented", sum.of(&WorkerCounters::segmented)},
      {"injected", sum.of(&WorkerCounters::injected)},
      {"coalesced", sum.of(&WorkerCounters::coalesced)},
      {"punted", sum.of(&WorkerCounters::punted)},
      {"drops", sum.dropped()},
      {"in_flight", law.in_flight},
      {"encapsulated", sum.of(&WorkerCounters::encapsulated)},
      {"decapsulated", sum.of(&WorkerCounters::decapsulated)},
      {"suppressed", sum.of(&WorkerCounters::suppressed)},
      {"too_big_answers", sum.of(&WorkerCounters::too_big_answers)},
      {"handed_over", sum.of(&WorkerCounters::handed_over)},
  };
  Json ports = Json::array();
  for (const auto& [key, port] : controller.model().ports) {
    Json entry{{"port", port_number(port.index)}, {"name", key}};
    entry.update(counters_json(reading_of(*controller.runtime().uplinks[port.index.value()])));
    ports.push_back(std::move(entry));
  }
  for (const auto& [index, port] : controller.runtime().ports) {
    const std::string name = controller.model().endpoint(index)->config.name();
    Json entry{{"port", port_number(index)}, {"name", name}};
    entry.update(counters_json(reading_of(port)));
    ports.push_back(std::move(entry));
  }
  const MbufLevels levels = controller.platform().mbuf_levels();
  return Json{
      {"generation", controller.generation().value()},
      {"totals", std::move(totals)},
      {"conserved", law.holds},
      {"unaccounted", law.unaccounted},
      {"ports", std::move(ports)},
      {"mbufs", {{"small", pool_json(levels.small)}, {"large", pool_json(levels.large)}}},
  };
}

Json list_drops(const Controller& controller, bool all) {
  const std::uint16_t workers = controller.runtime().worker_count;
  std::vector<WorkerReading> readings;
  for (std::uint16_t w = 0; w < workers; ++w) readings.push_back(reading_of(controller, w));
  Json drops = Json::array();
  for (std::size_t reason = 1; reason < kDropReasonCount; ++reason) {  // 0 is "none"
    std::uint64_t count = 0;
    Json by_worker = Json::array();
    for (const WorkerReading& reading : readings) {
      count += reading.drops[reason];
      by_worker.push_back(reading.drops[reason]);
    }
    if (count == 0 && !all) continue;
    drops.push_back(Json{
        {"reason", kDropInfo[reason].name},
        {"number", reason},
        {"count", count},
        {"sentence", kDropInfo[reason].sentence},
        {"by_worker", std::move(by_worker)},
    });
  }
  return Json{{"drops", std::move(drops)}};
}

Json list_workers(const Controller& controller) {
  const Platform& platform = controller.platform();
  Json workers = Json::array();
  for (std::uint16_t w = 0; w < controller.runtime().worker_count; ++w) {
    const WorkerReading reading = reading_of(controller, w);
    const WorkerFacts facts = platform.facts(WorkerId{w});
    std::uint64_t ports = controller.model().endpoints_of_worker[w];
    for (const auto& uplink : controller.runtime().uplinks) {
      if (uplink.has_value() && uplink->opened.port_of_worker[w] != nullptr) ++ports;
    }
    const auto busy = static_cast<double>(reading.of(&WorkerCounters::busy_cycles));
    const auto idle = static_cast<double>(reading.of(&WorkerCounters::idle_cycles));
    const double percent = busy + idle == 0 ? 0 : 100 * busy / (busy + idle);
    const auto longest =
        static_cast<double>(platform.counters(WorkerId{w}).longest_iteration.get());
    const double longest_us = longest * 1e6 / static_cast<double>(platform.tsc_hz());
    workers.push_back(Json{
        {"worker", w},
        {"core", facts.core},
        {"ports", ports},
        {"iterations", reading.of(&WorkerCounters::iterations)},
        {"idle_iterations", reading.of(&WorkerCounters::idle_iterations)},
        {"busy_cycles", reading.of(&WorkerCounters::busy_cycles)},
        {"idle_cycles", reading.of(&WorkerCounters::idle_cycles)},
        {"busy_percent", std::round(percent * 10) / 10},
        {"longest_iteration_us", std::round(longest_us * 10) / 10},
        {"rx", reading.of(&WorkerCounters::rx)},
        {"tx", reading.of(&WorkerCounters::tx)},
        {"drops", reading.dropped()},
        {"handed_over", reading.of(&WorkerCounters::handed_over)},
        {"taken_over", reading.of(&WorkerCounters::taken_over)},
        {"generation", facts.generation.value()},
    });
  }
  return Json{
      {"workers", std::move(workers)},
      {"tsc_hz", platform.tsc_hz()},
      {"forwarding", controller.runtime().is_forwarding}};
}

}  // namespace weft::control
