// Reaper: the thread on which ports die.
//
// Closing a TAP or a packet socket waits for the kernel's RCU grace period, 12-19 ms each and more for a
// veth pair. On a worker that would be 17 ms without forwarding, on the control thread a container
// runtime that waits. So control gives the reaper its last reference to a port, after the grace period
// of the last snapshot that named it, and the port's destructor runs here: it deletes the device where
// the container's namespace is still in place, else it closes the descriptor and leaves the rest to the
// kernel (tap_port.h, veth_port.h).
//
// Ports die one after the other, in the order they came unless somebody waits for one: the kernel
// serialises removals anyway.
//
// Thread rules: all functions may be called from any thread.
//
//   Reaper reaper;
//   const Reaper::Ticket ticket = reaper.reap(std::move(port));
//   reaper.wait_for(ticket);  // only if the same interface name is needed again at once
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "dataplane/port/port.h"

namespace weft {

class Reaper {
 public:
  using Ticket = std::uint64_t;

  Reaper();
  Reaper(const Reaper&) = delete;
  Reaper& operator=(const Reaper&) = delete;
  /// Waits until every port is destroyed.
  ~Reaper();

  /// Destroys the port soon; returns at once. Precondition: this is its last reference and no worker
  /// can reach it any more.
  Ticket reap(std::shared_ptr<Port> port);
  /// Returns when the port of that ticket is destroyed; it goes to the front of the queue, so that this
  /// takes at most two ports' time, about 40 ms.
  void wait_for(Ticket ticket);
  /// Returns when every port given so far is destroyed.
  void drain();
  /// Ports that wait or are being destroyed.
  [[nodiscard]] std::size_t pending() const;

 private:
  void run();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  struct Entry {
    Ticket ticket{};
    std::shared_ptr<Port> port;
  };
  [[nodiscard]] bool is_waiting(Ticket ticket) const;  // mutex_ held

  std::deque<Entry> queue_;  // mutex_
  Ticket given_ = 0;         // mutex_
  Ticket in_hand_ = 0;       // mutex_; 0: none
  bool stops_ = false;       // mutex_
  std::thread thread_;       // last: it uses everything above
};

}  // namespace weft
