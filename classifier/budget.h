// Budget: a token bucket over frames, for broadcast, unknown unicast, multicast and punted frames.
//
// One writer (the owner worker). Integer arithmetic in TSC ticks: a frame costs `ticks_per_frame`,
// the bucket holds `burst` frames. A rate of 0 frames/s means unlimited.
#pragma once

#include <cstdint>

#include "dataplane/base/ids.h"

namespace weft::classifier {

class Budget {
 public:
  Budget() noexcept = default;
  /// `rate`: frames per second, 0 = unlimited; `burst`: frames, at least 1; `tsc_hz` > 0.
  Budget(std::uint64_t rate, std::uint64_t burst, std::uint64_t tsc_hz) noexcept;

  /// Takes the tokens of `frames` frames if there are as many. More than the burst is never granted.
  [[nodiscard]] bool take(Tsc now, std::uint64_t frames = 1) noexcept;

 private:
  std::uint64_t ticks_per_frame_{};  // 0: unlimited
  std::uint64_t capacity_{};         // ticks
  std::uint64_t tokens_{};           // ticks
  std::uint64_t last_{};
};

}  // namespace weft::classifier
