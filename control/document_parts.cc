#include "control/document_parts.h"

#include <algorithm>

namespace weft::control {
namespace {

constexpr std::array<const char*, kPartCount> kNames{
    "budgets",
    "ports",
    "schedulers",
    "tenants",
    "meters",
    "tenant_settings",
    "l7",
    "policies",
    "segments",
    "remotes",
    "endpoints",
    "rules",
};

}  // namespace

const char* name(Part part) noexcept {
  return kNames[static_cast<std::size_t>(part)];
}

bool is_hosts(Part part) noexcept {
  return part == Part::budgets || part == Part::ports || part == Part::schedulers;
}

std::string text(const Json& json, const char* key) {
  return json.at(key).get<std::string>();
}

std::string name_of(Part part, const Json& json) {
  switch (part) {
    case Part::budgets:
      return text(json, "class");
    case Part::ports:
    case Part::tenants:
    case Part::tenant_settings:
    case Part::segments:
      return text(json, "name");
    case Part::schedulers:
    case Part::rules:
      return text(json, "port");
    case Part::meters:
    case Part::l7:
      return text(json, "tenant") + "/" + text(json, "name");
    case Part::policies:
      return text(json, "tenant");
    case Part::remotes:
      return text(json, "segment") + " " + text(json, "vtep");
    case Part::endpoints:
      return text(json, "container") + "/" + text(json, "ifname");
  }
  return {};
}

Json named(const char* key, const std::string& name, const Json& json) {
  Json result{{key, name}};
  result.update(json);
  return result;
}

Failure failure_of(Part part, std::size_t index, Failure failure) {
  const std::string path = std::string{name(part)} + "[" + std::to_string(index) + "]";
  failure.message = path + ": " + failure.message;
  failure.field = failure.field.empty() ? path : path + "." + failure.field;
  return failure;
}

}  // namespace weft::control
