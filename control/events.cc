#include "control/events.h"

#include <algorithm>
#include <utility>

namespace weft::control {
namespace {

std::string line_of(const Event& event, std::uint64_t generation) {
  Json facts{{"event", event.kind}, {"generation", generation}};
  if (!event.tenant.empty()) facts["tenant"] = event.tenant;
  facts.update(event.facts);
  const Json line{{"jsonrpc", "2.0"}, {"method", "event"}, {"params", std::move(facts)}};
  return line.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

const std::set<std::string>& event_kinds() {
  static const std::set<std::string> kinds{
      "attach", "change", "detach", "forget", "gone", "learn", "limit", "link", "move"};
  return kinds;
}

void Watchers::add(const Peer& peer, std::set<std::string> kinds) {
  std::erase_if(watchers_, [&](const Watcher& watcher) {
    return watcher.peer.connection == peer.connection;
  });
  watchers_.push_back({peer, std::move(kinds)});
}

void Watchers::tell(
    const std::vector<Event>& events, std::uint64_t generation, const AccessList& access
) {
  if (events.empty() || watchers_.empty()) return;
  std::vector<std::string> lines;
  lines.reserve(events.size());
  for (const Event& event : events) lines.push_back(line_of(event, generation));
  std::erase_if(watchers_, [&](const Watcher& watcher) {
    const Grant grant = grant_of(access, watcher.peer);
    for (std::size_t i = 0; i < events.size(); ++i) {
      const bool is_visible =
          grant.reads_everything() || (!events[i].tenant.empty() && grant.sees(events[i].tenant));
      if (!is_visible || !watcher.kinds.contains(events[i].kind)) continue;
      if (!push_(watcher.peer.connection, lines[i])) return true;
    }
    return false;
  });
}

}  // namespace weft::control
