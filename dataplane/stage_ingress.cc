// From octets as received to a parsed frame in a segment: parse, then guard (containers) or decap
// and learn (uplinks).
#include "classifier/source_guard.h"
#include "dataplane/net/headers.h"
#include "dataplane/net/parse_plain.h"
#include "dataplane/offload.h"
#include "dataplane/stages.h"
#include "encap/decap.h"
#include "encap/tos.h"

namespace weft {

Lanes stage_parse(StageContext& context, Burst& burst, Lanes live) noexcept {
  for (const unsigned lane : live) rte_prefetch0(rte_pktmbuf_mtod(burst.frames[lane], void*));
  Lanes parsed = live;
  burst.asking = {};
  for (const unsigned lane : live) {
    rte_mbuf* frame = burst.frames[lane];
    PacketMeta& m = meta(frame);
    parse_frame_into(m.parsed, head_bytes(frame), frame->pkt_len);
    m.to = Destination{};
    m.from = kNoEndpoint;
    m.from_tunnel = kNoTunnel;
    m.flow_hash = 0;
    m.phb = classifier::phb_of(m.parsed.tos >> 2U);
    m.colour = classifier::colour_of(m.parsed.tos >> 2U);
    m.rule_dscp = classifier::kNoClass;
    m.rule_meter = classifier::kNoMeter;
    if (!m.parsed.is_ok()) [[unlikely]] {
      drop(context, frame, m.parsed.error);
      parsed.remove(lane);
    } else if (m.parsed.l3 == L3Kind::arp || m.parsed.l4 == L4Kind::icmpv6) [[unlikely]] {
      burst.asking.add(lane);
    }
  }
  return parsed;
}

namespace {

/// The first IPv4 address of the endpoint, which is the source of nearly all that it sends. Zero: there is none
/// (and zero is nobody's: the guard decides).
Ipv4Address usual_source(const classifier::SourceGuard& guard) noexcept {
  for (std::size_t i = 0; i < guard.address_count; ++i) {
    if (guard.addresses[i].address.is_v4()) return guard.addresses[i].address.v4();
  }
  return {};
}

}  // namespace

Lanes stage_guard(StageContext& context, EndpointIndex from, Burst& burst, Lanes live) noexcept {
  const EndpointEntry& endpoint = context.snapshot->endpoints[from.value()];
  const classifier::SourceGuard& guard = endpoint.guard;
  const Ipv4Address usual = usual_source(guard);
  Lanes passed = live;
  for (const unsigned lane : live) {
    rte_mbuf* frame = burst.frames[lane];
    PacketMeta& m = meta(frame);
    const ConstBytes head = head_bytes(frame);
    const bool is_usual = m.parsed.l3 == L3Kind::ipv4 && !usual.is_zero() &&
                          bounded_header<EthernetHeader>(head, 0).source == guard.mac &&
                          bounded_header<Ipv4Header>(head, m.parsed.l3_offset).source == usual;
    DropReason reason =
        is_usual ? DropReason::none : classifier::check_source(guard, head, m.parsed);
    if (reason == DropReason::none && !m.offload.is_complete()) reason = check_offload(frame);
    if (reason != DropReason::none) [[unlikely]] {
      drop(context, frame, reason);
      passed.remove(lane);
      continue;
    }
    m.from = from;
    m.segment = endpoint.segment;
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
  IpAddress remote;
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
  if (run.tunnel == kNoTunnel || run.remote != source) {
    const TunnelIndex* tunnel =
        snapshot.tunnel_by_remote.find(segment_address(run.segment, source));
    if (tunnel == nullptr) return DropReason::unknown_remote_vtep;
    run.remote = source;
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
  parse_frame_into(m.parsed, head_bytes(frame), frame->pkt_len);
  if (!m.parsed.is_ok()) return m.parsed.error;
  if (m.parsed.vlan_count != 0 && segment.inner_vlan == InnerVlan::drop) {
    return DropReason::inner_vlan_tag;
  }
  m.phb = classifier::Phb::best_effort;
  m.colour = classifier::Colour::green;
  if (!m.parsed.is_ip()) return DropReason::none;
  const encap::InnerTos tos = encap::inner_tos(segment.dscp_mode, outer.tos, m.parsed.tos);
  if (tos.is_lost) return DropReason::ecn_congestion_lost;
  if (tos.tos != m.parsed.tos) {
    encap::write_tos(head_bytes(frame), m.parsed, tos.tos);
    m.parsed.tos = tos.tos;
  }
  m.phb = classifier::phb_of(tos.tos >> 2U);
  m.colour = classifier::colour_of(tos.tos >> 2U);
  return DropReason::none;
}

// Why a frame can not be for this VTEP, whatever is in it.
DropReason refuse_outer(
    const UplinkEntry& uplink, rte_mbuf* frame, const ParsedFrame& outer
) noexcept {
  if (!uplink.is_up) [[unlikely]]
    return DropReason::uplink_down;
  const auto& ethernet = bounded_header<EthernetHeader>(head_bytes(frame), 0);
  const bool is_for_us = ethernet.destination == uplink.mac || ethernet.destination.is_group();
  // A VTEP has no VLANs: a tagged frame belongs to another network on the same wire.
  return is_for_us && outer.vlan_count == 0 ? DropReason::none : DropReason::underlay_not_for_us;
}

// Whether the outer destination is a local VTEP address; `run` then knows which.
bool is_vtep(
    const Snapshot& snapshot, UplinkIndex uplink, const IpAddress& destination, TunnelRun& run
) noexcept {
  if (!run.has_vtep || run.destination != destination) {
    run = TunnelRun{};
    run.destination = destination;
    run.vtep = find_vtep(snapshot, uplink, destination);
    run.has_vtep = run.vtep < snapshot.vtep_count;
  }
  return run.has_vtep;
}

// A chain can only be checksummed as a whole; wire frames are single mbufs unless the device scattered
// them.
encap::Decapped decap_whole(
    rte_mbuf* frame, const ParsedFrame& outer, const encap::DecapConfig& config
) noexcept {
  if (frame->nb_segs > 1 && rte_pktmbuf_linearize(frame) != 0) [[unlikely]] {
    encap::Decapped lost;
    lost.error = DropReason::headers_not_contiguous;
    return lost;
  }
  // A device may have verified the outer checksum (pmd-config/rx_checksum.h). A bad one is its word
  // against ours: the sum is done again, and decides.
  const bool is_checked = meta(frame).offload.is_checked;
  return encap::decap_inline(head_bytes(frame), frame->pkt_len, outer, config, is_checked);
}

// Into the segment and out of the outer headers.
DropReason enter_segment(
    const Snapshot& snapshot,
    rte_mbuf* frame,
    const ParsedFrame& outer,
    const encap::Decapped& packet,
    const IpAddress& source,
    TunnelRun& run
) noexcept {
  const DropReason reason = find_tunnel(snapshot, packet, source, run);
  if (reason != DropReason::none) return reason;
  PacketMeta& m = meta(frame);
  m.segment = run.segment;
  m.from_tunnel = run.tunnel;
  m.offload = OffloadRequest{};
  return unwrap(frame, outer, packet.inner_offset, snapshot.segments[run.segment.value()]);
}

}  // namespace

Lanes stage_decap(StageContext& context, UplinkIndex uplink, Burst& burst, Lanes live) noexcept {
  const Snapshot& snapshot = *context.snapshot;
  TunnelRun run;
  Lanes inner = live;
  for (const unsigned lane : live) {
    rte_mbuf* frame = burst.frames[lane];
    const ParsedFrame outer = meta(frame).parsed;
    DropReason reason = refuse_outer(snapshot.uplinks[uplink.value()], frame, outer);
    const bool is_ip = outer.is_ip();
    const OuterAddresses addresses =
        is_ip ? outer_addresses(head_bytes(frame), outer) : OuterAddresses{};
    const bool is_to_vtep = is_ip && is_vtep(snapshot, uplink, addresses.destination, run);

    encap::Decapped packet;
    if (reason == DropReason::none && is_to_vtep) {
      packet = decap_whole(frame, outer, snapshot.decap);
      reason = packet.error;
    }
    if (reason == DropReason::none && !packet.is_tunnel) [[unlikely]] {
      if (is_for_host(outer, is_to_vtep)) {
        punt(context, uplink, frame);
        inner.remove(lane);
        continue;
      }
      reason = DropReason::underlay_not_for_us;
    }
    if (reason == DropReason::none) {
      reason = enter_segment(snapshot, frame, outer, packet, addresses.source, run);
    }
    if (reason != DropReason::none) [[unlikely]] {
      drop(context, frame, reason);
      inner.remove(lane);
    }
  }
  context.counters.decapsulated.add(inner.count());
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
  const auto fdb = snapshot.fdb.reader();
  std::array<std::uint64_t, kMaxBurst> keys;
  std::array<decltype(fdb)::Place, kMaxBurst> places;
  for (const unsigned lane : live) {
    rte_mbuf* frame = burst.frames[lane];
    const auto& ethernet = bounded_header<EthernetHeader>(head_bytes(frame), 0);
    keys[lane] = fdb_key(meta(frame).segment, ethernet.source);
    places[lane] = fdb.approach(keys[lane]);
  }

  std::uint64_t previous_key = ~std::uint64_t{0};
  TunnelIndex previous_tunnel = kNoTunnel;
  Lanes passed = live;
  for (const unsigned lane : live) {
    rte_mbuf* frame = burst.frames[lane];
    const PacketMeta& m = meta(frame);
    const std::uint64_t key = keys[lane];
    if ((key & kGroupBit) != 0) [[unlikely]] {
      drop(context, frame, DropReason::multicast_source_mac);
      passed.remove(lane);
      continue;
    }
    if (key == previous_key && m.from_tunnel == previous_tunnel) continue;
    const FdbEntry* known = fdb.find(places[lane], key);
    if (known != nullptr && known->to.kind() == Destination::Kind::endpoint) [[unlikely]] {
      drop(context, frame, DropReason::remote_claims_local_mac);
      passed.remove(lane);
      continue;
    }
    const bool is_news =
        known == nullptr || (!known->is_static && known->to != Destination{m.from_tunnel});
    if (is_news && snapshot.segments[m.segment.value()].learn) [[unlikely]] {
      report_learned(context, m.segment, MacAddress::from_bits(key), m.from_tunnel, key);
    }
    context.activity.touch(key, context.second);
    previous_key = key;
    previous_tunnel = m.from_tunnel;
  }
  return passed;
}

}  // namespace weft
