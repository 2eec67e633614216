#include "dataplane/flow_request.h"

namespace weft {
namespace {

// At most 512 entries looked at, a few microseconds.
constexpr std::uint32_t kBucketsPerIteration = 32;
constexpr std::size_t kMostPerIteration = std::size_t{kBucketsPerIteration} * 16U;

}  // namespace

bool FlowRequest::is_about(const classifier::FlowEntry& entry) const noexcept {
  const classifier::ConnectionKey& key = entry.key;
  if (endpoint && key.endpoint() != *endpoint) return false;
  if (port && key.low_port.host() != *port && key.high_port.host() != *port) return false;
  if (!address) return true;
  return key.kind() != classifier::KeyKind::ethernet &&
         (key.low == address->octets() || key.high == address->octets());
}

bool serve(
    FlowRequest& request, classifier::FlowTable& flows, classifier::CoarseTime now
) noexcept {
  request.now = now;
  std::array<const classifier::FlowEntry*, kMostPerIteration> matching;
  std::size_t count = 0;
  request.cursor =
      flows.visit(request.cursor, kBucketsPerIteration, [&](const classifier::FlowEntry& entry) {
        if (request.is_about(entry)) matching[count++] = &entry;
      });
  for (std::size_t i = 0; i < count; ++i) {
    switch (request.kind) {
      case FlowRequest::Kind::list:
        if (request.found.size() == request.found.capacity()) return true;
        request.found.push_back(*matching[i]);
        break;
      case FlowRequest::Kind::forget:
        flows.erase(*flows.find(matching[i]->key, flows.hash(matching[i]->key)));
        break;
    }
  }
  return request.cursor >= flows.bucket_count();
}

}  // namespace weft
