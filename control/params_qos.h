// Parameters of classes and rates: meters, contracts, budgets, egress schedulers. See params.h for the
// conventions.
//
// A rate is a number of bits per second or a text with a unit: 200000000, "200Mbit/s", "1.5Gbit/s". It is
// formatted as the number. Octets per second would do for the packet path, but nobody buys those.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "control/failure.h"
#include "control/fields.h"
#include "control/model.h"

namespace weft::control {

/// 8 kbit/s to 1.6 Tbit/s: below, a packet takes minutes; above, there is no port.
inline constexpr BitRate kMinRate = 8'000;
inline constexpr BitRate kMaxRate = 1'600'000'000'000;
/// Octets. A burst smaller than a packet would never let one pass.
inline constexpr std::uint64_t kMinBurst = 1'500;
inline constexpr std::uint64_t kMaxBurst = 1'000'000'000;

/// nullopt: not a rate.
[[nodiscard]] std::optional<BitRate> parse_rate(std::string_view text) noexcept;

/// A class by its name or number: "AF41", "EF", "BE", 46. nullopt: absent, or refused.
[[nodiscard]] std::optional<std::uint8_t> read_dscp(Fields& fields, const char* name);

/// `qos.meter.add`: a meter and its tenant.
struct MeterAddition {
  std::string tenant;
  MeterConfig meter;
};
[[nodiscard]] Outcome<MeterAddition> parse_meter_addition(const Json& json);
/// With the tenant's name in front, as in the document.
[[nodiscard]] Json to_json(const MeterConfig& config);

/// `limits` of an endpoint, laid over `current`.
[[nodiscard]] ConnectionLimits read_limits(Fields& fields, const ConnectionLimits& current = {});
[[nodiscard]] Json to_json(const ConnectionLimits& limits);

/// A rate that may be 0 (none at all).
[[nodiscard]] BitRate read_quota_rate(Fields& fields, const char* name);

/// `qos` of an endpoint, laid over `current`; contracts are replaced together.
[[nodiscard]] EndpointQosConfig read_endpoint_qos(
    Fields& fields, const EndpointQosConfig& current = {}
);
/// Only what differs from the default.
[[nodiscard]] Json to_json(const EndpointQosConfig& config);

/// `qos.budget.set`; no rate: the class is no longer scarce.
struct BudgetChange {
  classifier::Phb phb{};
  std::optional<BitRate> rate;
};
[[nodiscard]] Outcome<BudgetChange> parse_budget_change(const Json& json);

/// `qos.port.set`: laid over the port's configuration.
struct PortQosChange {
  std::string port;
  std::optional<PortQosConfig> qos;  // nullopt: `scheduler` is false
};
[[nodiscard]] Outcome<PortQosChange> parse_port_qos(
    const Json& json, const std::optional<PortQosConfig>& current
);
[[nodiscard]] Json to_json(const PortQosConfig& config);

/// `tenant.set`.
struct TenantChange {
  std::string name;
  std::string meter;  // empty: none
};
[[nodiscard]] Outcome<TenantChange> parse_tenant_change(const Json& json);

}  // namespace weft::control
