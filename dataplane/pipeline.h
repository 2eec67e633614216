// run_burst: the whole packet path, called by the worker for each burst it received.
#pragma once

#include "dataplane/stages.h"

namespace weft {

/// Takes ownership of the burst's frames: afterwards each is sent, staged, handed over, punted or
/// dropped. meta(m).offload is set by the port. Precondition: context.snapshot and .now are
/// current.
void run_burst(StageContext& context, const Origin& origin, Burst& burst) noexcept;

/// The second half of the path, for frames that another worker already brought to meta.to.
void run_taken_over(StageContext& context, Burst& burst) noexcept;

}  // namespace weft
