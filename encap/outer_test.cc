// Properties of the template and of what patches it. That the octets are the right ones is tested against
// scapy's: tests/golden/transmit_golden_test.cc.
#include "encap/outer.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"

namespace weft::encap {
namespace {

constexpr std::uint8_t kUntouched = 0xEE;

OuterSpec spec(Kind kind, IpFamily family, bool udp6_checksum = false) {
  OuterSpec spec;
  spec.kind = kind;
  spec.vni = Vni{0x123456};
  spec.source_mac = MacAddress{{2, 0, 0, 0, 0, 1}};
  spec.destination_mac = MacAddress{{2, 0, 0, 0, 0, 2}};
  if (family == IpFamily::v4) {
    spec.local = IpAddress{Ipv4Address{{192, 0, 2, 1}}};
    spec.remote = IpAddress{Ipv4Address{{192, 0, 2, 2}}};
  } else {
    spec.local = IpAddress{Ipv6Address{{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}};
    spec.remote = IpAddress{Ipv6Address{{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}}};
  }
  spec.udp6_checksum = udp6_checksum;
  return spec;
}

/// The packet that write_outer makes of `inner_octets` octets, in a buffer of exact size.
std::vector<std::uint8_t> write(
    const OuterTemplate& outer, std::size_t inner_octets, std::uint8_t tos, std::uint32_t entropy
) {
  std::vector<std::uint8_t> buffer(kOuterCopy + inner_octets, kUntouched);
  const std::size_t size =
      write_outer(outer, buffer.data() + kOuterCopy, inner_octets, tos, entropy);
  buffer.erase(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(kOuterCopy - size));
  return buffer;
}

constexpr std::size_t kIp = sizeof(EthernetHeader);

TEST(Outer, CopyHoldsEveryHeader) {
  for (const Kind kind : {Kind::vxlan, Kind::nvgre}) {
    for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
      const OuterTemplate outer = build_outer(spec(kind, family));
      EXPECT_EQ(outer.size, overhead(kind, family));
      EXPECT_LE(outer.size, kOuterCopy);
      EXPECT_EQ(outer.kind, kind);
      EXPECT_EQ(outer.family, family);
    }
  }
}

TEST(Outer, LeavesTheInnerFrameAlone) {
  for (const Kind kind : {Kind::vxlan, Kind::nvgre}) {
    const OuterTemplate outer = build_outer(spec(kind, IpFamily::v6));
    const auto packet = write(outer, 100, 0xFF, 0xFFFFFFFF);
    for (std::size_t i = outer.size; i < packet.size(); ++i) EXPECT_EQ(packet[i], kUntouched) << i;
  }
}

// RFC 791 s3.1: every header checksum is right, whatever was patched. All sizes meet all kinds of carries.
TEST(Outer, Ipv4ChecksumIsRightForEverySizeAndTos) {
  const OuterTemplate outer = build_outer(spec(Kind::vxlan, IpFamily::v4));
  std::array<std::uint8_t, kOuterCopy> buffer{};
  const ConstBytes ip = ConstBytes{buffer}.last(outer.size).subspan(kIp, sizeof(Ipv4Header));
  for (std::size_t inner = 0; inner <= 65535 - 36; ++inner) {
    const auto tos = static_cast<std::uint8_t>(inner * 7);
    write_outer(outer, buffer.data() + kOuterCopy, inner, tos, 0);
    ASSERT_EQ(fold(sum_of(ip)), 0xFFFF) << inner;
  }
}

// The largest packet and ToS with every sum of the other words: meets the carry out of the first folding.
TEST(Outer, Ipv4ChecksumIsRightForEveryAddress) {
  constexpr std::size_t kLargest = 65535 - sizeof(Ipv4Header) - sizeof(NvgreHeader);
  std::array<std::uint8_t, kOuterCopy> buffer{};
  OuterSpec varied = spec(Kind::nvgre, IpFamily::v4);
  for (unsigned address = 0; address <= 0xFFFF; ++address) {
    varied.remote = IpAddress{Ipv4Address{
        {10, 0, static_cast<std::uint8_t>(address >> 8U), static_cast<std::uint8_t>(address)}}};
    const OuterTemplate outer = build_outer(varied);
    write_outer(outer, buffer.data() + kOuterCopy, kLargest, 0xFF, 0);
    const ConstBytes packet = ConstBytes{buffer}.last(outer.size);
    ASSERT_EQ(fold(sum_of(packet.subspan(kIp, sizeof(Ipv4Header)))), 0xFFFF) << address;
  }
}

// RFC 6864 s4: an atomic datagram has DF set, and its identification means nothing.
TEST(Outer, Ipv4DatagramsAreAtomic) {
  const auto packet = write(build_outer(spec(Kind::vxlan, IpFamily::v4)), 64, 0, 1);
  const auto& ip = bounded_header<Ipv4Header>(packet, kIp);
  EXPECT_EQ(ip.flags_fragment.host(), Ipv4Header::kDontFragment);
  EXPECT_EQ(ip.identification.host(), 0);
}

// RFC 7348 s5 recommends 49152-65535, and entropy is of use only if all of it is used.
TEST(Outer, SourcePortsCoverTheDynamicRange) {
  const OuterTemplate outer = build_outer(spec(Kind::vxlan, IpFamily::v4));
  std::vector<bool> seen(65536);
  for (std::uint32_t port = 0; port < 16384; ++port) {
    const auto packet = write(outer, 0, 0, port << 18U | 0x2FFFF);
    seen[bounded_header<UdpHeader>(packet, kIp + sizeof(Ipv4Header)).source_port.host()] = true;
  }
  for (std::size_t port = 0; port < seen.size(); ++port)
    EXPECT_EQ(seen[port], port >= 49152) << port;
}

// RFC 6437 s2: a flow label of zero would say "not labelled".
TEST(Outer, FlowLabelIsNeverZero) {
  const OuterTemplate outer = build_outer(spec(Kind::nvgre, IpFamily::v6));
  for (const std::uint32_t entropy : {0U, 0x00100000U, 0xFFF00000U, 1U, 0xFFFFFU}) {
    const auto packet = write(outer, 0, 0xFF, entropy);
    const auto word = bounded_header<Ipv6Header>(packet, kIp).version_class_flow.host();
    EXPECT_NE(word & 0xFFFFFU, 0U) << entropy;
    EXPECT_EQ(word >> 20U, 0x6FFU);
  }
}

// RFC 6935 s5: over IPv6 the checksum is zero unless asked for; over IPv4 and GRE there is no choice.
TEST(Outer, ChecksumsOnlyUdpOverIpv6WhenAsked) {
  EXPECT_TRUE(build_outer(spec(Kind::vxlan, IpFamily::v6, true)).udp6_checksum);
  EXPECT_FALSE(build_outer(spec(Kind::vxlan, IpFamily::v6, false)).udp6_checksum);
  EXPECT_FALSE(build_outer(spec(Kind::vxlan, IpFamily::v4, true)).udp6_checksum);
  EXPECT_FALSE(build_outer(spec(Kind::nvgre, IpFamily::v6, true)).udp6_checksum);
}

TEST(Outer, FinishChangesNothingUnlessAsked) {
  const OuterTemplate outer = build_outer(spec(Kind::vxlan, IpFamily::v6));
  auto packet = write(outer, 40, 0, 1);
  const auto before = packet;
  finish_udp6_checksum(outer, packet, 12345);
  EXPECT_EQ(packet, before);
}

TEST(Outer, FinishedChecksumIsRight) {
  const OuterTemplate outer = build_outer(spec(Kind::vxlan, IpFamily::v6, true));
  for (std::size_t inner = 0; inner < 200; ++inner) {
    auto packet = write(outer, inner, 0, 1);
    finish_udp6_checksum(outer, packet, sum_of(ConstBytes{packet}.subspan(outer.size)).value);
    const ConstBytes datagram = ConstBytes{packet}.subspan(kIp + sizeof(Ipv6Header));
    const auto& ip = bounded_header<Ipv6Header>(packet, kIp);
    const Sum pseudo = pseudo_header_sum(
        ip.source, ip.destination, kIpProtoUdp, static_cast<std::uint32_t>(datagram.size())
    );
    EXPECT_NE(bounded_header<UdpHeader>(datagram, 0).checksum.host(), 0);
    EXPECT_EQ(fold(pseudo + sum_of(datagram)), 0xFFFF) << inner;
  }
}

}  // namespace
}  // namespace weft::encap
