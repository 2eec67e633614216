// Endpoints through JSON; see controller_ports_test.cc.

#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/controller.h"
#include "control/params.h"
#include "control/testing/control_fixture.h"

namespace weft::control {
namespace {

using testing::ElementsAre;

using Endpoints = ControlFixture;

constexpr const char* kPort = R"({"name":"up0","device":"net_null0","addresses":["192.0.2.1/24"]})";

TEST_F(Endpoints, AttachOpensPublishesWatchesInThisOrder) {
  make_network();
  platform.calls.clear();
  const Json answer = accepted("endpoint.attach", kAttach);
  EXPECT_THAT(platform.calls, ElementsAre("open_endpoint c1/eth0", "publish", "watch c1/eth0"));
  EXPECT_EQ(answer["endpoint"], "c1/eth0");
  EXPECT_EQ(answer["mac"], format(derived_mac("c1", "eth0")));
  EXPECT_EQ(answer["mtu"], 1450);
  EXPECT_EQ(answer["addresses"], Json::parse(R"(["10.1.0.5/24"])"));
  EXPECT_EQ(answer["worker"], 0);

  const EndpointEntry& entry = platform.published->endpoints[0];
  EXPECT_TRUE(entry.in_use);
  EXPECT_TRUE(entry.guard.is_enabled);
  ASSERT_EQ(entry.guard.address_count, 1);
  EXPECT_EQ(entry.guard.addresses[0], (IpPrefix{ip("10.1.0.5"), 32}));
  const FdbEntry* fdb = platform.published->fdb.find(fdb_key(SegmentIndex{0}, entry.mac));
  ASSERT_NE(fdb, nullptr);
  EXPECT_TRUE(fdb->is_static);
  EXPECT_EQ(fdb->to, Destination{EndpointIndex{0}});
  EXPECT_EQ(platform.opened_endpoints[0].mtu, 1450);
}

TEST_F(Endpoints, DetachUnwatchesPublishesRetiresInThisOrder) {
  make_network();
  accepted("endpoint.attach", kAttach);
  platform.calls.clear();
  EXPECT_EQ(accepted("endpoint.detach", R"({"container":"c1","ifname":"eth0"})")["detached"], 1);
  EXPECT_THAT(platform.calls, ElementsAre("unwatch c1/eth0", "publish", "retire c1/eth0"));
  EXPECT_EQ(platform.ports_alive, 0);
  EXPECT_EQ(accepted("endpoint.detach", R"({"container":"c1"})")["detached"], 0);
}

TEST_F(Endpoints, DetachWithoutIfnameTakesAllOfTheContainer) {
  make_network();
  accepted("endpoint.attach", R"({"container":"c1","ifname":"eth0","segment":"blue","pid":1})");
  accepted("endpoint.attach", R"({"container":"c1","ifname":"eth1","segment":"blue","pid":1})");
  accepted("endpoint.attach", R"({"container":"c10","segment":"blue","pid":1})");
  const Generation before = controller.generation();
  EXPECT_EQ(accepted("endpoint.detach", R"({"container":"c1"})")["detached"], 2);
  EXPECT_EQ(controller.generation().value(), before.value() + 1);
  EXPECT_EQ(platform.ports_alive, 1);
}

TEST_F(Endpoints, AttachAgainIsANoOpOrNamesTheDifference) {
  make_network();
  const Json first = accepted("endpoint.attach", kAttach);
  EXPECT_EQ(accepted("endpoint.attach", kAttach), first);
  EXPECT_EQ(platform.ports_alive, 1);
  expect_refused(
      "endpoint.attach",
      R"({"container":"c1","segment":"blue","netns":"/run/netns/c2"})",
      ErrorCode::exists_differently,
      "",
      "endpoint c1/eth0: already attached with other properties (netns, addresses)"
  );
}

TEST_F(Endpoints, FailuresAreRolledBack) {
  make_network();
  platform.next_failure["open_endpoint"] = "namespace /run/netns/c1: no such file";
  expect_refused(
      "endpoint.attach",
      kAttach,
      ErrorCode::system_refused,
      "",
      "endpoint c1/eth0: namespace /run/netns/c1: no such file"
  );
  may_publish_when_refused = true;
  platform.next_failure["watch"] = "too many open files";
  expect_refused(
      "endpoint.attach",
      kAttach,
      ErrorCode::system_refused,
      "",
      "endpoint c1/eth0: too many open files"
  );
  EXPECT_FALSE(platform.published->endpoints[0].in_use);
  EXPECT_EQ(platform.published->fdb.size(), 0U);
  EXPECT_TRUE(platform.published->segments[0].flood->endpoints.empty());
  accepted("endpoint.attach", kAttach);
}

TEST_F(Endpoints, IdentitiesBelongToOneHolderInASegment) {
  make_network();
  accepted(
      "endpoint.attach",
      R"({"container":"c1","segment":"blue","pid":1,"mac":"02:00:00:00:00:01","addresses":["10.1.0.5/24"]})"
  );
  expect_refused(
      "endpoint.attach",
      R"({"container":"c2","segment":"blue","pid":1,"mac":"02:00:00:00:00:01"})",
      ErrorCode::in_use,
      "mac",
      "endpoint.mac: 02:00:00:00:00:01 is already endpoint c1/eth0 in segment blue"
  );
  expect_refused(
      "endpoint.attach",
      R"({"container":"c2","segment":"blue","pid":1,"addresses":["10.1.0.6/24","10.1.0.5/24"]})",
      ErrorCode::in_use,
      "addresses[1]",
      "endpoint.addresses[1]: 10.1.0.5 already belongs to endpoint c1/eth0 in segment blue"
  );
}

TEST_F(Endpoints, TenantsMayUseTheSameMacsAndAddresses) {
  make_network();
  accepted("tenant.add", R"({"name":"other"})");
  accepted("segment.add", R"({"name":"red","tenant":"other","vni":7,"local_vtep":"192.0.2.1"})");
  const std::string identity = R"(,"pid":1,"mac":"02:00:00:00:00:01","addresses":["10.1.0.5/24"]})";
  accepted("endpoint.attach", R"({"container":"c1","segment":"blue")" + identity);
  accepted("endpoint.attach", R"({"container":"c2","segment":"red")" + identity);
  EXPECT_EQ(platform.published->fdb.size(), 2U);
}

TEST_F(Endpoints, AddressesMustBeInASubnetIfAnyIsListed) {
  make_network();
  accepted("segment.set", R"({"name":"blue","subnets":["10.1.0.0/24","fd00::/64"]})");
  accepted("endpoint.attach", kAttach);
  expect_refused(
      "endpoint.attach",
      R"({"container":"c2","segment":"blue","pid":1,"addresses":["fd00::1/64","10.2.0.1/24"]})",
      ErrorCode::bad_parameter,
      "addresses[1]",
      "endpoint.addresses[1]: 10.2.0.1 is in no subnet of segment blue"
  );
}

TEST_F(Endpoints, RefusesUnknownSegmentAndMtuAboveTheSegments) {
  make_network();
  expect_refused(
      "endpoint.attach",
      R"({"container":"c1","segment":"nix","pid":1})",
      ErrorCode::not_found,
      "segment",
      "endpoint.segment: segment \"nix\" does not exist"
  );
  expect_refused(
      "endpoint.attach",
      R"({"container":"c1","segment":"blue","pid":1,"mtu":1500})",
      ErrorCode::bad_parameter,
      "mtu",
      "endpoint.mtu: 1500 is above the limit 1450 of segment blue"
  );
}

TEST_F(Endpoints, SpreadOverWorkersByLoad) {
  make_network();
  const auto attach = [&](const std::string& name) {
    return accepted(
        "endpoint.attach", R"({"container":")" + name + R"(","segment":"blue","pid":1})"
    )["worker"];
  };
  EXPECT_EQ(attach("a"), 0);
  EXPECT_EQ(attach("b"), 1);
  EXPECT_EQ(attach("c"), 0);
  accepted("endpoint.detach", R"({"container":"a"})");
  accepted("endpoint.detach", R"({"container":"c"})");
  EXPECT_EQ(attach("d"), 0);
}

TEST_F(Endpoints, PortsWithoutAnFdArePolledNotWatched) {
  make_network();
  accepted(
      "endpoint.attach",
      R"({"container":"m","segment":"blue","kind":"memif","socket":"/run/m.sock"})"
  );
  EXPECT_TRUE(platform.watched.empty());
  const auto& polled = *platform.published->polled[0];
  ASSERT_EQ(polled.size(), 2U);
  EXPECT_EQ(polled[1].endpoint, EndpointIndex{0});
  accepted("endpoint.detach", R"({"container":"m"})");
  EXPECT_EQ(platform.published->polled[0]->size(), 1U);
}

TEST_F(Endpoints, IndicesAreReusedLate) {
  make_network();
  std::set<EndpointIndex> seen;
  for (int i = 0; i < 65; ++i) {
    accepted("endpoint.attach", kAttach);
    EXPECT_TRUE(seen.insert(controller.model().endpoints.begin()->first).second) << i;
    accepted("endpoint.detach", R"({"container":"c1"})");
  }
  for (int i = 0; i < 200; ++i) {
    accepted("endpoint.attach", kAttach);
    accepted("endpoint.detach", R"({"container":"c1"})");
  }
  EXPECT_LE(platform.published->endpoints.size(), 66U);
}

TEST_F(Endpoints, GoneOnesAreReapedListedAndAttachedAgain) {
  make_network();
  accepted("endpoint.attach", kAttach);
  controller.endpoint_gone(EndpointIndex{0});
  EXPECT_EQ(platform.ports_alive, 0);
  EXPECT_TRUE(platform.watched.empty());
  EXPECT_FALSE(platform.published->endpoints[0].in_use);
  EXPECT_TRUE(platform.published->segments[0].flood->endpoints.empty());
  EXPECT_EQ(accepted("endpoint.list")["endpoints"][0]["state"], "gone");
  controller.endpoint_gone(EndpointIndex{0});  // reported by two
  accepted("endpoint.attach", kAttach);
  EXPECT_EQ(accepted("endpoint.list")["endpoints"][0]["state"], "up");
  EXPECT_EQ(platform.published->segments[0].flood->endpoints.size(), 1U);
  controller.endpoint_gone(EndpointIndex{0});
  EXPECT_EQ(accepted("endpoint.detach", R"({"container":"c1"})")["detached"], 1);
}

TEST_F(Endpoints, AttachAgainOpensAnewWhenTheNamespaceWasReplaced) {
  make_network();
  accepted("endpoint.attach", kAttach);
  platform.ports_are_present = false;
  const std::size_t opened = platform.opened_endpoints.size();
  accepted("endpoint.attach", kAttach);
  EXPECT_EQ(platform.opened_endpoints.size(), opened + 1U);
  EXPECT_EQ(platform.ports_alive, 1);
}

TEST(Controller, DestructionLeavesNothing) {
  FakePlatform platform;
  {
    Controller controller{platform};
    Dispatcher dispatcher{controller, About{}};
    const auto call = [&](const char* method, const char* params) {
      ASSERT_TRUE(dispatcher.call(method, Json::parse(params), TimePoint{}));
    };
    call("port.add", kPort);
    call("tenant.add", R"({"name":"acme"})");
    call("segment.add", R"({"name":"blue","tenant":"acme","vni":5001,"local_vtep":"192.0.2.1"})");
    call("endpoint.attach", kAttach);
    call("endpoint.attach", R"({"container":"m","segment":"blue","kind":"memif","socket":"/s"})");
  }
  EXPECT_EQ(platform.ports_alive, 0);
  EXPECT_TRUE(platform.watched.empty());
  EXPECT_TRUE(platform.open_uplinks.empty());
  EXPECT_THAT(platform.violations, testing::IsEmpty());
}

}  // namespace
}  // namespace weft::control
