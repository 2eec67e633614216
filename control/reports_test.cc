// What the dataplane reports, and what of it is published.

#include <chrono>
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/controller.h"
#include "control/params.h"
#include "control/testing/control_fixture.h"

namespace weft::control {
namespace {

using Reports = ControlFixture;

TEST_F(Reports, LearnedMacsAreForwardedLimitedAndForgotten) {
  make_network();
  accepted("segment.set", R"({"name":"blue","fdb_limit":2,"fdb_ageing_s":100})");
  accepted("remote.add", R"({"segment":"blue","vtep":"192.0.2.2"})");
  accepted("remote.add", R"({"segment":"blue","vtep":"192.0.2.3"})");
  accepted("endpoint.attach", kAttach);
  const SegmentIndex blue{0};
  const MacAddress a = mac("02:00:00:00:00:0a");
  const MacAddress b = mac("02:00:00:00:00:0b");
  controller.learned(blue, a, TunnelIndex{0}, now);
  controller.learned(blue, b, TunnelIndex{0}, now);
  controller.learned(blue, mac("02:00:00:00:00:0c"), TunnelIndex{0}, now);  // above the limit
  controller.learned(blue, derived_mac("c1", "eth0"), TunnelIndex{0}, now);
  controller.learned(blue, kBroadcastMac, TunnelIndex{0}, now);
  controller.learned(blue, mac("02:00:00:00:00:0d"), TunnelIndex{9}, now);
  controller.learned(SegmentIndex{9}, a, TunnelIndex{0}, now);
  controller.commit();
  EXPECT_EQ(platform.published->fdb.size(), 3U);
  EXPECT_EQ(
      platform.published->fdb.find(fdb_key(blue, derived_mac("c1", "eth0")))->to,
      Destination{EndpointIndex{0}}
  );
  const FdbEntry* entry = platform.published->fdb.find(fdb_key(blue, a));
  ASSERT_NE(entry, nullptr);
  EXPECT_FALSE(entry->is_static);

  controller.learned(blue, a, TunnelIndex{1}, now);  // moved
  controller.commit();
  EXPECT_EQ(platform.published->fdb.find(fdb_key(blue, a))->to, Destination{TunnelIndex{1}});

  now += std::chrono::seconds{60};
  platform.active_macs = {b};
  controller.age_out(now);
  platform.active_macs.clear();
  now += std::chrono::seconds{60};
  controller.age_out(now);
  controller.commit();
  EXPECT_EQ(platform.published->fdb.find(fdb_key(blue, a)), nullptr);
  ASSERT_NE(platform.published->fdb.find(fdb_key(blue, b)), nullptr);
  const Json entries = accepted("fdb.list", R"({"segment":"blue"})")["entries"];
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[1]["type"], "learned");
  EXPECT_EQ(entries[1]["age_s"], 60);
  EXPECT_EQ(entries[1]["vtep"], "192.0.2.2");

  EXPECT_EQ(accepted("fdb.flush")["removed"], 1);
  EXPECT_EQ(platform.published->fdb.size(), 1U);
}

TEST_F(Reports, LearnedMacsGoWithTheirTunnel) {
  make_network();
  accepted("remote.add", R"({"segment":"blue","vtep":"192.0.2.2"})");
  controller.learned(SegmentIndex{0}, mac("02:00:00:00:00:0a"), TunnelIndex{0}, now);
  accepted("remote.remove", R"({"segment":"blue","vtep":"192.0.2.2"})");
  EXPECT_EQ(platform.published->fdb.size(), 0U);
}

TEST_F(Reports, AConfiguredMacReplacesALearnedOne) {
  make_network();
  accepted("remote.add", R"({"segment":"blue","vtep":"192.0.2.2"})");
  controller.learned(SegmentIndex{0}, derived_mac("c1", "eth0"), TunnelIndex{0}, now);
  accepted("endpoint.attach", kAttach);
  EXPECT_TRUE(
      platform.published->fdb.find(fdb_key(SegmentIndex{0}, derived_mac("c1", "eth0")))->is_static
  );
  accepted("endpoint.detach", R"({"container":"c1"})");
  EXPECT_EQ(platform.published->fdb.size(), 0U);
}

TEST_F(Reports, NextHopsComeAndGo) {
  make_network();
  accepted("remote.add", R"({"segment":"blue","vtep":"192.0.2.2"})");
  controller.next_hop_changed(UplinkIndex{0}, ip("192.0.2.2"), mac("02:00:00:00:00:22"));
  const std::size_t publications = platform.publications;
  controller.commit();
  controller.commit();
  EXPECT_EQ(platform.publications, publications + 1);
  EXPECT_TRUE(platform.published->tunnels[0].is_resolved);
  controller.next_hop_changed(UplinkIndex{0}, ip("192.0.2.2"), std::nullopt);
  controller.next_hop_changed(UplinkIndex{0}, ip("192.0.2.77"), mac("02:00:00:00:00:77"));
  controller.commit();
  EXPECT_FALSE(platform.published->tunnels[0].is_resolved);
  EXPECT_EQ(controller.runtime().next_hop_macs.size(), 0U);
}

TEST_F(Reports, PathMtuLowersTheTunnelOnly) {
  make_network();
  accepted("remote.add", R"({"segment":"blue","vtep":"192.0.2.2"})");
  controller.path_mtu_changed(ip("192.0.2.2"), 1400);
  controller.commit();
  EXPECT_EQ(platform.published->tunnels[0].inner_mtu, 1350);
  EXPECT_EQ(platform.published->segments[0].mtu, 1450);
  controller.path_mtu_changed(ip("192.0.2.2"), std::nullopt);
  controller.path_mtu_changed(ip("192.0.2.99"), 1000);
  controller.commit();
  EXPECT_EQ(platform.published->tunnels[0].inner_mtu, 1450);
  EXPECT_TRUE(controller.runtime().path_mtus.empty());
}

TEST_F(Reports, LinkStateIsPublished) {
  make_network();
  controller.link_changed(UplinkIndex{0}, LinkState{false, 0});
  controller.link_changed(UplinkIndex{7}, LinkState{false, 0});
  controller.commit();
  EXPECT_FALSE(platform.published->uplinks[0].is_up);
}

// An operator who reads "down" must find that frames are dropped as uplink_down, not a moment later.
TEST_F(Reports, PortListSaysTheLinkThatTheWorkersGoBy) {
  make_network();
  const auto link = [&] { return accepted("port.list")["ports"][0]["link"]; };
  EXPECT_EQ(link(), "up");
  controller.link_changed(UplinkIndex{0}, LinkState{false, 0});
  EXPECT_EQ(link(), "down");
}

TEST_F(Reports, ForwardingStopsAndStarts) {
  EXPECT_TRUE(platform.published->is_forwarding);
  accepted("forwarding.set", R"({"enabled":false})");
  EXPECT_FALSE(platform.published->is_forwarding);
  accepted("forwarding.set", R"({"enabled":true})");
  EXPECT_TRUE(platform.published->is_forwarding);
}

}  // namespace
}  // namespace weft::control
