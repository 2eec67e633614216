#include "control/cli/live.h"

#include "control/cli/render.h"

namespace weft::cli {

namespace {

constexpr std::chrono::seconds kRememberFor{1};

/// Where the names of a kind of object are: keys of the objects in a list of a method's result.
struct Source {
  std::string_view method;
  std::string_view list;
  std::vector<std::string_view> keys;
};

Source source_of(Live live) {
  switch (live) {
    case Live::tenants:
      return {"tenant.list", "tenants", {"name"}};
    case Live::segments:
      return {"segment.list", "segments", {"name"}};
    case Live::containers:
      return {"endpoint.list", "endpoints", {"container"}};
    case Live::endpoints:
      return {"endpoint.list", "endpoints", {"container", "endpoint"}};
    case Live::ports:
      return {"port.list", "ports", {"port", "name"}};
    case Live::uplinks:
      return {"port.list", "ports", {"name"}};
    case Live::rules:
      return {"policy.list", "rules", {"name"}};
    case Live::meters:
      return {"qos.meter.list", "meters", {"name"}};
    case Live::l7_classes:
      return {"l7.list", "classes", {"name"}};
    case Live::none:
    case Live::files:
      break;
  }
  return {};
}

}  // namespace

std::vector<std::string> LiveDirectory::names(Live live, Clock::time_point now) {
  const auto found = remembered_.find(live);
  if (found != remembered_.end() && now - found->second.asked_at < kRememberFor) {
    return found->second.names;
  }
  Remembered& fresh = remembered_[live];
  fresh = Remembered{now, ask(live)};
  return fresh.names;
}

std::vector<std::string> LiveDirectory::ask(Live live) {
  const Source source = source_of(live);
  if (source.method.empty()) return {};
  const Answer answer = client_.call(source.method, nlohmann::json::object());
  const auto* result = std::get_if<nlohmann::json>(&answer);
  if (result == nullptr) return {};
  std::vector<std::string> names;
  for (const nlohmann::json& object : list_at(*result, source.list)) {
    if (live == Live::uplinks && text_at(object, "role") != "uplink") continue;
    for (const std::string_view key : source.keys) names.push_back(text_at(object, key));
  }
  return names;
}

}  // namespace weft::cli
