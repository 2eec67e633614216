// IndexPool<Index>: dense indices that are given out, come back, and are reused as late as
// possible.
//
// A freed index may still be on its way: in a handoff ring between workers, or in an event from a
// worker to control. So indices return to the end of a queue, and one is only reused when more than
// kQuarantine others wait with it (or when there is no fresh one left). A transaction holds what comes back until it
// ends: the snapshot in force still names it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <optional>

namespace weft::control {

template <typename Index>
class IndexPool {
 public:
  static constexpr std::size_t kQuarantine = 64;

  /// Gives out indices below `limit`.
  explicit IndexPool(typename Index::rep limit) : limit_{limit} {}

  /// What take() would give; nullopt when all are in use.
  [[nodiscard]] std::optional<Index> next() const {
    if (freed_.size() > kQuarantine) return freed_.front();
    if (fresh_ < limit_) return Index{fresh_};
    if (!freed_.empty()) return freed_.front();
    return std::nullopt;
  }

  /// Precondition: next() has a value.
  Index take() {
    const Index index = *next();
    if (!freed_.empty() && index == freed_.front()) {
      freed_.pop_front();
    } else {
      ++fresh_;
    }
    return index;
  }

  /// Gives out this one, if nobody has it; those below it that nobody has can still be taken.
  bool take(Index index) {
    if (index.value() < fresh_) return std::erase(freed_, index) > 0;
    if (index.value() >= limit_) return false;
    while (fresh_ < index.value()) freed_.push_back(Index{fresh_++});
    ++fresh_;
    return true;
  }

  void give_back(Index index) { (holds_ ? held_ : freed_).push_back(index); }

  /// From now on what is given back is not given out again, until release().
  void hold() noexcept { holds_ = true; }
  void release() {
    holds_ = false;
    freed_.insert(freed_.end(), held_.begin(), held_.end());
    held_.clear();
  }

  /// What `later`, once a copy of this one, gave out since counts as given out and given back, although nobody holds it:
  /// workers may have seen it. Precondition: `later` holds since it was copied.
  void quarantine_taken_by(const IndexPool& later) {
    const std::size_t reused = freed_.size() - later.freed_.size();
    std::rotate(freed_.begin(), freed_.begin() + static_cast<std::ptrdiff_t>(reused), freed_.end());
    for (; fresh_ < later.fresh_; ++fresh_) freed_.push_back(Index{fresh_});
  }

  /// How many more can be taken.
  [[nodiscard]] std::size_t available() const noexcept {
    return std::size_t{limit_} - fresh_ + freed_.size();
  }

  /// How many more could be taken if so many came back first.
  [[nodiscard]] std::size_t available_after(std::size_t given_back) const noexcept {
    return available() + (holds_ ? 0 : given_back);
  }

  [[nodiscard]] typename Index::rep limit() const noexcept { return limit_; }

 private:
  typename Index::rep limit_;
  typename Index::rep fresh_{};  // the lowest index never given out
  std::deque<Index> freed_;      // oldest first
  std::deque<Index> held_;       // likewise
  bool holds_{};
};

}  // namespace weft::control
