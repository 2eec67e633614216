// Remotes through JSON: what each verb does, what it refuses (code, field, sentence), and that a
// refusal leaves no trace (ControlFixture::refusal checks model, snapshot and machine).

#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/controller.h"
#include "control/testing/control_fixture.h"

namespace weft::control {
namespace {

using Remotes = ControlFixture;

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
