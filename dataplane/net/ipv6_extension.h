// IPv6 extension headers: which next headers are ones, and how long each is.
//
// For everybody who walks the chain between the IPv6 header and what it carries: parse.cc in whole
// frames, classifier/connection_key.cc to the fragment header and in the packet that an ICMPv6 error
// quotes. A walk has to be bounded in steps (kMaxExtensionHeaders) and by the octets that are there.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/base/bytes.h"
#include "dataplane/net/headers.h"

namespace weft {

/// A packet with more is refused: no honest sender makes one, and the walk must end.
inline constexpr unsigned kMaxExtensionHeaders = 8;

/// RFC 8200 s4: what every extension header starts with; none is shorter than eight octets.
struct Ipv6Extension {
  std::uint8_t next_header;
  std::uint8_t length;  // in units that depend on the header: see extension_bytes()
  std::uint8_t rest[6];
};
static_assert(sizeof(Ipv6Extension) == 8 && WireHeader<Ipv6Extension>);

[[nodiscard]] inline bool is_extension(std::uint8_t next_header) noexcept {
  switch (next_header) {
    case kIpProtoHopByHop:
    case kIpProtoRouting:
    case kIpProtoFragment:
    case kIpProtoAuth:
    case kIpProtoDestOptions:
      return true;
    default:
      return false;
  }
}

/// Precondition: is_extension(kind). RFC 8200 s4.3-4.6 count 8 octets after the first 8, the
/// authentication header counts 4 octets after the first 8 (RFC 4302 s2.2), the fragment header's
/// length octet is reserved.
[[nodiscard]] inline std::size_t extension_bytes(std::uint8_t kind, std::uint8_t length) noexcept {
  if (kind == kIpProtoFragment) return sizeof(Ipv6FragmentHeader);
  if (kind == kIpProtoAuth) return 8U + std::size_t{length} * 4U;
  return 8U + std::size_t{length} * 8U;
}

}  // namespace weft
