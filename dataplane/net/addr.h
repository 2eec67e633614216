// Addresses as values: MAC, IPv4, IPv6, either, and prefixes.
//
// All are octets in network order with alignment 1, so they also serve inside wire structs. Order is
// lexicographic. Text forms: "02:00:00:00:00:01", "192.0.2.1", RFC 5952 for IPv6, "addr/len".
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "dataplane/base/bytes.h"

namespace weft {

namespace detail {

/// 16 octets as two words in memory order: what was stored in words can be loaded in words at once.
struct Halves {
  std::uint64_t first;
  std::uint64_t last;
};
[[nodiscard]] constexpr Halves halves(const std::array<std::uint8_t, 16>& octets) noexcept {
  return std::bit_cast<Halves>(octets);
}
[[nodiscard]] constexpr bool are_equal(
    const std::array<std::uint8_t, 16>& a, const std::array<std::uint8_t, 16>& b
) noexcept {
  const Halves one = halves(a);
  const Halves other = halves(b);
  return ((one.first ^ other.first) | (one.last ^ other.last)) == 0;
}

}  // namespace detail

// Comparisons for equality are in words: for arrays of octets g++ 12 calls memcmp.

struct MacAddress {
  std::array<std::uint8_t, 6> octets{};

  [[nodiscard]] constexpr bool is_group() const noexcept { return (octets[0] & 1U) != 0; }
  [[nodiscard]] constexpr bool is_broadcast() const noexcept {
    return *this == MacAddress{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
  }
  [[nodiscard]] constexpr bool is_zero() const noexcept { return *this == MacAddress{}; }
  /// The 48 bits, first octet highest.
  [[nodiscard]] constexpr std::uint64_t bits() const noexcept {
    if (!std::is_constant_evaluated()) return __builtin_bswap64(raw() << 16U);
    std::uint64_t bits = 0;
    for (const std::uint8_t octet : octets) bits = (bits << 8U) | octet;
    return bits;
  }
  /// Inverse of bits(); the upper 16 bits are ignored.
  [[nodiscard]] static constexpr MacAddress from_bits(std::uint64_t bits) noexcept {
    MacAddress mac;
    if (!std::is_constant_evaluated()) {
      const std::uint64_t raw = __builtin_bswap64(bits << 16U);
      std::memcpy(mac.octets.data(), &raw, sizeof mac.octets);
      return mac;
    }
    for (std::size_t i = 0; i < 6; ++i) {
      mac.octets[i] = static_cast<std::uint8_t>(bits >> (8U * (5U - i)));
    }
    return mac;
  }
  friend constexpr auto operator<=>(const MacAddress&, const MacAddress&) noexcept = default;
  friend constexpr bool operator==(const MacAddress& a, const MacAddress& b) noexcept {
    return std::is_constant_evaluated() ? a.octets == b.octets : a.raw() == b.raw();
  }

 private:
  /// The octets as they lie in memory.
  [[nodiscard]] std::uint64_t raw() const noexcept {
    const auto first = load_word<std::uint32_t>(octets.data());
    const auto last = load_word<std::uint16_t>(octets.data() + sizeof first);
    return std::uint64_t{last} << 32U | first;
  }
};
inline constexpr MacAddress kBroadcastMac{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

struct Ipv4Address {
  std::array<std::uint8_t, 4> octets{};

  [[nodiscard]] constexpr bool is_zero() const noexcept { return *this == Ipv4Address{}; }
  [[nodiscard]] constexpr bool is_multicast() const noexcept {
    return (octets[0] & 0xF0U) == 0xE0U;
  }
  [[nodiscard]] constexpr std::uint32_t bits() const noexcept {
    return (std::uint32_t{octets[0]} << 24U) | (std::uint32_t{octets[1]} << 16U) |
           (std::uint32_t{octets[2]} << 8U) | octets[3];
  }
  friend constexpr auto operator<=>(const Ipv4Address&, const Ipv4Address&) noexcept = default;
  friend constexpr bool operator==(const Ipv4Address& a, const Ipv4Address& b) noexcept {
    return std::bit_cast<std::uint32_t>(a.octets) == std::bit_cast<std::uint32_t>(b.octets);
  }
};

struct Ipv6Address {
  std::array<std::uint8_t, 16> octets{};

  [[nodiscard]] constexpr bool is_zero() const noexcept { return *this == Ipv6Address{}; }
  [[nodiscard]] constexpr bool is_multicast() const noexcept { return octets[0] == 0xFF; }
  [[nodiscard]] constexpr bool is_link_local() const noexcept {
    return octets[0] == 0xFE && (octets[1] & 0xC0U) == 0x80U;
  }
  friend constexpr auto operator<=>(const Ipv6Address&, const Ipv6Address&) noexcept = default;
  friend constexpr bool operator==(const Ipv6Address& a, const Ipv6Address& b) noexcept {
    return detail::are_equal(a.octets, b.octets);
  }
};

enum class IpFamily : std::uint8_t { v4 = 4, v6 = 6 };

/// An IPv4 or IPv6 address in 16 octets: IPv4 is kept IPv4-mapped (::ffff:a.b.c.d, RFC 4291
/// §2.5.5.2), which no frame may carry as an IPv6 address, so equality needs no family field.
class IpAddress {
 public:
  constexpr IpAddress() noexcept = default;
  constexpr explicit IpAddress(const Ipv6Address& v6) noexcept : octets_{v6.octets} {}
  constexpr explicit IpAddress(const Ipv4Address& v4) noexcept
      : octets_{std::bit_cast<Octets>(detail::Halves{
            0, kMapped | std::uint64_t{std::bit_cast<std::uint32_t>(v4.octets)} << 32U})} {}

  [[nodiscard]] constexpr bool is_v4() const noexcept {
    const auto [first, last] = detail::halves(octets_);
    return first == 0 && static_cast<std::uint32_t>(last) == kMapped;
  }
  [[nodiscard]] constexpr IpFamily family() const noexcept {
    return is_v4() ? IpFamily::v4 : IpFamily::v6;
  }
  /// Precondition: is_v4().
  [[nodiscard]] constexpr Ipv4Address v4() const noexcept {
    return Ipv4Address{{octets_[12], octets_[13], octets_[14], octets_[15]}};
  }
  [[nodiscard]] constexpr Ipv6Address v6() const noexcept { return Ipv6Address{octets_}; }
  [[nodiscard]] constexpr bool is_multicast() const noexcept {
    return is_v4() ? v4().is_multicast() : v6().is_multicast();
  }
  [[nodiscard]] constexpr const std::array<std::uint8_t, 16>& octets() const noexcept {
    return octets_;
  }
  friend constexpr auto operator<=>(const IpAddress&, const IpAddress&) noexcept = default;
  friend constexpr bool operator==(const IpAddress& a, const IpAddress& b) noexcept {
    return detail::are_equal(a.octets_, b.octets_);
  }

 private:
  using Octets = std::array<std::uint8_t, 16>;
  static_assert(std::endian::native == std::endian::little, "Weft runs on little-endian hosts");
  static constexpr std::uint32_t kMapped = 0xFFFF0000U;  // octets 8 to 11, in memory order

  Octets octets_{};
};

/// An address and a length: the interface form "192.0.2.7/24" keeps the host bits.
struct IpPrefix {
  IpAddress address;
  std::uint8_t length{};  // 0–32 or 0–128, by the address' family

  /// Whether `other` is of the same family and has the same first `length` bits.
  [[nodiscard]] bool contains(const IpAddress& other) const noexcept {
    return address == other || covers(other);
  }
  friend constexpr bool operator==(const IpPrefix&, const IpPrefix&) noexcept = default;

 private:
  [[nodiscard]] bool covers(const IpAddress& other) const noexcept;
};

// Text. parse_* accept exactly one value with nothing around it and answer nullopt otherwise.
// The IPv4-mapped form (::ffff:192.0.2.1) is refused: it would silently become IPv4.
[[nodiscard]] std::optional<MacAddress> parse_mac(std::string_view text) noexcept;
[[nodiscard]] std::optional<IpAddress> parse_ip(std::string_view text) noexcept;
[[nodiscard]] std::optional<IpPrefix> parse_prefix(std::string_view text) noexcept;
[[nodiscard]] std::string format(const MacAddress& mac);
[[nodiscard]] std::string format(const IpAddress& address);
[[nodiscard]] std::string format(const IpPrefix& prefix);

}  // namespace weft
