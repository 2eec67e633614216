// The answers of the list verbs of classification: rules with their hits, L7 classes, flows, meters with their
// colours, budgets, queues. See lists.h.
#pragma once

#include <optional>
#include <string>

#include "control/controller.h"
#include "control/failure.h"
#include "control/fields.h"

namespace weft::control {

// All tenants', or one's.
[[nodiscard]] Outcome<Json> list_policy(
    const Controller& controller, const std::optional<std::string>& tenant
);
[[nodiscard]] Outcome<Json> list_l7(
    const Controller& controller, const std::optional<std::string>& tenant
);
/// With the meters of endpoints unless one tenant is asked for.
[[nodiscard]] Outcome<Json> list_meters(
    const Controller& controller, const std::optional<std::string>& tenant
);

[[nodiscard]] Json list_flows(const Controller& controller, const FlowFilter& filter);
[[nodiscard]] Json list_budgets(const Model& model);
[[nodiscard]] Json list_schedulers(const Controller& controller);

/// The endpoint called "c1/eth0", or "c1" if that container has one interface only.
[[nodiscard]] Outcome<EndpointIndex> find_endpoint(const Model& model, const std::string& name);

}  // namespace weft::control
