// Into a tunnel: what does not fit is answered or cut, what a container left undone is completed,
// then template and patch.
#include "dataplane/cut.h"
#include "dataplane/net/checksum.h"
#include "dataplane/net/flow_key.h"
#include "dataplane/net/headers.h"
#include "dataplane/offload.h"
#include "dataplane/reply.h"
#include "dataplane/stages.h"
#include "encap/tos.h"

namespace weft {
namespace {

// Tells the sender how large a packet may be, within its budget of ICMP errors (RFC 4443 s2.4(f)); the
// packet itself is lost.
void answer_too_big(StageContext& context, rte_mbuf* frame, const TunnelEntry& tunnel) noexcept {
  const bool may_answer =
      context.source != nullptr && context.source->budgets.icmp_errors.take(context.now);
  rte_mbuf* answer =
      may_answer ? make_too_big(frame, tunnel.inner_mtu, context.pools.small) : nullptr;
  if (answer != nullptr) {
    context.counters.injected.add(1);
    context.counters.too_big_answers.add(1);
    send_to_endpoint(context, answer);
  }
  drop(context, frame, DropReason::inner_too_big);
}

// A complete inner frame that fits: the outer header goes in front of it.
void write_tunnel_header(
    StageContext& context, rte_mbuf* frame, const EncapRun& run, std::uint32_t flow_hash
) noexcept {
  const encap::OuterTemplate& outer = run.tunnel->outer;
  // write_outer writes kOuterCopy octets of headroom although the header is shorter.
  if (rte_pktmbuf_headroom(frame) < encap::kOuterCopy) [[unlikely]] {
    drop(context, frame, DropReason::no_headroom);
    return;
  }
  const PacketMeta& m = meta(frame);
  const std::uint8_t tos = encap::outer_tos(
      run.segment->dscp_mode,
      run.segment->fixed_dscp,
      m.parsed.is_ip() ? m.parsed.tos : std::uint8_t{0}
  );
  std::uint64_t inner_sum = 0;
  if (outer.udp6_checksum) [[unlikely]] {
    bool is_odd = false;
    for (const rte_mbuf* part = frame; part != nullptr; part = part->next) {
      const std::uint16_t sum =
          fold(sum_of({rte_pktmbuf_mtod(part, const std::uint8_t*), part->data_len}));
      inner_sum += is_odd ? __builtin_bswap16(sum) : sum;
      is_odd ^= (part->data_len & 1U) != 0;
    }
  }
  auto* inner = rte_pktmbuf_mtod(frame, std::uint8_t*);
  const auto size =
      static_cast<std::uint16_t>(encap::write_outer(outer, inner, frame->pkt_len, tos, flow_hash));
  frame->data_off = static_cast<std::uint16_t>(frame->data_off - size);
  frame->data_len = static_cast<std::uint16_t>(frame->data_len + size);
  frame->pkt_len += size;
  if (outer.udp6_checksum) [[unlikely]] {
    encap::finish_udp6_checksum(outer, head_bytes(frame), inner_sum);
  }
  context.counters.encapsulated.add(1);
  if (run.port != nullptr) [[likely]] {
    stage_tx(context, *run.port, frame);
  } else {
    send_to_uplink(context, run.tunnel->uplink, frame);
  }
}

// The tunnel that the frame goes to, or the reason why it can not.
DropReason find_way(const StageContext& context, const PacketMeta& m, EncapRun& run) noexcept {
  const Snapshot& snapshot = *context.snapshot;
  const TunnelEntry* tunnel = snapshot.tunnels.find(m.to.tunnel().value());
  if (tunnel == nullptr || !tunnel->in_use || tunnel->segment != m.segment) [[unlikely]]
    return DropReason::port_gone;
  run.tunnel = tunnel;
  run.segment = &snapshot.segments[m.segment.value()];
  run.port = direct_port(context, tunnel->uplink);
  run.to = m.to;
  run.segment_index = m.segment;
  return DropReason::none;
}

}  // namespace

void encapsulate(StageContext& context, rte_mbuf* frame, EncapRun& run) noexcept {
  PacketMeta& m = meta(frame);
  if (run.to != m.to || run.segment_index != m.segment) {
    const DropReason reason = find_way(context, m, run);
    if (reason != DropReason::none) [[unlikely]] {
      drop(context, frame, reason);
      return;
    }
  }
  const TunnelEntry& tunnel = *run.tunnel;
  const SegmentEntry& segment = *run.segment;
  if (m.parsed.vlan_count != 0 && segment.inner_vlan == InnerVlan::drop) [[unlikely]] {
    drop(context, frame, DropReason::inner_vlan_tag);
    return;
  }
  if (!tunnel.is_resolved) [[unlikely]] {
    drop(context, frame, DropReason::remote_unresolved);
    return;
  }
  if (segment.mss_clamp_mtu != 0) clamp_mss(frame, segment.mss_clamp_mtu);

  const bool is_large = m.offload.gso != OffloadRequest::Gso::none;
  if (!is_large && l3_octets(frame, m.parsed) > tunnel.inner_mtu) [[unlikely]] {
    answer_too_big(context, frame, tunnel);
    return;
  }
  if (m.flow_hash == 0) m.flow_hash = packet_hash(head_bytes(frame), m.parsed);
  if (is_large) [[unlikely]] {
    const std::uint32_t hash = m.flow_hash;
    cut_segments(context, frame, tunnel.inner_mtu, [&](rte_mbuf* part) noexcept {
      write_tunnel_header(context, part, run, hash);
    });
    return;
  }
  if (m.offload.needs_checksum) complete_checksum(frame);
  write_tunnel_header(context, frame, run, m.flow_hash);
}

}  // namespace weft
