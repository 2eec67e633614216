// Weighted random early detection: tell senders of congestion before the queue is full.
//
// The average length of a queue (RFC 2309 appendix, RFC 7567 s4.2) decides, by one curve for each colour:
//
//   probability                        green    yellow    red
//        1 |          ,----      min     50 %     30 %    15 %   of the capacity
//          |          |          max     90 %     70 %    40 %
//   drop   |        ,-'          drop     5 %     10 %    20 %   just below max
//          |     ,-'
//        0 +----'------------    average length
//             min    max
//
// Between min and max a packet is chosen at random; who can (ECN) is marked instead of dropped. From max on all
// are dropped, marked or not: RFC 7567 s4.2.1, so that senders who say ECT and do not listen can not fill the
// queue and push out packets of a better colour.
//
// The average moves 1/64 of the way towards the length with each packet, and halves for each `half life` that
// the queue was empty. All integers, lengths in 1/65,536 packet.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "classifier/qos.h"

namespace weft {

/// In percent of the queue's capacity: 0 <= min < max <= 100. `drop`: percent of packets, 1-100.
struct WredCurve {
  std::uint8_t min{};
  std::uint8_t max{};
  std::uint8_t drop{};
  friend bool operator==(const WredCurve&, const WredCurve&) noexcept = default;
};

inline constexpr std::array<WredCurve, classifier::kColourCount> kDefaultWred{
    {{50, 90, 5}, {30, 70, 10}, {15, 40, 20}}};

/// The curves of one queue, compiled.
struct Wred {
  static constexpr unsigned kPoint = 16;           // bits behind the point of lengths
  static constexpr unsigned kAverageShift = 6;     // 1/64: a quarter of the default capacity
  static constexpr unsigned kHalfLifeFrames = 44;  // frames after which (63/64)^n is one half

  struct Curve {
    std::uint64_t min{};
    std::uint64_t max{};
    std::uint64_t slope{};  // 2^-32 of probability per packet of length
  };
  std::array<Curve, classifier::kColourCount> curves{};  // by Colour
  unsigned half_life_shift{};                            // log2 of ticks

  [[nodiscard]] static constexpr Curve compile(WredCurve curve, std::uint32_t capacity) noexcept {
    const auto length = [capacity](std::uint8_t percent) {
      return (std::uint64_t{capacity} * percent << kPoint) / 100U;
    };
    const std::uint64_t min = length(curve.min);
    const std::uint64_t max = length(curve.max);
    const std::uint64_t steepest = (std::uint64_t{curve.drop} << 32U) / 100U;
    return Curve{min, max, (steepest << kPoint) / (max - min)};
  }

  enum class Advice : std::uint8_t { pass, notify, drop };
  /// `random`: uniform in 0 to 2^32 - 1.
  [[nodiscard]] Advice advise(
      std::uint64_t average, classifier::Colour colour, std::uint32_t random
  ) const noexcept {
    const Curve& curve = curves[static_cast<std::size_t>(colour)];
    if (average < curve.min) return Advice::pass;
    if (average >= curve.max) return Advice::drop;
    const std::uint64_t probability = ((average - curve.min) * curve.slope) >> kPoint;
    return random < probability ? Advice::notify : Advice::pass;
  }
};

/// The average length of one queue.
class AverageLength {
 public:
  /// A packet finds `length` others in the queue.
  void arrive(std::uint32_t length) noexcept {
    const std::uint64_t now = std::uint64_t{length} << Wred::kPoint;
    // Both differences are shifted as positive numbers, so that it neither sticks below nor above.
    if (now >= value_) {
      value_ += (now - value_) >> Wred::kAverageShift;
    } else {
      value_ -= (value_ - now) >> Wred::kAverageShift;
    }
  }
  /// The queue was empty for `ticks`.
  void rest(std::uint64_t ticks, unsigned half_life_shift) noexcept {
    value_ >>= std::min<std::uint64_t>(ticks >> half_life_shift, 63U);
  }
  [[nodiscard]] std::uint64_t value() const noexcept { return value_; }

 private:
  std::uint64_t value_{};
};

}  // namespace weft
