// Handover: an object that another thread lends to a worker and takes back, without a lock.
//
// memif and vhost-user peers come and go while the worker polls. Their memory is mapped and unmapped
// on a control thread, which must not unmap under a burst that is being copied, and which must not wait
// for a worker that does not poll this port (yet, or any more). So the worker marks the time that it
// *uses* the object, and taking it back waits for the end of that use: at most one burst.
//
//   thread   call        when
//   worker   enter()     around each burst; the object stays valid while the Use lives
//   control  offer()     the peer is connected; nothing is offered yet
//   control  withdraw()  the peer is gone; afterwards the object may be destroyed
//
// Why it is safe: both sides store first and load then, all four sequentially consistent. Take the one
// order in which all threads see them. If control's load of `is_used_` comes after the worker's store,
// control sees the use and waits. If it comes before, then control's earlier store of nullptr also comes
// before the worker's later load, and the worker sees nullptr. There is no third case. The price is one
// locked instruction per burst on a connected port, and none on an unconnected one.
#pragma once

#include <atomic>
#include <cassert>
#include <chrono>
#include <thread>
#include <utility>

#include "dataplane/base/ids.h"

namespace weft {

template <typename T>
class Handover {
 public:
  /// The right to use the object, for one burst. Converts to false when there is none.
  class Use {
   public:
    Use() noexcept = default;
    Use(T* object, std::atomic<bool>& is_used) noexcept : object_{object}, is_used_{&is_used} {}
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use() {
      if (is_used_ != nullptr) is_used_->store(false, std::memory_order_release);
    }
    [[nodiscard]] explicit operator bool() const noexcept { return object_ != nullptr; }
    [[nodiscard]] T& operator*() const noexcept { return *object_; }
    [[nodiscard]] T* operator->() const noexcept { return object_; }

   private:
    T* object_ = nullptr;
    std::atomic<bool>* is_used_ = nullptr;
  };

  /// Worker only, never nested.
  [[nodiscard]] Use enter() noexcept {
    if (offered_.load(std::memory_order_relaxed) == nullptr) return Use{};
    is_used_.store(true, std::memory_order_seq_cst);
    return Use{offered_.load(std::memory_order_seq_cst), is_used_};
  }

  /// Control only. The object must stay alive until withdraw() returned.
  void offer(T* object) noexcept {
    assert(offered_.load(std::memory_order_relaxed) == nullptr);
    offered_.store(object, std::memory_order_seq_cst);
  }

  /// Control only; harmless when nothing is offered. Returns when the worker does not use the object
  /// and will not again.
  void withdraw() noexcept {
    offered_.store(nullptr, std::memory_order_seq_cst);
    while (is_used_.load(std::memory_order_seq_cst)) {
      std::this_thread::sleep_for(std::chrono::microseconds{20});
    }
  }

 private:
  alignas(kCacheLine) std::atomic<T*> offered_{nullptr};  // control: w, worker: r
  alignas(kCacheLine) std::atomic<bool> is_used_{false};  // worker: w, control: r
};

}  // namespace weft
