// DiffServ words: code points, the queues they mean, colours; and the octet they are written into.
//
// A DSCP (RFC 2474, 6 bits) says which per-hop behaviour a packet wants. We have eight behaviours, one queue
// each (dataplane/scheduler.h), and every code point means one of them. The service classes are those of
// RFC 4594, figure 3:
//
//   queue             code points          why
//   expedited         EF                   telephony (RFC 3246)
//   network_control   CS6, CS7             routing; CS7 is for later use, and must not be worse than CS6
//   af4               AF41-43, CS5, CS4    conferences; CS5 is their signalling, CS4 interactive video
//   af3               AF31-33, CS3         streaming; CS3 is broadcast video, which can not slow down
//   af2               AF21-23, CS2         low-latency data; CS2 is operation and management
//   af1               AF11-13              high-throughput data
//   best_effort       CS0 and the rest     the default (RFC 2474 s3: so are code points one does not know)
//   lower_effort      LE, CS1              what may starve (RFC 8622, which took CS1's place)
//
// Within an AF class the drop precedence is a colour: AFx1 green, AFx2 yellow, AFx3 red (RFC 2597 s2). All
// others are green. A meter changes the colour; `recoloured` writes it back into the code point.
//
// Names of code points: BE (also CS0, DF), LE, CS1-CS7, AF11-AF43, EF, or the number 0-63.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dataplane/base/bytes.h"
#include "dataplane/net/parse.h"

namespace weft::classifier {

/// Queues, in the order in which they are served.
enum class Phb : std::uint8_t {
  expedited,
  network_control,
  af4,
  af3,
  af2,
  af1,
  best_effort,
  lower_effort
};
inline constexpr std::size_t kPhbCount = 8;
inline constexpr std::array<Phb, kPhbCount> kPhbs{
    Phb::expedited,
    Phb::network_control,
    Phb::af4,
    Phb::af3,
    Phb::af2,
    Phb::af1,
    Phb::best_effort,
    Phb::lower_effort};

/// Drop precedence, and what a meter says.
enum class Colour : std::uint8_t { green, yellow, red };
inline constexpr std::size_t kColourCount = 3;

/// DSCPs that code speaks of.
inline constexpr std::uint8_t kDscpMax = 63;
inline constexpr std::uint8_t kDscpDefault = 0;
inline constexpr std::uint8_t kDscpLowerEffort = 1;  // RFC 8622
inline constexpr std::uint8_t kDscpExpedited = 46;   // RFC 3246

/// CS0-CS7 (RFC 2474 s4.2.2): the precedence of old, `selector` 0-7.
[[nodiscard]] constexpr std::uint8_t cs(unsigned selector) noexcept {
  return static_cast<std::uint8_t>(selector << 3U);
}

/// AF11-AF43 (RFC 2597 s6): `af_class` 1-4.
[[nodiscard]] constexpr std::uint8_t af(unsigned af_class, Colour precedence) noexcept {
  return static_cast<std::uint8_t>((af_class << 3U) + 2U + 2U * static_cast<unsigned>(precedence));
}

/// One of AF11-AF43.
[[nodiscard]] constexpr bool is_af(std::uint8_t dscp) noexcept {
  const unsigned af_class = dscp >> 3U;
  const unsigned low = dscp & 7U;
  return af_class >= 1 && af_class <= 4 && low >= 2 && (low & 1U) == 0;
}

namespace detail {
inline constexpr std::array<Phb, 64> kPhbByDscp = [] {
  std::array<Phb, 64> table{};
  table.fill(Phb::best_effort);
  table[kDscpExpedited] = Phb::expedited;
  table[cs(7)] = table[cs(6)] = Phb::network_control;
  table[cs(5)] = table[cs(4)] = Phb::af4;
  table[cs(3)] = Phb::af3;
  table[cs(2)] = Phb::af2;
  table[kDscpLowerEffort] = table[cs(1)] = Phb::lower_effort;
  constexpr std::array<Phb, 4> kByClass{Phb::af1, Phb::af2, Phb::af3, Phb::af4};
  for (const Colour colour : {Colour::green, Colour::yellow, Colour::red}) {
    for (unsigned af_class = 1; af_class <= 4; ++af_class) {
      table[af(af_class, colour)] = kByClass[af_class - 1];
    }
  }
  return table;
}();
inline constexpr std::array<Colour, 64> kColourByDscp = [] {
  std::array<Colour, 64> table{};
  table.fill(Colour::green);
  for (const Colour colour : {Colour::yellow, Colour::red}) {
    for (unsigned af_class = 1; af_class <= 4; ++af_class) table[af(af_class, colour)] = colour;
  }
  return table;
}();
}  // namespace detail

/// The queue of a code point (0-63; higher bits are ignored).
[[nodiscard]] constexpr Phb phb_of(std::uint8_t dscp) noexcept {
  return detail::kPhbByDscp[dscp & kDscpMax];
}

/// Drop precedence of AF11-AF43; green for every other code point.
[[nodiscard]] constexpr Colour colour_of(std::uint8_t dscp) noexcept {
  return detail::kColourByDscp[dscp & kDscpMax];
}

/// The code point of the same AF class with that drop precedence. Others have none and stay as they are.
[[nodiscard]] constexpr std::uint8_t recoloured(std::uint8_t dscp, Colour colour) noexcept {
  return is_af(dscp) ? af(dscp >> 3U, colour) : dscp;
}

/// The class that frames with a VLAN priority get (IEEE 802.1Q table I-2 names the traffic types; the code
/// points are those of RFC 8325 s4.3 where it names one). 1 is background, below 0.
inline constexpr std::array<std::uint8_t, 8> kDscpByPcp{
    kDscpDefault,          // 0 best effort
    kDscpLowerEffort,      // 1 background
    af(1, Colour::green),  // 2 excellent effort
    af(2, Colour::green),  // 3 critical applications
    af(4, Colour::green),  // 4 video
    kDscpExpedited,        // 5 voice
    cs(6),                 // 6 internetwork control
    cs(7)                  // 7 network control
};

/// "AF41", "be", "46", ...: upper or lower case; nullopt if it is none.
[[nodiscard]] std::optional<std::uint8_t> parse_dscp(std::string_view text) noexcept;
/// The name, or the number if it has none.
[[nodiscard]] std::string format_dscp(std::uint8_t dscp);

/// "EF", "NC", "AF4"-"AF1", "BE", "LE".
[[nodiscard]] std::string_view name(Phb phb) noexcept;
[[nodiscard]] std::optional<Phb> parse_phb(std::string_view text) noexcept;

/// "green", "yellow", "red".
[[nodiscard]] std::string_view name(Colour colour) noexcept;
[[nodiscard]] std::optional<Colour> parse_colour(std::string_view text) noexcept;

/// Writes `dscp` (0-63) into the IPv4 ToS octet, mending the header checksum (RFC 1624 eqn. 3), or into the
/// IPv6 traffic class. The ECN bits stay. Nothing to do for frames that are not IP. `parsed.tos` follows.
/// Precondition: `parsed` is parse_frame's answer for `frame`.
void remark(Bytes frame, ParsedFrame& parsed, std::uint8_t dscp) noexcept;

/// What became of a wish to mark a packet CE.
enum class CeMark : std::uint8_t {
  not_capable,  // Not-ECT or not IP: congestion must be told by a drop
  marked        // is CE now, or was before
};

/// RFC 3168 s5: sets Congestion Experienced in an ECN-capable packet, instead of dropping it. `l3` and
/// `l3_offset` say where the IP header in front is (of a tunnel packet the outer one: RFC 6040 carries the
/// mark inwards). Precondition: that header lies wholly inside `frame`.
[[nodiscard]] CeMark mark_ce(Bytes frame, L3Kind l3, std::uint16_t l3_offset) noexcept;

}  // namespace weft::classifier
