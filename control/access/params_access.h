// The parameters of access.add, and the entries of the document's section "access".
#pragma once

#include "control/access/access.h"
#include "control/failure.h"
#include "control/fields.h"

namespace weft::control {

[[nodiscard]] Outcome<AccessConfig> parse_access(const Json& json);
[[nodiscard]] Json to_json(const AccessConfig& config);

}  // namespace weft::control
