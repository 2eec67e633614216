// whoami, access.* and audit.list: who may ask for what, and who asked.

#include <array>

#include "control/access/audit.h"
#include "control/access/params_access.h"
#include "control/methods.h"
#include "control/params.h"

namespace weft::control {
namespace {

Outcome<Json> whoami(const Call& call) {
  if (const auto none = parse_nothing(call.params, "whoami"); !none) return none.error();
  Json answer{{"uid", call.peer.uid}, {"role", name(call.grant.role)}};
  if (!call.grant.tenants.empty()) answer["tenants"] = call.grant.tenants;
  return answer;
}

Outcome<Json> access_add(const Call& call) {
  const auto config = parse_access(call.params);
  if (!config) return config.error();
  return answered(call, call.controller.add_access(*config));
}

Outcome<Json> access_remove(const Call& call) {
  const auto name = parse_only_name(call.params, "access");
  if (!name) return name.error();
  return answered(call, call.controller.remove_access(*name));
}

Outcome<Json> access_list(const Call& call) {
  if (const auto none = parse_nothing(call.params, "access"); !none) return none.error();
  Json list = Json::array();
  for (const auto& [name, config] : call.controller.model().access) list.push_back(to_json(config));
  return Json{{"access", std::move(list)}};
}

Outcome<Json> audit_list(const Call& call) {
  Fields fields{call.params, "audit"};
  const auto limit =
      fields.number<std::uint32_t>("limit", 20, 1, static_cast<std::uint32_t>(Audit::kKept));
  if (auto failure = fields.finish()) return *failure;
  return Json{{"entries", call.audit.last(limit)}};
}

Outcome<Json> watch(const Call& call) {
  Fields fields{call.params, "watch"};
  std::set<std::string> kinds;
  fields.for_each("events", [&](const Json& kind, const std::string& path) {
    const bool is_known =
        kind.is_string() && event_kinds().contains(kind.get_ref<const std::string&>());
    if (is_known) {
      kinds.insert(kind.get<std::string>());
    } else {
      fields.refuse("events", shown(kind) + " at " + path + " is no kind of event");
    }
  });
  if (auto failure = fields.finish()) return *failure;
  if (call.controller.is_in_transaction()) return not_in_a_batch("watch");
  if (kinds.empty()) kinds = event_kinds();
  if (call.peer.connection != 0) call.watchers.add(call.peer, kinds);
  Json answer = in_force(call);
  answer["events"] = kinds;
  return answer;
}

constexpr std::array kMethods{
    Method{"whoami", whoami},
    Method{"watch", watch},
    Method{"access.add", access_add, Effect::changes},
    Method{"access.remove", access_remove, Effect::changes},
    Method{"access.list", access_list},
    Method{"audit.list", audit_list},
};

}  // namespace

std::span<const Method> access_methods() noexcept {
  return kMethods;
}

}  // namespace weft::control
