#include "control/connector/result.h"

#include <algorithm>
#include <array>

namespace weft::connector {
namespace {

bool is_of(IpFamily family, const IpPrefix& prefix) {
  return prefix.address.family() == family;
}

// -- reading -----------------------------------------------------------------------------------------

std::optional<IpAddress> read_address(Reader& reader, std::string_view key) {
  const std::optional<std::string> text = reader.text(key);
  // Some plugins write an absent gateway as "".
  if (!text || text->empty()) return std::nullopt;
  const auto address = parse_ip(*text);
  if (!address) reader.refuse(key, in_quotes(*text) + " is not an address");
  return address;
}

IpPrefix read_prefix(Reader& reader, std::string_view key) {
  const std::string text = reader.text(key).value_or("");
  const auto prefix = parse_prefix(text);
  if (!prefix) reader.refuse(key, in_quotes(text) + " is not an address and a length");
  return prefix.value_or(IpPrefix{});
}

void read_routes(Made& made, Reader& reader) {
  for (const Json& element : reader.list("routes")) {
    Reader inner{&element, reader.path_of("routes")};
    const IpPrefix to = read_prefix(inner, "dst");
    made.routes.push_back({to, read_address(inner, "gw")});
    reader.adopt(inner);
  }
}

/// `ip4` and `ip6` of the oldest versions.
void read_family(Made& made, Reader& reader, std::string_view key) {
  const Json* object = reader.object(key);
  if (object == nullptr) return;
  Reader inner{object, reader.path_of(key)};
  const IpPrefix address = read_prefix(inner, "ip");
  const auto gateway = read_address(inner, "gateway");
  made.addresses.push_back({address, gateway, std::nullopt});
  read_routes(made, inner);
  reader.adopt(inner);
}

void read_interfaces(Made& made, Reader& reader) {
  for (const Json& element : reader.list("interfaces")) {
    Reader inner{&element, reader.path_of("interfaces")};
    MadeInterface interface;
    interface.name = inner.text("name").value_or("");
    interface.mac = inner.text("mac").value_or("");
    interface.sandbox = inner.text("sandbox").value_or("");
    made.interfaces.push_back(std::move(interface));
    reader.adopt(inner);
  }
}

void read_ips(Made& made, Reader& reader) {
  for (const Json& element : reader.list("ips")) {
    Reader inner{&element, reader.path_of("ips")};
    MadeAddress address;
    address.address = read_prefix(inner, "address");
    address.gateway = read_address(inner, "gateway");
    address.interface = inner.number("interface", 0, 0xFFFF);
    made.addresses.push_back(address);
    reader.adopt(inner);
  }
}

// -- writing -----------------------------------------------------------------------------------------

Json format_routes(const std::vector<WantedRoute>& routes) {
  Json list = Json::array();
  for (const WantedRoute& route : routes) {
    Json entry{{"dst", format(route.to)}};
    if (route.gateway) entry["gw"] = format(*route.gateway);
    list.push_back(std::move(entry));
  }
  return list;
}

/// The first address of the family with the routes of the family; null when there is none.
Json format_family(const Made& made, IpFamily family) {
  const auto found = std::ranges::find_if(made.addresses, [family](const MadeAddress& address) {
    return is_of(family, address.address);
  });
  if (found == made.addresses.end()) return {};
  Json json{{"ip", format(found->address)}};
  if (found->gateway) json["gateway"] = format(*found->gateway);
  std::vector<WantedRoute> routes;
  std::ranges::copy_if(made.routes, std::back_inserter(routes), [family](const WantedRoute& route) {
    return is_of(family, route.to);
  });
  if (!routes.empty()) json["routes"] = format_routes(routes);
  return json;
}

void add_families(Json& json, const Made& made) {
  constexpr std::array kFamilies{std::pair{"ip4", IpFamily::v4}, std::pair{"ip6", IpFamily::v6}};
  for (const auto& [key, family] : kFamilies) {
    Json value = format_family(made, family);
    if (!value.is_null()) json[key] = std::move(value);
  }
}

/// json[key] as a list, whatever was there.
Json& list_in(Json& json, const char* key) {
  if (!json.contains(key) || !json[key].is_array()) json[key] = Json::array();
  return json[key];
}

void add_lists(Json& json, const Made& made, SpecVersion version) {
  Json& interfaces = list_in(json, "interfaces");
  const std::size_t first = interfaces.size();
  for (const MadeInterface& interface : made.interfaces) {
    Json entry{{"name", interface.name}};
    if (!interface.mac.empty()) entry["mac"] = interface.mac;
    if (!interface.sandbox.empty()) entry["sandbox"] = interface.sandbox;
    if (has_status(version) && interface.mtu != 0) entry["mtu"] = interface.mtu;
    interfaces.push_back(std::move(entry));
  }
  Json& ips = list_in(json, "ips");
  for (const MadeAddress& address : made.addresses) {
    Json entry{{"address", format(address.address)}};
    if (names_families(version))
      entry["version"] = is_of(IpFamily::v4, address.address) ? "4" : "6";
    if (address.gateway) entry["gateway"] = format(*address.gateway);
    if (address.interface) entry["interface"] = first + *address.interface;
    ips.push_back(std::move(entry));
  }
  Json& routes = list_in(json, "routes");
  for (Json& route : format_routes(made.routes)) routes.push_back(std::move(route));
  if (routes.empty()) json.erase("routes");
}

}  // namespace

Outcome<Made> parse_result(const Json& json) {
  Reader reader{&json, "result"};
  Made made;
  read_interfaces(made, reader);
  read_ips(made, reader);
  // A superset, as we print it ourselves, says the same twice.
  if (made.addresses.empty()) {
    read_family(made, reader, "ip4");
    read_family(made, reader, "ip6");
  }
  const bool has_own_routes = !reader.list("routes").empty();
  if (has_own_routes) made.routes.clear();
  read_routes(made, reader);
  Reader dns{reader.object("dns"), "result.dns"};
  made.dns = read_dns(dns, "nameservers", "search");
  reader.adopt(dns);
  if (reader.problem()) return *reader.problem();
  return made;
}

Json format_result(const Made& made, SpecVersion version, bool is_mesos, const Json* previous) {
  // Chains came with 0.3.0.
  Json json = previous != nullptr && has_lists(version) ? *previous : Json::object();
  json["cniVersion"] = format(version);
  if (has_lists(version)) add_lists(json, made, version);
  if (is_mesos || !has_lists(version)) add_families(json, made);
  if (!made.dns.is_null()) json["dns"] = made.dns;
  return json;
}

}  // namespace weft::connector
