#include "perf/pipeline_scene.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <utility>

#include <rte_cycles.h>
#include <rte_malloc.h>

#include "classifier/mapped_memory.h"
#include "classifier/policy_compiler.h"
#include "classifier/testing/policy_rules.h"

namespace weft::perf {
namespace {

namespace rules = classifier::testing;

constexpr unsigned kMbufs = 1023;
constexpr unsigned kPoolCache = 256;
constexpr std::uint16_t kUnderlayMtu = 9000;
constexpr std::uint32_t kEstablishedPeers = 64;
constexpr std::uint32_t kNewPeers = 1024;
constexpr std::uint8_t kAf41 = 34;
constexpr std::uint16_t kMeter = 1;
constexpr SegmentIndex kSegment{0};
constexpr TunnelIndex kTunnel{0};
constexpr UplinkIndex kUplink{0};
constexpr MacAddress kMacUplink{{0x02, 0, 0, 0, 2, 1}};
constexpr MacAddress kMacNextHop{{0x02, 0, 0, 0, 2, 2}};
constexpr Vni kVni{5001};
// Endpoint i of the rule sets is in group i mod 1,000: these are nobody's.
constexpr std::uint32_t kContainerIdentity = 500;
constexpr std::uint32_t kPeerIdentity = 1500;

IpAddress vtep(IpFamily family, std::uint8_t last) {
  if (family == IpFamily::v4) return IpAddress{Ipv4Address{{198, 51, 100, last}}};
  return IpAddress{Ipv6Address{{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last}}};
}

encap::OuterSpec outer_spec(const SceneSpec& spec, bool is_inbound) {
  encap::OuterSpec outer;
  outer.kind = spec.kind;
  outer.vni = kVni;
  outer.source_mac = is_inbound ? kMacNextHop : kMacUplink;
  outer.destination_mac = is_inbound ? kMacUplink : kMacNextHop;
  outer.local = vtep(spec.underlay, is_inbound ? 2 : 1);
  outer.remote = vtep(spec.underlay, is_inbound ? 1 : 2);
  return outer;
}

std::uint8_t dscp_mode_tos(std::uint8_t dscp) {
  return static_cast<std::uint8_t>(dscp << 2U);
}

class FramePool {
 public:
  FramePool() {
    static_cast<void>(wire_test::pools());  // starts EAL, which has pages of 4 KB
    constexpr std::size_t kPage = std::size_t{2} << 20U;
    auto made = classifier::MappedMemory::create(kHeap, "frames");
    if (!made) fail(made.error().message.c_str());
    memory_ = std::move(*made);
    if (rte_malloc_heap_create(kName) != 0 ||
        rte_malloc_heap_memory_add(
            kName, memory_.data(), kHeap, nullptr, static_cast<unsigned>(kHeap / kPage), kPage
        ) != 0) {
      fail("no heap for frames");
    }
    pool_ = rte_pktmbuf_pool_create(
        kName,
        kMbufs,
        kPoolCache,
        sizeof(PacketMeta),
        wire_test::kSmallRoom + kHeadroom,
        rte_malloc_heap_get_socket(kName)
    );
    if (pool_ == nullptr) fail("no pool of frames");
  }
  FramePool(const FramePool&) = delete;
  FramePool& operator=(const FramePool&) = delete;
  ~FramePool() {
    rte_mempool_free(pool_);
    rte_malloc_heap_memory_remove(kName, memory_.data(), kHeap);
    rte_malloc_heap_destroy(kName);
  }
  [[nodiscard]] rte_mempool* pool() const noexcept { return pool_; }

 private:
  static constexpr const char* kName = "bench-frames";
  static constexpr std::size_t kHeap = std::size_t{8} << 20U;
  [[noreturn]] static void fail(const char* what) {
    std::fprintf(stderr, "pipeline_bench: %s\n", what);
    std::abort();
  }
  classifier::MappedMemory memory_;
  rte_mempool* pool_{};
};

}  // namespace

rte_mempool* frame_pool() {
  static const FramePool instance;
  return instance.pool();
}

/// Keeps what it is sent until the batch is over.
class Scene::SinkPort final : public Port {
 public:
  SinkPort(std::string name, PortTraits traits, Sent& sent)
      : Port{std::move(name), traits}, sent_{sent} {}
  std::uint16_t rx_burst(rte_mbuf** /*out*/, std::uint16_t /*max*/) noexcept override { return 0; }
  std::uint16_t tx_burst(rte_mbuf** frames, std::uint16_t count) noexcept override {
    const auto room = static_cast<std::uint16_t>(sent_.frames.size() - sent_.count);
    const std::uint16_t taken = std::min(count, room);
    std::copy_n(frames, taken, sent_.frames.begin() + sent_.count);
    sent_.count += taken;
    return taken;
  }
  [[nodiscard]] const char* kind() const noexcept override { return "sink"; }

 private:
  Sent& sent_;
};

Scene::Scene(const SceneSpec& spec)
    : spec_{spec},
      peers_{
          spec.job == Job::local ? kContainers
          : spec.is_always_new   ? kNewPeers
                                 : kEstablishedPeers},
      inbound_{encap::build_outer(outer_spec(spec, true))} {
  static_cast<void>(frame_pool());
  const std::uint32_t ends = spec.job == Job::local ? 2 : 1;
  // As many as a worker has by default, or what the flows need.
  TableSizes sizes{.endpoints = 4096, .rule_counters = 1U << 17U, .meters = 16};
  sizes.flows = std::max(sizes.flows, spec.flows * ends + spec.flows / 8);
  auto tables = WorkerTables::make(sizes, 0x5EED);
  if (!tables) throw std::runtime_error{tables.error().message};
  tables_ = std::move(*tables);
  context_ = std::unique_ptr<StageContext>{new StageContext{
      .worker = WorkerId{0},
      .pools = {.small = frame_pool(), .large = wire_test::pools().large},
      .counters = counters_,
      .activity = *activity_,
      .tables = tables_.get(),
      .events = events_}};
  context_->snapshot = &snapshot_;
  context_->second = 1;
  context_->coarse_now = classifier::CoarseTime{1};

  add_segment();
  const std::uint32_t containers = kContainers + (spec.job == Job::local ? kContainers : 0U);
  for (std::uint32_t i = 0; i < containers; ++i) {
    add_container(i, i < kContainers ? kContainerIdentity + i : kPeerIdentity + i - kContainers);
  }
  add_tunnel();
  if (spec.rules != 0) {
    add_policy();
    if (!spec.is_always_new) answer_every_flow();
  }
}

Scene::~Scene() {
  unload();
}

void Scene::add_segment() {
  snapshot_.segments.grow(1);
  SegmentEntry& segment = snapshot_.segments.mutate(kSegment.value());
  segment.in_use = segment.has_tunnels = true;
  segment.kind = spec_.kind;
  segment.vni = kVni;
  segment.mtu = 1500;
  segment.flood = std::make_shared<FloodList>();
  snapshot_.vnis.set(vni_key(0, spec_.kind, kVni), kSegment);
}

void Scene::add_container(std::uint32_t index, std::uint32_t identity) {
  // As memif and vhost-user, or as TAP and veth.
  const PortTraits traits{
      .takes_offloads = spec_.has_kernel_ports, .takes_chains = true, .max_frame = kMaxFrame};
  ports_.push_back(std::make_unique<SinkPort>("c" + std::to_string(index), traits, sent_));
  const Party self = container(index);
  const IpAddress address{self.address};
  snapshot_.endpoints.grow(index + 1U);
  EndpointEntry& endpoint = snapshot_.endpoints.mutate(index);
  endpoint.in_use = true;
  endpoint.segment = kSegment;
  endpoint.owner = WorkerId{0};
  endpoint.port = ports_.back().get();
  endpoint.mac = endpoint.guard.mac = self.mac;
  endpoint.guard.address_count = 1;
  endpoint.guard.addresses[0] = {address, 32};
  endpoint.identity = identity;
  snapshot_.fdb.set(fdb_key(kSegment, self.mac), {Destination{EndpointIndex{index}}, true});
  snapshot_.neighbors.set(segment_address(kSegment, address), self.mac);
  snapshot_.identities.set(segment_address(kSegment, address), identity);
}

void Scene::add_tunnel() {
  ports_.push_back(std::make_unique<SinkPort>(
      "up0", PortTraits{.max_frame = kUnderlayMtu + sizeof(EthernetHeader)}, sent_
  ));
  UplinkEntry& uplink = snapshot_.uplinks[kUplink.value()];
  uplink.in_use = uplink.is_up = true;
  uplink.mac = kMacUplink;
  uplink.mtu = kUnderlayMtu;
  uplink.tx_port[0] = ports_.back().get();
  snapshot_.vteps[0] = {vtep(spec_.underlay, 1), kUplink};
  snapshot_.vtep_count = 1;

  snapshot_.tunnels.grow(1);
  TunnelEntry& tunnel = snapshot_.tunnels.mutate(kTunnel.value());
  tunnel.in_use = tunnel.is_resolved = true;
  tunnel.segment = kSegment;
  tunnel.uplink = kUplink;
  tunnel.inner_mtu =
      static_cast<std::uint16_t>(encap::inner_mtu(spec_.kind, spec_.underlay, kUnderlayMtu));
  tunnel.outer = encap::build_outer(outer_spec(spec_, false));
  snapshot_.tunnel_by_remote.set(segment_address(kSegment, vtep(spec_.underlay, 2)), kTunnel);
  if (spec_.job == Job::local) return;
  for (std::uint32_t i = 0; i < peers_; ++i) {
    const Party remote = peer(i);
    const IpAddress address{remote.address};
    snapshot_.fdb.set(fdb_key(kSegment, remote.mac), {Destination{kTunnel}, true});
    snapshot_.neighbors.set(segment_address(kSegment, address), remote.mac);
    snapshot_.identities.set(segment_address(kSegment, address), kPeerIdentity + i);
  }
}

void Scene::add_policy() {
  constexpr std::uint64_t kHuge = 1'000'000'000'000;
  const classifier::MeterConfig meter{
      .is_colour_aware = true, .cir = kHuge, .cbs = kHuge, .excess_burst = kHuge, .actions = {}};
  snapshot_.meters.grow(kMeter + 1U);
  snapshot_.meters.mutate(kMeter) = classifier::compile(meter, 1, rte_get_tsc_hz());

  classifier::PolicySource source = rules::policy_of(spec_.rule_kind, spec_.rules - 2);
  for (std::uint32_t i = 0; i < kContainers; ++i) {
    source.identities[kContainerIdentity + i].groups.emplace_back("here");
  }
  for (std::uint32_t i = 0; i < peers_; ++i) {
    source.identities[kPeerIdentity + i].groups.emplace_back("there");
  }
  for (const auto& [from, to] : {std::pair{"here", "there"}, std::pair{"there", "here"}}) {
    classifier::PolicyRule rule =
        rules::rule(rules::group(from), rules::group(to), {}, classifier::PolicyAction::allow);
    rule.priority = 1;
    rule.dscp = kAf41;
    rule.meter = kMeter;
    rule.counter = 0;
    source.rules.push_back(std::move(rule));
  }
  auto compiled = classifier::compile_policy(source);
  if (!compiled) throw std::runtime_error{compiled.error().message};
  auto policy = std::make_shared<TenantPolicy>();
  policy->by_l7.fill(compiled->get());
  policy->variants.emplace_back(std::move(*compiled));
  SegmentEntry& segment = snapshot_.segments.mutate(kSegment.value());
  segment.policy = std::move(policy);
  segment.policy_default = classifier::PolicyDefault::deny;
  segment.policy_epoch = 1;
}

/// Every flow is opened, and answered.
void Scene::answer_every_flow() {
  for (std::uint64_t n = 0; n < spec_.flows; ++n) {
    const Flow flow = flow_of(n, peers_);
    for (const bool is_reply : {false, true}) {
      Batch::Part part;
      if (!is_from_tunnel(is_reply)) {
        const bool is_peer = spec_.job == Job::local && is_reply;
        part.origin.endpoint = EndpointIndex{is_peer ? kContainers + flow.peer : flow.container};
      }
      part.burst.frames[0] = make(flow, 64, is_reply);
      part.burst.count = 1;
      counters_.rx.add(1);
      run_part(part, run_burst);
    }
    if (sent_.count >= kBatch) unload();
  }
  unload();
}

Port* Scene::port_of(const Origin& origin) noexcept {
  return origin.is_uplink() ? ports_.back().get() : ports_[origin.endpoint.value()].get();
}

Party Scene::peer_of(const Flow& flow) const noexcept {
  return spec_.job == Job::local ? container(kContainers + flow.peer) : peer(flow.peer);
}

FrameSpec Scene::frame_of(const Flow& flow, bool is_reply) const noexcept {
  const bool is_opened_there = spec_.job == Job::decap;
  const Party here = container(flow.container);
  const Party there = peer_of(flow);
  FrameSpec frame;
  frame.from = is_opened_there ? there : here;
  frame.to = is_opened_there ? here : there;
  frame.port = flow.port;
  frame.dscp = is_from_tunnel(is_reply) && spec_.rules != 0 ? kAf41 : std::uint8_t{0};
  frame.transport = spec_.is_always_new ? Transport::tcp_syn : Transport::udp;
  frame.is_reply = is_reply;
  return frame;
}

rte_mbuf* Scene::make(const Flow& flow, FrameOctets octets, bool is_reply) {
  rte_mbuf* mbuf = rte_pktmbuf_alloc(frame_pool());
  if (mbuf == nullptr) throw std::runtime_error{"no mbuf"};
  meta(mbuf).offload = OffloadRequest{};
  FrameSpec frame = frame_of(flow, is_reply);
  frame.octets = octets;
  std::size_t outer = 0;
  if (is_from_tunnel(is_reply)) {
    outer = inbound_.size;
    auto* inner = rte_pktmbuf_mtod_offset(mbuf, std::uint8_t*, outer);
    const auto entropy = static_cast<std::uint32_t>(
        (std::uint64_t{flow.port} * kNewPeers + flow.peer) * 0x9E3779B97F4A7C15U >> 32U
    );
    encap::write_outer(inbound_, inner, octets, dscp_mode_tos(frame.dscp), entropy);
  }
  write_frame(rte_pktmbuf_mtod_offset(mbuf, std::uint8_t*, outer), frame);
  mbuf->data_len = static_cast<std::uint16_t>(octets + outer);
  mbuf->pkt_len = mbuf->data_len;
  return mbuf;
}

std::uint64_t Scene::next_number(std::uint32_t container) noexcept {
  const std::uint64_t per_container = std::max(1U, spec_.flows / kContainers);
  const std::uint64_t k = spec_.is_always_new ? opened_++ : random_() % per_container;
  return k * kContainers + container;
}

Batch& Scene::load(FrameOctets octets) {
  constexpr std::array<FrameOctets, 12> kMix{64, 594, 64, 64, 594, 1500, 64, 64, 594, 64, 594, 64};
  const unsigned burst_size = spec_.job == Job::decap ? kMaxBurst : kMaxBurst / 2;
  const std::uint32_t senders = std::min(kContainers, spec_.flows);
  batch_.count = kBatch / burst_size;
  for (unsigned i = 0; i < batch_.count; ++i) {
    Batch::Part& part = batch_.parts[i];
    auto sender = static_cast<std::uint32_t>(random_() % senders);
    part.origin = Origin{};
    if (spec_.job != Job::decap) part.origin.endpoint = EndpointIndex{sender};
    part.burst.count = burst_size;
    for (unsigned lane = 0; lane < burst_size; ++lane) {
      if (spec_.job == Job::decap) sender = static_cast<std::uint32_t>(random_() % senders);
      const FrameOctets size = octets != 0 ? octets : kMix[mixed_++ % kMix.size()];
      part.burst.frames[lane] = make(flow_of(next_number(sender), peers_), size, false);
    }
    counters_.rx.add(burst_size);
  }
  return batch_;
}

void Scene::run(Batch& batch) noexcept {
  for (unsigned i = 0; i < batch.count; ++i) run_part(batch.parts[i], run_burst);
}

void Scene::unload() {
  rte_pktmbuf_free_bulk(sent_.frames.data(), sent_.count);
  sent_.count = 0;
  if (!spec_.is_always_new) return;
  for (std::uint32_t i = 0; i < snapshot_.endpoints.size(); ++i) {
    static_cast<void>(tables_->flows.erase_owner(EndpointIndex{i}, kBatch));
  }
}

std::string Scene::fault() const {
  for (const DropInfo& info : kDropInfo) {
    const std::uint64_t count = counters_.drops.get(info.reason);
    if (count != 0) return std::to_string(count) + " frames dropped: " + std::string{info.name};
  }
  const std::uint64_t in = counters_.rx.get();
  if (counters_.tx.get() != in) return "frames were lost";
  const std::uint64_t ends = spec_.job == Job::local ? 2 : 1;
  if (spec_.rules != 0 && tables_->hits(0).packets.get() != in * ends)
    return "the rule did not decide";
  if (spec_.rules != 0 && tables_->meter(kMeter).packets[0].get() != in) return "not metered";
  return "";
}

}  // namespace weft::perf
