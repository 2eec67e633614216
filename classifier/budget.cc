#include "classifier/budget.h"

#include <algorithm>
#include <limits>

namespace weft::classifier {

Budget::Budget(std::uint64_t rate, std::uint64_t burst, std::uint64_t tsc_hz) noexcept {
  if (rate == 0) return;
  // Rounded up, so that the rate is never exceeded; the error is at most rate/tsc_hz of it.
  ticks_per_frame_ = tsc_hz / rate + (tsc_hz % rate != 0 ? 1U : 0U);
  if (__builtin_mul_overflow(std::max<std::uint64_t>(burst, 1), ticks_per_frame_, &capacity_)) {
    capacity_ = std::numeric_limits<std::uint64_t>::max();
  }
  tokens_ = capacity_;
}

bool Budget::take(Tsc now, std::uint64_t frames) noexcept {
  if (ticks_per_frame_ == 0) return true;
  // An owner that took over from another core may see a slightly older clock: then no time has
  // passed.
  if (now.value() > last_) {
    const std::uint64_t elapsed = now.value() - last_;
    const std::uint64_t room = capacity_ - tokens_;
    tokens_ += std::min(elapsed, room);
    last_ = now.value();
  }
  if (frames > capacity_ / ticks_per_frame_ || tokens_ < frames * ticks_per_frame_) return false;
  tokens_ -= frames * ticks_per_frame_;
  return true;
}

}  // namespace weft::classifier
