// Any octets, parsed: every offset that comes back is inside the frame, and what lies there may be
// read and written. The first two octets (a MAC address, which parse ignores) choose where the
// first buffer ends, so that frames spread over several buffers are covered by the same corpus.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "dataplane/net/flow_key.h"
#include "dataplane/net/headers.h"
#include "dataplane/net/parse.h"
#include "dataplane/net/parse_plain.h"
#include "tests/fuzz/require.h"

namespace weft {
namespace {

using fuzz::require;

void check_l3(ConstBytes frame, const ParsedFrame& parsed) {
  switch (parsed.l3) {
    case L3Kind::ipv4:
      require(header_at<Ipv4Header>(frame, parsed.l3_offset) != nullptr);
      require(parsed.l4_offset >= parsed.l3_offset + sizeof(Ipv4Header));
      return;
    case L3Kind::ipv6:
      require(header_at<Ipv6Header>(frame, parsed.l3_offset) != nullptr);
      require(parsed.l4_offset >= parsed.l3_offset + sizeof(Ipv6Header));
      return;
    case L3Kind::arp:
      require(header_at<ArpPacket>(frame, parsed.l3_offset) != nullptr);
      require(parsed.l4 == L4Kind::none);
      return;
    case L3Kind::other:
      require(parsed.l3_offset <= frame.size());
      require(parsed.l4 == L4Kind::none);
      return;
  }
}

void check_l4(ConstBytes frame, const ParsedFrame& parsed) {
  switch (parsed.l4) {
    case L4Kind::tcp: {
      const auto* tcp = header_at<TcpHeader>(frame, parsed.l4_offset);
      require(tcp != nullptr);
      require(parsed.payload_offset == parsed.l4_offset + tcp->header_bytes());
      require(parsed.is_first_fragment);
      return;
    }
    case L4Kind::udp:
    case L4Kind::icmp:
    case L4Kind::icmpv6:
      static_assert(sizeof(UdpHeader) == 8 && sizeof(IcmpHeader) == 8);
      require(header_at<UdpHeader>(frame, parsed.l4_offset) != nullptr);
      require(parsed.payload_offset == parsed.l4_offset + sizeof(UdpHeader));
      require(parsed.is_first_fragment);
      return;
    case L4Kind::none:
    case L4Kind::gre:
    case L4Kind::other:
      require(parsed.payload_offset == parsed.l4_offset);
      return;
  }
}

/// Octets of the frame that parse needs to come to its answer.
std::size_t headers_end(const ParsedFrame& parsed) {
  if (parsed.l3 == L3Kind::arp) return parsed.l3_offset + sizeof(ArpPacket);
  return std::max(parsed.l3_offset, parsed.payload_offset);
}

void run(ConstBytes input, std::size_t first_buffer) {
  // Alone on the heap, with not one octet to spare: AddressSanitizer sees the rest.
  const auto heap = std::make_unique<std::uint8_t[]>(first_buffer);
  std::copy_n(input.begin(), first_buffer, heap.get());
  const ConstBytes frame{heap.get(), first_buffer};

  const ParsedFrame parsed = parse_frame(frame, input.size());
  ParsedFrame quickly;
  // What is not written shows.
  std::fill_n(reinterpret_cast<std::uint8_t*>(&quickly), sizeof quickly, std::uint8_t{0xA5});
  parse_frame_into(quickly, frame, input.size());
  require(quickly == parsed);
  if (!parsed.is_ok()) {
    require(first_buffer < input.size() || parsed.error != DropReason::headers_not_contiguous);
    return;
  }
  require(parsed.vlan_count <= 2);
  require(parsed.is_fragment || parsed.is_first_fragment);
  require(parsed.l3_end <= input.size());
  require(headers_end(parsed) <= frame.size());
  require(parsed.payload_offset <= parsed.l3_end);
  check_l3(frame, parsed);
  check_l4(frame, parsed);
  require(parse_frame(frame.first(headers_end(parsed)), input.size()) == parsed);

  const FlowKey key = flow_key(frame, parsed);
  require(packet_hash(frame, parsed) == flow_hash(key));
  std::fill(heap.get() + parsed.l3_offset, heap.get() + headers_end(parsed), std::uint8_t{0xA5});
}

}  // namespace
}  // namespace weft

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const weft::ConstBytes input{data, size};
  weft::run(input, size);
  if (size >= 2) weft::run(input, ((std::size_t{data[0]} << 8U) | data[1]) % size);
  return 0;
}
