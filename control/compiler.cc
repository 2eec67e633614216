#include "control/compiler.h"

#include <algorithm>
#include <vector>

#include "control/stats.h"
#include "dataplane/port/port.h"
#include "encap/outer.h"

namespace weft::control {
namespace {

/// Sets or erases a table's entry, touching no chunk when it is so already.
template <typename Table, typename Key, typename Value>
void put(Table& table, const Key& key, const std::optional<Value>& value) {
  if (value.has_value()) {
    table.set(key, *value);
  } else if (table.find(key) != nullptr) {
    table.erase(key);
  }
}

/// The entry of `index` for writing, the array grown to hold it.
template <typename Entry, typename Index>
Entry& slot(CowArray<Entry>& array, Index index) {
  array.grow(std::size_t{index.value()} + 1U);
  return array.mutate(index.value());
}

/// What changes in this snapshot bears its number, so that later is larger. Never 0.
std::uint32_t epoch_of(const Snapshot& snapshot) {
  return std::max(static_cast<std::uint32_t>(snapshot.generation.value()), 1U);
}

std::shared_ptr<const classifier::RuleTable> rules_of(const Runtime& runtime, std::uint32_t port) {
  const auto found = runtime.rules.find(port);
  return found == runtime.rules.end() ? nullptr : found->second;
}

// -- uplinks -------------------------------------------------------------------------------------

UplinkEntry uplink_entry(const RuntimeUplink& uplink, const Egress* egress) {
  const OpenedUplink& opened = uplink.opened;
  UplinkEntry entry;
  entry.in_use = true;
  entry.is_up = opened.link.is_up;
  entry.mac = opened.mac;
  entry.mtu = opened.mtu;
  std::vector<WorkerId> owners;
  for (std::size_t w = 0; w < opened.port_of_worker.size(); ++w) {
    entry.tx_port[w] = opened.port_of_worker[w];
    if (entry.tx_port[w] != nullptr) owners.push_back(WorkerId{static_cast<std::uint16_t>(w)});
  }
  // Workers without a queue pair are spread over those that have one.
  for (std::size_t w = 0; w < opened.port_of_worker.size(); ++w) {
    const bool has_queue = entry.tx_port[w] != nullptr;
    entry.tx_owner[w] = has_queue || owners.empty() ? WorkerId{static_cast<std::uint16_t>(w)}
                                                    : owners[w % owners.size()];
  }
  if (egress == nullptr) return entry;
  entry.plan = egress->plan;
  for (std::size_t w = 0; w < kMaxWorkers; ++w) entry.scheduler[w] = egress->of(w);
  return entry;
}

void compile_uplinks(const Model& model, const Runtime& runtime, Snapshot& next) {
  for (std::size_t i = 0; i < kMaxUplinks; ++i) {
    const auto& uplink = runtime.uplinks[i];
    const UplinkIndex index{static_cast<std::uint16_t>(i)};
    next.uplinks[i] =
        uplink.has_value() ? uplink_entry(*uplink, runtime.egress.find(index)) : UplinkEntry{};
    next.uplinks[i].rules = rules_of(runtime, port_number(index));
  }
  // A hole keeps the unspecified address, to which no packet is sent.
  next.vteps = {};
  next.vtep_count = 0;
  for (std::size_t i = 0; i < kMaxVtepAddresses; ++i) {
    if (!model.vteps[i].has_value()) continue;
    next.vteps[i] = *model.vteps[i];
    next.vtep_count = static_cast<std::uint8_t>(i + 1U);
  }
}

void compile_polled(const Model& model, const Runtime& runtime, Snapshot& next) {
  std::vector<std::vector<Snapshot::Polled>> polled(runtime.worker_count);
  for (std::uint16_t i = 0; i < kMaxUplinks; ++i) {
    if (!runtime.uplinks[i].has_value()) continue;
    const auto& ports = runtime.uplinks[i]->opened.port_of_worker;
    for (std::size_t w = 0; w < ports.size(); ++w) {
      if (ports[w] != nullptr) polled[w].push_back({ports[w], kNoEndpoint, UplinkIndex{i}});
    }
  }
  for (const auto& [index, port] : runtime.ports) {
    if (port.port->poll_fd() != -1) continue;
    polled[model.endpoint(index)->owner.value()].push_back({port.port.get(), index, UplinkIndex{}});
  }
  for (std::size_t w = 0; w < polled.size(); ++w) {
    next.polled[w] = std::make_shared<const std::vector<Snapshot::Polled>>(std::move(polled[w]));
  }
}

// -- segments ------------------------------------------------------------------------------------

std::shared_ptr<const FloodList> flood_list(const SegmentRecord& segment, const Runtime& runtime) {
  auto flood = std::make_shared<FloodList>();
  for (const EndpointIndex endpoint : segment.endpoints) {
    if (runtime.ports.contains(endpoint)) flood->endpoints.push_back(endpoint);
  }
  for (const auto& [vtep, tunnel] : segment.remotes) flood->tunnels.push_back(tunnel);
  return flood;
}

/// nullptr where nothing could ever be refused, so that connections need not be tracked.
std::shared_ptr<const TenantPolicy> policy_of(
    const TenantRecord& tenant, const Runtime& runtime, const SegmentRecord& segment
) {
  const SegmentConfig& config = segment.config;
  const bool has_something_to_say = config.policy_default != classifier::PolicyDefault::allow ||
                                    !config.agents.empty() || !tenant.rules->empty() ||
                                    !tenant.l7.empty() || segment.limited_endpoints > 0;
  const auto policy = runtime.policies.find(tenant.config.name);
  return has_something_to_say && policy != runtime.policies.end() ? policy->second : nullptr;
}

void compile_segment(
    const Model& model, const Runtime& runtime, const SegmentRecord& segment, SegmentEntry& entry
) {
  const SegmentConfig& config = segment.config;
  const TenantRecord& tenant = *model.tenant(config.tenant);
  entry.in_use = true;
  entry.has_tunnels = config.encap.has_value();
  entry.kind = config.encap.value_or(encap::Kind{});
  entry.dscp_mode = config.dscp_mode;
  entry.fixed_dscp = config.dscp;
  entry.unknown_unicast = config.unknown_unicast;
  entry.inner_vlan = config.inner_vlan;
  entry.suppress_neighbors = config.suppress_neighbors;
  entry.learn = config.learn;
  entry.mss_clamp_mtu = config.mss_clamp ? segment.mtu : std::uint16_t{0};
  entry.mtu = segment.mtu;
  entry.vni = config.vni;
  entry.policy = policy_of(tenant, runtime, segment);
  entry.policy_default = config.policy_default;
  entry.tenant_meter =
      tenant.meter.empty() ? classifier::kNoMeter : tenant.meters.at(tenant.meter).index;
}

/// The flood list is kept: it has its own dirty set, and copying it costs the segment's members.
void compile_segments(
    const Model& model, const Runtime& runtime, const Dirty& dirty, Snapshot& next
) {
  for (const SegmentIndex index : dirty.segments) {
    SegmentEntry& entry = slot(next.segments, index);
    const SegmentRecord* segment = model.segment(index);
    if (segment == nullptr) {
      entry = SegmentEntry{};
    } else {
      compile_segment(model, runtime, *segment, entry);
    }
  }
  for (const SegmentIndex index : dirty.floods) {
    const SegmentRecord* segment = model.segment(index);
    if (segment != nullptr) slot(next.segments, index).flood = flood_list(*segment, runtime);
  }
  for (const VniKey& key : dirty.vnis) {
    std::optional<SegmentIndex> owner;
    if (const auto& vtep = model.vteps[key.vtep]) {
      const auto found = model.transports.find(Transport{key.kind, key.vni, vtep->address});
      if (found != model.transports.end()) owner = found->second;
    }
    put(next.vnis, vni_key(key.vtep, key.kind, key.vni), owner);
  }
}

// -- tunnels -------------------------------------------------------------------------------------

TunnelEntry tunnel_entry(const Model& model, const Runtime& runtime, const RemoteRecord& remote) {
  const SegmentRecord& segment = *model.segment(remote.segment);
  const encap::Kind kind = *segment.config.encap;
  TunnelEntry entry;
  entry.in_use = true;
  entry.segment = remote.segment;
  entry.uplink = remote.next_hop.uplink;
  entry.inner_mtu = segment.transport_mtu;
  const auto path = runtime.path_mtus.find(remote.config.vtep);
  if (path != runtime.path_mtus.end()) {
    const std::size_t inner = encap::inner_mtu(kind, remote.config.vtep.family(), path->second);
    entry.inner_mtu = static_cast<std::uint16_t>(std::min<std::size_t>(entry.inner_mtu, inner));
  }

  const auto mac = runtime.next_hop_macs.find(remote.next_hop);
  const auto& uplink = runtime.uplinks[entry.uplink.value()];
  if (mac == runtime.next_hop_macs.end() || !uplink.has_value()) return entry;
  entry.is_resolved = true;
  encap::OuterSpec spec;
  spec.kind = kind;
  spec.vni = segment.config.vni;
  spec.source_mac = uplink->opened.mac;
  spec.destination_mac = mac->second;
  spec.local = *segment.config.local_vtep;
  spec.remote = remote.config.vtep;
  spec.ttl = segment.config.ttl;
  spec.udp_destination_port = runtime.decap.vxlan_port;
  spec.udp6_checksum = segment.config.udp6_checksum;
  entry.outer = encap::build_outer(spec);
  return entry;
}

void compile_tunnels(
    const Model& model, const Runtime& runtime, const Dirty& dirty, Snapshot& next
) {
  for (const TunnelIndex index : dirty.tunnels) {
    const RemoteRecord* remote = model.remote(index);
    slot(next.tunnels, index) =
        remote == nullptr ? TunnelEntry{} : tunnel_entry(model, runtime, *remote);
  }
  for (const auto& [segment_index, vtep] : dirty.remotes) {
    std::optional<TunnelIndex> tunnel;
    if (const SegmentRecord* segment = model.segment(segment_index)) {
      const auto found = segment->remotes.find(vtep);
      if (found != segment->remotes.end()) tunnel = found->second;
    }
    put(next.tunnel_by_remote, segment_address(segment_index, vtep), tunnel);
  }
}

// -- endpoints -----------------------------------------------------------------------------------

/// Each address alone: the prefix length is the container's view of its subnet, not what it may
/// claim.
classifier::SourceGuard source_guard(const EndpointConfig& config) {
  classifier::SourceGuard guard;
  guard.is_enabled = config.anti_spoofing;
  guard.allow_dhcp = config.allow_dhcp;
  guard.mac = config.mac;
  for (const IpPrefix& prefix : config.addresses) {
    const auto length = static_cast<std::uint8_t>(prefix.address.is_v4() ? 32 : 128);
    guard.addresses[guard.address_count++] = IpPrefix{prefix.address, length};
  }
  return guard;
}

EndpointQos endpoint_qos(const EndpointRecord& endpoint) {
  EndpointQos qos;
  qos.source = endpoint.config.qos.source;
  qos.dscp = endpoint.config.qos.dscp;
  qos.meter = endpoint.meters.rate;
  qos.contracts = endpoint.meters.contracts;
  return qos;
}

EndpointEntry endpoint_entry(const EndpointRecord& endpoint, Port* port) {
  EndpointEntry entry;
  entry.in_use = true;
  entry.segment = endpoint.segment;
  entry.owner = endpoint.owner;
  entry.port = port;
  entry.mac = endpoint.config.mac;
  entry.guard = source_guard(endpoint.config);
  entry.identity = endpoint.identity;
  entry.limits = endpoint.config.limits;
  entry.qos = endpoint_qos(endpoint);
  return entry;
}

/// Configured before learned.
std::optional<FdbEntry> fdb_entry(
    const Model& model, const Runtime& runtime, const InSegment<MacAddress>& key
) {
  const SegmentRecord* segment = model.segment(key.segment);
  if (segment == nullptr) return std::nullopt;
  const auto configured = segment->macs.find(key.address);
  if (configured != segment->macs.end()) return FdbEntry{configured->second, true};
  const auto learned = runtime.learned.find(key.segment);
  if (learned == runtime.learned.end()) return std::nullopt;
  const auto entry = learned->second.find(key.address);
  if (entry == learned->second.end()) return std::nullopt;
  return FdbEntry{Destination{entry->second.tunnel}, false};
}

std::optional<AddressHolder> holder_of(const Model& model, const InSegment<IpAddress>& key) {
  const SegmentRecord* segment = model.segment(key.segment);
  if (segment == nullptr) return std::nullopt;
  const auto holder = segment->addresses.find(key.address);
  if (holder == segment->addresses.end()) return std::nullopt;
  return holder->second;
}

void compile_endpoints(
    const Model& model, const Runtime& runtime, const Dirty& dirty, Snapshot& next
) {
  for (const EndpointIndex index : dirty.endpoints) {
    const EndpointRecord* endpoint = model.endpoint(index);
    const auto port = runtime.ports.find(index);
    EndpointEntry& entry = slot(next.endpoints, index);
    if (endpoint == nullptr || port == runtime.ports.end()) {
      entry = EndpointEntry{};
      continue;
    }
    // Flows of whoever had the index before are older than this one's birth.
    const std::uint32_t born = entry.in_use ? entry.born_epoch : epoch_of(next);
    entry = endpoint_entry(*endpoint, port->second.port.get());
    entry.born_epoch = born;
    entry.rules = rules_of(runtime, port_number(index));
    if (const Egress* egress = runtime.egress.find(index)) {
      entry.scheduler = egress->of(0);
      entry.plan = egress->plan;
    }
  }
  for (const InSegment<MacAddress>& key : dirty.macs) {
    put(next.fdb, fdb_key(key.segment, key.address), fdb_entry(model, runtime, key));
  }
  for (const InSegment<IpAddress>& key : dirty.addresses) {
    const std::optional<AddressHolder> holder = holder_of(model, key);
    const SegmentAddress address = segment_address(key.segment, key.address);
    std::optional<MacAddress> mac;
    std::optional<std::uint32_t> identity;
    if (holder.has_value()) {
      mac = holder->mac;
      identity = holder->identity;
    }
    put(next.neighbors, address, mac);
    put(next.identities, address, identity);
  }
}

// -- classes and rates ---------------------------------------------------------------------------

void compile_meters(
    const Model& model, const Runtime& runtime, const Dirty& dirty, Snapshot& next
) {
  for (const std::uint16_t index : dirty.meters) {
    const auto meter = model.meters.find(index);
    next.meters.grow(std::size_t{index} + 1U);
    next.meters.mutate(index) =
        meter == model.meters.end()
            ? classifier::CompiledMeter{}
            : classifier::compile(meter->second, epoch_of(next), runtime.tsc_hz);
  }
}

std::uint8_t scarce_classes(const Model& model) {
  std::uint8_t classes = 0;
  for (std::size_t phb = 0; phb < model.budgets.size(); ++phb) {
    if (model.budgets[phb].has_value()) classes |= static_cast<std::uint8_t>(1U << phb);
  }
  return classes;
}

}  // namespace

std::shared_ptr<const Snapshot> compile(
    const Model& model, const Runtime& runtime, const Dirty& dirty, const Snapshot& previous
) {
  auto next = std::make_shared<Snapshot>(previous);
  next->generation = Generation{previous.generation.value() + 1U};
  next->is_forwarding = runtime.is_forwarding;
  next->decap = runtime.decap;
  next->scarce_classes = scarce_classes(model);
  if (dirty.uplinks) compile_uplinks(model, runtime, *next);
  if (dirty.polled) compile_polled(model, runtime, *next);
  compile_segments(model, runtime, dirty, *next);
  compile_tunnels(model, runtime, dirty, *next);
  compile_endpoints(model, runtime, dirty, *next);
  compile_meters(model, runtime, dirty, *next);
  for (const SegmentIndex index : dirty.epochs) {
    if (model.segment(index) != nullptr) slot(next->segments, index).policy_epoch = epoch_of(*next);
  }
  return next;
}

Dirty everything(const Model& model, const Runtime& runtime) {
  Dirty dirty;
  dirty.globals = dirty.uplinks = dirty.polled = true;
  for (const auto& [transport, segment] : model.transports) {
    dirty.vnis.insert({*model.vtep_slot(transport.local_vtep), transport.kind, transport.vni});
  }
  for (const auto& [index, segment] : model.segments) {
    dirty.segments.insert(index);
    dirty.floods.insert(index);
    for (const auto& [mac, holder] : segment.macs) dirty.macs.insert({index, mac});
    for (const auto& [address, holder] : segment.addresses)
      dirty.addresses.insert({index, address});
    for (const auto& [vtep, tunnel] : segment.remotes) {
      dirty.remotes.insert({index, vtep});
      dirty.tunnels.insert(tunnel);
    }
  }
  for (const auto& [index, macs] : runtime.learned) {
    for (const auto& [mac, learned] : macs) dirty.macs.insert({index, mac});
  }
  for (const auto& [index, endpoint] : model.endpoints) dirty.endpoints.insert(index);
  for (const auto& [index, meter] : model.meters) dirty.meters.insert(index);
  return dirty;
}

}  // namespace weft::control
