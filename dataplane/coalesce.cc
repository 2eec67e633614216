// coalesce(): wire-size TCP segments of one burst become large ones (see offload.h).
//
// The burst is walked once. For each flow there is at most one *open merge*: a head that stays in
// its place in the burst and the frames chained to it so far. A frame of a flow with an open merge
// either continues it exactly, or closes it: nothing ever overtakes a frame of its own flow.
// Headers of a head are rewritten once, when its merge closes.
//
// Checksums are verified only when a second frame would join (most of the cost of this file is
// there): a frame that stays alone is delivered as it came, right or wrong, and its receiver judges
// it. A merged frame gets a partial checksum, which is a promise that its octets are right.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dataplane/base/bytes.h"
#include "dataplane/chain.h"
#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"
#include "dataplane/offload.h"

namespace weft {
namespace {

/// A header at an offset that parse_frame has bounded.
template <WireHeader H>
H& header(rte_mbuf* frame, std::uint16_t offset) noexcept {
  return *reinterpret_cast<H*>(head_bytes(frame).data() + offset);
}
Ipv4Header& ipv4(rte_mbuf* frame) noexcept {
  return header<Ipv4Header>(frame, meta(frame).parsed.l3_offset);
}
Ipv6Header& ipv6(rte_mbuf* frame) noexcept {
  return header<Ipv6Header>(frame, meta(frame).parsed.l3_offset);
}
TcpHeader& tcp(rte_mbuf* frame) noexcept {
  return header<TcpHeader>(frame, meta(frame).parsed.l4_offset);
}
std::uint32_t payload_octets(rte_mbuf* frame) noexcept {
  const ParsedFrame& parsed = meta(frame).parsed;
  return parsed.l3_end - parsed.payload_offset;
}
bool is_pushed(rte_mbuf* frame) noexcept {
  return (tcp(frame).flags & TcpHeader::kPsh) != 0;
}

bool is_between_same_hosts(rte_mbuf* a, rte_mbuf* b) noexcept {
  const PacketMeta& x = meta(a);
  const PacketMeta& y = meta(b);
  if (x.segment != y.segment || x.parsed.l3 != y.parsed.l3) return false;
  if (x.parsed.l3 == L3Kind::ipv4) {
    return ipv4(a).source == ipv4(b).source && ipv4(a).destination == ipv4(b).destination;
  }
  return ipv6(a).source == ipv6(b).source && ipv6(a).destination == ipv6(b).destination;
}

bool is_same_flow(rte_mbuf* a, rte_mbuf* b) noexcept {
  return tcp(a).source_port == tcp(b).source_port &&
         tcp(a).destination_port == tcp(b).destination_port && is_between_same_hosts(a, b);
}

/// A few bits that differ for most flows: what is compared before the flows are.
std::uint64_t flow_tag(rte_mbuf* frame) noexcept {
  const std::uint64_t ports =
      (std::uint64_t{tcp(frame).source_port.raw()} << 16U) | tcp(frame).destination_port.raw();
  std::uint32_t source = 0;
  std::uint32_t destination = 0;
  if (meta(frame).parsed.l3 == L3Kind::ipv4) {
    std::memcpy(&source, ipv4(frame).source.octets.data(), 4);
    std::memcpy(&destination, ipv4(frame).destination.octets.data(), 4);
  } else {  // the interface identifiers' ends: hosts of one segment share the front
    std::memcpy(&source, ipv6(frame).source.octets.data() + 12, 4);
    std::memcpy(&destination, ipv6(frame).destination.octets.data() + 12, 4);
  }
  return (ports << 32U) | (source * 3U ^ destination);
}

/// Whether the frame could be part of a merge at all, whatever came before it. Precondition: TCP,
/// not a fragment.
bool is_mergeable(rte_mbuf* frame) noexcept {
  const PacketMeta& packet = meta(frame);
  const ParsedFrame& parsed = packet.parsed;
  if (!packet.offload.is_complete()) return false;
  if (parsed.l3 == L3Kind::ipv4) {
    if (parsed.l4_offset - parsed.l3_offset != sizeof(Ipv4Header)) return false;
    if (ipv4(frame).flags_fragment.host() != Ipv4Header::kDontFragment) return false;
  } else if (parsed.l4_offset - parsed.l3_offset != sizeof(Ipv6Header)) {
    return false;
  }
  if ((tcp(frame).flags | TcpHeader::kPsh) != (TcpHeader::kAck | TcpHeader::kPsh)) return false;
  if (payload_octets(frame) == 0) return false;

  // Octets behind the IP packet are cut off only where that takes no walk; and the first mbuf must
  // not become empty when its headers go.
  if (frame->nb_segs != 1 && frame->pkt_len != parsed.l3_end) return false;
  if (frame->data_len <= parsed.payload_offset) return false;
  return RTE_MBUF_DIRECT(frame) && rte_mbuf_refcnt_read(frame) == 1 &&
         rte_mbuf_refcnt_read(rte_pktmbuf_lastseg(frame)) == 1;
}

bool has_right_checksums(rte_mbuf* frame) noexcept {
  const PacketMeta& packet = meta(frame);
  const ParsedFrame& parsed = packet.parsed;
  if (parsed.l3 == L3Kind::ipv4) {
    const Bytes octets = head_bytes(frame).subspan(parsed.l3_offset, sizeof(Ipv4Header));
    if (fold(sum_of(octets)) != 0xFFFF) return false;
  }
  if (packet.offload.is_checked) return true;
  const std::uint32_t tcp_octets = parsed.l3_end - parsed.l4_offset;
  const Sum pseudo =
      parsed.l3 == L3Kind::ipv4
          ? pseudo_header_sum(ipv4(frame).source, ipv4(frame).destination, kIpProtoTcp, tcp_octets)
          : pseudo_header_sum(ipv6(frame).source, ipv6(frame).destination, kIpProtoTcp, tcp_octets);
  return fold(pseudo + sum_of_chain(frame, parsed.l4_offset, parsed.l3_end)) == 0xFFFF;
}

/// Everything that one large segment can say only once. Precondition: same flow, both mergeable.
bool has_same_headers(rte_mbuf* a, rte_mbuf* b) noexcept {
  const ParsedFrame& x = meta(a).parsed;
  const ParsedFrame& y = meta(b).parsed;
  if (x.l3_offset != y.l3_offset || x.payload_offset != y.payload_offset) return false;
  if (std::memcmp(head_bytes(a).data(), head_bytes(b).data(), x.l3_offset) != 0) return false;
  if (x.l3 == L3Kind::ipv4) {
    if (ipv4(a).tos != ipv4(b).tos || ipv4(a).ttl != ipv4(b).ttl) return false;
  } else if (ipv6(a).version_class_flow != ipv6(b).version_class_flow ||
             ipv6(a).hop_limit != ipv6(b).hop_limit) {
    return false;
  }
  const TcpHeader& s = tcp(a);
  const TcpHeader& t = tcp(b);
  if (s.acknowledgement != t.acknowledgement || s.data_offset != t.data_offset ||
      s.window != t.window || s.urgent != t.urgent) {
    return false;
  }
  const std::size_t options = x.l4_offset + sizeof(TcpHeader);
  return std::memcmp(
             head_bytes(a).data() + options,
             head_bytes(b).data() + options,
             x.payload_offset - options
         ) == 0;
}

/// A head and what was chained to it.
struct Merge {
  std::uint64_t tag{};
  rte_mbuf* head{};
  rte_mbuf* tail{};                // last mbuf of the chain
  std::uint32_t frame_octets{};    // headers and all payloads
  std::uint32_t segment_octets{};  // payload of the head alone
  std::uint32_t next_sequence{};
  std::uint16_t mbufs{};
  bool has_grown{};  // then the head's checksums are known to be right
};

Merge start_merge(rte_mbuf* head, std::uint64_t tag) noexcept {
  return Merge{
      .tag = tag,
      .head = head,
      .tail = rte_pktmbuf_lastseg(head),
      .frame_octets = meta(head).parsed.l3_end,
      .segment_octets = payload_octets(head),
      .next_sequence = tcp(head).sequence.host() + payload_octets(head),
      .mbufs = head->nb_segs,
      .has_grown = false,
  };
}

/// Whether `frame` may join. Precondition: same flow, both mergeable.
bool continues(const Merge& merge, rte_mbuf* frame) noexcept {
  const std::uint32_t octets = payload_octets(frame);
  return tcp(frame).sequence.host() == merge.next_sequence && octets <= merge.segment_octets &&
         merge.frame_octets + octets <= kMaxCoalescedOctets &&
         merge.mbufs + frame->nb_segs <= kMaxCoalescedMbufs &&
         has_same_headers(merge.head, frame) &&
         (merge.has_grown || has_right_checksums(merge.head)) && has_right_checksums(frame);
}

/// Drops the octets behind the IP packet. Precondition: they lie in the only mbuf, or there are
/// none.
void trim_padding(rte_mbuf* frame) noexcept {
  const auto padding = static_cast<std::uint16_t>(frame->pkt_len - meta(frame).parsed.l3_end);
  frame->data_len = static_cast<std::uint16_t>(frame->data_len - padding);
  frame->pkt_len -= padding;
}

/// Chains `frame`'s payload to the merge; its mbufs belong to the head from now on.
void append(Merge& merge, rte_mbuf* frame) noexcept {
  const std::uint32_t octets = payload_octets(frame);
  if (!merge.has_grown) trim_padding(merge.head);
  trim_padding(frame);
  tcp(merge.head).flags |= tcp(frame).flags;  // PSH

  const std::uint16_t mbufs = frame->nb_segs;
  rte_mbuf* const last = rte_pktmbuf_lastseg(frame);
  const std::uint16_t headers = meta(frame).parsed.payload_offset;
  frame->data_off = static_cast<std::uint16_t>(frame->data_off + headers);
  frame->data_len = static_cast<std::uint16_t>(frame->data_len - headers);
  frame->pkt_len = frame->data_len;
  frame->nb_segs = 1;

  merge.tail->next = frame;
  merge.tail = last;
  merge.frame_octets += octets;
  merge.next_sequence += octets;
  merge.mbufs = static_cast<std::uint16_t>(merge.mbufs + mbufs);
  merge.has_grown = true;
}

/// Writes into the head what the whole chain is: lengths, checksums, request.
void seal(const Merge& merge) noexcept {
  if (!merge.has_grown) return;
  rte_mbuf* const head = merge.head;
  head->pkt_len = merge.frame_octets;
  head->nb_segs = merge.mbufs;
  PacketMeta& packet = meta(head);
  ParsedFrame& parsed = packet.parsed;
  parsed.l3_end = merge.frame_octets;

  const std::uint32_t ip_octets = parsed.l3_end - parsed.l3_offset;
  const std::uint32_t tcp_octets = parsed.l3_end - parsed.l4_offset;
  Sum pseudo;
  if (parsed.l3 == L3Kind::ipv4) {
    Ipv4Header& ip = ipv4(head);
    ip.total_length = Be16{static_cast<std::uint16_t>(ip_octets)};
    ip.checksum = Be16{};
    ip.checksum =
        Be16{finish(sum_of(head_bytes(head).subspan(parsed.l3_offset, sizeof(Ipv4Header))))};
    pseudo = pseudo_header_sum(ip.source, ip.destination, kIpProtoTcp, tcp_octets);
  } else {
    Ipv6Header& ip = ipv6(head);
    ip.payload_length = Be16{static_cast<std::uint16_t>(ip_octets - sizeof(Ipv6Header))};
    pseudo = pseudo_header_sum(ip.source, ip.destination, kIpProtoTcp, tcp_octets);
  }
  tcp(head).checksum = Be16{fold(pseudo)};
  packet.offload = OffloadRequest{
      .needs_checksum = true,
      .gso = parsed.l3 == L3Kind::ipv4 ? OffloadRequest::Gso::tcp4 : OffloadRequest::Gso::tcp6,
      .is_ecn = false,
      .is_checked = true,
      .header_octets = parsed.payload_offset,
      .gso_octets = static_cast<std::uint16_t>(merge.segment_octets),
      .checksum_start = parsed.l4_offset,
      .checksum_offset = offsetof(TcpHeader, checksum),
  };
}

/// The open merges of a burst: few, so they are searched by comparing tags.
class OpenMerges {
 public:
  /// Whether `frame` became part of an earlier frame of the burst.
  [[nodiscard]] bool absorb(rte_mbuf* frame) noexcept {
    const ParsedFrame& parsed = meta(frame).parsed;
    const bool is_ip = parsed.is_ip();
    if (!parsed.is_ok() || !is_ip || parsed.ip_proto != kIpProtoTcp) return false;
    if (parsed.l4 != L4Kind::tcp || parsed.is_fragment) {  // which flow is not known
      close_between_hosts_of(frame);
      return false;
    }

    const std::uint64_t tag = flow_tag(frame);
    const unsigned i = find(frame, tag);
    const bool may_merge = is_mergeable(frame);
    if (i < count_) {
      if (may_merge && continues(merges_[i], frame)) {
        const bool ends = is_pushed(frame) || payload_octets(frame) < merges_[i].segment_octets;
        append(merges_[i], frame);
        if (ends) close(i);
        return true;
      }
      close(i);
    }
    const bool may_grow = may_merge && !is_pushed(frame) && payload_octets(frame) >= kMinGsoOctets;
    if (may_grow && count_ < merges_.size()) merges_[count_++] = start_merge(frame, tag);
    return false;
  }

  void close_all() noexcept {
    while (count_ > 0) close(count_ - 1U);
  }

 private:
  /// The index of the merge of `frame`'s flow, or count_.
  [[nodiscard]] unsigned find(rte_mbuf* frame, std::uint64_t tag) const noexcept {
    unsigned i = 0;
    while (i < count_ && !(merges_[i].tag == tag && is_same_flow(merges_[i].head, frame))) ++i;
    return i;
  }

  void close(unsigned i) noexcept {
    seal(merges_[i]);
    merges_[i] = merges_[--count_];
  }

  void close_between_hosts_of(rte_mbuf* frame) noexcept {
    for (unsigned i = count_; i > 0; --i) {
      if (is_between_same_hosts(merges_[i - 1U].head, frame)) close(i - 1U);
    }
  }

  std::array<Merge, kMaxBurst> merges_;
  unsigned count_{};
};

}  // namespace

std::uint16_t coalesce(rte_mbuf** frames, std::uint16_t count) noexcept {
  OpenMerges open;
  std::uint16_t kept = 0;
  for (std::uint16_t i = 0; i < count; ++i) {
    rte_mbuf* const frame = frames[i];
    if (!open.absorb(frame)) frames[kept++] = frame;
  }
  open.close_all();
  return kept;
}

}  // namespace weft
