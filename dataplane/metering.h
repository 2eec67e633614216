// One packet on its way through meters: what the stages that police have in common.
//
//   Classified packet{written_class(m.parsed), false};
//   packet = pass_meter(own_meter(context, index), context.now, l3_octets(frame, m.parsed), packet);
//   if (packet.is_dropped) drop(context, frame, DropReason::meter_red);
//   else write_class(frame, packet.dscp);
//
// A packet passes its meters one after the other; a later one sees the class that an earlier one left
// it, and one that dropped it is the last. Worker only.
#pragma once

#include <cstdint>

#include "classifier/policer.h"
#include "classifier/qos.h"
#include "dataplane/net/parse.h"
#include "dataplane/port/packet.h"
#include "dataplane/stages.h"
#include "dataplane/tables.h"

namespace weft {

/// A class on its way through the meters.
struct Classified {
  std::uint8_t dscp{};
  bool is_dropped{};
};

/// The code point in the packet; the default of a frame that is not IP.
[[nodiscard]] inline std::uint8_t written_class(const ParsedFrame& parsed) noexcept {
  return parsed.is_ip() ? static_cast<std::uint8_t>(parsed.tos >> 2U) : classifier::kDscpDefault;
}

/// Into the packet, if it is IP, and into its meta: the queue and the drop precedence at egress follow.
inline void write_class(rte_mbuf* frame, std::uint8_t dscp) noexcept {
  PacketMeta& m = meta(frame);
  if (m.parsed.is_ip() && dscp != written_class(m.parsed)) [[unlikely]] {
    classifier::remark(head_bytes(frame), m.parsed, dscp);
  }
  m.phb = classifier::phb_of(dscp);
  m.colour = classifier::colour_of(dscp);
}

/// A meter and its state; `meter` is nullptr if everything passes.
struct MeterHere {
  const classifier::CompiledMeter* meter{};
  MeterSlot* slot{};      // this worker's counters, and its state unless it is shared
  SharedMeter* shared{};  // nullptr: no other worker uses it
};
/// A meter that only this worker uses: of an endpoint, whose frames all come from the port that it owns.
/// `index`: into Snapshot::meters; kNoMeter and a meter that was just removed let everything pass.
[[nodiscard]] inline MeterHere own_meter(
    const StageContext& context, std::uint16_t index
) noexcept {
  if (index == classifier::kNoMeter) return {};
  const classifier::CompiledMeter* meter = context.snapshot->meters.find(index);
  if (meter == nullptr || meter->version == 0) return {};
  return {meter, &context.tables->meter(index), nullptr};
}
/// A meter of a tenant or a rule, which all workers use. A meter is always asked for as the one or always as the other.
[[nodiscard]] inline MeterHere common_meter(
    const StageContext& context, std::uint16_t index
) noexcept {
  MeterHere here = own_meter(context, index);
  if (here.meter != nullptr) here.shared = context.tables->shared_meter(index);
  return here;
}

/// `octets`: of the IP packet, which is what meters count (RFC 2697 s1).
[[nodiscard]] inline Classified pass_meter(
    const MeterHere& here, Tsc now, std::uint32_t octets, Classified packet
) noexcept {
  if (here.meter == nullptr || packet.is_dropped) return packet;
  const classifier::Colour before = classifier::colour_of(packet.dscp);
  const classifier::Colour colour = here.shared == nullptr
                                        ? here.slot->meter.judge(*here.meter, now, octets, before)
                                        : here.shared->judge(*here.meter, now, octets, before);
  here.slot->count(colour, octets);
  const classifier::MeterAction& action = here.meter->action(colour);
  switch (action.kind) {
    case classifier::MeterAction::Kind::pass:
      packet.dscp = classifier::recoloured(packet.dscp, colour);
      break;
    case classifier::MeterAction::Kind::remark:
      packet.dscp = action.dscp;
      break;
    case classifier::MeterAction::Kind::drop:
      packet.is_dropped = true;
      break;
  }
  return packet;
}

}  // namespace weft
