// Events: what happens, for those who watch (the verb `watch`).
//
// Collected in Dirty and told when the change that made them is in force; a change that is taken back tells nothing. A
// watcher gets the events that its role lets it see, in order. One that does not read fast enough misses some and is told how
// many (ClientConnection); one that is gone is forgotten.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "control/access/access.h"
#include "control/fields.h"
#include "control/peer.h"

namespace weft::control {

struct Event {
  std::string
      kind;  // "attach", "detach", "gone", "learn", "move", "forget", "limit", "link", "change"
  std::string tenant;  // whose business it is; empty: the host's
  Json facts = Json::object();
};

/// Every kind there is.
[[nodiscard]] const std::set<std::string>& event_kinds();

class Watchers {
 public:
  /// Queues a line for a connection (Peer::connection); false: it is gone.
  using Push = std::function<bool(std::uint64_t connection, const std::string& line)>;

  void push_with(Push push) { push_ = std::move(push); }
  /// From now on the peer's connection gets these kinds, and no others.
  void add(const Peer& peer, std::set<std::string> kinds);
  void tell(const std::vector<Event>& events, std::uint64_t generation, const AccessList& access);
  [[nodiscard]] bool is_empty() const noexcept { return watchers_.empty(); }

 private:
  struct Watcher {
    Peer peer;
    std::set<std::string> kinds;
  };
  Push push_ = [](std::uint64_t, const std::string&) { return false; };
  std::vector<Watcher> watchers_;
};

}  // namespace weft::control
