#include "control/params.h"

#include <algorithm>

#include "control/params_policy.h"

namespace weft::control {
namespace {

template <typename List>
Json texts(const List& list) {
  Json array = Json::array();
  for (const auto& element : list) array.push_back(format(element));
  return array;
}

/// An address that a host can have: not unspecified, multicast or limited broadcast.
bool is_host_address(const IpAddress& address) noexcept {
  if (address.is_multicast()) return false;
  if (!address.is_v4()) return !address.v6().is_zero();
  return !address.v4().is_zero() && address.v4().bits() != 0xFFFFFFFFU;
}

void check_listed(Fields& fields, const char* name, std::size_t count, std::size_t limit) {
  if (count <= limit) return;
  fields.refuse(
      name, std::to_string(count) + " elements are above the limit " + std::to_string(limit)
  );
}

RemoteEndpoint parse_remote_endpoint(Fields& outer, const Json& json, const std::string& path) {
  Fields fields{json, "remote", path};
  RemoteEndpoint endpoint;
  if (fields.is_ok() && !fields.has("mac")) fields.refuse("mac", "is required");
  endpoint.mac = fields.mac("mac").value_or(MacAddress{});
  endpoint.addresses = fields.addresses("addresses");
  check_listed(fields, "addresses", endpoint.addresses.size(), kMaxListed);
  for (const IpAddress& address : endpoint.addresses) {
    if (!is_host_address(address)) {
      fields.refuse("addresses", format(address) + " is not the address of a host");
    }
  }
  endpoint.identity = read_identity(fields);
  outer.adopt(fields.finish());
  return endpoint;
}

std::map<IpAddress, MacAddress> read_neighbors(Fields& fields) {
  std::map<IpAddress, MacAddress> neighbors;
  fields.for_each("neighbors", [&](const Json& element, const std::string& path) {
    Fields inner{element, "port", path};
    if (inner.is_ok() && !inner.has("address")) inner.refuse("address", "is required");
    if (inner.is_ok() && !inner.has("mac")) inner.refuse("mac", "is required");
    const IpAddress address = inner.address("address").value_or(IpAddress{});
    const MacAddress mac = inner.mac("mac").value_or(MacAddress{});
    if (inner.is_ok() && !is_host_address(address)) {
      inner.refuse("address", format(address) + " is not the address of a host");
    }
    if (inner.is_ok() && !neighbors.emplace(address, mac).second) {
      inner.refuse("address", format(address) + " is listed twice");
    }
    fields.adopt(inner.finish());
  });
  check_listed(fields, "neighbors", neighbors.size(), kMaxListed);
  return neighbors;
}

}  // namespace

Outcome<PortConfig> parse_port(const Json& json) {
  Fields fields{json, "port"};
  PortConfig config;
  config.name = fields.required_name("name");
  // Ports are also called by their numbers.
  if (std::ranges::all_of(config.name, [](char c) { return c >= '0' && c <= '9'; })) {
    fields.refuse("name", in_quotes(config.name) + " is a number, not a name");
  }
  config.device = fields.required_text("device");
  config.addresses = fields.prefixes("addresses");
  config.gateways = fields.addresses("gateways");
  config.neighbors = read_neighbors(fields);
  config.mtu = fields.number_or_zero<std::uint16_t>("mtu", 0, kMinMtu, kMaxMtu);
  config.queues = fields.number<std::uint16_t>("queues", 0, 0, kMaxWorkers);

  check_listed(fields, "addresses", config.addresses.size(), kMaxVtepAddresses);
  check_listed(fields, "gateways", config.gateways.size(), 2);
  for (const IpPrefix& prefix : config.addresses) {
    if (!is_host_address(prefix.address)) {
      fields.refuse("addresses", format(prefix) + " is not the address of a host");
    }
    if (std::ranges::count(config.addresses, prefix.address, &IpPrefix::address) > 1) {
      fields.refuse("addresses", format(prefix.address) + " is listed twice");
    }
  }
  for (const IpAddress& gateway : config.gateways) {
    if (!is_host_address(gateway)) {
      fields.refuse("gateways", format(gateway) + " is not the address of a host");
    }
    if (std::ranges::count(config.gateways, gateway.family(), &IpAddress::family) > 1) {
      fields.refuse("gateways", "there may be one of each address family");
    }
    const bool is_on_link = std::ranges::any_of(config.addresses, [&](const IpPrefix& prefix) {
      return prefix.contains(gateway);
    });
    if (!is_on_link) fields.refuse("gateways", format(gateway) + " is in no prefix of `addresses`");
  }
  if (auto failure = fields.finish()) return *failure;
  return config;
}

Json to_json(const PortConfig& config) {
  Json json{
      {"name", config.name},
      {"device", config.device},
      {"addresses", texts(config.addresses)},
      {"gateways", texts(config.gateways)},
      {"mtu", config.mtu},
      {"queues", config.queues},
  };
  for (const auto& [address, mac] : config.neighbors) {
    json["neighbors"].push_back({{"address", format(address)}, {"mac", format(mac)}});
  }
  return json;
}

Outcome<RemoteConfig> parse_remote(const Json& json) {
  Fields fields{json, "remote"};
  RemoteConfig config;
  config.segment = fields.required_name("segment");
  if (!fields.has("vtep")) fields.refuse("vtep", "is required");
  config.vtep = fields.address("vtep").value_or(IpAddress{});
  if (fields.is_ok() && !is_host_address(config.vtep)) {
    fields.refuse("vtep", format(config.vtep) + " is not the address of a host");
  }
  fields.for_each("endpoints", [&](const Json& element, const std::string& path) {
    if (fields.is_ok()) {
      config.endpoints.push_back(parse_remote_endpoint(fields, element, path));
    }
  });
  check_listed(fields, "endpoints", config.endpoints.size(), kMaxRemoteEndpoints);
  if (auto failure = fields.finish()) return *failure;
  return config;
}

Json to_json(const RemoteEndpoint& endpoint) {
  Json json{{"mac", format(endpoint.mac)}, {"addresses", texts(endpoint.addresses)}};
  add_identity(json, endpoint.identity);
  return json;
}

Json to_json(const RemoteConfig& config) {
  Json endpoints = Json::array();
  for (const RemoteEndpoint& endpoint : config.endpoints) endpoints.push_back(to_json(endpoint));
  return Json{{"segment", config.segment}, {"vtep", format(config.vtep)}, {"endpoints", endpoints}};
}

Outcome<std::string> parse_only_name(const Json& json, const std::string& object) {
  Fields fields{json, object};
  std::string name = fields.required_name("name");
  if (auto failure = fields.finish()) return *failure;
  return name;
}

Outcome<std::optional<std::string>> parse_only_segment(
    const Json& json, const std::string& object
) {
  Fields fields{json, object};
  std::optional<std::string> segment;
  if (fields.has("segment")) segment = fields.required_name("segment");
  if (auto failure = fields.finish()) return *failure;
  return segment;
}

Outcome<Ok> parse_nothing(const Json& json, const std::string& object) {
  if (auto failure = Fields{json, object}.finish()) return *failure;
  return Ok{};
}

}  // namespace weft::control
