// FlowKey: what identifies a flow inside a segment, and its hash.
//
// IP packets: addresses, protocol, ports (ICMP: type/code and identifier for echo, else 0).
// Fragments other than the first have no ports, so *no* fragment's key uses them: all fragments of a
// packet hash alike and stay in order. Other frames: both MACs and the EtherType.
//
// flow_hash gives the entropy of the outer header (RFC 7348 §5 source port, RFC 7637 §3.2 FlowID,
// RFC 6438 flow label): equal for every packet of a flow, well spread over flows. It is not
// symmetric: the two directions of a connection may differ.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/base/bytes.h"
#include "dataplane/net/parse.h"

namespace weft {

struct FlowKey {
  std::array<std::uint8_t, 16> source{};  // as IpAddress, or a MAC in the last 6 octets
  std::array<std::uint8_t, 16> destination{};
  Be16 source_port;
  Be16 destination_port;
  Be16 ether_type;
  std::uint8_t ip_proto{};
  std::uint8_t reserved{};

  friend constexpr bool operator==(const FlowKey&, const FlowKey&) noexcept = default;
};
static_assert(sizeof(FlowKey) == 40);

/// Precondition: `parsed` is parse_frame's answer for `frame` and is_ok().
[[nodiscard]] FlowKey flow_key(ConstBytes frame, const ParsedFrame& parsed) noexcept;

/// 32 well-mixed bits.
[[nodiscard]] std::uint32_t flow_hash(const FlowKey& key) noexcept;

/// flow_hash(flow_key(frame, parsed)), without a key for the packets that nearly all are.
[[nodiscard]] std::uint32_t packet_hash(ConstBytes frame, const ParsedFrame& parsed) noexcept;

}  // namespace weft
