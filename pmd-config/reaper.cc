#include "pmd-config/reaper.h"

#include <utility>

namespace weft {

Reaper::Reaper() : thread_{[this] { run(); }} {}

Reaper::~Reaper() {
  {
    const std::lock_guard lock{mutex_};
    stops_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

Reaper::Ticket Reaper::reap(std::shared_ptr<Port> port) {
  Ticket ticket = 0;
  {
    const std::lock_guard lock{mutex_};
    queue_.push_back(std::move(port));
    ticket = ++given_;
  }
  changed_.notify_all();
  return ticket;
}

void Reaper::wait_for(Ticket ticket) {
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [&] { return destroyed_ >= ticket; });
}

void Reaper::drain() {
  std::unique_lock lock{mutex_};
  const Ticket last = given_;
  changed_.wait(lock, [&] { return destroyed_ >= last; });
}

std::size_t Reaper::pending() const {
  const std::lock_guard lock{mutex_};
  return given_ - destroyed_;
}

void Reaper::run() {
  std::unique_lock lock{mutex_};
  while (true) {
    changed_.wait(lock, [&] { return stops_ || !queue_.empty(); });
    if (queue_.empty()) return;  // stopped, and nothing is left
    std::shared_ptr<Port> port = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    port.reset();  // the slow part
    lock.lock();
    ++destroyed_;
    changed_.notify_all();
  }
}

}  // namespace weft
