// Classes and rates: meters, budgets and who they are promised to, egress schedulers.

#include <algorithm>
#include <utility>

#include "control/params.h"
#include "control/params_qos.h"
#include "control/registry.h"

namespace weft::control {
namespace {

std::string bit_rate(BitRate rate) {
  return std::to_string(rate) + " bit/s";
}

std::size_t meters_needed(const EndpointQosConfig& qos) {
  return qos.contracts.size() + (qos.rate == 0 ? 0U : 1U);
}

BitRate rate_of(const EndpointQosConfig& qos, classifier::Phb phb) {
  const auto found = std::ranges::find(qos.contracts, phb, &QosContract::phb);
  return found == qos.contracts.end() ? 0 : found->rate;
}

}  // namespace

// -- meters --------------------------------------------------------------------------------------

std::uint16_t Registry::put_meter(const classifier::MeterConfig& meter) {
  const std::uint16_t index = meter_indices_.take().value();
  model_.meters.insert_or_assign(index, meter);
  dirty_.meters.insert(index);
  dirty_.fresh_meters.push_back(index);
  return index;
}

void Registry::drop_meter(std::uint16_t meter) {
  model_.meters.erase(meter);
  dirty_.meters.insert(meter);
  meter_indices_.give_back(MeterIndex{meter});
}

Outcome<Ok> Registry::add_meter(const std::string& tenant, const MeterConfig& config) {
  const auto found = find_tenant(tenant);
  if (!found) return found.error();
  const auto& meters = (*found)->meters;
  const std::string object = "meter " + config.name + " of tenant " + tenant;
  if (const auto existing = meters.find(config.name); existing != meters.end()) {
    if (existing->second.config == config) return Ok{};
    return refused(
        ErrorCode::exists_differently,
        object + ": already exists with other properties (" +
            differences(config, existing->second.config) + ")"
    );
  }
  if (auto failure = check_quota(tenant, "meters", meters.size() + 1)) return *failure;
  if (meter_indices_.available() == 0) {
    return refused(
        ErrorCode::limit_reached,
        object + ": there are already " + std::to_string(kMaxMeters) + " meters"
    );
  }
  const std::uint16_t index = put_meter(in_octets(config));
  model_.tenants.at(tenant).meters.emplace(config.name, MeterRecord{config, index});
  touch(Part::meters, std::string{tenant}.append("/").append(config.name));
  return Ok{};
}

Outcome<Ok> Registry::remove_meter(const std::string& tenant, const std::string& name) {
  const auto found = find_tenant(tenant);
  if (!found) return found.error();
  const auto meter = (*found)->meters.find(name);
  if (meter == (*found)->meters.end()) {
    return refused(
        ErrorCode::not_found,
        "meter " + in_quotes(name) + " does not exist in tenant " + tenant,
        "name"
    );
  }
  const auto& rules = *(*found)->rules;
  const auto user = std::ranges::find_if(rules, [&](const PolicyRuleRecord& record) {
    return record.config.meter == name;
  });
  if (user != rules.end()) {
    return refused(
        ErrorCode::in_use,
        "meter " + name + ": policy rule " + user->config.rule.name + " uses it",
        "name"
    );
  }
  if ((*found)->meter == name) {
    return refused(ErrorCode::in_use, "meter " + name + ": it polices tenant " + tenant, "name");
  }
  if (const std::string rule = rule_with_meter(meter->second.index); !rule.empty()) {
    return refused(ErrorCode::in_use, "meter " + name + ": " + rule + " uses it", "name");
  }
  drop_meter(meter->second.index);
  model_.tenants.at(tenant).meters.erase(name);
  touch(Part::meters, std::string{tenant}.append("/").append(name));
  return Ok{};
}

Outcome<Ok> Registry::set_tenant_meter(const std::string& name, const std::string& meter) {
  const TenantRecord* found = model_.tenant(name);
  if (found == nullptr) {
    return refused(ErrorCode::not_found, "tenant " + in_quotes(name) + " does not exist", "name");
  }
  if (!meter.empty() && !found->meters.contains(meter)) {
    return refused(
        ErrorCode::not_found,
        "tenant.meter: meter " + in_quotes(meter) + " does not exist in tenant " + name,
        "meter"
    );
  }
  if (found->meter == meter) return Ok{};
  model_.tenants.at(name).meter = meter;
  touch(Part::tenant_settings, name);
  for (const auto& [index, segment] : model_.segments) {
    if (segment.config.tenant == name) dirty_.segments.insert(index);
  }
  return Ok{};
}

// -- endpoints -----------------------------------------------------------------------------------

/// `existing`: what the endpoint has now, which it gives back.
std::optional<Failure> Registry::check_qos(
    const EndpointConfig& config, const EndpointRecord* existing
) const {
  const EndpointQosConfig before = existing == nullptr ? EndpointQosConfig{} : existing->config.qos;
  if (auto failure = check_contracts(config, before)) return failure;
  for (std::size_t i = 0; i < config.qos.contracts.size(); ++i) {
    const QosContract& contract = config.qos.contracts[i];
    const auto phb = static_cast<std::size_t>(contract.phb);
    const auto& budget = model_.budgets[phb];
    if (!budget.has_value()) continue;
    const BitRate others = model_.admitted[phb] - rate_of(before, contract.phb);
    const BitRate left = *budget > others ? *budget - others : 0;
    if (contract.rate <= left) continue;
    const std::string path = "qos.contracts[" + std::to_string(i) + "].rate";
    return refused(
        ErrorCode::limit_reached,
        "endpoint." + path + ": " + bit_rate(contract.rate) + " is more than is left of class " +
            std::string{classifier::name(contract.phb)} + ": " + bit_rate(left) + " of " +
            bit_rate(*budget),
        path
    );
  }
  if (meters_needed(config.qos) > meter_indices_.available_after(meters_needed(before))) {
    return refused(
        ErrorCode::limit_reached,
        "endpoint.qos: there are already " + std::to_string(kMaxMeters) + " meters",
        "qos"
    );
  }
  return std::nullopt;
}

void Registry::put_qos(EndpointRecord& endpoint, const EndpointQosConfig& qos) {
  endpoint.meters = EndpointMeters{};
  if (qos.rate != 0) endpoint.meters.rate = put_meter(policer_of(qos.rate, qos.burst));
  for (const QosContract& contract : qos.contracts) {
    const auto phb = static_cast<std::size_t>(contract.phb);
    endpoint.meters.contracts[phb] = put_meter(contract_meter(contract));
    model_.admitted[phb] += contract.rate;
  }
}

void Registry::drop_qos(EndpointRecord& endpoint) {
  if (endpoint.meters.rate != classifier::kNoMeter) drop_meter(endpoint.meters.rate);
  for (const QosContract& contract : endpoint.config.qos.contracts) {
    const auto phb = static_cast<std::size_t>(contract.phb);
    drop_meter(endpoint.meters.contracts[phb]);
    model_.admitted[phb] -= contract.rate;
  }
  endpoint.meters = EndpointMeters{};
}

// -- the node ------------------------------------------------------------------------------------

Outcome<Ok> Registry::set_budget(classifier::Phb phb, std::optional<BitRate> rate) {
  const auto index = static_cast<std::size_t>(phb);
  if (rate.has_value() && model_.admitted[index] > *rate) {
    return refused(
        ErrorCode::in_use,
        "budget.rate: " + bit_rate(*rate) + " is less than the contracts of class " +
            std::string{classifier::name(phb)} +
            " have together: " + bit_rate(model_.admitted[index]),
        "rate"
    );
  }
  if (model_.budgets[index] == rate) return Ok{};
  model_.budgets[index] = rate;
  touch(Part::budgets, std::string{classifier::name(phb)});
  dirty_.globals = true;
  return Ok{};
}

Outcome<UplinkIndex> Registry::set_port_qos(
    const std::string& name, const std::optional<PortQosConfig>& qos
) {
  const auto found = model_.ports.find(name);
  if (found == model_.ports.end()) {
    return refused(ErrorCode::not_found, "port " + in_quotes(name) + " does not exist", "port");
  }
  if (found->second.qos == qos) return found->second.index;
  found->second.qos = qos;
  touch(Part::schedulers, name);
  dirty_.uplinks = true;
  return found->second.index;
}

}  // namespace weft::control
