// The last steps: to the owner of a port, into its stage, out of the port; and the one place where
// frames are dropped.
#include "dataplane/cut.h"
#include "dataplane/offload.h"
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

// A port that takes no offloads gets complete wire-size frames.
void stage_completed(
    StageContext& context, Port& port, rte_mbuf* frame, std::uint16_t mtu
) noexcept {
  PacketMeta& m = meta(frame);
  if (m.offload.gso == OffloadRequest::Gso::none) {
    if (m.offload.needs_checksum) complete_checksum(frame);
    if (frame->nb_segs > 1 && !port.traits().takes_chains && rte_pktmbuf_linearize(frame) != 0) {
      drop(context, frame, DropReason::frame_too_large);
      return;
    }
    if (frame->pkt_len > port.traits().max_frame) {
      drop(context, frame, DropReason::frame_too_large);
      return;
    }
    stage_tx(context, port, frame);
    return;
  }
  cut_segments(context, frame, mtu, [&](rte_mbuf* segment) noexcept {
    stage_tx(context, port, segment);
  });
}

}  // namespace

void stage_tx(StageContext& context, Port& port, rte_mbuf* frame) noexcept {
  if (port.staged_count == 0) {
    if (context.dirty_count == context.dirty.size()) flush(context);
    context.dirty[context.dirty_count++] = &port;
  }
  port.staged[port.staged_count++] = frame;
  if (port.staged_count == port.staged.size()) {
    flush_port(context, port);
    // Still listed as dirty: flushing an empty stage is free, listing it twice would be too.
    if (context.dirty[context.dirty_count - 1U] == &port) --context.dirty_count;
  }
}

void flush(StageContext& context) noexcept {
  for (unsigned i = 0; i < context.dirty_count; ++i) flush_port(context, *context.dirty[i]);
  context.dirty_count = 0;
}

void send_to_endpoint(StageContext& context, rte_mbuf* frame) noexcept {
  const PacketMeta& m = meta(frame);
  const Snapshot& snapshot = *context.snapshot;
  const EndpointEntry* endpoint = snapshot.endpoints.find(m.to.endpoint().value());
  // The segment is compared because a frame in a ring may be older than the snapshot.
  if (endpoint == nullptr || !endpoint->in_use || endpoint->segment != m.segment) [[unlikely]] {
    drop(context, frame, DropReason::port_gone);
    return;
  }
  if (endpoint->owner != context.worker) {
    hand_over(context, endpoint->owner, frame);
    return;
  }
  Port& port = *endpoint->port;
  if (port.traits().takes_offloads) {
    stage_tx(context, port, frame);
  } else {
    stage_completed(context, port, frame, snapshot.segments[m.segment.value()].mtu);
  }
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
  stage_tx(context, *port, frame);
}

void deliver(StageContext& context, Burst& burst, Lanes live) noexcept {
  for (const unsigned lane : live) {
    rte_mbuf* frame = burst.frames[lane];
    if (meta(frame).to.kind() == Destination::Kind::tunnel) {
      encapsulate(context, frame);
    } else {
      send_to_endpoint(context, frame);
    }
  }
}

}  // namespace weft
