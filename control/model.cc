#include "control/model.h"

#include <algorithm>

namespace weft::control {
namespace {

template <typename Map, typename Key>
const typename Map::mapped_type* lookup(const Map& map, const Key& key) {
  const auto found = map.find(key);
  return found == map.end() ? nullptr : &found->second;
}

}  // namespace

std::optional<Transport> transport_of(const SegmentConfig& config) {
  if (!config.encap.has_value()) return std::nullopt;
  return Transport{*config.encap, config.vni, *config.local_vtep};
}

const PolicyRuleRecord* TenantRecord::rule(const std::string& name) const {
  const auto found = std::ranges::find_if(*rules, [&](const PolicyRuleRecord& record) {
    return record.config.rule.name == name;
  });
  return found == rules->end() ? nullptr : &*found;
}

const L7ClassRecord* TenantRecord::l7_class(const std::string& name) const {
  const auto found = std::ranges::find_if(l7, [&](const L7ClassRecord& record) {
    return record.config.name == name;
  });
  return found == l7.end() ? nullptr : &*found;
}

const PortRecord* Model::port(const std::string& name) const {
  return lookup(ports, name);
}

const PortRecord* Model::port(UplinkIndex index) const {
  for (const auto& [name, record] : ports) {
    if (record.index == index) return &record;
  }
  return nullptr;
}

const TenantRecord* Model::tenant(const std::string& name) const {
  return lookup(tenants, name);
}

const SegmentRecord* Model::segment(const std::string& name) const {
  const SegmentIndex* index = lookup(segment_names, name);
  return index == nullptr ? nullptr : segment(*index);
}

const SegmentRecord* Model::segment(SegmentIndex index) const {
  return lookup(segments, index);
}

const RemoteRecord* Model::remote(TunnelIndex index) const {
  return lookup(remotes, index);
}

const EndpointRecord* Model::endpoint(EndpointIndex index) const {
  return lookup(endpoints, index);
}

const EndpointRecord* Model::endpoint(const EndpointName& name) const {
  const EndpointIndex* index = lookup(endpoint_names, name);
  return index == nullptr ? nullptr : endpoint(*index);
}

std::optional<std::size_t> Model::vtep_slot(const IpAddress& address) const {
  for (std::size_t slot = 0; slot < vteps.size(); ++slot) {
    if (vteps[slot].has_value() && vteps[slot]->address == address) return slot;
  }
  return std::nullopt;
}

const PortRules& Model::rules_of(std::uint32_t port) const {
  static const PortRules none;
  const auto found = rules.find(port);
  return found == rules.end() ? none : found->second;
}

}  // namespace weft::control
