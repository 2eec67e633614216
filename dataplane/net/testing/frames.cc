#include "dataplane/net/testing/frames.h"

namespace weft::wire_test {
namespace {

constexpr std::uint8_t kOspf = 89;
constexpr std::uint16_t kLldp = 0x88CC;

/// Offsets in octets from the start of the frame, as ParsedFrame has them.
struct Offsets {
  std::uint16_t l3{};
  std::uint16_t l4{};
  std::uint16_t payload{};
};

enum class Fragment : std::uint8_t { no, first, later };

/// An IP frame whose IP packet ends where the frame does.
GoldenFrame ip_frame(
    const char* name,
    Octets octets,
    std::uint8_t ip_proto,
    L4Kind l4,
    Offsets offsets,
    Fragment fragment = Fragment::no
) {
  ParsedFrame parsed;
  const bool is_v4 = octets[offsets.l3] >> 4U == 4;
  parsed.l3 = is_v4 ? L3Kind::ipv4 : L3Kind::ipv6;
  parsed.ether_type = is_v4 ? kEtherTypeIpv4 : kEtherTypeIpv6;
  parsed.l4 = l4;
  parsed.vlan_count = static_cast<std::uint8_t>((offsets.l3 - 14) / 4);
  parsed.is_fragment = fragment != Fragment::no;
  parsed.is_first_fragment = fragment != Fragment::later;
  parsed.ip_proto = ip_proto;
  parsed.tos = 0x28;
  parsed.l3_offset = offsets.l3;
  parsed.l4_offset = offsets.l4;
  parsed.payload_offset = offsets.payload;
  parsed.l3_end = static_cast<std::uint32_t>(octets.size());
  return GoldenFrame{name, std::move(octets), parsed};
}

GoldenFrame l2_frame(
    const char* name, Octets octets, L3Kind l3, std::uint16_t ether_type, std::uint8_t vlan_count
) {
  ParsedFrame parsed;
  parsed.l3 = l3;
  parsed.vlan_count = vlan_count;
  parsed.is_first_fragment = true;
  parsed.ether_type = ether_type;
  parsed.l3_offset = static_cast<std::uint16_t>(14 + 4 * vlan_count);
  parsed.l3_end = static_cast<std::uint32_t>(octets.size());
  return GoldenFrame{name, std::move(octets), parsed};
}

void add_l2(std::vector<GoldenFrame>& frames) {
  const auto add = [&frames](GoldenFrame frame) { frames.push_back(std::move(frame)); };
  add(l2_frame("lldp", ethernet(kLldp, counting(46)), L3Kind::other, kLldp, 0));
  add(l2_frame("llc", ethernet(46, counting(46)), L3Kind::other, 46, 0));
  add(l2_frame("ethernet_only", ethernet(kLldp, {}), L3Kind::other, kLldp, 0));
  add(l2_frame("arp", ethernet(kEtherTypeArp, arp(1)), L3Kind::arp, kEtherTypeArp, 0));
  add(l2_frame(
      "arp_vlan",
      ethernet(kEtherTypeVlan, tag(7, kEtherTypeArp, arp(2))),
      L3Kind::arp,
      kEtherTypeArp,
      1
  ));
  add(l2_frame(
      "three_tags",
      ethernet(kEtherTypeVlan, tag(1, kEtherTypeVlan, tag(2, kEtherTypeVlan, counting(46)))),
      L3Kind::other,
      kEtherTypeVlan,
      2
  ));
}

void add_ipv4(std::vector<GoldenFrame>& frames) {
  const auto add = [&frames](
                       const char* name,
                       const Octets& packet,
                       std::uint8_t proto,
                       L4Kind l4,
                       std::uint16_t l4_offset,
                       std::uint16_t payload,
                       Fragment f = Fragment::no
                   ) {
    frames.push_back(ip_frame(
        name, ethernet(kEtherTypeIpv4, packet), proto, l4, Offsets{14, l4_offset, payload}, f
    ));
  };
  const Octets data = counting(26);
  const Octets tcp_options(12, 1);  // no-operation (RFC 9293 s3.2)
  const Octets ip_options(8, 1);    // no-operation (RFC 791 s3.1)
  add("ipv4_udp", ipv4(17, udp(data)), 17, L4Kind::udp, 34, 42);
  add("ipv4_tcp", ipv4(6, tcp(data)), 6, L4Kind::tcp, 34, 54);
  add("ipv4_tcp_options", ipv4(6, tcp(data, tcp_options)), 6, L4Kind::tcp, 34, 66);
  add("ipv4_tcp_no_data", ipv4(6, tcp({})), 6, L4Kind::tcp, 34, 54);
  add("ipv4_icmp", ipv4(1, icmp(8, 0, 77)), 1, L4Kind::icmp, 34, 42);
  add("ipv4_gre",
      ipv4(47, word16(0x2000) + word16(kEtherTypeTeb) + counting(18)),
      47,
      L4Kind::gre,
      34,
      34);
  add("ipv4_ospf", ipv4(kOspf, data), kOspf, L4Kind::other, 34, 34);
  add("ipv4_no_payload", ipv4(kOspf, {}), kOspf, L4Kind::other, 34, 34);
  add("ipv4_icmpv6_number", ipv4(58, data), 58, L4Kind::other, 34, 34);
  add("ipv4_options_udp", ipv4(17, udp(data), 0, ip_options), 17, L4Kind::udp, 42, 50);
  add("ipv4_first_fragment",
      ipv4(17, udp(counting(24)), 0x2000),
      17,
      L4Kind::udp,
      34,
      42,
      Fragment::first);
  add("ipv4_middle_fragment",
      ipv4(6, counting(24), 0x2003),
      6,
      L4Kind::other,
      34,
      34,
      Fragment::later);
  add("ipv4_last_fragment",
      ipv4(17, counting(3), 0x0006),
      17,
      L4Kind::other,
      34,
      34,
      Fragment::later);
}

void add_ipv6(std::vector<GoldenFrame>& frames) {
  const auto add = [&frames](
                       const char* name,
                       const Octets& packet,
                       std::uint8_t proto,
                       L4Kind l4,
                       std::uint16_t l4_offset,
                       std::uint16_t payload,
                       Fragment f = Fragment::no
                   ) {
    frames.push_back(ip_frame(
        name, ethernet(kEtherTypeIpv6, packet), proto, l4, Offsets{14, l4_offset, payload}, f
    ));
  };
  const Octets data = counting(26);
  add("ipv6_udp", ipv6(17, udp(data)), 17, L4Kind::udp, 54, 62);
  add("ipv6_tcp", ipv6(6, tcp(data, Octets(12, 1))), 6, L4Kind::tcp, 54, 86);
  add("ipv6_icmpv6", ipv6(58, icmp(128, 0, 77)), 58, L4Kind::icmpv6, 54, 62);
  add("ipv6_gre", ipv6(47, counting(22)), 47, L4Kind::gre, 54, 54);
  add("ipv6_icmpv4_number", ipv6(1, data), 1, L4Kind::other, 54, 54);
  add("ipv6_no_next_header", ipv6(59, {}), 59, L4Kind::none, 54, 54);
  add("ipv6_hop_by_hop", ipv6(0, extension(58, 0, icmp(131, 0, 0))), 58, L4Kind::icmpv6, 62, 70);
  add("ipv6_routing", ipv6(43, extension(17, 2, udp(data))), 17, L4Kind::udp, 78, 86);
  add("ipv6_destination", ipv6(60, extension(6, 1, tcp(data))), 6, L4Kind::tcp, 70, 90);
  add("ipv6_auth", ipv6(51, auth_header(17, 4, udp(data))), 17, L4Kind::udp, 78, 86);
  add("ipv6_first_fragment",
      ipv6(44, fragment(17, 0 | 1, udp(counting(24)))),
      17,
      L4Kind::udp,
      62,
      70,
      Fragment::first);
  add("ipv6_last_fragment",
      ipv6(44, fragment(17, 32, counting(5))),
      17,
      L4Kind::other,
      62,
      62,
      Fragment::later);
  // What follows is payload although its number is that of an extension header.
  add("ipv6_later_fragment_of_options",
      ipv6(44, fragment(60, 32, counting(5))),
      60,
      L4Kind::other,
      62,
      62,
      Fragment::later);
  add("ipv6_atomic_fragment", ipv6(44, fragment(17, 0, udp(data))), 17, L4Kind::udp, 62, 70);
  const Octets chain = extension(
      60, 0, extension(43, 1, extension(44, 0, fragment(51, 1, auth_header(6, 1, tcp(data)))))
  );
  add("ipv6_chain",
      ipv6(0, chain),
      6,
      L4Kind::tcp,
      54 + 8 + 16 + 8 + 8 + 12,
      54 + 8 + 16 + 8 + 8 + 12 + 20,
      Fragment::first);
}

void add_tagged(std::vector<GoldenFrame>& frames) {
  const Octets data = counting(26);
  frames.push_back(ip_frame(
      "vlan_ipv4_udp",
      ethernet(kEtherTypeVlan, tag(0xE007, kEtherTypeIpv4, ipv4(17, udp(data)))),
      17,
      L4Kind::udp,
      Offsets{18, 38, 46}
  ));
  frames.push_back(ip_frame(
      "qinq_ipv6_tcp",
      ethernet(
          kEtherTypeQinQ, tag(100, kEtherTypeVlan, tag(7, kEtherTypeIpv6, ipv6(6, tcp(data))))
      ),
      6,
      L4Kind::tcp,
      Offsets{22, 62, 82}
  ));
}

/// Ethernet's minimum of 60 octets makes the frame longer than the packet in it.
void add_padded(std::vector<GoldenFrame>& frames) {
  GoldenFrame v4 = ip_frame(
      "ipv4_padded", ethernet(kEtherTypeIpv4, ipv4(17, udp({}))), 17, L4Kind::udp, {14, 34, 42}
  );
  v4.octets.resize(60);
  frames.push_back(std::move(v4));
  GoldenFrame v6 = ip_frame(
      "ipv6_padded", ethernet(kEtherTypeIpv6, ipv6(59, {})), 59, L4Kind::none, {14, 54, 54}
  );
  v6.octets.resize(60);
  frames.push_back(std::move(v6));
  GoldenFrame arp_reply =
      l2_frame("arp_padded", ethernet(kEtherTypeArp, arp(2)), L3Kind::arp, kEtherTypeArp, 0);
  arp_reply.octets.resize(60);
  frames.push_back(std::move(arp_reply));
}

}  // namespace

std::vector<GoldenFrame> golden_frames() {
  std::vector<GoldenFrame> frames;
  add_l2(frames);
  add_ipv4(frames);
  add_ipv6(frames);
  add_tagged(frames);
  add_padded(frames);
  return frames;
}

}  // namespace weft::wire_test
