// How much a tenant has, and how much it may have.

#include "control/params.h"
#include "control/registry.h"

namespace weft::control {
namespace {

Failure above(
    ErrorCode code,
    const std::string& tenant,
    const std::string& what,
    std::uint64_t wanted,
    std::uint64_t bound
) {
  return refused(
      code,
      "tenant " + tenant + ": " + std::to_string(wanted) + " " + what + " are above its quota " +
          std::to_string(bound),
      "quota"
  );
}

}  // namespace

std::size_t Registry::endpoints_of(const std::string& tenant) const {
  std::size_t count = 0;
  for (const auto& [index, segment] : model_.segments) {
    if (segment.config.tenant == tenant) count += segment.endpoints.size();
  }
  return count;
}

BitRate Registry::contracts_of(const std::string& tenant, classifier::Phb phb) const {
  BitRate sum = 0;
  for (const auto& [index, segment] : model_.segments) {
    if (segment.config.tenant != tenant) continue;
    for (const EndpointIndex endpoint : segment.endpoints) {
      for (const QosContract& contract : model_.endpoint(endpoint)->config.qos.contracts) {
        if (contract.phb == phb) sum += contract.rate;
      }
    }
  }
  return sum;
}

std::optional<Failure> Registry::check_quota(
    const std::string& tenant, const char* what, std::size_t wanted
) const {
  const TenantQuota& quota = model_.tenants.at(tenant).config.quota;
  const std::string_view kind = what;
  const auto& bound = kind == "endpoints" ? quota.endpoints
                      : kind == "rules"   ? quota.rules
                      : kind == "meters"  ? quota.meters
                                          : quota.l7_classes;
  if (!bound.has_value() || wanted <= *bound || is_restoring()) return std::nullopt;
  return above(ErrorCode::limit_reached, tenant, what, wanted, *bound);
}

std::optional<Failure> Registry::check_contracts(
    const EndpointConfig& config, const EndpointQosConfig& before
) const {
  const std::string& tenant = model_.segment(config.segment)->config.tenant;
  const TenantQuota& quota = model_.tenants.at(tenant).config.quota;
  for (const QosContract& contract : config.qos.contracts) {
    const auto bound = quota.contracts.find(contract.phb);
    if (bound == quota.contracts.end() || is_restoring()) continue;
    BitRate sum = contracts_of(tenant, contract.phb) + contract.rate;
    for (const QosContract& old : before.contracts) {
      if (old.phb == contract.phb) sum -= old.rate;
    }
    if (sum <= bound->second) continue;
    const std::string what =
        "bit/s of contracts in class " + std::string{classifier::name(contract.phb)};
    return above(ErrorCode::limit_reached, tenant, what, sum, bound->second);
  }
  return std::nullopt;
}

Outcome<Ok> Registry::set_quota(const std::string& name, const TenantQuota& quota) {
  const auto found = model_.tenants.find(name);
  if (found == model_.tenants.end()) {
    return refused(ErrorCode::not_found, "tenant " + in_quotes(name) + " does not exist", "name");
  }
  TenantRecord& tenant = found->second;
  const auto has = [&](const char* what, std::size_t count, std::optional<std::uint32_t> bound
                   ) -> std::optional<Failure> {
    if (!bound.has_value() || count <= *bound) return std::nullopt;
    return above(ErrorCode::in_use, name, what, count, *bound);
  };
  auto failure = has("endpoints", endpoints_of(name), quota.endpoints);
  if (!failure) failure = has("rules", tenant.rules->size(), quota.rules);
  if (!failure) failure = has("meters", tenant.meters.size(), quota.meters);
  if (!failure) failure = has("L7 classes", tenant.l7.size(), quota.l7_classes);
  for (const auto& [phb, rate] : quota.contracts) {
    const BitRate sum = contracts_of(name, phb);
    if (failure.has_value() || sum <= rate) continue;
    const std::string what = "bit/s of contracts in class " + std::string{classifier::name(phb)};
    failure = above(ErrorCode::in_use, name, what, sum, rate);
  }
  if (failure.has_value()) return *failure;
  if (tenant.config.quota == quota) return Ok{};
  tenant.config.quota = quota;
  touch(Part::tenants, name);
  return Ok{};
}

}  // namespace weft::control
