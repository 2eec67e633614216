// Egress: who owns the egress schedulers, from the configuration to their end.
//
// A snapshot names schedulers by pointer, and a worker that finds one no longer named drains it in its next iteration
// (dataplane/egress.cc). So a scheduler that is taken away lives until a snapshot without it has been in force for one
// more grace period: it is *retired*, and freed by the second `published` after that.
//
// An endpoint has one scheduler, in its owner's hands; an uplink has one for each of its tx queues, and each gets an
// equal share of the rate.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "control/model_qos.h"
#include "dataplane/base/ids.h"
#include "dataplane/port/port.h"
#include "dataplane/scheduler.h"

namespace weft::control {

/// As a worker uses it. Precondition of both: the config passed its verb.
[[nodiscard]] SchedulerConfig scheduler_config(const PortQosConfig& config, std::size_t queues);
[[nodiscard]] SchedulerConfig scheduler_config(const EndpointQosConfig& config);

/// The schedulers of one port, by worker; an endpoint has its only one in front.
struct Egress {
  std::shared_ptr<const SchedulerPlan> plan;
  std::vector<std::shared_ptr<PortScheduler>> schedulers;  // nullptr: the worker has no tx queue

  /// nullptr if the worker has none.
  [[nodiscard]] PortScheduler* of(std::size_t worker) const noexcept {
    return worker < schedulers.size() ? schedulers[worker].get() : nullptr;
  }
};

class EgressSchedulers {
 public:
  /// Makes them what is wanted; nothing moves if they are so already. `version` is new for each call.
  void put(
      EndpointIndex endpoint,
      const EndpointQosConfig& config,
      std::uint32_t version,
      std::uint64_t tsc_hz
  );
  void put(
      UplinkIndex uplink,
      const std::optional<PortQosConfig>& config,
      const std::vector<Port*>& port_of_worker,
      std::uint32_t version,
      std::uint64_t tsc_hz
  );
  void remove(EndpointIndex endpoint);
  void remove(UplinkIndex uplink);

  /// nullptr: sent at once.
  [[nodiscard]] const Egress* find(EndpointIndex endpoint) const;
  [[nodiscard]] const Egress* find(UplinkIndex uplink) const;

  /// A snapshot that names exactly the present ones is in force on all workers.
  void published() noexcept;

 private:
  struct Wanted {
    SchedulerConfig config;
    Egress egress;
  };
  template <typename Index>
  void retire(std::map<Index, Wanted>& from, Index index);

  std::map<EndpointIndex, Wanted> endpoints_;
  std::map<UplinkIndex, Wanted> uplinks_;
  std::vector<std::shared_ptr<PortScheduler>> retired_;   // since the last snapshot
  std::vector<std::shared_ptr<PortScheduler>> draining_;  // not in the last one: being drained
};

}  // namespace weft::control
