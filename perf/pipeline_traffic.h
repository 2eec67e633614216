// The parties of the pipeline benchmark and their frames, by arithmetic: a million flows need no memory.
//
//   container 0 ... kContainers-1     senders of `encap` and `local`, receivers of `decap`
//   peer      0 ... peers-1           hosts behind the tunnel; of `local` further containers
//
// Flow n is between container n mod kContainers and peer (n / kContainers) mod peers; what is left of n is the port of
// whoever opens it. So flows of one container share its address, which is what a burst from a port looks like.
//
// Frames are Ethernet, IPv4 and UDP or TCP. Only headers are written: the packet path reads nothing behind them.
// IPv4 checksums are right; UDP has none, TCP's is left open.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/net/addr.h"

namespace weft::perf {

inline constexpr std::uint32_t kContainers = 8;
inline constexpr std::uint16_t kServicePort = 8080;
inline constexpr std::size_t kFrameHeaders = 54;  // Ethernet, IPv4, TCP

struct Party {
  MacAddress mac;
  Ipv4Address address;
};
[[nodiscard]] Party container(std::uint32_t index) noexcept;
/// A third of them are in one small network, the others all over.
[[nodiscard]] Party peer(std::uint32_t index) noexcept;

struct Flow {
  std::uint32_t container{};
  std::uint32_t peer{};
  std::uint16_t port{};  // of the opener
};
[[nodiscard]] constexpr Flow flow_of(std::uint64_t number, std::uint32_t peers) noexcept {
  const std::uint64_t rest = number / kContainers;
  return {
      static_cast<std::uint32_t>(number % kContainers),
      static_cast<std::uint32_t>(rest % peers),
      static_cast<std::uint16_t>(1024U + rest / peers % 64'000U)};
}

enum class Transport : std::uint8_t { udp, tcp_syn };

/// One frame: `from` opened the flow and sends, or (is_reply) receives.
struct FrameSpec {
  Party from;
  Party to;
  std::uint16_t port{};    // of the opener; the other one is kServicePort
  std::uint16_t octets{};  // of the frame, at least kFrameHeaders
  std::uint8_t dscp{};
  Transport transport{};
  bool is_reply{};  // sent by `to`
};
/// Writes kFrameHeaders octets.
void write_frame(std::uint8_t* at, const FrameSpec& spec) noexcept;

}  // namespace weft::perf
