// Segments: `segment.add` and `segment.set` share one parser, which lays fields over a config.

#include "control/params.h"
#include "control/params_policy.h"

namespace weft::control {
namespace {

std::string_view name(UnknownUnicast mode) noexcept {
  return mode == UnknownUnicast::flood ? "flood" : "drop";
}
std::optional<UnknownUnicast> parse_unknown_unicast(std::string_view text) noexcept {
  if (text == "flood") return UnknownUnicast::flood;
  if (text == "drop") return UnknownUnicast::drop;
  return std::nullopt;
}

std::string_view name(InnerVlan mode) noexcept {
  return mode == InnerVlan::drop ? "drop" : "keep";
}
std::optional<InnerVlan> parse_inner_vlan(std::string_view text) noexcept {
  if (text == "drop") return InnerVlan::drop;
  if (text == "keep") return InnerVlan::keep;
  return std::nullopt;
}

/// encap, vni and local_vtep: all three, or "none" and neither.
void read_transport(Fields& fields, SegmentConfig& config) {
  const auto read_kind = [](std::string_view text) -> std::optional<std::optional<encap::Kind>> {
    if (text == "none") return std::optional<encap::Kind>{};
    if (const auto kind = encap::parse_kind(text)) return kind;
    return std::nullopt;
  };
  config.encap = fields.word("encap", config.encap, read_kind, "vxlan, nvgre, none");
  if (!config.encap.has_value()) {
    for (const char* field : {"vni", "local_vtep"}) {
      if (fields.find(field) != nullptr) {
        fields.refuse(field, "a segment with encap \"none\" is local and has none");
      }
    }
    config.vni = Vni{};
    config.local_vtep.reset();
    return;
  }
  if (!config.local_vtep.has_value()) {  // otherwise it had a transport before
    for (const char* field : {"vni", "local_vtep"}) {
      if (!fields.has(field)) fields.refuse(field, "is required unless encap is \"none\"");
    }
  }
  const auto vni = fields.number<std::uint32_t>("vni", config.vni.value(), 0, Vni::kMax);
  config.vni = Vni{vni};
  if (fields.has("local_vtep")) config.local_vtep = fields.address("local_vtep");
  if (fields.is_ok() && !encap::is_usable(*config.encap, config.vni)) {
    fields.refuse(
        "vni",
        std::to_string(vni) + " is reserved: " + std::string{encap::name(*config.encap)} +
            " may use 4096 to 16777214 (RFC 7637 s3.4)"
    );
  }
}

void read_policy(Fields& fields, SegmentConfig& config) {
  config.policy_default = fields.word(
      "policy_default", config.policy_default, parse_policy_default, "allow, deny, groups"
  );
  if (fields.has("agents")) config.agents = fields.prefixes("agents");
  if (config.agents.size() > kMaxListed) {
    fields.refuse("agents", "more than " + std::to_string(kMaxListed) + " elements");
  }
}

void read_common(Fields& fields, SegmentConfig& config) {
  read_transport(fields, config);
  config.mtu = fields.number_or_zero<std::uint16_t>("mtu", config.mtu, kMinMtu, kMaxMtu);
  config.dscp_mode =
      fields.word("dscp_mode", config.dscp_mode, encap::parse_dscp_mode, "uniform, pipe, fixed");
  config.dscp = fields.number<std::uint8_t>("dscp", config.dscp, 0, 63);
  config.ttl = fields.number<std::uint8_t>("ttl", config.ttl, 1, 255);
  if (fields.has("subnets")) config.subnets = fields.prefixes("subnets");
  if (config.subnets.size() > kMaxListed) {
    fields.refuse("subnets", "more than " + std::to_string(kMaxListed) + " elements");
  }
  config.unknown_unicast =
      fields.word("unknown_unicast", config.unknown_unicast, parse_unknown_unicast, "flood, drop");
  config.inner_vlan = fields.word("inner_vlan", config.inner_vlan, parse_inner_vlan, "drop, keep");
  const bool keeps_tags = config.encap.has_value() && config.inner_vlan == InnerVlan::keep;
  if (keeps_tags && !encap::may_keep_inner_vlan(*config.encap)) {
    fields.refuse(
        "inner_vlan",
        std::string{encap::name(*config.encap)} + " must drop tagged frames (RFC 7637 s3.3)"
    );
  }
  config.learn = fields.flag("learn", config.learn);
  config.fdb_limit = fields.number<std::uint32_t>("fdb_limit", config.fdb_limit, 0, 1'000'000);
  config.fdb_ageing_s =
      fields.number<std::uint32_t>("fdb_ageing_s", config.fdb_ageing_s, 1, 1'000'000);
  config.suppress_neighbors = fields.flag("suppress_neighbors", config.suppress_neighbors);
  config.mss_clamp = fields.flag("mss_clamp", config.mss_clamp);
  config.udp6_checksum = fields.flag("udp6_checksum", config.udp6_checksum);
  read_policy(fields, config);
}

}  // namespace

Outcome<SegmentConfig> parse_segment(const Json& json) {
  Fields fields{json, "segment"};
  SegmentConfig config;
  config.encap = encap::Kind::vxlan;
  config.name = fields.required_name("name");
  config.tenant = fields.required_name("tenant");
  read_common(fields, config);
  if (auto failure = fields.finish()) return *failure;
  return config;
}

Outcome<SegmentConfig> parse_segment_change(const Json& json, const SegmentConfig& current) {
  Fields fields{json, "segment"};
  SegmentConfig config = current;
  config.name = fields.required_name("name");
  if (fields.has("tenant") && fields.required_name("tenant") != current.tenant) {
    fields.refuse("tenant", "the tenant of a segment can not be changed");
  }
  read_common(fields, config);
  if (auto failure = fields.finish()) return *failure;
  return config;
}

Json to_json(const SegmentConfig& config) {
  Json json{{"name", config.name}, {"tenant", config.tenant}};
  json["encap"] = config.encap.has_value() ? encap::name(*config.encap) : "none";
  if (config.encap.has_value()) {
    json["vni"] = config.vni.value();
    json["local_vtep"] = format(*config.local_vtep);
  }
  json["mtu"] = config.mtu;
  json["dscp_mode"] = encap::name(config.dscp_mode);
  json["dscp"] = config.dscp;
  json["ttl"] = config.ttl;
  json["subnets"] = Json::array();
  for (const IpPrefix& subnet : config.subnets) json["subnets"].push_back(format(subnet));
  json["unknown_unicast"] = name(config.unknown_unicast);
  json["inner_vlan"] = name(config.inner_vlan);
  json["learn"] = config.learn;
  json["fdb_limit"] = config.fdb_limit;
  json["fdb_ageing_s"] = config.fdb_ageing_s;
  json["suppress_neighbors"] = config.suppress_neighbors;
  json["mss_clamp"] = config.mss_clamp;
  json["udp6_checksum"] = config.udp6_checksum;
  json["policy_default"] = name(config.policy_default);
  json["agents"] = Json::array();
  for (const IpPrefix& agent : config.agents) json["agents"].push_back(format(agent));
  return json;
}

}  // namespace weft::control
