#include "classifier/testing/policy_reference.h"

#include <algorithm>
#include <utility>

namespace weft::classifier::testing {
namespace {

bool has_label(const Identity& identity, const Selector::Term& term) {
  return std::any_of(identity.labels.begin(), identity.labels.end(), [&term](const auto& label) {
    return label.first == term.key && (!term.has_value || label.second == term.value);
  });
}

bool is_asked_for(const Service& wanted, ServicePoint service) {
  if (wanted.any_protocol) return true;
  if (wanted.protocol != service.protocol) return false;
  if (!wanted.any_icmp_type) return wanted.icmp_type == service.point;
  return wanted.first_port <= service.point && service.point <= wanted.last_port;
}

bool is_judged_at(PolicyEnds ends, End end) {
  return ends == PolicyEnds::both ||
         (ends == PolicyEnds::sender ? End::sender : End::receiver) == end;
}

}  // namespace

PolicyReference::PolicyReference(PolicySource source) : source_{std::move(source)} {
  for (std::uint32_t i = 0; i < source_.rules.size(); ++i) order_.push_back(i);
  std::stable_sort(order_.begin(), order_.end(), [this](std::uint32_t a, std::uint32_t b) {
    const PolicyRule& one = source_.rules[a];
    const PolicyRule& other = source_.rules[b];
    if (one.priority != other.priority) return one.priority > other.priority;
    if (specificity(one) != specificity(other)) return specificity(one) > specificity(other);
    return one.action == PolicyAction::deny && other.action == PolicyAction::allow;
  });
}

bool PolicyReference::is_selected(const Selector& selector, const Party& party) const {
  if (selector.kind == Selector::Kind::any) return true;
  if (selector.kind == Selector::Kind::cidr) return selector.prefix.contains(party.address);
  if (party.identity == 0 || party.identity >= source_.identities.size()) return false;
  const Identity& identity = source_.identities[party.identity];
  if (selector.kind == Selector::Kind::group) {
    return std::find(identity.groups.begin(), identity.groups.end(), selector.group) !=
           identity.groups.end();
  }
  return std::all_of(selector.terms.begin(), selector.terms.end(), [&identity](const auto& term) {
    return has_label(identity, term) != term.is_negated;
  });
}

bool PolicyReference::is_agent(const Party& party) const {
  return std::any_of(source_.agents.begin(), source_.agents.end(), [&party](const IpPrefix& agent) {
    return agent.contains(party.address);
  });
}

bool PolicyReference::shares_group(std::uint32_t a, std::uint32_t b) const {
  if (a == 0 || b == 0 || a >= source_.identities.size() || b >= source_.identities.size()) {
    return false;
  }
  const auto& others = source_.identities[b].groups;
  const auto& groups = source_.identities[a].groups;
  return std::any_of(groups.begin(), groups.end(), [&others](const std::string& group) {
    return std::find(others.begin(), others.end(), group) != others.end();
  });
}

Verdict PolicyReference::judge(
    End end, PolicyDefault fallback, const Party& from, const Party& to, ServicePoint service
) const {
  Verdict verdict;
  if (is_agent(from) || is_agent(to)) {
    verdict.action = PolicyAction::allow;
    verdict.is_agent = true;
    return verdict;
  }
  for (const std::uint32_t position : order_) {
    const PolicyRule& rule = source_.rules[position];
    if (!is_judged_at(rule.ends, end) || !is_selected(rule.from, from) ||
        !is_selected(rule.to, to) || !is_asked_for(rule.service, service)) {
      continue;
    }
    verdict.action = rule.action;
    verdict.is_stateful = rule.is_stateful;
    verdict.dscp = rule.dscp;
    verdict.meter = rule.meter;
    verdict.rule = position;
    verdict.counter = rule.counter;
    return verdict;
  }
  const bool is_allowed =
      fallback == PolicyDefault::allow ||
      (fallback == PolicyDefault::groups && shares_group(from.identity, to.identity));
  verdict.action = is_allowed ? PolicyAction::allow : PolicyAction::deny;
  return verdict;
}

}  // namespace weft::classifier::testing
