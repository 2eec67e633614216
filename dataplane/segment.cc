// segment(): one large TCP frame becomes many of wire size (see offload.h).
//
// Each frame is the original's headers, a slice of its payload, and a handful of patched fields.
// The payload is copied rather than attached: a wire-size frame in one mbuf costs one descriptor
// and needs no second pool, and the octets have to be read for the checksum anyway.
#include <algorithm>
#include <cstddef>
#include <cstring>

#include "dataplane/base/bytes.h"
#include "dataplane/chain.h"
#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"
#include "dataplane/offload.h"

namespace weft {
namespace {

/// What is the same for every frame cut from one original.
struct Cut {
  rte_mbuf* original{};
  ParsedFrame parsed;
  std::uint16_t header_octets{};   // Ethernet ... TCP
  std::uint32_t payload_octets{};  // of the original
  std::uint32_t segment_octets{};  // of payload in each frame but the last
  Sum pseudo_header;               // without the length
};

/// Which slice one frame gets.
struct Slice {
  std::uint32_t begin{};  // payload octets before it
  std::uint32_t octets{};
  std::uint16_t index{};  // frames before it
};

/// The TCP payload octets that fit a frame; below kMinGsoOctets: not worth cutting.
std::uint32_t segment_octets(
    const PacketMeta& packet, std::uint16_t mtu, rte_mempool* pool
) noexcept {
  const std::uint32_t headers = packet.parsed.payload_offset;
  const std::uint32_t ip_headers = headers - packet.parsed.l3_offset;
  const std::uint32_t room = rte_pktmbuf_data_room_size(pool);
  if (mtu <= ip_headers || room <= kHeadroom + headers) return 0;
  return std::min(
      {std::uint32_t{packet.offload.gso_octets}, mtu - ip_headers, room - kHeadroom - headers}
  );
}

Cut plan_cut(rte_mbuf* frame, std::uint16_t mtu, rte_mempool* pool) noexcept {
  const PacketMeta& packet = meta(frame);
  const ParsedFrame& parsed = packet.parsed;
  Cut cut{
      .original = frame,
      .parsed = parsed,
      .header_octets = parsed.payload_offset,
      .payload_octets = parsed.l3_end - parsed.payload_offset,
      .segment_octets = segment_octets(packet, mtu, pool),
      .pseudo_header = {},
  };
  // The partial checksum is the pseudo header's sum including the original's TCP length: take that
  // out again (adding the complement subtracts). A TCP length is below 2^16.
  const auto* tcp = header_at<TcpHeader>(ConstBytes{head_bytes(frame)}, parsed.l4_offset);
  const auto tcp_octets = static_cast<std::uint16_t>(parsed.l3_end - parsed.l4_offset);
  if (tcp != nullptr) {
    cut.pseudo_header = Sum{tcp->checksum.host()} + Sum{static_cast<std::uint16_t>(~tcp_octets)};
  }
  return cut;
}

void patch_ip(const Cut& cut, std::uint8_t* data, const Slice& slice) noexcept {
  const std::uint32_t packet_end = cut.header_octets + slice.octets;
  std::uint8_t* l3 = data + cut.parsed.l3_offset;
  if (cut.parsed.l3 == L3Kind::ipv4) {
    auto& ip = *reinterpret_cast<Ipv4Header*>(l3);
    ip.total_length = Be16{static_cast<std::uint16_t>(packet_end - cut.parsed.l3_offset)};
    ip.identification = Be16{static_cast<std::uint16_t>(ip.identification.host() + slice.index)};
    ip.checksum = Be16{};
    ip.checksum = Be16{finish(sum_of(ConstBytes{l3, ip.header_bytes()}))};
  } else {
    auto& ip = *reinterpret_cast<Ipv6Header*>(l3);
    ip.payload_length =
        Be16{static_cast<std::uint16_t>(packet_end - cut.parsed.l3_offset - sizeof(Ipv6Header))};
  }
}

void patch_tcp(const Cut& cut, std::uint8_t* data, const Slice& slice) noexcept {
  const bool is_first = slice.begin == 0;
  const bool is_last = slice.begin + slice.octets == cut.payload_octets;
  std::uint8_t* l4 = data + cut.parsed.l4_offset;
  auto& tcp = *reinterpret_cast<TcpHeader*>(l4);

  tcp.sequence = Be32{tcp.sequence.host() + slice.begin};
  unsigned flags = tcp.flags;
  if (!is_last) flags &= ~unsigned{TcpHeader::kFin | TcpHeader::kPsh};
  if (!is_first) flags &= ~unsigned{TcpHeader::kCwr};  // RFC 3168 s6.1.2: said once
  if ((flags & TcpHeader::kUrg) != 0) {
    // RFC 9293 s3.1: the urgent pointer counts from this segment's sequence number.
    const bool is_past = tcp.urgent.host() < slice.begin;
    if (is_past) flags &= ~unsigned{TcpHeader::kUrg};
    tcp.urgent =
        is_past ? Be16{} : Be16{static_cast<std::uint16_t>(tcp.urgent.host() - slice.begin)};
  }
  tcp.flags = static_cast<std::uint8_t>(flags);

  const std::uint32_t tcp_octets = cut.header_octets - cut.parsed.l4_offset + slice.octets;
  tcp.checksum = Be16{};
  const Sum sum = cut.pseudo_header + Sum{tcp_octets} + sum_of(ConstBytes{l4, tcp_octets});
  tcp.checksum = Be16{finish(sum)};
}

void write_frame(const Cut& cut, ChainReader& payload, const Slice& slice, rte_mbuf* out) noexcept {
  auto* data = rte_pktmbuf_mtod(out, std::uint8_t*);
  std::memcpy(data, head_bytes(cut.original).data(), cut.header_octets);
  payload.copy(data + cut.header_octets, slice.octets);
  patch_ip(cut, data, slice);
  patch_tcp(cut, data, slice);

  const std::uint32_t frame_octets = cut.header_octets + slice.octets;
  out->data_len = static_cast<std::uint16_t>(frame_octets);
  out->pkt_len = frame_octets;
  out->port = cut.original->port;
  PacketMeta& packet = meta(out);
  packet = meta(cut.original);
  packet.offload = OffloadRequest{};
  packet.parsed.l3_end = frame_octets;
}

}  // namespace

Segmented segment(
    rte_mbuf* frame, std::uint16_t mtu, rte_mempool* pool, SegmentCursor& cursor
) noexcept {
  Segmented result;
  const Cut cut = plan_cut(frame, mtu, pool);
  if (cut.segment_octets < kMinGsoOctets) {
    result.error = DropReason::inner_too_big;
    return result;
  }
  // A frame without payload, or one smaller than its request says, is one frame.
  const std::uint32_t left = cut.payload_octets - cursor.next_octet;
  const std::uint32_t frames_left =
      std::max(1U, (left + cut.segment_octets - 1U) / cut.segment_octets);
  const auto count = static_cast<std::uint16_t>(std::min(frames_left, kMaxBurst));
  if (rte_pktmbuf_alloc_bulk(pool, result.out.data(), count) != 0) {
    result.error = DropReason::no_mbuf;
    return result;
  }
  result.count = count;

  ChainReader payload{frame, cut.header_octets + cursor.next_octet};
  for (std::uint16_t i = 0; i < count; ++i) {
    const Slice slice{
        .begin = cursor.next_octet,
        .octets = std::min(cut.segment_octets, cut.payload_octets - cursor.next_octet),
        .index = cursor.next_index,
    };
    write_frame(cut, payload, slice, result.out[i]);
    cursor.next_octet += slice.octets;
    ++cursor.next_index;
  }
  cursor.is_done = cursor.next_octet == cut.payload_octets;
  return result;
}

}  // namespace weft
