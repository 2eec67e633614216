// Ports, tenants, segments and remotes through JSON: what each verb does, what it refuses (code, field,
// sentence), and that a refusal leaves no trace (ControlFixture::refusal checks model, snapshot and
// machine).

#include "control/controller.h"

#include <algorithm>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/testing/control_fixture.h"

namespace weft::control {
namespace {

using Ports = ControlFixture;
using Segments = ControlFixture;
using Remotes = ControlFixture;

constexpr const char* kPort = R"({"name":"up0","device":"net_null0","addresses":["192.0.2.1/24"]})";
constexpr const char* kAttach =
    R"({"container":"c1","segment":"blue","netns":"/run/netns/c1","addresses":["10.1.0.5/24"]})";

IpAddress ip(const char* text) {
  return *parse_ip(text);
}
MacAddress mac(const char* text) {
  return *parse_mac(text);
}

// -- ports ---------------------------------------------------------------------------------------

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

// -- tenants and segments ------------------------------------------------------------------------

TEST_F(Segments, TenantInUseStays) {
  make_network();
  expect_refused(
      "tenant.remove",
      R"({"name":"acme"})",
      ErrorCode::in_use,
      "name",
      "tenant acme: has segment blue"
  );
  accepted("segment.remove", R"({"name":"blue"})");
  accepted("tenant.remove", R"({"name":"acme"})");
  expect_refused(
      "tenant.remove",
      R"({"name":"acme"})",
      ErrorCode::not_found,
      "name",
      "tenant \"acme\" does not exist"
  );
}

TEST_F(Segments, AddComputesTheMtu) {
  make_network();
  EXPECT_EQ(accepted("segment.list")["segments"][0]["mtu"], 1450);
  const SegmentEntry& entry = platform.published->segments[0];
  EXPECT_TRUE(entry.in_use);
  EXPECT_TRUE(entry.has_tunnels);
  EXPECT_EQ(entry.mtu, 1450);
  EXPECT_NE(entry.flood, nullptr);
  EXPECT_NE(platform.published->vnis.find(vni_key(0, encap::Kind::vxlan, Vni{5001})), nullptr);
}

TEST_F(Segments, MtuAboveTheUnderlayIsRefusedWithTheLimit) {
  make_network();
  expect_refused(
      "segment.add",
      R"({"name":"red","tenant":"acme","vni":2,"local_vtep":"192.0.2.1","mtu":1451})",
      ErrorCode::bad_parameter,
      "mtu",
      "segment.mtu: 1451 is above the limit 1450, which is what port up0 with MTU 1500 carries "
      "inside vxlan"
  );
}

TEST_F(Segments, TransportBelongsToOneSegment) {
  make_network();
  expect_refused(
      "segment.add",
      R"({"name":"red","tenant":"acme","vni":5001,"local_vtep":"192.0.2.1"})",
      ErrorCode::in_use,
      "vni",
      "segment.vni: 5001 over vxlan at 192.0.2.1 is already segment blue"
  );
  // Another encapsulation or another local VTEP is another transport.
  accepted(
      "segment.add",
      R"({"name":"red","tenant":"acme","encap":"nvgre","vni":5001,"local_vtep":"192.0.2.1"})"
  );
  accepted(
      "segment.add", R"({"name":"six","tenant":"acme","vni":5001,"local_vtep":"2001:db8::1"})"
  );
}

TEST_F(Segments, ReferencesMustExist) {
  make_network();
  expect_refused(
      "segment.add",
      R"({"name":"red","tenant":"x","vni":1,"local_vtep":"192.0.2.1"})",
      ErrorCode::not_found,
      "tenant",
      "segment.tenant: tenant \"x\" does not exist"
  );
  expect_refused(
      "segment.add",
      R"({"name":"red","tenant":"acme","vni":1,"local_vtep":"192.0.2.9"})",
      ErrorCode::not_found,
      "local_vtep",
      "segment.local_vtep: 192.0.2.9 is not an address of any port"
  );
  expect_refused(
      "segment.set",
      R"({"name":"red"})",
      ErrorCode::not_found,
      "name",
      "segment \"red\" does not exist"
  );
}

TEST_F(Segments, SetMovesToAnotherTransportUnderItsEndpoints) {
  make_network();
  accepted("endpoint.attach", kAttach);
  accepted("remote.add", R"({"segment":"blue","vtep":"192.0.2.2"})");
  controller.next_hop_changed(UplinkIndex{0}, ip("192.0.2.2"), mac("02:00:00:00:00:22"));
  EXPECT_EQ(accepted("segment.set", R"({"name":"blue","encap":"nvgre"})")["mtu"], 1458);
  const Snapshot& snapshot = *platform.published;
  EXPECT_EQ(snapshot.vnis.find(vni_key(0, encap::Kind::vxlan, Vni{5001})), nullptr);
  EXPECT_NE(snapshot.vnis.find(vni_key(0, encap::Kind::nvgre, Vni{5001})), nullptr);
  EXPECT_EQ(snapshot.tunnels[0].outer.kind, encap::Kind::nvgre);
  EXPECT_EQ(snapshot.tunnels[0].inner_mtu, 1458);
  EXPECT_TRUE(snapshot.tunnels[0].is_resolved);
  EXPECT_EQ(snapshot.segments[0].flood->endpoints.size(), 1U);
}

TEST_F(Segments, SetRefusesWhatItsMembersCanNotLiveWith) {
  make_network();
  accepted("endpoint.attach", kAttach);
  accepted("remote.add", R"({"segment":"blue","vtep":"192.0.2.2"})");
  expect_refused(
      "segment.set",
      R"({"name":"blue","subnets":["10.2.0.0/24"]})",
      ErrorCode::in_use,
      "subnets",
      "segment.subnets: endpoint c1/eth0 has 10.1.0.5, which would be in none of them"
  );
  expect_refused(
      "segment.set",
      R"({"name":"blue","encap":"none"})",
      ErrorCode::in_use,
      "encap",
      "segment.encap: segment blue has remotes"
  );
  expect_refused(
      "segment.set",
      R"({"name":"blue","local_vtep":"2001:db8::1"})",
      ErrorCode::in_use,
      "local_vtep",
      "remote.vtep: 192.0.2.2 is IPv4, but the local VTEP 2001:db8::1 is IPv6"
  );
}

TEST_F(Segments, RemoveTakesRemotesButNotEndpoints) {
  make_network();
  accepted(
      "remote.add",
      R"({"segment":"blue","vtep":"192.0.2.2","endpoints":[{"mac":"02:00:00:00:00:09","addresses":["10.1.0.9"]}]})"
  );
  accepted("endpoint.attach", kAttach);
  expect_refused(
      "segment.remove",
      R"({"name":"blue"})",
      ErrorCode::in_use,
      "name",
      "segment blue: endpoint c1/eth0 is attached to it"
  );
  accepted("endpoint.detach", R"({"container":"c1"})");
  accepted("segment.remove", R"({"name":"blue"})");
  EXPECT_FALSE(platform.published->segments[0].in_use);
  EXPECT_FALSE(platform.published->tunnels[0].in_use);
  EXPECT_EQ(platform.published->fdb.size(), 0U);
  EXPECT_EQ(platform.published->neighbors.size(), 0U);
  EXPECT_EQ(platform.published->vnis.size(), 0U);
  EXPECT_EQ(platform.published->tunnel_by_remote.size(), 0U);
  EXPECT_TRUE(platform.asked[UplinkIndex{0}].empty());
}

TEST_F(Segments, LocalOneNeedsNoPort) {
  accepted("tenant.add", R"({"name":"acme"})");
  EXPECT_EQ(accepted("segment.add", R"({"name":"l","tenant":"acme","encap":"none"})")["mtu"], 1500);
  EXPECT_FALSE(platform.published->segments[0].has_tunnels);
  expect_refused(
      "remote.add",
      R"({"segment":"l","vtep":"192.0.2.2"})",
      ErrorCode::bad_parameter,
      "segment",
      "remote.segment: segment l is local (encap \"none\")"
  );
}

// -- remotes -------------------------------------------------------------------------------------

TEST_F(Remotes, OnLinkAndThroughTheGateway) {
  make_network();
  accepted("remote.add", R"({"segment":"blue","vtep":"192.0.2.2"})");
  accepted("remote.add", R"({"segment":"blue","vtep":"203.0.113.7"})");
  EXPECT_EQ(
      platform.asked[UplinkIndex{0}], (std::set<IpAddress>{ip("192.0.2.2"), ip("192.0.2.254")})
  );
  EXPECT_FALSE(platform.published->tunnels[0].is_resolved);
  controller.next_hop_changed(UplinkIndex{0}, ip("192.0.2.254"), mac("02:00:00:00:00:fe"));
  controller.commit();
  EXPECT_FALSE(platform.published->tunnels[0].is_resolved);
  EXPECT_TRUE(platform.published->tunnels[1].is_resolved);
  const Json remotes = accepted("remote.list", R"({"segment":"blue"})")["remotes"];
  EXPECT_EQ(remotes[1]["next_hop"], "192.0.2.254");
  EXPECT_EQ(remotes[1]["next_hop_mac"], "02:00:00:00:00:fe");
  EXPECT_EQ(remotes[0]["next_hop_mac"], nullptr);
}

TEST_F(Remotes, NoRouteIsAnError) {
  make_network();
  accepted("segment.add", R"({"name":"six","tenant":"acme","vni":6,"local_vtep":"2001:db8::1"})");
  expect_refused(
      "remote.add",
      R"({"segment":"six","vtep":"2001:db8:1::7"})",
      ErrorCode::bad_parameter,
      "vtep",
      "remote.vtep: no route to 2001:db8:1::7: it is in no prefix of port up0, which has no IPv6 "
      "gateway"
  );
  expect_refused(
      "remote.add",
      R"({"segment":"six","vtep":"192.0.2.2"})",
      ErrorCode::bad_parameter,
      "vtep",
      "remote.vtep: 192.0.2.2 is IPv4, but the local VTEP 2001:db8::1 is IPv6"
  );
  expect_refused(
      "remote.add",
      R"({"segment":"blue","vtep":"192.0.2.1"})",
      ErrorCode::bad_parameter,
      "vtep",
      "remote.vtep: 192.0.2.1 is an address of this host"
  );
  expect_refused(
      "remote.add",
      R"({"segment":"nix","vtep":"192.0.2.2"})",
      ErrorCode::not_found,
      "segment",
      "remote.segment: segment \"nix\" does not exist"
  );
}

TEST_F(Remotes, AddAgainMergesEndpoints) {
  make_network();
  const std::string start = R"({"segment":"blue","vtep":"192.0.2.2","endpoints":[)";
  accepted("remote.add", start + R"({"mac":"02:00:00:00:00:09","addresses":["10.1.0.9"]}]})");
  accepted("remote.add", start + R"({"mac":"02:00:00:00:00:0a"}]})");
  accepted(
      "remote.add", start + R"({"mac":"02:00:00:00:00:09","addresses":["10.1.0.9","fd00::9"]}]})"
  );
  const Json remote = accepted("remote.list")["remotes"][0];
  EXPECT_EQ(
      remote["endpoints"],
      Json::parse(
          R"([{"mac":"02:00:00:00:00:09","addresses":["10.1.0.9","fd00::9"]},{"mac":"02:00:00:00:00:0a","addresses":[]}])"
      )
  );
  EXPECT_EQ(platform.published->fdb.size(), 2U);
  EXPECT_EQ(platform.published->neighbors.size(), 2U);
  EXPECT_EQ(platform.published->segments[0].flood->tunnels, std::vector{TunnelIndex{0}});
  accepted("remote.remove", R"({"segment":"blue","vtep":"192.0.2.2"})");
  EXPECT_EQ(platform.published->fdb.size(), 0U);
  EXPECT_TRUE(platform.published->segments[0].flood->tunnels.empty());
  expect_refused(
      "remote.remove",
      R"({"segment":"blue","vtep":"192.0.2.2"})",
      ErrorCode::not_found,
      "vtep",
      "remote.vtep: 192.0.2.2 is not a remote of segment blue"
  );
}

TEST_F(Remotes, EndpointsBelongToOneHolder) {
  make_network();
  accepted("endpoint.attach", kAttach);
  accepted(
      "remote.add",
      R"({"segment":"blue","vtep":"192.0.2.2","endpoints":[{"mac":"02:00:00:00:00:09"}]})"
  );
  expect_refused(
      "remote.add",
      R"({"segment":"blue","vtep":"192.0.2.3","endpoints":[{"mac":"02:00:00:00:00:09"}]})",
      ErrorCode::in_use,
      "endpoints[0].mac",
      "remote.endpoints[0].mac: 02:00:00:00:00:09 is already remote 192.0.2.2 in segment blue"
  );
  const Failure failure = refusal(
      "remote.add",
      R"({"segment":"blue","vtep":"192.0.2.3","endpoints":[{"mac":"02:00:00:00:00:0a","addresses":["10.1.0.5"]}]})"
  );
  EXPECT_EQ(failure.field, "endpoints[0].addresses");
  EXPECT_THAT(failure.message, testing::HasSubstr("10.1.0.5 already belongs to endpoint c1/eth0"));
}

}  // namespace
}  // namespace weft::control
