// Runtime: what the machine answered. The other half of the compiler's input, beside the Model.
//
// Nothing here was configured and nothing here is durable: opened devices, neighbours' MACs,
// learned MACs, and the readings that `stats.clear` took. Only the Controller writes it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "control/egress.h"
#include "control/model.h"
#include "control/platform.h"
#include "control/readings.h"
#include "encap/tunnel.h"

namespace weft::control {

struct RuntimeUplink {
  OpenedUplink opened;
  PortReading cleared;  // of its queues together, when the counters were cleared
};

struct RuntimePort {
  std::shared_ptr<Port> port;
  PortReading cleared;
};

/// A source MAC seen in a segment's tunnel traffic.
struct LearnedMac {
  TunnelIndex tunnel;
  TimePoint last_seen;
  TimePoint last_asked;  // when the workers were last asked for activity
};

struct Runtime {
  bool is_forwarding = true;
  std::uint16_t worker_count{};
  std::uint64_t tsc_hz = 1;
  encap::DecapConfig decap;
  std::array<std::optional<RuntimeUplink>, kMaxUplinks> uplinks;
  /// Absent: the endpoint's interface is gone.
  std::map<EndpointIndex, RuntimePort> ports;
  std::map<NextHop, MacAddress> next_hop_macs;
  std::map<IpAddress, std::uint16_t> path_mtus;  // by remote VTEP, octets of an IP packet
  std::map<SegmentIndex, std::map<MacAddress, LearnedMac>> learned;
  std::set<SegmentIndex> full_fdbs;    // that can learn no more, as watchers were told
  std::vector<WorkerReading> cleared;  // by worker
  /// By tenant: what its rules, identities and L7 classes were compiled to. Here because compiling may be
  /// refused, and takes too long to be done twice.
  std::map<std::string, std::shared_ptr<const TenantPolicy>> policies;
  EgressSchedulers egress;
  /// By port number: its match-action rules compiled, for the same reason. Absent: it has none.
  std::map<std::uint32_t, std::shared_ptr<const classifier::RuleTable>> rules;
};

}  // namespace weft::control
