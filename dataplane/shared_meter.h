// SharedMeter: the state of one meter that several workers use at once: a tenant's or a rule's.
//
// The rate of such a meter is that of all its traffic, on whichever worker it arrives, and its colours are
// exactly those of one Meter that saw the packets one after the other. Judging takes a few dozen cycles, so
// whoever finds it held waits for it. A worker that loses its core right there makes the others wait until
// it has one again: give workers cores of their own.
//
// measured: perf/policer_bench, cycles per packet: a Meter of its own 15, this one 24, while another worker judges by it as
// fast as it can 76 (mean).
//
// Threads: any worker. Zero octets are a meter that was not used yet.
#pragma once

#include <atomic>
#include <cstdint>

#include <emmintrin.h>

#include "classifier/policer.h"

namespace weft {

class alignas(kCacheLine) SharedMeter {
 public:
  /// As Meter::judge. Clocks of workers may differ by a little: for the later caller time stands still then.
  [[nodiscard]] classifier::Colour judge(
      const classifier::CompiledMeter& meter, Tsc now, std::uint32_t octets, classifier::Colour in
  ) noexcept {
    while (is_held_.exchange(true, std::memory_order_acquire)) {
      while (is_held_.load(std::memory_order_relaxed)) _mm_pause();
    }
    const classifier::Colour colour = meter_.judge(meter, now, octets, in);
    is_held_.store(false, std::memory_order_release);
    return colour;
  }

 private:
  [[no_unique_address]] classifier::Meter meter_;  // leaves room in its line
  std::atomic<bool> is_held_{};
};
static_assert(sizeof(SharedMeter) == kCacheLine);

}  // namespace weft
