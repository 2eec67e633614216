// Stats: the answers that count: ports, totals and the conservation law, drops, workers.
//
// Everything shown is relative to the last `stats.clear`, except what has no meaning as a
// difference: the longest iteration, and the conservation law, which is judged on the counters
// since start.
#pragma once

#include <cstdint>

#include "control/controller.h"
#include "control/fields.h"
#include "control/readings.h"

namespace weft::control {

/// The number that the CLI and testpmd's words use for a port: uplinks by their slot, containers
/// from kMaxUplinks on. Stable while the port exists.
[[nodiscard]] std::uint32_t port_number(UplinkIndex uplink) noexcept;
[[nodiscard]] std::uint32_t port_number(EndpointIndex endpoint) noexcept;

/// Since the counters were cleared.
[[nodiscard]] PortReading reading_of(const RuntimePort& port);
[[nodiscard]] PortReading reading_of(const RuntimeUplink& uplink);

/// {"rx_packets": ...}
[[nodiscard]] Json counters_json(const PortReading& reading);
/// {reason: n} for those that are not zero.
[[nodiscard]] Json drops_json(const DropNumbers& drops);

/// The conservation law of counters.h over all workers.
struct Conservation {
  bool holds{};
  std::int64_t unaccounted{};  // frames that came in and are nowhere; 0 when all is quiet and well
  std::uint64_t in_flight{};
};
/// Workers go on while control reads: while frames move, up to one burst a worker may be in its
/// hands.
[[nodiscard]] Conservation conservation(const Platform& platform);

// The whole result objects of the verbs.
[[nodiscard]] Json list_ports(const Controller& controller);
[[nodiscard]] Json get_stats(const Controller& controller);
[[nodiscard]] Json list_drops(const Controller& controller, bool all);
[[nodiscard]] Json list_workers(const Controller& controller);

}  // namespace weft::control
