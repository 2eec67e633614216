// Departures: the endpoint goes, then its lease; what can not be done now waits in the spool.
//
// Used by DEL, by ADD when it takes back what it did, by GC, and for what an earlier call left in the
// spool. Whoever calls holds the lock of the attachment.
#pragma once

#include <cstdint>

#include "control/connector/call.h"
#include "control/connector/spool.h"

namespace weft::connector {

enum class Departed : std::uint8_t {
  yes,
  not_now,      // the daemon is there, but something could not be done
  unreachable,  // no daemon
};

/// Carries it out, or puts it into the spool. `is_twice`: detaches a second time, for an attach that may
/// still be under way from a process that was killed.
Departed depart(Call& call, Departure departure, const Deadline& deadline, bool is_twice = false);

/// The departure of this call's own attachment.
[[nodiscard]] Departure departure_of(const Call& call);

/// Carries out what the spool holds for the call's daemon, at most a few of them and for a short time.
/// Stops when the daemon is not there. The caller may hold the lock of `own`, which is left out.
void replay_spool(Call& call, const Attachment& own);

}  // namespace weft::connector
