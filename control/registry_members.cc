// What lives in a segment: who holds its addresses, and remotes. Endpoints are in registry_endpoints.cc.

#include <algorithm>
#include <iterator>
#include <utility>

#include "control/params.h"
#include "control/registry.h"

namespace weft::control {
namespace {

std::string family_name(const IpAddress& address) {
  return address.is_v4() ? "IPv4" : "IPv6";
}

}  // namespace

// -- routes and holders --------------------------------------------------------------------------

/// On-link if the remote is inside one of the uplink's prefixes, else the gateway of its family.
Outcome<NextHop> Registry::route(const IpAddress& local_vtep, const IpAddress& remote) const {
  const UplinkIndex uplink = model_.vteps[*model_.vtep_slot(local_vtep)]->uplink;
  const PortConfig& port = model_.port(uplink)->config;
  if (remote.family() != local_vtep.family()) {
    return refused(
        ErrorCode::bad_parameter,
        "remote.vtep: " + format(remote) + " is " + family_name(remote) + ", but the local VTEP " +
            format(local_vtep) + " is " + family_name(local_vtep),
        "vtep"
    );
  }
  for (const IpPrefix& prefix : port.addresses) {
    if (prefix.contains(remote)) return NextHop{uplink, remote};
  }
  for (const IpAddress& gateway : port.gateways) {
    if (gateway.family() == remote.family()) return NextHop{uplink, gateway};
  }
  return refused(
      ErrorCode::bad_parameter,
      "remote.vtep: no route to " + format(remote) + ": it is in no prefix of port " + port.name +
          ", which has no " + family_name(remote) + " gateway",
      "vtep"
  );
}

std::string Registry::holder_name(Destination holder) const {
  if (holder.kind() == Destination::Kind::endpoint) {
    return "endpoint " + model_.endpoint(holder.endpoint())->config.name();
  }
  return "remote " + format(model_.remote(holder.tunnel())->config.vtep);
}

void Registry::put_holder(
    SegmentRecord& segment,
    Destination holder,
    const MacAddress& mac,
    const std::vector<IpAddress>& addresses,
    std::uint32_t identity
) {
  segment.macs.insert_or_assign(mac, holder);
  dirty_.epochs.insert(segment.index);
  dirty_.macs.insert({segment.index, mac});
  for (const IpAddress& address : addresses) {
    segment.addresses.insert_or_assign(address, AddressHolder{holder, mac, identity});
    dirty_.addresses.insert({segment.index, address});
  }
}

void Registry::drop_holder(
    SegmentRecord& segment, const MacAddress& mac, const std::vector<IpAddress>& addresses
) {
  segment.macs.erase(mac);
  dirty_.epochs.insert(segment.index);
  dirty_.macs.insert({segment.index, mac});
  for (const IpAddress& address : addresses) {
    segment.addresses.erase(address);
    dirty_.addresses.insert({segment.index, address});
  }
}

void Registry::put_next_hop(RemoteRecord& remote, const NextHop& next_hop) {
  remote.next_hop = next_hop;
  model_.tunnels_by_next_hop[next_hop].insert(remote.index);
  dirty_.next_hops.insert(next_hop);
}

void Registry::drop_next_hop(const RemoteRecord& remote) {
  const auto tunnels = model_.tunnels_by_next_hop.find(remote.next_hop);
  tunnels->second.erase(remote.index);
  if (tunnels->second.empty()) model_.tunnels_by_next_hop.erase(tunnels);
  dirty_.next_hops.insert(remote.next_hop);
}

// -- remotes -------------------------------------------------------------------------------------

/// MACs and addresses of static endpoints may be this remote's already (adding again), nobody
/// else's.
std::optional<Failure> Registry::check_remote_endpoints(
    const SegmentRecord& segment, const RemoteConfig& config, const RemoteRecord* existing
) const {
  std::map<MacAddress, std::size_t> macs;
  std::map<IpAddress, MacAddress> addresses;
  const auto is_own = [existing](Destination holder) {
    return existing != nullptr && holder == Destination{existing->index};
  };
  for (std::size_t i = 0; i < config.endpoints.size(); ++i) {
    const RemoteEndpoint& endpoint = config.endpoints[i];
    const std::string path = "endpoints[" + std::to_string(i) + "]";
    const auto holder = segment.macs.find(endpoint.mac);
    if (!macs.emplace(endpoint.mac, i).second) {
      return refused(
          ErrorCode::bad_parameter,
          "remote." + path + ".mac: " + format(endpoint.mac) + " is listed twice",
          path + ".mac"
      );
    }
    if (holder != segment.macs.end() && !is_own(holder->second)) {
      return refused(
          ErrorCode::in_use,
          "remote." + path + ".mac: " + format(endpoint.mac) + " is already " +
              holder_name(holder->second) + " in segment " + segment.config.name,
          path + ".mac"
      );
    }
    for (const IpAddress& address : endpoint.addresses) {
      const auto neighbor = segment.addresses.find(address);
      const bool is_held =
          neighbor != segment.addresses.end() &&
          !(is_own(neighbor->second.holder) && neighbor->second.mac == endpoint.mac);
      if (is_held) {
        return refused(
            ErrorCode::in_use,
            "remote." + path + ".addresses: " + format(address) + " already belongs to " +
                holder_name(neighbor->second.holder) + " (" + format(neighbor->second.mac) +
                ") in segment " + segment.config.name,
            path + ".addresses"
        );
      }
      if (!addresses.emplace(address, endpoint.mac).second) {
        return refused(
            ErrorCode::bad_parameter,
            "remote." + path + ".addresses: " + format(address) + " is listed twice",
            path + ".addresses"
        );
      }
    }
  }
  return std::nullopt;
}

Outcome<TunnelIndex> Registry::add_remote(const RemoteConfig& config) {
  const SegmentRecord* found = model_.segment(config.segment);
  if (found == nullptr) {
    return refused(
        ErrorCode::not_found,
        "remote.segment: segment " + in_quotes(config.segment) + " does not exist",
        "segment"
    );
  }
  if (!found->config.encap.has_value()) {
    return refused(
        ErrorCode::bad_parameter,
        "remote.segment: segment " + config.segment + " is local (encap \"none\")",
        "segment"
    );
  }
  if (model_.vtep_slot(config.vtep).has_value()) {
    return refused(
        ErrorCode::bad_parameter,
        "remote.vtep: " + format(config.vtep) + " is an address of this host",
        "vtep"
    );
  }
  const auto next_hop = route(*found->config.local_vtep, config.vtep);
  if (!next_hop) return next_hop.error();

  const auto known = found->remotes.find(config.vtep);
  const RemoteRecord* existing =
      known == found->remotes.end() ? nullptr : model_.remote(known->second);
  if (auto failure = check_remote_endpoints(*found, config, existing)) return *failure;
  if (existing == nullptr && !tunnel_indices_.next().has_value()) {
    return refused(
        ErrorCode::limit_reached,
        "remote.vtep: there are already " + std::to_string(kMaxTunnels) + " remotes",
        "vtep"
    );
  }

  touch(Part::remotes, config.segment + " " + format(config.vtep));
  SegmentRecord& segment = model_.segments.at(found->index);
  const TunnelIndex index = existing == nullptr ? tunnel_indices_.take() : existing->index;
  if (existing == nullptr) {
    RemoteRecord& remote = model_.remotes[index];
    remote.config = RemoteConfig{config.segment, config.vtep, {}};
    remote.index = index;
    remote.segment = segment.index;
    segment.remotes.emplace(config.vtep, index);
    put_next_hop(remote, *next_hop);
    dirty_.tunnels.insert(index);
    dirty_.remotes.insert({segment.index, config.vtep});
    dirty_.floods.insert(segment.index);
  }
  // Given back at the end, so that new identities get the numbers that the policy was compiled with.
  std::vector<classifier::Identity> former;
  for (const RemoteEndpoint& added : config.endpoints) {
    if (auto identity = merge_endpoint(segment, index, added)) former.push_back(*identity);
  }
  for (const auto& identity : former) tenant_of(segment).identities.give_back(identity);
  return index;
}

/// What was said before about its MAC stays; groups and labels are replaced if there are new ones.
/// Answers the identity that it no longer has.
std::optional<classifier::Identity> Registry::merge_endpoint(
    SegmentRecord& segment, TunnelIndex remote, const RemoteEndpoint& added
) {
  Identities& identities = tenant_of(segment).identities;
  std::vector<RemoteEndpoint>& endpoints = model_.remotes.at(remote).config.endpoints;
  auto entry = std::ranges::find(endpoints, added.mac, &RemoteEndpoint::mac);
  if (entry == endpoints.end()) {
    endpoints.push_back(added);
    const std::uint32_t identity = identities.take(added.identity);
    put_holder(segment, Destination{remote}, added.mac, added.addresses, identity);
    return std::nullopt;
  }
  const std::size_t before = entry->addresses.size();
  std::ranges::copy_if(
      added.addresses,
      std::back_inserter(entry->addresses),
      [&](const IpAddress& address) { return !segment.addresses.contains(address); }
  );
  std::optional<classifier::Identity> former;
  if (added.identity != classifier::Identity{} && added.identity != entry->identity) {
    identities.take(added.identity);
    former = std::exchange(entry->identity, added.identity);
  }
  if (former.has_value() || entry->addresses.size() != before) {
    const std::uint32_t identity = *identities.id_of(entry->identity);
    put_holder(segment, Destination{remote}, added.mac, entry->addresses, identity);
  }
  return former;
}

Outcome<TunnelIndex> Registry::remove_remote(const std::string& segment, const IpAddress& vtep) {
  const SegmentRecord* found = model_.segment(segment);
  if (found == nullptr) {
    return refused(
        ErrorCode::not_found,
        "remote.segment: segment " + in_quotes(segment) + " does not exist",
        "segment"
    );
  }
  const auto remote = found->remotes.find(vtep);
  if (remote == found->remotes.end()) {
    return refused(
        ErrorCode::not_found,
        "remote.vtep: " + format(vtep) + " is not a remote of segment " + segment,
        "vtep"
    );
  }
  const TunnelIndex index = remote->second;
  drop_remote(index);
  return index;
}

void Registry::drop_remote(TunnelIndex index) {
  const RemoteRecord& remote = *model_.remote(index);
  SegmentRecord& segment = model_.segments.at(remote.segment);
  for (const RemoteEndpoint& endpoint : remote.config.endpoints) {
    drop_holder(segment, endpoint.mac, endpoint.addresses);
    tenant_of(segment).identities.give_back(endpoint.identity);
  }
  drop_next_hop(remote);
  touch(Part::remotes, remote.config.segment + " " + format(remote.config.vtep));
  segment.remotes.erase(remote.config.vtep);
  dirty_.tunnels.insert(index);
  dirty_.remotes.insert({segment.index, remote.config.vtep});
  dirty_.floods.insert(segment.index);
  model_.remotes.erase(index);
  tunnel_indices_.give_back(index);
}

}  // namespace weft::control
