// Lists: the answers of the `.list` verbs about what was configured, and what became of it.
#pragma once

#include <optional>
#include <string>

#include "control/controller.h"
#include "control/failure.h"
#include "control/fields.h"

namespace weft::control {

// Each answers the whole result object. `segment`: only that one; unknown: not found.
[[nodiscard]] Json list_tenants(const Model& model);
[[nodiscard]] Json list_segments(const Controller& controller);
[[nodiscard]] Outcome<Json> list_remotes(
    const Controller& controller, const std::optional<std::string>& segment
);
[[nodiscard]] Outcome<Json> list_endpoints(
    const Controller& controller, const std::optional<std::string>& segment
);
[[nodiscard]] Outcome<Json> list_fdb(
    const Controller& controller, const std::optional<std::string>& segment, TimePoint now
);

}  // namespace weft::control
