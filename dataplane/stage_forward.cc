// Where a frame goes inside its segment: neighbour suppression, FDB, replication.
#include "dataplane/net/headers.h"
#include "dataplane/reply.h"
#include "dataplane/stages.h"

namespace weft {

Lanes stage_neighbor(StageContext& context, Burst& burst, Lanes live) noexcept {
  const Snapshot& snapshot = *context.snapshot;
  const Lanes asking = burst.asking & live;
  Lanes others = live - asking;
  for (const unsigned lane : asking) {
    rte_mbuf* frame = burst.frames[lane];
    PacketMeta& m = meta(frame);
    if (!snapshot.segments[m.segment.value()].suppress_neighbors) {
      others.add(lane);
      continue;
    }
    const std::optional<IpAddress> question = neighbor_question(frame);
    const MacAddress* answer =
        question ? snapshot.neighbors.find(segment_address(m.segment, *question)) : nullptr;
    if (answer == nullptr) {
      others.add(lane);
      continue;
    }
    write_neighbor_answer(frame, *answer);
    context.counters.suppressed.add(1);
    m.to = Destination{m.from};
    send_to_endpoint(context, frame);
  }
  return others;
}

namespace {

// 01:80:c2:00:00:00 to 0f: spanning tree, pause, LLDP... (IEEE 802.1Q table 8-1).
bool is_reserved_multicast(const MacAddress& mac) noexcept {
  return (mac.bits() & 0xFFFFFFFFFFF0U) == 0x0180C2000000U;
}

// A copy that shares nothing with the original: each copy gets its own outer header.
rte_mbuf* copy_of(StageContext& context, rte_mbuf* frame) noexcept {
  rte_mbuf* copy = rte_pktmbuf_copy(frame, context.pools.small, 0, UINT32_MAX);
  if (copy == nullptr) return nullptr;
  meta(copy) = meta(frame);
  context.counters.cloned.add(1);
  return copy;
}

// Head-end replication with split horizon: a frame from a tunnel goes to local endpoints only. The
// last target gets the frame itself.
void replicate(StageContext& context, rte_mbuf* frame) noexcept {
  const Snapshot& snapshot = *context.snapshot;
  const PacketMeta& m = meta(frame);
  const EndpointIndex from = m.from;
  const bool is_from_tunnel = m.from_tunnel != kNoTunnel;
  const FloodList& flood = *snapshot.segments[m.segment.value()].flood;

  Destination
      pending;  // the target before the one in hand: sent as a copy once another one is found
  const auto add = [&](Destination target) noexcept {
    if (pending != Destination{}) {
      rte_mbuf* copy = copy_of(context, frame);
      if (copy == nullptr) {
        // One receiver goes without: it is a packet lost, and counted as a copy that was dropped.
        context.counters.cloned.add(1);
        context.counters.drops.add(DropReason::no_mbuf);
      } else {
        meta(copy).to = pending;
        if (pending.kind() == Destination::Kind::tunnel) {
          encapsulate(context, copy);
        } else {
          send_to_endpoint(context, copy);
        }
      }
    }
    pending = target;
  };
  for (const EndpointIndex endpoint : flood.endpoints) {
    if (endpoint != from) add(Destination{endpoint});
  }
  if (!is_from_tunnel) {
    for (const TunnelIndex tunnel : flood.tunnels) add(Destination{tunnel});
  }

  switch (pending.kind()) {
    case Destination::Kind::none:
      drop(context, frame, DropReason::no_flood_target);
      break;
    case Destination::Kind::endpoint:
      meta(frame).to = pending;
      send_to_endpoint(context, frame);
      break;
    case Destination::Kind::tunnel:
      meta(frame).to = pending;
      encapsulate(context, frame);
      break;
  }
}

// What a frame for everybody costs: one, and one more for every 64 copies, so that a flood in a segment of
// thousands is bounded by the copies it makes. Frames out of tunnels share one budget per worker.
DropReason charge(
    StageContext& context,
    rte_mbuf* frame,
    classifier::Budget Budgets::*budget,
    DropReason exhausted
) noexcept {
  const PacketMeta& m = meta(frame);
  const FloodList& flood = *context.snapshot->segments[m.segment.value()].flood;
  constexpr std::size_t kCopiesPerFrame = 64;
  if (m.from == kNoEndpoint) {
    const std::size_t cost = 1U + flood.endpoints.size() / kCopiesPerFrame;
    return context.tunnel_flood_budget.take(context.now, cost) ? DropReason::none
                                                               : DropReason::tunnel_flood_budget;
  }
  const std::size_t copies = flood.endpoints.size() + flood.tunnels.size();
  const std::size_t cost = 1U + copies / kCopiesPerFrame;
  return (context.source->budgets.*budget).take(context.now, cost) ? DropReason::none : exhausted;
}

void flood(
    StageContext& context,
    rte_mbuf* frame,
    classifier::Budget Budgets::*budget,
    DropReason exhausted
) noexcept {
  const DropReason refused = charge(context, frame, budget, exhausted);
  if (refused != DropReason::none) {
    drop(context, frame, refused);
    return;
  }
  replicate(context, frame);
}

// Broadcast and multicast.
void forward_group(StageContext& context, rte_mbuf* frame, const MacAddress& destination) noexcept {
  if (is_reserved_multicast(destination)) {
    drop(context, frame, DropReason::reserved_multicast);
  } else if (destination.is_broadcast()) {
    flood(context, frame, &Budgets::broadcast, DropReason::broadcast_budget);
  } else {
    flood(context, frame, &Budgets::multicast, DropReason::multicast_budget);
  }
}

void forward_unknown(StageContext& context, rte_mbuf* frame) noexcept {
  const SegmentEntry& segment = context.snapshot->segments[meta(frame).segment.value()];
  if (segment.unknown_unicast == UnknownUnicast::drop) {
    drop(context, frame, DropReason::unknown_unicast);
    return;
  }
  flood(context, frame, &Budgets::unknown_unicast, DropReason::unknown_unicast_budget);
}

}  // namespace

Lanes stage_forward(StageContext& context, Burst& burst, Lanes live) noexcept {
  const auto fdb = context.snapshot->fdb.reader();
  std::array<std::uint64_t, kMaxBurst> keys;
  std::array<decltype(fdb)::Place, kMaxBurst> places;
  for (const unsigned lane : live) {
    rte_mbuf* frame = burst.frames[lane];
    const auto& ethernet = bounded_header<EthernetHeader>(head_bytes(frame), 0);
    keys[lane] = fdb_key(meta(frame).segment, ethernet.destination);
    places[lane] = fdb.approach(keys[lane]);
  }

  Lanes known = live;
  std::uint64_t previous_key = ~std::uint64_t{0};
  const FdbEntry* entry = nullptr;
  for (const unsigned lane : live) {
    rte_mbuf* frame = burst.frames[lane];
    PacketMeta& m = meta(frame);
    if ((keys[lane] & kGroupBit) != 0) [[unlikely]] {
      forward_group(context, frame, MacAddress::from_bits(keys[lane]));
      known.remove(lane);
      continue;
    }
    if (keys[lane] != previous_key) {
      entry = fdb.find(places[lane], keys[lane]);
      previous_key = keys[lane];
    }
    if (entry == nullptr) [[unlikely]] {
      forward_unknown(context, frame);
      known.remove(lane);
      continue;
    }
    if (entry->to == Destination{m.from} && m.from != kNoEndpoint) [[unlikely]] {
      drop(context, frame, DropReason::same_port);
      known.remove(lane);
      continue;
    }
    if (entry->to.kind() == Destination::Kind::tunnel && m.from_tunnel != kNoTunnel) [[unlikely]] {
      drop(context, frame, DropReason::split_horizon);
      known.remove(lane);
      continue;
    }
    m.to = entry->to;
  }
  return known;
}

}  // namespace weft
