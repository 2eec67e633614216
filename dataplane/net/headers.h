// Wire structs: only big-endian words and octets, alignment 1, sizes asserted.
//
// A field in units (header length in 32-bit words, 3-bit flags beside a 13-bit offset) is read
// through a function whose name says the unit. Constants carry the name of their registry.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/base/bytes.h"
#include "dataplane/net/addr.h"

namespace weft {

// IEEE 802 EtherTypes.
inline constexpr std::uint16_t kEtherTypeIpv4 = 0x0800;
inline constexpr std::uint16_t kEtherTypeArp = 0x0806;
inline constexpr std::uint16_t kEtherTypeVlan = 0x8100;
inline constexpr std::uint16_t kEtherTypeQinQ = 0x88A8;
inline constexpr std::uint16_t kEtherTypeIpv6 = 0x86DD;
inline constexpr std::uint16_t kEtherTypeTeb = 0x6558;  // transparent Ethernet bridging (RFC 7637)

// IANA protocol numbers.
inline constexpr std::uint8_t kIpProtoHopByHop = 0;
inline constexpr std::uint8_t kIpProtoIcmp = 1;
inline constexpr std::uint8_t kIpProtoTcp = 6;
inline constexpr std::uint8_t kIpProtoUdp = 17;
inline constexpr std::uint8_t kIpProtoRouting = 43;
inline constexpr std::uint8_t kIpProtoFragment = 44;
inline constexpr std::uint8_t kIpProtoGre = 47;
inline constexpr std::uint8_t kIpProtoAuth = 51;
inline constexpr std::uint8_t kIpProtoIcmpv6 = 58;
inline constexpr std::uint8_t kIpProtoNone = 59;
inline constexpr std::uint8_t kIpProtoDestOptions = 60;

struct EthernetHeader {
  MacAddress destination;
  MacAddress source;
  Be16 ether_type;
};
static_assert(sizeof(EthernetHeader) == 14 && WireHeader<EthernetHeader>);

/// What follows an 802.1Q/802.1ad EtherType: PCP(3) DEI(1) VID(12), then the next EtherType.
struct VlanTag {
  Be16 tci;
  Be16 ether_type;
  [[nodiscard]] std::uint16_t vid() const noexcept { return tci.host() & 0x0FFFU; }
  [[nodiscard]] std::uint8_t pcp() const noexcept {  // priority, 0-7
    return static_cast<std::uint8_t>(tci.host() >> 13U);
  }
};
static_assert(sizeof(VlanTag) == 4 && WireHeader<VlanTag>);

/// RFC 791.
struct Ipv4Header {
  std::uint8_t version_ihl;
  std::uint8_t tos;
  Be16 total_length;
  Be16 identification;
  Be16 flags_fragment;
  std::uint8_t ttl;
  std::uint8_t protocol;
  Be16 checksum;
  Ipv4Address source;
  Ipv4Address destination;

  static constexpr std::uint16_t kDontFragment = 0x4000;
  static constexpr std::uint16_t kMoreFragments = 0x2000;
  static constexpr std::uint16_t kOffsetMask = 0x1FFF;
  [[nodiscard]] std::uint8_t version() const noexcept {
    return static_cast<std::uint8_t>(version_ihl >> 4U);
  }
  [[nodiscard]] std::size_t header_bytes() const noexcept {
    return std::size_t{4} * (version_ihl & 0x0FU);
  }
  [[nodiscard]] bool is_fragment() const noexcept {
    return (flags_fragment.host() & (kMoreFragments | kOffsetMask)) != 0;
  }
  [[nodiscard]] bool is_first_fragment() const noexcept {
    return (flags_fragment.host() & kOffsetMask) == 0;
  }
};
static_assert(sizeof(Ipv4Header) == 20 && WireHeader<Ipv4Header>);

/// RFC 8200.
struct Ipv6Header {
  Be32 version_class_flow;
  Be16 payload_length;
  std::uint8_t next_header;
  std::uint8_t hop_limit;
  Ipv6Address source;
  Ipv6Address destination;

  [[nodiscard]] std::uint8_t version() const noexcept {
    return static_cast<std::uint8_t>(version_class_flow.host() >> 28U);
  }
  [[nodiscard]] std::uint8_t traffic_class() const noexcept {
    return static_cast<std::uint8_t>(version_class_flow.host() >> 20U);
  }
};
static_assert(sizeof(Ipv6Header) == 40 && WireHeader<Ipv6Header>);

/// RFC 8200 §4.5.
struct Ipv6FragmentHeader {
  std::uint8_t next_header;
  std::uint8_t reserved;
  Be16 offset_more;
  Be32 identification;
  [[nodiscard]] bool is_first() const noexcept { return (offset_more.host() & 0xFFF8U) == 0; }
  [[nodiscard]] bool has_more() const noexcept { return (offset_more.host() & 1U) != 0; }
};
static_assert(sizeof(Ipv6FragmentHeader) == 8 && WireHeader<Ipv6FragmentHeader>);

/// RFC 768.
struct UdpHeader {
  Be16 source_port;
  Be16 destination_port;
  Be16 length;
  Be16 checksum;
};
static_assert(sizeof(UdpHeader) == 8 && WireHeader<UdpHeader>);

/// RFC 9293.
struct TcpHeader {
  Be16 source_port;
  Be16 destination_port;
  Be32 sequence;
  Be32 acknowledgement;
  std::uint8_t data_offset;
  std::uint8_t flags;
  Be16 window;
  Be16 checksum;
  Be16 urgent;

  static constexpr std::uint8_t kFin = 0x01;
  static constexpr std::uint8_t kSyn = 0x02;
  static constexpr std::uint8_t kRst = 0x04;
  static constexpr std::uint8_t kPsh = 0x08;
  static constexpr std::uint8_t kAck = 0x10;
  static constexpr std::uint8_t kUrg = 0x20;
  static constexpr std::uint8_t kEce = 0x40;
  static constexpr std::uint8_t kCwr = 0x80;
  [[nodiscard]] std::size_t header_bytes() const noexcept {
    return std::size_t{4} * (data_offset >> 4U);
  }
};
static_assert(sizeof(TcpHeader) == 20 && WireHeader<TcpHeader>);

/// RFC 792 and RFC 4443: the common eight octets.
struct IcmpHeader {
  std::uint8_t type;
  std::uint8_t code;
  Be16 checksum;
  Be32 rest;
};
static_assert(sizeof(IcmpHeader) == 8 && WireHeader<IcmpHeader>);
inline constexpr std::uint8_t kIcmpEchoReply = 0;
inline constexpr std::uint8_t kIcmpUnreachable = 3;
inline constexpr std::uint8_t kIcmpFragmentationNeeded = 4;  // code of type 3
inline constexpr std::uint8_t kIcmpEchoRequest = 8;
inline constexpr std::uint8_t kIcmpv6PacketTooBig = 2;
inline constexpr std::uint8_t kIcmpv6EchoRequest = 128;
inline constexpr std::uint8_t kIcmpv6EchoReply = 129;
inline constexpr std::uint8_t kIcmpv6RouterSolicit = 133;
inline constexpr std::uint8_t kIcmpv6RouterAdvert = 134;
inline constexpr std::uint8_t kIcmpv6NeighborSolicit = 135;
inline constexpr std::uint8_t kIcmpv6NeighborAdvert = 136;
inline constexpr std::uint8_t kIcmpv6Redirect = 137;

/// RFC 826, for IPv4 over Ethernet.
struct ArpPacket {
  Be16 hardware_type;
  Be16 protocol_type;
  std::uint8_t hardware_size;
  std::uint8_t protocol_size;
  Be16 operation;
  MacAddress sender_mac;
  Ipv4Address sender_ip;
  MacAddress target_mac;
  Ipv4Address target_ip;

  static constexpr std::uint16_t kRequest = 1;
  static constexpr std::uint16_t kReply = 2;
  [[nodiscard]] bool is_ipv4_over_ethernet() const noexcept {
    return hardware_type.host() == 1 && protocol_type.host() == kEtherTypeIpv4 &&
           hardware_size == 6 && protocol_size == 4;
  }
};
static_assert(sizeof(ArpPacket) == 28 && WireHeader<ArpPacket>);

/// Neighbour solicitation and advertisement (RFC 4861 §4.3, §4.4), after the IPv6 header.
struct NdMessage {
  IcmpHeader icmp;  // `rest`: R, S, O flags in the three highest bits of an advertisement
  Ipv6Address target;
};
static_assert(sizeof(NdMessage) == 24 && WireHeader<NdMessage>);

/// Source (1) or target (2) link-layer address option (RFC 4861 §4.6.1).
struct NdLinkLayerOption {
  std::uint8_t type;
  std::uint8_t length_units8;
  MacAddress mac;
};
static_assert(sizeof(NdLinkLayerOption) == 8 && WireHeader<NdLinkLayerOption>);

/// RFC 7348 §5.
struct VxlanHeader {
  std::uint8_t flags;
  std::uint8_t reserved1[3];
  Be32 vni_reserved2;
  static constexpr std::uint8_t kFlagVni = 0x08;
  [[nodiscard]] std::uint32_t vni() const noexcept { return vni_reserved2.host() >> 8U; }
};
static_assert(sizeof(VxlanHeader) == 8 && WireHeader<VxlanHeader>);
inline constexpr std::uint16_t kVxlanPort = 4789;

/// GRE with key as NVGRE uses it (RFC 2784, RFC 2890, RFC 7637 §3.2).
struct NvgreHeader {
  Be16 flags_version;
  Be16 protocol;
  Be32 vsid_flow;
  static constexpr std::uint16_t kChecksumPresent = 0x8000;
  static constexpr std::uint16_t kKeyPresent = 0x2000;
  static constexpr std::uint16_t kSequencePresent = 0x1000;
  static constexpr std::uint16_t kVersionMask = 0x0007;
  [[nodiscard]] std::uint32_t vsid() const noexcept { return vsid_flow.host() >> 8U; }
  [[nodiscard]] std::uint8_t flow_id() const noexcept {
    return static_cast<std::uint8_t>(vsid_flow.host());
  }
};
static_assert(sizeof(NvgreHeader) == 8 && WireHeader<NvgreHeader>);

}  // namespace weft
