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
#include <cstdint>
#include <cstring>
#include <optional>
#include <type_traits>

#include "dataplane/base/bytes.h"
#include "dataplane/base/ids.h"
#include "dataplane/net/addr.h"
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

/// 64 well-mixed bits. `seed` is a secret of the table: without it a container could choose ports
/// whose keys all fall into one place.
[[nodiscard]] std::uint64_t connection_hash(const ConnectionKey& key, std::uint64_t seed) noexcept;

}  // namespace weft::classifier
