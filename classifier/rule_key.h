// RuleKey: everything of a frame that match-action rules can look at, at fixed places, so that any
// pattern is a masked comparison of 80 octets.
//
//   const RuleKey key = rule_key(frame, parsed);
//   const RuleMatch match = rule_match(pattern);
//   match.takes(key)   is   (key & match.mask) == match.key
//
// What a frame does not have is zero, and says so: `tags`, `l3`, `l4_proto`, `has_l4` and `tunnel` are
// part of every pattern that needs the header, so a zero is never mistaken for a value.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "classifier/match_rule.h"
#include "dataplane/base/bytes.h"
#include "dataplane/net/addr.h"
#include "dataplane/net/headers.h"
#include "dataplane/net/parse.h"

namespace weft::classifier {

struct alignas(16) RuleKey {
  MacAddress eth_dst;
  MacAddress eth_src;
  Be16 eth_type;                // or the first tag's TPID
  std::array<VlanTag, 2> vlan;  // the outer tag first
  std::uint8_t tags{};          // bit 0: has a tag; bit 1: has two
  std::uint8_t l3{};            // 4, 6, or 0: neither
  std::uint8_t ip_proto{};      // IPv4 protocol; IPv6 next header of the fixed header
  std::uint8_t l4_proto{};      // behind extension headers
  std::uint8_t has_l4{};        // 1: the TCP, UDP or ICMP header is in this frame
  std::uint8_t tunnel{};        // kTunnel...
  std::uint8_t tos{};           // IPv4 type of service, IPv6 traffic class
  std::uint8_t ttl{};           // or hop limit
  Be16 source_port;
  Be16 destination_port;
  std::uint8_t tcp_flags{};
  std::uint8_t icmp_type{};
  std::uint8_t icmp_code{};
  std::uint8_t reserved1{};
  Be32 flow_label;                    // 20 bits
  std::array<std::uint8_t, 3> vni{};  // VXLAN's VNI, NVGRE's VSID
  std::array<std::uint8_t, 3> reserved2{};
  std::array<std::uint8_t, 16> source{};  // an IPv4 address is the first 4 octets
  std::array<std::uint8_t, 16> destination{};

  static constexpr std::uint8_t kTunnelVxlan = 1;
  static constexpr std::uint8_t kTunnelNvgre = 2;
  friend constexpr bool operator==(const RuleKey&, const RuleKey&) noexcept = default;
};
static_assert(sizeof(RuleKey) == 80 && std::is_trivially_copyable_v<RuleKey>);

inline constexpr std::size_t kRuleKeyWords = sizeof(RuleKey) / 8;
/// A key as words for masking, comparing and hashing.
using RuleKeyWords = std::array<std::uint64_t, kRuleKeyWords>;

[[nodiscard]] inline RuleKeyWords words_of(const RuleKey& key) noexcept {
  return std::bit_cast<RuleKeyWords>(key);
}

/// A pattern as a comparison; bits of `key` outside `mask` are zero.
struct RuleMatch {
  RuleKeyWords key{};
  RuleKeyWords mask{};

  [[nodiscard]] bool takes(const RuleKeyWords& words) const noexcept {
    std::uint64_t differences = 0;
    for (std::size_t i = 0; i < kRuleKeyWords; ++i) differences |= (words[i] & mask[i]) ^ key[i];
    return differences == 0;
  }
  friend constexpr bool operator==(const RuleMatch&, const RuleMatch&) noexcept = default;
};

/// What rules see of a frame. Precondition: `parsed` is parse_frame's answer for `frame` and is_ok().
[[nodiscard]] RuleKey rule_key(ConstBytes frame, const ParsedFrame& parsed) noexcept;

/// Precondition: the pattern passed check() and has no ranges.
[[nodiscard]] RuleMatch rule_match(const MatchPattern& pattern) noexcept;

/// Whether some frame could match both.
[[nodiscard]] bool can_overlap(const RuleMatch& a, const RuleMatch& b) noexcept;

}  // namespace weft::classifier
