// Tenants and segments through JSON: what each verb does, what it refuses (code, field, sentence), and that a
// refusal leaves no trace (ControlFixture::refusal checks model, snapshot and machine).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/controller.h"
#include "control/testing/control_fixture.h"

namespace weft::control {
namespace {

using Segments = ControlFixture;

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

}  // namespace
}  // namespace weft::control
