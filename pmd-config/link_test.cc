#include "pmd-config/link.h"

#include <algorithm>

#include "pmd-config/container_test_env.h"
#include "pmd-config/link_socket.h"
#include "pmd-config/veth_features.h"

namespace weft::test {
namespace {

class LinkTest : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (!why_impossible().empty()) GTEST_SKIP() << why_impossible();
    netns_.emplace(container_.open());
  }
  std::unique_ptr<Port> attach(const std::string& ifname = "eth0") {
    Result<std::unique_ptr<Port>> port = open_port(
        GetParam(), {.netns = *netns_, .name = "c", .ifname = ifname, .mac = mac_of(9), .mtu = 1450}
    );
    EXPECT_TRUE(port) << port.error().message;
    return std::move(*port);
  }
  LinkState state() {
    Result<LinkState> state = read_link(*netns_, "eth0");
    EXPECT_TRUE(state) << state.error().message;
    return *state;
  }
  bool has_route(const std::string& needle) {
    const std::string command =
        "nsenter --net=" + container_.path() + " sh -c 'ip route; ip -6 route'";
    std::string text;
    FILE* pipe = ::popen(command.c_str(), "r");
    for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) text += static_cast<char>(c);
    ::pclose(pipe);
    return text.find(needle) != std::string::npos;
  }

  TestNetns container_;
  std::optional<Netns> netns_;
};
INSTANTIATE_TEST_SUITE_P(Kinds, LinkTest, testing::Values(Kind::tap, Kind::veth), name_of);

LinkConfig full_config() {
  LinkConfig config = config_of(5);
  config.mtu = 1400;
  config.routes = {
      {*parse_prefix("0.0.0.0/0"), parse_ip("10.77.0.1")},
      {*parse_prefix("::/0"), parse_ip("fd77::1")},
      {*parse_prefix("192.0.2.0/24"), std::nullopt},
  };
  return config;
}

TEST_P(LinkTest, OpensTheLinkShapedAndDown) {
  const auto port = attach();
  const LinkState link = state();
  EXPECT_EQ(link.kind, GetParam() == Kind::tap ? "tun" : "veth");
  EXPECT_EQ(link.mac, mac_of(9));
  EXPECT_EQ(link.mtu, 1450U);
  EXPECT_EQ(link.txqueuelen, 128U);
  EXPECT_EQ(link.gso_max_size, 61440U);
  EXPECT_FALSE(link.is_up);
}

TEST_P(LinkTest, ConfiguresEverythingAndAgain) {
  const auto port = attach();
  for (int round = 0; round < 2; ++round) {
    const Status configured = configure_link(*netns_, full_config());
    ASSERT_TRUE(configured) << configured.error().message;
    const LinkState link = state();
    EXPECT_TRUE(link.is_up);
    EXPECT_TRUE(link.has_carrier);
    EXPECT_EQ(link.mac, mac_of(5));
    EXPECT_EQ(link.mtu, 1400U);
    for (const IpPrefix& address : full_config().addresses) {
      EXPECT_EQ(std::count(link.addresses.begin(), link.addresses.end(), address), 1)
          << format(address);
    }
    EXPECT_TRUE(has_route("default via 10.77.0.1 dev eth0"));
    EXPECT_TRUE(has_route("default via fd77::1 dev eth0"));
    EXPECT_TRUE(has_route("192.0.2.0/24 dev eth0"));
  }
}

TEST_P(LinkTest, TurnsIpv6OnWhereTheRuntimeTurnedItOff) {
  ASSERT_EQ(
      std::system(("nsenter --net=" + container_.path() +
                   " sh -c 'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6'")
                      .c_str()),
      0
  );
  const auto port = attach();
  const Status configured = configure_link(*netns_, full_config());
  EXPECT_TRUE(configured) << configured.error().message;
}

TEST_P(LinkTest, ConfigurationThatFailsLeavesTheLinkDownAndBare) {
  const auto port = attach();
  LinkConfig config = full_config();
  config.routes.push_back({*parse_prefix("198.51.100.0/24"), parse_ip("203.0.113.1")});
  const Status configured = configure_link(*netns_, config);
  ASSERT_FALSE(configured);
  EXPECT_EQ(
      configured.error().message,
      "eth0: cannot add route to 198.51.100.0/24 via 203.0.113.1: Network is unreachable "
      "(Nexthop has invalid gateway)"
  );
  const LinkState link = state();
  EXPECT_FALSE(link.is_up);
  EXPECT_TRUE(link.addresses.empty());
  EXPECT_FALSE(has_route("default"));
}

TEST_P(LinkTest, DoesNotTakeTheDefaultRouteFromAnotherLink) {
  const auto port = attach();
  ASSERT_TRUE(configure_link(*netns_, full_config()));
  const auto other = attach("eth1");
  LinkConfig config = config_of(6);
  config.ifname = "eth1";
  config.addresses = {*parse_prefix("10.78.0.6/24")};
  config.routes = {{*parse_prefix("0.0.0.0/0"), parse_ip("10.78.0.1")}};
  const Status configured = configure_link(*netns_, config);
  ASSERT_FALSE(configured);
  EXPECT_EQ(
      configured.error().message, "eth1: cannot add route to 0.0.0.0/0 via 10.78.0.1: File exists"
  );
  EXPECT_TRUE(has_route("default via 10.77.0.1 dev eth0"));
}

TEST_P(LinkTest, ErrorsNameInterfaceOperationAndReason) {
  EXPECT_EQ(
      configure_link(*netns_, config_of(5)).error().message,
      "eth0: cannot set MAC 02:00:00:00:00:05 MTU 1500 txqueuelen 128 gso_max_size 61440: "
      "No such device"
  );
  EXPECT_EQ(
      read_link(*netns_, "eth0").error().message, "eth0: cannot read the interface: No such device"
  );
  const auto port = attach();
  LinkConfig config = config_of(5);
  config.mtu = 100'000;
  const std::string message = configure_link(*netns_, config).error().message;
  EXPECT_NE(message.find("eth0: cannot set MAC"), std::string::npos) << message;
  EXPECT_NE(message.find("MTU 100000"), std::string::npos) << message;
  EXPECT_NE(message.find("Invalid argument"), std::string::npos) << message;
}

TEST_P(LinkTest, DeletesOnceAndIsContentTheSecondTime) {
  const auto port = attach();
  EXPECT_TRUE(delete_link(*netns_, "eth0"));
  EXPECT_FALSE(read_link(*netns_, "eth0"));
  EXPECT_TRUE(delete_link(*netns_, "eth0"));
}

TEST(Ifname, AcceptsWhatTheKernelTakesAndNothingElse) {
  for (const char* good : {"eth0", "a", "net-1.100", "fifteen-letters"}) {
    EXPECT_TRUE(check_ifname(good)) << good;
  }
  for (const char* bad :
       {"", ".", "..", "sixteen--letters", "eth%d", "a/b", "a b", "eth0:1", "\n"}) {
    EXPECT_FALSE(check_ifname(bad)) << bad;
  }
  EXPECT_EQ(
      check_ifname("eth%d").error().message,
      "ifname: 'eth%d' is not an interface name: 1 to 15 printable characters without '/', ':' "
      "and '%'"
  );
}

TEST(VethFeatures, KeepsTcpSegmentationAndRefusesTheRest) {
  for (const char* kept :
       {"tx-tcp-segmentation",
        "tx-tcp6-segmentation",
        "tx-tcp-ecn-segmentation",
        "tx-generic-segmentation",
        "tx-checksum-ip-generic",
        "tx-scatter-gather",
        "rx-gro"}) {
    EXPECT_FALSE(is_inexpressible_feature(kept)) << kept;
  }
  for (const char* refused :
       {"tx-udp-segmentation",
        "tx-sctp-segmentation",
        "tx-udp_tnl-segmentation",
        "tx-gre-csum-segmentation",
        "tx-checksum-sctp",
        "tx-gso-list"}) {
    EXPECT_TRUE(is_inexpressible_feature(refused)) << refused;
  }
}

}  // namespace
}  // namespace weft::test
