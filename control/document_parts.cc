#include "control/document_parts.h"

#include <algorithm>
#include <utility>

namespace weft::control {
namespace {

constexpr std::array<const char*, kPartCount> kNames{
    "access",
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
  return part == Part::access || part == Part::budgets || part == Part::ports ||
         part == Part::schedulers;
}

std::string text(const Json& json, const char* key) {
  return json.at(key).get<std::string>();
}

std::string name_of(Part part, const Json& json) {
  switch (part) {
    case Part::budgets:
      return text(json, "class");
    case Part::access:
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

std::vector<Json> requests_for(const Json& remote) {
  const Json& endpoints = remote["endpoints"];
  std::vector<Json> requests;
  for (std::size_t from = 0; from == 0 || from < endpoints.size(); from += kMaxRemoteEndpoints) {
    Json request{
        {"segment", remote["segment"]}, {"vtep", remote["vtep"]}, {"endpoints", Json::array()}};
    const std::size_t end = std::min(endpoints.size(), from + kMaxRemoteEndpoints);
    for (std::size_t i = from; i < end; ++i) request["endpoints"].push_back(endpoints[i]);
    requests.push_back(std::move(request));
  }
  return requests;
}

void append_entry(Part part, const Json& entry, Json& list) {
  if (part != Part::remotes) {
    list.push_back(entry);
    return;
  }
  for (Json& request : requests_for(entry)) list.push_back(std::move(request));
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
