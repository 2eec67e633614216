// Tenants and how much they may have: tenant.add, tenant.quota.

#include "classifier/qos.h"
#include "control/params.h"
#include "control/params_qos.h"

namespace weft::control {
namespace {

constexpr std::uint32_t kMaxQuota = 1U << 30U;

std::optional<std::uint32_t> read_bound(Fields& fields, const char* name) {
  if (!fields.has(name)) return std::nullopt;
  return fields.number<std::uint32_t>(name, 0, 0, kMaxQuota);
}

TenantQuota read_quota(Fields& outer) {
  TenantQuota quota;
  const Json* json = outer.find("quota");
  if (json == nullptr) return quota;
  Fields fields{*json, "tenant", "quota"};
  quota.endpoints = read_bound(fields, "endpoints");
  quota.rules = read_bound(fields, "rules");
  quota.meters = read_bound(fields, "meters");
  quota.l7_classes = read_bound(fields, "l7_classes");
  if (const Json* contracts = fields.find("contracts")) {
    Fields rates{*contracts, "tenant", "quota.contracts"};
    for (const classifier::Phb phb : classifier::kPhbs) {
      const std::string name{classifier::name(phb)};
      if (!may_be_scarce(phb) || !rates.has(name.c_str())) continue;
      quota.contracts[phb] = read_quota_rate(rates, name.c_str());
    }
    fields.adopt(rates.finish());
  }
  outer.adopt(fields.finish());
  return quota;
}

}  // namespace

Outcome<TenantConfig> parse_tenant(const Json& json) {
  Fields fields{json, "tenant"};
  TenantConfig config{fields.required_name("name"), read_quota(fields)};
  if (auto failure = fields.finish()) return *failure;
  return config;
}

Outcome<TenantConfig> parse_quota_change(const Json& json) {
  Fields fields{json, "tenant"};
  TenantConfig config{fields.required_name("name"), {}};
  if (fields.is_ok() && !fields.has("quota")) fields.refuse("quota", "is required");
  config.quota = read_quota(fields);
  if (auto failure = fields.finish()) return *failure;
  return config;
}

Json to_json(const TenantQuota& quota) {
  Json json = Json::object();
  const auto put = [&](const char* name, const std::optional<std::uint32_t>& bound) {
    if (bound.has_value()) json[name] = *bound;
  };
  put("endpoints", quota.endpoints);
  put("rules", quota.rules);
  put("meters", quota.meters);
  put("l7_classes", quota.l7_classes);
  for (const auto& [phb, rate] : quota.contracts) {
    json["contracts"][std::string{classifier::name(phb)}] = rate;
  }
  return json;
}

Json to_json(const TenantConfig& config) {
  Json json{{"name", config.name}};
  if (config.quota != TenantQuota{}) json["quota"] = to_json(config.quota);
  return json;
}

}  // namespace weft::control
