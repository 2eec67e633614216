#include "control/connector/attach_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft::connector {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const WantedRoute kDefault4{*parse_prefix("0.0.0.0/0"), parse_ip("10.1.0.254")};

Made leased() {
  Made made;
  made.addresses = {{*parse_prefix("10.1.0.5/24"), parse_ip("10.1.0.1"), 0}};
  return made;
}

Network with_gateway() {
  Network network;
  network.gateways = {*parse_ip("10.1.0.254")};
  return network;
}

std::vector<WantedRoute> routes(
    Made made, const Network& network, const std::string& ifname = "eth0"
) {
  const Done done = complete_routes(made, network, ifname);
  EXPECT_TRUE(done);
  return made.routes;
}

TEST(AttachRequest, InterfacesAreNumberedByTheirNames) {
  EXPECT_EQ(interface_number("eth0"), 0U);
  EXPECT_EQ(interface_number("eth12"), 12U);
  EXPECT_EQ(interface_number("net.1"), 1U);
  EXPECT_EQ(interface_number("data"), 0U);
  EXPECT_EQ(interface_number("42"), 42U);
}

TEST(AttachRequest, TheFirstInterfaceHasTheDefaultRouteThroughTheOperatorsGateway) {
  EXPECT_THAT(routes(leased(), with_gateway()), ElementsAre(kDefault4));
  EXPECT_THAT(routes(leased(), with_gateway(), "eth1"), ElementsAre());
}

TEST(AttachRequest, ThePluginsGatewayAloneMakesNoDefaultRoute) {
  EXPECT_THAT(routes(leased(), {}), ElementsAre());
  Network network;
  network.default_route = true;
  const WantedRoute expected{*parse_prefix("0.0.0.0/0"), parse_ip("10.1.0.1")};
  EXPECT_THAT(routes(leased(), network, "eth3"), ElementsAre(expected));
}

TEST(AttachRequest, DefaultRoutesCanBeSwitchedOffAndOn) {
  Network network = with_gateway();
  Made made = leased();
  made.routes = {{*parse_prefix("0.0.0.0/0"), std::nullopt}};
  EXPECT_THAT(routes(made, network), ElementsAre(kDefault4));
  network.default_route = false;
  EXPECT_THAT(routes(made, network), ElementsAre());
  network.default_route = true;
  EXPECT_THAT(routes(made, network, "eth1"), ElementsAre(kDefault4));
}

TEST(AttachRequest, ADefaultRouteThatIsDemandedNeedsAGateway) {
  Network network;
  network.default_route = true;
  Made made = leased();
  made.addresses[0].gateway.reset();
  const Done done = complete_routes(made, network, "eth0");
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("defaultRoute"));
}

TEST(AttachRequest, RoutesWithoutAGatewayGoThroughThatOfTheirFamily) {
  Network network = with_gateway();
  network.default_route = false;
  network.routes = {
      {*parse_prefix("192.0.2.0/24"), std::nullopt}, {*parse_prefix("fd01::/64"), std::nullopt}};
  Made made = leased();
  // The operator's route comes before the plugin's.
  made.routes = {{*parse_prefix("192.0.2.0/24"), parse_ip("10.1.0.9")}};
  const std::vector<WantedRoute> found = routes(made, network);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].gateway, parse_ip("10.1.0.254"));
  EXPECT_EQ(found[1].gateway, std::nullopt);
}

TEST(AttachRequest, AddressesWithoutALengthHaveThatOfTheirSubnet) {
  const std::vector<IpPrefix> subnets{*parse_prefix("10.1.0.0/24"), *parse_prefix("fd00::/64")};
  const auto made = complete_addresses(
      {{*parse_ip("10.1.0.5"), std::nullopt},
       {*parse_ip("fd00::5"), std::nullopt},
       {*parse_ip("192.0.2.1"), 30}},
      subnets
  );
  ASSERT_TRUE(made);
  ASSERT_EQ(made->size(), 3U);
  EXPECT_EQ(format(made.value()[0].address), "10.1.0.5/24");
  EXPECT_EQ(format(made.value()[1].address), "fd00::5/64");
  EXPECT_EQ(format(made.value()[2].address), "192.0.2.1/30");
  const auto refused = complete_addresses({{*parse_ip("10.2.0.5"), std::nullopt}}, subnets);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("10.2.0.5"));
}

TEST(AttachRequest, ALeaseHasToBeWhatWasAskedFor) {
  Wish wish;
  EXPECT_TRUE(check_lease(wish, leased()));
  EXPECT_FALSE(check_lease(wish, {}));
  wish.addresses = {{*parse_ip("10.1.0.5"), std::nullopt}};
  EXPECT_TRUE(check_lease(wish, leased()));
  wish.addresses = {{*parse_ip("10.1.0.6"), std::nullopt}};
  EXPECT_FALSE(check_lease(wish, leased()));
  wish.addresses.clear();
  wish.families = {IpFamily::v4};
  EXPECT_TRUE(check_lease(wish, leased()));
  wish.families = {IpFamily::v6};
  EXPECT_FALSE(check_lease(wish, leased()));
}

TEST(AttachRequest, EveryRequestHasAnIdOfItsOwn) {
  EXPECT_NE(new_request_id(), new_request_id());
  EXPECT_LE(new_request_id().size(), 128U);
}

}  // namespace
}  // namespace weft::connector
