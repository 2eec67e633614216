#include "tests/differential/packet.h"

#include <algorithm>
#include <sstream>

#include "dataplane/port/testing/traffic.h"

namespace weft::differential {
namespace {

using wire_test::Octets;
using wire_test::operator+;
using wire_test::word16;
using wire_test::word32;

constexpr std::uint16_t kPart = 24;  // octets of a fragment's payload

// Checksums of L4 stay zero: nobody on the way looks at them.
Octets l4_of(const Flow& flow, std::uint8_t tcp_flags) {
  const Octets ports = word16(flow.source_port) + word16(flow.destination_port);
  switch (flow.protocol) {
    case kIpProtoTcp:
      return ports + word32(1) + word32(2) + Octets{0x50, tcp_flags} + word16(512) + word32(0);
    case kIpProtoUdp:
      return ports + word16(12) + word16(0);
    case kSctp:
      return ports + word32(7) + word32(0);
    case kIpProtoIcmp:
    case kIpProtoIcmpv6:
      return Octets{flow.icmp_type, flow.icmp_code, 0, 0} + word16(flow.identifier) + word16(1);
    default:
      return word32(0);
  }
}

struct Shape {
  std::uint8_t dscp{};
  bool is_fragment{};
  std::uint16_t identification{};
  std::uint8_t part{};
};

Octets ip_of(const Flow& flow, const Shape& shape, const Octets& l4) {
  const auto tos = static_cast<std::uint8_t>(shape.dscp << 2U);
  const auto offset = static_cast<std::uint16_t>(shape.part * kPart);
  const bool has_more = shape.is_fragment && shape.part < 2;
  if (flow.source.is_v4()) {
    const auto field = static_cast<std::uint16_t>(
        offset / 8U | (has_more ? Ipv4Header::kMoreFragments : std::uint16_t{0})
    );
    Octets header = Octets{0x45, tos} + word16(20 + l4.size()) + word16(shape.identification) +
                    word16(field) + Octets{64, flow.protocol, 0, 0} +
                    wire_test::octets_of(flow.source.v4().octets) +
                    wire_test::octets_of(flow.destination.v4().octets);
    const Octets checksum = word16(0xFFFFU ^ wire_test::naive_sum(header));
    std::copy(checksum.begin(), checksum.end(), header.begin() + 10);
    return header + l4;
  }
  Octets extension;
  if (shape.is_fragment) {
    extension = Octets{flow.protocol, 0} + word16(offset | (has_more ? 1U : 0U)) +
                word32(shape.identification);
  }
  return word32(6U << 28U | std::uint32_t{tos} << 20U) + word16(extension.size() + l4.size()) +
         Octets{shape.is_fragment ? kIpProtoFragment : flow.protocol, 64} +
         wire_test::octets_of(flow.source.octets()) +
         wire_test::octets_of(flow.destination.octets()) + extension + l4;
}

MacAddress destination_mac(const TracePacket& packet) {
  if (packet.to != kEverybody) return host(packet.to).mac;
  return packet.is_v6 ? MacAddress{{0x33, 0x33, 0, 0, 0, 5}} : MacAddress{{0x01, 0, 0x5e, 0, 0, 5}};
}

Octets body_of(const TracePacket& packet) {
  const Octets number = word32(packet.number);
  switch (packet.kind) {
    case Kind::neighbor: {
      const auto& sender = host(packet.from);
      const auto& target = host(packet.to);
      return word16(1) + word16(kEtherTypeIpv4) + Octets{6, 4} + word16(2) +
             wire_test::octets_of(sender.mac.octets) + wire_test::octets_of(sender.v4.v4().octets) +
             wire_test::octets_of(target.mac.octets) + wire_test::octets_of(target.v4.v4().octets) +
             number;
    }
    case Kind::ethernet:
      return Octets(20) + number;
    case Kind::tcp:
    case Kind::udp:
    case Kind::icmp:
    case Kind::other:
    case Kind::later_fragment:
      break;
  }
  const Shape shape{packet.dscp, packet.is_fragment, packet.identification, packet.part};
  if (packet.is_fragment) {
    const Octets l4 = packet.part == 0 ? l4_of(packet.flow, 0) : Octets(8);
    return ip_of(packet.flow, shape, l4 + Octets(kPart - 12) + number);
  }
  Octets l4 = l4_of(packet.flow, packet.tcp_flags);
  if (packet.quoted) l4 = l4 + ip_of(*packet.quoted, {}, l4_of(*packet.quoted, 0x10));
  return ip_of(packet.flow, shape, l4 + number);
}

std::uint16_t ether_type_of(const TracePacket& packet) {
  if (packet.kind == Kind::neighbor) return kEtherTypeArp;
  if (packet.kind == Kind::ethernet) return packet.ether_type;
  return packet.is_v6 ? kEtherTypeIpv6 : kEtherTypeIpv4;
}

std::ostream& operator<<(std::ostream& out, const Flow& flow) {
  out << "proto " << int{flow.protocol} << ' ' << format(flow.source) << ' ' << flow.source_port
      << " > " << format(flow.destination) << ' ' << flow.destination_port;
  if (flow.protocol == kIpProtoIcmp || flow.protocol == kIpProtoIcmpv6) {
    out << " icmp type " << int{flow.icmp_type} << " code " << int{flow.icmp_code} << " id "
        << flow.identifier;
  }
  return out;
}

}  // namespace

Octets frame_of(const TracePacket& packet) {
  return wire_test::octets_of(destination_mac(packet).octets) +
         wire_test::octets_of(host(packet.from).mac.octets) + word16(ether_type_of(packet)) +
         body_of(packet);
}

std::size_t size_of(const TracePacket& packet) {
  return frame_of(packet).size();
}

std::string describe(const TracePacket& packet) {
  std::ostringstream out;
  out << '#' << packet.number << " tenant " << packet.tenant << " host " << packet.from << " > ";
  if (packet.to == kEverybody) {
    out << "all";
  } else {
    out << packet.to;
  }
  if (packet.kind == Kind::neighbor) {
    out << " arp";
  } else if (packet.kind == Kind::ethernet) {
    out << " ethertype 0x" << std::hex << packet.ether_type << std::dec;
  } else {
    out << ' ' << packet.flow << " dscp " << int{packet.dscp};
  }
  if (packet.kind == Kind::tcp) out << " flags 0x" << std::hex << int{packet.tcp_flags} << std::dec;
  if (packet.is_fragment) out << " fragment " << packet.identification << '/' << int{packet.part};
  if (packet.quoted) out << " quotes " << *packet.quoted;
  return out.str();
}

}  // namespace weft::differential
