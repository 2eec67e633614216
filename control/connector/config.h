// The operator's network configuration: what stdin holds besides the request of this one container.
//
// Two readings. Basics are what every operation needs, also a DEL with a file that was edited into
// something wrong meanwhile: they never fail on our own keys. Network is the whole, and strict.
//
// Who a container belongs to comes from here only (`segment`), never from labels or arguments: those
// are written by whoever starts the container.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/connector/json_read.h"
#include "control/connector/version.h"

namespace weft::connector {

/// stdin as JSON: an object, else a problem.
[[nodiscard]] Outcome<Json> parse_config(std::string_view text);

struct Basics {
  SpecVersion version{SpecVersion::v0_1_0};  // absent: 0.1.0
  std::string name;                          // of the network
  std::string socket;                        // of weftd
  std::string state_dir;                     // holds spool/ and keys/
  std::chrono::seconds timeout{};            // of a whole call
  std::string ipam_type;                     // empty: no external IPAM plugin
  std::string scope;                         // GC leaves attachments of another scope alone
};

/// Fails without a good `name` or with a `cniVersion` that is not ours.
[[nodiscard]] Outcome<Basics> read_basics(const Json& config);

/// A route that the container gets. Without `gateway`: through the network's gateway of its family.
struct WantedRoute {
  IpPrefix to;
  std::optional<IpAddress> gateway;
  friend bool operator==(const WantedRoute&, const WantedRoute&) = default;
};

struct Network {
  std::string segment;
  std::string kind;     // tap, veth
  std::uint32_t mtu{};  // 0: the segment's
  std::vector<std::string> groups;
  Labels labels;
  std::vector<IpPrefix> addresses;  // when nobody asks for others
  std::vector<IpPrefix> subnets;    // lengths for addresses that come without one
  std::vector<IpAddress> gateways;
  std::vector<WantedRoute> routes;
  std::optional<bool> default_route;  // absent: the first interface of a container has one
  Json dns;                           // as in results; null when there is none
};

[[nodiscard]] Outcome<Network> read_network(const Json& config, const Basics& basics);

/// `dns` of a configuration, only what says something; null when nothing does.
[[nodiscard]] Json read_dns(Reader& reader, std::string_view servers, std::string_view searches);

/// Labels that begin so are ours: nobody else may set them.
inline constexpr std::string_view kOwnLabels = "weft.";
inline constexpr const char* kNetworkLabel = "weft.cni/network";
inline constexpr const char* kScopeLabel = "weft.cni/scope";

}  // namespace weft::connector
