// The list of encapsulations and its arithmetic. What decap does with packets is tested with golden ones:
// tests/golden/decap_golden_test.cc.
#include "encap/tunnel.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include <gtest/gtest.h>

#include "dataplane/net/headers.h"

namespace weft::encap {
namespace {

constexpr std::array kKinds{Kind::vxlan, Kind::nvgre};
static_assert(kKinds.size() == kKindCount);

TEST(Tunnel, NamesRoundTrip) {
  EXPECT_EQ(name(Kind::vxlan), "vxlan");
  EXPECT_EQ(name(Kind::nvgre), "nvgre");
  for (const Kind kind : kKinds) EXPECT_EQ(parse_kind(name(kind)), kind);
}

TEST(Tunnel, RefusesOtherNames) {
  for (const char* text : {"", "VXLAN", "vxlan ", "vxla", "gre", "none"}) {
    EXPECT_EQ(parse_kind(text), std::nullopt) << text;
  }
}

TEST(Tunnel, OverheadCountsTheOuterEthernetHeader) {
  EXPECT_EQ(overhead(Kind::vxlan, IpFamily::v4), 50U);
  EXPECT_EQ(overhead(Kind::vxlan, IpFamily::v6), 70U);
  EXPECT_EQ(overhead(Kind::nvgre, IpFamily::v4), 42U);
  EXPECT_EQ(overhead(Kind::nvgre, IpFamily::v6), 62U);
}

TEST(Tunnel, InnerMtuIsWhatThePeersCompute) {
  // The kernel's VXLAN device on a 1500-octet underlay: 1450 and 1430.
  EXPECT_EQ(inner_mtu(Kind::vxlan, IpFamily::v4, 1500), 1450U);
  EXPECT_EQ(inner_mtu(Kind::vxlan, IpFamily::v6, 1500), 1430U);
  EXPECT_EQ(inner_mtu(Kind::nvgre, IpFamily::v4, 1500), 1458U);
  EXPECT_EQ(inner_mtu(Kind::nvgre, IpFamily::v6, 1500), 1438U);
  EXPECT_EQ(inner_mtu(Kind::vxlan, IpFamily::v4, 9000), 8950U);
}

TEST(Tunnel, InnerMtuIsZeroWhenNothingFits) {
  for (std::size_t mtu = 0; mtu <= 50; ++mtu) {
    EXPECT_EQ(inner_mtu(Kind::vxlan, IpFamily::v4, mtu), 0U) << mtu;
  }
  EXPECT_EQ(inner_mtu(Kind::vxlan, IpFamily::v4, 51), 1U);
}

// RFC 7348 s5 reserves no VNI; RFC 7637 s3.4 reserves 0-0xFFF and 0xFFFFFF.
TEST(Tunnel, KnowsReservedIdentifiers) {
  for (const std::uint32_t vni : {0U, 1U, 0xFFFU, 0x1000U, 0xFFFFFEU, 0xFFFFFFU}) {
    EXPECT_TRUE(is_usable(Kind::vxlan, Vni{vni})) << vni;
    EXPECT_EQ(is_usable(Kind::nvgre, Vni{vni}), vni >= 0x1000 && vni <= 0xFFFFFE) << vni;
  }
}

// RFC 7348 s6.1 "unless configured otherwise"; RFC 7637 s3.3 MUST drop.
TEST(Tunnel, OnlyVxlanMayKeepInnerTags) {
  EXPECT_TRUE(may_keep_inner_vlan(Kind::vxlan));
  EXPECT_FALSE(may_keep_inner_vlan(Kind::nvgre));
}

TEST(Tunnel, AFrameThatIsNotIpIsNotATunnel) {
  const std::array<std::uint8_t, 14> frame{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xCC};
  const Decapped decapped = decap(frame, frame.size(), parse_frame(frame), DecapConfig{});
  EXPECT_EQ(decapped.error, DropReason::none);
  EXPECT_FALSE(decapped.is_tunnel);
}

}  // namespace
}  // namespace weft::encap
