// The last steps: to the owner of a port, through its scheduler, into its stage, out of the port; and the one place
// where frames are dropped.
#include "dataplane/cut.h"
#include "dataplane/net/headers.h"
#include "dataplane/offload.h"
#include "dataplane/scheduler.h"
#include "dataplane/stages.h"

namespace weft {

void drop(StageContext& context, rte_mbuf* frame, DropReason reason) noexcept {
  context.counters.drops.add(reason);
  if (context.source != nullptr) context.source->counters.drops.add(reason);
  rte_pktmbuf_free(frame);
}

void finish_segmented(
    StageContext& context, rte_mbuf* frame, std::uint64_t made, DropReason error
) noexcept {
  if (error != DropReason::none) {
    context.counters.segmented.add(made);
    drop(context, frame, error);
    return;
  }
  context.counters.segmented.add(made - 1U);
  rte_pktmbuf_free(frame);
}

namespace {

void hand_over(StageContext& context, WorkerId owner, rte_mbuf* frame) noexcept {
  HandoffRing* ring = context.handoff_to[owner.value()];
  if (ring == nullptr || !ring->push(frame)) [[unlikely]] {
    drop(context, frame, DropReason::handoff_full);
    return;
  }
  context.counters.handed_over.add(1);
}

void flush_port(StageContext& context, Port& port) noexcept {
  std::uint16_t count = port.staged_count;
  if (count == 0) return;
  rte_mbuf** frames = port.staged.data();
  if (port.traits().takes_offloads && count > 1) {
    const std::uint16_t merged = coalesce(frames, count);
    context.counters.coalesced.add(static_cast<std::uint64_t>(count - merged));
    count = merged;
  }
  std::uint64_t octets = 0;
  for (std::uint16_t i = 0; i < count; ++i) octets += frames[i]->pkt_len;
  const std::uint16_t sent = port.tx_burst(frames, count);
  for (std::uint16_t i = sent; i < count; ++i) octets -= frames[i]->pkt_len;
  context.counters.tx.add(sent);
  port.counters.tx_packets.add(sent);
  port.counters.tx_octets.add(octets);
  if (sent < count) [[unlikely]] {
    const auto refused = static_cast<std::uint64_t>(count - sent);
    context.counters.drops.add(DropReason::tx_refused, refused);
    port.counters.drops.add(DropReason::tx_refused, refused);
    rte_pktmbuf_free_bulk(frames + sent, static_cast<unsigned>(count - sent));
  }
  port.staged_count = 0;
}

/// A port, and the scheduler in front of it if it has one.
struct Way {
  Port* port;
  PortScheduler* scheduler;
  const SchedulerPlan* plan;
  EndpointIndex endpoint;  // kNoEndpoint: of `uplink`
  UplinkIndex uplink;
};

// The IP header in front, for ECN: of a tunnel packet the outer one.
EgressClass egress_class(rte_mbuf* frame) noexcept {
  const PacketMeta& m = meta(frame);
  const auto& ethernet = bounded_header<EthernetHeader>(head_bytes(frame), 0);
  L3Kind l3 = L3Kind::other;
  if (ethernet.ether_type.host() == kEtherTypeIpv4) l3 = L3Kind::ipv4;
  if (ethernet.ether_type.host() == kEtherTypeIpv6) l3 = L3Kind::ipv6;
  return {m.phb, m.colour, l3, sizeof(EthernetHeader)};
}

// To the port, or into the queue of its class.
void leave(StageContext& context, const Way& way, rte_mbuf* frame) noexcept {
  if (way.scheduler == nullptr) [[likely]] {
    stage_tx(context, *way.port, frame);
    return;
  }
  PortScheduler& scheduler = *way.scheduler;
  if (scheduler.version() != way.plan->version) scheduler.adopt(*way.plan, context.now);
  const bool was_empty = scheduler.length() == 0;
  if (was_empty && context.backlog.size() == context.backlog.capacity()) [[unlikely]] {
    drop(context, frame, DropReason::queue_full);
    return;
  }
  const DropReason refused = scheduler.enqueue(frame, egress_class(frame), context.now);
  if (refused != DropReason::none) {
    drop(context, frame, refused);
    return;
  }
  context.counters.queued.add(1);
  if (was_empty) context.backlog.push_back({&scheduler, way.port, way.endpoint, way.uplink});
}

// A port that takes no offloads gets complete wire-size frames.
void leave_completed(
    StageContext& context, const Way& way, rte_mbuf* frame, std::uint16_t mtu
) noexcept {
  PacketMeta& m = meta(frame);
  if (m.offload.gso == OffloadRequest::Gso::none) {
    const PortTraits& traits = way.port->traits();
    if (m.offload.needs_checksum) complete_checksum(frame);
    const bool must_be_one = frame->nb_segs > 1 && !traits.takes_chains;
    if ((must_be_one && rte_pktmbuf_linearize(frame) != 0) || frame->pkt_len > traits.max_frame) {
      drop(context, frame, DropReason::frame_too_large);
      return;
    }
    leave(context, way, frame);
    return;
  }
  cut_segments(context, frame, mtu, [&](rte_mbuf* segment) noexcept {
    leave(context, way, segment);
  });
}

// Whether the snapshot still puts this scheduler in front of this port. If not, neither pointer to the port
// may be used: control frees it.
bool is_in_force(const StageContext& context, const StageContext::Backlog& held) noexcept {
  if (held.endpoint == kNoEndpoint) {
    const UplinkEntry& uplink = context.snapshot->uplinks[held.uplink.value()];
    const std::size_t worker = context.worker.value();
    return uplink.in_use && uplink.tx_port[worker] == held.port &&
           uplink.scheduler[worker] == held.scheduler;
  }
  const EndpointEntry* endpoint = context.snapshot->endpoints.find(held.endpoint.value());
  return endpoint != nullptr && endpoint->in_use && endpoint->port == held.port &&
         endpoint->scheduler == held.scheduler;
}

void lose_backlog(StageContext& context, PortScheduler& scheduler) noexcept {
  std::array<rte_mbuf*, kMaxBurst> frames;
  for (std::uint16_t count = 0; (count = scheduler.drain(frames.data(), kMaxBurst)) != 0;) {
    context.counters.drops.add(DropReason::port_gone, count);
    context.counters.queued.take(count);
    rte_pktmbuf_free_bulk(frames.data(), count);
  }
}

}  // namespace

void make_stage_room(StageContext& context, Port& port) noexcept {
  if (port.staged_count != 0) {
    flush_port(context, port);  // it is listed as dirty already
    return;
  }
  if (context.dirty_count == context.dirty.size()) flush(context);
  context.dirty[context.dirty_count++] = &port;
}

unsigned serve_backlog(StageContext& context) noexcept {
  std::size_t kept = 0;
  for (const StageContext::Backlog& held : context.backlog) {
    if (!is_in_force(context, held)) {
      lose_backlog(context, *held.scheduler);
      continue;
    }
    std::array<rte_mbuf*, kMaxBurst> frames;
    std::uint16_t count = 0;
    do {
      count = held.scheduler->dequeue(context.now, frames.data(), kMaxBurst);
      context.counters.queued.take(count);
      for (std::uint16_t i = 0; i < count; ++i) stage_tx(context, *held.port, frames[i]);
    } while (count == kMaxBurst);
    if (held.scheduler->length() != 0) context.backlog[kept++] = held;
  }
  context.backlog.resize(kept);
  return static_cast<unsigned>(kept);
}

void flush(StageContext& context) noexcept {
  for (unsigned i = 0; i < context.dirty_count; ++i) flush_port(context, *context.dirty[i]);
  context.dirty_count = 0;
}

bool is_owned_here(StageContext& context, rte_mbuf* frame) noexcept {
  const PacketMeta& m = meta(frame);
  const EndpointEntry* endpoint = context.snapshot->endpoints.find(m.to.endpoint().value());
  // The segment is compared because a frame in a ring may be older than the snapshot.
  if (endpoint == nullptr || !endpoint->in_use || endpoint->segment != m.segment) [[unlikely]] {
    drop(context, frame, DropReason::port_gone);
    return false;
  }
  if (endpoint->owner != context.worker) {
    hand_over(context, endpoint->owner, frame);
    return false;
  }
  return true;
}

void arrive(StageContext& context, Burst& burst, Lanes live) noexcept {
  if (live.is_empty()) return;
  const Snapshot& snapshot = *context.snapshot;
  live = stage_flow(context, classifier::End::receiver, burst, live);
  live = stage_qos_arrived(context, burst, live);
  Destination to;  // of the previous frame
  const EndpointEntry* endpoint = nullptr;
  bool takes_complete = false;  // the port, at once and as they are
  for (const unsigned lane : live) {
    rte_mbuf* frame = burst.frames[lane];
    const PacketMeta& m = meta(frame);
    if (m.to != to) {
      to = m.to;
      endpoint = &snapshot.endpoints[to.endpoint().value()];
      takes_complete = endpoint->scheduler == nullptr;
    }
    const PortTraits& traits = endpoint->port->traits();
    const bool is_fit = traits.takes_offloads || (m.offload.is_complete() && frame->nb_segs == 1 &&
                                                  frame->pkt_len <= traits.max_frame);
    if (takes_complete && is_fit) [[likely]] {
      stage_tx(context, *endpoint->port, frame);
      continue;
    }
    const Way way{
        endpoint->port, endpoint->scheduler, endpoint->plan.get(), to.endpoint(), UplinkIndex{}};
    if (traits.takes_offloads) {
      leave(context, way, frame);
    } else {
      leave_completed(context, way, frame, snapshot.segments[m.segment.value()].mtu);
    }
  }
}

void send_to_endpoint(StageContext& context, rte_mbuf* frame) noexcept {
  if (!is_owned_here(context, frame)) return;
  Burst one;
  one.frames[0] = frame;
  one.count = 1;
  arrive(context, one, Lanes::first(1));
}

Port* direct_port(const StageContext& context, UplinkIndex index) noexcept {
  const UplinkEntry& uplink = context.snapshot->uplinks[index.value()];
  const std::size_t worker = context.worker.value();
  const bool is_direct = uplink.in_use && uplink.is_up && uplink.scheduler[worker] == nullptr;
  return is_direct ? uplink.tx_port[worker] : nullptr;
}

void send_to_uplink(StageContext& context, UplinkIndex index, rte_mbuf* frame) noexcept {
  const UplinkEntry& uplink = context.snapshot->uplinks[index.value()];
  if (!uplink.in_use || !uplink.is_up) [[unlikely]] {
    drop(context, frame, DropReason::uplink_down);
    return;
  }
  Port* port = uplink.tx_port[context.worker.value()];
  if (port == nullptr) {
    meta(frame).uplink = index;
    hand_over(context, uplink.tx_owner[context.worker.value()], frame);
    return;
  }
  PortScheduler* scheduler = uplink.scheduler[context.worker.value()];
  leave(context, Way{port, scheduler, uplink.plan.get(), kNoEndpoint, index}, frame);
}

void deliver(StageContext& context, Burst& burst, Lanes live) noexcept {
  Lanes arrived;
  EncapRun run;
  Destination owned_to;  // of the previous frame that is owned here
  SegmentIndex owned_segment = kNoSegment;
  for (const unsigned lane : live) {
    rte_mbuf* frame = burst.frames[lane];
    const PacketMeta& m = meta(frame);
    if (m.to.kind() == Destination::Kind::tunnel) {
      encapsulate(context, frame, run);
      continue;
    }
    const bool is_as_before = m.to == owned_to && m.segment == owned_segment;
    if (!is_as_before && !is_owned_here(context, frame)) continue;
    owned_to = m.to;
    owned_segment = m.segment;
    arrived.add(lane);
  }
  arrive(context, burst, arrived);
}

}  // namespace weft
