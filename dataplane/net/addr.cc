#include "dataplane/net/addr.h"

#include <charconv>
#include <cstring>

#include <arpa/inet.h>

namespace weft {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

/// 0-15, or -1 for anything that is not a hexadecimal digit.
constexpr int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// A decimal number of one to three digits without leading zeros, at most `limit`.
std::optional<std::uint8_t> parse_length(std::string_view text, unsigned limit) noexcept {
  if (text.empty() || text.size() > 3 || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  unsigned value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  if (value > limit) return std::nullopt;
  return static_cast<std::uint8_t>(value);
}

void append_decimal(std::string& text, unsigned value) {
  char digits[10];
  const auto end = std::to_chars(std::begin(digits), std::end(digits), value).ptr;
  text.append(std::begin(digits), end);
}

std::string format_v4(const Ipv4Address& v4) {
  std::string text;
  for (std::size_t i = 0; i < 4; ++i) {
    if (i != 0) text += '.';
    append_decimal(text, v4.octets[i]);
  }
  return text;
}

using Groups = std::array<std::uint16_t, 8>;

struct ZeroRun {
  std::size_t begin{};
  std::size_t size{};
};

/// What "::" stands for (RFC 5952 s4.2): the longest run of zero groups, the first of equal ones,
/// and never a single group.
ZeroRun longest_zero_run(const Groups& groups) noexcept {
  ZeroRun best;
  ZeroRun run;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    run = groups[i] == 0 ? ZeroRun{i - run.size, run.size + 1} : ZeroRun{};
    if (run.size > best.size) best = run;
  }
  return best.size >= 2 ? best : ZeroRun{};
}

// inet_ntop is not used: it writes ::/96 in the deprecated IPv4-compatible form (::1:2 ->
// ::0.1.0.2).
std::string format_v6(const Ipv6Address& v6) {
  Groups groups{};
  for (std::size_t i = 0; i < groups.size(); ++i) {
    groups[i] = static_cast<std::uint16_t>((v6.octets[2 * i] << 8U) | v6.octets[2 * i + 1]);
  }
  const ZeroRun zeros = longest_zero_run(groups);
  std::string text;
  for (std::size_t i = 0; i < groups.size();) {
    if (zeros.size != 0 && i == zeros.begin) {
      text += "::";
      i += zeros.size;
      continue;
    }
    if (!text.empty() && text.back() != ':') text += ':';
    char digits[4];
    const auto end = std::to_chars(std::begin(digits), std::end(digits), groups[i], 16).ptr;
    text.append(std::begin(digits), end);
    ++i;
  }
  return text;
}

/// The 64 bits at `offset` of an address, first octet highest.
std::uint64_t half_of(const IpAddress& address, std::size_t offset) noexcept {
  Be64 half;
  std::memcpy(&half, address.octets().data() + offset, sizeof half);
  return half.host();
}

/// The highest `bits` of 64 bits set; 0-64.
constexpr std::uint64_t high_bits(unsigned bits) noexcept {
  return bits == 0 ? 0 : ~std::uint64_t{0} << (64U - bits);
}

}  // namespace

bool IpPrefix::covers(const IpAddress& other) const noexcept {
  const bool is_v4 = address.is_v4();
  if (is_v4 != other.is_v4()) return false;
  // IPv4 addresses are the last 32 of 128 bits, behind 96 bits that are equal for all of them.
  const unsigned bits = length + (is_v4 ? 96U : 0U);
  const std::uint64_t high = half_of(address, 0) ^ half_of(other, 0);
  const std::uint64_t low = half_of(address, 8) ^ half_of(other, 8);
  const std::uint64_t high_mask = high_bits(bits < 64 ? bits : 64);
  const std::uint64_t low_mask = high_bits(bits < 64 ? 0 : (bits < 128 ? bits - 64 : 64));
  return ((high & high_mask) | (low & low_mask)) == 0;
}

std::optional<MacAddress> parse_mac(std::string_view text) noexcept {
  if (text.size() != 17) return std::nullopt;
  MacAddress mac;
  for (std::size_t i = 0; i < 6; ++i) {
    const int high = hex_value(text[3 * i]);
    const int low = hex_value(text[3 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    if (i != 5 && text[3 * i + 2] != ':') return std::nullopt;
    mac.octets[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return mac;
}

std::optional<IpAddress> parse_ip(std::string_view text) noexcept {
  // inet_pton wants a terminated string: a terminator inside `text` would hide what follows it.
  char terminated[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof terminated || text.find('\0') != std::string_view::npos) {
    return std::nullopt;
  }
  text.copy(terminated, text.size());
  terminated[text.size()] = '\0';

  Ipv4Address v4;
  if (inet_pton(AF_INET, terminated, v4.octets.data()) == 1) return IpAddress{v4};
  Ipv6Address v6;
  if (inet_pton(AF_INET6, terminated, v6.octets.data()) != 1) return std::nullopt;
  const IpAddress address{v6};
  if (address.is_v4()) return std::nullopt;  // IPv4-mapped: would silently become IPv4
  return address;
}

std::optional<IpPrefix> parse_prefix(std::string_view text) noexcept {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::optional<IpAddress> address = parse_ip(text.substr(0, slash));
  if (!address) return std::nullopt;
  const std::optional<std::uint8_t> length =
      parse_length(text.substr(slash + 1), address->is_v4() ? 32 : 128);
  if (!length) return std::nullopt;
  return IpPrefix{*address, *length};
}

std::string format(const MacAddress& mac) {
  std::string text;
  text.reserve(17);
  for (const std::uint8_t octet : mac.octets) {
    if (!text.empty()) text += ':';
    text += kHexDigits[octet >> 4U];
    text += kHexDigits[octet & 0x0FU];
  }
  return text;
}

std::string format(const IpAddress& address) {
  return address.is_v4() ? format_v4(address.v4()) : format_v6(address.v6());
}

std::string format(const IpPrefix& prefix) {
  std::string text = format(prefix.address);
  text += '/';
  append_decimal(text, prefix.length);
  return text;
}

}  // namespace weft
