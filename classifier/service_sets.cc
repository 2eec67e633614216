#include "classifier/service_sets.h"

#include <algorithm>
#include <cassert>
#include <queue>

namespace weft::classifier {
namespace {

constexpr std::uint32_t kLastKey = 0xFFFFFF;
using Run = RangeTable::Run<3>;

Run run_at(std::uint32_t key, Rank rank) noexcept {
  return Run{
      {static_cast<std::uint8_t>(key >> 16U),
       static_cast<std::uint8_t>(key >> 8U),
       static_cast<std::uint8_t>(key)},
      rank};
}

/// Every key at which the answer may change.
std::vector<std::uint32_t> boundaries_of(std::span<const ServiceInterval> rules) {
  std::vector<std::uint32_t> keys{0};
  for (const ServiceInterval& rule : rules) {
    keys.push_back(rule.first);
    if (rule.last < kLastKey) keys.push_back(rule.last + 1);
  }
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

/// The deciding rule of every stretch of keys: a sweep over the boundaries with the rules that are in force
/// in a heap, the best one on top.
std::vector<Run> runs_of(std::span<const ServiceInterval> rules) {
  std::vector<ServiceInterval> by_start(rules.begin(), rules.end());
  std::sort(by_start.begin(), by_start.end(), [](const auto& a, const auto& b) {
    return a.first < b.first;
  });
  const auto is_worse = [](const ServiceInterval& a, const ServiceInterval& b) {
    return a.rank > b.rank;
  };
  std::priority_queue<ServiceInterval, std::vector<ServiceInterval>, decltype(is_worse)> in_force{
      is_worse};
  std::vector<Run> runs;
  auto next = by_start.begin();
  for (const std::uint32_t key : boundaries_of(rules)) {
    for (; next != by_start.end() && next->first == key; ++next) in_force.push(*next);
    while (!in_force.empty() && in_force.top().last < key) in_force.pop();
    const Rank rank = in_force.empty() ? kNoRank : in_force.top().rank;
    if (runs.empty() || runs.back().value != rank) runs.push_back(run_at(key, rank));
  }
  return runs;
}

}  // namespace

ServiceInterval service_interval(const Service& service, Rank rank) noexcept {
  if (service.any_protocol) return {0, kLastKey, rank};
  const std::uint32_t protocol = std::uint32_t{service.protocol} << 16U;
  if (!service.any_icmp_type) {
    return {protocol | service.icmp_type, protocol | service.icmp_type, rank};
  }
  return {protocol | service.first_port, protocol | service.last_port, rank};
}

ServiceSets::Id ServiceSets::add(std::span<const ServiceInterval> rules) {
  assert(std::is_sorted(rules.begin(), rules.end(), [](const auto& a, const auto& b) {
    return a.rank < b.rank;
  }));
  if (rules.empty()) return kEmpty;
  if (rules.size() <= kSmall) return add_small(rules);
  const std::vector<Run> runs = runs_of(rules);
  // The best rule takes everything: the others never decide.
  if (runs.size() == 1) return add_small(rules.first(1));
  return ranges_.add<3>(runs);
}

ServiceSets::Id ServiceSets::add_small(std::span<const ServiceInterval> rules) {
  const auto id = static_cast<Id>(lines_.size());
  assert((id & kIsLarge) == 0);
  for (std::size_t at = 0; at < rules.size(); at += kPerLine) {
    const auto part = rules.subspan(at, std::min<std::size_t>(kPerLine, rules.size() - at));
    Line& line = lines_.emplace_back();
    std::copy(part.begin(), part.end(), line.intervals.begin());
  }
  lines_[id].count = static_cast<std::uint32_t>(rules.size());
  return id;
}

}  // namespace weft::classifier
