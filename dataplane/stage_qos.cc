// Which class a container's packet gets, and whether it is within its bounds.
//
// The class comes from the rule that let the packet pass, else from the endpoint (fixed, by VLAN priority, or what
// the container wrote). A scarce class is only for what a contract admits: the rest is remarked. Then the policers, from
// the narrowest to the widest: rule, endpoint, tenant. What is left is written into the packet.
//
// At the receiver's end a rule may give a class too, but not a scarce one: contracts are the sender's, and were kept or
// broken there.
#include "dataplane/metering.h"
#include "dataplane/net/headers.h"
#include "dataplane/stages.h"

namespace weft {
namespace {

std::uint8_t wanted_class(const EndpointQos& qos, rte_mbuf* frame, const PacketMeta& m) noexcept {
  if (m.rule_dscp != classifier::kNoClass) return m.rule_dscp;
  switch (qos.source) {
    case ClassSource::fixed:
      return qos.dscp;
    case ClassSource::pcp:
      if (m.parsed.vlan_count != 0) {
        const auto& tag = bounded_header<VlanTag>(head_bytes(frame), sizeof(EthernetHeader));
        return classifier::kDscpByPcp[tag.pcp()];
      }
      break;
    case ClassSource::trust:
      break;
  }
  return written_class(m.parsed);
}

bool is_scarce(std::uint8_t scarce_classes, std::uint8_t dscp) noexcept {
  const auto phb = static_cast<unsigned>(classifier::phb_of(dscp));
  return ((unsigned{scarce_classes} >> phb) & 1U) != 0;
}

/// Nothing to change and nothing to meter: stage_parse has the queue from the code point as it is.
bool is_as_written(
    const Snapshot& snapshot, const EndpointEntry& endpoint, const SegmentEntry& segment
) noexcept {
  return snapshot.scarce_classes == 0 && endpoint.qos.source == ClassSource::trust &&
         endpoint.qos.meter == classifier::kNoMeter && segment.policy == nullptr &&
         segment.tenant_meter == classifier::kNoMeter;
}

}  // namespace

Lanes stage_qos(StageContext& context, EndpointIndex from, Burst& burst, Lanes live) noexcept {
  const Snapshot& snapshot = *context.snapshot;
  const EndpointEntry& endpoint = snapshot.endpoints[from.value()];
  const SegmentEntry& segment = snapshot.segments[endpoint.segment.value()];
  if (is_as_written(snapshot, endpoint, segment)) return live;
  const MeterHere of_endpoint = own_meter(context, endpoint.qos.meter);
  const MeterHere of_tenant = common_meter(context, segment.tenant_meter);
  MeterHere of_rule;
  std::uint16_t rule_meter = classifier::kNoMeter;  // which of_rule is
  for (const unsigned lane : live) {
    rte_mbuf* frame = burst.frames[lane];
    PacketMeta& m = meta(frame);
    const std::uint32_t octets = l3_octets(frame, m.parsed);
    Classified packet{wanted_class(endpoint.qos, frame, m), false};
    if (is_scarce(snapshot.scarce_classes, packet.dscp)) [[unlikely]] {
      const auto wanted = static_cast<std::size_t>(classifier::phb_of(packet.dscp));
      const std::uint16_t contract = endpoint.qos.contracts[wanted];
      if (contract == classifier::kNoMeter) packet.dscp = classifier::kDscpDefault;
      packet = pass_meter(own_meter(context, contract), context.now, octets, packet);
    }
    if (m.rule_meter != rule_meter) {
      rule_meter = m.rule_meter;
      of_rule = common_meter(context, rule_meter);
    }
    packet = pass_meter(of_rule, context.now, octets, packet);
    packet = pass_meter(of_endpoint, context.now, octets, packet);
    packet = pass_meter(of_tenant, context.now, octets, packet);
    if (packet.is_dropped) [[unlikely]] {
      drop(context, frame, DropReason::meter_red);
      live.remove(lane);
      continue;
    }
    write_class(frame, packet.dscp);
  }
  return live;
}

Lanes stage_qos_arrived(StageContext& context, Burst& burst, Lanes live) noexcept {
  const std::uint8_t scarce_classes = context.snapshot->scarce_classes;
  MeterHere of_rule;
  std::uint16_t rule_meter = classifier::kNoMeter;  // which of_rule is
  for (const unsigned lane : live) {
    rte_mbuf* frame = burst.frames[lane];
    PacketMeta& m = meta(frame);
    const bool has_class =
        m.rule_dscp != classifier::kNoClass && !is_scarce(scarce_classes, m.rule_dscp);
    if (has_class || m.rule_meter != classifier::kNoMeter) {
      if (m.rule_meter != rule_meter) {
        rule_meter = m.rule_meter;
        of_rule = common_meter(context, rule_meter);
      }
      const std::uint8_t dscp = has_class ? m.rule_dscp : written_class(m.parsed);
      const Classified packet =
          pass_meter(of_rule, context.now, l3_octets(frame, m.parsed), {dscp, false});
      if (packet.is_dropped) [[unlikely]] {
        drop(context, frame, DropReason::meter_red);
        live.remove(lane);
        continue;
      }
      write_class(frame, packet.dscp);
    }
  }
  return live;
}

}  // namespace weft
