// The life of TAP and veth ports: attach, clash, failure, links that go down, namespaces that vanish.
#include <array>
#include <cstdlib>

#include <poll.h>
#include <sys/socket.h>

#include "pmd-config/container_test_env.h"
#include "pmd-config/reaper.h"
#include "pmd-config/tap_port.h"

namespace weft::test {
namespace {

class LifeTest : public PortTest {};
INSTANTIATE_TEST_SUITE_P(Kinds, LifeTest, testing::Values(Kind::tap, Kind::veth), name_of);

TEST_P(LifeTest, ALinkThatIsDownRefusesAndComesBack) {
  Container a{GetParam(), 1};
  ASSERT_EQ(a.run({"ip", "link", "set", "eth0", "down"}), 0);
  rte_mbuf* frame = make_frame(test_frame(mac_of(1), mac_of(2), 60));
  EXPECT_EQ(a.port().tx_burst(&frame, 1), 0);
  EXPECT_TRUE(a.port().is_alive());
  rte_mbuf* received = nullptr;
  while (a.port().rx_burst(&received, 1) == 1) rte_pktmbuf_free(received);
  EXPECT_TRUE(a.port().is_alive());

  ASSERT_EQ(a.run({"ip", "link", "set", "eth0", "up"}), 0);
  const UniqueFd inside = a.packet_socket();
  EXPECT_EQ(a.port().tx_burst(&frame, 1), 1);
  EXPECT_EQ(arrived(inside, 1).size(), 1U);
}

TEST_P(LifeTest, AContainerThatDeletesItsLinkLosesThePort) {
  Container a{GetParam(), 1};
  ASSERT_EQ(a.run({"ip", "link", "delete", "eth0"}), 0);
  pollfd fd{a.port().poll_fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&fd, 1, 5000), 1);
  std::array<rte_mbuf*, kMaxBurst> burst{};
  for (int i = 0; i < 8 && a.port().is_alive(); ++i) {
    rte_pktmbuf_free_bulk(burst.data(), a.port().rx_burst(burst.data(), kMaxBurst));
  }
  EXPECT_FALSE(a.port().is_alive());

  rte_mbuf* frame = make_frame(test_frame(mac_of(1), mac_of(2), 60));
  EXPECT_EQ(a.port().tx_burst(&frame, 1), 0);
  rte_pktmbuf_free(frame);
}

TEST_P(LifeTest, ANameClashIsAClearErrorAndLeavesTheForeignLinkAlone) {
  const TestNetns container;
  const Netns netns = container.open();
  ASSERT_EQ(
      std::system(("nsenter --net=" + container.path() +
                   " ip link add eth0 type veth peer name other")
                      .c_str()),
      0
  );
  const ContainerLink link{.netns = netns, .name = "c/eth0", .ifname = "eth0", .mac = mac_of(1)};
  Result<std::unique_ptr<Port>> port = open_port(GetParam(), link);
  ASSERT_FALSE(port);
  EXPECT_EQ(
      port.error().message,
      GetParam() == Kind::tap
          ? "eth0: cannot create the TAP in namespace " + container.path() +
                ": an interface of that name and of kind 'veth' exists already"
          : "eth0: cannot create the veth: an interface of that name exists already in namespace " +
                container.path()
  );
  EXPECT_EQ(read_link(netns, "eth0")->kind, "veth");
}

TEST_P(LifeTest, AFailedOpenLeavesNothingBehind) {
  const TestNetns container;
  const Netns netns = container.open();
  ContainerLink link{.netns = netns, .name = "c/eth0", .ifname = "eth0", .mac = mac_of(1)};
  link.mtu = 1'000'000;
  EXPECT_FALSE(open_port(GetParam(), link));
  EXPECT_FALSE(read_link(netns, "eth0"));
  link.mtu = 1500;
  link.mac = kBroadcastMac;  // the kernel refuses group addresses
  EXPECT_FALSE(open_port(GetParam(), link));
  EXPECT_FALSE(read_link(netns, "eth0"));
  link.ifname = "eth%d";
  EXPECT_FALSE(open_port(GetParam(), link));
}

TEST_P(LifeTest, DestroyingThePortDeletesTheLinkAndTheNextOneCanBeMade) {
  const TestNetns container;
  const Netns netns = container.open();
  const ContainerLink link{.netns = netns, .name = "c/eth0", .ifname = "eth0", .mac = mac_of(1)};
  for (int round = 0; round < 3; ++round) {
    Result<std::unique_ptr<Port>> port = open_port(GetParam(), link);
    ASSERT_TRUE(port) << port.error().message;
    EXPECT_TRUE(read_link(netns, "eth0"));
    port->reset();
    EXPECT_FALSE(read_link(netns, "eth0"));
  }
}

TEST_P(LifeTest, ANamespaceDeletedUnderALivePortIsNoticedAndFreed) {
  auto a = std::make_unique<Container>(GetParam(), 1);
  std::unique_ptr<Port> port = std::move(a->owner());
  const std::string path = a->netns().path();
  const NetnsIdentity identity = a->netns().open().identity();
  UniqueFd inside = a->socket(AF_INET, SOCK_STREAM);  // a process that dies a little later
  a.reset();
  EXPECT_FALSE(NetnsWatch::still_there(path, identity));

  std::array<rte_mbuf*, kMaxBurst> burst{};
  rte_pktmbuf_free_bulk(burst.data(), port->rx_burst(burst.data(), kMaxBurst));
  rte_mbuf* frame = make_frame(test_frame(mac_of(1), mac_of(2), 60));
  if (port->tx_burst(&frame, 1) == 0) rte_pktmbuf_free(frame);

  inside.reset();
  if (GetParam() == Kind::veth) {  // the kernel takes the pair away on its own
    pollfd fd{port->poll_fd(), POLLIN, 0};
    for (int i = 0; i < 100 && port->is_alive(); ++i) {
      (void)::poll(&fd, 1, 50);
      rte_pktmbuf_free_bulk(burst.data(), port->rx_burst(burst.data(), kMaxBurst));
    }
    EXPECT_FALSE(port->is_alive());
  }
  port.reset();
}

TEST_P(LifeTest, AHundredAttachesLeaveNothingBehind) {
  const TestNetns container;
  {
    Reaper reaper;
    const Netns netns = container.open();
    const auto cycle = [&](std::uint8_t number) {
      const LinkConfig config = config_of(number);
      Result<std::unique_ptr<Port>> port = open_port(
          GetParam(), {.netns = netns, .name = "c/eth0", .ifname = "eth0", .mac = config.mac}
      );
      ASSERT_TRUE(port) << port.error().message;
      ASSERT_TRUE(configure_link(netns, config));
      std::array<rte_mbuf*, kMaxBurst> burst{};
      rte_pktmbuf_free_bulk(burst.data(), (*port)->rx_burst(burst.data(), kMaxBurst));
      rte_mbuf* frame = make_frame(test_frame(mac_of(number), mac_of(200), 60));
      if ((*port)->tx_burst(&frame, 1) == 0) rte_pktmbuf_free(frame);
      reaper.wait_for(reaper.reap(std::move(*port)));
    };
    for (std::uint8_t i = 1; i <= 100; ++i) cycle(i);
    EXPECT_EQ(reaper.pending(), 0U);
    EXPECT_FALSE(read_link(netns, "eth0"));
  }
  const Status empty = backstage()->run([]() -> Status {
    FILE* pipe = ::popen("ip -o link | wc -l", "r");
    const int links = std::fgetc(pipe) - '0';
    ::pclose(pipe);
    if (links != 1) return Error{"the backstage still has " + std::to_string(links) + " links"};
    return Ok{};
  });
  EXPECT_TRUE(empty) << empty.error().message;
}

class TapTest : public ContainerTest {};

TEST_F(TapTest, AttachesAgainToTheDeviceThatItLeft) {
  Container a{Kind::tap, 1};
  const Netns netns = a.netns().open();
  const std::uint32_t ifindex = read_link(netns, "eth0")->ifindex;
  static_cast<TapPort&>(a.port()).keep_device();
  a.owner().reset();
  Result<LinkState> left = read_link(netns, "eth0");
  ASSERT_TRUE(left);
  EXPECT_FALSE(left->has_carrier);

  Result<std::unique_ptr<Port>> again = open_tap(
      {.netns = netns, .name = "c/eth0", .ifname = "eth0", .mac = mac_of(7), .mtu = 1400}, pools()
  );
  ASSERT_TRUE(again) << again.error().message;
  Result<LinkState> back = read_link(netns, "eth0");
  EXPECT_EQ(back->ifindex, ifindex);
  EXPECT_EQ(back->mac, mac_of(7));
  EXPECT_EQ(back->mtu, 1400U);
  EXPECT_TRUE(back->has_carrier);
  EXPECT_TRUE(back->is_up);
}

TEST_F(TapTest, NobodyElseCanAttachWhileItIsOpen) {
  Container a{Kind::tap, 1};
  const Netns netns = a.netns().open();
  Result<std::unique_ptr<Port>> second =
      open_tap({.netns = netns, .name = "x", .ifname = "eth0", .mac = mac_of(2)}, pools());
  ASSERT_FALSE(second);
  EXPECT_EQ(
      second.error().message,
      "eth0: cannot create the TAP in " + netns.label() +
          ": a TAP of that name exists and is attached to another process"
  );
}

TEST_F(TapTest, AFloodFillsOnlyItsOwnQueue) {
  Container a{Kind::tap, 1};
  const UniqueFd inside = a.packet_socket();
  const std::vector<std::uint8_t> sent = test_frame(kBroadcastMac, mac_of(1), 60);
  for (int i = 0; i < 1000; ++i) {
    (void)::send(inside.get(), sent.data(), sent.size(), MSG_DONTWAIT);
  }
  unsigned queued = 0;
  rte_mbuf* frame = nullptr;
  while (a.port().rx_burst(&frame, 1) == 1) {
    rte_pktmbuf_free(frame);
    ++queued;
  }
  EXPECT_LE(queued, 2 * kTxQueueLength);  // the device's ring and its queueing discipline
}

}  // namespace
}  // namespace weft::test
