#include "pmd-config/reaper.h"

#include <algorithm>
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
    ticket = ++given_;
    queue_.push_back({ticket, std::move(port)});
  }
  changed_.notify_all();
  return ticket;
}

bool Reaper::is_waiting(Ticket ticket) const {
  return in_hand_ == ticket || std::any_of(queue_.begin(), queue_.end(), [&](const Entry& entry) {
           return entry.ticket == ticket;
         });
}

void Reaper::wait_for(Ticket ticket) {
  std::unique_lock lock{mutex_};
  const auto wanted = std::find_if(queue_.begin(), queue_.end(), [&](const Entry& entry) {
    return entry.ticket == ticket;
  });
  if (wanted != queue_.end()) std::rotate(queue_.begin(), wanted, wanted + 1);
  changed_.wait(lock, [&] { return !is_waiting(ticket); });
}

void Reaper::drain() {
  std::unique_lock lock{mutex_};
  const Ticket last = given_;
  changed_.wait(lock, [&] {
    return in_hand_ == 0 && (queue_.empty() || queue_.front().ticket > last);
  });
}

std::size_t Reaper::pending() const {
  const std::lock_guard lock{mutex_};
  return queue_.size() + (in_hand_ != 0 ? 1U : 0U);
}

void Reaper::run() {
  std::unique_lock lock{mutex_};
  while (true) {
    changed_.wait(lock, [&] { return stops_ || !queue_.empty(); });
    if (queue_.empty()) return;  // stopped, and nothing is left
    std::shared_ptr<Port> port = std::move(queue_.front().port);
    in_hand_ = queue_.front().ticket;
    queue_.pop_front();
    lock.unlock();
    port.reset();  // the slow part
    lock.lock();
    in_hand_ = 0;
    changed_.notify_all();
  }
}

}  // namespace weft
