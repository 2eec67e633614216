// The outer header as template + patch.
//
// Control builds one OuterTemplate per (segment, remote VTEP) with everything that does not depend
// on the packet. The worker copies a constant number of octets and patches length, ToS, IPv4 header
// checksum and entropy. One function serves every encapsulation and both address families.
//
// The header is right-aligned in `octets`, so the copy always ends where the inner frame begins:
// the octets of the template in front of the real header land in the mbuf's headroom and are never
// sent.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "dataplane/base/bytes.h"
#include "dataplane/base/ids.h"
#include "dataplane/net/addr.h"
#include "encap/tunnel.h"

namespace weft::encap {

/// Largest outer header, rounded up to what is copied: Ethernet 14 + IPv6 40 + UDP 8 + VXLAN 8
/// = 70.
inline constexpr std::size_t kOuterCopy = 80;

struct OuterSpec {
  Kind kind{};
  Vni vni;
  MacAddress source_mac;       // the uplink's
  MacAddress destination_mac;  // the next hop's
  IpAddress local;             // both of one family
  IpAddress remote;
  std::uint8_t ttl = 64;
  std::uint16_t udp_destination_port = 4789;
  /// Only over IPv6 and only for UDP encapsulations: compute the checksum over the whole packet
  /// instead of sending zero (RFC 6935, RFC 6936). The worker then sums the inner frame.
  bool udp6_checksum = false;
};

struct alignas(kCacheLine) OuterTemplate {
  std::array<std::uint8_t, kOuterCopy> octets{};  // header right-aligned
  std::uint8_t size{};  // octets of the real header, at the end of `octets`
  Kind kind{};
  IpFamily family{};
  bool udp6_checksum{};
  std::uint16_t ipv4_checksum_base{};  // unfolded-friendly sum of the constant IPv4 words
};

[[nodiscard]] OuterTemplate build_outer(const OuterSpec& spec) noexcept;

/// Writes the outer header in front of the inner frame.
/// `inner`: first octet of the inner frame; at least kOuterCopy octets before it must be writable.
/// `inner_octets`: size of the whole inner frame; `tos`: outer ToS/traffic class octet;
/// `entropy`: flow_hash of the inner flow. IPv4: DF set, identification 0 (atomic datagram,
/// RFC 6864). UDP source port 49152–65535 (RFC 7348 §5). IPv6 flow label from entropy (RFC 6438).
/// Returns template.size. With udp6_checksum the checksum field is left 0: see
/// finish_udp6_checksum.
std::size_t write_outer(
    const OuterTemplate& outer,
    std::uint8_t* inner,
    std::size_t inner_octets,
    std::uint8_t tos,
    std::uint32_t entropy
) noexcept;

/// Fills the UDP checksum of an IPv6 outer header that write_outer wrote at the start of `packet`.
/// `inner_sum`: sum_of the inner frame (all its buffers), computed by the caller.
void finish_udp6_checksum(
    const OuterTemplate& outer, Bytes packet, std::uint64_t inner_sum
) noexcept;

}  // namespace weft::encap
