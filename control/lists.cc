#include "control/lists.h"

#include <chrono>
#include <vector>

#include "control/params.h"
#include "control/params_qos.h"
#include "control/stats.h"

namespace weft::control {
namespace {

/// The segments to list, in the order of their names.
Outcome<std::vector<const SegmentRecord*>> chosen(
    const Model& model, const std::optional<std::string>& name
) {
  std::vector<const SegmentRecord*> segments;
  if (name.has_value()) {
    const SegmentRecord* segment = model.segment(*name);
    if (segment == nullptr) {
      return refused(
          ErrorCode::not_found, "segment " + in_quotes(*name) + " does not exist", "segment"
      );
    }
    segments.push_back(segment);
    return segments;
  }
  for (const auto& [key, index] : model.segment_names) segments.push_back(model.segment(index));
  return segments;
}

std::size_t learned_count(const Runtime& runtime, SegmentIndex segment) {
  const auto learned = runtime.learned.find(segment);
  return learned == runtime.learned.end() ? 0 : learned->second.size();
}

Json describe_endpoint(const Controller& controller, const EndpointRecord& endpoint) {
  const Model& model = controller.model();
  const SegmentRecord& segment = *model.segment(endpoint.segment);
  const auto port = controller.runtime().ports.find(endpoint.index);
  const bool is_up = port != controller.runtime().ports.end();
  const PortReading reading = is_up ? reading_of(port->second) : PortReading{};
  const EndpointConfig& config = endpoint.config;
  Json json{
      {"endpoint", config.name()},
      {"container", config.container},
      {"ifname", config.ifname},
      {"segment", config.segment},
      {"tenant", segment.config.tenant},
      {"kind", name(config.kind)},
      {"port", port_number(endpoint.index)},
      {"mac", format(config.mac)},
      {"addresses", to_json(config)["addresses"]},
      {"mtu", endpoint.mtu},
      {"worker", endpoint.owner.value()},
  };
  if (config.pid != 0) {
    json["netns"] = "/proc/" + std::to_string(config.pid) + "/ns/net";
  } else {
    json["netns"] = config.netns.empty() ? Json{} : Json{config.netns};
  }
  json["state"] = is_up ? "up" : "gone";
  json["groups"] = config.identity.groups;
  json["labels"] = Json::object();
  for (const auto& [label, value] : config.identity.labels) json["labels"][label] = value;
  json["limits"] = to_json(config.limits);
  json["qos"] = to_json(config.qos);
  json["counters"] = counters_json(reading);
  json["drops"] = drops_json(reading.drops);
  return json;
}

}  // namespace

Json list_tenants(const Model& model) {
  struct Members {
    std::size_t segments{};
    std::size_t endpoints{};
  };
  std::map<std::string, Members> members;
  for (const auto& [index, segment] : model.segments) {
    Members& tenant = members[segment.config.tenant];
    ++tenant.segments;
    tenant.endpoints += segment.endpoints.size();
  }
  Json tenants = Json::array();
  for (const auto& [key, record] : model.tenants) {
    const Members& tenant = members[key];
    tenants.push_back(Json{
        {"name", key},
        {"segments", tenant.segments},
        {"endpoints", tenant.endpoints},
        {"rules", record.rules->size()},
        {"meter", record.meter.empty() ? Json{} : Json(record.meter)},
        {"quota", to_json(record.config.quota)},
    });
  }
  return Json{{"tenants", std::move(tenants)}};
}

Json list_segments(const Controller& controller) {
  const Model& model = controller.model();
  Json segments = Json::array();
  for (const auto& [key, index] : model.segment_names) {
    const SegmentRecord& segment = *model.segment(index);
    Json json = to_json(segment.config);
    json["mtu"] = segment.mtu;
    json["endpoints"] = segment.endpoints.size();
    json["remotes"] = segment.remotes.size();
    json["fdb"] = segment.macs.size() + learned_count(controller.runtime(), index);
    segments.push_back(std::move(json));
  }
  return Json{{"segments", std::move(segments)}};
}

Outcome<Json> list_remotes(
    const Controller& controller, const std::optional<std::string>& segment
) {
  const auto segments = chosen(controller.model(), segment);
  if (!segments) return segments.error();
  Json remotes = Json::array();
  for (const SegmentRecord* record : *segments) {
    for (const auto& [vtep, tunnel] : record->remotes) {
      const RemoteRecord& remote = *controller.model().remote(tunnel);
      const TunnelEntry& entry = controller.snapshot().tunnels[tunnel.value()];
      const auto mac = controller.runtime().next_hop_macs.find(remote.next_hop);
      const bool is_resolved = mac != controller.runtime().next_hop_macs.end();
      Json json{
          {"segment", record->config.name},
          {"vtep", format(vtep)},
          {"resolved", is_resolved},
          {"next_hop", format(remote.next_hop.address)},
      };
      json["next_hop_mac"] = is_resolved ? Json(format(mac->second)) : Json{};
      json["mtu"] = entry.inner_mtu;
      json["endpoints"] = to_json(remote.config)["endpoints"];
      remotes.push_back(std::move(json));
    }
  }
  return Json{{"remotes", std::move(remotes)}};
}

Outcome<Json> list_endpoints(
    const Controller& controller, const std::optional<std::string>& segment
) {
  const Model& model = controller.model();
  const auto segments = chosen(model, segment);
  if (!segments) return segments.error();
  Json endpoints = Json::array();
  for (const auto& [key, index] : model.endpoint_names) {
    const EndpointRecord& endpoint = *model.endpoint(index);
    if (segment.has_value() && endpoint.config.segment != *segment) continue;
    endpoints.push_back(describe_endpoint(controller, endpoint));
  }
  return Json{{"endpoints", std::move(endpoints)}};
}

Outcome<Json> list_fdb(
    const Controller& controller, const std::optional<std::string>& segment, TimePoint now
) {
  const Model& model = controller.model();
  const auto segments = chosen(model, segment);
  if (!segments) return segments.error();
  Json entries = Json::array();
  for (const SegmentRecord* record : *segments) {
    const auto add = [&](const MacAddress& mac, const char* type) -> Json& {
      entries.push_back(Json{{"segment", record->config.name}, {"mac", format(mac)}, {"type", type}}
      );
      return entries.back();
    };
    for (const auto& [mac, holder] : record->macs) {
      const bool is_endpoint = holder.kind() == Destination::Kind::endpoint;
      Json& entry = add(mac, is_endpoint ? "endpoint" : "remote");
      if (is_endpoint) {
        entry["endpoint"] = model.endpoint(holder.endpoint())->config.name();
      } else {
        entry["vtep"] = format(model.remote(holder.tunnel())->config.vtep);
      }
      entry["age_s"] = nullptr;
    }
    const auto learned = controller.runtime().learned.find(record->index);
    if (learned == controller.runtime().learned.end()) continue;
    for (const auto& [mac, source] : learned->second) {
      Json& entry = add(mac, "learned");
      entry["vtep"] = format(model.remote(source.tunnel)->config.vtep);
      const auto age = std::chrono::duration_cast<std::chrono::seconds>(now - source.last_seen);
      entry["age_s"] = age.count();
    }
  }
  return Json{{"entries", std::move(entries)}};
}

}  // namespace weft::control
