#include "control/restore.h"

#include <map>
#include <utility>

#include <spdlog/spdlog.h>

namespace weft::control {
namespace {

Failure refused_by_store(const Error& error) {
  return refused(ErrorCode::system_refused, error.message);
}

Failure unreadable(const Store& store, const Failure& failure) {
  return refused(failure.code, "state " + store.path() + ": " + failure.message, failure.field);
}

Outcome<std::map<std::string, StoredAttachment>> attachments_in(Store& store) {
  auto list = store.attachments();
  if (!list) return refused_by_store(list.error());
  std::map<std::string, StoredAttachment> by_name;
  for (StoredAttachment& attachment : *list) {
    std::string name = attachment.endpoint;
    by_name.emplace(std::move(name), std::move(attachment));
  }
  return by_name;
}

}  // namespace

Outcome<Restored> restore(
    Controller& controller, Dispatcher& dispatcher, StateJournal& journal, TimePoint now
) {
  Store& store = journal.store();
  const auto last = store.last();
  if (!last) return refused_by_store(last.error());
  if (!last->has_value()) return Restored{};
  const auto document = store.document((*last)->number);
  if (!document) return refused_by_store(document.error());
  const auto attachments = attachments_in(store);
  if (!attachments) return attachments.error();
  const auto places = store.places();
  if (!places) return refused_by_store(places.error());
  const auto requests = store.requests();
  if (!requests) return refused_by_store(requests.error());
  dispatcher.remember(*requests);

  Restored restored;
  const auto lives = [&](const EndpointConfig& config) {
    const auto at = attachments->find(config.name());
    const bool is_same_boot = at != attachments->end() && at->second.boot_id == journal.boot_id();
    // What has no namespace (a socket, a device) is somebody's until the machine is booted again.
    const bool does = is_same_boot && (at->second.identity.empty() ||
                                       controller.platform().is_at(config, at->second.identity));
    if (!does) restored.dead.push_back(config.name());
    return does;
  };
  controller.begin_restoring(lives, *places);
  if (const auto applied = dispatcher.apply_document(*document, now); !applied) {
    controller.roll_back();
    return unreadable(store, applied.error());
  }
  if (const auto status = controller.end_restoring(Generation{(*last)->number}); !status) {
    return unreadable(store, status.error());
  }
  return restored;
}

Outcome<Ok> finish_restoring(
    const Restored& restored, Dispatcher& dispatcher, StateJournal& journal, TimePoint now
) {
  std::vector<Request> detach;
  for (const std::string& name : restored.dead) {
    spdlog::warn("endpoint {}: its container is gone since weftd ended; detached", name);
    const std::size_t slash = name.rfind('/');
    const Json params{{"container", name.substr(0, slash)}, {"ifname", name.substr(slash + 1)}};
    detach.push_back({.method = "endpoint.detach", .params = params});
  }
  if (const auto done = dispatcher.carry_out(detach, now); !done) return done.error();
  const auto import = journal.store().pending_import();
  if (!import) return refused_by_store(import.error());
  if (!import->has_value()) return Ok{};
  // What was in force is served all the same: an import is a wish.
  if (const auto applied = dispatcher.apply_document(**import, now); !applied) {
    spdlog::error(
        "state {}: the import waits for the next start: {}",
        journal.store().path(),
        applied.error().message
    );
    return Ok{};
  }
  if (const Status done = journal.store().set_pending_import(std::nullopt); !done) {
    return refused_by_store(done.error());
  }
  return Ok{};
}

}  // namespace weft::control
