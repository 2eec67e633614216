// DEL: what is left undone when it ends is in the spool.

#include "control/connector/call.h"
#include "control/connector/departure.h"
#include "control/connector/key_lock.h"

namespace weft::connector {
namespace {

/// What is kept of the time for the detach, once nobody waits for the lock any more.
constexpr auto kDetachTime = std::chrono::milliseconds{3000};

Deadline lock_deadline(const Call& call) {
  const auto half = call.deadline.left() / 2;
  return call.deadline.less(std::min<std::chrono::milliseconds>(half, kDetachTime));
}

}  // namespace

void run_del(Call& call) {
  const Attachment own = call.attachment();
  // Nothing can be attached under such a name.
  if (own.container.size() > kMaxContainerName) return;
  if (const Done put = put_tombstone(call.keys_folder(), own); !put) note(put.error().message);
  const auto lock = KeyLock::take(call.keys_folder(), own, lock_deadline(call));
  if (!lock) note(lock.error().message);
  const bool is_locked = lock && lock.value();
  const bool was_left = is_locked && lock.value()->was_left();
  const Departure departure = departure_of(call);
  const Departed departed = depart(call, departure, call.deadline, was_left);
  if (!is_locked) {
    // An ADD that does not come to its end still has the lock: what it may yet attach goes later.
    note(own.endpoint() + ": another operation on it is not done: detached once more later");
    if (const Done kept = call.spool().put(departure); !kept) note(kept.error().message);
  }
  if (departed != Departed::unreachable) replay_spool(call, own);
}

}  // namespace weft::connector
