// Uplinks over interfaces of the kernel: af_packet and af_xdp on a veth, and TAPs. Needs root; skips
// without.
#include <gmock/gmock.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <rte_ethdev.h>
#include <sys/socket.h>

#include "dataplane/net/testing/frames.h"
#include "pmd-config/uplink_test_env.h"

/// LeakSanitizer asks for this. The 22.11 af_xdp driver does not delete its buffer area on close, and
/// with it the mbufs of its fill ring (README.md).
extern "C" const char* __lsan_default_suppressions() {  // NOLINT(bugprone-reserved-identifier)
  return "leak:xsk_umem__create\n";
}

namespace weft::test {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

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

/// A TAP that DPDK made; the test speaks through a packet socket of the kernel's on it.
class TapUplinkTest : public UplinkTest {
 protected:
  void SetUp() override {
    if (!g_machine->has_namespace_ || ::access("/dev/net/tun", R_OK | W_OK) != 0) {
      GTEST_SKIP() << "needs root and /dev/net/tun";
    }
  }

  static void kernel_sends(const char* interface, const Octets& frame) {
    const int fd = ::socket(AF_PACKET, SOCK_RAW, 0);
    ASSERT_GE(fd, 0);
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = static_cast<int>(::if_nametoindex(interface));
    const ssize_t sent = ::sendto(
        fd, frame.data(), frame.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to
    );
    ::close(fd);
    ASSERT_EQ(sent, static_cast<ssize_t>(frame.size()));
  }

  /// What the next UDP datagram's meta says about its checksum; nullopt after 2 s.
  static std::optional<bool> next_is_checked(EthdevUplink& uplink) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{2};
    while (std::chrono::steady_clock::now() < end) {
      std::array<rte_mbuf*, 1> burst{};
      if (uplink.queue(0)->rx_burst(burst.data(), 1) == 0) continue;
      const Octets frame = octets(burst[0]);
      const bool is_checked = meta(burst[0]).offload.is_checked;
      rte_pktmbuf_free(burst[0]);
      if (frame[12] == 0x08 && frame[13] == 0x00) return is_checked;
    }
    return std::nullopt;
  }

  /// IPv4, UDP to port 4789 with the checksum field as it must be, plus `error`.
  static Octets datagram(std::uint16_t error) {
    const Octets payload = wire_test::counting(100);
    Octets udp = wire_test::udp(payload, 50000, 4789);
    using wire_test::operator+;
    const Octets pseudo = wire_test::kSourceV4 + wire_test::kDestinationV4 + Octets{0, 17} +
                          wire_test::word16(udp.size());
    const auto sum = static_cast<std::uint16_t>(~wire_test::naive_sum(pseudo + udp));
    const Octets field = wire_test::word16((sum + error) & 0xFFFFU);
    std::copy(field.begin(), field.end(), udp.begin() + 6);
    return wire_test::ethernet(kEtherTypeIpv4, wire_test::ipv4(kIpProtoUdp, udp));
  }
};

TEST_F(TapUplinkTest, MakesATap) {
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

TEST_F(TapUplinkTest, PassesOnThatTheDriverFoundAChecksumRight) {
  const auto uplink = open(config("tap:wh6c"));
  ASSERT_NE(uplink, nullptr);
  EXPECT_TRUE(uplink->profile().checks_udp);
  EXPECT_THAT(uplink->profile().uses, Contains(HasSubstr("are not summed again")));
  run("ip link set wh6c up");
  kernel_sends("wh6c", datagram(0));
  EXPECT_EQ(next_is_checked(*uplink), true);
  kernel_sends("wh6c", datagram(1));
  EXPECT_EQ(next_is_checked(*uplink), false) << "a wrong one is left to the software check";
  kernel_sends(
      "wh6c",
      wire_test::ethernet(
          kEtherTypeIpv4,
          wire_test::ipv4(kIpProtoUdp, wire_test::udp(wire_test::counting(100), 50000, 4789))
      )
  );
  EXPECT_EQ(next_is_checked(*uplink), false) << "zero says that there is none";
}

}  // namespace
}  // namespace weft::test
