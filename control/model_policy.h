// What a tenant says about who talks to whom and which payloads are what, as the operator wrote it.
//
// Rules name meters and L7 classes; the compiler (policy_build.h) turns the names into indices. A tenant's
// state is replaced as a whole: a verb proposes the next TenantRecord, the policy is compiled from that,
// and only when the compiler agrees does it become the model's (registry_policy.cc). Rules are shared
// between a record and its successor, so that proposing costs nothing where they stay.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "classifier/l7.h"
#include "classifier/policy_rules.h"
#include "control/identities.h"
#include "control/model_qos.h"
#include "dataplane/net/addr.h"

namespace weft::control {

/// `policy.add`. `rule.meter` and `rule.counter` are left to the compiler.
struct PolicyRuleConfig {
  classifier::PolicyRule rule;
  std::string meter;  // of the tenant; empty: none
  std::string l7;     // class of the tenant; empty: whatever the payload
  friend bool operator==(const PolicyRuleConfig&, const PolicyRuleConfig&) = default;
};

struct PolicyRuleRecord {
  PolicyRuleConfig config;
  std::uint32_t counter{};  // of its hits, among all tenants' rules
};
using PolicyRules = std::vector<PolicyRuleRecord>;

/// A named kind of payload: `l7.add`.
struct L7ClassConfig {
  std::string name;
  std::vector<classifier::L7Pattern> patterns;  // at least one
  friend bool operator==(const L7ClassConfig&, const L7ClassConfig&) = default;
};

struct L7ClassRecord {
  L7ClassConfig config;
  std::uint8_t id{};  // 1-254: what flows keep; the same as long as the class exists
};

/// How much a tenant may have on this host, as its operator says. nullopt: no bound of its own.
struct TenantQuota {
  std::optional<std::uint32_t> endpoints;
  std::optional<std::uint32_t> rules;  // of its policy
  std::optional<std::uint32_t> meters;
  std::optional<std::uint32_t> l7_classes;
  std::map<classifier::Phb, BitRate>
      contracts;  // of its endpoints in a scarce class, together; bit/s
  friend bool operator==(const TenantQuota&, const TenantQuota&) = default;
};

struct TenantConfig {
  std::string name;
  TenantQuota quota{};
  friend bool operator==(const TenantConfig&, const TenantConfig&) = default;
};

struct TenantRecord {
  TenantConfig config;
  std::string meter;  // polices all that the tenant's containers send; empty: nothing does
  std::shared_ptr<const PolicyRules> rules = std::make_shared<const PolicyRules>();
  std::map<std::string, MeterRecord> meters;
  std::vector<L7ClassRecord> l7;  // the first that matches is a flow's class
  std::uint8_t last_l7_id{};      // that was given to a class
  Identities identities;          // of the endpoints, here and remote, in its segments
  /// By segment. An agent is the host's, whoever mentions it: the policy knows one list.
  std::map<std::string, std::vector<IpPrefix>> agents;

  /// nullptr when there is none.
  [[nodiscard]] const PolicyRuleRecord* rule(const std::string& name) const;
  [[nodiscard]] const L7ClassRecord* l7_class(const std::string& name) const;
};

}  // namespace weft::control
