// FlowRequest: control's questions about a worker's connections, answered by the worker itself.
//
// The flow table has one reader and writer, its worker. So control leaves a request with it (Worker::ask), and the
// worker works on it a few buckets per iteration until it is done: no packet waits for a listing. The request belongs to
// the worker in between; control waits for Worker::has_answered.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "classifier/flow_table.h"
#include "dataplane/base/ids.h"
#include "dataplane/net/addr.h"

namespace weft {

struct FlowRequest {
  enum class Kind : std::uint8_t { list, forget };
  Kind kind{Kind::list};

  // Which connections: all that satisfy every condition that is set.
  std::optional<EndpointIndex> endpoint;
  std::optional<IpAddress> address;   // of either side
  std::optional<std::uint16_t> port;  // of either side

  /// list: copies, as many as were reserved; filled by the worker.
  std::vector<classifier::FlowEntry> found;
  /// The worker's clock when it was done, for ages.
  classifier::CoarseTime now;
  /// Where the worker is.
  std::uint32_t cursor{};

  [[nodiscard]] bool is_about(const classifier::FlowEntry& entry) const noexcept;
};

/// One iteration's share of the work. True: done.
[[nodiscard]] bool serve(
    FlowRequest& request, classifier::FlowTable& flows, classifier::CoarseTime now
) noexcept;

}  // namespace weft
