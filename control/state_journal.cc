#include "control/state_journal.h"

#include <chrono>
#include <utility>

#include <spdlog/spdlog.h>

#include "control/controller.h"
#include "control/document.h"

namespace weft::control {

std::int64_t StateJournal::now() {
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since_1970).count();
}

StateJournal::StateJournal(Store& store, std::string boot_id, Clock clock)
    : store_{store}, boot_id_{std::move(boot_id)}, clock_{std::move(clock)} {}

void StateJournal::describe(
    std::string who, std::string what, std::vector<StoredRequest> requests
) {
  who_ = std::move(who);
  what_ = std::move(what);
  requests_ = std::move(requests);
}

Status StateJournal::commit(const Controller& controller, const std::set<EntryKey>& entries) {
  std::set<EntryKey> keys = overdue_;
  keys.insert(entries.begin(), entries.end());
  StoredChange change;
  change.generation = {controller.generation().value(), clock_(), who_, what_};
  change.requests = overdue_requests_;
  committed_ = std::exchange(requests_, {});
  change.requests.insert(change.requests.end(), committed_.begin(), committed_.end());
  for (const EntryKey& key : keys) {
    const PlacedEntry entry = entry_of(controller.model(), key);
    std::string json = entry.json.is_null() ? std::string{} : entry.json.dump();
    if (key.part == Part::endpoints) {
      const bool exists = !json.empty();
      const auto identity = controller.attachment_of(key.name);
      // One that is gone keeps the place where it was: it may come back there.
      if (identity.has_value()) change.attachments.push_back({key.name, *identity, boot_id_});
      if (!exists) change.attachments.push_back({key.name, {}, {}});
    }
    change.entries.push_back({key.part, key.name, std::move(json), entry.position});
  }
  Status written = store_.write(change);
  if (written) {
    overdue_.clear();
    overdue_requests_.clear();
  }
  return written;
}

Status StateJournal::remember(std::vector<StoredRequest> requests) {
  StoredChange change;
  change.requests = std::move(requests);
  return store_.write(change);
}

void StateJournal::take_back(const Controller& controller, const std::set<EntryKey>& entries) {
  describe("weftd", "taken back: " + what_);
  overdue_.insert(entries.begin(), entries.end());
  for (StoredRequest& request : committed_) {
    request.answer.clear();
    overdue_requests_.push_back(std::move(request));
  }
  const Status written = commit(controller, {});
  if (!written) spdlog::error("{}; tried again until it succeeds", written.error().message);
}

void StateJournal::retry(const Controller& controller) {
  if (overdue_.empty() && overdue_requests_.empty()) return;
  describe("weftd", "taken back");
  static_cast<void>(commit(controller, {}));
}

}  // namespace weft::control
