#include "control/comparison.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace weft::control {
namespace {

/// Whether endpoint.set can make the one the other.
bool differs_in_settings_only(const Json& before, const Json& after) {
  static constexpr std::array<std::string_view, 4> kSettings{"groups", "labels", "limits", "qos"};
  const auto fields = differing_fields(before, after);
  return std::ranges::all_of(fields, [&](const std::string& field) {
    return std::ranges::find(kSettings, field) != kSettings.end();
  });
}

/// Whether remote.add can: it only ever adds static endpoints.
bool only_adds_endpoints(const Json& before, const Json& after) {
  std::map<std::string, const Json*> wanted;
  for (const Json& endpoint : after["endpoints"]) wanted.emplace(text(endpoint, "mac"), &endpoint);
  return std::ranges::all_of(before["endpoints"], [&](const Json& endpoint) {
    const auto same = wanted.find(text(endpoint, "mac"));
    return same != wanted.end() && *same->second == endpoint;
  });
}

}  // namespace

std::vector<std::string> differing_fields(const Json& before, const Json& after) {
  std::vector<std::string> fields;
  for (const auto& item : after.items()) {
    if (!before.contains(item.key()) || before[item.key()] != item.value()) {
      fields.push_back(item.key());
    }
  }
  for (const auto& item : before.items()) {
    if (!after.contains(item.key())) fields.push_back(item.key());
  }
  return fields;
}

Comparison::Comparison(const Document& current, const Document& wanted, const Scope& scope) {
  for (const Part part : kParts) pair_up(part, current, wanted, scope);
  remove_what_goes_along();
  replace_what_can_not_change();
  replace_out_of_order_l7();
  replace_dependents();
}

void Comparison::pair_up(
    Part part, const Document& current, const Document& wanted, const Scope& scope
) {
  auto& [list, by_name] = pairs(part);
  for (const Entry& entry : *current[part]) {
    const bool is_spoken_of = wanted[part].has_value() && scope.covers(part, entry);
    by_name.emplace(entry.name, list.size());
    list.push_back({&entry, is_spoken_of ? nullptr : &entry, false, false});
  }
  if (!wanted[part].has_value()) return;
  for (const Entry& entry : *wanted[part]) {
    const auto [place, is_new] = by_name.emplace(entry.name, list.size());
    if (is_new) list.push_back({});
    Pair& pair = list[place->second];
    pair.after = &entry;
    pair.is_listed = true;
  }
}

const Pair* Comparison::find(Part part, const std::string& name) const {
  const auto& [list, by_name] = pairs(part);
  const auto found = by_name.find(name);
  return found == by_name.end() ? nullptr : &list[found->second];
}

bool Comparison::goes(Part part, const std::string& name) const {
  const Pair* pair = find(part, name);
  return pair != nullptr && pair->goes();
}

bool Comparison::is_removed(Part part, const std::string& name) const {
  const Pair* pair = find(part, name);
  return pair != nullptr && pair->after == nullptr;
}

// -- what goes along, and what is replaced -------------------------------------------------------

/// The document does not speak about it, but it has no meaning without what the document removes.
void Comparison::remove_what_goes_along() {
  const auto along = [this](Part part, auto is_orphan) {
    for (Pair& pair : of(part)) {
      if (pair.before != nullptr && !pair.is_listed && is_orphan(*pair.before))
        pair.after = nullptr;
    }
  };
  along(Part::schedulers, [&](const Entry& entry) { return is_removed(Part::ports, entry.name); });
  for (const Part part : {Part::meters, Part::tenant_settings, Part::l7, Part::policies}) {
    along(part, [&](const Entry& entry) { return is_removed(Part::tenants, entry.tenant); });
  }
  along(Part::remotes, [&](const Entry& entry) {
    return is_removed(Part::segments, text(entry.json, "segment"));
  });
  along(Part::rules, [&](const Entry& entry) {
    return is_removed(Part::ports, entry.name) || is_removed(Part::endpoints, entry.name);
  });
}

void Comparison::replace_what_can_not_change() {
  for (const Part part : {Part::access, Part::ports, Part::meters, Part::l7}) {
    for (Pair& pair : of(part)) pair.is_replaced = pair.changes();
  }
  for (Pair& pair : of(Part::segments)) {
    pair.is_replaced = pair.changes() && pair.before->tenant != pair.after->tenant;
  }
  for (Pair& pair : of(Part::remotes)) {
    pair.is_replaced = pair.changes() && !only_adds_endpoints(pair.before->json, pair.after->json);
  }
  for (Pair& pair : of(Part::endpoints)) {
    pair.is_replaced =
        pair.changes() && !differs_in_settings_only(pair.before->json, pair.after->json);
  }
}

/// The first class that matches wins, and classes are in the order in which they were added: those that stay must be
/// in front of the others, and in the document's order.
void Comparison::replace_out_of_order_l7() {
  std::map<std::string, std::vector<Pair*>> by_tenant;
  for (Pair& pair : of(Part::l7)) {
    if (pair.after != nullptr && pair.is_listed) by_tenant[pair.after->tenant].push_back(&pair);
  }
  for (auto& [tenant, present] : by_tenant) {
    std::vector<Pair*> wanted = present;
    std::ranges::sort(wanted, {}, [](const Pair* pair) { return pair->after->index; });
    std::size_t kept = 0;
    for (Pair* pair : present) {
      if (pair->before == nullptr) continue;
      if (!pair->is_replaced && pair == wanted[kept]) {
        ++kept;
      } else {
        pair->is_replaced = true;
      }
    }
  }
}

void Comparison::replace_dependents() {
  const auto hang_on_segment = [&](Pair& pair) {
    if (pair.before == nullptr || pair.after == nullptr) return;
    for (const Entry* entry : {pair.before, pair.after}) {
      const Pair* segment = find(Part::segments, text(entry->json, "segment"));
      pair.is_replaced |= segment != nullptr && segment->is_replaced;
    }
  };
  for (Pair& pair : of(Part::remotes)) hang_on_segment(pair);
  for (Pair& pair : of(Part::endpoints)) hang_on_segment(pair);
  for (Pair& pair : of(Part::schedulers)) {
    if (pair.before == nullptr || pair.after == nullptr) continue;
    const Pair* port = find(Part::ports, pair.after->name);
    pair.is_replaced = port != nullptr && port->is_replaced;
  }
}

}  // namespace weft::control
