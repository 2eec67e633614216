// TracePacket: one packet of a trace, as the generator means it. The model reads these fields; the switch gets
// the octets that frame_of() makes of them. So what the switch reads out of the octets is compared as well.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "dataplane/net/testing/frames.h"
#include "tests/differential/network.h"

namespace weft::differential {

enum class Kind : std::uint8_t {
  tcp,
  udp,
  icmp,            // `icmp_type`, in IPv6 packets an ICMPv6 one
  other,           // another IP protocol; SCTP has ports
  later_fragment,  // of a UDP datagram
  ethernet,        // not IP: `ether_type`
  neighbor         // ARP
};

inline constexpr std::uint8_t kSctp = 132;

/// What identifies a packet of a conversation, in its own direction.
struct Flow {
  IpAddress source;
  IpAddress destination;
  std::uint8_t protocol{};
  std::uint16_t source_port{};  // TCP, UDP, SCTP; else 0
  std::uint16_t destination_port{};
  std::uint8_t icmp_type{};
  std::uint8_t icmp_code{};
  std::uint16_t identifier{};  // of ICMP queries
};

struct TracePacket {
  std::uint32_t number{};  // in the last four octets of the frame
  unsigned tenant{};
  unsigned from{};  // host
  unsigned to{};    // host or kEverybody
  Kind kind{Kind::udp};
  bool is_v6{};
  Flow flow;                 // later_fragment: without ports
  std::uint8_t tcp_flags{};  // tcp
  std::uint16_t ether_type{};
  bool is_fragment{};
  std::uint16_t identification{};  // of fragments
  std::uint8_t part{};             // of fragments: 0, 1, 2
  std::optional<Flow> quoted;      // by an ICMP error
  std::uint8_t dscp{};
  std::uint8_t outer_dscp{};  // if it comes through the tunnel

  [[nodiscard]] bool is_ip() const noexcept {
    return kind != Kind::ethernet && kind != Kind::neighbor;
  }
  [[nodiscard]] bool is_first_fragment() const noexcept {
    return is_fragment && kind != Kind::later_fragment;
  }
};

/// The frame inside the tunnel or from the container.
[[nodiscard]] wire_test::Octets frame_of(const TracePacket& packet);
/// Octets of that frame.
[[nodiscard]] std::size_t size_of(const TracePacket& packet);

/// One line for people.
[[nodiscard]] std::string describe(const TracePacket& packet);

}  // namespace weft::differential
