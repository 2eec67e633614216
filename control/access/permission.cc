#include "control/access/permission.h"

#include <algorithm>

#include "control/rule_names.h"

namespace weft::control {
namespace {

using For = Guard::For;

constexpr Guard anyone(std::string_view method) {
  return {method, For::anyone};
}
constexpr Guard agents(std::string_view method, Rows first, Rows second = {}, Rows third = {}) {
  return {method, For::agents, false, Owner::host, {first, second, third}};
}
constexpr Guard observers(std::string_view method) {
  return {method, For::observers};
}
constexpr Guard owners(std::string_view method, Owner owner) {
  return {method, For::owners, true, owner};
}
constexpr Guard operators(std::string_view method) {
  return {method, For::operators, true};
}

constexpr std::array kGuards{
    anyone("version"),
    anyone("whoami"),
    anyone("watch"),
    operators("access.add"),
    operators("access.remove"),
    observers("access.list"),
    observers("audit.list"),

    Guard{"get", For::scopes},
    Guard{"plan", For::scopes},
    Guard{"apply", For::scopes, true},
    observers("config.get"),
    observers("history"),
    operators("rollback"),

    operators("forwarding.set"),
    operators("log.set"),
    observers("stats.get"),
    operators("stats.clear"),
    observers("drops.list"),
    observers("worker.list"),

    operators("port.add"),
    operators("port.remove"),
    operators("port.set"),
    agents("port.list", {"ports", Owner::endpoint}),

    operators("tenant.add"),
    operators("tenant.remove"),
    operators("tenant.quota"),
    owners("tenant.set", Owner::tenant_name),
    agents("tenant.list", {"tenants", Owner::tenant_name}),

    // Segments and remotes are where a tenant's network lies in the underlay, which is the operator's.
    operators("segment.add"),
    operators("segment.set"),
    operators("segment.remove"),
    agents("segment.list", {"segments", Owner::segment_name}),
    operators("remote.add"),
    operators("remote.remove"),
    agents("remote.list", {"remotes", Owner::segment}),

    owners("endpoint.attach", Owner::segment),
    owners("endpoint.set", Owner::interface),
    owners("endpoint.detach", Owner::container),
    agents("endpoint.list", {"endpoints", Owner::tenant}),
    agents("fdb.list", {"entries", Owner::segment}),
    owners("fdb.flush", Owner::segment),

    owners("policy.add", Owner::tenant),
    owners("policy.remove", Owner::tenant),
    owners("policy.apply", Owner::tenant),
    agents(
        "policy.list",
        {"rules", Owner::tenant},
        {"groups", Owner::tenant},
        {"policies", Owner::tenant}
    ),
    owners("l7.add", Owner::tenant),
    owners("l7.remove", Owner::tenant),
    agents("l7.list", {"classes", Owner::tenant}),
    Guard{"flow.list", For::agents, false, Owner::endpoint, {Rows{"flows", Owner::endpoint}}},
    owners("flow.flush", Owner::endpoint),

    // A rule can send a container's frames anywhere; an agent says its own in a tenant's part of the document, which
    // is checked for that.
    Guard{"rule.validate", For::operators},
    operators("rule.create"),
    operators("rule.destroy"),
    operators("rule.flush"),
    Guard{"rule.apply", For::operators, true, Owner::port},
    observers("rule.list"),
    observers("rule.query"),

    owners("qos.meter.add", Owner::tenant),
    owners("qos.meter.remove", Owner::tenant),
    agents("qos.meter.list", {"meters", Owner::tenant}, {"endpoints", Owner::endpoint}),
    operators("qos.budget.set"),
    observers("qos.budget.list"),
    operators("qos.port.set"),
    agents("qos.port.list", {"ports", Owner::port}),
};

std::string text_of(const Json& object, const char* key) {
  if (!object.is_object()) return {};
  const auto field = object.find(key);
  if (field == object.end()) return {};
  if (field->is_number_unsigned()) return std::to_string(field->get<std::uint64_t>());
  return field->is_string() ? field->get<std::string>() : std::string{};
}

std::vector<std::string> of_segment(const std::string& name, const Model& model) {
  const SegmentRecord* segment = model.segment(name);
  if (segment == nullptr) return {};
  return {segment->config.tenant};
}

std::vector<std::string> of_endpoint(const EndpointName& name, const Model& model) {
  const EndpointRecord* endpoint = model.endpoint(name);
  return endpoint == nullptr ? std::vector<std::string>{}
                             : of_segment(endpoint->config.segment, model);
}

std::vector<std::string> of_container(const std::string& container, const Model& model) {
  std::vector<std::string> tenants;
  auto at = model.endpoint_names.lower_bound(EndpointName{container, {}});
  for (; at != model.endpoint_names.end() && at->first.container == container; ++at) {
    std::ranges::copy(of_endpoint(at->first, model), std::back_inserter(tenants));
  }
  return tenants;
}

std::vector<std::string> of_port(const std::string& name, const Model& model) {
  const auto port = find_port(model, name);
  const std::string tenant = port.has_value() ? tenant_of_port(model, *port) : std::string{};
  return tenant.empty() ? std::vector<std::string>{} : std::vector{tenant};
}

std::string listed(const std::set<std::string>& tenants) {
  std::string text;
  for (const std::string& tenant : tenants) text += (text.empty() ? "" : ", ") + tenant;
  return text;
}

std::string who(const Grant& grant) {
  switch (grant.role) {
    case Role::none:
      return "this user has no role (access.add gives one)";
    case Role::tenant:
      return "this user is an agent of " + listed(grant.tenants);
    case Role::observer:
      return "this user is an observer";
    case Role::admin:
      break;
  }
  return "this user is an operator";
}

Failure denied(const Guard& guard, const std::string& reason, const char* field = "") {
  return refused(
      ErrorCode::not_permitted, std::string{guard.method} + ": " + reason, std::string{field}
  );
}

/// The field that says whose it is, for a complaint.
const char* field_of(Owner owner) {
  switch (owner) {
    case Owner::tenant:
      return "tenant";
    case Owner::tenant_name:
    case Owner::segment_name:
      return "name";
    case Owner::segment:
      return "segment";
    case Owner::container:
    case Owner::interface:
      return "container";
    case Owner::endpoint:
      return "endpoint";
    case Owner::port:
      return "port";
    case Owner::host:
      break;
  }
  return "";
}

/// What an agent may not ask of an interface: files and devices of the host, and a container that may lie.
std::optional<Failure> bounds_of_attach(const Guard& guard, const Json& params) {
  const std::string kind = text_of(params, "kind");
  if (!kind.empty() && kind != "tap" && kind != "veth") {
    return denied(guard, "kind " + in_quotes(kind) + " is an operator's to ask for", "kind");
  }
  const auto spoofing = params.find("anti_spoofing");
  if (spoofing != params.end() && *spoofing == false) {
    return denied(guard, "anti_spoofing is an operator's to switch off", "anti_spoofing");
  }
  const auto budget = params.find("bum_budget");
  if (budget != params.end()) {
    return denied(guard, "bum_budget is an operator's to set", "bum_budget");
  }
  return std::nullopt;
}

std::optional<Failure> refusal_of_owner(
    const Guard& guard, const Grant& grant, const Model& model, const Json& params
) {
  if (grant.role != Role::tenant && grant.tenants.empty()) {
    return denied(guard, "changes the state, and " + who(grant));
  }
  const char* field = field_of(guard.owner);
  for (const std::string& tenant : tenants_of(guard.owner, params, model)) {
    if (grant.speaks_for(tenant)) continue;
    return denied(
        guard, in_quotes(text_of(params, field)) + " is of another tenant, and " + who(grant), field
    );
  }
  // One that names nothing would mean everybody's.
  if (guard.owner == Owner::segment || guard.owner == Owner::endpoint) {
    if (text_of(params, field).empty()) {
      return denied(
          guard, "without " + in_quotes(field) + " is about all, and " + who(grant), field
      );
    }
  }
  if (guard.method == "endpoint.attach") return bounds_of_attach(guard, params);
  return std::nullopt;
}

/// A part of the document. What its steps do is judged again, each as the verb that it is.
std::optional<Failure> refusal_of_scope(
    const Guard& guard, const Grant& grant, const Model& model, const Json& params
) {
  if (!guard.acts && grant.reads_everything()) return std::nullopt;
  if (grant.tenants.empty()) return denied(guard, "changes the state, and " + who(grant));
  std::vector<std::string> tenants = tenants_of(Owner::tenant, params, model);
  if (tenants.empty()) tenants = tenants_of(Owner::endpoint, params, model);
  if (tenants.empty()) {
    return denied(guard, "needs \"tenant\" in the parameters, because " + who(grant), "tenant");
  }
  for (const std::string& tenant : tenants) {
    if (grant.speaks_for(tenant)) continue;
    return denied(
        guard, "tenant " + in_quotes(tenant) + " is another's, and " + who(grant), "tenant"
    );
  }
  return std::nullopt;
}

}  // namespace

std::span<const Guard> guards() noexcept {
  return kGuards;
}

const Guard* guard_of(std::string_view method) noexcept {
  const auto found = std::ranges::find(kGuards, method, &Guard::method);
  return found == kGuards.end() ? nullptr : &*found;
}

std::vector<std::string> tenants_of(Owner owner, const Json& object, const Model& model) {
  const std::string text = text_of(object, field_of(owner));
  if (text.empty()) return {};
  switch (owner) {
    case Owner::host:
      return {};
    case Owner::tenant:
    case Owner::tenant_name:
      return {text};
    case Owner::segment:
    case Owner::segment_name:
      return of_segment(text, model);
    case Owner::container:
    case Owner::interface: {
      const std::string ifname = text_of(object, "ifname");
      if (ifname.empty() && owner == Owner::container) return of_container(text, model);
      return of_endpoint({text, ifname.empty() ? "eth0" : ifname}, model);
    }
    case Owner::endpoint: {
      const std::size_t slash = text.rfind('/');
      if (slash == std::string::npos) return of_container(text, model);
      return of_endpoint({text.substr(0, slash), text.substr(slash + 1)}, model);
    }
    case Owner::port:
      return of_port(text, model);
  }
  return {};
}

std::optional<Failure> refusal(
    const Guard& guard, const Grant& grant, const Model& model, const Json& params, bool is_step
) {
  if (grant.is_operator() || guard.who == For::anyone) return std::nullopt;
  if (grant.role == Role::none) return denied(guard, who(grant));
  switch (guard.who) {
    case For::anyone:
      return std::nullopt;
    case For::agents:
      if (grant.reads_everything() || guard.owner == Owner::host) return std::nullopt;
      return refusal_of_owner(guard, grant, model, params);
    case For::observers:
      if (grant.reads_everything()) return std::nullopt;
      return denied(guard, "is an observer's to ask for, and " + who(grant));
    case For::owners:
      return refusal_of_owner(guard, grant, model, params);
    case For::scopes:
      return refusal_of_scope(guard, grant, model, params);
    case For::operators:
      break;
  }
  if (is_step && guard.owner != Owner::host) return refusal_of_owner(guard, grant, model, params);
  return denied(guard, "is an operator's to ask for, and " + who(grant));
}

void keep_visible(const Guard& guard, const Grant& grant, const Model& model, Json& answer) {
  if (grant.reads_everything() || guard.who != For::agents) return;
  for (const Rows& rows : guard.rows) {
    if (rows.list == nullptr || !answer.contains(rows.list)) continue;
    auto& list = answer[rows.list].get_ref<Json::array_t&>();
    std::erase_if(list, [&](const Json& row) {
      const auto tenants = tenants_of(rows.owner, row, model);
      return !std::ranges::any_of(tenants, [&](const std::string& tenant) {
        return grant.sees(tenant);
      });
    });
  }
}

}  // namespace weft::control
