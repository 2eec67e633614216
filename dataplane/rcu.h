// Publishing an immutable object to workers without ever stopping one (QSBR).
//
// The writer builds a new object, exchanges the pointer, and advances an epoch. Each reader says
// once per loop iteration, at a moment when it holds no reference, which epoch it has seen, and
// only then loads the pointer. When every reader has seen an epoch, nobody can hold what was
// replaced before it: that is the grace period, and also the moment from which the new object is in
// force everywhere.
//
// Why acquire/release is enough. The writer stores the pointer before it advances the epoch
// (release). A reader that loads epoch >= E (acquire) therefore loads that pointer or a newer one
// afterwards. Its own uses of the old object come before its release store of `seen`, which the
// writer acquires before it frees. No total order between two variables is needed.
//
//   who may call what     writer (control)                      reader r (worker r)
//                         enlist(r) before r's thread starts    quiescent(r), read
//                         advance, has_passed, publish          retire(r) as r's thread ends
//
// There is no way to go offline and come back: returning would need a sequentially consistent fence
// on both sides (the reader's store of `seen` and its next load of the pointer may otherwise pass
// each other). A worker that sleeps does so for microseconds and stays enlisted.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>

#include "dataplane/base/ids.h"

namespace weft {

template <std::size_t kReaders>
class Qsbr {
 public:
  Qsbr() noexcept {
    for (Reader& reader : readers_) reader.seen.store(kAbsent, std::memory_order_relaxed);
  }

  /// Writer: from now on `reader` counts. Its thread has not started yet.
  void enlist(std::size_t reader) noexcept {
    readers_[reader].seen.store(epoch_.load(std::memory_order_relaxed), std::memory_order_release);
  }

  /// Reader: "I hold no reference"; call once per loop, before read().
  void quiescent(std::size_t reader) noexcept {
    const std::uint64_t epoch = epoch_.load(std::memory_order_acquire);
    readers_[reader].seen.store(epoch, std::memory_order_release);
  }
  /// Reader: "I will never read again".
  void retire(std::size_t reader) noexcept {
    readers_[reader].seen.store(kAbsent, std::memory_order_release);
  }

  /// Writer: starts a grace period and names it.
  [[nodiscard]] std::uint64_t advance() noexcept {
    const std::uint64_t next = epoch_.load(std::memory_order_relaxed) + 1U;
    epoch_.store(next, std::memory_order_release);
    return next;
  }
  /// Writer: whether every enlisted reader has seen `epoch`.
  [[nodiscard]] bool has_passed(std::uint64_t epoch) const noexcept {
    for (const Reader& reader : readers_) {
      if (reader.seen.load(std::memory_order_acquire) < epoch) return false;
    }
    return true;
  }

 private:
  static constexpr std::uint64_t kAbsent = std::numeric_limits<std::uint64_t>::max();
  struct alignas(kCacheLine) Reader {
    std::atomic<std::uint64_t> seen;  // reader: w, writer: r
  };
  alignas(kCacheLine) std::atomic<std::uint64_t> epoch_{1};  // writer: w, readers: r
  std::array<Reader, kReaders> readers_;
};

/// The pointer that is exchanged. The writer keeps ownership of what it replaced until the grace
/// period has passed.
template <typename T>
class Published {
 public:
  [[nodiscard]] const T* read() const noexcept { return pointer_.load(std::memory_order_acquire); }

  /// Returns what was published before; let go of it after a grace period.
  [[nodiscard]] std::shared_ptr<const T> publish(std::shared_ptr<const T> next) noexcept {
    std::shared_ptr<const T> previous = std::move(owner_);
    owner_ = std::move(next);
    pointer_.store(owner_.get(), std::memory_order_release);
    return previous;
  }

 private:
  std::atomic<const T*> pointer_{nullptr};
  std::shared_ptr<const T> owner_;  // writer: rw
};

}  // namespace weft
