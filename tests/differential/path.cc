#include "tests/differential/path.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "classifier/policer.h"
#include "dataplane/port/testing/packets.h"
#include "encap/outer.h"

namespace weft::differential {
namespace {

using wire_test::Octets;

constexpr MacAddress kMacUplink{{0x02, 0, 0, 0, 2, 1}};
constexpr MacAddress kMacNextHop{{0x02, 0, 0, 0, 2, 2}};
const IpAddress kLocalVtep{Ipv4Address{{198, 51, 100, 1}}};
const IpAddress kRemoteVtep{Ipv4Address{{198, 51, 100, 2}}};
constexpr std::size_t kOuter = 14 + 20 + 8 + 8;  // VXLAN over IPv4
constexpr std::uint16_t kMtu = 1450;
// More than two tenants can have at once, so that nothing is ever evicted.
constexpr std::uint32_t kFlows = 1U << 18U;

Vni vni_of(unsigned tenant) {
  return Vni{100 + tenant};
}
SegmentIndex segment_of(unsigned tenant) {
  return SegmentIndex{static_cast<std::uint16_t>(tenant)};
}

encap::OuterSpec outer_spec(unsigned tenant) {
  encap::OuterSpec spec;
  spec.kind = encap::Kind::vxlan;
  spec.vni = vni_of(tenant);
  spec.source_mac = kMacUplink;
  spec.destination_mac = kMacNextHop;
  spec.local = kLocalVtep;
  spec.remote = kRemoteVtep;
  return spec;
}

Octets tunnelled(const TracePacket& packet, const Octets& inner) {
  encap::OuterSpec spec = outer_spec(packet.tenant);
  std::swap(spec.source_mac, spec.destination_mac);
  std::swap(spec.local, spec.remote);
  Octets octets(encap::kOuterCopy + inner.size());
  std::copy(inner.begin(), inner.end(), octets.begin() + encap::kOuterCopy);
  const auto tos = static_cast<std::uint8_t>(packet.outer_dscp << 2U);
  const std::size_t size = encap::write_outer(
      encap::build_outer(spec), octets.data() + encap::kOuterCopy, inner.size(), tos, packet.number
  );
  return {octets.begin() + static_cast<std::ptrdiff_t>(encap::kOuterCopy - size), octets.end()};
}

std::uint8_t dscp_of(ConstBytes frame) {
  const ParsedFrame parsed = parse_frame(frame);
  const bool is_ip = parsed.l3 == L3Kind::ipv4 || parsed.l3 == L3Kind::ipv6;
  return is_ip ? static_cast<std::uint8_t>(parsed.tos >> 2U) : std::uint8_t{0};
}

std::uint32_t number_of(ConstBytes frame) {
  std::uint32_t number = 0;
  for (const std::uint8_t octet : frame.last(4)) number = number << 8U | octet;
  return number;
}

}  // namespace

class Path::NotingPort final : public Port {
 public:
  NotingPort(unsigned place, std::vector<Emission>& emissions)
      : Port{"p" + std::to_string(place), PortTraits{false, true, kMaxFrame}},
        place_{place},
        emissions_{emissions} {}
  std::uint16_t rx_burst(rte_mbuf** /*out*/, std::uint16_t /*max*/) noexcept override { return 0; }
  std::uint16_t tx_burst(rte_mbuf** frames, std::uint16_t count) noexcept override {
    for (std::uint16_t i = 0; i < count; ++i) {
      const ConstBytes octets = head_bytes(frames[i]);
      const bool is_tunnel = place_ == kTunnelPlace;
      const ConstBytes inner = is_tunnel ? octets.subspan(kOuter) : octets;
      const std::uint8_t outer = is_tunnel ? dscp_of(octets) : std::uint8_t{0};
      emissions_.push_back({number_of(inner), {place_, dscp_of(inner), outer}});
      rte_pktmbuf_free(frames[i]);
    }
    return count;
  }
  [[nodiscard]] const char* kind() const noexcept override { return "noting"; }

 private:
  unsigned place_;
  std::vector<Emission>& emissions_;
};

struct Path::Worker {
  Worker(WorkerId id, std::vector<Emission>& emissions) : uplink{kTunnelPlace, emissions} {
    auto made = WorkerTables::make(
        {.flows = kFlows,
         .endpoints = kTenants * kLocalHosts,
         .rule_counters = kRuleCounters,
         .meters = kMeters},
        id.value() + 1U
    );
    if (!made) throw std::runtime_error{made.error().message};
    tables.swap(*made);
    context = std::unique_ptr<StageContext>{new StageContext{
        .worker = id,
        .pools = wire_test::pools(),
        .counters = counters,
        .activity = *activity,
        .tables = tables.get(),
        .events = events}};
    context->now = Tsc{1'000'000};
  }
  WorkerCounters counters;
  std::unique_ptr<Activity> activity = std::make_unique<Activity>();
  EventRing events{64};
  HandoffRing arrivals{1024};
  std::unique_ptr<WorkerTables> tables;
  std::unique_ptr<StageContext> context;
  NotingPort uplink;
};

Path::Path(unsigned workers) {
  for (unsigned i = 0; i < kTenants * kLocalHosts; ++i) {
    ports_.push_back(std::make_unique<NotingPort>(i, emissions_));
  }
  UplinkEntry& uplink = snapshot_.uplinks[0];
  uplink.in_use = uplink.is_up = true;
  uplink.mac = kMacUplink;
  uplink.mtu = 1500;
  snapshot_.vteps[0] = {kLocalVtep, UplinkIndex{0}};
  snapshot_.vtep_count = 1;
  // Colour-aware and never empty: they count and change nothing.
  constexpr std::uint64_t kHuge = 1'000'000'000'000;
  const classifier::MeterConfig config{
      .is_colour_aware = true,
      .cir = 1'000'000'000,
      .cbs = kHuge,
      .excess_burst = kHuge,
      .actions = {}};
  snapshot_.meters.grow(kMeters);
  for (std::size_t i = 1; i < kMeters; ++i) {
    snapshot_.meters.mutate(i) = classifier::compile(config, 1, 1'000'000'000);
  }
  for (unsigned w = 0; w < workers; ++w) {
    workers_.push_back(std::make_unique<Worker>(WorkerId{static_cast<std::uint16_t>(w)}, emissions_)
    );
    uplink.tx_port[w] = &workers_.back()->uplink;
    workers_.back()->context->snapshot = &snapshot_;
  }
  for (const auto& from : workers_) {
    for (std::size_t to = 0; to < workers_.size(); ++to) {
      if (from != workers_[to]) from->context->handoff_to[to] = &workers_[to]->arrivals;
    }
  }
  for (unsigned tenant = 0; tenant < kTenants; ++tenant) add_tenant(tenant);
}

Path::~Path() = default;

void Path::add_tenant(unsigned tenant) {
  const SegmentIndex index = segment_of(tenant);
  snapshot_.segments.grow(tenant + 1U);
  snapshot_.tunnels.grow(tenant + 1U);
  snapshot_.endpoints.grow((tenant + 1U) * kLocalHosts);

  TunnelEntry& tunnel = snapshot_.tunnels.mutate(tenant);
  tunnel.in_use = tunnel.is_resolved = true;
  tunnel.segment = index;
  tunnel.inner_mtu = kMtu;
  tunnel.outer = encap::build_outer(outer_spec(tenant));
  const TunnelIndex tunnel_index{tenant};
  snapshot_.tunnel_by_remote.set(segment_address(index, kRemoteVtep), tunnel_index);

  auto flood = std::make_shared<FloodList>();
  flood->tunnels.push_back(tunnel_index);
  for (unsigned i = 0; i < kHosts; ++i) {
    const Host& here = host(i);
    const EndpointIndex endpoint_index = endpoint_of(tenant, i);
    const Destination to = is_local(i) ? Destination{endpoint_index} : Destination{tunnel_index};
    snapshot_.fdb.set(fdb_key(index, here.mac), {to, true});
    for (const IpAddress& address : {here.v4, here.v6}) {
      if (here.identity != 0)
        snapshot_.identities.set(segment_address(index, address), here.identity);
    }
    if (!is_local(i)) continue;
    EndpointEntry& endpoint = snapshot_.endpoints.mutate(endpoint_index.value());
    endpoint.in_use = true;
    endpoint.segment = index;
    endpoint.owner = WorkerId{static_cast<std::uint16_t>(i % workers_.size())};
    endpoint.port = ports_[endpoint_index.value()].get();
    endpoint.mac = endpoint.guard.mac = here.mac;
    endpoint.guard.address_count = 2;
    endpoint.guard.addresses[0] = {here.v4, 32};
    endpoint.guard.addresses[1] = {here.v6, 128};
    endpoint.identity = here.identity;
    flood->endpoints.push_back(endpoint_index);
  }
  SegmentEntry& segment = snapshot_.segments.mutate(tenant);
  segment.in_use = segment.has_tunnels = true;
  segment.kind = encap::Kind::vxlan;
  segment.vni = vni_of(tenant);
  segment.mtu = kMtu;
  segment.suppress_neighbors = false;
  segment.flood = std::move(flood);
  snapshot_.vnis.set(vni_key(0, encap::Kind::vxlan, segment.vni), index);
}

void Path::set_rules(unsigned tenant, const Rules& rules) {
  SegmentEntry& segment = snapshot_.segments.mutate(tenant);
  segment.policy = rules.policy;
  segment.policy_default = rules.fallback;
  segment.dscp_mode = rules.dscp_mode;
  segment.fixed_dscp = rules.fixed_dscp;
  ++segment.policy_epoch;
}

void Path::replace_container(unsigned tenant, unsigned host) {
  snapshot_.endpoints.mutate(endpoint_of(tenant, host).value()).born_epoch = epoch(tenant);
}

void Path::advance(std::uint32_t ticks) {
  for (const auto& worker : workers_) {
    StageContext& context = *worker->context;
    context.coarse_now = classifier::CoarseTime{context.coarse_now.value() + ticks};
  }
}

void Path::sweep() {
  for (const auto& worker : workers_) {
    (void)worker->tables->flows.sweep(worker->context->coarse_now, worker->tables->timeouts, 4096);
  }
}

std::uint32_t Path::epoch(unsigned tenant) const {
  return snapshot_.segments[tenant].policy_epoch;
}

void Path::set_epoch(unsigned tenant, std::uint32_t epoch) {
  snapshot_.segments.mutate(tenant).policy_epoch = epoch;
}

std::vector<Emission> Path::run(std::span<const TracePacket> packets) {
  emissions_.clear();
  const TracePacket& first = packets.front();
  Origin origin;
  std::size_t receiver = next_uplink_worker_++ % workers_.size();
  if (is_local(first.from)) {
    origin.endpoint = endpoint_of(first.tenant, first.from);
    receiver = snapshot_.endpoints[origin.endpoint.value()].owner.value();
  }
  Worker& worker = *workers_[receiver];
  Burst burst;
  for (const TracePacket& packet : packets) {
    const Octets frame = frame_of(packet);
    const Octets octets = origin.is_uplink() ? tunnelled(packet, frame) : frame;
    burst.frames[burst.count++] = wire_test::packet(octets).release();
  }
  worker.counters.rx.add(burst.count);
  worker.context->source =
      origin.is_uplink() ? &worker.uplink : ports_[origin.endpoint.value()].get();
  run_burst(*worker.context, origin, burst);
  flush(*worker.context);
  hand_over();
  std::sort(emissions_.begin(), emissions_.end());
  return emissions_;
}

void Path::hand_over() {
  for (const auto& worker : workers_) {
    worker->context->source = nullptr;
    Burst burst;
    do {
      burst.count = 0;
      while (burst.count < kMaxBurst && worker->arrivals.pop(burst.frames[burst.count])) {
        ++burst.count;
      }
      worker->counters.taken_over.add(burst.count);
      run_taken_over(*worker->context, burst);
    } while (burst.count == kMaxBurst);
    flush(*worker->context);
  }
}

std::uint64_t Path::dropped(DropReason reason) const {
  std::uint64_t sum = 0;
  for (const auto& worker : workers_) sum += worker->counters.drops.get(reason);
  return sum;
}

RuleCount Path::rule_count(std::uint32_t counter) const {
  RuleCount sum;
  for (const auto& worker : workers_) {
    const RuleHits& hits = worker->tables->hits(counter);
    sum.packets += hits.packets.get();
    sum.octets += hits.octets.get();
    sum.connections += hits.connections.get();
  }
  return sum;
}

std::uint64_t Path::metered(std::uint16_t index) const {
  std::uint64_t sum = 0;
  for (const auto& worker : workers_) {
    for (const Counter& packets : worker->tables->meter(index).packets) sum += packets.get();
  }
  return sum;
}

std::string Path::fault() const {
  std::uint64_t in = 0;
  std::uint64_t out = 0;
  for (const auto& worker : workers_) {
    const WorkerCounters& counters = worker->counters;
    in += counters.rx.get() + counters.cloned.get() + counters.taken_over.get();
    out += counters.tx.get() + counters.handed_over.get();
    for (const Counter& drops : counters.drops.by_reason) out += drops.get();
    // The model forgets nothing for want of room.
    if (worker->tables->flows.stats().evicted != 0)
      return "flows were evicted: kFlows is too small";
  }
  if (in == out) return "";
  return "in " + std::to_string(in) + " frames, out " + std::to_string(out);
}

}  // namespace weft::differential
