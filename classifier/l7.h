// L7 classes: what an application protocol a flow speaks, told by its first payload packets.
//
// A tenant names classes; each is a list of patterns, either a built-in ("tls-sni:*.example.com", see
// l7_builtin.h) or a regular expression over the payload of one packet. Control compiles the whole set
// into one immutable L7Database; the flow stage scans the first payload packets of a flow with it, caches
// the answer in the flow's entry, and never looks at the payload of that flow again:
//
//   Result<...> database = compile_l7(set, worker_count);          // control, on a task: ms to seconds
//   ...
//   const L7Packet packet{payload, L7Protocol::tcp, L7Direction::to_server};
//   entry.l7 = scan_l7(*database, worker, packet, entry.l7);       // the worker that owns the flow
//   if (entry.l7.is_known()) ... entry.l7.class_id ...
//
// Which class, if several match the same packet: the one that comes first in the set. The first packet
// that matches anything decides; a later one does not overrule it. kL7None is an answer too: the budget is
// spent, or the set says nothing about the flow's protocol.
//
// Budget. A flow is given a number of payload packets and octets, both directions together; every payload
// packet takes its share, also retransmitted ones and those that no pattern is for. So the cost of a flow
// is bounded whatever it sends, and a flow that shows nothing is kL7None after at most `packets` packets.
//
// What it does not see. Each packet is scanned on its own (Hyperscan's block mode): a pattern that lies
// across two packets is missed, as is a TLS server name in the second segment of a large ClientHello. The
// alternative, streaming mode, costs hundreds of octets of state for every flow. Retransmission with
// other octets, tiny segments and TLS inside TLS evade it too: L7 classes give the right treatment
// to software that wants it, they are no defence against software that hides.
//
// Threads. An L7Database never changes, and all workers share it. Hyperscan needs scratch memory that
// one thread uses at a time, sized for the database: each database brings its own scratch for every
// worker, allocated by compile_l7 before any worker can know the database. So publishing one is
// publishing a pointer, and scanning never allocates. Price: l7_octets() says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "classifier/l7_set.h"
#include "dataplane/base/bytes.h"
#include "dataplane/base/ids.h"
#include "dataplane/base/result.h"

namespace weft::classifier {

// -- compiling: control -----------------------------------------------------------------------------

class L7Database;

/// Compiles `set` for the CPU this runs on, with scratch for workers 0 to worker_count - 1. A pure function:
/// refuses the whole set with the first fault (Hyperscan's own message says where inside the expression).
/// Takes about 2 ms a pattern, seconds for nested repeats in the thousands: never on a thread that
/// others wait for. An empty set is valid and answers kL7None.
[[nodiscard]] Result<std::shared_ptr<const L7Database>, L7Failure> compile_l7(
    const L7Set& set, std::size_t worker_count
);

/// Memory of a database and its scratch, in octets.
[[nodiscard]] std::size_t l7_octets(const L7Database& database) noexcept;

// -- scanning: workers --------------------------------------------------------------------------------

/// What a flow's entry keeps: 2 octets, and all zero means a flow of which nothing was scanned. When the
/// flow's tenant publishes a set in which classes went away, reset it to L7State{}.
struct L7State {
  std::uint8_t class_id = kL7Unknown;
  /// Budget left, meaningful while class_id is kL7Unknown: packets in the lower 3 bits, units of octets
  /// in the upper 5. Zero: nothing was taken yet.
  std::uint8_t left{};

  /// False: the next payload packet is to be scanned.
  [[nodiscard]] constexpr bool is_known() const noexcept { return class_id != kL7Unknown; }
  friend constexpr bool operator==(const L7State&, const L7State&) noexcept = default;
};
static_assert(sizeof(L7State) == 2);

/// The payload of one packet of a flow. `payload` may be the first, contiguous part of a larger one.
struct L7Packet {
  ConstBytes payload;
  L7Protocol protocol{L7Protocol::tcp};           // tcp or udp; any is neither, and answers kL7None
  L7Direction direction{L7Direction::to_server};  // to_server or to_client
};

/// scan_l7 without the look at the state. Precondition: !state.is_known().
[[nodiscard]] L7State scan_l7_payload(
    const L7Database& database, WorkerId worker, const L7Packet& packet, L7State state
) noexcept;

/// The state after `packet`. A packet without payload changes nothing; a known class is kept without a
/// look at packet or database. Called by worker `worker` only (its scratch). Preconditions: `worker` is
/// below the worker_count of compile_l7; `state` is L7State{} or came from this database or one with the
/// same budget (another budget: at most kMaxL7Packets packets more).
[[nodiscard]] inline L7State scan_l7(
    const L7Database& database, WorkerId worker, const L7Packet& packet, L7State state
) noexcept {
  if (state.is_known()) [[likely]] {
    return state;
  }
  return scan_l7_payload(database, worker, packet, state);
}

}  // namespace weft::classifier
