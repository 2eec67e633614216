// StagedPlatform: the machine as a transaction sees it, so that what a verb did can be undone.
//
// The Controller's verbs speak to this instead of to the machine. Outside of a transaction every call goes straight
// through. Inside one it depends on whether the machine could take it back:
//
//   opening (uplinks, container ports, rules in a device)   at once: it may be refused. Undone by roll_back()
//   watching                                                later: the worker must see the port's snapshot first
//   closing (unwatch, retire, close_uplink, flush_flows)    later: not before it is sure that nothing is refused
//   facts and counters                                      the machine's, always
//
// A trial opens nothing: stand-ins answer as a willing machine would. It is how a plan is judged, and always
// ends with roll_back().
//
//   begin(Mode::staged) -> verbs -> begin_commit() -> publish -> watch_opened() -> finish()
//                                \-> roll_back()                      \-> roll_back()
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "control/platform.h"

namespace weft::control {

class StagedPlatform final : public Platform {
 public:
  enum class Mode : std::uint8_t { direct, staged, trial };

  /// `machine` outlives it.
  explicit StagedPlatform(Platform& machine) : machine_{machine} {}

  [[nodiscard]] bool is_staging() const noexcept { return mode_ != Mode::direct; }
  [[nodiscard]] bool is_trial() const noexcept { return mode_ == Mode::trial; }

  /// Precondition: not staging; `mode` is not direct.
  void begin(Mode mode);
  /// Stops watching what will be closed; from now on calls go through, so that the caller can publish.
  void begin_commit();
  /// Watches what was opened: all of it, or nothing and the reason. Then roll_back() is what is left.
  [[nodiscard]] std::optional<Error> watch_opened();
  /// Closes what was to be closed. Precondition: no published snapshot names it, nobody else holds it.
  void finish();
  /// What roll_back() could not do itself.
  struct Leftover {
    std::set<UplinkIndex> offered;  // their rules must be offered again
    std::vector<EndpointIndex>
        unwatched;  // and can not be watched again: as if their interface was gone
  };
  /// Watches again what begin_commit() no longer watched, and closes what was opened. Precondition: the published
  /// snapshot is as before the transaction, and nobody else holds what was opened.
  [[nodiscard]] Leftover roll_back();
  /// What a port takes up is needed now: it is closed although the transaction goes on. `publish_without` publishes a
  /// snapshot that no longer names the port.
  template <typename Publish>
  void close_now(EndpointIndex endpoint, std::shared_ptr<Port> port, Publish publish_without) {
    release(endpoint, *port);
    publish_without();
    machine_.retire(std::move(port));
  }
  /// Straight to the machine.
  void publish_now(std::shared_ptr<const Snapshot> snapshot) {
    machine_.publish(std::move(snapshot));
  }

  // -- Platform ----------------------------------------------------------------------------------
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
  [[nodiscard]] std::string place_of(const EndpointConfig& config) const override;
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
  struct Watch {
    EndpointIndex endpoint;
    Port* port{};
    WorkerId owner;
  };
  /// Forgets that the port was to be unwatched and retired, and unwatches it.
  void release(EndpointIndex endpoint, const Port& port);
  [[nodiscard]] bool is_opened_here(UplinkIndex index) const {
    return opened_uplinks_.contains(index);
  }
  [[nodiscard]] OpenedUplink stand_in_uplink(const PortConfig& config);
  void clear();

  Platform& machine_;
  Mode mode_ = Mode::direct;
  // What is undone, or done at the end. Ports of opened_ are kept alive by whoever opened them.
  std::set<UplinkIndex> opened_uplinks_;
  std::vector<std::shared_ptr<Port>> opened_;
  std::vector<std::unique_ptr<Port>> stand_ins_;  // queues of a trial's uplinks
  std::set<UplinkIndex> down_;                    // that were set down, in a transaction or not
  std::map<UplinkIndex, bool> was_set_up_;        // before the transaction set them up or down
  std::set<UplinkIndex> offered_;                 // that were given rules
  std::vector<Watch> to_watch_;
  std::vector<Watch> to_unwatch_;
  std::vector<std::shared_ptr<Port>> to_retire_;
  std::vector<UplinkIndex> to_close_;
  std::vector<std::optional<EndpointIndex>> to_flush_;
  bool has_unwatched_ = false;  // to_unwatch_
};

}  // namespace weft::control
