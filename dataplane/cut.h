// Cutting a large TCP segment where wire-size ones are needed, and accounting for it.
//
//   cut_segments(context, frame, mtu, [&](rte_mbuf* segment) noexcept { stage_tx(...); });
#pragma once

#include "dataplane/offload.h"
#include "dataplane/stages.h"

namespace weft {

/// Cuts `frame` into IP packets of at most `mtu` octets, gives each to `emit` (which owns it then) and
/// ends the original. What could not be cut is one frame, dropped. Precondition: the frame asks for it
/// (meta.offload.gso).
template <typename Emit>
void cut_segments(StageContext& context, rte_mbuf* frame, std::uint16_t mtu, Emit emit) noexcept {
  SegmentCursor cursor;
  std::uint64_t made = 0;
  DropReason error = DropReason::none;
  while (!cursor.is_done) {
    const Segmented cut = segment(frame, mtu, context.pools.small, cursor);
    error = cut.error;
    if (cut.count == 0) break;
    made += cut.count;
    for (std::uint16_t i = 0; i < cut.count; ++i) emit(cut.out[i]);
  }
  finish_segmented(context, frame, made, cursor.is_done ? DropReason::none : error);
}

}  // namespace weft
