#include "classifier/policy_compiler.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "classifier/cell_plan.h"
#include "classifier/identity_index.h"
#include "classifier/ranked_rules.h"

namespace weft::classifier {
namespace {

// A policy may take this many cells, or copies of rules in service sets, before bands are tried.
constexpr std::size_t kSmallPolicy = 16384;
constexpr std::size_t kReasonableCopies = 16;  // per rule

constexpr std::array kBothEnds{End::sender, End::receiver};
constexpr std::size_t index(End end) noexcept {
  return static_cast<std::size_t>(end);
}
using SetsByEnd = std::array<ServiceSets::Id, 2>;

Error rule_error(std::size_t rule, const std::string& problem) {
  return Error{"rules[" + std::to_string(rule) + "]: " + problem};
}

std::optional<Error> problem_of(const PolicySource& source) {
  for (std::size_t i = 0; i < source.rules.size(); ++i) {
    if (auto problem = problem_of(source.rules[i])) return rule_error(i, *problem);
  }
  for (std::size_t i = 1; i < source.identities.size(); ++i) {
    const std::size_t count = source.identities[i].groups.size();
    if (count <= kMaxGroups) continue;
    return Error{
        "identities[" + std::to_string(i) + "]: " + std::to_string(count) +
        " groups are above the limit " + std::to_string(kMaxGroups)};
  }
  for (const IpPrefix& agent : source.agents) {
    const unsigned limit = agent.address.is_v4() ? 32 : 128;
    if (agent.length <= limit) continue;
    return Error{
        "agents: prefix length " + std::to_string(agent.length) + " of " + format(agent.address) +
        " is above the limit " + std::to_string(limit)};
  }
  return std::nullopt;
}

/// Compiles the first so many rules of a source.
class Compiler {
 public:
  Compiler(
      const PolicySource& source,
      std::size_t rule_count,
      const IdentityIndex& index,
      const PolicyLimits& limits
  )
      : source_{source},
        limits_{limits},
        table_{std::span{source.rules}.first(rule_count), source.agents},
        index_{index},
        identity_count_{std::max<std::size_t>(1, source.identities.size())} {}

  /// What goes where, with as few bands as is reasonable; or which limit was passed.
  [[nodiscard]] Result<CellPlan> plan() const {
    // Fewer bands make fewer combinations to look up, unless rules multiply too much.
    const std::size_t reasonable =
        std::max(kSmallPolicy, kReasonableCopies * table_.rules().size());
    const PolicyLimits modest{
        std::min(limits_.cells, reasonable),
        std::min(limits_.set_rules, reasonable),
        limits_.selected};
    for (const std::size_t bands : {std::size_t{1}, std::size_t{2}}) {
      if (auto plan = plan_with(bands, modest)) return plan;
    }
    return plan_with(kBands, limits_);
  }

  /// With most bands there are fewest copies.
  [[nodiscard]] bool fits() const { return plan_with(kBands, limits_).is_ok(); }

  [[nodiscard]] std::shared_ptr<const Policy> build(const CellPlan& plan) const {
    PolicyTables tables;
    fill_identities(plan, tables);
    fill_prefixes(plan, tables);
    fill_combinations(plan, tables);
    fill_cells(plan, tables);
    fill_outcomes(tables);
    tables.shape = {
        .rules = table_.rules().size(),
        .combinations = tables.combinations.size(),
        .bands = plan.bands(),
        .cells = plan.cells().size(),
        .service_sets = plan.list_count(),
        .cidr_prefixes = table_.nest().size(),
        .octets = octets_of(tables)};
    return std::make_shared<const Policy>(std::move(tables));
  }

 private:
  [[nodiscard]] Result<CellPlan> plan_with(std::size_t bands, const PolicyLimits& limits) const {
    std::vector<std::vector<std::uint32_t>> members;  // by group or label selector
    std::size_t selected = 0;
    for (const Selector* selector : table_.selectors()) {
      members.push_back(index_.select(*selector));
      selected += members.back().size();
      if (selected <= limits.selected) continue;
      return Error{
          "group and label selectors select more than " + std::to_string(limits.selected) +
          " identities together"};
    }
    return CellPlan::make(table_, members, identity_count_, bands, limits);
  }

  void fill_identities(const CellPlan& plan, PolicyTables& tables) const {
    tables.identities.resize(identity_count_);
    for (std::uint32_t i = 0; i < identity_count_; ++i) {
      PolicyTables::IdentityEntry& entry = tables.identities[i];
      for (const End role : kBothEnds) {
        entry.classes[index(role)] = plan.identities(role).classes[i];
      }
      const std::vector<std::uint32_t> groups = index_.groups_of(i);
      entry.first_group = static_cast<std::uint32_t>(tables.groups.size());
      entry.group_count = static_cast<std::uint32_t>(groups.size());
      for (const std::uint32_t group : groups) {
        entry.group_bits |= std::uint64_t{1} << (group % 64U);
        tables.groups.push_back(group);
      }
    }
  }

  void fill_prefixes(const CellPlan& plan, PolicyTables& tables) const {
    const PrefixNest& nest = table_.nest();
    tables.cidrs.resize(nest.size() + 1);
    tables.cidrs[0].classes.fill({kAbsent, kAbsent, kAbsent, kAbsent});
    std::vector<bool> is_agent(nest.size());
    for (const IpPrefix& agent : source_.agents) is_agent[nest.index_of(agent)] = true;
    std::vector<std::uint32_t> values(nest.size());
    for (std::uint32_t i = 0; i < nest.size(); ++i) {
      // All that is inside an agent's prefix is an agent's.
      const std::uint32_t parent = nest.parent(i);
      if (parent != PrefixNest::kNone && is_agent[parent]) is_agent[i] = true;
      values[i] = (i + 1) | (is_agent[i] ? PolicyTables::kAgentBit : 0U);
      for (const End role : kBothEnds) {
        tables.cidrs[i + 1].classes[index(role)] = plan.prefixes(role).classes[i];
      }
    }
    tables.v4_root = tables.cidr_ranges.add<4>(nest.runs<4>(values, 0));
    tables.v6_root = tables.cidr_ranges.add<16>(nest.runs<16>(values, 0));
  }

  void fill_combinations(const CellPlan& plan, PolicyTables& tables) const {
    std::array<bool, kMaxCombinations> is_used{};
    for (const Bundle& bundle : table_.bundles()) {
      const auto selects_nobody = [&](End role) { return plan.classes_of(bundle, role).empty(); };
      if (std::any_of(kBothEnds.begin(), kBothEnds.end(), selects_nobody)) continue;
      const std::size_t from_slot = plan.slot_of(bundle, End::sender);
      is_used[from_slot * kSlots + plan.slot_of(bundle, End::receiver)] = true;
    }
    for (std::size_t i = 0; i < kMaxCombinations; ++i) {
      if (!is_used[i]) continue;
      tables.combinations.push_back(
          {static_cast<std::uint8_t>(i / kSlots), static_cast<std::uint8_t>(i % kSlots)}
      );
    }
  }

  void fill_cells(const CellPlan& plan, PolicyTables& tables) const {
    std::vector<SetsByEnd> sets;
    sets.reserve(plan.list_count());
    std::vector<Rank> ranks;
    for (std::size_t i = 0; i < plan.list_count(); ++i) {
      ranks.clear();
      for (const std::uint32_t bundle : plan.list(i)) {
        const auto& own = table_.bundles()[bundle].ranks;
        ranks.insert(ranks.end(), own.begin(), own.end());
      }
      std::sort(ranks.begin(), ranks.end());
      sets.push_back(add_sets(tables.services, ranks));
    }
    std::vector<CellTable::Cell> cells;
    cells.reserve(plan.cells().size());
    for (const CellPlan::Cell& cell : plan.cells()) cells.push_back({cell.key, sets[cell.list]});
    tables.cells = CellTable{cells};
  }

  /// The sets of both ends; one set if all these rules are for both.
  SetsByEnd add_sets(ServiceSets& services, std::span<const Rank> ranks) const {
    std::array<std::vector<ServiceInterval>, 2> intervals;
    for (const Rank rank : ranks) {
      const PolicyRule& rule = table_.rules()[table_.order()[rank]];
      const ServiceInterval interval = service_interval(rule.service, rank);
      if (rule.ends != PolicyEnds::receiver) intervals[0].push_back(interval);
      if (rule.ends != PolicyEnds::sender) intervals[1].push_back(interval);
    }
    const ServiceSets::Id sender = services.add(intervals[0]);
    if (intervals[0].size() == ranks.size() && intervals[1].size() == ranks.size()) {
      return {sender, sender};
    }
    return {sender, services.add(intervals[1])};
  }

  void fill_outcomes(PolicyTables& tables) const {
    for (const std::uint32_t position : table_.order()) {
      const PolicyRule& rule = table_.rules()[position];
      tables.outcomes.push_back(
          {.rule = position,
           .counter = rule.counter,
           .meter = rule.meter,
           .dscp = rule.dscp,
           .action = rule.action,
           .is_stateful = rule.is_stateful}
      );
    }
  }

  static std::size_t octets_of(const PolicyTables& tables) noexcept {
    return tables.identities.capacity() * sizeof(PolicyTables::IdentityEntry) +
           tables.groups.capacity() * sizeof(std::uint32_t) + tables.cidr_ranges.octets() +
           tables.cidrs.capacity() * sizeof(PolicyTables::CidrEntry) + tables.cells.octets() +
           tables.services.octets() + tables.outcomes.capacity() * sizeof(PolicyTables::Outcome);
  }

  const PolicySource& source_;
  const PolicyLimits limits_;
  const RankedRules table_;
  const IdentityIndex& index_;
  const std::size_t identity_count_;
};

/// The first rule without which the ones before it would fit, by halving.
std::size_t first_too_much(
    const PolicySource& source, const IdentityIndex& index, const PolicyLimits& limits
) {
  std::size_t fitting = 0;
  std::size_t too_many = source.rules.size();
  while (too_many - fitting > 1) {
    const std::size_t middle = std::midpoint(fitting, too_many);
    const bool fits = Compiler{source, middle, index, limits}.fits();
    (fits ? fitting : too_many) = middle;
  }
  return too_many - 1;
}

}  // namespace

Result<std::shared_ptr<const Policy>> compile_policy(
    const PolicySource& source, const PolicyLimits& limits
) {
  if (auto problem = problem_of(source)) return *problem;
  const IdentityIndex index{source.identities};
  const Compiler compiler{source, source.rules.size(), index, limits};
  const Result<CellPlan> plan = compiler.plan();
  if (plan) return compiler.build(*plan);
  return rule_error(
      first_too_much(source, index, limits),
      "the policy becomes too complex with this rule: " + plan.error().message
  );
}

}  // namespace weft::classifier
