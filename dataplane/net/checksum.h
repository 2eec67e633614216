// The Internet checksum (RFC 1071), whole and incremental (RFC 1624).
//
// A Sum is an unfolded one's-complement sum; parts of even length may be added in any order.
//
//   Sum sum = sum_of(ConstBytes{ip, 20});
//   header.checksum = Be16{finish(sum)};
#pragma once

#include <cstdint>

#include "dataplane/base/bytes.h"
#include "dataplane/net/addr.h"

namespace weft {

/// One's-complement sum in host arithmetic over big-endian 16-bit words, not folded, not inverted.
struct Sum {
  std::uint64_t value{};
  constexpr Sum& operator+=(Sum other) noexcept {
    value += other.value;
    return *this;
  }
  friend constexpr Sum operator+(Sum a, Sum b) noexcept { return Sum{a.value + b.value}; }
};

/// The sum of `octets`; an odd last octet counts as if a zero followed it. At most 2^32 octets.
[[nodiscard]] Sum sum_of(ConstBytes octets) noexcept;

/// The pseudo header of TCP, UDP and ICMPv6 (RFC 9293 §3.1, RFC 8200 §8.1); `length` in octets.
[[nodiscard]] Sum pseudo_header_sum(
    const Ipv4Address& source,
    const Ipv4Address& destination,
    std::uint8_t protocol,
    std::uint32_t length
) noexcept;
[[nodiscard]] Sum pseudo_header_sum(
    const Ipv6Address& source,
    const Ipv6Address& destination,
    std::uint8_t protocol,
    std::uint32_t length
) noexcept;

/// Folds to 16 bits without inverting. 0xFFFF over data that includes its checksum means correct.
[[nodiscard]] constexpr std::uint16_t fold(Sum sum) noexcept {
  std::uint64_t v = sum.value;
  v = (v & 0xFFFFFFFFU) + (v >> 32U);
  v = (v & 0xFFFFU) + (v >> 16U);
  v = (v & 0xFFFFU) + (v >> 16U);
  v = (v & 0xFFFFU) + (v >> 16U);
  return static_cast<std::uint16_t>(v);
}

/// The checksum field's value, host order.
[[nodiscard]] constexpr std::uint16_t finish(Sum sum) noexcept {
  return static_cast<std::uint16_t>(~fold(sum));
}

/// The checksum after one 16-bit word changed from `before` to `after`, all in host order
/// (RFC 1624 equation 3).
[[nodiscard]] constexpr std::uint16_t adjust(
    std::uint16_t checksum, std::uint16_t before, std::uint16_t after
) noexcept {
  std::uint32_t sum = std::uint32_t{static_cast<std::uint16_t>(~checksum)} +
                      static_cast<std::uint16_t>(~before) + after;
  // Three words: folding twice is enough.
  sum = (sum & 0xFFFFU) + (sum >> 16U);
  sum = (sum & 0xFFFFU) + (sum >> 16U);
  return static_cast<std::uint16_t>(~sum);
}

}  // namespace weft
