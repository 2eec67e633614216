// Port: the one interface behind which every way into and out of the switch lives.
//
// Implementations (pmd-config/): one ethdev queue, TAP in a container's namespace, veth with an
// AF_PACKET socket, memif, vhost-user. One virtual call per *burst*. A port belongs to exactly one
// worker, its owner: only the owner calls rx_burst, tx_burst and touches `counters`, `budgets` and
// `staged`. Control creates a port, publishes it in a Snapshot and destroys it on the reaper thread
// after a grace period; it reads counters with relaxed loads.
//
// Identity comes from the port object a frame was read from, never from the frame.
//
// Contract of rx_burst(out, max): at most `max` mbufs, owned by the caller from then on; fills
//   meta(m).offload; every first segment has kHeadroom of headroom and contains all headers. Frames
//   that arrived but could not be delivered are counted in `losses`, which the worker drains after
//   each call. Never blocks, at most `max` frames per call, so that one flooding port can not hold
//   a worker.
// Contract of tx_burst(frames, count): sends a prefix and returns its length; those mbufs now
//   belong to the port (they are freed). The rest still belong to the caller. The port may reorder
//   the array first, so that a frame it refuses does not keep back the ones behind it. Honours
//   meta(m).offload when traits.takes_offloads; otherwise the caller has completed the frames
//   before.
// Ports that are not readable through an fd return -1 from poll_fd() and are polled every loop.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "classifier/budget.h"
#include "dataplane/base/ids.h"
#include "dataplane/base/lanes.h"
#include "dataplane/port/counters.h"
#include "dataplane/port/packet.h"

namespace weft {

struct PortTraits {
  bool takes_offloads{};      // tx understands OffloadRequest (partial checksums, large segments)
  bool takes_chains{};        // tx accepts mbufs of several segments
  std::uint32_t max_frame{};  // octets a single tx frame may have when it takes no offloads
};

struct Budgets {
  classifier::Budget broadcast;
  classifier::Budget multicast;
  classifier::Budget unknown_unicast;
  /// ICMP errors that the switch sends to this port (RFC 4443 s2.4(f): they MUST be limited).
  classifier::Budget icmp_errors;
};

/// Frames that rx_burst took from the port and lost; the worker counts them as rx and as drops.
struct RxLosses {
  std::uint32_t no_mbuf{};
  std::uint32_t frame_too_large{};
  std::uint32_t bad_offload_request{};
  std::uint32_t truncated{};  // shorter than an Ethernet header
};

class Port {
 public:
  Port(std::string name, PortTraits traits) : traits_{traits}, name_{std::move(name)} {}
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;
  virtual ~Port() = default;

  [[nodiscard]] virtual std::uint16_t rx_burst(rte_mbuf** out, std::uint16_t max) noexcept = 0;
  [[nodiscard]] virtual std::uint16_t tx_burst(rte_mbuf** frames, std::uint16_t count) noexcept = 0;

  /// Readable when rx_burst has something to deliver (level-triggered), or -1: poll every loop.
  [[nodiscard]] virtual int poll_fd() const noexcept { return -1; }
  /// False once the far side is gone for good (namespace destroyed, peer disconnected).
  [[nodiscard]] virtual bool is_alive() const noexcept { return true; }
  /// One of "ethdev", "tap", "veth", "memif", "vhost-user".
  [[nodiscard]] virtual const char* kind() const noexcept = 0;

  [[nodiscard]] const PortTraits& traits() const noexcept { return traits_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  PortCounters counters;  // owner: w, control: r
  Budgets budgets;        // owner: rw; set by control before publication

  RxLosses losses;           // owner: rw
  bool is_death_reported{};  // owner: rw

  // Frames staged for tx within one loop iteration. owner: rw
  std::array<rte_mbuf*, kMaxBurst> staged{};
  std::uint16_t staged_count{};

 protected:
  PortTraits traits_;  // fixed after construction

 private:
  std::string name_;
};

}  // namespace weft
