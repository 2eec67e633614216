// Tenants, segments, tunnels, endpoints and forwarding tables.
#include <algorithm>

#include "control/cli/render.h"

namespace weft::cli {

namespace {

using Json = nlohmann::json;

constexpr Align kRight = Align::right;

/// Each object with all its fields, under its name.
std::string render_in_full(const Json& objects, std::string_view name_key) {
  std::string text;
  for (const Json& object : objects) {
    text += text_at(object, name_key) + '\n' + render_fields(object);
  }
  return text;
}

}  // namespace

std::string render_tenants(const Json& answer, const View& view) {
  const Json& tenants = list_at(answer, "tenants");
  if (tenants.empty()) return "no tenants\n";
  return table_of(
             tenants,
             {{"name", {"Tenant"}},
              {"segments", {"Segments", kRight}},
              {"endpoints", {"Endpoints", kRight}},
              {"rules", {"Rules", kRight}},
              {"meter", {"Meter"}}}
  ).format(view.width);
}

std::string render_history(const Json& answer, const View& view) {
  const Json& generations = list_at(answer, "generations");
  if (generations.empty()) return "no generations\n";
  return table_of(
             generations,
             {{"generation", {"Generation", kRight}},
              {"at", {"At"}},
              {"who", {"Who"}},
              {"what", {"What"}}}
  ).format(view.width);
}

std::string render_segments(const Json& answer, const View& view) {
  const Json& segments = list_at(answer, "segments");
  if (segments.empty()) return "no segments\n";
  if (view.is_single) return render_in_full(segments, "name");
  return table_of(
             segments,
             {{"name", {"Segment"}},
              {"tenant", {"Tenant"}},
              {"encap", {"Encap"}},
              {"vni", {"VNI", kRight}},
              {"mtu", {"MTU", kRight}},
              {"endpoints", {"Endpoints", kRight}},
              {"remotes", {"Remotes", kRight}},
              {"fdb", {"FDB", kRight}},
              {"local_vtep", {"Local VTEP"}}}
  ).format(view.width);
}

std::string render_tunnels(const Json& answer, const View& view) {
  const Json& remotes = list_at(answer, "remotes");
  if (remotes.empty()) return "no tunnels\n";
  const Json& segments = list_at(answer, "segments");
  Table table{
      {{"Segment"}, {"Encap"}, {"VNI", kRight}, {"Remote VTEP"}, {"MTU", kRight}, {"Next hop"}}};
  for (const Json& remote : remotes) {
    const std::string name = text_at(remote, "segment");
    const auto segment = std::ranges::find_if(segments, [&](const Json& candidate) {
      return text_at(candidate, "name") == name;
    });
    const Json& known = segment == segments.end() ? object_at({}, "") : *segment;
    const std::string mac = text_at(remote, "next_hop_mac");
    table.add(
        {name,
         text_at(known, "encap"),
         text_at(known, "vni"),
         text_at(remote, "vtep"),
         text_at(remote, "mtu"),
         text_at(remote, "next_hop") + (mac == "-" ? " unresolved" : " at " + mac)}
    );
  }
  return table.format(view.width);
}

std::string render_endpoints(const Json& answer, const View& view) {
  const Json& endpoints = list_at(answer, "endpoints");
  if (endpoints.empty()) return "no endpoints\n";
  if (view.is_single) return render_in_full(endpoints, "endpoint");
  return table_of(
             endpoints,
             {{"endpoint", {"Endpoint"}},
              {"segment", {"Segment"}},
              {"kind", {"Kind"}},
              {"port", {"Port", kRight}},
              {"worker", {"Worker", kRight}},
              {"mac", {"MAC"}},
              {"state", {"State"}},
              {"addresses", {"Addresses"}}}
  ).format(view.width);
}

std::string render_fdb(const Json& answer, const View& view) {
  const Json& entries = list_at(answer, "entries");
  if (entries.empty()) return "no entries\n";
  Table table{{{"Segment"}, {"MAC"}, {"Type"}, {"Age s", kRight}, {"Behind"}}};
  for (const Json& entry : entries) {
    const std::string endpoint = text_at(entry, "endpoint");
    table.add(
        {text_at(entry, "segment"),
         text_at(entry, "mac"),
         text_at(entry, "type"),
         text_at(entry, "age_s"),
         endpoint != "-" ? endpoint : text_at(entry, "vtep")}
    );
  }
  return table.format(view.width);
}

}  // namespace weft::cli
