#include "control/connector/config.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "control/connector/environment.h"

namespace weft::connector {
namespace {

constexpr std::uint64_t kDefaultTimeout = 30;  // seconds
// Mesos gives an executor a minute to register, attaching included.
constexpr std::uint64_t kMaxTimeout = 59;
constexpr std::size_t kMaxNetworkName = 128;  // octets: it becomes the value of a label
constexpr std::uint64_t kMinMtu = 68;         // RFC 791 s3.2
constexpr std::uint64_t kMaxMtu = 65535;

std::string default_socket() {
  const char* path = std::getenv("WEFT_SOCKET");
  return path == nullptr || *path == '\0' ? "/run/weft/weft.sock" : path;
}

/// The folder where an operator's file may put it, or the usual one.
std::string state_dir_of(Reader& reader) {
  std::string folder = reader.text("stateDir").value_or("/var/lib/weft/cni");
  if (!folder.starts_with('/'))
    reader.refuse("stateDir", in_quotes(folder) + " is no absolute path");
  return folder;
}

std::string ipam_type_of(Reader& reader) {
  const Json* object = reader.object("ipam");
  Reader ipam{object, "config.ipam"};
  std::string type = ipam.text("type").value_or("");
  // A plugin is looked up on CNI_PATH: its name is no path.
  if (type.find('/') != std::string::npos) {
    ipam.refuse("type", in_quotes(type) + " is not the name of a plugin");
  }
  reader.adopt(ipam);
  return type;
}

/// Our own keys that every operation needs; `reader` has the complaint.
void read_own_basics(Reader& reader, Basics& basics) {
  basics.socket = reader.text("socket").value_or(default_socket());
  basics.state_dir = state_dir_of(reader);
  basics.timeout =
      std::chrono::seconds{reader.number("timeout_s", 1, kMaxTimeout).value_or(kDefaultTimeout)};
  basics.ipam_type = ipam_type_of(reader);
  basics.scope = reader.text("gcScope").value_or("");
}

template <typename Value, typename Parse>
std::vector<Value> parsed(
    Reader& reader,
    std::string_view key,
    const std::vector<std::string>& texts,
    Parse parse,
    std::string_view what
) {
  std::vector<Value> values;
  for (const std::string& text : texts) {
    if (const auto value = parse(text)) {
      values.push_back(*value);
    } else {
      reader.refuse(key, in_quotes(text) + " is " + std::string{what});
    }
  }
  return values;
}

std::vector<WantedRoute> read_routes(Reader& reader) {
  std::vector<WantedRoute> routes;
  for (const Json& element : reader.list("routes")) {
    Reader inner{&element, "config.routes"};
    const std::string to = inner.text("dst").value_or("");
    const std::optional<std::string> gateway = inner.text("gw");
    const auto prefix = parse_prefix(to);
    if (!prefix) inner.refuse("dst", in_quotes(to) + " is not an address and a length");
    WantedRoute route{prefix.value_or(IpPrefix{}), gateway ? parse_ip(*gateway) : std::nullopt};
    if (gateway && !route.gateway) inner.refuse("gw", in_quotes(*gateway) + " is not an address");
    if (route.gateway && route.gateway->family() != route.to.address.family()) {
      inner.refuse("gw", in_quotes(*gateway) + " is not of the address family of dst");
    }
    reader.adopt(inner);
    routes.push_back(route);
  }
  return routes;
}

Labels read_labels(Reader& reader) {
  Labels labels = reader.labels("labels");
  for (const auto& [key, value] : labels) {
    if (key.starts_with(kOwnLabels)) {
      reader.refuse("labels", in_quotes(key) + ": labels that begin with \"weft.\" are Weft's own");
    }
  }
  return labels;
}

std::string read_kind(Reader& reader) {
  constexpr std::array<std::string_view, 2> kKinds{"tap", "veth"};
  std::string kind = reader.text("kind").value_or("tap");
  if (std::ranges::find(kKinds, kind) == kKinds.end()) {
    reader.refuse(
        "kind",
        in_quotes(kind) +
            " is neither tap nor veth: a container that CNI attaches "
            "needs an interface of the kernel"
    );
  }
  return kind;
}

}  // namespace

Outcome<Json> parse_config(std::string_view text) {
  Json config = Json::parse(text, nullptr, false);
  if (config.is_discarded()) {
    return Problem{ProblemCode::not_json, "the configuration on stdin is not JSON"};
  }
  if (!config.is_object()) {
    return Problem{
        ProblemCode::not_json,
        "the configuration on stdin is " + shown(config) + ", not an object"};
  }
  return config;
}

Outcome<Basics> read_basics(const Json& config) {
  Reader reader{&config, "config"};
  Basics basics;
  const std::string version = reader.text("cniVersion").value_or("");
  basics.name = reader.text("name").value_or("");
  if (reader.problem()) return *reader.problem();
  if (!version.empty()) {
    const auto known = parse_version(version);
    if (!known) {
      return Problem{
          ProblemCode::incompatible_version,
          "config.cniVersion: " + in_quotes(version) + " is not supported",
          "supported: 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0"};
    }
    basics.version = *known;
  }
  if (basics.name.empty()) reader.refuse("name", "is required");
  if (!is_identifier(basics.name) || basics.name.size() > kMaxNetworkName) {
    reader.refuse(
        "name",
        in_quotes(basics.name) + " is not 1 to " + std::to_string(kMaxNetworkName) +
            " of letters, digits, '_', '.', '-', the first a letter or a digit"
    );
  }
  if (reader.problem()) return *reader.problem();
  Reader lenient{&config, "config"};
  read_own_basics(lenient, basics);
  return basics;
}

Outcome<Network> read_network(const Json& config, const Basics& basics) {
  Reader reader{&config, "config"};
  Basics again = basics;
  read_own_basics(reader, again);  // for its complaints
  Network network;
  network.segment = reader.text("segment").value_or(basics.name);
  network.kind = read_kind(reader);
  network.mtu = static_cast<std::uint32_t>(reader.number("mtu", kMinMtu, kMaxMtu).value_or(0));
  network.groups = reader.texts("groups");
  network.labels = read_labels(reader);
  network.addresses = parsed<IpPrefix>(
      reader, "addresses", reader.texts("addresses"), parse_prefix, "not an address and a length"
  );
  network.subnets = parsed<IpPrefix>(
      reader, "subnets", reader.texts("subnets"), parse_prefix, "not an address and a length"
  );
  network.gateways = parsed<IpAddress>(
      reader, "gateway", reader.text_or_texts("gateway"), parse_ip, "not an address"
  );
  network.routes = read_routes(reader);
  network.default_route = reader.flag("defaultRoute");
  Reader dns{reader.object("dns"), "config.dns"};
  network.dns = read_dns(dns, "nameservers", "search");
  reader.adopt(dns);
  if (reader.flag("ipMasq").value_or(false)) {
    reader.refuse("ipMasq", "true: Weft translates no addresses", ProblemCode::unsupported_field);
  }
  if (reader.problem()) return *reader.problem();
  return network;
}

Json read_dns(Reader& reader, std::string_view servers, std::string_view searches) {
  Json dns;
  const auto add = [&dns](const char* key, const std::vector<std::string>& texts) {
    if (!texts.empty()) dns[key] = texts;
  };
  add("nameservers", reader.texts(servers));
  if (const auto domain = reader.text("domain"); domain && !domain->empty())
    dns["domain"] = *domain;
  add("search", reader.texts(searches));
  add("options", reader.texts("options"));
  return dns;
}

}  // namespace weft::connector
