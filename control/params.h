// Parameters: JSON to configs and back. One parse and one format function per object, side by side.
//
// Everything that can be judged without looking at the state is judged here: types, ranges, words,
// unknown fields, lengths of lists. What depends on other objects is the registry's. Parsing what
// was formatted gives an equal config (asserted by the tests), which is why `get` answers a
// config file.
#pragma once

#include <optional>
#include <string>

#include "control/document_parts.h"
#include "control/failure.h"
#include "control/fields.h"
#include "control/model.h"

namespace weft::control {

/// Most VTEP addresses, gateways, subnets or routes one request may list.
inline constexpr std::size_t kMaxListed = 64;
/// Octets of an IP packet: the kernel's limit for a TAP.
inline constexpr std::uint16_t kMaxMtu = 65521;
/// RFC 791: every IPv4 link carries 68 octets.
inline constexpr std::uint16_t kMinMtu = 68;

[[nodiscard]] Outcome<PortConfig> parse_port(const Json& json);
[[nodiscard]] Json to_json(const PortConfig& config);

[[nodiscard]] Outcome<TenantConfig> parse_tenant(const Json& json);
[[nodiscard]] Json to_json(const TenantConfig& config);
/// tenant.quota: the tenant's name and its next quota.
[[nodiscard]] Outcome<TenantConfig> parse_quota_change(const Json& json);
[[nodiscard]] Json to_json(const TenantQuota& quota);

[[nodiscard]] Outcome<SegmentConfig> parse_segment(const Json& json);
/// `current` with the fields of `json` laid over it (segment.set).
[[nodiscard]] Outcome<SegmentConfig> parse_segment_change(
    const Json& json, const SegmentConfig& current
);
[[nodiscard]] Json to_json(const SegmentConfig& config);

[[nodiscard]] Outcome<RemoteConfig> parse_remote(const Json& json);
[[nodiscard]] Json to_json(const RemoteConfig& config);
[[nodiscard]] Json to_json(const RemoteEndpoint& endpoint);

/// Fills in the MAC if none was given: derived_mac of the endpoint's name.
[[nodiscard]] Outcome<EndpointConfig> parse_endpoint(const Json& json);
[[nodiscard]] Json to_json(const EndpointConfig& config);
/// endpoint.set: which endpoint it is about; then `current` with the fields of `json` laid over it.
[[nodiscard]] Outcome<EndpointName> parse_endpoint_name(const Json& json);
[[nodiscard]] Outcome<EndpointConfig> parse_endpoint_change(
    const Json& json, const EndpointConfig& current
);

/// A locally administered unicast MAC (02:...) that is always the same for a container and ifname.
[[nodiscard]] MacAddress derived_mac(
    const std::string& container, const std::string& ifname
) noexcept;

/// Only `name`, or only an optional `segment`: the parameters of most remove and list verbs.
[[nodiscard]] Outcome<std::string> parse_only_name(const Json& json, const std::string& object);
[[nodiscard]] Outcome<std::optional<std::string>> parse_only_segment(
    const Json& json, const std::string& object
);
/// No parameters at all.
[[nodiscard]] Outcome<Ok> parse_nothing(const Json& json, const std::string& object);

/// "tap", "veth", "memif", "vhost-user", "ethdev".
[[nodiscard]] const char* name(PortKind kind) noexcept;
[[nodiscard]] std::optional<PortKind> parse_port_kind(std::string_view text) noexcept;

/// The names of the fields in which two configs differ: "mtu, subnets".
template <typename Config>
[[nodiscard]] std::string differences(const Config& a, const Config& b) {
  const Json left = to_json(a);
  const Json right = to_json(b);
  std::string names;
  for (const auto& item : left.items()) {
    if (right.contains(item.key()) && right[item.key()] == item.value()) continue;
    names += (names.empty() ? "" : ", ") + item.key();
  }
  for (const auto& item : right.items()) {
    if (!left.contains(item.key())) names += (names.empty() ? "" : ", ") + item.key();
  }
  return names;
}

}  // namespace weft::control
