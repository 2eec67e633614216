#include "dataplane/pipeline.h"

namespace weft {

void run_burst(StageContext& context, const Origin& origin, Burst& burst) noexcept {
  Lanes live = Lanes::first(burst.count);
  live = stage_parse(context, burst, live);
  live = stage_rules(context, origin, burst, live);
  if (origin.is_uplink()) {
    live = stage_decap(context, origin.uplink, burst, live);
    live = stage_learn(context, burst, live);
  } else {
    live = stage_guard(context, origin.endpoint, burst, live);
    live = stage_neighbor(context, burst, live);
    live = stage_flow(context, classifier::End::sender, burst, live);
    live = stage_qos(context, origin.endpoint, burst, live);
  }
  live = stage_forward(context, burst, live);
  deliver(context, burst, live);
}

void run_taken_over(StageContext& context, Burst& burst) noexcept {
  Lanes arrived;
  for (unsigned lane = 0; lane < burst.count; ++lane) {
    rte_mbuf* frame = burst.frames[lane];
    switch (meta(frame).to.kind()) {
      case Destination::Kind::endpoint:
        if (is_owned_here(context, frame)) arrived.add(lane);
        break;
      case Destination::Kind::tunnel:  // already encapsulated
        send_to_uplink(context, meta(frame).uplink, frame);
        break;
      case Destination::Kind::none:
        drop(context, frame, DropReason::port_gone);
        break;
    }
  }
  arrive(context, burst, arrived);
}

}  // namespace weft
