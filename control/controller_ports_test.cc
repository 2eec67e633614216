// Ports through JSON: what each verb does, what it refuses (code, field, sentence), and that a
// refusal leaves no trace (ControlFixture::refusal checks model, snapshot and machine).

#include <algorithm>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/controller.h"
#include "control/testing/control_fixture.h"

namespace weft::control {
namespace {

using Ports = ControlFixture;

constexpr const char* kPort = R"({"name":"up0","device":"net_null0","addresses":["192.0.2.1/24"]})";

TEST_F(Ports, AddOpensAndPublishes) {
  const Json answer = accepted("port.add", kPort);
  EXPECT_EQ(answer["port"], 0);
  EXPECT_EQ(answer["generation"], controller.generation().value());
  EXPECT_TRUE(platform.published->uplinks[0].in_use);
  EXPECT_TRUE(platform.published->uplinks[0].is_up);
  EXPECT_EQ(platform.published->vtep_count, 1);
  EXPECT_EQ(platform.published->vteps[0].address, ip("192.0.2.1"));
  EXPECT_EQ(platform.published->polled[0]->size(), 1U);
}

TEST_F(Ports, AddAgainIsANoOp) {
  const Json first = accepted("port.add", kPort);
  EXPECT_EQ(accepted("port.add", kPort), first);
  EXPECT_EQ(std::ranges::count(platform.calls, "open_uplink up0"), 1);
}

TEST_F(Ports, AddAgainWithOtherPropertiesNamesThem) {
  accepted("port.add", kPort);
  expect_refused(
      "port.add",
      R"({"name":"up0","device":"net_null0","addresses":["192.0.2.1/24"],"mtu":9000})",
      ErrorCode::exists_differently,
      "",
      "port up0: already exists with other properties (mtu)"
  );
}

TEST_F(Ports, DeviceAndAddressesBelongToOnePort) {
  accepted("port.add", kPort);
  expect_refused(
      "port.add",
      R"({"name":"up1","device":"net_null0"})",
      ErrorCode::in_use,
      "device",
      "port.device: \"net_null0\" is already port up0"
  );
  expect_refused(
      "port.add",
      R"({"name":"up1","device":"net_null1","addresses":["198.51.100.1/24","192.0.2.1/32"]})",
      ErrorCode::in_use,
      "addresses[1]",
      "port.addresses: 192.0.2.1 is already an address of port up0"
  );
}

TEST_F(Ports, SystemRefusalIsToldAndLeavesNothing) {
  platform.next_failure["open_uplink"] = "no such device";
  expect_refused("port.add", kPort, ErrorCode::system_refused, "", "port up0: no such device");
  EXPECT_EQ(accepted("port.add", kPort)["port"], 0);
}

TEST_F(Ports, LimitsAreNamed) {
  for (int i = 0; i < 16; ++i) {
    const std::string number = std::to_string(i);
    accepted("port.add", R"({"name":"up)" + number + R"(","device":"d)" + number + "\"}");
  }
  expect_refused(
      "port.add",
      R"({"name":"up16","device":"d16"})",
      ErrorCode::limit_reached,
      "",
      "port up16: there are already 16 ports"
  );
}

TEST_F(Ports, RemoveClosesAfterPublishing) {
  accepted("port.add", kPort);
  accepted("port.remove", R"({"name":"up0"})");
  EXPECT_TRUE(platform.open_uplinks.empty());
  EXPECT_FALSE(platform.published->uplinks[0].in_use);
  EXPECT_EQ(platform.published->vtep_count, 0);
  EXPECT_TRUE(platform.published->polled[0]->empty());
  expect_refused(
      "port.remove",
      R"({"name":"up0"})",
      ErrorCode::not_found,
      "name",
      "port \"up0\" does not exist"
  );
}

TEST_F(Ports, RemoveIsRefusedWhileASegmentUsesIt) {
  make_network();
  expect_refused(
      "port.remove",
      R"({"name":"up0"})",
      ErrorCode::in_use,
      "name",
      "port up0: segment blue uses its address 192.0.2.1"
  );
}

TEST_F(Ports, SetMovesTheLink) {
  accepted("port.add", kPort);
  accepted("port.set", R"({"name":"up0","up":false})");
  EXPECT_FALSE(platform.published->uplinks[0].is_up);
  accepted("port.set", R"({"name":"up0","up":true})");
  EXPECT_TRUE(platform.published->uplinks[0].is_up);
  platform.next_failure["set_uplink_up"] = "device is stuck";
  expect_refused(
      "port.set",
      R"({"name":"up0","up":false})",
      ErrorCode::system_refused,
      "",
      "port up0: device is stuck"
  );
  expect_refused(
      "port.set", R"({"name":"nix"})", ErrorCode::not_found, "name", "port \"nix\" does not exist"
  );
}

TEST_F(Ports, WorkersWithoutAQueueUseOthers) {
  platform.uplink_queues = 1;
  accepted("port.add", kPort);
  const UplinkEntry& uplink = platform.published->uplinks[0];
  EXPECT_NE(uplink.tx_port[0], nullptr);
  EXPECT_EQ(uplink.tx_port[1], nullptr);
  EXPECT_EQ(uplink.tx_owner[1], WorkerId{0});
}

}  // namespace
}  // namespace weft::control
