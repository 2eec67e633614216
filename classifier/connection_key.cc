#include "classifier/connection_key.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstddef>

#include "dataplane/net/headers.h"
#include "dataplane/net/ipv6_extension.h"

namespace weft::classifier {
namespace {

constexpr std::uint8_t kIpProtoSctp = 132;

// ICMP messages that ask and answer (RFC 792, RFC 950), beside echo.
constexpr std::uint8_t kIcmpTimestamp = 13;
constexpr std::uint8_t kIcmpInformation = 15;
constexpr std::uint8_t kIcmpAddressMask = 17;

// Errors that quote the packet they are about (RFC 792; RFC 4443 s3.1-3.4).
constexpr std::uint8_t kIcmpTimeExceeded = 11;
constexpr std::uint8_t kIcmpParameterProblem = 12;
constexpr std::uint8_t kIcmpv6Unreachable = 1;
constexpr std::uint8_t kIcmpv6ParameterProblem = 4;

/// What TCP, UDP and SCTP (RFC 9260 s3.1) start with.
struct PortPair {
  Be16 source;
  Be16 destination;
};
static_assert(WireHeader<PortPair>);

// Keys are put together in registers and stored in whole words, the words that connection_hash
// loads: see the measurement in dataplane/net/flow_key.cc.
static_assert(std::endian::native == std::endian::little, "Weft runs on little-endian hosts");
static_assert(offsetof(ConnectionKey, low_port) == 32 && offsetof(ConnectionKey, tag) == 36);

/// 16 octets of address as two words in memory order.
struct Address {
  std::uint64_t first{};
  std::uint64_t last{};
  friend bool operator==(const Address&, const Address&) = default;
};

Address widened(const Ipv4Address& v4) noexcept {
  return {0, std::uint64_t{load_word<std::uint32_t>(&v4)} << 32U | 0xFFFF0000U};
}
Address widened(const Ipv6Address& v6) noexcept {
  return {
      load_word<std::uint64_t>(v6.octets.data()), load_word<std::uint64_t>(v6.octets.data() + 8)};
}
Address widened(const MacAddress& mac) noexcept {
  const std::uint64_t low = load_word<std::uint32_t>(mac.octets.data());
  const std::uint64_t high = load_word<std::uint16_t>(mac.octets.data() + 4);
  return {0, (high << 32U | low) << 16U};
}

/// The two ends as the packet names them; ports in host order.
struct Ends {
  Address source;
  Address destination;
  std::uint16_t source_port{};
  std::uint16_t destination_port{};
};

struct Ports {
  std::uint16_t source{};
  std::uint16_t destination{};
};

void store_word(ConnectionKey& key, std::size_t index, std::uint64_t word) noexcept {
  std::memcpy(reinterpret_cast<std::uint8_t*>(&key) + 8 * index, &word, sizeof word);
}

ConnectionKey stored(
    const Address& low, const Address& high, std::uint32_t ports_in_memory, std::uint32_t tag
) noexcept {
  ConnectionKey key;
  store_word(key, 0, low.first);
  store_word(key, 1, low.last);
  store_word(key, 2, high.first);
  store_word(key, 3, high.last);
  store_word(key, 4, std::uint64_t{tag} << 32U | ports_in_memory);
  return key;
}

std::uint32_t tag_of(EndpointIndex endpoint, KeyKind kind, std::uint8_t protocol) noexcept {
  assert(endpoint.value() < kMaxKeyEndpoints);
  return (endpoint.value() & (kMaxKeyEndpoints - 1U)) |
         std::uint32_t{static_cast<std::uint8_t>(kind)} << ConnectionKey::kEndpointBits |
         std::uint32_t{protocol} << 24U;
}

/// An address as a number: lexicographic order of octets.
__extension__ using Number = unsigned __int128;
Number number(const Address& address) noexcept {
  return static_cast<Number>(__builtin_bswap64(address.first)) << 64U |
         __builtin_bswap64(address.last);
}

KeyedPacket canonical(const Ends& ends, std::uint32_t tag) noexcept {
  const Number source = number(ends.source);
  const Number destination = number(ends.destination);
  const bool is_low_to_high =
      source != destination ? source < destination : ends.source_port <= ends.destination_port;
  const std::uint32_t from = Be16{ends.source_port}.raw();
  const std::uint32_t to = Be16{ends.destination_port}.raw();
  if (is_low_to_high) return {stored(ends.source, ends.destination, to << 16U | from, tag), true};
  return {stored(ends.destination, ends.source, from << 16U | to, tag), false};
}

/// The request's type if `type` is a request or its reply; `is_reply` says which.
struct Query {
  std::uint8_t request_type{};
  bool is_query{};
  bool is_reply{};
};

Query query_of(std::uint8_t type, bool is_v6) noexcept {
  if (is_v6) {
    const bool is_reply = type == kIcmpv6EchoReply;
    return {kIcmpv6EchoRequest, is_reply || type == kIcmpv6EchoRequest, is_reply};
  }
  switch (type) {
    case kIcmpEchoRequest:
    case kIcmpTimestamp:
    case kIcmpInformation:
    case kIcmpAddressMask:
      return {type, true, false};
    case kIcmpEchoReply:
      return {kIcmpEchoRequest, true, true};
    case kIcmpTimestamp + 1:
    case kIcmpInformation + 1:
    case kIcmpAddressMask + 1:
      return {static_cast<std::uint8_t>(type - 1U), true, true};
    default:
      return {type, false, false};
  }
}

/// What stands for ports: see the header.
Ports icmp_ports(const IcmpHeader& icmp, bool is_v6) noexcept {
  const Query query = query_of(icmp.type, is_v6);
  const auto service = static_cast<std::uint16_t>(query.request_type << 8U | icmp.code);
  if (!query.is_query) return {0, static_cast<std::uint16_t>(icmp.type << 8U | icmp.code)};
  const auto identifier = static_cast<std::uint16_t>(icmp.rest.host() >> 16U);
  return query.is_reply ? Ports{service, identifier} : Ports{identifier, service};
}

Ports ports_of(ConstBytes frame, const ParsedFrame& parsed) noexcept {
  switch (parsed.l4) {
    case L4Kind::tcp:
    case L4Kind::udp: {
      const auto& pair = bounded_header<PortPair>(frame, parsed.l4_offset);
      return {pair.source.host(), pair.destination.host()};
    }
    case L4Kind::icmp:
      return icmp_ports(bounded_header<IcmpHeader>(frame, parsed.l4_offset), false);
    case L4Kind::icmpv6:
      return icmp_ports(bounded_header<IcmpHeader>(frame, parsed.l4_offset), true);
    case L4Kind::other: {
      // parse_frame does not know SCTP: nothing after l4_offset is bounded.
      if (parsed.ip_proto != kIpProtoSctp || !parsed.is_first_fragment) return {};
      const ConstBytes packet = frame.first(std::min<std::size_t>(frame.size(), parsed.l3_end));
      const auto* pair = header_at<PortPair>(packet, parsed.l4_offset);
      return pair != nullptr ? Ports{pair->source.host(), pair->destination.host()} : Ports{};
    }
    case L4Kind::none:
    case L4Kind::gre:
      return {};
  }
  return {};
}

/// Addresses of an IP packet or of another frame.
Ends ends_of(ConstBytes frame, const ParsedFrame& parsed) noexcept {
  switch (parsed.l3) {
    case L3Kind::ipv4: {
      const auto& ip = bounded_header<Ipv4Header>(frame, parsed.l3_offset);
      return {widened(ip.source), widened(ip.destination)};
    }
    case L3Kind::ipv6: {
      const auto& ip = bounded_header<Ipv6Header>(frame, parsed.l3_offset);
      return {widened(ip.source), widened(ip.destination)};
    }
    case L3Kind::arp:
    case L3Kind::other: {
      const auto& ethernet = bounded_header<EthernetHeader>(frame, 0);
      return {widened(ethernet.source), widened(ethernet.destination)};
    }
  }
  return {};
}

/// Precondition: parse_frame accepted the packet and it is a fragment, so the walk stays in bounds.
std::uint32_t ipv6_identification(ConstBytes frame, const ParsedFrame& parsed) noexcept {
  std::size_t offset = parsed.l3_offset + sizeof(Ipv6Header);
  std::uint8_t kind = bounded_header<Ipv6Header>(frame, parsed.l3_offset).next_header;
  for (unsigned count = 0; count < kMaxExtensionHeaders && is_extension(kind); ++count) {
    if (kind == kIpProtoFragment) {
      return bounded_header<Ipv6FragmentHeader>(frame, offset).identification.raw();
    }
    const auto& extension = bounded_header<Ipv6Extension>(frame, offset);
    offset += extension_bytes(kind, extension.length);
    kind = extension.next_header;
  }
  assert(false && "not a fragment");
  return 0;
}

// -- the packet that an ICMP error quotes ---------------------------------------------------------

struct Quoted {
  Ends ends;
  std::uint8_t protocol{};
};

bool is_error(std::uint8_t type, bool is_v6) noexcept {
  if (is_v6) return type >= kIcmpv6Unreachable && type <= kIcmpv6ParameterProblem;
  return type == kIcmpUnreachable || type == kIcmpTimeExceeded || type == kIcmpParameterProblem;
}

/// Nobody answers an error with an error (RFC 1122 s3.2.2; RFC 4443 s2.4 (e)): types that carry a
/// quotation.
bool quotes(std::uint8_t type, bool is_v6) noexcept {
  constexpr std::uint8_t kSourceQuench = 4;
  constexpr std::uint8_t kRedirect = 5;
  if (is_v6) return type < kIcmpv6EchoRequest;
  return is_error(type, false) || type == kSourceQuench || type == kRedirect;
}

/// `quotation` ends where the error ends: it may be cut off after eight octets of L4.
std::optional<Ports> quoted_ports(
    ConstBytes quotation, std::size_t offset, std::uint8_t protocol, bool is_v6
) noexcept {
  if (protocol == kIpProtoTcp || protocol == kIpProtoUdp || protocol == kIpProtoSctp) {
    // All three have at least eight octets, and that many are always quoted.
    const auto* header = header_at<UdpHeader>(quotation, offset);
    if (header == nullptr) return std::nullopt;
    return Ports{header->source_port.host(), header->destination_port.host()};
  }
  if (protocol == (is_v6 ? kIpProtoIcmpv6 : kIpProtoIcmp)) {
    const auto* icmp = header_at<IcmpHeader>(quotation, offset);
    if (icmp == nullptr || quotes(icmp->type, is_v6)) return std::nullopt;
    return icmp_ports(*icmp, is_v6);
  }
  return Ports{};
}

std::optional<Quoted> quoted_v4(ConstBytes quotation) noexcept {
  const auto* ip = header_at<Ipv4Header>(quotation, 0);
  if (ip == nullptr || ip->version() != 4 || ip->header_bytes() < sizeof(Ipv4Header) ||
      ip->header_bytes() > quotation.size() || !ip->is_first_fragment()) {
    return std::nullopt;
  }
  const auto ports = quoted_ports(quotation, ip->header_bytes(), ip->protocol, false);
  if (!ports) return std::nullopt;
  const Ends ends{widened(ip->source), widened(ip->destination), ports->source, ports->destination};
  return Quoted{ends, ip->protocol};
}

std::optional<Quoted> quoted_v6(ConstBytes quotation) noexcept {
  const auto* ip = header_at<Ipv6Header>(quotation, 0);
  if (ip == nullptr || ip->version() != 6) return std::nullopt;
  std::size_t offset = sizeof(Ipv6Header);
  std::uint8_t protocol = ip->next_header;
  for (unsigned count = 0; is_extension(protocol); ++count) {
    const auto* extension = header_at<Ipv6Extension>(quotation, offset);
    if (extension == nullptr || count == kMaxExtensionHeaders) return std::nullopt;
    if (protocol == kIpProtoFragment &&
        !bounded_header<Ipv6FragmentHeader>(quotation, offset).is_first()) {
      return std::nullopt;
    }
    offset += extension_bytes(protocol, extension->length);
    protocol = extension->next_header;
  }
  const auto ports = quoted_ports(quotation, offset, protocol, true);
  if (!ports || offset > quotation.size()) return std::nullopt;
  const Ends ends{widened(ip->source), widened(ip->destination), ports->source, ports->destination};
  return Quoted{ends, protocol};
}

}  // namespace

KeyedPacket connection_key(
    ConstBytes frame, const ParsedFrame& parsed, EndpointIndex endpoint
) noexcept {
  if (is_plain(parsed)) {
    KeyedPacket packet;
    packet.is_low_to_high = write_plain_key(packet.key, frame, parsed, endpoint);
    return packet;
  }
  Ends ends = ends_of(frame, parsed);
  if (parsed.is_ip()) [[likely]] {
    const Ports ports = ports_of(frame, parsed);
    ends.source_port = ports.source;
    ends.destination_port = ports.destination;
    return canonical(ends, tag_of(endpoint, KeyKind::connection, parsed.ip_proto));
  }
  ends.source_port = parsed.ether_type;
  ends.destination_port = parsed.ether_type;
  return canonical(ends, tag_of(endpoint, KeyKind::ethernet, 0));
}

ConnectionKey fragment_key(
    ConstBytes frame, const ParsedFrame& parsed, EndpointIndex endpoint
) noexcept {
  const Ends ends = ends_of(frame, parsed);
  const bool is_v6 = parsed.l3 == L3Kind::ipv6;
  const std::uint32_t identification =
      is_v6 ? ipv6_identification(frame, parsed)
            : bounded_header<Ipv4Header>(frame, parsed.l3_offset).identification.raw();
  const std::uint8_t protocol = is_v6 ? std::uint8_t{0} : parsed.ip_proto;
  return stored(
      ends.source, ends.destination, identification, tag_of(endpoint, KeyKind::fragment, protocol)
  );
}

std::optional<KeyedPacket> related_key(
    ConstBytes frame, const ParsedFrame& parsed, EndpointIndex endpoint
) noexcept {
  const bool is_v6 = parsed.l4 == L4Kind::icmpv6;
  if (parsed.l4 != L4Kind::icmp && !is_v6) return std::nullopt;
  if (!is_error(bounded_header<IcmpHeader>(frame, parsed.l4_offset).type, is_v6)) {
    return std::nullopt;
  }
  const std::size_t end = std::min<std::size_t>(frame.size(), parsed.l3_end);
  const ConstBytes quotation = frame.first(end).subspan(parsed.payload_offset);
  const std::optional<Quoted> quoted = is_v6 ? quoted_v6(quotation) : quoted_v4(quotation);
  // An error goes to who sent the packet (RFC 792, RFC 4443 s2.2): else anybody could quote the
  // connection of a neighbour.
  if (!quoted || quoted->ends.source != ends_of(frame, parsed).destination) return std::nullopt;
  return canonical(quoted->ends, tag_of(endpoint, KeyKind::connection, quoted->protocol));
}

}  // namespace weft::classifier
