// Endpoints: container interfaces, who they are and what they may do.

#include <algorithm>
#include <cassert>

#include "control/params.h"
#include "control/registry.h"
#include "control/stats.h"

namespace weft::control {
namespace {

std::vector<IpAddress> without_lengths(const std::vector<IpPrefix>& prefixes) {
  std::vector<IpAddress> addresses;
  addresses.reserve(prefixes.size());
  for (const IpPrefix& prefix : prefixes) addresses.push_back(prefix.address);
  return addresses;
}

}  // namespace

Outcome<Admission<EndpointIndex>> Registry::admit_endpoint(const EndpointConfig& config) const {
  if (const auto* existing = model_.endpoint(EndpointName{config.container, config.ifname})) {
    if (existing->config == config) return Admission<EndpointIndex>{existing->index, true};
    return refused(
        ErrorCode::exists_differently,
        "endpoint " + config.name() + ": already attached with other properties (" +
            differences(config, existing->config) + ")"
    );
  }
  const SegmentRecord* segment = model_.segment(config.segment);
  if (segment == nullptr) {
    return refused(
        ErrorCode::not_found,
        "endpoint.segment: segment " + in_quotes(config.segment) + " does not exist",
        "segment"
    );
  }
  if (segment->config.encap.has_value() && config.mtu > segment->mtu && !is_restoring()) {
    return refused(
        ErrorCode::bad_parameter,
        "endpoint.mtu: " + std::to_string(config.mtu) + " is above the limit " +
            std::to_string(segment->mtu) + " of segment " + config.segment,
        "mtu"
    );
  }
  if (const auto holder = segment->macs.find(config.mac); holder != segment->macs.end()) {
    return refused(
        ErrorCode::in_use,
        "endpoint.mac: " + format(config.mac) + " is already " + holder_name(holder->second) +
            " in segment " + config.segment,
        "mac"
    );
  }
  for (std::size_t i = 0; i < config.addresses.size(); ++i) {
    const IpAddress& address = config.addresses[i].address;
    const std::string path = "addresses[" + std::to_string(i) + "]";
    const auto& subnets = segment->config.subnets;
    const bool is_inside =
        subnets.empty() || std::ranges::any_of(subnets, [&](const IpPrefix& subnet) {
          return subnet.contains(address);
        });
    if (!is_inside) {
      return refused(
          ErrorCode::bad_parameter,
          "endpoint." + path + ": " + format(address) + " is in no subnet of segment " +
              config.segment,
          path
      );
    }
    if (const auto held = segment->addresses.find(address); held != segment->addresses.end()) {
      return refused(
          ErrorCode::in_use,
          "endpoint." + path + ": " + format(address) + " already belongs to " +
              holder_name(held->second.holder) + " in segment " + config.segment,
          path
      );
    }
  }
  const std::string& tenant = segment->config.tenant;
  if (auto failure = check_quota(tenant, "endpoints", endpoints_of(tenant) + 1)) return *failure;
  if (auto failure = check_qos(config, nullptr)) return *failure;
  if (const auto place = former_place(Part::endpoints, config.name())) {
    return Admission<EndpointIndex>{EndpointIndex{static_cast<std::uint32_t>(*place)}, false};
  }
  const auto index = endpoint_indices_.next();
  if (!index.has_value()) {
    return refused(
        ErrorCode::limit_reached,
        "endpoint " + config.name() + ": there are already " + std::to_string(kMaxEndpoints) +
            " endpoints"
    );
  }
  return Admission<EndpointIndex>{*index, false};
}

std::uint16_t Registry::mtu_of(const EndpointConfig& config) const {
  return config.mtu != 0 ? config.mtu : model_.segment(config.segment)->mtu;
}

void Registry::tell_endpoint(const char* kind, const EndpointRecord& endpoint) {
  dirty_.events.push_back(
      {kind,
       model_.segment(endpoint.segment)->config.tenant,
       {{"endpoint", endpoint.config.name()}, {"segment", endpoint.config.segment}}}
  );
}

void Registry::put_endpoint(const EndpointConfig& config, EndpointIndex index, WorkerId owner) {
  if (endpoint_indices_.next() == index) {
    endpoint_indices_.take();
  } else {
    endpoint_indices_.take(index);  // its former place
  }
  SegmentRecord& segment = model_.segments.at(model_.segment_names.at(config.segment));
  EndpointRecord& endpoint = model_.endpoints[index];
  endpoint.config = config;
  endpoint.index = index;
  endpoint.segment = segment.index;
  endpoint.owner = owner;
  endpoint.mtu = mtu_of(config);
  endpoint.identity = tenant_of(segment).identities.take(config.identity);
  put_qos(endpoint, config.qos);
  model_.endpoint_names.emplace(EndpointName{config.container, config.ifname}, index);
  ++model_.endpoints_of_worker[owner.value()];
  segment.endpoints.insert(index);
  put_holder(
      segment, Destination{index}, config.mac, without_lengths(config.addresses), endpoint.identity
  );
  if (config.limits != ConnectionLimits{}) {
    ++segment.limited_endpoints;
    dirty_.segments.insert(segment.index);
  }
  touch_endpoint(index);
  touch(Part::endpoints, config.name());
  tell_endpoint("attach", endpoint);
}

void Registry::remove_endpoint(EndpointIndex index) {
  touch_endpoint(index);
  put_port_rules(port_number(index), {});
  EndpointRecord& endpoint = model_.endpoints.at(index);
  touch(Part::endpoints, endpoint.config.name());
  tell_endpoint("detach", endpoint);
  SegmentRecord& segment = model_.segments.at(endpoint.segment);
  tenant_of(segment).identities.give_back(endpoint.config.identity);
  drop_qos(endpoint);
  if (endpoint.config.limits != ConnectionLimits{}) {
    --segment.limited_endpoints;
    dirty_.segments.insert(segment.index);
  }
  drop_holder(segment, endpoint.config.mac, without_lengths(endpoint.config.addresses));
  segment.endpoints.erase(index);
  --model_.endpoints_of_worker[endpoint.owner.value()];
  model_.endpoint_names.erase(EndpointName{endpoint.config.container, endpoint.config.ifname});
  model_.endpoints.erase(index);
  endpoint_indices_.give_back(index);
}

void Registry::reopen_endpoint(EndpointIndex index, std::uint16_t mtu) {
  EndpointRecord& endpoint = model_.endpoints.at(index);
  endpoint.mtu = mtu;
  dirty_.epochs.insert(endpoint.segment);
  touch_endpoint(index);
  tell_endpoint("attach", endpoint);
  touch(Part::endpoints, endpoint.config.name());  // it may be in another namespace now
}

Outcome<Ok> Registry::admit_endpoint_change(const EndpointConfig& config) const {
  const auto* existing = model_.endpoint(EndpointName{config.container, config.ifname});
  assert(existing != nullptr);
  if (auto failure = check_qos(config, existing)) return *failure;
  return Ok{};
}

void Registry::put_endpoint_change(const EndpointConfig& config) {
  const EndpointIndex index = model_.endpoint(EndpointName{config.container, config.ifname})->index;
  EndpointRecord& endpoint = model_.endpoints.at(index);
  if (endpoint.config == config) return;
  SegmentRecord& segment = model_.segments.at(endpoint.segment);
  if (endpoint.config.identity != config.identity) {
    Identities& identities = tenant_of(segment).identities;
    endpoint.identity = identities.take(config.identity);
    identities.give_back(endpoint.config.identity);
    put_holder(
        segment,
        Destination{index},
        config.mac,
        without_lengths(config.addresses),
        endpoint.identity
    );
  }
  const bool was_limited = endpoint.config.limits != ConnectionLimits{};
  const bool is_limited = config.limits != ConnectionLimits{};
  segment.limited_endpoints += (is_limited ? 1U : 0U);
  segment.limited_endpoints -= (was_limited ? 1U : 0U);
  if (was_limited != is_limited) dirty_.segments.insert(segment.index);
  if (endpoint.config.qos != config.qos) {
    drop_qos(endpoint);
    put_qos(endpoint, config.qos);
  }
  endpoint.config = config;
  dirty_.endpoints.insert(index);
  touch(Part::endpoints, config.name());
}

void Registry::touch_endpoint(EndpointIndex index) {
  dirty_.endpoints.insert(index);
  dirty_.floods.insert(model_.endpoint(index)->segment);
}

}  // namespace weft::control
