#include "classifier/qos.h"

#include <algorithm>
#include <cassert>
#include <charconv>

#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"

namespace weft::classifier {
namespace {

constexpr std::uint8_t kEcnMask = 0x03;  // RFC 3168 s5: 00 Not-ECT, 01 and 10 ECT, 11 CE

struct NamedDscp {
  std::string_view name;
  std::uint8_t dscp;
};
// The first name of a code point is the one that is shown.
constexpr std::array kNamedDscps{
    NamedDscp{"BE", 0},    NamedDscp{"CS0", 0},   NamedDscp{"DF", 0},    NamedDscp{"LE", 1},
    NamedDscp{"CS1", 8},   NamedDscp{"CS2", 16},  NamedDscp{"CS3", 24},  NamedDscp{"CS4", 32},
    NamedDscp{"CS5", 40},  NamedDscp{"CS6", 48},  NamedDscp{"CS7", 56},  NamedDscp{"AF11", 10},
    NamedDscp{"AF12", 12}, NamedDscp{"AF13", 14}, NamedDscp{"AF21", 18}, NamedDscp{"AF22", 20},
    NamedDscp{"AF23", 22}, NamedDscp{"AF31", 26}, NamedDscp{"AF32", 28}, NamedDscp{"AF33", 30},
    NamedDscp{"AF41", 34}, NamedDscp{"AF42", 36}, NamedDscp{"AF43", 38}, NamedDscp{"EF", 46},
};

constexpr char upper(char c) noexcept {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

bool is_same_word(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return upper(x) == upper(y);
  });
}

void write_tos(Bytes frame, L3Kind l3, std::uint16_t l3_offset, std::uint8_t tos) noexcept {
  if (l3 == L3Kind::ipv4) {
    auto* ip = header_at<Ipv4Header>(frame, l3_offset);
    assert(ip != nullptr);
    const unsigned version_ihl = unsigned{ip->version_ihl} << 8U;
    ip->checksum = Be16{adjust(
        ip->checksum.host(),
        static_cast<std::uint16_t>(version_ihl | ip->tos),
        static_cast<std::uint16_t>(version_ihl | tos)
    )};
    ip->tos = tos;
  } else if (l3 == L3Kind::ipv6) {
    auto* ip = header_at<Ipv6Header>(frame, l3_offset);
    assert(ip != nullptr);
    const std::uint32_t others = ip->version_class_flow.host() & 0xF00FFFFFU;
    ip->version_class_flow = Be32{others | (std::uint32_t{tos} << 20U)};
  }
}

}  // namespace

std::optional<std::uint8_t> parse_dscp(std::string_view text) noexcept {
  for (const NamedDscp& named : kNamedDscps) {
    if (is_same_word(named.name, text)) return named.dscp;
  }
  std::uint8_t dscp = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), dscp);
  if (error != std::errc{} || end != text.data() + text.size() || dscp > kDscpMax) {
    return std::nullopt;
  }
  return dscp;
}

std::string format_dscp(std::uint8_t dscp) {
  for (const NamedDscp& named : kNamedDscps) {
    if (named.dscp == dscp) return std::string{named.name};
  }
  return std::to_string(dscp);
}

std::string_view name(Phb phb) noexcept {
  switch (phb) {
    case Phb::expedited:
      return "EF";
    case Phb::network_control:
      return "NC";
    case Phb::af4:
      return "AF4";
    case Phb::af3:
      return "AF3";
    case Phb::af2:
      return "AF2";
    case Phb::af1:
      return "AF1";
    case Phb::best_effort:
      return "BE";
    case Phb::lower_effort:
      return "LE";
  }
  __builtin_unreachable();
}

std::optional<Phb> parse_phb(std::string_view text) noexcept {
  for (const Phb phb : kPhbs) {
    if (is_same_word(name(phb), text)) return phb;
  }
  return std::nullopt;
}

std::string_view name(Colour colour) noexcept {
  switch (colour) {
    case Colour::green:
      return "green";
    case Colour::yellow:
      return "yellow";
    case Colour::red:
      return "red";
  }
  __builtin_unreachable();
}

std::optional<Colour> parse_colour(std::string_view text) noexcept {
  for (const Colour colour : {Colour::green, Colour::yellow, Colour::red}) {
    if (is_same_word(name(colour), text)) return colour;
  }
  return std::nullopt;
}

void remark(Bytes frame, ParsedFrame& parsed, std::uint8_t dscp) noexcept {
  const auto tos = static_cast<std::uint8_t>(dscp << 2U | (parsed.tos & kEcnMask));
  // Most packets keep their octet: do not dirty their cache line for nothing.
  if (tos == parsed.tos || (parsed.l3 != L3Kind::ipv4 && parsed.l3 != L3Kind::ipv6)) return;
  write_tos(frame, parsed.l3, parsed.l3_offset, tos);
  parsed.tos = tos;
}

CeMark mark_ce(Bytes frame, L3Kind l3, std::uint16_t l3_offset) noexcept {
  std::uint8_t tos = 0;
  if (l3 == L3Kind::ipv4) {
    tos = bounded_header<Ipv4Header>(frame, l3_offset).tos;
  } else if (l3 == L3Kind::ipv6) {
    tos = bounded_header<Ipv6Header>(frame, l3_offset).traffic_class();
  }
  if ((tos & kEcnMask) == 0) return CeMark::not_capable;
  if ((tos & kEcnMask) != kEcnMask) {
    write_tos(frame, l3, l3_offset, static_cast<std::uint8_t>(tos | kEcnMask));
  }
  return CeMark::marked;
}

}  // namespace weft::classifier
