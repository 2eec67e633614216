// TapWire: frames from the kernel's side of a net_tap uplink, and what the device made of each.
//
//   TapWire wire{*uplink, "wq0"};
//   for (const Arrival& arrival : wire.carry(frames)) ...     // one for each frame, in order
//
// The device's flow table is the kernel's traffic control on the TAP: a frame that a packet socket sends
// into the interface passes the filters of net_tap and then lies in a receive queue, or is gone.
//
// Gone or only late? Behind the frames carry() sends a marker into every queue. A queue is first in,
// first out, so when its marker is there, everything before it is there. A filter for each marker, made
// with rte_flow directly and at priority 0, puts it into its queue: rules under test begin at 1.
//
// One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <rte_flow.h>

#include "dataplane/net/testing/frames.h"
#include "pmd-config/ethdev_port.h"

namespace weft::qemu_test {

/// Where a frame arrived: the receive queue, or nowhere.
using Arrival = std::optional<std::uint16_t>;

class TapWire {
 public:
  /// `interface`: the TAP of `uplink`. GoogleTest failures say what went wrong.
  TapWire(EthdevUplink& uplink, const std::string& interface);
  TapWire(const TapWire&) = delete;
  TapWire& operator=(const TapWire&) = delete;
  ~TapWire();

  /// Sends each frame once, as with_trailer() makes it. Any number of frames.
  [[nodiscard]] std::vector<Arrival> carry(const std::vector<wire_test::Octets>& frames);

  /// `frame` as carry() sends it: with a trailer, behind what its headers count, that says which it is.
  [[nodiscard]] static wire_test::Octets with_trailer(
      wire_test::Octets frame, std::uint32_t number
  );

 private:
  void send(const wire_test::Octets& frame) const;
  void carry_some(
      const std::vector<wire_test::Octets>& frames,
      std::size_t first,
      std::size_t count,
      std::vector<Arrival>& arrivals
  );

  EthdevUplink& uplink_;
  int socket_ = -1;
  std::vector<rte_flow*> markers_;  // one a queue
};

}  // namespace weft::qemu_test
