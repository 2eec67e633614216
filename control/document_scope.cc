#include "control/document_scope.h"

#include <algorithm>
#include <map>

#include "control/document.h"
#include "control/rule_names.h"

namespace weft::control {
namespace {

using ByName = std::map<std::string, const Entry*>;

ByName by_name(const Document& document, Part part) {
  ByName entries;
  if (!document[part].has_value()) return entries;
  for (const Entry& entry : *document[part]) entries.emplace(entry.name, &entry);
  return entries;
}

const Entry* find(const ByName& entries, const std::string& name) {
  const auto found = entries.find(name);
  return found == entries.end() ? nullptr : found->second;
}

/// An entry of that name exists, and is somebody else's.
std::optional<Failure> check_owners(
    const Document& current, const Document& wanted, const Scope& scope
) {
  for (const Part part : kParts) {
    if (!wanted[part].has_value()) continue;
    const ByName existing = by_name(current, part);
    for (const Entry& entry : *wanted[part]) {
      const Entry* same = find(existing, entry.name);
      if (same == nullptr || scope.covers(part, *same)) continue;
      const std::string owner =
          same->tenant.empty() ? "the host's" : "tenant " + same->tenant + "'s";
      return failure_of(part, entry.index, refused(ErrorCode::in_use, entry.name + " is " + owner));
    }
  }
  return std::nullopt;
}

class RuleCheck {
 public:
  RuleCheck(const Document& current, const Document& wanted)
      : wanted_endpoints_{by_name(wanted, Part::endpoints)},
        current_endpoints_{by_name(current, Part::endpoints)},
        current_rules_{by_name(current, Part::rules)} {}

  [[nodiscard]] std::optional<Failure> check(const Entry& entry) const {
    const Entry* before = find(current_rules_, entry.name);
    const Json& rules = entry.json["rules"];
    for (std::size_t i = 0; i < rules.size(); ++i) {
      const bool is_there =
          before != nullptr && std::ranges::count(before->json["rules"], rules[i]) > 0;
      if (is_there) continue;
      for (const NamedObject& object : names_in(rules[i])) {
        if (is_of(entry.tenant, object)) continue;
        const std::string path = "rules[" + std::to_string(i) + "]";
        return refused(
            ErrorCode::bad_parameter,
            path + ": sends frames through " + in_quotes(object.name) +
                ", which is no container or meter of tenant " + entry.tenant,
            path
        );
      }
    }
    return std::nullopt;
  }

 private:
  /// Whether it is a container, or a meter, of the tenant.
  [[nodiscard]] bool is_of(const std::string& tenant, const NamedObject& object) const {
    if (object.is_meter) return object.name.starts_with(tenant + "/");
    const Entry* endpoint = find(wanted_endpoints_, object.name);
    if (endpoint == nullptr) endpoint = find(current_endpoints_, object.name);
    return endpoint != nullptr && endpoint->tenant == tenant;
  }

  ByName wanted_endpoints_;
  ByName current_endpoints_;
  ByName current_rules_;
};

}  // namespace

bool Scope::covers(Part part) const noexcept {
  if (endpoint.has_value()) return part == Part::endpoints || part == Part::rules;
  return !tenant.has_value() || !is_hosts(part);
}

bool Scope::covers(Part part, const Entry& entry) const {
  if (!covers(part)) return false;
  if (endpoint.has_value() && entry.name != *endpoint) return false;
  return !tenant.has_value() || entry.tenant == *tenant;
}

std::string Scope::refusal(Part /*part*/) const {
  return std::string{"is no "} + (endpoint.has_value() ? "endpoint" : "tenant") + "'s to say";
}

std::string Scope::refusal(const Entry& entry) const {
  if (endpoint.has_value() && entry.name != *endpoint) {
    return entry.name + " is another, and this is endpoint " + *endpoint + "'s part";
  }
  const std::string whose = entry.tenant.empty() ? "of no tenant" : "tenant " + entry.tenant + "'s";
  return entry.name + " is " + whose + ", and this is tenant " + *tenant + "'s part";
}

std::optional<Failure> check_scope(
    const Document& current, const Document& wanted, const Scope& scope
) {
  if (scope.is_everything()) return std::nullopt;
  const auto is_tenant = [&](const Entry& entry) { return entry.name == scope.tenant; };
  if (scope.tenant.has_value() && std::ranges::none_of(*current[Part::tenants], is_tenant)) {
    return refused(
        ErrorCode::not_found, "tenant \"" + *scope.tenant + "\" does not exist", "tenant"
    );
  }
  if (auto failure = check_owners(current, wanted, scope)) return failure;
  if (!wanted[Part::rules].has_value()) return std::nullopt;
  const RuleCheck rules{current, wanted};
  for (const Entry& entry : *wanted[Part::rules]) {
    if (auto failure = rules.check(entry)) return failure_of(Part::rules, entry.index, *failure);
  }
  return std::nullopt;
}

}  // namespace weft::control
