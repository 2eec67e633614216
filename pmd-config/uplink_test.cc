// Uplinks over software devices: EAL, pools, attaching, queues, and what is left behind: nothing.
//
// The process moves into a network namespace of its own, so nothing it makes outlives it. Tests on
// kernel devices need root and skip without it.
#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pmd-config/eal.h"
#include "pmd-config/ethdev_port.h"

/// LeakSanitizer asks for this. The 22.11 af_xdp driver does not delete its buffer area on close, and
/// with it the mbufs of its fill ring (README.md).
extern "C" const char* __lsan_default_suppressions() {  // NOLINT(bugprone-reserved-identifier)
  return "leak:xsk_umem__create\n";
}

namespace weft {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

using Octets = std::vector<std::uint8_t>;

/// An Ethernet frame of a local experimental EtherType (IEEE 802 88B5).
Octets make_frame(std::size_t size, std::uint8_t mark) {
  Octets frame(size, mark);
  std::fill_n(frame.begin(), 6, std::uint8_t{0xFF});
  std::fill_n(frame.begin() + 6, 6, std::uint8_t{0x02});
  frame[12] = 0x88;
  frame[13] = 0xB5;
  return frame;
}

bool is_ours(const Octets& frame) {
  return frame.size() >= 14 && frame[12] == 0x88 && frame[13] == 0xB5;
}

int run(const std::string& command) {
  return std::system((command + " >/dev/null 2>&1").c_str());
}

std::size_t open_fds() {
  const std::filesystem::directory_iterator all{"/proc/self/fd"};
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

/// Starts EAL once, the way weftd does.
class Machine : public ::testing::Environment {
 public:
  void SetUp() override {
    has_namespace_ = ::geteuid() == 0 && ::unshare(CLONE_NEWNET) == 0;
    EalConfig config;
    config.hugepages = EalConfig::Hugepages::never;
    config.memory_mib = 160;
    Result<std::unique_ptr<Eal>> eal = Eal::start(config);
    ASSERT_TRUE(eal.is_ok()) << eal.error().message;
    eal_ = std::move(*eal);
    size_pools(9000);
  }
  void size_pools(std::uint16_t max_mtu) {
    pools_.reset();
    Result<Pools> pools = make_pools({.max_mtu = max_mtu, .small_count = 8191, .large_count = 64});
    ASSERT_TRUE(pools.is_ok()) << pools.error().message;
    pools_ = std::make_unique<Pools>(std::move(*pools));
  }
  void TearDown() override {
    pools_.reset();
    eal_.reset();
  }

  std::unique_ptr<Eal> eal_;
  std::unique_ptr<Pools> pools_;
  bool has_namespace_{};
};

Machine* const g_machine = static_cast<Machine*>(::testing::AddGlobalTestEnvironment(new Machine));

class UplinkTest : public ::testing::Test {
 protected:
  void TearDown() override {
    EXPECT_EQ(g_machine->pools_->small_level().in_use, 0U) << "mbufs were leaked";
  }

  static PacketPools pools() { return g_machine->pools_->get(); }

  static UplinkConfig config(const std::string& device) {
    return {.name = "up0", .device = device, .mtu = 0, .queues = 1, .pools = pools()};
  }

  static std::unique_ptr<EthdevUplink> open(const UplinkConfig& wanted) {
    Result<std::unique_ptr<EthdevUplink>> uplink = EthdevUplink::open(wanted);
    EXPECT_TRUE(uplink.is_ok()) << (uplink ? "" : uplink.error().message);
    return uplink ? std::move(*uplink) : nullptr;
  }

  static std::string refusal(const UplinkConfig& wanted) {
    const Result<std::unique_ptr<EthdevUplink>> uplink = EthdevUplink::open(wanted);
    return uplink ? "accepted" : uplink.error().message;
  }

  /// A chain whose i-th segment has sizes[i] octets of `frame`.
  static rte_mbuf* mbuf(const Octets& frame, std::vector<std::size_t> sizes = {}) {
    if (sizes.empty()) sizes = {frame.size()};
    rte_mbuf* head = nullptr;
    std::size_t at = 0;
    for (const std::size_t size : sizes) {
      rte_mbuf* part = rte_pktmbuf_alloc(pools().small);
      std::copy_n(
          frame.data() + at,
          size,
          reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(part, static_cast<std::uint16_t>(size))
          )
      );
      at += size;
      if (head == nullptr) {
        head = part;
      } else {
        rte_pktmbuf_chain(head, part);
      }
    }
    return head;
  }

  static Octets octets(const rte_mbuf* frame) {
    Octets all(frame->pkt_len);
    for (std::size_t at = 0; frame != nullptr; at += frame->data_len, frame = frame->next) {
      std::copy_n(rte_pktmbuf_mtod(frame, const std::uint8_t*), frame->data_len, all.data() + at);
    }
    return all;
  }

  /// Frees and answers what arrives on any queue until there are `count` frames of ours or 2 s pass.
  static std::vector<Octets> receive(EthdevUplink& uplink, std::size_t count) {
    std::vector<Octets> all;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{2};
    while (all.size() < count && std::chrono::steady_clock::now() < end) {
      for (std::uint16_t q = 0; q < uplink.queue_count(); ++q) {
        std::array<rte_mbuf*, kMaxBurst> burst{};
        const std::uint16_t got = uplink.queue(q)->rx_burst(burst.data(), kMaxBurst);
        for (std::uint16_t i = 0; i < got; ++i) {
          Octets frame = octets(burst[i]);
          if (is_ours(frame)) all.push_back(std::move(frame));
          rte_pktmbuf_free(burst[i]);
        }
      }
    }
    return all;
  }
};

/// Two ends of a veth in our namespace; the test speaks through a packet socket on the far end.
class VethUplinkTest : public UplinkTest {
 protected:
  void SetUp() override {
    if (!g_machine->has_namespace_) GTEST_SKIP() << "needs root for a network namespace";
    if (run("ip link add wh6a type veth peer name wh6b") != 0) GTEST_SKIP() << "no veth here";
    run("sysctl -w net.ipv6.conf.all.disable_ipv6=1");
    ASSERT_EQ(run("ip link set wh6a mtu 9000 up && ip link set wh6b mtu 9000 up"), 0);
    fd_ = ::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(0x88B5));
    ASSERT_GE(fd_, 0);
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_protocol = htons(0x88B5);
    to.sll_ifindex = static_cast<int>(::if_nametoindex("wh6b"));
    ASSERT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  }
  void TearDown() override {
    if (fd_ >= 0) ::close(fd_);
    run("ip link del wh6a");
    UplinkTest::TearDown();
  }

  void far_send(const Octets& frame) const {
    ASSERT_EQ(::send(fd_, frame.data(), frame.size(), 0), static_cast<ssize_t>(frame.size()));
  }
  [[nodiscard]] Octets far_receive() const {
    pollfd wait{.fd = fd_, .events = POLLIN, .revents = 0};
    ::poll(&wait, 1, 2000);
    Octets frame(65536);
    const ssize_t size = ::recv(fd_, frame.data(), frame.size(), 0);
    frame.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    return frame;
  }

  int fd_ = -1;
};

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

// -- kernel devices -----------------------------------------------------------------------------------

TEST_F(VethUplinkTest, CarriesFramesBothWaysUpToTheMtu) {
  const auto uplink = open(config("af_packet:wh6a"));
  ASSERT_NE(uplink, nullptr);
  EXPECT_EQ(uplink->mtu(), 9000);
  for (const std::size_t size : {std::size_t{60}, std::size_t{1514}, std::size_t{9014}}) {
    const Octets frame = make_frame(size, static_cast<std::uint8_t>(size));
    far_send(frame);
    EXPECT_EQ(receive(*uplink, 1), std::vector<Octets>{frame}) << size;
    std::array<rte_mbuf*, 1> out{mbuf(frame, {14, 20, size - 34})};
    ASSERT_EQ(uplink->queue(0)->tx_burst(out.data(), 1), 1);
    EXPECT_EQ(far_receive(), frame) << size;
  }
}

TEST_F(VethUplinkTest, SpreadsOverSeveralQueues) {
  UplinkConfig wanted = config("af_packet:wh6a");
  wanted.queues = 2;
  const auto uplink = open(wanted);
  ASSERT_NE(uplink, nullptr);
  EXPECT_EQ(uplink->queue_count(), 2);
  EXPECT_THAT(uplink->profile().falls_back, Contains(HasSubstr("no RSS")));
  for (std::uint8_t i = 0; i < 100; ++i) far_send(make_frame(100, i));
  EXPECT_EQ(receive(*uplink, 100).size(), 100U);
}

TEST_F(VethUplinkTest, FollowsTheCarrier) {
  const auto uplink = open(config("af_packet:wh6a"));
  ASSERT_NE(uplink, nullptr);
  EXPECT_TRUE(uplink->link().is_up);
  run("ip link set wh6b down");
  EXPECT_FALSE(uplink->link().is_up);
  run("ip link set wh6b up");
  // The kernel's link watch reports a carrier that comes back up to a second late.
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{3};
  while (!uplink->link().is_up && std::chrono::steady_clock::now() < end) ::usleep(1000);
  EXPECT_TRUE(uplink->link().is_up);
  // The far socket reports once that its interface was down.
  const Octets lost = make_frame(60, 4);
  EXPECT_EQ(::send(fd_, lost.data(), lost.size(), 0), -1);
  far_send(make_frame(60, 5));
  EXPECT_EQ(receive(*uplink, 1).size(), 1U);
}

TEST_F(VethUplinkTest, SurvivesAnInterfaceThatVanishes) {
  const auto uplink = open(config("af_packet:wh6a"));
  ASSERT_NE(uplink, nullptr);
  run("ip link del wh6a");
  EXPECT_FALSE(uplink->link().is_up);
  for (int round = 0; round < 600; ++round) {
    std::array<rte_mbuf*, 1> out{mbuf(make_frame(60, 1))};
    if (uplink->queue(0)->tx_burst(out.data(), 1) == 0) rte_pktmbuf_free(out[0]);
  }
  EXPECT_EQ(receive(*uplink, 0).size(), 0U);
}

TEST_F(VethUplinkTest, RefusesAnMtuThatTheInterfaceDoesNotHave) {
  UplinkConfig wanted = config("af_packet:wh6a");
  wanted.mtu = 9001;
  EXPECT_THAT(refusal(wanted), HasSubstr("9001 is above the 9000 of interface wh6a"));
  run("ip link set wh6b mtu 12000; ip link set wh6a mtu 12000");
  EXPECT_THAT(refusal(config("af_packet:wh6a")), HasSubstr("does not fit the packet buffers"));
}

TEST_F(VethUplinkTest, ComesAndGoesFiftyTimesAndLeavesNothing) {
  open(config("af_packet:wh6a")).reset();
  const std::size_t fds = open_fds();
  for (int round = 0; round < 50; ++round) {
    const auto uplink = open(config("af_packet:wh6a"));
    ASSERT_NE(uplink, nullptr);
    far_send(make_frame(60, 5));
    ASSERT_EQ(receive(*uplink, 1).size(), 1U);
  }
  EXPECT_EQ(open_fds(), fds);
}

TEST_F(VethUplinkTest, OpensAfXdp) {
  EXPECT_THAT(refusal(config("af_xdp:wh6a")), HasSubstr("at most 4096 octets"));
  g_machine->size_pools(1500);
  run("ip link set wh6b mtu 1500; ip link set wh6a mtu 1500");
  {
    UplinkConfig wanted = config("af_xdp:wh6a");
    wanted.queues = 2;
    const auto uplink = open(wanted);
    ASSERT_NE(uplink, nullptr);
    EXPECT_EQ(uplink->queue_count(), 1) << "a veth has one channel";
    EXPECT_EQ(uplink->mtu(), 1500);
    far_send(make_frame(60, 5));
    EXPECT_EQ(receive(*uplink, 1), std::vector<Octets>{make_frame(60, 5)});
    std::array<rte_mbuf*, 1> out{mbuf(make_frame(1514, 6))};
    ASSERT_EQ(uplink->queue(0)->tx_burst(out.data(), 1), 1);
    EXPECT_EQ(far_receive(), make_frame(1514, 6));
  }
  // The 22.11 driver does not give back what lies in its fill ring (README.md): no more than that.
  EXPECT_LE(g_machine->pools_->small_level().in_use, 2049U);
  g_machine->size_pools(9000);
}

TEST_F(UplinkTest, MakesATap) {
  if (!g_machine->has_namespace_ || ::access("/dev/net/tun", R_OK | W_OK) != 0) {
    GTEST_SKIP() << "needs root and /dev/net/tun";
  }
  {
    UplinkConfig wanted = config("tap:wh6t");
    wanted.mtu = 1400;
    const auto uplink = open(wanted);
    ASSERT_NE(uplink, nullptr);
    EXPECT_EQ(read_kernel_interface("wh6t")->mtu, 1400);
    EXPECT_EQ(uplink->profile().driver, "net_tap");
  }
  EXPECT_FALSE(read_kernel_interface("wh6t").is_ok()) << "the TAP outlived its uplink";
}

}  // namespace
}  // namespace weft
