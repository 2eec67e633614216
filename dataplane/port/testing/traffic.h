// Complete frames for tests: Ethernet, VLAN tags, IPv4 or IPv6, and what is inside, with every
// length and checksum right unless a test asks otherwise.
//
//   const Octets frame = tcp_frame({.vlans = {10}}, Ip4{.tos = 2}, {.sequence = 7},
//   counting(1000)); EXPECT_EQ(checksum_faults(frame), "");
//
// Fields have defaults that make a valid frame from host A to host B. Checksums are summed word by
// word (naive_sum), so that they are a yardstick for the code under test. No DPDK here: packets.h
// makes mbufs of these octets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "dataplane/net/addr.h"
#include "dataplane/net/headers.h"
#include "dataplane/net/testing/frames.h"

namespace weft::wire_test {

inline constexpr MacAddress kMacA{{0x02, 0, 0, 0, 0, 0x0a}};
inline constexpr MacAddress kMacB{{0x02, 0, 0, 0, 0, 0x0b}};
inline constexpr Ipv4Address kIp4A{{192, 0, 2, 10}};
inline constexpr Ipv4Address kIp4B{{192, 0, 2, 11}};
inline constexpr Ipv6Address kIp6A{{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0a}};
inline constexpr Ipv6Address kIp6B{{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0b}};

struct Ethernet {
  MacAddress destination = kMacB;
  MacAddress source = kMacA;
  std::vector<std::uint16_t> vlans{};  // TCIs, outermost first
};

struct Ip4 {
  Ipv4Address source = kIp4A;
  Ipv4Address destination = kIp4B;
  std::uint8_t tos = 0;
  std::uint8_t ttl = 64;
  std::uint16_t identification = 0x1234;
  std::uint16_t flags_fragment = Ipv4Header::kDontFragment;
  Octets options{};  // a multiple of 4
};

/// `body`: the extension header without its first octet, which is filled in.
struct Extension {
  std::uint8_t type = kIpProtoDestOptions;
  Octets body{0, 1, 4, 0, 0, 0, 0};  // 8 octets in all: one PadN option
};

struct Ip6 {
  Ipv6Address source = kIp6A;
  Ipv6Address destination = kIp6B;
  std::uint8_t traffic_class = 0;
  std::uint32_t flow_label = 0x12345;
  std::uint8_t hop_limit = 64;
  std::vector<Extension> extensions{};
};

using Ip = std::variant<Ip4, Ip6>;

struct Tcp {
  std::uint16_t source_port = 40000;
  std::uint16_t destination_port = 5201;
  std::uint32_t sequence = 1000;
  std::uint32_t acknowledgement = 2000;
  std::uint8_t flags = TcpHeader::kAck;
  std::uint16_t window = 512;
  std::uint16_t urgent = 0;
  Octets options{};  // a multiple of 4
  /// Leave the pseudo-header sum in the checksum field, as a kernel does that offloads the rest.
  bool is_partial = false;
};

struct Udp {
  std::uint16_t source_port = 40000;
  std::uint16_t destination_port = 53;
  bool is_partial = false;
};

/// ICMP in Ip4, ICMPv6 in Ip6.
struct Icmp {
  std::uint8_t type = kIcmpEchoRequest;
  std::uint8_t code = 0;
  std::uint32_t rest = 0x00010001;
};

struct Arp {
  std::uint16_t operation = ArpPacket::kRequest;
  MacAddress sender_mac = kMacA;
  Ipv4Address sender_ip = kIp4A;
  MacAddress target_mac{};
  Ipv4Address target_ip = kIp4B;
};

[[nodiscard]] Octets ethernet_frame(
    const Ethernet& ethernet, std::uint16_t ether_type, const Octets& payload
);
/// `l4` as it is: its checksum is the caller's business.
[[nodiscard]] Octets ip_frame(
    const Ethernet& ethernet, const Ip& ip, std::uint8_t protocol, const Octets& l4
);
[[nodiscard]] Octets tcp_frame(
    const Ethernet& ethernet, const Ip& ip, const Tcp& tcp, const Octets& payload = {}
);
[[nodiscard]] Octets udp_frame(
    const Ethernet& ethernet, const Ip& ip, const Udp& udp, const Octets& payload = {}
);
[[nodiscard]] Octets icmp_frame(
    const Ethernet& ethernet, const Ip& ip, const Icmp& icmp, const Octets& body = {}
);
[[nodiscard]] Octets arp_frame(const Ethernet& ethernet, const Arp& arp);

/// A multicast neighbour solicitation for `target`: Ethernet and IPv6 destinations are the
/// solicited-node group's, hop limit 255, unless `ip` and `ethernet` were given. `link_layer`: the
/// source option.
struct Solicitation {
  Ipv6Address target = kIp6B;
  Ipv6Address source = kIp6A;
  std::optional<MacAddress> link_layer = kMacA;
  std::uint8_t hop_limit = 255;
  std::uint8_t code = 0;
  std::vector<std::uint16_t> vlans{};
  std::optional<Ipv6Address> destination{};  // else the solicited-node group
};
[[nodiscard]] Octets solicitation_frame(const Solicitation& solicitation);
[[nodiscard]] Ipv6Address solicited_node(const Ipv6Address& target);

/// What is wrong with the IPv4 header checksum or the TCP, UDP, ICMP or ICMPv6 checksum of a frame,
/// or
/// "". Walks the frame by itself; non-first fragments and other protocols have no L4 checksum to
/// judge.
[[nodiscard]] std::string checksum_faults(ConstBytes frame);

[[nodiscard]] inline Octets octets_of(ConstBytes bytes) {
  return {bytes.begin(), bytes.end()};
}
/// `count` pseudo-random octets, the same for the same seed.
[[nodiscard]] Octets random_octets(std::size_t count, std::uint32_t seed);

/// Random numbers, other ones in each run. A test says first: SCOPED_TRACE(random.trace());
class Random {
 public:
  Random() : Random{std::random_device{}()} {}
  explicit Random(std::uint32_t seed) : seed_{seed}, engine_{seed} {}
  [[nodiscard]] std::string trace() const {
    return "Random random{" + std::to_string(seed_) + "};";
  }

  [[nodiscard]] std::uint32_t word() { return static_cast<std::uint32_t>(engine_()); }
  /// 0 ... limit-1.
  [[nodiscard]] std::uint32_t below(std::size_t limit) {
    return static_cast<std::uint32_t>(word() % limit);
  }
  [[nodiscard]] std::mt19937& engine() { return engine_; }

 private:
  std::uint32_t seed_;
  std::mt19937 engine_;
};

}  // namespace weft::wire_test
