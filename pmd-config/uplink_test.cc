// Uplinks over devices that live in the process: EAL, pools, attaching, queues, and what is left
// behind: nothing.
#include <filesystem>
#include <fstream>
#include <functional>
#include <numeric>

#include <gmock/gmock.h>
#include <rte_ethdev.h>

#include "pmd-config/uplink_test_env.h"

namespace weft::test {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

// -- EAL and pools ----------------------------------------------------------------------------------

TEST_F(UplinkTest, EalStartsOncePerProcess) {
  const Result<std::unique_ptr<Eal>> second = Eal::start({});
  ASSERT_FALSE(second.is_ok());
  EXPECT_THAT(second.error().message, HasSubstr("once per process"));
}

TEST_F(UplinkTest, EalPinsWorkersAndSaysSo) {
  const Eal& eal = *g_machine->eal_;
  EXPECT_EQ(eal.worker_count(), 1);
  const unsigned lcore = eal.lcore_of(WorkerId{0});
  static unsigned cpu;
  ASSERT_EQ(
      rte_eal_remote_launch(
          [](void*) {
            cpu = static_cast<unsigned>(::sched_getcpu());
            return 0;
          },
          nullptr,
          lcore
      ),
      0
  );
  rte_eal_wait_lcore(lcore);
  EXPECT_EQ(cpu, eal.cpu_of(WorkerId{0}));
  EXPECT_THAT(Eal::dpdk_version(), HasSubstr("22.11"));
}

TEST_F(UplinkTest, PoolsHaveRoomForMetaHeadroomAndTheMtu) {
  EXPECT_EQ(rte_pktmbuf_priv_size(pools().small), sizeof(PacketMeta));
  EXPECT_EQ(rte_pktmbuf_priv_size(pools().large), sizeof(PacketMeta));
  EXPECT_GE(small_room(pools()), 9018U);
  EXPECT_EQ(rte_pktmbuf_data_room_size(pools().large), kLargeRoom + kHeadroom);
  EXPECT_EQ(g_machine->pools_->small_level().size, 8191U);
  rte_mbuf* one = rte_pktmbuf_alloc(pools().small);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&meta(one)) % kCacheLine, 0U);
  rte_pktmbuf_free(one);
}

TEST_F(UplinkTest, PoolsThatDoNotFitAreRefused) {
  const Result<Pools> pools = make_pools({.small_count = 200000});
  ASSERT_FALSE(pools.is_ok());
  EXPECT_THAT(pools.error().message, HasSubstr("200000 of 2176 octets"));
  EXPECT_FALSE(make_pools({.max_mtu = 65535}).is_ok());
}

// -- attaching --------------------------------------------------------------------------------------

TEST_F(UplinkTest, RefusesDevicesThatAreNotThere) {
  EXPECT_THAT(refusal(config("net_nothing0")), HasSubstr("port up0: device net_nothing0"));
  EXPECT_THAT(refusal(config("bogus")), HasSubstr("neither a PCI address"));
  EXPECT_THAT(refusal(config("af_packet:wh6none")), HasSubstr("wh6none does not exist"));
  EXPECT_THAT(refusal(config("0000:3b:00.0")), HasSubstr("could not be attached"));
  EXPECT_THAT(refusal(config("net_pcap0,rx_pcap=/nonexistent")), HasSubstr("net_pcap0"));
}

TEST_F(UplinkTest, QuotesTheDriversOwnComplaint) {
  EXPECT_THAT(refusal(config("net_pcap0,rx_pcap=/nonexistent")), HasSubstr("/nonexistent"));
}

TEST_F(UplinkTest, RefusesTheSameDeviceTwice) {
  const auto first = open(config("net_ring0"));
  EXPECT_THAT(refusal(config("net_ring0")), HasSubstr("is attached already"));
}

TEST_F(UplinkTest, ProbesEverySoftwareDriver) {
  for (const char* device : {"net_null0", "net_ring0", "net_memif0,socket=@weft-h6,role=server"}) {
    const auto uplink = open(config(device));
    ASSERT_NE(uplink, nullptr) << device;
    EXPECT_EQ(uplink->mtu(), 1500) << device;
    EXPECT_EQ(uplink->queue_count(), 1) << device;
    EXPECT_THAT(uplink->profile().falls_back, Contains(HasSubstr("in software"))) << device;
    EXPECT_STREQ(uplink->queue(0)->kind(), "ethdev");
  }
}

TEST_F(UplinkTest, ComesAndGoesFiftyTimesAndLeavesNothing) {
  open(config("net_ring0")).reset();  // what a driver keeps for ever, it has now
  const std::size_t fds = open_fds();
  for (int round = 0; round < 50; ++round) {
    for (const char* device : {"net_ring0", "net_null0"}) ASSERT_NE(open(config(device)), nullptr);
  }
  EXPECT_EQ(open_fds(), fds);
  EXPECT_EQ(rte_eth_dev_count_avail(), 0);
}

TEST_F(UplinkTest, SaysWhenDpdkHasNoMorePorts) {
  std::vector<std::unique_ptr<EthdevUplink>> all;
  for (unsigned i = 0; i < RTE_MAX_ETHPORTS; ++i) {
    all.push_back(open(config("net_null" + std::to_string(i))));
    ASSERT_NE(all.back(), nullptr);
  }
  EXPECT_THAT(refusal(config("net_null99")), HasSubstr("room for 32 devices"));
}

// -- queues -----------------------------------------------------------------------------------------

TEST_F(UplinkTest, ReturnsWhatTheRingWasGiven) {
  const auto uplink = open(config("net_ring0"));
  std::array<rte_mbuf*, 2> frames{mbuf(make_frame(60, 1)), mbuf(make_frame(1514, 2))};
  meta(frames[0]).offload.needs_checksum = true;
  ASSERT_EQ(uplink->queue(0)->tx_burst(frames.data(), 2), 2);
  std::array<rte_mbuf*, 4> back{};
  ASSERT_EQ(uplink->queue(0)->rx_burst(back.data(), 4), 2);
  EXPECT_EQ(octets(back[1]), make_frame(1514, 2));
  EXPECT_FALSE(meta(back[0]).offload.needs_checksum) << "an old request survived";
  rte_pktmbuf_free_bulk(back.data(), 2);
  EXPECT_EQ(uplink->stats().tx_packets, 2U);
}

TEST_F(UplinkTest, NullDeviceSendsAndReceivesAsFastAsAsked) {
  const auto uplink = open(config("net_null0,size=64"));
  std::array<rte_mbuf*, kMaxBurst> burst{};
  ASSERT_EQ(uplink->queue(0)->rx_burst(burst.data(), kMaxBurst), kMaxBurst);
  EXPECT_EQ(uplink->queue(0)->tx_burst(burst.data(), kMaxBurst), kMaxBurst);
  EXPECT_EQ(rte_eth_dev_count_avail(), 1);
}

TEST_F(UplinkTest, HasOneQueuePerWorkerAsFarAsTheDeviceHasThem) {
  UplinkConfig wanted = config("net_null0");
  wanted.queues = 4;
  const auto uplink = open(wanted);
  EXPECT_EQ(uplink->queue_count(), 4);
  EXPECT_EQ(uplink->queue(3)->name(), "up0/3");
  wanted = config("net_memif0,socket=@weft-h6q,role=server");
  EXPECT_EQ(open(wanted)->queue_count(), 1);
}

TEST_F(UplinkTest, CountsFramesShorterThanAnEthernetHeader) {
  const std::string path = std::filesystem::temp_directory_path() / "weft-h6-runt.pcap";
  {
    std::ofstream file{path, std::ios::binary};
    const auto put = [&file](std::uint32_t word) {
      file.write(reinterpret_cast<const char*>(&word), sizeof word);
    };
    // libpcap's file format: magic, version 2.4, snaplen 65535, Ethernet; then records.
    for (const std::uint32_t word : {0xA1B2C3D4U, 0x00040002U, 0U, 0U, 65535U, 1U}) put(word);
    for (const std::uint32_t size : {8U, 60U, 13U}) {
      for (const std::uint32_t word : {0U, 0U, size, size}) put(word);
      const Octets frame = make_frame(60, 7);
      file.write(reinterpret_cast<const char*>(frame.data()), size);
    }
  }
  const auto uplink = open(config("net_pcap0,rx_pcap=" + path + ",tx_pcap=" + path + ".out"));
  ASSERT_NE(uplink, nullptr);
  EXPECT_EQ(receive(*uplink, 1), std::vector<Octets>{make_frame(60, 7)});
  EXPECT_EQ(uplink->queue(0)->losses.truncated, 2U);
  EXPECT_EQ(uplink->queue(0)->losses.no_mbuf, 0U);
  std::filesystem::remove(path);
  std::filesystem::remove(path + ".out");
}

TEST_F(UplinkTest, LinearisesChainsForADeviceThatDoesNotTakeThem) {
  const auto uplink = open(config("net_ring0"));
  EthdevQueue queue{
      "q",
      {.takes_offloads = false, .takes_chains = false, .max_frame = 1518},
      uplink->port_id(),
      0,
      pools().small};
  // A chain of its own, and a header in front of a clone that another owner still reads.
  const Octets frame = make_frame(1000, 9);
  rte_mbuf* shared = mbuf(frame);
  rte_mbuf* clone = rte_pktmbuf_clone(shared, pools().small);
  std::array<rte_mbuf*, 2> frames{mbuf(frame, {14, 500, 486}), mbuf(frame, {40})};
  rte_pktmbuf_chain(frames[1], clone);
  ASSERT_EQ(queue.tx_burst(frames.data(), 2), 2);
  std::array<rte_mbuf*, 2> back{};
  ASSERT_EQ(queue.rx_burst(back.data(), 2), 2);
  EXPECT_EQ(back[0]->nb_segs, 1);
  EXPECT_EQ(octets(back[0]), frame);
  EXPECT_EQ(back[1]->nb_segs, 1);
  EXPECT_EQ(back[1]->pkt_len, 1040U);
  EXPECT_EQ(octets(shared), frame);
  rte_pktmbuf_free_bulk(back.data(), 2);

  // A chain that begins with a clone is copied, because writing into it would reach the other owner.
  std::array<rte_mbuf*, 1> cloned{rte_pktmbuf_clone(shared, pools().small)};
  rte_pktmbuf_chain(cloned[0], mbuf(make_frame(20, 3)));
  ASSERT_EQ(queue.tx_burst(cloned.data(), 1), 1);
  ASSERT_EQ(queue.rx_burst(back.data(), 1), 1);
  EXPECT_EQ(back[0]->pkt_len, 1020U);
  EXPECT_EQ(octets(shared), frame);
  rte_pktmbuf_free(back[0]);
  rte_pktmbuf_free(shared);
}

TEST_F(UplinkTest, GivesBackWhatIsTooLongAndSendsTheRest) {
  const auto uplink = open(config("net_ring0"));
  std::array<rte_mbuf*, 4> frames{};
  for (std::uint8_t i = 0; i < 4; ++i) frames[i] = mbuf(make_frame(i == 1 ? 2000 : 100, i));
  rte_mbuf* too_long = frames[1];
  ASSERT_EQ(uplink->queue(0)->tx_burst(frames.data(), 4), 3);
  EXPECT_EQ(frames[3], too_long) << "it must be among those not sent, at the end";
  rte_pktmbuf_free(frames[3]);
  std::array<rte_mbuf*, 4> back{};
  ASSERT_EQ(uplink->queue(0)->rx_burst(back.data(), 4), 3);
  EXPECT_EQ(octets(back[0])[14], 0);
  EXPECT_EQ(octets(back[1])[14], 2);
  EXPECT_EQ(octets(back[2])[14], 3);
  rte_pktmbuf_free_bulk(back.data(), 3);
}

TEST_F(UplinkTest, IsDownWhenToldSo) {
  const auto uplink = open(config("net_ring0"));
  EXPECT_TRUE(uplink->link().is_up);
  uplink->set_up(false);
  EXPECT_FALSE(uplink->link().is_up);
  uplink->set_up(true);
  EXPECT_TRUE(uplink->link().is_up);
}

}  // namespace
}  // namespace weft::test
