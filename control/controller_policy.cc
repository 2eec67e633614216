// Verbs of policy, classes and rates.

#include <algorithm>
#include <utility>

#include "control/controller.h"
#include "control/policy_build.h"

namespace weft::control {

// -- compiling before accepting ------------------------------------------------------------------

Outcome<Ok> Controller::put_proposal(Outcome<Registry::Proposal> proposal) {
  if (!proposal) return proposal.error();
  if (!proposal->has_value()) return Ok{};
  TenantRecord& next = **proposal;
  const std::string name = next.config.name;
  const auto before = runtime_.policies.find(name);
  const TenantPolicy* current = before == runtime_.policies.end() ? nullptr : before->second.get();
  auto policy = build_policy(next, runtime_.worker_count, {model().tenant(name), current});
  if (!policy) {
    registry_.drop_proposal(next);
    return policy.error();
  }
  registry_.put_tenant(std::move(next));
  put_policy(name, std::move(*policy));
  publish();
  return Ok{};
}

/// Nothing is compiled if the tenant has endpoints with all of these identities already.
Outcome<Controller::NextPolicy> Controller::policy_with(
    const std::string& tenant, const std::vector<classifier::Identity>& identities
) const {
  const TenantRecord* current = model().tenant(tenant);
  if (current == nullptr) return NextPolicy{};
  const bool is_known = std::ranges::all_of(identities, [&](const classifier::Identity& identity) {
    return current->identities.id_of(identity).has_value();
  });
  if (is_known) return NextPolicy{};
  TenantRecord next = *current;
  for (const classifier::Identity& identity : identities) next.identities.take(identity);
  return build_policy(next, runtime_.worker_count, {current, runtime_.policies.at(tenant).get()});
}

/// An endpoint that is known by its MAC keeps its identity unless a new one is given.
Outcome<Controller::NextPolicy> Controller::policy_with(const RemoteConfig& remote) const {
  const SegmentRecord* segment = model().segment(remote.segment);
  if (segment == nullptr) return NextPolicy{};
  std::vector<classifier::Identity> identities;
  for (const RemoteEndpoint& endpoint : remote.endpoints) {
    const bool is_kept =
        endpoint.identity == classifier::Identity{} && segment->macs.contains(endpoint.mac);
    if (!is_kept) identities.push_back(endpoint.identity);
  }
  return policy_with(segment->config.tenant, identities);
}

Outcome<Controller::NextPolicy> Controller::policy_with_agents(const SegmentConfig& segment) const {
  const TenantRecord* current = model().tenant(segment.tenant);
  if (current == nullptr) return NextPolicy{};
  const auto listed = current->agents.find(segment.name);
  const bool is_same =
      listed == current->agents.end() ? segment.agents.empty() : listed->second == segment.agents;
  if (is_same) return NextPolicy{};
  TenantRecord next = *current;
  next.agents.erase(segment.name);
  if (!segment.agents.empty()) next.agents.emplace(segment.name, segment.agents);
  return build_policy(
      next, runtime_.worker_count, {current, runtime_.policies.at(segment.tenant).get()}
  );
}

/// The tenant's segments get it with the next snapshot.
void Controller::put_policy(const std::string& tenant, NextPolicy policy) {
  if (policy == nullptr) return;
  runtime_.policies.insert_or_assign(tenant, std::move(policy));
  for (const auto& [index, segment] : model().segments) {
    if (segment.config.tenant == tenant) registry_.dirty().segments.insert(index);
  }
}

// -- verbs ---------------------------------------------------------------------------------------

Outcome<Ok> Controller::add_rule(const std::string& tenant, const PolicyRuleConfig& config) {
  return put_proposal(registry_.propose_rule(tenant, config));
}

Outcome<Ok> Controller::remove_rule(const std::string& tenant, const std::string& name) {
  return put_proposal(registry_.propose_without_rule(tenant, name));
}

Outcome<Ok> Controller::apply_rules(
    const std::string& tenant, const std::vector<PolicyRuleConfig>& configs
) {
  return put_proposal(registry_.propose_rules(tenant, configs));
}

Outcome<Ok> Controller::add_l7(const std::string& tenant, const L7ClassConfig& config) {
  return put_proposal(registry_.propose_l7(tenant, config));
}

Outcome<Ok> Controller::remove_l7(const std::string& tenant, const std::string& name) {
  return put_proposal(registry_.propose_without_l7(tenant, name));
}

Outcome<Ok> Controller::set_tenant_meter(const std::string& name, const std::string& meter) {
  auto status = registry_.set_tenant_meter(name, meter);
  publish();
  return status;
}

Outcome<Ok> Controller::set_endpoint(const EndpointConfig& config) {
  if (const auto admitted = registry_.admit_endpoint_change(config); !admitted) {
    return admitted.error();
  }
  const std::string& tenant = model().segment(config.segment)->config.tenant;
  auto policy = policy_with(tenant, {config.identity});
  if (!policy) return policy.error();
  registry_.put_endpoint_change(config);
  put_policy(tenant, std::move(*policy));
  publish();
  return Ok{};
}

Outcome<Ok> Controller::add_meter(const std::string& tenant, const MeterConfig& config) {
  auto status = registry_.add_meter(tenant, config);
  publish();
  return status;
}

Outcome<Ok> Controller::remove_meter(const std::string& tenant, const std::string& name) {
  auto status = registry_.remove_meter(tenant, name);
  publish();
  return status;
}

Outcome<Ok> Controller::set_budget(classifier::Phb phb, std::optional<BitRate> rate) {
  auto status = registry_.set_budget(phb, rate);
  publish();
  return status;
}

Outcome<Ok> Controller::set_port_qos(
    const std::string& name, const std::optional<PortQosConfig>& qos
) {
  const auto index = registry_.set_port_qos(name, qos);
  if (!index) return index.error();
  publish();
  return Ok{};
}

void Controller::flush_flows(std::optional<EndpointIndex> endpoint) {
  platform_.flush_flows(endpoint);
}

}  // namespace weft::control
