#include "pmd-config/rx_checksum.h"

#include <gtest/gtest.h>

namespace weft {
namespace {

constexpr std::uint32_t kUdp = RTE_PTYPE_L2_ETHER | RTE_PTYPE_L3_IPV4 | RTE_PTYPE_L4_UDP;

TEST(RxChecksum, IsGoodWhenTheDeviceSaysSoOfAPlainDatagram) {
  EXPECT_TRUE(is_outer_udp_good(RTE_MBUF_F_RX_L4_CKSUM_GOOD, kUdp));
}

TEST(RxChecksum, WhatIsInsideATunnelSaysNothingAboutTheOutside) {
  constexpr std::uint32_t kInside[] = {
      RTE_PTYPE_TUNNEL_VXLAN, RTE_PTYPE_INNER_L2_ETHER, RTE_PTYPE_INNER_L4_TCP};
  for (const std::uint32_t inside : kInside) {
    EXPECT_FALSE(is_outer_udp_good(RTE_MBUF_F_RX_L4_CKSUM_GOOD, kUdp | inside));
  }
}

TEST(RxChecksum, OuterGoodIsBelievedOfATunnel) {
  EXPECT_TRUE(is_outer_udp_good(
      RTE_MBUF_F_RX_OUTER_L4_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_BAD, kUdp | RTE_PTYPE_TUNNEL_VXLAN
  ));
}

TEST(RxChecksum, NothingElseIsBelieved) {
  EXPECT_FALSE(is_outer_udp_good(0, kUdp));  // unknown
  EXPECT_FALSE(is_outer_udp_good(RTE_MBUF_F_RX_L4_CKSUM_BAD, kUdp));
  // NONE is both bits: the field holds no checksum, but the datagram is intact.
  EXPECT_FALSE(is_outer_udp_good(RTE_MBUF_F_RX_L4_CKSUM_NONE, kUdp));
  EXPECT_FALSE(is_outer_udp_good(RTE_MBUF_F_RX_IP_CKSUM_GOOD, kUdp));
  EXPECT_FALSE(is_outer_udp_good(RTE_MBUF_F_RX_L4_CKSUM_GOOD, RTE_PTYPE_L4_TCP));
  EXPECT_FALSE(is_outer_udp_good(RTE_MBUF_F_RX_L4_CKSUM_GOOD, RTE_PTYPE_UNKNOWN));
  EXPECT_FALSE(is_outer_udp_good(RTE_MBUF_F_RX_OUTER_L4_CKSUM_BAD, kUdp));
}

}  // namespace
}  // namespace weft
