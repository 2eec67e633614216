// The match-action rules of the port that a burst came from (classifier/match_rule.h): before everything else, and on
// the frame as it was received, which on an uplink is the outer one.
//
// The actions of a rule happen in one order, however they are written: count and mark, drop; the DSCP and then the meter,
// as in stage_qos; port_id. A frame that none of them ended goes on as usual.
//
//   mark     goes where a device puts it: into the mbuf, with the flags that say so
//   queue    chooses a receive queue of a device; a frame that is here has been received already
//   port_id  is the operator's way around the switch: no source guard, no policy of the sender, no FDB. What a
//            container asks for (checksums, segmentation) is judged all the same before anybody relies on it.
#include "classifier/rule_key.h"
#include "classifier/tuple_space.h"
#include "dataplane/cut.h"
#include "dataplane/metering.h"
#include "dataplane/offload.h"
#include "dataplane/stages.h"
#include "dataplane/tables.h"

namespace weft {
namespace {

using classifier::CompiledRule;
using classifier::MatchActionKind;

const classifier::RuleTable* rules_of(const Snapshot& snapshot, const Origin& origin) noexcept {
  return origin.is_uplink() ? snapshot.uplinks[origin.uplink.value()].rules.get()
                            : snapshot.endpoints[origin.endpoint.value()].rules.get();
}

void write_mark(rte_mbuf* frame, std::uint32_t mark) noexcept {
  frame->hash.fdir.hi = mark;
  frame->ol_flags |= RTE_MBUF_F_RX_FDIR | RTE_MBUF_F_RX_FDIR_ID;
}

// What the rule says about the class of this frame, else what is written.
std::uint8_t class_of(const CompiledRule& rule, const ParsedFrame& parsed) noexcept {
  if (parsed.l3 == L3Kind::ipv4 && rule.has(MatchActionKind::set_ipv4_dscp)) return rule.ipv4_dscp;
  if (parsed.l3 == L3Kind::ipv6 && rule.has(MatchActionKind::set_ipv6_dscp)) return rule.ipv6_dscp;
  return written_class(parsed);
}

// A container's frame may still want a checksum or to be cut, which an uplink does not do.
void redirect_to_uplink(StageContext& context, UplinkIndex index, rte_mbuf* frame) noexcept {
  const UplinkEntry& uplink = context.snapshot->uplinks[index.value()];
  if (!uplink.in_use || !uplink.is_up) {
    drop(context, frame, DropReason::uplink_down);
    return;
  }
  PacketMeta& m = meta(frame);
  // Should another worker have to send it, it travels as what it is then: a complete frame for an uplink.
  m.to = Destination{TunnelIndex{0}};
  if (m.offload.gso != OffloadRequest::Gso::none) {
    cut_segments(context, frame, uplink.mtu, [&](rte_mbuf* part) noexcept {
      send_to_uplink(context, index, part);
    });
    return;
  }
  const std::size_t headers = sizeof(EthernetHeader) + m.parsed.vlan_count * sizeof(VlanTag);
  if (frame->pkt_len > headers + uplink.mtu) {
    drop(context, frame, DropReason::frame_too_large);
    return;
  }
  if (m.offload.needs_checksum) complete_checksum(frame);
  send_to_uplink(context, index, frame);
}

// The receiver's policy still judges it.
void redirect_to_endpoint(StageContext& context, EndpointIndex index, rte_mbuf* frame) noexcept {
  const EndpointEntry* endpoint = context.snapshot->endpoints.find(index.value());
  if (endpoint == nullptr || !endpoint->in_use) {
    drop(context, frame, DropReason::port_gone);
    return;
  }
  PacketMeta& m = meta(frame);
  m.to = Destination{index};
  m.segment = endpoint->segment;
  send_to_endpoint(context, frame);
}

void redirect(
    StageContext& context, const Origin& origin, std::uint32_t port, rte_mbuf* frame
) noexcept {
  PacketMeta& m = meta(frame);
  const DropReason reason = m.offload.is_complete() ? DropReason::none : check_offload(frame);
  if (reason != DropReason::none) {
    drop(context, frame, reason);
    return;
  }
  m.from = origin.endpoint;
  if (port < kMaxUplinks) {
    redirect_to_uplink(context, UplinkIndex{static_cast<std::uint16_t>(port)}, frame);
  } else {
    redirect_to_endpoint(
        context, EndpointIndex{port - static_cast<std::uint32_t>(kMaxUplinks)}, frame
    );
  }
}

// Whether the frame goes on as usual; otherwise it is consumed.
bool carry_out(
    StageContext& context, const Origin& origin, const CompiledRule& rule, rte_mbuf* frame
) noexcept {
  if (rule.counter != classifier::kNoRuleCounter) {
    RuleHits& hits = context.tables->hits(rule.counter);
    hits.packets.add(1);
    hits.octets.add(frame->pkt_len);
  }
  if (rule.has(MatchActionKind::drop)) {
    drop(context, frame, DropReason::rule_drop);
    return false;
  }
  if (rule.has(MatchActionKind::mark)) write_mark(frame, rule.mark);
  const ParsedFrame& parsed = meta(frame).parsed;
  Classified packet{class_of(rule, parsed), false};
  if (rule.has(MatchActionKind::meter)) {
    packet = pass_meter(
        common_meter(context, rule.meter), context.now, l3_octets(frame, parsed), packet
    );
    if (packet.is_dropped) {
      drop(context, frame, DropReason::meter_red);
      return false;
    }
  }
  write_class(frame, packet.dscp);
  if (!rule.has(MatchActionKind::port_id)) return true;
  redirect(context, origin, rule.port, frame);
  return false;
}

}  // namespace

Lanes stage_rules(StageContext& context, const Origin& origin, Burst& burst, Lanes live) noexcept {
  const classifier::RuleTable* rules = rules_of(*context.snapshot, origin);
  if (rules == nullptr) [[likely]]
    return live;
  std::array<classifier::RuleKey, kMaxBurst> keys;
  for (const unsigned lane : live) {
    rte_mbuf* frame = burst.frames[lane];
    keys[lane] = classifier::rule_key(head_bytes(frame), meta(frame).parsed);
  }
  const classifier::FoundRules found = rules->find_bulk(keys, live);
  Lanes passed;
  for (const unsigned lane : live) {
    const CompiledRule* rule = found[lane];
    if (rule == nullptr || carry_out(context, origin, *rule, burst.frames[lane])) passed.add(lane);
  }
  return passed;
}

}  // namespace weft
