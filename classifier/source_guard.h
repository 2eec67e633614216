// Anti-spoofing: is what a container sends really from that container?
//
// Control compiles one SourceGuard per endpoint: its MACs and addresses. The worker asks once per
// frame. Checks source MAC, IPv4 and IPv6 source, ARP sender (RFC 826) and ND (RFC 4861: NS source
// and its link-layer option, NA target, no router advertisements or redirects). IPv6: the
// link-local address derived from the MAC (RFC 4291 appendix A) and the unspecified address during
// duplicate address detection are allowed; so are 0.0.0.0 as ARP sender (RFC 5227 probe) and, when
// `allow_dhcp` is set, as source of DHCP requests.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "dataplane/base/bytes.h"
#include "dataplane/base/drop_reason.h"
#include "dataplane/net/addr.h"
#include "dataplane/net/parse.h"

namespace weft::classifier {

inline constexpr std::size_t kMaxEndpointAddresses = 8;

struct SourceGuard {
  bool is_enabled = true;
  bool allow_dhcp = false;
  std::uint8_t address_count{};
  MacAddress mac;
  std::array<IpPrefix, kMaxEndpointAddresses> addresses{};  // usually /32 and /128
};

/// DropReason::none if the frame may pass. Precondition: parsed.is_ok().
[[nodiscard]] DropReason check_source(
    const SourceGuard& guard, ConstBytes frame, const ParsedFrame& parsed
) noexcept;

}  // namespace weft::classifier
