// ConnectionKey: what identifies a connection at one endpoint, the same in both directions, and its
// hash.
//
// A connection is judged and remembered at an endpoint (a container interface), so the key is the
// endpoint's index and the two ends of the conversation, the lower (address, port) first. Whoever
// sends, the key is the same; KeyedPacket says which way this packet goes. Addresses are in the
// form of IpAddress. VLAN tags are not part of the key: policy does not see them either.
//
//   kind           ends                                                  protocol
//   connection     addresses with ports; see below for ICMP              IP protocol
//   ethernet       MAC addresses (last 6 octets), EtherType as ports     0
//   fragment       addresses in the packet's own order, identification   IPv4: protocol; IPv6: 0
//
// Ports: of TCP, UDP and SCTP; 0 for other protocols. ICMP has none, but a request and its reply
// are a conversation: the side that asks has the identifier as its port, the side that answers has
// the *request's* type and code as if that were the service. So request and reply agree, and who
// asks back with the same identifier opens a connection of his own that policy judges on its own.
// ICMP messages that are no request and no reply have port 0 on the sender's side: they belong to
// their direction only. An ICMP error belongs to the connection whose packet it quotes: ask
// related_key() before connection_key().
//
// Fragments: the first one has ports and a connection_key(); the later ones only a fragment_key(),
// which the first one has too. It has a direction, because identifications of the two sides have
// nothing to do with each other. IPv6 leaves the protocol out: later fragments may name another
// next header, and only the first one's counts (RFC 8200 s4.5).
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <type_traits>

#include "dataplane/base/bytes.h"
#include "dataplane/base/ids.h"
#include "dataplane/net/addr.h"
#include "dataplane/net/headers.h"
#include "dataplane/net/parse.h"

namespace weft::classifier {

enum class KeyKind : std::uint8_t { connection, ethernet, fragment };

struct alignas(8) ConnectionKey {
  static constexpr std::uint32_t kEndpointBits = 20;

  std::array<std::uint8_t, 16> low{};
  std::array<std::uint8_t, 16> high{};
  Be16 low_port;
  Be16 high_port;
  std::uint32_t tag{};  // endpoint index (20 bits), kind (4), protocol (8), lowest first

  [[nodiscard]] EndpointIndex endpoint() const noexcept {
    return EndpointIndex{tag & ((1U << kEndpointBits) - 1U)};
  }
  [[nodiscard]] KeyKind kind() const noexcept {
    return static_cast<KeyKind>((tag >> kEndpointBits) & 0xFU);
  }
  [[nodiscard]] std::uint8_t protocol() const noexcept {
    return static_cast<std::uint8_t>(tag >> 24U);
  }
  friend bool operator==(const ConnectionKey& a, const ConnectionKey& b) noexcept {
    return std::memcmp(&a, &b, sizeof a) == 0;
  }
};
static_assert(sizeof(ConnectionKey) == 40);
static_assert(std::has_unique_object_representations_v<ConnectionKey>, "padding would be hashed");

/// Endpoint indices from here on do not fit a key.
inline constexpr std::uint32_t kMaxKeyEndpoints = 1U << ConnectionKey::kEndpointBits;

struct KeyedPacket {
  ConnectionKey key;
  bool is_low_to_high{};

  // This packet's own view. Kinds connection and fragment only.
  [[nodiscard]] IpAddress source() const noexcept { return address(is_low_to_high); }
  [[nodiscard]] IpAddress destination() const noexcept { return address(!is_low_to_high); }
  [[nodiscard]] std::uint16_t source_port() const noexcept {
    return (is_low_to_high ? key.low_port : key.high_port).host();
  }
  [[nodiscard]] std::uint16_t destination_port() const noexcept {
    return (is_low_to_high ? key.high_port : key.low_port).host();
  }

 private:
  [[nodiscard]] IpAddress address(bool is_low) const noexcept {
    return IpAddress{Ipv6Address{is_low ? key.low : key.high}};
  }
};

/// Preconditions: `parsed` is parse_frame's answer for `frame` and is_ok(); `endpoint` <
/// kMaxKeyEndpoints; the frame is no later fragment (its ports would be read as 0).
[[nodiscard]] KeyedPacket connection_key(
    ConstBytes frame, const ParsedFrame& parsed, EndpointIndex endpoint
) noexcept;

/// The key that all fragments of one packet share. Precondition as above, and parsed.is_fragment.
[[nodiscard]] ConnectionKey fragment_key(
    ConstBytes frame, const ParsedFrame& parsed, EndpointIndex endpoint
) noexcept;

/// The connection to which an ICMP error belongs, with the direction that the *quoted* packet had:
/// the error itself goes the other way. nullopt if the frame is no error, or quotes too little (RFC
/// 792: the IP header and 64 bits; RFC 4443 s3: as much as fits), a later fragment, another error,
/// or a packet that the receiver of this error did not send. Errors: destination unreachable, time
/// exceeded, parameter problem, packet too big. Source quench (deprecated by RFC 6633) and redirect
/// (changes routes) are judged as packets of their own.
[[nodiscard]] std::optional<KeyedPacket> related_key(
    ConstBytes frame, const ParsedFrame& parsed, EndpointIndex endpoint
) noexcept;

/// Whether write_plain_key() may be asked: IPv4, UDP or TCP, no fragment.
[[nodiscard]] inline bool is_plain(const ParsedFrame& parsed) noexcept {
  const bool has_ports = parsed.l4 == L4Kind::udp || parsed.l4 == L4Kind::tcp;
  return parsed.l3 == L3Kind::ipv4 && has_ports && !parsed.is_fragment;
}

/// connection_key() for the packets that nearly all are, written in place; answers is_low_to_high. Precondition:
/// is_plain(parsed).
[[nodiscard]] inline bool write_plain_key(
    ConnectionKey& key, ConstBytes frame, const ParsedFrame& parsed, EndpointIndex endpoint
) noexcept {
  static_assert(offsetof(ConnectionKey, low_port) == 32 && offsetof(ConnectionKey, tag) == 36);
  static_assert(std::endian::native == std::endian::little, "Weft runs on little-endian hosts");
  const auto& ip = bounded_header<Ipv4Header>(frame, parsed.l3_offset);
  const auto& ports = bounded_header<UdpHeader>(frame, parsed.l4_offset);  // as of TCP
  const std::uint32_t source = std::bit_cast<std::uint32_t>(ip.source.octets);
  const std::uint32_t destination = std::bit_cast<std::uint32_t>(ip.destination.octets);
  const std::uint32_t both = ports.source_port.raw() | std::uint32_t{ports.destination_port.raw()}
                                                           << 16U;
  const std::uint64_t from =
      std::uint64_t{__builtin_bswap32(source)} << 16U | ports.source_port.host();
  const std::uint64_t to =
      std::uint64_t{__builtin_bswap32(destination)} << 16U | ports.destination_port.host();
  const bool is_low_to_high = from <= to;
  const std::uint64_t tag =
      (endpoint.value() & (kMaxKeyEndpoints - 1U)) | std::uint32_t{parsed.ip_proto} << 24U;
  constexpr std::uint64_t kMapped = 0xFFFF0000U;
  // Word by word into their place: through an array they would be copied in wider pieces than they were stored in,
  // and that has to wait for the stores. measured: pipeline_bench
  const auto put = [&key](std::size_t i, std::uint64_t word) noexcept {
    std::memcpy(reinterpret_cast<std::uint8_t*>(&key) + 8 * i, &word, sizeof word);
  };
  put(0, 0);
  put(1, std::uint64_t{is_low_to_high ? source : destination} << 32U | kMapped);
  put(2, 0);
  put(3, std::uint64_t{is_low_to_high ? destination : source} << 32U | kMapped);
  put(4, tag << 32U | (is_low_to_high ? both : std::rotl(both, 16)));
  return is_low_to_high;
}

/// 64 well-mixed bits. `seed` is a secret of the table: without it a container could choose ports
/// whose keys all fall into one place.
// As flow_hash (dataplane/net/flow_key.cc), with a seed in every multiplication. CRC32 would save a
// few cycles, but it is linear: keys that collide under one seed collide under all.
[[nodiscard]] inline std::uint64_t connection_hash(
    const ConnectionKey& key, std::uint64_t seed
) noexcept {
  __extension__ using Wide = unsigned __int128;
  /// Every bit of both words reaches every bit of the answer: the 128-bit product, folded.
  const auto mix = [](std::uint64_t a, std::uint64_t b) noexcept {
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
  };
  const auto word = [&key](std::size_t i) noexcept {
    return load_word<std::uint64_t>(reinterpret_cast<const std::uint8_t*>(&key) + 8 * i);
  };
  const std::uint64_t other = std::rotl(seed, 32);
  const std::uint64_t low =
      mix(word(0) ^ seed ^ 0x243F6A8885A308D3U, word(1) ^ other ^ 0x13198A2E03707345U);
  const std::uint64_t high =
      mix(word(2) ^ other ^ 0xA4093822299F31D1U, word(3) ^ seed ^ 0x082EFA98EC4E6C89U);
  const std::uint64_t joined = mix(low + high, word(4) ^ seed ^ 0x452821E638D01377U);
  return mix(joined, 0xBE5466CF34E90C6DU);
}

}  // namespace weft::classifier
