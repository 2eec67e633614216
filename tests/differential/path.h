// Path: the real stages on the network of network.h, one thread playing all workers.
//
// Frames go through run_burst and, if another worker owns the receiver, through its ring and run_taken_over, as in
// Worker::iterate. What comes out is noted with the number that the frame carries.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/pipeline.h"
#include "dataplane/tables.h"
#include "tests/differential/model.h"

namespace weft::differential {

/// A frame that came out: number and where.
using Emission = std::pair<std::uint32_t, Delivery>;

class Path {
 public:
  explicit Path(unsigned workers);
  Path(const Path&) = delete;
  Path& operator=(const Path&) = delete;
  ~Path();

  struct Rules {
    std::shared_ptr<const TenantPolicy> policy;
    classifier::PolicyDefault fallback{};
    encap::DscpMode dscp_mode{};
    std::uint8_t fixed_dscp{};
  };
  void set_rules(unsigned tenant, const Rules& rules);
  /// After set_rules.
  void replace_container(unsigned tenant, unsigned host);
  void advance(std::uint32_t ticks);
  /// Removes what is over, as workers do now and then.
  void sweep();

  [[nodiscard]] std::uint32_t epoch(unsigned tenant) const;
  void set_epoch(unsigned tenant, std::uint32_t epoch);

  /// One burst, of containers or tunnels all from the same port. The answer is sorted.
  std::vector<Emission> run(std::span<const TracePacket> packets);

  [[nodiscard]] std::uint64_t dropped(DropReason reason) const;
  [[nodiscard]] RuleCount rule_count(std::uint32_t counter) const;
  [[nodiscard]] std::uint64_t metered(std::uint16_t index) const;
  /// What is wrong with the run as a whole, by the conservation law for one, or "".
  [[nodiscard]] std::string fault() const;

 private:
  class NotingPort;
  struct Worker;

  void add_tenant(unsigned tenant);
  void hand_over();

  std::vector<Emission> emissions_;
  Snapshot snapshot_;
  std::vector<std::unique_ptr<NotingPort>> ports_;  // of endpoints
  std::vector<std::unique_ptr<Worker>> workers_;
  unsigned next_uplink_worker_{};
};

}  // namespace weft::differential
