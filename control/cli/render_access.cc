// Who may ask for what, who asked, and what happens.
#include "control/cli/render.h"
#include "control/cli/words.h"

namespace weft::cli {

using Json = nlohmann::json;

constexpr Align kRight = Align::right;

std::string render_access(const Json& answer, const View& view) {
  const Json& access = list_at(answer, "access");
  if (access.empty()) return "no access but root's\n";
  return table_of(
             access,
             {{"name", {"Access"}},
              {"uid", {"UID", kRight}},
              {"gid", {"GID", kRight}},
              {"role", {"Role"}},
              {"tenants", {"Tenants"}}}
  ).format(view.width);
}

std::string render_whoami(const Json& answer, const View& /*view*/) {
  std::string text = "uid " + text_at(answer, "uid") + ", " + text_at(answer, "role");
  if (answer.contains("tenants")) text += " of " + text_at(answer, "tenants");
  return text + '\n';
}

std::string render_audit(const Json& answer, const View& view) {
  const Json& entries = list_at(answer, "entries");
  if (entries.empty()) return "no entries\n";
  Json rows = Json::array();
  for (const Json& entry : entries) {
    Json row = entry;
    std::string object;
    for (const auto& field : object_at(entry, "object").items()) {
      object += (object.empty() ? "" : ", ") + field.key() + " " + text_of(field.value());
    }
    row["object"] = object;
    if (text_at(entry, "result") == "refused")
      row["result"] = "refused: " + text_at(entry, "message");
    rows.push_back(std::move(row));
  }
  return table_of(
             rows,
             {{"at", {"At"}},
              {"uid", {"UID", kRight}},
              {"role", {"Role"}},
              {"method", {"Method"}},
              {"object", {"Object"}},
              {"generation", {"Generation", kRight}},
              {"result", {"Result"}}}
  ).format(view.width);
}

std::string render_event(const Json& event) {
  std::string text = text_at(event, "event");
  for (const auto& field : event.items()) {
    if (field.key() == "event" || field.key() == "entries") continue;
    text += " " + field.key() + " " + text_of(field.value());
  }
  for (const Json& entry : list_at(event, "entries")) {
    text += ", " + text_at(entry, "section") + " " + text_at(entry, "name");
  }
  return printable(text) + '\n';
}

}  // namespace weft::cli
