// The stages of the packet path, and what they share.
//
// A stage takes the burst and the lanes that are alive and returns the lanes that are still alive
// after it. A packet leaves a stage in exactly one of four ways: it stays in its lane, it is
// dropped with a reason, it is consumed (sent, punted), or it was replaced by copies. pipeline.cc
// calls them in order.
//
//   stage_parse     offsets of the frame as received, into meta.parsed
//   stage_rules     the port's match-action rules, on the frame as received
//   stage_guard     (from a container) anti-spoofing, offload requests, segment of the endpoint
//   stage_decap     (from an uplink) VTEP, encapsulation, VNI, remote VTEP, ECN; meta.parsed of the
//   inner frame stage_learn     (from an uplink) source MACs behind tunnels stage_neighbor  (from a
//   container) answers ARP and ND for known endpoints in place stage_forward   destination by FDB;
//   replication of broadcast, unknown unicast and multicast deliver         the destination
//   decides: encapsulate, hand over to the owner, or stage for tx
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "classifier/budget.h"
#include "classifier/cell_table.h"
#include "classifier/conntrack.h"
#include "dataplane/activity.h"
#include "dataplane/base/drop_reason.h"
#include "dataplane/base/ids.h"
#include "dataplane/base/lanes.h"
#include "dataplane/messages.h"
#include "dataplane/port/counters.h"
#include "dataplane/port/packet.h"
#include "dataplane/port/pool.h"
#include "dataplane/port/port.h"
#include "dataplane/ring.h"
#include "dataplane/snapshot.h"

namespace weft {

class WorkerTables;

using HandoffRing = SpscRing<rte_mbuf*>;
using EventRing = SpscRing<WorkerEvent>;

/// Up to kMaxBurst packets that travel together. Lane i is frames[i].
struct Burst {
  std::array<rte_mbuf*, kMaxBurst> frames;
  unsigned count{};
  Lanes asking{};  // stage_parse: ARP and ICMPv6, which stage_neighbor may answer
};

/// What one worker's stages work with. Made once per worker; `snapshot` and `now` are set once per
/// loop iteration. Everything is private to the worker but the rings' far ends and the counters'
/// readers.
struct StageContext {
  WorkerId worker;
  PacketPools pools;
  WorkerCounters& counters;
  Activity& activity;
  WorkerTables* tables{};                              // never null
  EventRing& events;                                   // producer side
  std::array<HandoffRing*, kMaxWorkers> handoff_to{};  // producer side; [worker] is nullptr
  classifier::Budget punt_budget{};                    // frames for the VTEP as a host
  classifier::Budget learn_budget{};                   // reports of new MACs
  classifier::Budget tunnel_flood_budget{};            // frames for everybody out of tunnels

  const Snapshot* snapshot{};
  Tsc now{};
  std::uint16_t second{};               // coarse clock for Activity
  classifier::CoarseTime coarse_now{};  // and for flows: 1/16 s

  Port* source{};  // the port whose burst is in hand; nullptr for frames taken over from other
                   // workers

  /// Ports with staged frames, flushed at the end of the iteration or when a port's stage is full.
  std::array<Port*, 256> dirty{};
  unsigned dirty_count{};

  /// Schedulers that hold frames. Sized before the worker starts.
  struct Backlog {
    PortScheduler* scheduler{};
    Port* port{};
    EndpointIndex endpoint = kNoEndpoint;  // kNoEndpoint: of `uplink`
    UplinkIndex uplink;
  };
  std::vector<Backlog> backlog{};

  /// Suppresses repeated events for a MAC until control has answered the first one.
  struct RecentLearn {
    std::uint64_t key{};
    TunnelIndex tunnel;
    Generation generation;
  };
  std::array<RecentLearn, 64> recent_learns{};
};

/// Where a burst came from.
struct Origin {
  EndpointIndex endpoint = kNoEndpoint;  // kNoEndpoint: an uplink
  UplinkIndex uplink;
  [[nodiscard]] bool is_uplink() const noexcept { return endpoint == kNoEndpoint; }
};

/// Frees the frame and counts it, for the worker and for the port it came from.
void drop(StageContext& context, rte_mbuf* frame, DropReason reason) noexcept;

[[nodiscard]] Lanes stage_parse(StageContext& context, Burst& burst, Lanes live) noexcept;
/// The match-action rules of the port that the burst came from, if it has any.
[[nodiscard]] Lanes stage_rules(
    StageContext& context, const Origin& origin, Burst& burst, Lanes live
) noexcept;
[[nodiscard]] Lanes stage_guard(
    StageContext& context, EndpointIndex from, Burst& burst, Lanes live
) noexcept;
[[nodiscard]] Lanes stage_decap(
    StageContext& context, UplinkIndex uplink, Burst& burst, Lanes live
) noexcept;
[[nodiscard]] Lanes stage_learn(StageContext& context, Burst& burst, Lanes live) noexcept;
[[nodiscard]] Lanes stage_neighbor(StageContext& context, Burst& burst, Lanes live) noexcept;
/// Policy at one end: `end` sender: of meta.from; receiver: of meta.to, which is an endpoint of this worker.
[[nodiscard]] Lanes stage_flow(
    StageContext& context, classifier::End end, Burst& burst, Lanes live
) noexcept;
/// Class and policers of what a container sends.
[[nodiscard]] Lanes stage_qos(
    StageContext& context, EndpointIndex from, Burst& burst, Lanes live
) noexcept;
/// What a rule at the receiver's end asks for beside passing: a class and a policer.
[[nodiscard]] Lanes stage_qos_arrived(StageContext& context, Burst& burst, Lanes live) noexcept;
[[nodiscard]] Lanes stage_forward(StageContext& context, Burst& burst, Lanes live) noexcept;

/// Consumes every live lane according to meta.to.
void deliver(StageContext& context, Burst& burst, Lanes live) noexcept;

/// What the last packet needed to get into its tunnel, kept for the next one: bursts are runs of few destinations.
struct EncapRun {
  const TunnelEntry* tunnel{};
  const SegmentEntry* segment{};
  Port* port{};  // takes complete frames at once; nullptr: send_to_uplink has to look
  Destination to;
  SegmentIndex segment_index = kNoSegment;
};

/// One packet to a tunnel: size check and answer, segmentation, checksums, outer header, transmit. `run`: of this
/// burst, under this snapshot.
void encapsulate(StageContext& context, rte_mbuf* frame, EncapRun& run) noexcept;
inline void encapsulate(StageContext& context, rte_mbuf* frame) noexcept {
  EncapRun run;
  encapsulate(context, frame, run);
}

/// One packet to an endpoint: to its owner's ring, or judged at the receiver's end and staged for its port.
void send_to_endpoint(StageContext& context, rte_mbuf* frame) noexcept;

/// Whether the endpoint that the packet goes to is this worker's. If not, it is on its way to its owner, or
/// dropped: consumed.
[[nodiscard]] bool is_owned_here(StageContext& context, rte_mbuf* frame) noexcept;

/// Packets for endpoints of this worker: judged at the receiver's end and staged. Consumes them.
void arrive(StageContext& context, Burst& burst, Lanes live) noexcept;

/// A complete frame to an uplink: to the owner of its tx queue, or staged.
void send_to_uplink(StageContext& context, UplinkIndex uplink, rte_mbuf* frame) noexcept;

/// The port to which send_to_uplink would give every frame now; nullptr: it has to look at each.
[[nodiscard]] Port* direct_port(const StageContext& context, UplinkIndex uplink) noexcept;

/// Accounts for a large frame of which `made` segments were cut, and ends it. Without an error the
/// original counts as its first segment; with one, what could not be cut is one frame, dropped.
void finish_segmented(
    StageContext& context, rte_mbuf* frame, std::uint64_t made, DropReason error
) noexcept;

/// Stages what schedulers release now; drops what is held for ports that are gone. The number of
/// schedulers that hold frames still.
unsigned serve_backlog(StageContext& context) noexcept;

/// Opens the stage of a port, or sends what is in it because it is full.
void make_stage_room(StageContext& context, Port& port) noexcept;
/// Stages a frame for a port of this worker.
inline void stage_tx(StageContext& context, Port& port, rte_mbuf* frame) noexcept {
  if (port.staged_count == 0 || port.staged_count == port.staged.size()) [[unlikely]]
    make_stage_room(context, port);
  port.staged[port.staged_count++] = frame;
}
/// Sends all that is staged; what ports refuse is dropped.
void flush(StageContext& context) noexcept;

}  // namespace weft
