// version, config.*, forwarding.*, log.*, port.*, tenant.*, segment.*, remote.*, endpoint.*, fdb.* and readings, in the
// order of README.md.

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include <spdlog/spdlog.h>

#include "control/document.h"
#include "control/lists.h"
#include "control/methods.h"
#include "control/params.h"
#include "control/params_qos.h"
#include "control/stats.h"

namespace weft::control {
namespace {

// -- housekeeping --------------------------------------------------------------------------------

Outcome<Json> version(const Call& call) {
  if (const auto none = parse_nothing(call.params, "version"); !none) return none.error();
  return Json{
      {"weft", call.about.weft},
      {"dpdk", call.about.dpdk},
      {"protocol", 1},
      {"pid", call.about.pid},
      {"generation", call.controller.generation().value()},
  };
}

Outcome<Json> config_get(const Call& call) {
  if (const auto none = parse_nothing(call.params, "config"); !none) return none.error();
  return to_json(document_of(call.controller.model()));
}

Outcome<Json> forwarding_set(const Call& call) {
  Fields fields{call.params, "forwarding"};
  const bool is_enabled = fields.required_flag("enabled");
  if (auto failure = fields.finish()) return *failure;
  call.controller.set_forwarding(is_enabled);
  return in_force(call);
}

Outcome<Json> log_set(const Call& call) {
  constexpr std::array<std::string_view, 5> kLevels{"trace", "debug", "info", "warn", "error"};
  const auto parse = [&](std::string_view text) -> std::optional<std::string> {
    if (std::ranges::find(kLevels, text) == kLevels.end()) return std::nullopt;
    return std::string{text};
  };
  Fields fields{call.params, "log"};
  if (fields.is_ok() && !fields.has("level")) fields.refuse("level", "is required");
  const auto level =
      fields.word<std::string>("level", "info", parse, "trace, debug, info, warn, error");
  if (auto failure = fields.finish()) return *failure;
  if (call.controller.is_in_transaction()) return not_in_a_batch("log.set");
  spdlog::set_level(spdlog::level::from_str(level));
  return Json::object();
}

// -- ports and tenants ---------------------------------------------------------------------------

Outcome<Json> port_add(const Call& call) {
  const auto config = parse_port(call.params);
  if (!config) return config.error();
  const auto index = call.controller.add_port(*config);
  if (!index) return index.error();
  Json answer = in_force(call);
  answer["port"] = port_number(*index);
  return answer;
}

Outcome<Json> port_remove(const Call& call) {
  const auto name = parse_only_name(call.params, "port");
  if (!name) return name.error();
  return answered(call, call.controller.remove_port(*name));
}

Outcome<Json> port_set(const Call& call) {
  Fields fields{call.params, "port"};
  const std::string name = fields.required_name("name");
  std::optional<bool> up;
  if (fields.has("up")) up = fields.required_flag("up");
  if (auto failure = fields.finish()) return *failure;
  if (up.has_value()) return answered(call, call.controller.set_port_up(name, *up));
  if (call.controller.model().port(name) == nullptr) {
    return refused(ErrorCode::not_found, "port " + in_quotes(name) + " does not exist", "name");
  }
  return in_force(call);
}

Outcome<Json> port_list(const Call& call) {
  if (const auto none = parse_nothing(call.params, "port"); !none) return none.error();
  return list_ports(call.controller);
}

Outcome<Json> tenant_add(const Call& call) {
  const auto config = parse_tenant(call.params);
  if (!config) return config.error();
  return answered(call, call.controller.add_tenant(*config));
}

Outcome<Json> tenant_quota(const Call& call) {
  const auto change = parse_quota_change(call.params);
  if (!change) return change.error();
  return answered(call, call.controller.set_quota(change->name, change->quota));
}

Outcome<Json> tenant_remove(const Call& call) {
  const auto name = parse_only_name(call.params, "tenant");
  if (!name) return name.error();
  return answered(call, call.controller.remove_tenant(*name));
}

Outcome<Json> tenant_set(const Call& call) {
  const auto change = parse_tenant_change(call.params);
  if (!change) return change.error();
  return answered(call, call.controller.set_tenant_meter(change->name, change->meter));
}

Outcome<Json> tenant_list(const Call& call) {
  if (const auto none = parse_nothing(call.params, "tenant"); !none) return none.error();
  return list_tenants(call.controller.model());
}

// -- segments and remotes ------------------------------------------------------------------------

Json segment_answer(const Call& call, const std::string& name) {
  Json answer = in_force(call);
  answer["mtu"] = call.controller.model().segment(name)->mtu;
  return answer;
}

Outcome<Json> segment_add(const Call& call) {
  const auto config = parse_segment(call.params);
  if (!config) return config.error();
  const auto index = call.controller.add_segment(*config);
  if (!index) return index.error();
  return segment_answer(call, config->name);
}

Outcome<Json> segment_set(const Call& call) {
  // The name decides what the other fields are laid over.
  Fields fields{call.params, "segment"};
  const std::string name = fields.required_name("name");
  if (!fields.is_ok()) return *fields.finish();
  const SegmentRecord* segment = call.controller.model().segment(name);
  if (segment == nullptr) {
    return refused(ErrorCode::not_found, "segment " + in_quotes(name) + " does not exist", "name");
  }
  const auto config = parse_segment_change(call.params, segment->config);
  if (!config) return config.error();
  if (const auto status = call.controller.set_segment(*config); !status) return status.error();
  return segment_answer(call, name);
}

Outcome<Json> segment_remove(const Call& call) {
  const auto name = parse_only_name(call.params, "segment");
  if (!name) return name.error();
  return answered(call, call.controller.remove_segment(*name));
}

Outcome<Json> segment_list(const Call& call) {
  if (const auto none = parse_nothing(call.params, "segment"); !none) return none.error();
  return list_segments(call.controller);
}

Outcome<Json> remote_add(const Call& call) {
  const auto config = parse_remote(call.params);
  if (!config) return config.error();
  return answered(call, call.controller.add_remote(*config));
}

Outcome<Json> remote_remove(const Call& call) {
  if (call.params.is_object() && call.params.contains("endpoints")) {
    return refused(
        ErrorCode::bad_parameter, "remote.endpoints: there is no such parameter", "endpoints"
    );
  }
  const auto config = parse_remote(call.params);
  if (!config) return config.error();
  return answered(call, call.controller.remove_remote(config->segment, config->vtep));
}

Outcome<Json> remote_list(const Call& call) {
  const auto segment = parse_only_segment(call.params, "remote");
  if (!segment) return segment.error();
  return list_remotes(call.controller, *segment);
}

// -- endpoints and FDB ---------------------------------------------------------------------------

Outcome<Json> endpoint_attach(const Call& call) {
  const auto config = parse_endpoint(call.params);
  if (!config) return config.error();
  const auto index = call.controller.attach(*config);
  if (!index) return index.error();
  const EndpointRecord& endpoint = *call.controller.model().endpoint(*index);
  Json answer = in_force(call);
  answer["endpoint"] = config->name();
  answer["mac"] = format(config->mac);
  answer["addresses"] = to_json(*config)["addresses"];
  answer["mtu"] = endpoint.mtu;
  answer["worker"] = endpoint.owner.value();
  return answer;
}

Outcome<Json> endpoint_set(const Call& call) {
  // The name decides what the other fields are laid over.
  const auto name = parse_endpoint_name(call.params);
  if (!name) return name.error();
  const EndpointRecord* endpoint = call.controller.model().endpoint(*name);
  if (endpoint == nullptr) {
    return refused(
        ErrorCode::not_found,
        "endpoint " + in_quotes(name->container + "/" + name->ifname) + " does not exist",
        "container"
    );
  }
  const auto config = parse_endpoint_change(call.params, endpoint->config);
  if (!config) return config.error();
  return answered(call, call.controller.set_endpoint(*config));
}

Outcome<Json> endpoint_detach(const Call& call) {
  Fields fields{call.params, "endpoint"};
  const std::string container = fields.required_text("container");
  std::optional<std::string> ifname;
  if (fields.has("ifname")) ifname = fields.required_text("ifname");
  if (auto failure = fields.finish()) return *failure;
  const std::size_t count = call.controller.detach(container, ifname);
  Json answer = in_force(call);
  answer["detached"] = count;
  return answer;
}

Outcome<Json> endpoint_list(const Call& call) {
  const auto segment = parse_only_segment(call.params, "endpoint");
  if (!segment) return segment.error();
  return list_endpoints(call.controller, *segment);
}

Outcome<Json> fdb_list(const Call& call) {
  const auto segment = parse_only_segment(call.params, "fdb");
  if (!segment) return segment.error();
  return list_fdb(call.controller, *segment, call.now);
}

Outcome<Json> fdb_flush(const Call& call) {
  const auto segment = parse_only_segment(call.params, "fdb");
  if (!segment) return segment.error();
  const auto removed = call.controller.flush_fdb(*segment);
  if (!removed) return removed.error();
  Json answer = in_force(call);
  answer["removed"] = *removed;
  return answer;
}

// -- statistics ----------------------------------------------------------------------------------

Outcome<Json> stats_get(const Call& call) {
  if (const auto none = parse_nothing(call.params, "stats"); !none) return none.error();
  return get_stats(call.controller);
}

Outcome<Json> stats_clear(const Call& call) {
  if (const auto none = parse_nothing(call.params, "stats"); !none) return none.error();
  call.controller.clear_counters();
  return Json::object();
}

Outcome<Json> drops_list(const Call& call) {
  Fields fields{call.params, "drops"};
  const bool all = fields.flag("all", false);
  if (auto failure = fields.finish()) return *failure;
  return list_drops(call.controller, all);
}

Outcome<Json> worker_list(const Call& call) {
  if (const auto none = parse_nothing(call.params, "worker"); !none) return none.error();
  return list_workers(call.controller);
}

constexpr std::array kMethods{
    Method{"version", version},
    Method{"config.get", config_get},
    Method{"forwarding.set", forwarding_set},
    Method{"log.set", log_set},
    Method{"port.add", port_add, Effect::changes},
    Method{"port.remove", port_remove, Effect::changes},
    Method{"port.set", port_set},
    Method{"port.list", port_list},
    Method{"tenant.add", tenant_add, Effect::changes},
    Method{"tenant.remove", tenant_remove, Effect::changes},
    Method{"tenant.set", tenant_set, Effect::changes},
    Method{"tenant.quota", tenant_quota, Effect::changes},
    Method{"tenant.list", tenant_list},
    Method{"segment.add", segment_add, Effect::changes},
    Method{"segment.set", segment_set, Effect::changes},
    Method{"segment.remove", segment_remove, Effect::changes},
    Method{"segment.list", segment_list},
    Method{"remote.add", remote_add, Effect::changes},
    Method{"remote.remove", remote_remove, Effect::changes},
    Method{"remote.list", remote_list},
    Method{"endpoint.attach", endpoint_attach, Effect::changes},
    Method{"endpoint.set", endpoint_set, Effect::changes},
    Method{"endpoint.detach", endpoint_detach, Effect::changes},
    Method{"endpoint.list", endpoint_list},
    Method{"fdb.list", fdb_list},
    Method{"fdb.flush", fdb_flush},
    Method{"stats.get", stats_get},
    Method{"stats.clear", stats_clear},
    Method{"drops.list", drops_list},
    Method{"worker.list", worker_list},
};

}  // namespace

std::span<const Method> network_methods() noexcept {
  return kMethods;
}

}  // namespace weft::control
