// Endpoints: `endpoint.attach` and `endpoint.set`.

#include <algorithm>

#include "control/params.h"
#include "control/params_policy.h"
#include "control/params_qos.h"

namespace weft::control {
namespace {

/// Container runtimes use 64 hexadecimal digits; nested Mesos containers several UUIDs.
constexpr std::size_t kMaxContainerName = 128;

/// What the kernel takes as the name of an interface (dev_valid_name): 1 to 15 characters without
/// slashes, colons or white space.
bool is_interface_name(std::string_view text) noexcept {
  if (text.empty() || text.size() > 15 || text == "." || text == "..") return false;
  return std::ranges::all_of(text, [](char c) {
    return c > ' ' && c < 0x7F && c != '/' && c != ':' && c != '%';
  });
}

/// A field that ports of some kinds need and the others do not have.
void check_given(
    Fields& fields,
    const char* field,
    const std::string& value,
    bool is_needed,
    const std::string& kind
) {
  if (is_needed && value.empty()) fields.refuse(field, "is required for " + kind);
  if (!is_needed && !value.empty()) fields.refuse(field, kind + " has none");
}

void read_place(Fields& fields, EndpointConfig& config) {
  config.netns = fields.text("netns", "");
  config.pid = fields.number<std::uint32_t>("pid", 0, 1, 0x7FFFFFFF);
  config.kind =
      fields.word("kind", PortKind::tap, parse_port_kind, "tap, veth, memif, vhost-user, ethdev");
  config.socket = fields.text("socket", "");
  config.device = fields.text("device", "");
  const std::string kind = std::string{"a port of kind "} + name(config.kind);
  const bool is_kernel_port = config.kind == PortKind::tap || config.kind == PortKind::veth;
  const bool has_namespace = !config.netns.empty() || config.pid != 0;
  if (is_kernel_port) {
    if (!has_namespace) fields.refuse("netns", "is required, or pid, for " + kind);
    if (!config.netns.empty() && config.pid != 0) fields.refuse("pid", "excludes netns");
    if (!config.netns.empty() && config.netns.front() != '/') {
      fields.refuse("netns", in_quotes(config.netns) + " is not an absolute path");
    }
  } else if (has_namespace) {
    fields.refuse("netns", kind + " is in no namespace");
  }
  const bool has_socket = config.kind == PortKind::memif || config.kind == PortKind::vhost_user;
  const bool has_device = config.kind == PortKind::ethdev;
  check_given(fields, "socket", config.socket, has_socket, kind);
  check_given(fields, "device", config.device, has_device, kind);
}

std::vector<Route> read_routes(Fields& fields) {
  std::vector<Route> routes;
  fields.for_each("routes", [&](const Json& element, const std::string& path) {
    Fields inner{element, "endpoint", path};
    if (inner.is_ok() && !inner.has("to")) inner.refuse("to", "is required");
    Route route{inner.prefix("to").value_or(IpPrefix{}), inner.address("via")};
    if (inner.is_ok() && route.via.has_value() &&
        route.via->family() != route.to.address.family()) {
      inner.refuse("via", format(*route.via) + " is not of the address family of `to`");
    }
    fields.adopt(inner.finish());
    routes.push_back(route);
  });
  if (routes.size() > kMaxListed) {
    fields.refuse("routes", "more than " + std::to_string(kMaxListed) + " elements");
  }
  return routes;
}

BumBudget read_budget(Fields& fields) {
  constexpr std::uint32_t kMaxRate = 100'000'000;  // frames per second
  BumBudget budget;
  const Json* json = fields.find("bum_budget");
  if (json == nullptr) return budget;
  Fields inner{*json, "endpoint", "bum_budget"};
  budget.broadcast = inner.number<std::uint32_t>("broadcast", budget.broadcast, 0, kMaxRate);
  budget.multicast = inner.number<std::uint32_t>("multicast", budget.multicast, 0, kMaxRate);
  budget.unknown_unicast =
      inner.number<std::uint32_t>("unknown_unicast", budget.unknown_unicast, 0, kMaxRate);
  fields.adopt(inner.finish());
  return budget;
}

void check_addresses(Fields& fields, const std::vector<IpPrefix>& addresses) {
  if (addresses.size() > classifier::kMaxEndpointAddresses) {
    fields.refuse(
        "addresses",
        std::to_string(addresses.size()) + " elements are above the limit " +
            std::to_string(classifier::kMaxEndpointAddresses)
    );
  }
  for (const IpPrefix& prefix : addresses) {
    const IpAddress& address = prefix.address;
    const bool is_zero = address.is_v4() ? address.v4().is_zero() : address.v6().is_zero();
    if (is_zero || address.is_multicast() ||
        address == IpAddress{Ipv4Address{{255, 255, 255, 255}}}) {
      fields.refuse("addresses", format(prefix) + " is not the address of a host");
    }
    if (std::ranges::count(addresses, address, &IpPrefix::address) > 1) {
      fields.refuse("addresses", format(address) + " is listed twice");
    }
  }
}

}  // namespace

const char* name(PortKind kind) noexcept {
  switch (kind) {
    case PortKind::tap:
      return "tap";
    case PortKind::veth:
      return "veth";
    case PortKind::memif:
      return "memif";
    case PortKind::vhost_user:
      return "vhost-user";
    case PortKind::ethdev:
      return "ethdev";
  }
  return "";
}

std::optional<PortKind> parse_port_kind(std::string_view text) noexcept {
  for (const PortKind kind :
       {PortKind::tap, PortKind::veth, PortKind::memif, PortKind::vhost_user, PortKind::ethdev}) {
    if (text == name(kind)) return kind;
  }
  return std::nullopt;
}

MacAddress derived_mac(const std::string& container, const std::string& ifname) noexcept {
  std::uint64_t hash = 0xCBF29CE484222325U;  // FNV-1a: stable over releases, unlike std::hash
  std::string identity = container;
  identity += '/';
  identity += ifname;
  for (const char c : identity) {
    hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001B3U;
  }
  hash ^= hash >> 40U;  // the upper bits too, of which the MAC has no room
  return MacAddress::from_bits((std::uint64_t{0x02} << 40U) | (hash & 0xFFFFFFFFFFU));
}

Outcome<EndpointConfig> parse_endpoint(const Json& json) {
  Fields fields{json, "endpoint"};
  EndpointConfig config;
  config.container = fields.required_name("container", kMaxContainerName);
  config.ifname = fields.text("ifname", "eth0");
  if (!is_interface_name(config.ifname)) {
    fields.refuse(
        "ifname",
        in_quotes(config.ifname) +
            " is not a name that the kernel takes for an "
            "interface (1 to 15 characters, no '/', ':', '%' or white space)"
    );
  }
  config.segment = fields.required_name("segment");
  read_place(fields, config);
  config.mac = fields.mac("mac").value_or(derived_mac(config.container, config.ifname));
  config.addresses = fields.prefixes("addresses");
  check_addresses(fields, config.addresses);
  config.routes = read_routes(fields);
  config.mtu = fields.number_or_zero<std::uint16_t>("mtu", 0, kMinMtu, kMaxMtu);
  config.anti_spoofing = fields.flag("anti_spoofing", config.anti_spoofing);
  config.allow_dhcp = fields.flag("allow_dhcp", config.allow_dhcp);
  config.bum_budget = read_budget(fields);
  config.identity = read_identity(fields);
  config.limits = read_limits(fields);
  config.qos = read_endpoint_qos(fields);
  if (auto failure = fields.finish()) return *failure;
  return config;
}

Outcome<EndpointName> parse_endpoint_name(const Json& json) {
  Fields fields{json, "endpoint"};
  EndpointName name{
      fields.required_name("container", kMaxContainerName), fields.text("ifname", "eth0")};
  for (const char* changed : {"groups", "labels", "limits", "qos"}) {
    static_cast<void>(fields.find(changed));
  }
  if (auto failure = fields.finish()) return *failure;
  return name;
}

Outcome<EndpointConfig> parse_endpoint_change(const Json& json, const EndpointConfig& current) {
  Fields fields{json, "endpoint"};
  static_cast<void>(fields.find("container"));
  static_cast<void>(fields.find("ifname"));
  EndpointConfig config = current;
  config.identity = read_identity(fields, current.identity);
  config.limits = read_limits(fields, current.limits);
  config.qos = read_endpoint_qos(fields, current.qos);
  if (auto failure = fields.finish()) return *failure;
  return config;
}

Json to_json(const EndpointConfig& config) {
  Json json{
      {"container", config.container}, {"ifname", config.ifname}, {"segment", config.segment}};
  if (!config.netns.empty()) json["netns"] = config.netns;
  if (config.pid != 0) json["pid"] = config.pid;
  json["kind"] = name(config.kind);
  if (!config.socket.empty()) json["socket"] = config.socket;
  if (!config.device.empty()) json["device"] = config.device;
  json["mac"] = format(config.mac);
  json["addresses"] = Json::array();
  for (const IpPrefix& prefix : config.addresses) json["addresses"].push_back(format(prefix));
  json["routes"] = Json::array();
  for (const Route& route : config.routes) {
    Json entry{{"to", format(route.to)}};
    if (route.via.has_value()) entry["via"] = format(*route.via);
    json["routes"].push_back(entry);
  }
  json["mtu"] = config.mtu;
  json["anti_spoofing"] = config.anti_spoofing;
  json["allow_dhcp"] = config.allow_dhcp;
  json["bum_budget"] = {
      {"broadcast", config.bum_budget.broadcast},
      {"multicast", config.bum_budget.multicast},
      {"unknown_unicast", config.bum_budget.unknown_unicast},
  };
  add_identity(json, config.identity);
  if (config.limits != ConnectionLimits{}) json["limits"] = to_json(config.limits);
  if (config.qos != EndpointQosConfig{}) json["qos"] = to_json(config.qos);
  return json;
}

}  // namespace weft::control
