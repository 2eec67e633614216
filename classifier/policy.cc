#include "classifier/policy.h"

#include <algorithm>

namespace weft::classifier {

template <typename Touch>
Policy::SlotClasses Policy::classes(const Side& side, End role, Touch&& touch) const noexcept {
  const auto& identity = tables_.identities[side.identity];
  const auto& cidr = tables_.cidrs[side.cidr.value() & ~PolicyTables::kAgentBit];
  touch(&identity);
  touch(&cidr);
  const auto row = static_cast<std::size_t>(role);
  SlotClasses slots;
  slots[0] = kAnyClass;
  std::copy_n(identity.classes[row].begin(), kBands, slots.begin() + 1);
  std::copy_n(cidr.classes[row].begin(), kBands, slots.begin() + 1 + kBands);
  return slots;
}

template <typename Touch>
bool Policy::shares_group_counting(std::uint32_t a, std::uint32_t b, Touch&& touch) const noexcept {
  const auto& one = tables_.identities[a];
  const auto& other = tables_.identities[b];
  if ((one.group_bits & other.group_bits) == 0) return false;
  const std::uint32_t* groups = tables_.groups.data();
  std::uint32_t i = one.first_group;
  std::uint32_t j = other.first_group;
  const std::uint32_t i_end = i + one.group_count;
  const std::uint32_t j_end = j + other.group_count;
  constexpr std::uint32_t kPerLine = kCacheLine / sizeof(std::uint32_t);
  for (std::uint32_t at = i; at < i_end; at += kPerLine) touch(groups + at);
  for (std::uint32_t at = j; at < j_end; at += kPerLine) touch(groups + at);
  while (i < i_end && j < j_end) {
    if (groups[i] == groups[j]) return true;
    const bool i_is_behind = groups[i] < groups[j];
    i += i_is_behind ? 1U : 0U;
    j += i_is_behind ? 0U : 1U;
  }
  return false;
}

template <typename Touch>
Verdict Policy::judge_counting(
    End end,
    PolicyDefault fallback,
    const Side& from,
    const Side& to,
    ServicePoint service,
    Touch&& touch
) const noexcept {
  if (((from.cidr.value() | to.cidr.value()) & PolicyTables::kAgentBit) != 0) {
    return {.action = PolicyAction::allow, .is_agent = true};
  }
  const SlotClasses from_classes = classes(from, End::sender, touch);
  const SlotClasses to_classes = classes(to, End::receiver, touch);

  // In two passes, so that the cache misses of all combinations overlap.
  std::array<ServiceSets::Id, kMaxCombinations> sets;
  std::size_t set_count = 0;
  for (const auto [from_slot, to_slot] : tables_.combinations) {
    const std::uint32_t a = from_classes[from_slot];
    const std::uint32_t b = to_classes[to_slot];
    if (a == kAbsent || b == kAbsent) continue;
    const std::uint64_t key = (std::uint64_t{a} << 32U) | b;
    const ServiceSets::Id set = tables_.cells.find(key, end, touch);
    if (set == ServiceSets::kEmpty) continue;
    tables_.services.prefetch(set);
    sets[set_count++] = set;
  }
  Rank best = kNoRank;
  for (std::size_t i = 0; i < set_count; ++i) {
    best = std::min(best, tables_.services.find(sets[i], service.key(), touch));
  }

  if (best != kNoRank) {
    const PolicyTables::Outcome& outcome = tables_.outcomes[best];
    touch(&outcome);
    return {
        .action = outcome.action,
        .is_stateful = outcome.is_stateful,
        .dscp = outcome.dscp,
        .meter = outcome.meter,
        .rule = outcome.rule,
        .counter = outcome.counter};
  }
  switch (fallback) {
    case PolicyDefault::allow:
      return {.action = PolicyAction::allow};
    case PolicyDefault::deny:
      return {.action = PolicyAction::deny};
    case PolicyDefault::groups:
      return {
          .action = shares_group_counting(from.identity, to.identity, touch) ? PolicyAction::allow
                                                                             : PolicyAction::deny};
  }
  return {};
}

Verdict Policy::judge(
    End end, PolicyDefault fallback, const Side& from, const Side& to, ServicePoint service
) const noexcept {
  return judge_counting(end, fallback, from, to, service, NoTouch{});
}

std::size_t Policy::lines_read(
    End end, PolicyDefault fallback, const Side& from, const Side& to, ServicePoint service
) const noexcept {
  std::size_t lines = 0;
  const auto count = [&lines](const void* /*line*/) { ++lines; };
  static_cast<void>(judge_counting(end, fallback, from, to, service, count));
  return lines;
}

bool Policy::shares_group(std::uint32_t a, std::uint32_t b) const noexcept {
  return shares_group_counting(a, b, NoTouch{});
}

}  // namespace weft::classifier
