#include "pmd-config/flow_offload.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <utility>

#include <rte_errno.h>
#include <rte_ethdev.h>

#include "pmd-config/flow_translate.h"

namespace weft {
namespace {

using namespace classifier;  // NOLINT: its vocabulary is what this file offloads

rte_flow_attr attributes_of(const MatchRule& rule) {
  rte_flow_attr attributes{};
  attributes.priority = rule.priority;
  attributes.ingress = 1;
  return attributes;
}

std::string sentence(const rte_flow_error& error, int number) {
  return error.message != nullptr ? error.message : std::strerror(number);
}

/// Whether the device would have taken the rule if it had had room.
bool is_about_room(int number) {
  return number == ENOSPC || number == ENOMEM || number == ENOBUFS;
}

bool may_match_the_same(const std::vector<RuleMatch>& a, const std::vector<RuleMatch>& b) {
  return std::ranges::any_of(a, [&](const RuleMatch& x) {
    return std::ranges::any_of(b, [&](const RuleMatch& y) { return can_overlap(x, y); });
  });
}

/// Empty for a port that is gone.
std::string_view driver_of(std::uint16_t port_id) {
  rte_eth_dev_info device{};
  return rte_eth_dev_info_get(port_id, &device) == 0 ? device.driver_name : "";
}

/// Whether a frame's fate or a counter is wrong for good when the device applies `worse` to a frame of
/// `better`. What is not dropped is judged again in software.
bool would_tell(const MatchRule& worse, const MatchRule& better) {
  if (!has_action(worse, MatchActionKind::drop)) return false;
  return worse.actions != better.actions || has_action(worse, MatchActionKind::count);
}

MatchPattern without_range_fields(MatchPattern pattern) {
  for (ItemMatch& item : pattern) {
    std::erase_if(item.fields, [](const FieldMatch& field) { return field.last.has_value(); });
  }
  return pattern;
}

}  // namespace

FlowOffload::~FlowOffload() {
  for (auto& [id, entry] : entries_) {
    // A flow that the device keeps goes when the port is closed.
    for (rte_flow* flow : entry.flows) {
      rte_flow_error error{};
      rte_flow_destroy(port_id_, flow, &error);
    }
  }
}

Status FlowOffload::update(std::span<const PortRule> rules) {
  if (auto forgotten = forget_missing(rules); !forgotten) return forgotten;
  std::set<std::uint32_t> added;
  for (const PortRule& rule : rules) {
    if (entries_.try_emplace(rule.id, entry_for(rule.rule)).second) added.insert(rule.id);
  }
  const std::vector<Entries::iterator> order = ranked();
  // First out, then in: what is pushed out makes room, and nothing is overtaken in between.
  if (auto pushed = push_out_overtakers(order); !pushed) {
    for (const std::uint32_t id : added) entries_.erase(id);
    return pushed;
  }
  for (std::size_t i = 0; i < order.size(); ++i) {
    Entry& entry = order[i]->second;
    if (!entry.flows.empty() || entry.state == State::never) continue;
    if (i >= kMostConsidered) {
      settle(
          entry,
          State::overtakes,
          "it is beyond the first " + std::to_string(kMostConsidered) + " rules of the port"
      );
      continue;
    }
    std::string conflict = conflict_of(entry, std::span{order}.first(i));
    if (conflict.empty()) {
      create(entry);
    } else {
      settle(entry, State::overtakes, std::move(conflict));
    }
  }
  return Ok{};
}

bool FlowOffload::is_offloaded(std::uint32_t id) const noexcept {
  const auto entry = entries_.find(id);
  return entry != entries_.end() && !entry->second.flows.empty();
}

std::string FlowOffload::software_because(std::uint32_t id) const {
  const auto entry = entries_.find(id);
  return entry == entries_.end() ? "" : entry->second.reason;
}

HardwareCounts FlowOffload::counts(std::uint32_t id) const {
  const auto entry = entries_.find(id);
  if (entry == entries_.end()) return {};
  const HardwareCounts live = query(entry->second);
  return {entry->second.settled.hits + live.hits, entry->second.settled.octets + live.octets};
}

Status FlowOffload::validate(const MatchRule& rule) const {
  std::string reason = software_only_because(rule);
  if (!reason.empty()) return Error{std::move(reason)};
  const rte_flow_attr attributes = attributes_of(rule);
  const FlowActions actions{rule};
  for (const MatchPattern& pattern : without_ranges(rule.pattern)) {
    const FlowItems items{pattern};
    rte_flow_error error{};
    const int answer =
        rte_flow_validate(port_id_, &attributes, items.data(), actions.data(), &error);
    if (answer != 0) return Error{"the device refuses it: " + sentence(error, -answer)};
  }
  return Ok{};
}

FlowOffload::Entry FlowOffload::entry_for(const MatchRule& rule) {
  Entry entry;
  entry.rule = rule;
  entry.patterns = without_ranges(rule.pattern);
  if (std::string reason = software_only_because(rule); !reason.empty()) {
    settle(entry, State::never, std::move(reason));
  }
  if (entry.patterns.size() > kMostFlowsPerRule) {
    settle(
        entry,
        State::never,
        "its ranges need " + std::to_string(entry.patterns.size()) + " flows, above the limit " +
            std::to_string(kMostFlowsPerRule)
    );
    // Wider than the rule: at worst a rule behind it stays in software for nothing.
    entry.matches.push_back(rule_match(without_range_fields(rule.pattern)));
    return entry;
  }
  for (const MatchPattern& pattern : entry.patterns) entry.matches.push_back(rule_match(pattern));
  return entry;
}

std::vector<FlowOffload::Entries::iterator> FlowOffload::ranked() {
  std::vector<Entries::iterator> order;
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) order.push_back(entry);
  // By id they are already.
  std::ranges::stable_sort(order, {}, [](Entries::iterator entry) {
    return entry->second.rule.priority;
  });
  return order;
}

Status FlowOffload::forget_missing(std::span<const PortRule> rules) {
  std::map<std::uint32_t, const MatchRule*> wanted;
  for (const PortRule& rule : rules) wanted.emplace(rule.id, &rule.rule);
  const auto is_missing = [&](const auto& entry) {
    const auto found = wanted.find(entry.first);
    return found == wanted.end() || *found->second != entry.second.rule;
  };
  // All flows before any entry: should the device keep one, every rule is still known and counted.
  for (auto& entry : entries_) {
    if (!is_missing(entry)) continue;
    if (auto removed = remove(entry.second); !removed) {
      return Error{"rule " + std::to_string(entry.first) + ": " + removed.error().message};
    }
  }
  std::erase_if(entries_, is_missing);
  return Ok{};
}

Status FlowOffload::push_out_overtakers(std::span<const Entries::iterator> order) {
  for (std::size_t i = 0; i < order.size(); ++i) {
    Entry& entry = order[i]->second;
    if (entry.flows.empty()) continue;
    std::string conflict =
        i < kMostConsidered ? conflict_of(entry, order.first(i)) : "too far back";
    if (conflict.empty()) continue;
    if (auto removed = remove(entry); !removed) {
      return Error{"rule " + std::to_string(order[i]->first) + ": " + removed.error().message};
    }
    settle(entry, State::overtakes, std::move(conflict));
  }
  return Ok{};
}

std::string FlowOffload::conflict_of(
    const Entry& entry, std::span<const Entries::iterator> better
) {
  for (const Entries::iterator other : better) {
    const bool is_in_software = other->second.flows.empty();
    const bool is_equal = other->second.rule.priority == entry.rule.priority;
    if (!is_in_software && !is_equal && !would_tell(entry.rule, other->second.rule)) continue;
    if (!may_match_the_same(other->second.matches, entry.matches)) continue;
    return "rule " + std::to_string(other->first) +
           (is_in_software ? ", which comes before it and is in software, may match the same frames"
            : is_equal
                ? " has the same priority and may match the same frames"
                : ", which comes before it and does something else, may match the same frames");
  }
  return {};
}

void FlowOffload::settle(Entry& entry, State state, std::string reason) {
  entry.state = state;
  entry.reason = std::move(reason);
}

void FlowOffload::create(Entry& entry) {
  constexpr const char* kNoApi = "the device's driver has no flow rules (rte_flow)";
  if (entry.state == State::refused) return;
  if (!has_flow_api_) return settle(entry, State::refused, kNoApi);
  if (is_full_) {
    return settle(entry, State::no_room, "the device has no room for more flows");
  }
  const std::string misread = misread_by(driver_of(port_id_), entry.rule.pattern);
  if (!misread.empty()) return settle(entry, State::refused, misread);
  while (entry.flows.size() < entry.patterns.size()) {
    rte_flow_error error{};
    if (create_next(entry, error)) continue;
    const int number = rte_errno;
    const bool is_for_room = is_about_room(number);
    has_flow_api_ = number != ENOSYS;
    std::string reason = "the device refuses it: " + sentence(error, number);
    // All of its flows or none. One that the device will not give back works for this very rule.
    if (!remove(entry)) reason += ", and keeps a part of it";
    is_full_ = is_for_room;  // after remove(), which makes room
    return settle(
        entry, is_for_room ? State::no_room : State::refused, has_flow_api_ ? reason : kNoApi
    );
  }
  settle(entry, State::in_hardware, "");
}

bool FlowOffload::create_next(Entry& entry, rte_flow_error& error) {
  const rte_flow_attr attributes = attributes_of(entry.rule);
  const FlowItems items{entry.patterns[entry.flows.size()]};
  const FlowActions actions{entry.rule};
  error = rte_flow_error{};
  rte_flow* flow = rte_flow_create(port_id_, &attributes, items.data(), actions.data(), &error);
  if (flow == nullptr) return false;
  entry.flows.push_back(flow);
  return true;
}

Status FlowOffload::remove(Entry& entry) {
  if (entry.flows.empty()) return Ok{};
  const HardwareCounts counted = query(entry);
  while (!entry.flows.empty()) {
    rte_flow_error error{};
    const int answer = rte_flow_destroy(port_id_, entry.flows.back(), &error);
    if (answer != 0) {
      // Whole again, as far as the device plays along.
      rte_flow_error ignored{};
      while (entry.flows.size() < entry.patterns.size() && create_next(entry, ignored)) {
      }
      return Error{"the device does not remove it: " + sentence(error, -answer)};
    }
    entry.flows.pop_back();
    is_full_ = false;
  }
  entry.settled.hits += counted.hits;
  entry.settled.octets += counted.octets;
  return Ok{};
}

HardwareCounts FlowOffload::query(const Entry& entry) const {
  HardwareCounts sum;
  if (!has_action(entry.rule, MatchActionKind::count)) return sum;
  const rte_flow_action_count what{};
  const std::array<rte_flow_action, 2> actions{
      rte_flow_action{RTE_FLOW_ACTION_TYPE_COUNT, &what},
      rte_flow_action{RTE_FLOW_ACTION_TYPE_END, nullptr}};
  for (rte_flow* flow : entry.flows) {
    rte_flow_query_count counted{};
    rte_flow_error error{};
    if (rte_flow_query(port_id_, flow, actions.data(), &counted, &error) != 0) continue;
    if (counted.hits_set != 0) sum.hits += counted.hits;
    if (counted.bytes_set != 0) sum.octets += counted.bytes;
  }
  return sum;
}

}  // namespace weft
