// Frames for tests: small builders that nest, and the golden frames with what parse must say of them.
//
//   Octets frame = ethernet(kEtherTypeIpv4, ipv4(kIpProtoUdp, udp(text("hello"))));
//
// Builders know nothing of the code under test: they write octets by hand and sum checksums the naive
// way. ExactBuffer puts a frame on the heap with not one octet to spare, so that AddressSanitizer
// sees a one-octet overread. golden_frames() also seeds the fuzzers and feeds the benchmarks.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "dataplane/base/bytes.h"
#include "dataplane/net/headers.h"
#include "dataplane/net/parse.h"

namespace weft::wire_test {

using Octets = std::vector<std::uint8_t>;

/// The first `size` octets of `octets`, alone on the heap.
class ExactBuffer {
 public:
  ExactBuffer(const Octets& octets, std::size_t size)
      : octets_{std::make_unique<std::uint8_t[]>(size)}, size_{size} {
    std::copy_n(octets.begin(), size, octets_.get());
  }
  explicit ExactBuffer(const Octets& octets) : ExactBuffer{octets, octets.size()} {}
  [[nodiscard]] ConstBytes view() const noexcept { return ConstBytes{octets_.get(), size_}; }
  [[nodiscard]] Bytes writable() noexcept { return Bytes{octets_.get(), size_}; }

 private:
  std::unique_ptr<std::uint8_t[]> octets_;
  std::size_t size_;
};

inline Octets operator+(Octets front, const Octets& back) {
  front.insert(front.end(), back.begin(), back.end());
  return front;
}
inline Octets word16(std::size_t value) {
  return {static_cast<std::uint8_t>(value >> 8U), static_cast<std::uint8_t>(value)};
}
inline Octets word32(std::size_t value) {
  return word16(value >> 16U) + word16(value & 0xFFFFU);
}
inline Octets text(std::string_view characters) {
  return {characters.begin(), characters.end()};
}
/// `count` octets 0, 1, 2 ... that tell where in the payload one is.
inline Octets counting(std::size_t count) {
  Octets octets(count);
  for (std::size_t i = 0; i < count; ++i) octets[i] = static_cast<std::uint8_t>(i);
  return octets;
}

/// RFC 1071 word by word: the yardstick for sum_of. Host order, folded, not inverted.
inline std::uint16_t naive_sum(ConstBytes octets) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < octets.size(); i += 2) {
    const std::uint32_t low = i + 1 < octets.size() ? octets[i + 1] : 0U;
    sum += std::uint32_t{octets[i]} << 8U | low;
    if (sum > 0xFFFFU) sum -= 0xFFFFU;
  }
  return static_cast<std::uint16_t>(sum);
}

inline const Octets kSourceMac{0x02, 0, 0, 0, 0, 0x01};
inline const Octets kDestinationMac{0x02, 0, 0, 0, 0, 0x02};
inline const Octets kSourceV4{192, 0, 2, 1};
inline const Octets kDestinationV4{192, 0, 2, 2};
inline const Octets kSourceV6{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
inline const Octets kDestinationV6{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2};

inline Octets ethernet(std::uint16_t ether_type, const Octets& payload) {
  return kDestinationMac + kSourceMac + word16(ether_type) + payload;
}
/// What follows an EtherType 0x8100 or 0x88A8.
inline Octets tag(std::uint16_t tci, std::uint16_t ether_type, const Octets& payload) {
  return word16(tci) + word16(ether_type) + payload;
}

/// `flags_fragment`: DF by default; `options`: a multiple of 4 octets, at most 40.
inline Octets ipv4(
    std::uint8_t protocol,
    const Octets& payload,
    std::uint16_t flags_fragment = 0x4000,
    const Octets& options = {}
) {
  const std::size_t header = 20 + options.size();
  Octets packet{static_cast<std::uint8_t>(0x40U | header / 4), 0x28};
  packet = packet + word16(header + payload.size()) + word16(0x1234) + word16(flags_fragment);
  packet = packet + Octets{64, protocol, 0, 0} + kSourceV4 + kDestinationV4 + options;
  const Octets checksum = word16(0xFFFFU ^ naive_sum(packet));
  std::copy(checksum.begin(), checksum.end(), packet.begin() + 10);
  return packet + payload;
}

/// Traffic class 0x28, flow label 0x12345.
inline Octets ipv6(std::uint8_t next_header, const Octets& payload) {
  return word32(0x62812345U) + word16(payload.size()) + Octets{next_header, 64} + kSourceV6 +
         kDestinationV6 + payload;
}
/// Hop-by-hop, routing or destination options: 8 + 8 * `length` octets (RFC 8200 s4.3).
inline Octets extension(std::uint8_t next_header, std::uint8_t length, const Octets& payload) {
  return Octets{next_header, length} + Octets(6U + 8U * length) + payload;
}
/// Authentication header: 8 + 4 * `length` octets (RFC 4302 s2.2).
inline Octets auth_header(std::uint8_t next_header, std::uint8_t length, const Octets& payload) {
  return Octets{next_header, length} + Octets(6U + 4U * length) + payload;
}
/// `offset_more`: offset in octets (a multiple of 8), or'ed with 1 if more fragments follow.
inline Octets fragment(std::uint8_t next_header, std::uint16_t offset_more, const Octets& payload) {
  return Octets{next_header, 0} + word16(offset_more) + word32(0xCAFE) + payload;
}

/// The checksum is left zero, here and in tcp() and icmp(): parse does not look.
inline Octets udp(
    const Octets& payload, std::uint16_t source_port = 40000, std::uint16_t destination_port = 53
) {
  return word16(source_port) + word16(destination_port) + word16(8 + payload.size()) + word16(0) +
         payload;
}
/// `options`: a multiple of 4 octets, at most 40.
inline Octets tcp(
    const Octets& payload,
    const Octets& options = {},
    std::uint16_t source_port = 40000,
    std::uint16_t destination_port = 80
) {
  const auto data_offset = static_cast<std::uint8_t>((20 + options.size()) / 4 << 4U);
  return word16(source_port) + word16(destination_port) + word32(1) + word32(2) +
         Octets{data_offset, 0x10} + word16(1024) + word16(0) + word16(0) + options + payload;
}
inline Octets icmp(std::uint8_t type, std::uint8_t code, std::uint16_t identifier) {
  return Octets{type, code, 0, 0} + word16(identifier) + word16(1) + text("ping");
}
inline Octets arp(std::uint16_t operation) {
  return word16(1) + word16(kEtherTypeIpv4) + Octets{6, 4} + word16(operation) + kSourceMac +
         kSourceV4 + Octets(6) + kDestinationV4;
}

/// A valid frame and what parse_frame says of it.
struct GoldenFrame {
  const char* name;
  Octets octets;
  ParsedFrame parsed;
};

/// One of each kind that parse knows, alone and tagged.
[[nodiscard]] std::vector<GoldenFrame> golden_frames();

}  // namespace weft::wire_test
