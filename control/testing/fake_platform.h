// FakePlatform: a machine of ports that carry nothing, which fails on demand and watches the order
// of calls that platform.h asks for.
//
//   FakePlatform platform;
//   Controller controller{platform};
//   platform.next_failure["open_endpoint"] = "no such namespace";
//   EXPECT_FALSE(controller.attach(config));
//   EXPECT_TRUE(platform.violations.empty());
#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "control/platform.h"

namespace weft::control {

/// A port that carries nothing. Counts how many of its kind are alive.
class FakePort final : public Port {
 public:
  FakePort(std::string name, PortKind kind, int& alive)
      : Port{std::move(name), PortTraits{}}, kind_{kind}, alive_{alive} {
    ++alive_;
  }
  ~FakePort() override { --alive_; }
  [[nodiscard]] std::uint16_t rx_burst(rte_mbuf**, std::uint16_t) noexcept override { return 0; }
  [[nodiscard]] std::uint16_t tx_burst(rte_mbuf**, std::uint16_t) noexcept override { return 0; }
  [[nodiscard]] int poll_fd() const noexcept override {
    return kind_ == PortKind::tap || kind_ == PortKind::veth ? 1000 : -1;
  }
  [[nodiscard]] const char* kind() const noexcept override { return "fake"; }

 private:
  PortKind kind_;
  int& alive_;
};

class FakePlatform final : public Platform {
 public:
  explicit FakePlatform(std::uint16_t workers = 2) : workers_{workers} {
    for (std::uint16_t w = 0; w < workers; ++w) {
      counters_.push_back(std::make_unique<WorkerCounters>());
    }
  }

  // -- what a test sets --------------------------------------------------------------------------
  /// By function name; the entry is used up by one call.
  std::map<std::string, std::string> next_failure;
  /// The same for every call.
  std::map<std::string, std::string> every_failure;
  std::set<UplinkIndex> unplugged;  // no link, however they are set
  std::uint16_t uplink_mtu = 1500;  // unless the config says otherwise
  std::uint16_t uplink_queues = 2;
  std::uint64_t frames_in_flight = 0;
  std::set<MacAddress> active_macs;
  std::map<std::uint32_t, HitCounts> hit_counts;
  std::map<std::uint16_t, ColourCounts> colour_counts;
  std::map<UplinkIndex, SchedulerReading> uplink_queues_read;
  std::vector<FlowReading> tracked_flows;
  bool ports_are_present = true;
  std::set<std::string> replaced_containers;          // another namespace is where theirs was
  bool takes_rules = false;                           // the devices: those that drop
  std::map<std::uint32_t, HitCounts> offloaded_hits;  // by rule

  // -- what a test looks at ----------------------------------------------------------------------
  std::vector<std::string> calls;       // "open_uplink up0", in order
  std::vector<std::string> violations;  // of the order that platform.h asks for
  std::shared_ptr<const Snapshot> published;
  std::size_t publications = 0;
  int ports_alive = 0;  // container ports
  std::set<EndpointIndex> watched;
  std::map<std::string, std::string> links;  // other paths of namespaces: link, path
  std::set<UplinkIndex> open_uplinks;
  std::set<UplinkIndex> set_down;
  std::map<UplinkIndex, std::set<IpAddress>> asked;  // next hops being resolved
  std::vector<EndpointConfig> opened_endpoints;
  std::vector<std::optional<EndpointIndex>> flushed;
  std::map<UplinkIndex, std::set<std::uint32_t>> offloaded;  // rules in the device
  [[nodiscard]] WorkerCounters& worker(std::uint16_t w) { return *counters_[w]; }

  // -- Platform ----------------------------------------------------------------------------------
  [[nodiscard]] bool is_present(const Port& /*port*/) const override { return ports_are_present; }
  [[nodiscard]] std::uint16_t worker_count() const override { return workers_; }
  [[nodiscard]] std::uint64_t tsc_hz() const override { return 2'000'000'000; }
  [[nodiscard]] WorkerFacts facts(WorkerId worker) const override {
    return WorkerFacts{worker.value() + 1U, published->generation};
  }
  [[nodiscard]] const WorkerCounters& counters(WorkerId worker) const override {
    return *counters_[worker.value()];
  }
  [[nodiscard]] std::uint64_t in_flight() const override { return frames_in_flight; }
  [[nodiscard]] MbufLevels mbuf_levels() const override { return {{8192, 64}, {512, 0}}; }

  [[nodiscard]] Result<OpenedUplink> open_uplink(UplinkIndex index, const PortConfig& config)
      override {
    calls.push_back("open_uplink " + config.name);
    if (auto error = failure("open_uplink")) return *error;
    if (!open_uplinks.insert(index).second) violations.push_back("uplink slot opened twice");
    OpenedUplink opened;
    opened.mac = MacAddress::from_bits(0x0200000000F0U + index.value());
    opened.mtu = config.mtu != 0 ? config.mtu : uplink_mtu;
    opened.driver = "net_af_packet";
    opened.link = {true, 10000};
    opened.rx_queues = opened.tx_queues = std::min(uplink_queues, workers_);
    opened.uses = {"rss"};
    opened.falls_back = {"no tunnel RSS: frames are handed over between workers"};
    auto& queues = uplink_ports_[index];
    queues.clear();
    for (std::uint16_t w = 0; w < workers_; ++w) {
      if (w < opened.rx_queues) {
        queues.push_back(std::make_unique<FakePort>(config.name, PortKind::memif, queues_alive_));
        opened.port_of_worker.push_back(queues.back().get());
      } else {
        opened.port_of_worker.push_back(nullptr);
      }
    }
    return opened;
  }
  void close_uplink(UplinkIndex index) override {
    calls.push_back("close_uplink " + std::to_string(index.value()));
    if (open_uplinks.erase(index) == 0) violations.push_back("closed uplink closed");
    if (published->uplinks[index.value()].in_use) violations.push_back("published uplink closed");
    uplink_ports_.erase(index);
    asked.erase(index);
    set_down.erase(index);
    offloaded.erase(index);
  }
  [[nodiscard]] Status set_uplink_up(UplinkIndex index, bool up) override {
    if (auto error = failure("set_uplink_up")) return *error;
    if (up) {
      set_down.erase(index);
    } else {
      set_down.insert(index);
    }
    return Ok{};
  }
  [[nodiscard]] DeviceLosses device_losses(UplinkIndex /*index*/) const override { return {}; }
  [[nodiscard]] LinkState link(UplinkIndex index) const override {
    if (set_down.contains(index) || unplugged.contains(index)) return {};
    return {true, 10000};
  }
  void resolve(UplinkIndex uplink, const IpAddress& next_hop) override {
    asked[uplink].insert(next_hop);
  }
  void forget(UplinkIndex uplink, const IpAddress& next_hop) override {
    asked[uplink].erase(next_hop);
  }

  [[nodiscard]] std::string place_of(const EndpointConfig& config) const override {
    if (!config.socket.empty()) return config.socket;
    if (!config.device.empty()) return config.device;
    const auto link = links.find(config.netns);
    return (link == links.end() ? config.netns : link->second) + ":" + std::to_string(config.pid) +
           "/" + config.ifname;
  }
  [[nodiscard]] Result<std::shared_ptr<Port>> open_endpoint(
      const EndpointConfig& config, WorkerId owner
  ) override {
    calls.push_back("open_endpoint " + config.name());
    if (auto error = failure("open_endpoint")) return *error;
    if (owner.value() >= workers_) violations.push_back("owner is no worker");
    if (config.mtu == 0 || config.mac.is_zero()) violations.push_back("config is not complete");
    opened_endpoints.push_back(config);
    return std::shared_ptr<Port>{
        std::make_shared<FakePort>(config.name(), config.kind, ports_alive)};
  }
  [[nodiscard]] std::string identity_of(const Port& port) const override {
    return "identity of " + port.name();
  }
  [[nodiscard]] bool is_at(const EndpointConfig& config, const std::string& identity)
      const override {
    return !replaced_containers.contains(config.container) &&
           identity == "identity of " + config.name();
  }
  [[nodiscard]] std::string own_identity() const override { return "identity of host/eth0"; }
  [[nodiscard]] Status watch(EndpointIndex endpoint, Port& port, WorkerId) override {
    calls.push_back("watch " + port.name());
    if (port.poll_fd() == -1) violations.push_back("port without fd watched");
    if (!names(port)) violations.push_back("watched before it was published");
    if (auto error = failure("watch")) return *error;
    if (!watched.insert(endpoint).second) violations.push_back("watched twice");
    return Ok{};
  }
  void unwatch(EndpointIndex endpoint, Port& port, WorkerId) override {
    calls.push_back("unwatch " + port.name());
    if (watched.erase(endpoint) == 0) violations.push_back("unwatched what was not watched");
  }
  void retire(std::shared_ptr<Port> port) override {
    calls.push_back("retire " + port->name());
    if (names(*port)) violations.push_back("published port retired");
  }

  void publish(std::shared_ptr<const Snapshot> snapshot) override {
    calls.push_back("publish");
    ++publications;
    const bool is_newer =
        published == nullptr || snapshot->generation.value() == published->generation.value() + 1U;
    if (!is_newer) violations.push_back("generations are not consecutive");
    published = std::move(snapshot);
  }
  [[nodiscard]] bool was_active(SegmentIndex, const MacAddress& mac, TimePoint) const override {
    return active_macs.contains(mac);
  }

  [[nodiscard]] HitCounts hits(std::uint32_t counter) const override {
    const auto found = hit_counts.find(counter);
    return found == hit_counts.end() ? HitCounts{} : found->second;
  }
  void clear_hits(std::uint32_t counter) override { hit_counts.erase(counter); }
  void clear_meter(std::uint16_t meter) override {
    colour_counts.erase(meter);
    const CowArray<classifier::CompiledMeter>& meters = published->meters;
    const bool is_named = meters.find(meter) != nullptr && meters[meter].version != 0;
    if (is_named) violations.push_back("published meter cleared");
  }
  [[nodiscard]] ColourCounts colours(std::uint16_t meter) const override {
    const auto found = colour_counts.find(meter);
    return found == colour_counts.end() ? ColourCounts{} : found->second;
  }
  [[nodiscard]] Status offload_rules(
      UplinkIndex uplink, std::span<const classifier::PortRule> rules
  ) override {
    calls.push_back("offload_rules " + std::to_string(rules.size()));
    if (!open_uplinks.contains(uplink)) violations.push_back("rules for an uplink that is closed");
    if (auto error = failure("offload_rules")) return *error;
    auto& taken = offloaded[uplink];
    taken.clear();
    for (const classifier::PortRule& rule : rules) {
      if (can_offload(uplink, rule.rule)) taken.insert(rule.id);
    }
    return Ok{};
  }
  [[nodiscard]] std::optional<std::string> software_because(UplinkIndex uplink, std::uint32_t rule)
      const override {
    const auto taken = offloaded.find(uplink);
    if (taken != offloaded.end() && taken->second.contains(rule)) return std::nullopt;
    return "the device takes no such rule";
  }
  [[nodiscard]] Status can_offload(UplinkIndex, const classifier::MatchRule& rule) const override {
    const bool is_taken = takes_rules && has_action(rule, classifier::MatchActionKind::drop);
    return is_taken ? Status{Ok{}} : Status{Error{"the device takes no such rule"}};
  }
  [[nodiscard]] HitCounts offloaded_counts(UplinkIndex, std::uint32_t rule) const override {
    const auto found = offloaded_hits.find(rule);
    return found == offloaded_hits.end() ? HitCounts{} : found->second;
  }
  [[nodiscard]] std::optional<SchedulerReading> queues(UplinkIndex uplink) const override {
    const auto found = uplink_queues_read.find(uplink);
    if (found == uplink_queues_read.end()) return std::nullopt;
    return found->second;
  }
  [[nodiscard]] std::optional<SchedulerReading> queues(EndpointIndex) const override {
    return std::nullopt;
  }
  [[nodiscard]] std::vector<FlowReading> flows(const FlowFilter& filter) const override {
    std::vector<FlowReading> found;
    for (const FlowReading& flow : tracked_flows) {
      const bool is_asked = (!filter.endpoint.has_value() || flow.endpoint == *filter.endpoint) &&
                            (!filter.address.has_value() || flow.opener == *filter.address ||
                             flow.responder == *filter.address) &&
                            (!filter.port.has_value() || flow.opener_port == *filter.port ||
                             flow.responder_port == *filter.port);
      if (is_asked && found.size() < filter.limit) found.push_back(flow);
    }
    return found;
  }
  void flush_flows(std::optional<EndpointIndex> endpoint) override { flushed.push_back(endpoint); }

 private:
  std::optional<Error> failure(const std::string& function) {
    const auto always = every_failure.find(function);
    if (always != every_failure.end()) return Error{always->second};
    const auto found = next_failure.find(function);
    if (found == next_failure.end()) return std::nullopt;
    Error error{found->second};
    next_failure.erase(found);
    return error;
  }
  /// Whether the published snapshot names the port.
  [[nodiscard]] bool names(const Port& port) const {
    for (std::size_t i = 0; i < published->endpoints.size(); ++i) {
      if (published->endpoints[i].port == &port) return true;
    }
    return std::ranges::any_of(published->polled, [&](const auto& list) {
      return list != nullptr &&
             std::ranges::find(*list, &port, &Snapshot::Polled::port) != list->end();
    });
  }

  std::uint16_t workers_;
  std::vector<std::unique_ptr<WorkerCounters>> counters_;
  int queues_alive_ = 0;
  std::map<UplinkIndex, std::vector<std::unique_ptr<FakePort>>> uplink_ports_;
};

}  // namespace weft::control
