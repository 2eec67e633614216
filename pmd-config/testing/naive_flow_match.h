// Whether a frame matches an rte_flow pattern, the obvious way: headers are found by walking the
// frame, then each item's spec and mask are laid over its header.
#pragma once

#include <cstddef>

#include <rte_flow.h>

#include "dataplane/base/bytes.h"

namespace weft::flow_test {

/// `items` ends in RTE_FLOW_ITEM_TYPE_END. Only item types that Weft uses.
[[nodiscard]] bool matches_naively(const rte_flow_item* items, ConstBytes frame);

}  // namespace weft::flow_test
