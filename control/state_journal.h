// StateJournal: the Journal that writes into a Store.
//
// The Dispatcher says on whose behalf the next commit is, and what is answered to requests with an id; both are written
// with the change itself, in one transaction.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "control/journal.h"
#include "control/store/store.h"
#include "dataplane/base/result.h"

namespace weft::control {

class StateJournal final : public Journal {
 public:
  /// Milliseconds since 1970, UTC.
  using Clock = std::function<std::int64_t()>;

  /// `store` outlives it. `boot_id`: of the running kernel (/proc/sys/kernel/random/boot_id).
  StateJournal(Store& store, std::string boot_id, Clock clock = now);

  void describe(std::string who, std::string what, std::vector<StoredRequest> requests = {});
  [[nodiscard]] Status commit(const Controller& controller, const std::set<EntryKey>& entries)
      override;
  void take_back(const Controller& controller, const std::set<EntryKey>& entries) override;
  /// Tries again to write what take_back() could not. Call it once per turn of the control loop.
  void retry(const Controller& controller);

  /// Answers of requests that changed nothing.
  [[nodiscard]] Status remember(std::vector<StoredRequest> requests);

  [[nodiscard]] Store& store() noexcept { return store_; }
  [[nodiscard]] const std::string& boot_id() const noexcept { return boot_id_; }

 private:
  [[nodiscard]] static std::int64_t now();

  Store& store_;
  std::string boot_id_;
  Clock clock_;
  std::string who_ = "weftd";
  std::string what_;
  std::vector<StoredRequest> requests_;
  std::vector<StoredRequest> committed_;  // requests of the last commit
  /// What may differ from what is on disk because something could not be taken back.
  std::set<EntryKey> overdue_;
  std::vector<StoredRequest> overdue_requests_;  // without answers
};

}  // namespace weft::control
