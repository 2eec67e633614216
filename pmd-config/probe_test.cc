// Device facts below are what the drivers' documentation and sources state for these families; no
// such hardware was at hand (profiles.md).
#include "pmd-config/probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr ProbeRequest kRequest{
    .queues = 4, .mtu = 1500, .kernel_owns_mtu = false, .buffer_room = 2176, .buffer_count = 65536};

rte_eth_dev_info like_i40e() {
  rte_eth_dev_info info{};
  info.driver_name = "net_i40e";
  info.max_rx_queues = 64;
  info.max_tx_queues = 64;
  info.min_mtu = 68;
  info.max_mtu = 9702;
  info.max_rx_pktlen = 9728;
  info.rx_offload_capa = RTE_ETH_RX_OFFLOAD_SCATTER | RTE_ETH_RX_OFFLOAD_UDP_CKSUM;
  info.tx_offload_capa = RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_IPV4_CKSUM;
  info.flow_type_rss_offloads = RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_TCP;
  info.rx_desc_lim = {
      .nb_max = 4096, .nb_min = 64, .nb_align = 32, .nb_seg_max = 0, .nb_mtu_seg_max = 0};
  info.tx_desc_lim = info.rx_desc_lim;
  info.speed_capa = RTE_ETH_LINK_SPEED_10G | RTE_ETH_LINK_SPEED_40G;
  return info;
}

rte_eth_dev_info like_virtio_with_one_queue() {
  rte_eth_dev_info info{};
  info.driver_name = "net_virtio";
  info.max_rx_queues = 1;
  info.max_tx_queues = 1;
  info.max_mtu = 9698;
  info.max_rx_pktlen = 9728;
  return info;
}

Profile decided(const rte_eth_dev_info& info, const ProbeRequest& request = kRequest) {
  Result<Profile> profile = decide(info, request);
  EXPECT_TRUE(profile.is_ok()) << (profile ? "" : profile.error().message);
  return profile ? std::move(*profile) : Profile{};
}

std::string refusal(const rte_eth_dev_info& info, const ProbeRequest& request) {
  const Result<Profile> profile = decide(info, request);
  return profile ? "accepted" : profile.error().message;
}

TEST(Probe, UsesRssAndChainsWhereTheDeviceHasThem) {
  const Profile profile = decided(like_i40e());
  EXPECT_EQ(profile.driver, "net_i40e");
  EXPECT_EQ(profile.queues, 4);
  EXPECT_TRUE(profile.has_rss);
  EXPECT_TRUE(profile.takes_chains);
  EXPECT_EQ(profile.conf.rxmode.mq_mode, RTE_ETH_MQ_RX_RSS);
  EXPECT_EQ(profile.conf.txmode.offloads, RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
  EXPECT_THAT(profile.uses, Contains(HasSubstr("VXLAN spreads by flow")));
  EXPECT_THAT(profile.uses, Contains("4 queue pairs"));
  EXPECT_THAT(profile.uses, Contains("up to 40 Gb/s"));
}

TEST(Probe, AsksForNoRssTypeThatTheDeviceDoesNotOffer) {
  const rte_eth_dev_info info = like_i40e();
  const std::uint64_t wanted = decided(info).conf.rx_adv_conf.rss_conf.rss_hf;
  EXPECT_EQ(wanted & ~info.flow_type_rss_offloads, 0U);
}

TEST(Probe, SaysWhetherTunnelsAreSpread) {
  rte_eth_dev_info info = like_i40e();
  EXPECT_THAT(decided(info).falls_back, Contains(HasSubstr("no RSS inside tunnels")));
  info.flow_type_rss_offloads |= RTE_ETH_RSS_NVGRE;
  EXPECT_TRUE(decided(info).has_tunnel_rss);
  EXPECT_THAT(decided(info).falls_back, Not(Contains(HasSubstr("no RSS inside tunnels"))));
}

TEST(Probe, FallsBackToOneQueue) {
  const Profile profile = decided(like_virtio_with_one_queue());
  EXPECT_EQ(profile.queues, 1);
  EXPECT_EQ(profile.conf.rxmode.mq_mode, RTE_ETH_MQ_RX_NONE);
  EXPECT_THAT(profile.falls_back, Contains(HasSubstr("one queue pair for 4 workers")));
  EXPECT_THAT(profile.falls_back, Contains(HasSubstr("no transmit from several buffers")));
}

TEST(Probe, SaysWhenTheDeviceHasFewerQueuesThanWorkers) {
  rte_eth_dev_info info = like_i40e();
  info.max_tx_queues = 3;
  const Profile profile = decided(info);
  EXPECT_EQ(profile.queues, 3);
  EXPECT_THAT(profile.falls_back, Contains(HasSubstr("3 queue pairs for 4 workers")));
}

TEST(Probe, ScattersJumboFramesOnlyWhereTheDeviceCan) {
  ProbeRequest jumbo = kRequest;
  jumbo.mtu = 9000;
  rte_eth_dev_info info = like_i40e();
  EXPECT_TRUE(decided(info, jumbo).scatters);
  EXPECT_NE(decided(info, jumbo).conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_SCATTER, 0U);
  info.rx_offload_capa = 0;
  EXPECT_THAT(refusal(info, jumbo), HasSubstr("does not fit the packet buffers of 2176"));
  jumbo.buffer_room = 9216;
  EXPECT_FALSE(decided(info, jumbo).scatters);
}

TEST(Probe, RefusesAnMtuBeyondTheDriversLimits) {
  ProbeRequest request = kRequest;
  request.mtu = 9800;
  EXPECT_THAT(refusal(like_i40e(), request), HasSubstr("9800 is above the limit 9702"));
  request.mtu = 60;
  EXPECT_THAT(refusal(like_i40e(), request), HasSubstr("60 is below the minimum 68"));
}

TEST(Probe, ReadsTheMtuLimitFromTheFrameSizeWhenThereIsNoOther) {
  rte_eth_dev_info info = like_i40e();
  info.max_mtu = UINT16_MAX;
  info.max_rx_pktlen = 1518;
  EXPECT_EQ(decided(info).max_mtu, 1500);
}

TEST(Probe, TrustsTheKernelsMtuOverTheDrivers) {
  rte_eth_dev_info info = like_i40e();
  info.max_mtu = UINT16_MAX;
  info.max_rx_pktlen = 1518;
  ProbeRequest request = kRequest;
  request.mtu = 9000;
  request.buffer_room = 9216;
  EXPECT_THAT(refusal(info, request), HasSubstr("above the limit 1500"));
  request.kernel_owns_mtu = true;
  EXPECT_EQ(decided(info, request).conf.rxmode.mtu, 1500U);  // what the driver agrees to be told
}

TEST(Probe, LetsTheDeviceVerifyOuterUdpChecksumsWhereItCan) {
  rte_eth_dev_info info = like_i40e();
  EXPECT_TRUE(decided(info).checks_udp);
  EXPECT_EQ(decided(info).conf.rxmode.offloads, RTE_ETH_RX_OFFLOAD_UDP_CKSUM);
  EXPECT_THAT(decided(info).uses, Contains(HasSubstr("outer UDP checksums")));
  info.rx_offload_capa |= RTE_ETH_RX_OFFLOAD_OUTER_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM;
  EXPECT_EQ(
      decided(info).conf.rxmode.offloads,
      RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_OUTER_UDP_CKSUM
  );
  info.rx_offload_capa = 0;
  EXPECT_FALSE(decided(info).checks_udp);
  EXPECT_EQ(decided(info).conf.rxmode.offloads, 0U);
  EXPECT_THAT(decided(info).falls_back, Contains(HasSubstr("verified in software")));
}

TEST(Probe, NamesTransmitOffloadsThatAreOfferedAndNotUsed) {
  rte_eth_dev_info info = like_i40e();
  info.tx_offload_capa |= RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_VXLAN_TNL_TSO;
  EXPECT_EQ(decided(info).conf.txmode.offloads, RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
  EXPECT_THAT(
      decided(info).falls_back,
      Contains(HasSubstr("Weft does not use checksums, TCP segmentation, "
                         "TCP segmentation inside tunnels"))
  );
  info.tx_offload_capa = 0;
  EXPECT_THAT(decided(info).falls_back, Contains(HasSubstr("the device offers none")));
}

TEST(Probe, KeepsDescriptorsInsideTheDriversLimits) {
  rte_eth_dev_info info = like_i40e();
  EXPECT_EQ(decided(info).rx_descriptors, 1024);
  info.rx_desc_lim.nb_max = 500;
  EXPECT_EQ(decided(info).rx_descriptors, 480);  // a multiple of nb_align
  info.rx_desc_lim.nb_max = 4096;
  info.rx_desc_lim.nb_min = 2048;
  EXPECT_EQ(decided(info).rx_descriptors, 2048);
}

TEST(Probe, LeavesThePoolMostOfItsBuffers) {
  ProbeRequest request = kRequest;
  request.buffer_count = 8192;  // a quarter of it over four queues
  EXPECT_EQ(decided(like_i40e(), request).rx_descriptors, 512);
}

}  // namespace
}  // namespace weft
