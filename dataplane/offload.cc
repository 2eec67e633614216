#include "dataplane/offload.h"

#include <algorithm>
#include <cstddef>

#include "dataplane/base/bytes.h"
#include "dataplane/chain.h"
#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"

namespace weft {
namespace {

constexpr std::uint16_t kTcpChecksumOffset = offsetof(TcpHeader, checksum);
constexpr std::uint16_t kUdpChecksumOffset = offsetof(UdpHeader, checksum);

/// Whether the field to fill in is one that a stack may leave to us.
bool is_sound_checksum(
    const OffloadRequest& request, const ParsedFrame& parsed, std::uint32_t head_octets
) noexcept {
  if (parsed.l4 == L4Kind::none || parsed.is_fragment) return false;
  // Everything at 32 bits: start + offset of hostile values does not fit 16.
  const std::uint32_t field_end =
      std::uint32_t{request.checksum_start} + request.checksum_offset + sizeof(Be16);
  if (field_end > std::min(head_octets, parsed.l3_end)) return false;
  if ((request.checksum_offset & 1U) != 0) return false;

  if (request.checksum_start == parsed.l4_offset) {
    // Not SCTP, whose CRC some devices take over with the same request: ours would be wrong.
    if (parsed.l4 == L4Kind::tcp) return request.checksum_offset == kTcpChecksumOffset;
    if (parsed.l4 == L4Kind::udp) return request.checksum_offset == kUdpChecksumOffset;
    return false;
  }
  // A tunnel inside the container: the request is about the packet in that tunnel.
  const bool may_be_tunnel =
      parsed.l4 == L4Kind::udp || parsed.l4 == L4Kind::gre || parsed.l4 == L4Kind::other;
  return may_be_tunnel && request.checksum_start > parsed.l4_offset;
}

bool is_sound_gso(const OffloadRequest& request, rte_mbuf* frame) noexcept {
  const ParsedFrame& parsed = meta(frame).parsed;
  if (!request.needs_checksum || request.checksum_start != parsed.l4_offset) return false;
  if (request.gso_octets < kMinGsoOctets) return false;
  if (parsed.l4 != L4Kind::tcp) return false;
  const bool is_family_right =
      (request.gso == OffloadRequest::Gso::tcp4 && parsed.l3 == L3Kind::ipv4) ||
      (request.gso == OffloadRequest::Gso::tcp6 && parsed.l3 == L3Kind::ipv6);
  if (!is_family_right) return false;
  const auto* tcp = header_at<TcpHeader>(ConstBytes{head_bytes(frame)}, parsed.l4_offset);
  // A SYN or RST that went out several times would mean something else each time.
  return tcp != nullptr && (tcp->flags & (TcpHeader::kSyn | TcpHeader::kRst)) == 0;
}

/// The part of a TCP header behind its fixed 20 octets.
Bytes tcp_options(Bytes head, const ParsedFrame& parsed) noexcept {
  const std::size_t begin = parsed.l4_offset + sizeof(TcpHeader);
  if (parsed.payload_offset < begin || parsed.payload_offset > head.size()) return {};
  return head.subspan(begin, parsed.payload_offset - begin);
}

/// Writes `value` over the 16-bit option value `at` octets into the options, mending the checksum.
void replace_option_value(
    Bytes options, std::size_t at, std::uint16_t value, TcpHeader& tcp, bool is_partial
) noexcept {
  Be16& field = *reinterpret_cast<Be16*>(options.data() + at);
  std::uint16_t before = field.host();
  std::uint16_t after = value;
  field = Be16{value};
  if (is_partial) return;
  if ((at & 1U) != 0) {  // straddles two words of the sum: each octet weighs as in the other half
    before = __builtin_bswap16(before);
    after = __builtin_bswap16(after);
  }
  tcp.checksum = Be16{adjust(tcp.checksum.host(), before, after)};
}

}  // namespace

DropReason check_offload(rte_mbuf* frame) noexcept {
  PacketMeta& packet = meta(frame);
  OffloadRequest& request = packet.offload;
  if (!request.needs_checksum && request.gso == OffloadRequest::Gso::none) return DropReason::none;

  if (request.needs_checksum && !is_sound_checksum(request, packet.parsed, frame->data_len)) {
    return DropReason::bad_offload_request;
  }
  if (request.gso != OffloadRequest::Gso::none) {
    if (!is_sound_gso(request, frame)) return DropReason::bad_offload_request;
    request.header_octets = packet.parsed.payload_offset;
  }
  return DropReason::none;
}

void complete_checksum(rte_mbuf* frame) noexcept {
  PacketMeta& packet = meta(frame);
  const OffloadRequest& request = packet.offload;
  const std::size_t field_offset = std::size_t{request.checksum_start} + request.checksum_offset;
  auto* field = header_at<Be16>(head_bytes(frame), field_offset);
  if (request.needs_checksum && field != nullptr) {
    const Sum sum = sum_of_chain(frame, request.checksum_start, packet.parsed.l3_end);
    const std::uint16_t checksum = finish(sum);
    // RFC 768: a computed zero is sent as all ones. To every other protocol both mean the same.
    *field = Be16{checksum == 0 ? std::uint16_t{0xFFFF} : checksum};
  }
  packet.offload = OffloadRequest{};
}

void clamp_mss(rte_mbuf* frame, std::uint16_t mtu) noexcept {
  constexpr std::uint8_t kEnd = 0, kNoOperation = 1, kMss = 2, kMssOctets = 4;  // RFC 9293 s3.2
  const PacketMeta& packet = meta(frame);
  const ParsedFrame& parsed = packet.parsed;
  if (parsed.l4 != L4Kind::tcp || parsed.is_fragment) return;
  const Bytes head = head_bytes(frame);
  auto* tcp = header_at<TcpHeader>(head, parsed.l4_offset);
  if (tcp == nullptr || (tcp->flags & TcpHeader::kSyn) == 0) return;

  const std::size_t fixed_headers =
      sizeof(TcpHeader) + (parsed.l3 == L3Kind::ipv4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header));
  if (mtu < fixed_headers + kMinGsoOctets) return;
  const auto limit = static_cast<std::uint16_t>(mtu - fixed_headers);

  const Bytes options = tcp_options(head, parsed);
  for (std::size_t at = 0; at < options.size() && options[at] != kEnd;) {
    if (options[at] == kNoOperation) {
      ++at;
      continue;
    }
    if (options.size() - at < 2) return;
    const std::size_t octets = options[at + 1];
    if (octets < 2 || octets > options.size() - at) return;  // a liar: its receiver judges it
    if (options[at] == kMss && octets == kMssOctets) {
      const auto mss = reinterpret_cast<const Be16*>(options.data() + at + 2)->host();
      if (mss > limit) {
        replace_option_value(options, at + 2, limit, *tcp, packet.offload.needs_checksum);
      }
    }
    at += octets;
  }
}

}  // namespace weft
