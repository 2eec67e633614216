#include "control/access/params_access.h"

#include <limits>

#include "control/params.h"

namespace weft::control {

Outcome<AccessConfig> parse_access(const Json& json) {
  constexpr auto kMaxId = std::numeric_limits<std::uint32_t>::max() - 1;
  Fields fields{json, "access"};
  AccessConfig config;
  config.name = fields.required_name("name");
  if (fields.has("uid")) config.uid = fields.number<std::uint32_t>("uid", 0, 0, kMaxId);
  if (fields.has("gid")) config.gid = fields.number<std::uint32_t>("gid", 0, 0, kMaxId);
  if (fields.is_ok() && config.uid.has_value() == config.gid.has_value()) {
    fields.refuse_whole("exactly one of \"uid\" and \"gid\" says who");
  }
  if (fields.is_ok() && !fields.has("role")) fields.refuse("role", "is required");
  config.role = fields.word<Role>("role", Role::none, parse_role, "operator, observer, tenant");
  fields.for_each("tenants", [&](const Json& tenant, const std::string& path) {
    if (tenant.is_string() && is_name(tenant.get_ref<const std::string&>())) {
      config.tenants.insert(tenant.get<std::string>());
    } else {
      fields.refuse("tenants", shown(tenant) + " at " + path + " is no name");
    }
  });
  if (config.tenants.size() > kMaxListed) {
    fields.refuse("tenants", "are more than the limit " + std::to_string(kMaxListed));
  }
  if (fields.is_ok() && (config.role == Role::tenant) == config.tenants.empty()) {
    fields.refuse("tenants", "belong to the role \"tenant\", which needs at least one");
  }
  if (auto failure = fields.finish()) return *failure;
  return config;
}

Json to_json(const AccessConfig& config) {
  Json json{{"name", config.name}};
  if (config.uid.has_value()) json["uid"] = *config.uid;
  if (config.gid.has_value()) json["gid"] = *config.gid;
  json["role"] = name(config.role);
  if (!config.tenants.empty()) json["tenants"] = config.tenants;
  return json;
}

}  // namespace weft::control
