// What workers and control say to each other beside the snapshot: two SPSC rings per worker.
#pragma once

#include <cstdint>
#include <variant>

#include <rte_mbuf.h>

#include "dataplane/base/ids.h"
#include "dataplane/net/addr.h"

namespace weft {

class Port;

/// Worker → control. Trivially copyable, at most one cache line.
struct WorkerEvent {
  enum class Kind : std::uint8_t {
    learned,   // an unknown or moved source MAC came through a tunnel
    punted,    // a frame for the VTEP itself (ARP, ND, ICMP): `frame` belongs to control now
    port_dead  // Port::is_alive() turned false
  };
  Kind kind{};
  SegmentIndex segment;    // learned
  TunnelIndex tunnel;      // learned
  MacAddress mac;          // learned
  UplinkIndex uplink;      // punted
  EndpointIndex endpoint;  // port_dead
  const Port* port{};      // port_dead: an index outlives a port
  rte_mbuf* frame{};       // punted
};

/// Control → worker.
struct WorkerCommand {
  enum class Kind : std::uint8_t {
    transmit  // send `frame` (complete, outer headers included) on `uplink`; it belongs to the
              // worker
  };
  Kind kind{};
  UplinkIndex uplink;
  rte_mbuf* frame{};
};

}  // namespace weft
