// MemifLink: the two rings of one connected memif client, and the copying through them.
//
// Made by the handshake when the client says CONNECT, lent to the worker with a Handover, destroyed
// (regions unmapped, descriptors closed) when the client is gone and the worker has let go of it.
//
// The peer is not trusted. It shares the memory of rings and buffers, so on every use:
//  * `head` is loaded once per burst. More descriptors than the ring has means a broken peer: the link
//    *fails*, moves nothing more, and the control thread disconnects it with that sentence.
//  * every descriptor is loaded once, and region, offset and length are checked (Regions::find).
//  * a frame is never longer than kMaxFrame, however its descriptors are chained, and one call never
//    handles more than `max` frames or one ring of descriptors.
//  * our own positions are in private memory; the ring's `tail` is written, never read again.
// What the peer can still do is change a frame while it is copied: the copy is what is judged later.
//
//   thread    may call
//   worker    rx, tx (inside Handover::Use)
//   control   make, destructor, failure
//
// Both sides poll. A client that sleeps until its eventfd is written (rx interrupts) is not woken: the
// eventfd is the client's, so writing to it could block whoever writes.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include <rte_mbuf.h>

#include "dataplane/base/result.h"
#include "dataplane/port/pool.h"
#include "dataplane/port/port.h"
#include "pmd-config/memif_protocol.h"
#include "pmd-config/memif_region.h"

namespace weft {

/// Where the client laid one ring, as ADD_RING says it.
struct MemifRingPlace {
  std::uint16_t region{};
  std::uint32_t offset{};
  std::uint8_t log2_size{};
};

class MemifLink {
 public:
  /// `control_event`: an eventfd of ours that wakes the control thread; it must outlive the link. Fails
  /// when a ring is not inside its region, not aligned, or has no memif cookie.
  [[nodiscard]] static Result<std::unique_ptr<MemifLink>> make(
      memif::Regions regions,
      const MemifRingPlace& to_server,
      const MemifRingPlace& to_client,
      int control_event
  );

  /// As Port::rx_burst.
  [[nodiscard]] std::uint16_t rx(
      rte_mbuf** out, std::uint16_t max, const PacketPools& pools, RxLosses& losses
  ) noexcept;
  /// As Port::tx_burst.
  [[nodiscard]] std::uint16_t tx(rte_mbuf** frames, std::uint16_t count) noexcept;

  /// Why the worker gave the link up, or nullptr.
  [[nodiscard]] const char* failure() const noexcept {
    return failure_.load(std::memory_order_acquire);
  }

 private:
  struct Ring {
    memif::RingHeader* header = nullptr;
    memif::Descriptor* descriptors = nullptr;
    std::uint16_t size = 0;  // descriptors; a power of two
    std::uint16_t next = 0;  // what `tail` will become. worker: rw

    [[nodiscard]] memif::Descriptor& at(std::uint16_t position) const noexcept {
      return descriptors[position & (size - 1U)];
    }
    /// Descriptors between ours and the client's position; more than `size` when the client lies.
    [[nodiscard]] std::uint16_t available() const noexcept;
    void publish() const noexcept;
  };
  [[nodiscard]] static Result<Ring> place_ring(
      const memif::Regions& regions, const MemifRingPlace& place
  );

  MemifLink(memif::Regions regions, Ring rx, Ring tx, int control_event);

  void prefetch_buffer(const Ring& ring, std::uint16_t position) const noexcept;
  /// Descriptors of the frame at `rx_.next`, or 0: its end is not among the next `limit`.
  [[nodiscard]] std::uint16_t frame_slots(std::uint16_t limit) const noexcept;
  /// Copies the frame of `slots` descriptors behind `head`. Returns the loss to count, or nullptr.
  [[nodiscard]] std::uint32_t RxLosses::*read_frame(
      rte_mbuf* head, std::uint16_t slots, const PacketPools& pools
  ) noexcept;
  /// Copies the frame to the descriptors from `tx_.next` on. Returns how many it took, or 0.
  [[nodiscard]] std::uint16_t write_frame(const rte_mbuf* frame, std::uint16_t available) noexcept;
  [[nodiscard]] std::uint16_t write_chain(const rte_mbuf* frame, std::uint16_t available) noexcept;
  void fail(const char* why) noexcept;

  memif::Regions regions_;
  Ring rx_;
  Ring tx_;
  int control_event_;
  std::atomic<const char*> failure_{nullptr};  // worker: w, control: r
};

}  // namespace weft
