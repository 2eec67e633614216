// The compiler's promise: whatever the sequence of verbs and reports, the snapshot in force equals
// one compiled from the model at once; and a change clones few chunks.

#include "control/compiler.h"

#include <iterator>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "control/testing/control_fixture.h"

namespace weft::control {
namespace {

bool same(const UplinkEntry& a, const UplinkEntry& b) {
  return a.in_use == b.in_use && a.is_up == b.is_up && a.mac == b.mac && a.mtu == b.mtu &&
         a.tx_port == b.tx_port && a.tx_owner == b.tx_owner;
}

bool same(const SegmentEntry& a, const SegmentEntry& b) {
  if (!a.in_use && !b.in_use) return true;
  return a.in_use == b.in_use && a.has_tunnels == b.has_tunnels && a.kind == b.kind &&
         a.dscp_mode == b.dscp_mode && a.fixed_dscp == b.fixed_dscp &&
         a.unknown_unicast == b.unknown_unicast && a.inner_vlan == b.inner_vlan &&
         a.suppress_neighbors == b.suppress_neighbors && a.learn == b.learn &&
         a.mss_clamp_mtu == b.mss_clamp_mtu && a.mtu == b.mtu && a.vni == b.vni &&
         a.flood->endpoints == b.flood->endpoints && a.flood->tunnels == b.flood->tunnels &&
         a.policy == b.policy && a.policy_default == b.policy_default &&
         a.tenant_meter == b.tenant_meter;
}

bool same(const EndpointEntry& a, const EndpointEntry& b) {
  return a.in_use == b.in_use && a.segment == b.segment && a.owner == b.owner && a.port == b.port &&
         a.mac == b.mac && a.guard.is_enabled == b.guard.is_enabled &&
         a.guard.allow_dhcp == b.guard.allow_dhcp && a.guard.mac == b.guard.mac &&
         a.guard.address_count == b.guard.address_count && a.guard.addresses == b.guard.addresses &&
         a.identity == b.identity && a.limits == b.limits && a.qos.source == b.qos.source &&
         a.qos.dscp == b.qos.dscp && a.qos.meter == b.qos.meter &&
         a.qos.contracts == b.qos.contracts;
}

bool same(const TunnelEntry& a, const TunnelEntry& b) {
  return a.in_use == b.in_use && a.is_resolved == b.is_resolved && a.segment == b.segment &&
         a.uplink == b.uplink && a.inner_mtu == b.inner_mtu && a.outer.octets == b.outer.octets &&
         a.outer.size == b.outer.size && a.outer.kind == b.outer.kind;
}

/// Entries beyond the end of the shorter array must be holes.
template <typename Entry>
void expect_same(const CowArray<Entry>& a, const CowArray<Entry>& b, const char* what) {
  for (std::size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    const Entry* left = a.find(i);
    const Entry* right = b.find(i);
    const bool is_same = left != nullptr && right != nullptr
                             ? same(*left, *right)
                             : !(left == nullptr ? right : left)->in_use;
    EXPECT_TRUE(is_same) << what << " " << i;
  }
}

bool same(const FdbEntry& a, const FdbEntry& b) {
  return a.to == b.to && a.is_static == b.is_static;
}
template <typename Id>
bool same(const Id& a, const Id& b) {
  return a == b;
}

template <typename Key, typename Value>
void expect_same(const CowTable<Key, Value>& a, const CowTable<Key, Value>& b, const char* what) {
  EXPECT_EQ(a.size(), b.size()) << what;
  a.for_each([&](const Key& key, const Value& value) {
    const Value* other = b.find(key);
    EXPECT_TRUE(other != nullptr && same(value, *other)) << what;
  });
}

void expect_same(const Snapshot& a, const Snapshot& b) {
  EXPECT_EQ(a.is_forwarding, b.is_forwarding);
  for (std::size_t i = 0; i < kMaxUplinks; ++i) EXPECT_TRUE(same(a.uplinks[i], b.uplinks[i])) << i;
  EXPECT_EQ(a.vtep_count, b.vtep_count);
  for (std::size_t i = 0; i < kMaxVtepAddresses; ++i) {
    EXPECT_TRUE(a.vteps[i].address == b.vteps[i].address && a.vteps[i].uplink == b.vteps[i].uplink);
  }
  for (std::size_t w = 0; w < 2; ++w) {
    ASSERT_EQ(a.polled[w]->size(), b.polled[w]->size());
    for (std::size_t i = 0; i < a.polled[w]->size(); ++i) {
      EXPECT_EQ((*a.polled[w])[i].port, (*b.polled[w])[i].port);
    }
  }
  expect_same(a.segments, b.segments, "segment");
  expect_same(a.endpoints, b.endpoints, "endpoint");
  expect_same(a.tunnels, b.tunnels, "tunnel");
  expect_same(a.fdb, b.fdb, "fdb");
  expect_same(a.vnis, b.vnis, "vni");
  expect_same(a.tunnel_by_remote, b.tunnel_by_remote, "tunnel_by_remote");
  expect_same(a.neighbors, b.neighbors, "neighbor");
  expect_same(a.identities, b.identities, "identity");
  EXPECT_EQ(a.scarce_classes, b.scarce_classes);
  for (std::size_t i = 0; i < std::max(a.meters.size(), b.meters.size()); ++i) {
    const classifier::CompiledMeter* left = a.meters.find(i);
    const classifier::CompiledMeter* right = b.meters.find(i);
    EXPECT_EQ(left == nullptr ? 0 : left->cbs, right == nullptr ? 0 : right->cbs) << "meter " << i;
  }
}

class Compiler : public ControlFixture {
 protected:
  void expect_as_from_scratch() {
    const auto& model = controller.model();
    const auto& runtime = controller.runtime();
    const auto scratch = compile(model, runtime, everything(model, runtime), Snapshot{});
    expect_same(*platform.published, *scratch);
  }
};

/// A random verb or report over few names, so that most collide with what exists.
class RandomOperations {
 public:
  RandomOperations(
      unsigned seed, Dispatcher& dispatcher, Controller& controller, FakePlatform& fake
  )
      : random_{seed}, dispatcher_{dispatcher}, controller_{controller}, platform_{fake} {}

  void step(TimePoint now) {
    const std::string segment = "s" + pick(4);
    const std::string container = "c" + pick(6);
    const std::string vtep = choice() ? "192.0.2.2" + pick(3) : "2001:db8::2" + pick(3);
    Json params;
    switch (number(20)) {
      case 0:
        call(
            "port.add", {{"name", "up1"}, {"device", "d1"}, {"addresses", {"198.51.100.1/24"}}}, now
        );
        break;
      case 1:
        call("port.remove", {{"name", "up" + pick(2)}}, now);
        break;
      case 2:
        call("port.set", {{"name", "up" + pick(2)}, {"up", choice()}}, now);
        break;
      case 3:
      case 4:
        params = {{"name", segment}, {"tenant", "acme"}, {"encap", kind()}};
        if (params["encap"] != "none") {
          params["vni"] = 5000 + number(3);
          params["local_vtep"] = local_vtep();
        }
        call("segment.add", params, now);
        break;
      case 5:
        call(
            "segment.set",
            {{"name", segment},
             {"vni", 5000 + number(3)},
             {"encap", kind()},
             {"mss_clamp", choice()}},
            now
        );
        break;
      case 6:
        call("segment.remove", {{"name", segment}}, now);
        break;
      case 7:
      case 8:
        params = {{"segment", segment}, {"vtep", vtep}};
        params["endpoints"] = Json::array();
        params["endpoints"].push_back({{"mac", mac_text()}, {"addresses", {"10.0.0.1" + pick(6)}}});
        call("remote.add", params, now);
        break;
      case 9:
        call("remote.remove", {{"segment", segment}, {"vtep", vtep}}, now);
        break;
      case 10:
      case 11:
        params = {
            {"container", container}, {"segment", segment}, {"addresses", {"10.0.0.1" + pick(6)}}};
        if (choice()) {
          params["pid"] = 1;
        } else {
          params["kind"] = "memif";
          params["socket"] = "/s";
        }
        if (number(8) == 0) platform_.next_failure[choice() ? "open_endpoint" : "watch"] = "no";
        call("endpoint.attach", params, now);
        break;
      case 12:
        call("endpoint.detach", {{"container", container}}, now);
        break;
      case 13:
        controller_.endpoint_gone(any_of(controller_.model().endpoints));
        break;
      case 14: {
        const IpAddress address = *parse_ip(vtep);
        const std::optional<MacAddress> mac = MacAddress::from_bits(0x020000000000U + number(9));
        controller_.next_hop_changed(UplinkIndex{0}, address, choice() ? mac : std::nullopt);
        if (choice())
          controller_.path_mtu_changed(address, static_cast<std::uint16_t>(600 + number(900)));
        break;
      }
      case 15:
        controller_.learned(
            any_of(controller_.model().segments),
            *parse_mac(mac_text()),
            any_of(controller_.model().remotes),
            now
        );
        if (number(4) == 0) controller_.age_out(now);
        break;
      default:
        classify(container, segment, now);
        break;
    }
    controller_.commit();
  }

  /// A verb of policy or QoS.
  void classify(const std::string& container, const std::string& segment, TimePoint now) {
    const Json group{{"group", "g" + pick(3)}};
    switch (number(7)) {
      case 0:
        call(
            "policy.add",
            {{"tenant", "acme"}, {"name", "r" + pick(4)}, {"action", "allow"}, {"from", group}},
            now
        );
        break;
      case 1:
        call("policy.remove", {{"tenant", "acme"}, {"name", "r" + pick(4)}}, now);
        break;
      case 2:
      case 3: {
        Json contracts = Json::array();
        if (choice()) contracts.push_back({{"class", "AF4"}, {"rate", 1'000'000}});
        call(
            "endpoint.set",
            {{"container", container},
             {"groups", {"g" + pick(3)}},
             {"limits", {{"connections", number(2)}}},
             {"qos", {{"rate", 100'000 * number(3)}, {"contracts", contracts}}}},
            now
        );
        break;
      }
      case 4:
        call(
            "segment.set",
            {{"name", segment},
             {"policy_default", choice() ? "groups" : "allow"},
             {"agents", {"192.168.0." + pick(3)}}},
            now
        );
        break;
      case 5:
        call("qos.budget.set", {{"class", "AF4"}, {"rate", 1'000'000 * number(4)}}, now);
        break;
      case 6:
        call(
            "qos.meter.add",
            {{"tenant", "acme"}, {"name", "m"}, {"cir", 80'000}, {"cbs", 3000}},
            now
        );
        call("tenant.set", {{"name", "acme"}, {"meter", choice() ? Json("m") : Json{}}}, now);
        call("qos.meter.remove", {{"tenant", "acme"}, {"name", "m"}}, now);
        break;
    }
  }

  [[nodiscard]] std::size_t accepted() const { return accepted_; }

 private:
  std::uint32_t number(std::uint32_t below) {
    return static_cast<std::uint32_t>(random_() % below);
  }
  /// Any key of the map, or 0 when it is empty.
  template <typename Map>
  typename Map::key_type any_of(const Map& map) {
    if (map.empty()) return typename Map::key_type{};
    return std::next(map.begin(), number(static_cast<std::uint32_t>(map.size())))->first;
  }
  bool choice() { return number(2) == 0; }
  std::string pick(std::uint32_t below) { return std::to_string(number(below)); }
  std::string kind() {
    const char* kinds[] = {"vxlan", "nvgre", "none"};
    return kinds[number(3)];
  }
  std::string local_vtep() {
    const char* addresses[] = {"192.0.2.1", "2001:db8::1", "198.51.100.1"};
    return addresses[number(3)];
  }
  std::string mac_text() { return "02:00:00:00:00:0" + pick(6); }
  void call(const char* method, const Json& params, TimePoint now) {
    if (dispatcher_.call(method, params, now)) ++accepted_;
  }

  std::mt19937 random_;
  Dispatcher& dispatcher_;
  Controller& controller_;
  FakePlatform& platform_;
  std::size_t accepted_{};
};

TEST_F(Compiler, StepByStepEqualsAtOnce) {
  make_network();
  const unsigned seed = 20240607;
  SCOPED_TRACE("seed " + std::to_string(seed));
  RandomOperations operations{seed, dispatcher, controller, platform};
  for (int i = 0; i < 5000 && !HasFailure(); ++i) {
    SCOPED_TRACE("step " + std::to_string(i));
    now += std::chrono::seconds{7};
    operations.step(now);
    expect_as_from_scratch();
    ASSERT_TRUE(platform.violations.empty()) << platform.violations.front();
  }
  // Otherwise the sequence was too tame to show anything.
  EXPECT_GT(operations.accepted(), 1500U);
}

TEST_F(Compiler, AChangeLeavesOlderSnapshotsAlone) {
  make_network();
  accepted("endpoint.attach", R"({"container":"a","segment":"blue","pid":1})");
  const auto before = platform.published;
  accepted("endpoint.detach", R"({"container":"a"})");
  EXPECT_TRUE(before->endpoints[0].in_use);
  EXPECT_EQ(before->fdb.size(), 1U);
  EXPECT_EQ(before->segments[0].flood->endpoints.size(), 1U);
  EXPECT_FALSE(platform.published->endpoints[0].in_use);
}

TEST_F(Compiler, SharesWhatDidNotChange) {
  make_network();
  for (int i = 0; i < 300; ++i) {
    const std::string name = "c" + std::to_string(i);
    accepted("endpoint.attach", R"({"container":")" + name + R"(","segment":"blue","pid":1})");
  }
  const auto before = platform.published;
  accepted("endpoint.detach", R"({"container":"c299"})");
  const auto& after = platform.published;
  EXPECT_EQ(&before->endpoints[0], &after->endpoints[0]);      // another chunk of 64
  EXPECT_NE(&before->endpoints[299], &after->endpoints[299]);  // the changed one
  EXPECT_EQ(before->polled[0], after->polled[0]);
  // Of the 300 entries of the FDB, only those in the changed chunk or two moved.
  std::size_t moved = 0;
  before->fdb.for_each([&](std::uint64_t key, const FdbEntry& entry) {
    if (after->fdb.find(key) != &entry) ++moved;
  });
  EXPECT_LE(moved, 128U);
}

}  // namespace
}  // namespace weft::control
