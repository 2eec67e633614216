// From octets as received to a parsed frame in a segment: parse, then guard (containers) or decap
// and learn (uplinks).
#include "classifier/source_guard.h"
#include "dataplane/net/headers.h"
#include "dataplane/offload.h"
#include "dataplane/stages.h"
#include "encap/tos.h"
#include "encap/tunnel.h"

namespace weft {

Lanes stage_parse(StageContext& context, Burst& burst, Lanes live) noexcept {
  for (const unsigned lane : live) rte_prefetch0(rte_pktmbuf_mtod(burst.frames[lane], void*));
  Lanes parsed;
  for (const unsigned lane : live) {
    rte_mbuf* frame = burst.frames[lane];
    PacketMeta& m = meta(frame);
    m.parsed = parse_frame(head_bytes(frame), frame->pkt_len);
    m.to = Destination{};
    m.from = kNoEndpoint;
    m.from_tunnel = kNoTunnel;
    m.flow_hash = 0;
    if (m.parsed.is_ok()) [[likely]] {
      parsed.add(lane);
    } else {
      drop(context, frame, m.parsed.error);
    }
  }
  return parsed;
}

Lanes stage_guard(StageContext& context, EndpointIndex from, Burst& burst, Lanes live) noexcept {
  const EndpointEntry& endpoint = context.snapshot->endpoints[from.value()];
  Lanes passed;
  for (const unsigned lane : live) {
    rte_mbuf* frame = burst.frames[lane];
    PacketMeta& m = meta(frame);
    DropReason reason = classifier::check_source(endpoint.guard, head_bytes(frame), m.parsed);
    const bool asks = m.offload.needs_checksum || m.offload.gso != OffloadRequest::Gso::none;
    if (asks && reason == DropReason::none) reason = check_offload(frame);
    if (reason != DropReason::none) [[unlikely]] {
      drop(context, frame, reason);
      continue;
    }
    m.from = from;
    m.segment = endpoint.segment;
    passed.add(lane);
  }
  return passed;
}

namespace {

// What the previous packet of the burst resolved to: bursts are runs of the same tunnel.
struct TunnelRun {
  IpAddress destination;
  std::size_t vtep{};
  std::uint64_t vni{};
  SegmentIndex segment = kNoSegment;
  SegmentAddress remote;
  TunnelIndex tunnel = kNoTunnel;
  bool has_vtep{};
};

struct OuterAddresses {
  IpAddress source;
  IpAddress destination;
};

// Precondition: l3 is ipv4 or ipv6.
OuterAddresses outer_addresses(ConstBytes octets, const ParsedFrame& outer) noexcept {
  if (outer.l3 == L3Kind::ipv4) {
    const auto& ip = bounded_header<Ipv4Header>(octets, outer.l3_offset);
    return {IpAddress{ip.source}, IpAddress{ip.destination}};
  }
  const auto& ip = bounded_header<Ipv6Header>(octets, outer.l3_offset);
  return {IpAddress{ip.source}, IpAddress{ip.destination}};
}

// Frames for the VTEP as a host: control answers them (control/underlay.h).
bool is_for_host(const ParsedFrame& outer, bool is_to_vtep) noexcept {
  if (outer.l3 == L3Kind::arp) return true;
  if (outer.l4 == L4Kind::icmpv6) return true;  // ND to solicited-node groups, echo, packet too big
  return is_to_vtep && outer.l4 == L4Kind::icmp;
}

void punt(StageContext& context, UplinkIndex uplink, rte_mbuf* frame) noexcept {
  if (!context.punt_budget.take(context.now)) {
    drop(context, frame, DropReason::punt_budget);
    return;
  }
  WorkerEvent event;
  event.kind = WorkerEvent::Kind::punted;
  event.uplink = uplink;
  event.frame = frame;
  if (!context.events.push(event)) {
    drop(context, frame, DropReason::punt_full);
    return;
  }
  context.counters.punted.add(1);
}

// Finds the local VTEP address; vtep_count when it is none of ours.
std::size_t find_vtep(
    const Snapshot& snapshot, UplinkIndex uplink, const IpAddress& address
) noexcept {
  std::size_t i = 0;
  while (i < snapshot.vtep_count &&
         (snapshot.vteps[i].address != address || snapshot.vteps[i].uplink != uplink)) {
    ++i;
  }
  return i;
}

// The tunnel that the packet came through, or the reason why there is none.
DropReason find_tunnel(
    const Snapshot& snapshot, const encap::Decapped& packet, const IpAddress& source, TunnelRun& run
) noexcept {
  const std::uint64_t vni = vni_key(run.vtep, packet.kind, packet.vni);
  if (run.segment == kNoSegment || run.vni != vni) {
    const SegmentIndex* segment = snapshot.vnis.find(vni);
    if (segment == nullptr) return DropReason::unknown_vni;
    run.vni = vni;
    run.segment = *segment;
    run.tunnel = kNoTunnel;
  }
  const SegmentAddress remote = segment_address(run.segment, source);
  if (run.tunnel == kNoTunnel || !(run.remote == remote)) {
    const TunnelIndex* tunnel = snapshot.tunnel_by_remote.find(remote);
    if (tunnel == nullptr) return DropReason::unknown_remote_vtep;
    run.remote = remote;
    run.tunnel = *tunnel;
  }
  return DropReason::none;
}

// Removes the outer headers and judges the inner frame.
DropReason unwrap(
    rte_mbuf* frame,
    const ParsedFrame& outer,
    std::uint16_t inner_offset,
    const SegmentEntry& segment
) noexcept {
  // Octets behind the outer IP packet are padding of the underlay, not part of the inner frame.
  if (frame->pkt_len > outer.l3_end && frame->nb_segs == 1) {
    frame->pkt_len = outer.l3_end;
    frame->data_len = static_cast<std::uint16_t>(outer.l3_end);
  }
  frame->data_off = static_cast<std::uint16_t>(frame->data_off + inner_offset);
  frame->data_len = static_cast<std::uint16_t>(frame->data_len - inner_offset);
  frame->pkt_len -= inner_offset;

  PacketMeta& m = meta(frame);
  m.parsed = parse_frame(head_bytes(frame), frame->pkt_len);
  if (!m.parsed.is_ok()) return m.parsed.error;
  if (m.parsed.vlan_count != 0 && segment.inner_vlan == InnerVlan::drop) {
    return DropReason::inner_vlan_tag;
  }
  if (m.parsed.l3 != L3Kind::ipv4 && m.parsed.l3 != L3Kind::ipv6) return DropReason::none;
  const encap::InnerTos tos = encap::inner_tos(segment.dscp_mode, outer.tos, m.parsed.tos);
  if (tos.is_lost) return DropReason::ecn_congestion_lost;
  if (tos.tos != m.parsed.tos) {
    encap::write_tos(head_bytes(frame), m.parsed, tos.tos);
    m.parsed.tos = tos.tos;
  }
  return DropReason::none;
}

}  // namespace

Lanes stage_decap(StageContext& context, UplinkIndex uplink, Burst& burst, Lanes live) noexcept {
  const Snapshot& snapshot = *context.snapshot;
  const MacAddress& own_mac = snapshot.uplinks[uplink.value()].mac;
  const bool is_up = snapshot.uplinks[uplink.value()].is_up;
  TunnelRun run;
  Lanes inner;
  for (const unsigned lane : live) {
    rte_mbuf* frame = burst.frames[lane];
    PacketMeta& m = meta(frame);
    const ParsedFrame outer = m.parsed;
    const Bytes octets = head_bytes(frame);
    const auto& ethernet = bounded_header<EthernetHeader>(octets, 0);
    if (!is_up) [[unlikely]] {
      drop(context, frame, DropReason::uplink_down);
      continue;
    }
    // A VTEP has no VLANs: a tagged frame belongs to another network on the same wire.
    const bool is_for_us = ethernet.destination == own_mac || ethernet.destination.is_group();
    if (!is_for_us || outer.vlan_count != 0) [[unlikely]] {
      drop(context, frame, DropReason::underlay_not_for_us);
      continue;
    }
    bool is_to_vtep = false;
    OuterAddresses addresses;
    if (outer.l3 == L3Kind::ipv4 || outer.l3 == L3Kind::ipv6) {
      addresses = outer_addresses(octets, outer);
      if (!run.has_vtep || run.destination != addresses.destination) {
        const std::size_t vtep = find_vtep(snapshot, uplink, addresses.destination);
        run = TunnelRun{};
        run.destination = addresses.destination;
        run.vtep = vtep;
        run.has_vtep = vtep < snapshot.vtep_count;
      }
      is_to_vtep = run.has_vtep;
    }

    encap::Decapped packet;
    if (is_to_vtep) {
      // A chain can only be checksummed as a whole; wire frames are single mbufs unless the device
      // scattered them.
      if (frame->nb_segs > 1 && rte_pktmbuf_linearize(frame) != 0) [[unlikely]] {
        drop(context, frame, DropReason::headers_not_contiguous);
        continue;
      }
      packet = encap::decap(head_bytes(frame), frame->pkt_len, outer, snapshot.decap);
    }
    if (packet.error != DropReason::none) [[unlikely]] {
      drop(context, frame, packet.error);
      continue;
    }
    if (!packet.is_tunnel) [[unlikely]] {
      if (is_for_host(outer, is_to_vtep)) {
        punt(context, uplink, frame);
      } else {
        drop(context, frame, DropReason::underlay_not_for_us);
      }
      continue;
    }

    DropReason reason = find_tunnel(snapshot, packet, addresses.source, run);
    if (reason == DropReason::none) {
      m.segment = run.segment;
      m.from_tunnel = run.tunnel;
      m.offload = OffloadRequest{};
      const SegmentEntry& segment = snapshot.segments[run.segment.value()];
      reason = unwrap(frame, outer, packet.inner_offset, segment);
    }
    if (reason != DropReason::none) [[unlikely]] {
      drop(context, frame, reason);
      continue;
    }
    context.counters.decapsulated.add(1);
    inner.add(lane);
  }
  return inner;
}

namespace {

// Tells control once per snapshot about a MAC that it does not know, or knows elsewhere.
void report_learned(
    StageContext& context,
    SegmentIndex segment,
    const MacAddress& mac,
    TunnelIndex tunnel,
    std::uint64_t key
) noexcept {
  StageContext::RecentLearn& recent = context.recent_learns[(key * 0x9E3779B97F4A7C15U) >> 58U];
  const Generation generation = context.snapshot->generation;
  if (recent.key == key && recent.tunnel == tunnel && recent.generation == generation) return;
  // Half of the ring is kept for punted frames and dead ports: a storm of new MACs must not cost a
  // neighbour its answer.
  const bool has_room = context.events.size() < context.events.capacity() / 2;
  if (!has_room || !context.learn_budget.take(context.now)) return;
  recent = {key, tunnel, generation};
  WorkerEvent event;
  event.kind = WorkerEvent::Kind::learned;
  event.segment = segment;
  event.tunnel = tunnel;
  event.mac = mac;
  // A full ring only delays learning: forget, so that the next frame tries again.
  if (!context.events.push(event)) recent = {};
}

}  // namespace

Lanes stage_learn(StageContext& context, Burst& burst, Lanes live) noexcept {
  const Snapshot& snapshot = *context.snapshot;
  std::uint64_t previous_key = ~std::uint64_t{0};
  TunnelIndex previous_tunnel = kNoTunnel;
  Lanes passed;
  for (const unsigned lane : live) {
    rte_mbuf* frame = burst.frames[lane];
    const PacketMeta& m = meta(frame);
    const auto& ethernet = bounded_header<EthernetHeader>(head_bytes(frame), 0);
    if (ethernet.source.is_group()) [[unlikely]] {
      drop(context, frame, DropReason::multicast_source_mac);
      continue;
    }
    const std::uint64_t key = fdb_key(m.segment, ethernet.source);
    if (key == previous_key && m.from_tunnel == previous_tunnel) {
      passed.add(lane);
      continue;
    }
    const FdbEntry* known = snapshot.fdb.find(key);
    if (known != nullptr && known->to.kind() == Destination::Kind::endpoint) [[unlikely]] {
      drop(context, frame, DropReason::remote_claims_local_mac);
      continue;
    }
    const bool is_news =
        known == nullptr || (!known->is_static && known->to != Destination{m.from_tunnel});
    if (is_news && snapshot.segments[m.segment.value()].learn) {
      report_learned(context, m.segment, ethernet.source, m.from_tunnel, key);
    }
    context.activity.touch(key, context.second);
    previous_key = key;
    previous_tunnel = m.from_tunnel;
    passed.add(lane);
  }
  return passed;
}

}  // namespace weft
