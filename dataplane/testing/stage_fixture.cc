#include "dataplane/testing/stage_fixture.h"

#include <algorithm>
#include <utility>

namespace weft::stage_test {
namespace {

constexpr std::uint64_t kFlowSeed = 0x5EED;

}  // namespace

std::uint16_t FakePort::tx_burst(rte_mbuf** frames, std::uint16_t count) noexcept {
  const std::uint16_t taken = std::min(count, room);
  for (std::uint16_t i = 0; i < taken; ++i) sent.emplace_back(frames[i]);
  return taken;
}

void StageTest::SetUp() {
  PacketTest::SetUp();
  auto tables = WorkerTables::make(
      {.flows = 1024, .endpoints = 64, .rule_counters = 64, .meters = 64}, kFlowSeed
  );
  ASSERT_TRUE(tables) << tables.error().message;
  tables_ = std::move(*tables);
  context_ = std::unique_ptr<StageContext>{new StageContext{
      .worker = WorkerId{0},
      .pools = pools(),
      .counters = counters_,
      .activity = *activity_,
      .tables = tables_.get(),
      .events = events_}};
  context_->backlog.reserve(4);
  context_->handoff_to[1] = &to_worker1_;
  context_->snapshot = &snapshot_;
  context_->now = Tsc{1'000'000};

  uplink_port_ = std::make_unique<FakePort>("up0", PortTraits{false, false, 9000});
  UplinkEntry& up = snapshot_.uplinks[0];
  up.in_use = up.is_up = true;
  up.mac = kMacUplink;
  up.mtu = 1500;
  up.tx_port[0] = uplink_port_.get();
  snapshot_.vteps[0] = {kVtepLocal, UplinkIndex{0}};
  snapshot_.vtep_count = 1;

  add_endpoint(0, 0, kMacA, IpAddress{kIp4A}, WorkerId{0});
  add_endpoint(1, 0, kMacB, IpAddress{kIp4B}, WorkerId{0});
  add_endpoint(2, 0, kMacC, IpAddress{kIp4C}, WorkerId{1});
  add_endpoint(3, 1, kMacA, IpAddress{kIp4A}, WorkerId{0});
  add_segment(0, kVni, {0, 1, 2}, true);
  add_segment(1, Vni{5002}, {3}, false);

  snapshot_.tunnels.grow(1);
  TunnelEntry& tunnel = snapshot_.tunnels.mutate(0);
  tunnel.in_use = tunnel.is_resolved = true;
  tunnel.segment = SegmentIndex{0};
  tunnel.inner_mtu = kInnerMtu;
  encap::OuterSpec spec;
  spec.kind = encap::Kind::vxlan;
  spec.vni = kVni;
  spec.source_mac = kMacUplink;
  spec.destination_mac = kMacNextHop;
  spec.local = kVtepLocal;
  spec.remote = kVtepRemote;
  tunnel.outer = encap::build_outer(spec);
  snapshot_.fdb.set(fdb_key(SegmentIndex{0}, kMacR), {Destination{TunnelIndex{0}}, true});
  snapshot_.tunnel_by_remote.set(segment_address(SegmentIndex{0}, kVtepRemote), TunnelIndex{0});
  snapshot_.neighbors.set(segment_address(SegmentIndex{0}, IpAddress{kIp4R}), kMacR);
}

void StageTest::add_segment(
    unsigned index, Vni vni, const std::vector<unsigned>& endpoints, bool has_tunnel
) {
  const SegmentIndex segment{static_cast<std::uint16_t>(index)};
  auto flood = std::make_shared<FloodList>();
  for (const unsigned endpoint : endpoints) flood->endpoints.emplace_back(endpoint);
  if (has_tunnel) flood->tunnels.emplace_back(0U);
  snapshot_.segments.grow(index + 1U);
  SegmentEntry& entry = snapshot_.segments.mutate(index);
  entry.in_use = true;
  entry.has_tunnels = has_tunnel;
  entry.kind = encap::Kind::vxlan;
  entry.vni = vni;
  entry.mtu = kInnerMtu;
  entry.flood = std::move(flood);
  snapshot_.vnis.set(vni_key(0, encap::Kind::vxlan, vni), segment);
}

void StageTest::add_endpoint(
    unsigned index,
    unsigned segment,
    const MacAddress& mac,
    const IpAddress& address,
    WorkerId owner
) {
  endpoint_ports_.push_back(
      std::make_unique<FakePort>("c" + std::to_string(index), PortTraits{true, true, kMaxFrame})
  );
  const SegmentIndex segment_index{static_cast<std::uint16_t>(segment)};
  snapshot_.endpoints.grow(index + 1U);
  EndpointEntry& entry = snapshot_.endpoints.mutate(index);
  entry.in_use = true;
  entry.segment = segment_index;
  entry.owner = owner;
  entry.port = endpoint_ports_.back().get();
  entry.mac = mac;
  entry.guard.mac = mac;
  entry.guard.address_count = 2;
  entry.guard.addresses[0] = {address, 32};
  entry.guard.addresses[1] = {IpAddress{kIp6A}, 128};
  snapshot_.fdb.set(fdb_key(segment_index, mac), {Destination{EndpointIndex{index}}, true});
  snapshot_.neighbors.set(segment_address(segment_index, address), mac);
}

void StageTest::TearDown() {
  std::uint64_t ring = 0;
  rte_mbuf* frame = nullptr;
  while (to_worker1_.pop(frame)) {
    ++ring;
    rte_pktmbuf_free(frame);
  }
  EXPECT_EQ(ring, counters_.handed_over.get());
  WorkerEvent event;
  while (events_.pop(event)) rte_pktmbuf_free(event.frame);
  EXPECT_EQ(
      counters_.rx.get() + counters_.cloned.get() + counters_.segmented.get() +
          counters_.injected.get() + counters_.taken_over.get(),
      counters_.tx.get() + drops() + counters_.coalesced.get() + counters_.punted.get() +
          counters_.handed_over.get() + counters_.queued.get()
  ) << "the conservation law";
  endpoint_ports_.clear();
  uplink_port_.reset();
  PacketTest::TearDown();
}

void StageTest::receive(const Origin& origin, std::vector<Packet> frames) {
  Burst burst;
  for (Packet& frame : frames) burst.frames[burst.count++] = frame.release();
  counters_.rx.add(burst.count);
  context_->source =
      origin.is_uplink() ? uplink_port_.get() : endpoint_ports_[origin.endpoint.value()].get();
  run_burst(*context_, origin, burst);
  (void)serve_backlog(*context_);
  flush(*context_);
}

void StageTest::receive_from(unsigned endpoint, Packet frame) {
  std::vector<Packet> frames;
  frames.push_back(std::move(frame));
  receive_from(endpoint, std::move(frames));
}

void StageTest::receive_from(unsigned endpoint, std::vector<Packet> frames) {
  receive(Origin{EndpointIndex{endpoint}, UplinkIndex{}}, std::move(frames));
}

void StageTest::receive_from_uplink(Packet frame) {
  std::vector<Packet> frames;
  frames.push_back(std::move(frame));
  receive_from_uplink(std::move(frames));
}

void StageTest::receive_from_uplink(std::vector<Packet> frames) {
  receive(Origin{}, std::move(frames));
}

std::uint64_t StageTest::drops() const {
  std::uint64_t sum = 0;
  for (const Counter& counter : counters_.drops.by_reason) sum += counter.get();
  return sum;
}

::testing::AssertionResult StageTest::dropped_only(DropReason reason, std::uint64_t count) const {
  for (const DropInfo& info : kDropInfo) {
    const std::uint64_t expected = info.reason == reason ? count : 0;
    if (drops(info.reason) != expected) {
      return ::testing::AssertionFailure()
             << info.name << " is " << drops(info.reason) << ", expected " << expected;
    }
  }
  return ::testing::AssertionSuccess();
}

Octets StageTest::from_remote(
    const Octets& inner, Vni vni, const IpAddress& source, std::uint8_t tos, encap::Kind kind
) {
  encap::OuterSpec spec;
  spec.kind = kind;
  spec.vni = vni;
  spec.source_mac = kMacNextHop;
  spec.destination_mac = kMacUplink;
  spec.local = source;
  spec.remote = kVtepLocal;
  const encap::OuterTemplate outer = encap::build_outer(spec);
  Octets octets(encap::kOuterCopy + inner.size());
  std::copy(inner.begin(), inner.end(), octets.begin() + encap::kOuterCopy);
  const std::size_t size =
      encap::write_outer(outer, octets.data() + encap::kOuterCopy, inner.size(), tos, 0x12345678);
  octets.erase(
      octets.begin(), octets.begin() + static_cast<std::ptrdiff_t>(encap::kOuterCopy - size)
  );
  return octets;
}

}  // namespace weft::stage_test
