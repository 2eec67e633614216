#include "control/cli/state_files.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "control/store/store.h"

namespace weft::cli {
namespace {

using control::Json;
using control::Store;

/// A folder without a state is a typing error, not a new state.
Result<std::unique_ptr<Store>> open_existing(const std::string& folder) {
  const auto path = std::filesystem::path{folder} / Store::kFileName;
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    return Error{"state " + path.string() + ": there is no such file"};
  }
  return Store::open(folder);
}

}  // namespace

Result<std::string> check_state(const std::string& folder) {
  auto store = open_existing(folder);
  if (!store) return store.error();
  if (const Status checked = (*store)->check(); !checked) return checked.error();
  const auto last = (*store)->last();
  if (!last) return last.error();
  const std::string file = "state " + (*store)->path() + ": ";
  if (!last->has_value()) return file + "good, and empty\n";
  return file + "good, generation " + std::to_string((*last)->number) + "\n";
}

Result<std::string> export_state(const std::string& folder) {
  auto store = open_existing(folder);
  if (!store) return store.error();
  const auto last = (*store)->last();
  if (!last) return last.error();
  const std::uint64_t generation = last->has_value() ? (*last)->number : 0;
  const auto document = (*store)->document(generation);
  if (!document) return document.error();
  return document->dump(2) + "\n";
}

Result<std::string> import_state(
    const std::string& folder, const std::string& name, const std::string& text
) {
  Json document = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) return Error{name + ": is not a JSON object"};
  for (const auto& item : document.items()) {
    const bool is_known = std::ranges::any_of(control::kParts, [&](control::Part part) {
      return item.key() == control::name(part);
    });
    std::string section = name;
    section.append(": ").append(item.key());
    if (!is_known) return Error{section.append(": there is no such section")};
    if (!item.value().is_array()) return Error{section.append(": is not an array")};
  }
  for (const control::Part part : control::kParts) {
    if (!document.contains(control::name(part))) document[control::name(part)] = Json::array();
  }
  auto store = Store::open(folder);
  if (!store) return store.error();
  if (const Status set = (*store)->set_pending_import(document); !set) return set.error();
  return "state " + (*store)->path() + ": weftd will apply it when it starts\n";
}

}  // namespace weft::cli
