// Deadline: the moment by which a call must be over, handed down to everything that may wait.
//
//   const Deadline all{30s};
//   const Deadline work = all.less(5s);   // leaves 5 s for undoing it
#pragma once

#include <algorithm>
#include <chrono>

namespace weft::connector {

class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Deadline(std::chrono::milliseconds from_now) : end_{Clock::now() + from_now} {}

  /// What is left; never less than nothing.
  [[nodiscard]] std::chrono::milliseconds left() const {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end_ - Clock::now());
    return std::max(left, std::chrono::milliseconds{0});
  }
  [[nodiscard]] bool is_over() const { return left().count() == 0; }
  /// An earlier one.
  [[nodiscard]] Deadline less(std::chrono::milliseconds reserve) const {
    return Deadline{std::max(left() - reserve, std::chrono::milliseconds{0})};
  }
  /// The earlier of this one and `limit` from now.
  [[nodiscard]] Deadline within(std::chrono::milliseconds limit) const {
    return Deadline{std::min(left(), limit)};
  }

 private:
  Clock::time_point end_;
};

}  // namespace weft::connector
