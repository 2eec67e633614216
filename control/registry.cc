// Ports, tenants and segments; what lives in a segment is in registry_members.cc and
// registry_endpoints.cc.

#include "control/registry.h"

#include <algorithm>
#include <utility>

#include "control/params.h"
#include "control/stats.h"

namespace weft::control {
namespace {

template <typename Config>
Failure exists_differently(const std::string& object, const Config& current, const Config& asked) {
  return refused(
      ErrorCode::exists_differently,
      object + ": already exists with other properties (" + differences(asked, current) + ")"
  );
}

}  // namespace

// -- transactions --------------------------------------------------------------------------------

void Registry::hold() {
  holds_ = true;
  segment_indices_.hold();
  endpoint_indices_.hold();
  tunnel_indices_.hold();
  counters_.hold();
  meter_indices_.hold();
}

void Registry::release() {
  holds_ = false;
  held_ports_.clear();
  segment_indices_.release();
  endpoint_indices_.release();
  tunnel_indices_.release();
  counters_.release();
  meter_indices_.release();
}

void Registry::quarantine_taken_by(const Registry& later) {
  segment_indices_.quarantine_taken_by(later.segment_indices_);
  endpoint_indices_.quarantine_taken_by(later.endpoint_indices_);
  tunnel_indices_.quarantine_taken_by(later.tunnel_indices_);
  counters_.quarantine_taken_by(later.counters_);
  meter_indices_.quarantine_taken_by(later.meter_indices_);
}

// -- ports ---------------------------------------------------------------------------------------

Outcome<Admission<UplinkIndex>> Registry::admit_port(const PortConfig& config) const {
  if (const PortRecord* existing = model_.port(config.name)) {
    if (existing->config == config) return Admission<UplinkIndex>{existing->index, true};
    return exists_differently("port " + config.name, existing->config, config);
  }
  std::array<bool, kMaxUplinks> is_taken{};
  for (const auto& [name, port] : model_.ports) {
    is_taken[port.index.value()] = true;
    if (port.config.device == config.device) {
      return refused(
          ErrorCode::in_use,
          "port.device: " + in_quotes(config.device) + " is already port " + name,
          "device"
      );
    }
  }
  for (const auto& [index, device] : held_ports_) {
    is_taken[index.value()] = true;
    if (device != config.device) continue;
    return refused(
        ErrorCode::in_use,
        "port.device: " + in_quotes(device) +
            " is closed by this very change; remove its port first, then add the new one",
        "device"
    );
  }
  const auto slot = std::ranges::find(is_taken, false);
  if (slot == is_taken.end()) {
    return refused(
        ErrorCode::limit_reached,
        "port " + config.name + ": there are already " + std::to_string(kMaxUplinks) + " ports"
    );
  }
  std::size_t free_vteps = 0;
  for (const auto& vtep : model_.vteps) free_vteps += vtep.has_value() ? 0U : 1U;
  if (config.addresses.size() > free_vteps) {
    return refused(
        ErrorCode::limit_reached,
        "port.addresses: this host may have " + std::to_string(kMaxVtepAddresses) +
            " VTEP addresses, and " + std::to_string(free_vteps) + " are free",
        "addresses"
    );
  }
  for (std::size_t i = 0; i < config.addresses.size(); ++i) {
    const IpAddress& address = config.addresses[i].address;
    const auto remote = std::ranges::find_if(model_.remotes, [&](const auto& each) {
      return each.second.config.vtep == address;
    });
    if (remote != model_.remotes.end()) {
      return refused(
          ErrorCode::in_use,
          "port.addresses: " + format(address) + " is a remote VTEP of segment " +
              remote->second.config.segment,
          "addresses[" + std::to_string(i) + "]"
      );
    }
    const auto vtep = model_.vtep_slot(address);
    if (!vtep.has_value()) continue;
    const PortRecord* holder = model_.port(model_.vteps[*vtep]->uplink);
    return refused(
        ErrorCode::in_use,
        "port.addresses: " + format(address) + " is already an address of port " +
            holder->config.name,
        "addresses[" + std::to_string(i) + "]"
    );
  }
  if (const auto place = former_place(Part::ports, config.name)) {
    return Admission<UplinkIndex>{UplinkIndex{static_cast<std::uint16_t>(*place)}, false};
  }
  return Admission<UplinkIndex>{
      UplinkIndex{static_cast<std::uint16_t>(slot - is_taken.begin())}, false};
}

std::optional<std::int64_t> Registry::former_place(Part part, const std::string& name) const {
  if (!places_.has_value()) return std::nullopt;
  const auto found = places_->find({part, name});
  if (found == places_->end()) return std::nullopt;
  const std::int64_t place = found->second;
  const bool is_taken = part == Part::ports
                            ? place >= std::int64_t{kMaxUplinks} ||
                                  model_.port(UplinkIndex{static_cast<std::uint16_t>(place)})
                            : place >= std::int64_t{kMaxEndpoints} ||
                                  model_.endpoint(EndpointIndex{static_cast<std::uint32_t>(place)});
  return is_taken || place < 0 ? std::nullopt : std::optional{place};
}

void Registry::put_port(const PortConfig& config, UplinkIndex index, std::uint16_t mtu) {
  model_.ports.emplace(config.name, PortRecord{config, index, mtu, std::nullopt});
  touch(Part::ports, config.name);
  for (const IpPrefix& prefix : config.addresses) {
    const auto free =
        std::ranges::find_if(model_.vteps, [](const auto& vtep) { return !vtep.has_value(); });
    *free = VtepAddress{prefix.address, index};
  }
  dirty_.uplinks = dirty_.polled = true;
}

Outcome<UplinkIndex> Registry::remove_port(const std::string& name) {
  const PortRecord* port = model_.port(name);
  if (port == nullptr) {
    return refused(ErrorCode::not_found, "port " + in_quotes(name) + " does not exist", "name");
  }
  const UplinkIndex index = port->index;
  for (const auto& [transport, segment] : model_.transports) {
    const auto slot = model_.vtep_slot(transport.local_vtep);
    if (!slot.has_value() || model_.vteps[*slot]->uplink != index) continue;
    return refused(
        ErrorCode::in_use,
        "port " + name + ": segment " + model_.segment(segment)->config.name +
            " uses its address " + format(transport.local_vtep),
        "name"
    );
  }
  if (const std::string user = rule_that_sends_to(index); !user.empty()) {
    return refused(ErrorCode::in_use, "port " + name + ": " + user + " sends to it", "name");
  }
  put_port_rules(port_number(index), {});
  for (auto& vtep : model_.vteps) {
    if (vtep.has_value() && vtep->uplink == index) vtep.reset();
  }
  touch(Part::ports, name);
  touch(Part::schedulers, name);
  if (holds_) held_ports_.emplace(index, port->config.device);
  model_.ports.erase(name);
  dirty_.uplinks = dirty_.polled = true;
  return index;
}

// -- tenants -------------------------------------------------------------------------------------

Outcome<Ok> Registry::add_tenant(const TenantConfig& config) {
  const auto [place, is_new] = model_.tenants.try_emplace(config.name);
  if (!is_new && place->second.config != config) {
    return exists_differently("tenant " + config.name, place->second.config, config);
  }
  place->second.config = config;
  if (is_new) touch(Part::tenants, config.name);
  return Ok{};
}

Outcome<Ok> Registry::remove_tenant(const std::string& name) {
  if (!model_.tenants.contains(name)) {
    return refused(ErrorCode::not_found, "tenant " + in_quotes(name) + " does not exist", "name");
  }
  for (const auto& [index, segment] : model_.segments) {
    if (segment.config.tenant != name) continue;
    return refused(
        ErrorCode::in_use, "tenant " + name + ": has segment " + segment.config.name, "name"
    );
  }
  TenantRecord& tenant = model_.tenants.at(name);
  for (const auto& [key, meter] : tenant.meters) {
    std::string message = rule_with_meter(meter.index);
    if (message.empty()) continue;
    message.insert(0, "tenant " + name + ": ").append(" uses its meter ").append(key);
    return refused(ErrorCode::in_use, message, "name");
  }
  for (const PolicyRuleRecord& rule : *tenant.rules) counters_.give_back(RuleCounter{rule.counter});
  for (const auto& [key, meter] : tenant.meters) {
    drop_meter(meter.index);
    touch(Part::meters, std::string{name}.append("/").append(key));
  }
  touch_l7(tenant);
  for (const Part part : {Part::tenants, Part::tenant_settings, Part::policies}) touch(part, name);
  model_.tenants.erase(name);
  return Ok{};
}

// -- segments ------------------------------------------------------------------------------------

/// The largest inner IP packet of the tunnels; 0 for a local segment.
Outcome<std::uint16_t> Registry::check_transport(
    const SegmentConfig& config, std::optional<SegmentIndex> self
) const {
  const std::optional<Transport> transport = transport_of(config);
  if (!transport.has_value()) return std::uint16_t{0};

  const auto slot = model_.vtep_slot(transport->local_vtep);
  if (!slot.has_value()) {
    return refused(
        ErrorCode::not_found,
        "segment.local_vtep: " + format(transport->local_vtep) + " is not an address of any port",
        "local_vtep"
    );
  }
  const auto holder = model_.transports.find(*transport);
  if (holder != model_.transports.end() && holder->second != self) {
    return refused(
        ErrorCode::in_use,
        "segment.vni: " + std::to_string(transport->vni.value()) + " over " +
            std::string{encap::name(transport->kind)} + " at " + format(transport->local_vtep) +
            " is already segment " + model_.segment(holder->second)->config.name,
        "vni"
    );
  }
  const PortRecord& port = *model_.port(model_.vteps[*slot]->uplink);
  const std::size_t mtu =
      encap::inner_mtu(transport->kind, transport->local_vtep.family(), port.mtu);
  if (mtu < kMinMtu) {
    return refused(
        ErrorCode::limit_reached,
        "segment.local_vtep: the MTU " + std::to_string(port.mtu) + " of port " + port.config.name +
            " leaves no room for packets inside a tunnel",
        "local_vtep"
    );
  }
  return static_cast<std::uint16_t>(mtu);
}

/// The inner MTU in force.
Outcome<std::uint16_t> Registry::check_mtu(const SegmentConfig& config, std::uint16_t transport_mtu)
    const {
  if (config.mtu == 0) return transport_mtu == 0 ? kLocalMtu : transport_mtu;
  if (transport_mtu == 0 || config.mtu <= transport_mtu) return config.mtu;
  if (is_restoring()) return transport_mtu;  // the underlay shrank meanwhile
  const UplinkIndex uplink = model_.vteps[*model_.vtep_slot(*config.local_vtep)]->uplink;
  const PortRecord& port = *model_.port(uplink);
  return refused(
      ErrorCode::bad_parameter,
      "segment.mtu: " + std::to_string(config.mtu) + " is above the limit " +
          std::to_string(transport_mtu) + ", which is what port " + port.config.name +
          " with MTU " + std::to_string(port.mtu) + " carries inside " +
          std::string{encap::name(*config.encap)},
      "mtu"
  );
}

Outcome<SegmentIndex> Registry::add_segment(const SegmentConfig& config) {
  if (const SegmentRecord* existing = model_.segment(config.name)) {
    if (existing->config == config) return existing->index;
    return exists_differently("segment " + config.name, existing->config, config);
  }
  if (!model_.tenants.contains(config.tenant)) {
    return refused(
        ErrorCode::not_found,
        "segment.tenant: tenant " + in_quotes(config.tenant) + " does not exist",
        "tenant"
    );
  }
  const auto transport_mtu = check_transport(config, std::nullopt);
  if (!transport_mtu) return transport_mtu.error();
  const auto mtu = check_mtu(config, *transport_mtu);
  if (!mtu) return mtu.error();
  if (!segment_indices_.next().has_value()) {
    return refused(
        ErrorCode::limit_reached,
        "segment " + config.name + ": there are already " + std::to_string(kMaxSegments) +
            " segments"
    );
  }

  const SegmentIndex index = segment_indices_.take();
  SegmentRecord record;
  record.config = config;
  record.index = index;
  record.mtu = *mtu;
  record.transport_mtu = *transport_mtu;
  touch(Part::segments, config.name);
  model_.segment_names.emplace(config.name, index);
  model_.segments.emplace(index, std::move(record));
  put_transport(config, index);
  put_agents(config);
  dirty_.segments.insert(index);
  dirty_.floods.insert(index);
  dirty_.epochs.insert(index);
  return index;
}

/// Whether the segment's remotes and endpoints can live with its new properties.
std::optional<Failure> Registry::check_members(
    const SegmentRecord& segment, const SegmentConfig& config
) const {
  for (const auto& [vtep, tunnel] : segment.remotes) {
    if (!config.encap.has_value()) {
      return refused(
          ErrorCode::in_use, "segment.encap: segment " + config.name + " has remotes", "encap"
      );
    }
    if (const auto next_hop = route(*config.local_vtep, vtep); !next_hop) {
      Failure failure = next_hop.error();
      failure.field = "local_vtep";
      failure.code = ErrorCode::in_use;
      return failure;
    }
  }
  for (const EndpointIndex index : segment.endpoints) {
    const EndpointRecord& endpoint = *model_.endpoint(index);
    for (const IpPrefix& prefix : endpoint.config.addresses) {
      const bool is_inside = config.subnets.empty() ||
                             std::ranges::any_of(config.subnets, [&](const IpPrefix& subnet) {
                               return subnet.contains(prefix.address);
                             });
      if (is_inside) continue;
      return refused(
          ErrorCode::in_use,
          "segment.subnets: endpoint " + endpoint.config.name() + " has " + format(prefix.address) +
              ", which would be in none of them",
          "subnets"
      );
    }
  }
  return std::nullopt;
}

Outcome<Ok> Registry::set_segment(const SegmentConfig& config) {
  const SegmentRecord* found = model_.segment(config.name);
  if (found == nullptr) {
    return refused(
        ErrorCode::not_found, "segment " + in_quotes(config.name) + " does not exist", "name"
    );
  }
  const auto transport_mtu = check_transport(config, found->index);
  if (!transport_mtu) return transport_mtu.error();
  const auto mtu = check_mtu(config, *transport_mtu);
  if (!mtu) return mtu.error();
  if (auto failure = check_members(*found, config)) return *failure;
  if (found->config == config) return Ok{};

  touch(Part::segments, config.name);
  SegmentRecord& segment = model_.segments.at(found->index);
  drop_transport(segment.config);
  put_transport(config, segment.index);
  if (segment.config.agents != config.agents) {
    put_agents(config);
    judge_again(config.tenant);
  }
  segment.config = config;
  segment.mtu = *mtu;
  segment.transport_mtu = *transport_mtu;
  for (const auto& [vtep, tunnel] : segment.remotes) {
    RemoteRecord& remote = model_.remotes.at(tunnel);
    drop_next_hop(remote);
    put_next_hop(remote, *route(*config.local_vtep, vtep));
    dirty_.tunnels.insert(tunnel);
  }
  dirty_.segments.insert(segment.index);
  dirty_.epochs.insert(segment.index);
  return Ok{};
}

Outcome<SegmentIndex> Registry::remove_segment(const std::string& name) {
  const SegmentRecord* found = model_.segment(name);
  if (found == nullptr) {
    return refused(ErrorCode::not_found, "segment " + in_quotes(name) + " does not exist", "name");
  }
  if (!found->endpoints.empty()) {
    const EndpointRecord& endpoint = *model_.endpoint(*found->endpoints.begin());
    return refused(
        ErrorCode::in_use,
        "segment " + name + ": endpoint " + endpoint.config.name() + " is attached to it",
        "name"
    );
  }
  const SegmentIndex index = found->index;
  while (!found->remotes.empty()) drop_remote(found->remotes.begin()->second);
  drop_transport(found->config);
  if (tenant_of(*found).agents.erase(name) > 0) judge_again(found->config.tenant);
  dirty_.segments.insert(index);
  dirty_.floods.insert(index);
  touch(Part::segments, name);
  model_.segment_names.erase(name);
  model_.segments.erase(index);
  segment_indices_.give_back(index);
  return index;
}

TenantRecord& Registry::tenant_of(const SegmentRecord& segment) {
  return model_.tenants.at(segment.config.tenant);
}

void Registry::put_agents(const SegmentConfig& config) {
  TenantRecord& tenant = model_.tenants.at(config.tenant);
  if (config.agents.empty()) {
    tenant.agents.erase(config.name);
  } else {
    tenant.agents.insert_or_assign(config.name, config.agents);
  }
}

void Registry::put_transport(const SegmentConfig& config, SegmentIndex index) {
  const std::optional<Transport> transport = transport_of(config);
  if (!transport.has_value()) return;
  model_.transports.emplace(*transport, index);
  dirty_.vnis.insert(VniKey{
      *model_.vtep_slot(transport->local_vtep), transport->kind, transport->vni});
}

void Registry::drop_transport(const SegmentConfig& config) {
  const std::optional<Transport> transport = transport_of(config);
  if (!transport.has_value()) return;
  model_.transports.erase(*transport);
  dirty_.vnis.insert(VniKey{
      *model_.vtep_slot(transport->local_vtep), transport->kind, transport->vni});
}

}  // namespace weft::control
