// An ethdev with a flow table of our own: rte_flow calls on it go through DPDK to this fake's
// rte_flow_ops, which accept, refuse, run out of room, count and fail half-way as told.
//
// It is a net_null device whose driver table is replaced by a copy that has flow operations. Debian does
// not ship ethdev_driver.h, so the two offsets that needs are written down in the .cc for DPDK 22.11;
// open() makes a flow call to see that they are right and answers nullptr, with the reason, when not.
//
// judge() is what the "hardware" does with a frame: an independent matcher, which walks the frame
// along rte_flow's own structures and shares no code with classifier/. Among flows of equal priority
// the *newest* wins, which rte_flow allows, and which is the opposite of Weft's order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <rte_flow.h>

#include "dataplane/base/bytes.h"

namespace weft::flow_test {

/// What the device did with a frame.
struct HardwareVerdict {
  bool is_dropped{};
  std::optional<std::uint16_t> queue;
  std::optional<std::uint32_t> mark;
};

class FakeFlowDevice {
 public:
  struct Behaviour {
    std::size_t capacity = 1024;           // flows
    std::set<rte_flow_item_type> refused;  // items the device does not know: create says ENOTSUP
    bool validate_lies = false;            // validate takes everything
    int fail_create_in = -1;   // this many succeed, then one fails with EIO, then all is well
    int fail_destroy_in = -1;  // the same for destroy
    bool has_flow_api = true;  // false: ENOSYS, as drivers without rte_flow say
  };

  /// Precondition: EAL runs. One at a time.
  [[nodiscard]] static std::unique_ptr<FakeFlowDevice> open(std::string& reason);
  FakeFlowDevice(const FakeFlowDevice&) = delete;
  FakeFlowDevice& operator=(const FakeFlowDevice&) = delete;
  ~FakeFlowDevice();

  [[nodiscard]] std::uint16_t port_id() const noexcept { return port_id_; }
  [[nodiscard]] std::size_t flow_count() const noexcept { return flows_.size(); }
  /// Create calls since the device was opened, the failed ones too.
  [[nodiscard]] std::size_t create_calls() const noexcept { return create_calls_; }

  /// Puts a frame through the flow table; a flow with a count action counts it.
  [[nodiscard]] HardwareVerdict judge(ConstBytes frame);

  Behaviour behaviour;

 private:
  struct Flow;
  struct Operations;
  explicit FakeFlowDevice(std::uint16_t port_id);

  std::uint16_t port_id_;
  std::vector<std::uint8_t> table_;  // the driver's, copied and patched
  const void* original_{};
  std::size_t create_calls_{};
  std::vector<std::unique_ptr<Flow>> flows_;  // oldest first
};

}  // namespace weft::flow_test
