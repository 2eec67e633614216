#include "control/cli/render.h"

#include <algorithm>

namespace weft::cli {

namespace {

using Json = nlohmann::json;

constexpr Align kRight = Align::right;

const Json& member_at(const Json& object, std::string_view key, const Json& otherwise) {
  if (!object.is_object()) return otherwise;
  const auto found = object.find(key);
  return found != object.end() && found->type() == otherwise.type() ? *found : otherwise;
}

}  // namespace

std::string text_of(const Json& value) {
  switch (value.type()) {
    case Json::value_t::string:
      return printable(value.get_ref<const std::string&>());
    case Json::value_t::boolean:
      return value.get<bool>() ? "yes" : "no";
    case Json::value_t::array: {
      std::string text;
      for (const Json& item : value) text += (text.empty() ? "" : " ") + text_of(item);
      return text.empty() ? "-" : text;
    }
    case Json::value_t::object: {
      std::string text;
      for (const auto& [key, item] : value.items()) {
        text += (text.empty() ? "" : ", ") + printable(key) + " " + text_of(item);
      }
      return text.empty() ? "-" : text;
    }
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
    case Json::value_t::number_float:
      return value.dump();
    case Json::value_t::null:
    case Json::value_t::binary:
    case Json::value_t::discarded:
      break;
  }
  return "-";
}

std::string text_at(const Json& object, std::string_view key) {
  if (!object.is_object()) return "-";
  const auto found = object.find(key);
  return found == object.end() ? "-" : text_of(*found);
}

const Json& list_at(const Json& object, std::string_view key) {
  static const Json empty = Json::array();
  return member_at(object, key, empty);
}

const Json& object_at(const Json& object, std::string_view key) {
  static const Json empty = Json::object();
  return member_at(object, key, empty);
}

std::string render_fields(const Json& object) {
  std::string text;
  if (!object.is_object()) return text;
  for (const auto& [key, value] : object.items()) {
    text += "  " + printable(key) + ": " + text_of(value) + '\n';
  }
  return text;
}

Table table_of(const Json& objects, const std::vector<KeyColumn>& columns) {
  std::vector<Column> titles;
  titles.reserve(columns.size());
  for (const KeyColumn& column : columns) titles.push_back(column.column);
  Table table{std::move(titles)};
  for (const Json& object : objects) {
    std::vector<std::string> cells;
    cells.reserve(columns.size());
    for (const KeyColumn& column : columns) cells.push_back(text_at(object, column.key));
    table.add(std::move(cells));
  }
  return table;
}

std::string render_done(const Json& answer, const View& view) {
  if (!answer.is_object() || answer.empty()) return "done\n";
  // What was made first, the generation from which it is in force last.
  std::vector<std::string> pieces;
  for (const auto& [key, value] : answer.items()) {
    if (key != "generation") pieces.push_back(printable(key) + " " + text_of(value) + ",");
  }
  pieces.push_back("generation " + text_at(answer, "generation"));
  std::string text;
  for (const std::string& line : wrap(pieces, view.width)) text += line + '\n';
  return text;
}

std::string render_json(const Json& answer, const View& /*view*/) {
  return answer.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

std::string render_document(const Json& answer, const View& view) {
  return render_json(object_at(answer, "document"), view);
}

/// A line a change, as in a diff.
std::string render_changes(const Json& answer, const View& /*view*/) {
  std::string text;
  for (const Json& change : list_at(answer, "changes")) {
    const std::string action = text_at(change, "action");
    text += action == "add"      ? "+   "
            : action == "remove" ? "-   "
            : action == "change" ? "~   "
                                 : "-/+ ";
    text += text_at(change, "section") + " " + text_at(change, "name");
    if (change.contains("fields") && action != "add") text += ": " + text_of(change["fields"]);
    text += '\n';
  }
  if (text.empty()) text = "no change\n";
  return text + "generation " + text_at(answer, "generation") + '\n';
}

std::string render_version(const Json& answer, const View& /*view*/) {
  std::string text;
  for (const std::string_view key : {"weft", "dpdk", "protocol", "pid", "generation"}) {
    text += std::string{key} + ": " + text_at(answer, key) + '\n';
  }
  return text;
}

std::string render_stats(const Json& answer, const View& view) {
  // In the order of the conservation law, so that the eye can add it up.
  static constexpr std::string_view kOrder[] = {
      "rx",
      "cloned",
      "segmented",
      "injected",
      "tx",
      "drops",
      "coalesced",
      "punted",
      "in_flight",
  };
  const Json& totals = object_at(answer, "totals");
  Table table{{{"Total"}, {"Packets", kRight}}};
  for (const std::string_view key : kOrder) table.add({std::string{key}, text_at(totals, key)});
  for (const auto& [key, value] : totals.items()) {
    if (std::ranges::find(kOrder, key) == std::end(kOrder)) table.add({key, text_of(value)});
  }
  std::string text = table.format(view.width);
  text += "\nrx + cloned + segmented + injected = tx + drops + coalesced + punted + in_flight: " +
          text_at(answer, "conserved") + '\n';
  Table pools{{{"Buffers"}, {"Size", kRight}, {"In use", kRight}}};
  for (const auto& [name, pool] : object_at(answer, "mbufs").items()) {
    pools.add({name, text_at(pool, "size"), text_at(pool, "in_use")});
  }
  return text + '\n' + pools.format(view.width);
}

std::string render_drops(const Json& answer, const View& view) {
  const Json& drops = list_at(answer, "drops");
  if (drops.empty()) return "no packet was dropped\n";
  return table_of(
             drops,
             {{"reason", {"Reason"}}, {"count", {"Count", kRight}}, {"sentence", {"Meaning"}}}
  ).format(view.width);
}

std::string render_workers(const Json& answer, const View& view) {
  // A column for each worker: the counters are long and the workers may be many.
  static constexpr std::size_t kPerBlock = 4;
  static constexpr std::string_view kRows[] = {
      "core",
      "ports",
      "busy_percent",
      "longest_iteration_us",
      "iterations",
      "idle_iterations",
      "rx",
      "tx",
      "drops",
      "handed_over",
      "taken_over",
      "generation",
  };
  const Json& workers = list_at(answer, "workers");
  if (workers.empty()) return "no workers\n";
  std::string text;
  for (std::size_t first = 0; first < workers.size(); first += kPerBlock) {
    const std::size_t end = std::min(workers.size(), first + kPerBlock);
    std::vector<Column> columns{{"Worker"}};
    for (std::size_t i = first; i < end; ++i) {
      columns.push_back({text_at(workers[i], "worker"), kRight});
    }
    Table table{std::move(columns)};
    for (const std::string_view row : kRows) {
      std::vector<std::string> cells{std::string{row}};
      for (std::size_t i = first; i < end; ++i) cells.push_back(text_at(workers[i], row));
      table.add(std::move(cells));
    }
    text += (first == 0 ? "" : "\n") + table.format(view.width);
  }
  return text;
}

}  // namespace weft::cli
