// Who may ask for what (access/access.h): kept here, judged by the dispatcher.

#include "control/access/params_access.h"
#include "control/params.h"
#include "control/registry.h"

namespace weft::control {

Outcome<Ok> Registry::add_access(const AccessConfig& config) {
  const auto [place, is_new] = model_.access.try_emplace(config.name, config);
  if (!is_new && place->second != config) {
    return refused(
        ErrorCode::exists_differently,
        "access " + config.name + ": exists with another " + differences(place->second, config),
        "name"
    );
  }
  if (is_new) touch(Part::access, config.name);
  return Ok{};
}

Outcome<Ok> Registry::remove_access(const std::string& name) {
  if (model_.access.erase(name) == 0) {
    return refused(ErrorCode::not_found, "access " + in_quotes(name) + " does not exist", "name");
  }
  touch(Part::access, name);
  return Ok{};
}

}  // namespace weft::control
