// Answers of the daemon as text for people: testpmd's look where testpmd has one, else a table.
//
// Renderers are pure: an answer in, text out. They never fail: what is missing or null reads `-`,
// so that a CLI of one version can show the answers of a daemon of another. Scripts use --json.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "control/cli/table.h"

namespace weft::cli {

struct View {
  std::size_t width{kDefaultWidth};  // characters in a line
  bool is_single{};                  // the user named one object: show all of it
};

using Renderer = std::string (*)(const nlohmann::json& answer, const View& view);

// render_access.cc and render.cc: what has no better home.
[[nodiscard]] std::string render_document(const nlohmann::json& answer, const View& view);
[[nodiscard]] std::string render_changes(const nlohmann::json& answer, const View& view);
[[nodiscard]] std::string render_history(const nlohmann::json& answer, const View& view);
[[nodiscard]] std::string render_access(const nlohmann::json& answer, const View& view);
[[nodiscard]] std::string render_whoami(const nlohmann::json& answer, const View& view);
[[nodiscard]] std::string render_audit(const nlohmann::json& answer, const View& view);
/// One event of `watch` as a line.
[[nodiscard]] std::string render_event(const nlohmann::json& event);
[[nodiscard]] std::string render_done(const nlohmann::json& answer, const View& view);
[[nodiscard]] std::string render_json(const nlohmann::json& answer, const View& view);
[[nodiscard]] std::string render_version(const nlohmann::json& answer, const View& view);
[[nodiscard]] std::string render_stats(const nlohmann::json& answer, const View& view);
[[nodiscard]] std::string render_drops(const nlohmann::json& answer, const View& view);
[[nodiscard]] std::string render_workers(const nlohmann::json& answer, const View& view);

// render_ports.cc
[[nodiscard]] std::string render_port_info(const nlohmann::json& answer, const View& view);
[[nodiscard]] std::string render_port_stats(const nlohmann::json& answer, const View& view);
[[nodiscard]] std::string render_port_summary(const nlohmann::json& answer, const View& view);
[[nodiscard]] std::string render_config_fwd(const nlohmann::json& answer, const View& view);
[[nodiscard]] std::string render_config_rxtx(const nlohmann::json& answer, const View& view);

// render_network.cc
[[nodiscard]] std::string render_tenants(const nlohmann::json& answer, const View& view);
[[nodiscard]] std::string render_segments(const nlohmann::json& answer, const View& view);
[[nodiscard]] std::string render_tunnels(const nlohmann::json& answer, const View& view);
[[nodiscard]] std::string render_endpoints(const nlohmann::json& answer, const View& view);
[[nodiscard]] std::string render_fdb(const nlohmann::json& answer, const View& view);

// render_classify.cc
[[nodiscard]] std::string render_policy(const nlohmann::json& answer, const View& view);
[[nodiscard]] std::string render_flows(const nlohmann::json& answer, const View& view);
[[nodiscard]] std::string render_l7(const nlohmann::json& answer, const View& view);
[[nodiscard]] std::string render_meters(const nlohmann::json& answer, const View& view);
[[nodiscard]] std::string render_budgets(const nlohmann::json& answer, const View& view);
[[nodiscard]] std::string render_schedulers(const nlohmann::json& answer, const View& view);

/// A value as text: strings bare, arrays joined with blanks, `-` for null and for nothing.
[[nodiscard]] std::string text_of(const nlohmann::json& value);
/// text_of the field `key` of an object; "-" when it has none.
[[nodiscard]] std::string text_at(const nlohmann::json& object, std::string_view key);
/// The array `key` of an object; an empty one when it has none.
[[nodiscard]] const nlohmann::json& list_at(const nlohmann::json& object, std::string_view key);
/// The object `key` of an object; an empty one when it has none.
[[nodiscard]] const nlohmann::json& object_at(const nlohmann::json& object, std::string_view key);
/// Every field of an object on a line of its own: "  key: value", then drops and counters.
[[nodiscard]] std::string render_fields(const nlohmann::json& object);
/// Objects as a table, a column for each key, under the given titles.
struct KeyColumn {
  std::string_view key;
  Column column;
};
[[nodiscard]] Table table_of(const nlohmann::json& objects, const std::vector<KeyColumn>& columns);

}  // namespace weft::cli
