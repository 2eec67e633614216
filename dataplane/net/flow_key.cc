#include "dataplane/net/flow_key.h"

#include <bit>
#include <cstddef>
#include <cstring>
#include <type_traits>

#include "dataplane/net/headers.h"

namespace weft {
namespace {

__extension__ using Wide = unsigned __int128;
/// Every bit of both words reaches every bit of the answer: the 128-bit product, folded.
inline std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept {
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
}

// A FlowKey is put together in registers and stored in whole words, the words that flow_hash loads: what was
// stored in smaller pieces can not be loaded before all those stores have left the store buffer.
// measured: parse_bench key_hash/ipv4_udp, octet by octet -> in words, 34 -> 8 cycles.
static_assert(std::endian::native == std::endian::little, "Weft runs on little-endian hosts");
static_assert(offsetof(FlowKey, ether_type) == offsetof(FlowKey, source_port) + 4);
static_assert(offsetof(FlowKey, ip_proto) == offsetof(FlowKey, source_port) + 6);

void store_word(FlowKey& key, std::size_t offset, std::uint64_t word) noexcept {
  std::memcpy(reinterpret_cast<std::uint8_t*>(&key) + offset, &word, sizeof word);
}

/// The last eight octets of an IPv4-mapped address: 0, 0, 0xFF, 0xFF, a, b, c, d.
std::uint64_t mapped(const Ipv4Address& v4) noexcept {
  return std::uint64_t{load_word<std::uint32_t>(&v4)} << 32U | 0xFFFF0000U;
}

/// Two octets 0 and the MAC address.
std::uint64_t widened(const MacAddress& mac) noexcept {
  const std::uint64_t low = load_word<std::uint32_t>(mac.octets.data());
  const std::uint64_t high = load_word<std::uint16_t>(mac.octets.data() + 4);
  return (high << 32U | low) << 16U;
}

/// Type and code in place of the source port, the identifier of an echo in place of the other.
std::uint32_t icmp_ports(const IcmpHeader& icmp, bool is_echo) noexcept {
  const std::uint32_t type_code = load_word<std::uint16_t>(&icmp.type);
  const std::uint32_t identifier = load_word<std::uint16_t>(&icmp.rest);
  return type_code | (is_echo ? identifier << 16U : 0U);
}

/// Ports, or what stands for them, in memory order. Fragments have none: see the header.
std::uint32_t ports(ConstBytes frame, const ParsedFrame& parsed) noexcept {
  if (parsed.is_fragment) return 0;
  switch (parsed.l4) {
    case L4Kind::tcp:
    case L4Kind::udp:  // both start with the ports
      return load_word<std::uint32_t>(&bounded_header<UdpHeader>(frame, parsed.l4_offset));
    case L4Kind::icmp: {
      const auto& icmp = bounded_header<IcmpHeader>(frame, parsed.l4_offset);
      return icmp_ports(icmp, icmp.type == kIcmpEchoRequest || icmp.type == kIcmpEchoReply);
    }
    case L4Kind::icmpv6: {
      const auto& icmp = bounded_header<IcmpHeader>(frame, parsed.l4_offset);
      return icmp_ports(icmp, icmp.type == kIcmpv6EchoRequest || icmp.type == kIcmpv6EchoReply);
    }
    case L4Kind::none:
    case L4Kind::gre:
    case L4Kind::other:
      return 0;
  }
  return 0;
}

}  // namespace

FlowKey flow_key(ConstBytes frame, const ParsedFrame& parsed) noexcept {
  FlowKey key;
  store_word(
      key,
      offsetof(FlowKey, source_port),
      ports(frame, parsed) | std::uint64_t{Be16{parsed.ether_type}.raw()} << 32U |
          std::uint64_t{parsed.ip_proto} << 48U  // 0 when not IP
  );
  switch (parsed.l3) {
    case L3Kind::ipv4: {
      const auto& ip = bounded_header<Ipv4Header>(frame, parsed.l3_offset);
      store_word(key, offsetof(FlowKey, source) + 8, mapped(ip.source));
      store_word(key, offsetof(FlowKey, destination) + 8, mapped(ip.destination));
      return key;
    }
    case L3Kind::ipv6: {
      const auto& ip = bounded_header<Ipv6Header>(frame, parsed.l3_offset);
      key.source = ip.source.octets;
      key.destination = ip.destination.octets;
      return key;
    }
    case L3Kind::arp:
    case L3Kind::other: {
      const auto& ethernet = bounded_header<EthernetHeader>(frame, 0);
      store_word(key, offsetof(FlowKey, source) + 8, widened(ethernet.source));
      store_word(key, offsetof(FlowKey, destination) + 8, widened(ethernet.destination));
      return key;
    }
  }
  return key;
}

namespace {

/// A key in registers.
struct KeyWords {
  std::uint64_t source_first;
  std::uint64_t source_last;
  std::uint64_t destination_first;
  std::uint64_t destination_last;
  std::uint64_t rest;  // ports, EtherType, protocol
};

// Two multiplications side by side, one that joins them, and one more because a counter in a single
// field would else show through (flow_key_test.cc). The constants are fractional digits of pi, made odd.
std::uint32_t hash_of(const KeyWords& words) noexcept {
  const std::uint64_t source =
      mix(words.source_first ^ 0x243F6A8885A308D3U, words.source_last ^ 0x13198A2E03707345U);
  const std::uint64_t destination =
      mix(words.destination_first ^ 0xA4093822299F31D1U,
          words.destination_last ^ 0x082EFA98EC4E6C89U);
  const std::uint64_t joined = mix(source + destination, words.rest ^ 0x452821E638D01377U);
  const std::uint64_t hash = mix(joined, 0xBE5466CF34E90C6DU);
  return static_cast<std::uint32_t>(hash ^ (hash >> 32U));
}

}  // namespace

std::uint32_t flow_hash(const FlowKey& key) noexcept {
  static_assert(std::has_unique_object_representations_v<FlowKey>, "padding would be hashed");
  // One load for each word: copied as a whole, the key would be loaded in wider pieces than stored.
  const auto word = [&key](std::size_t i) noexcept {
    return load_word<std::uint64_t>(reinterpret_cast<const std::uint8_t*>(&key) + 8 * i);
  };
  return hash_of({word(0), word(1), word(2), word(3), word(4)});
}

std::uint32_t packet_hash(ConstBytes frame, const ParsedFrame& parsed) noexcept {
  const bool has_ports = parsed.l4 == L4Kind::udp || parsed.l4 == L4Kind::tcp;
  if (parsed.l3 != L3Kind::ipv4 || !has_ports || parsed.is_fragment) [[unlikely]]
    return flow_hash(flow_key(frame, parsed));
  const auto& ip = bounded_header<Ipv4Header>(frame, parsed.l3_offset);
  const std::uint64_t both =
      load_word<std::uint32_t>(&bounded_header<UdpHeader>(frame, parsed.l4_offset));
  const std::uint64_t rest = both | std::uint64_t{Be16{parsed.ether_type}.raw()} << 32U |
                             std::uint64_t{parsed.ip_proto} << 48U;
  return hash_of({0, mapped(ip.source), 0, mapped(ip.destination), rest});
}

}  // namespace weft
