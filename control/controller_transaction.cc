// Several verbs as one change.
//
// Registry and Runtime are values, so where a transaction began is a copy of both, and going back is putting it in
// place again. Publishing waits for the end; what the machine was asked meanwhile is the StagedPlatform's to undo.
//
// One thing can not wait: an endpoint that is attached anew in the place of one that the same transaction
// detached (the same interface name in the same namespace, the same socket). That place is vacated in between, so such
// an endpoint is without its interface for some milliseconds. If the transaction fails after that, the old interface is
// opened again.

#include <algorithm>
#include <cassert>
#include <utility>

#include <spdlog/spdlog.h>

#include "control/controller.h"
#include "control/stats.h"

namespace weft::control {

Generation Controller::generation() const noexcept {
  const bool will_change = is_in_transaction() && !registry_.dirty().entries.empty();
  return will_change ? Generation{document_.value() + 1U} : document_;
}

void Controller::begin(Purpose purpose) {
  assert(!is_in_transaction());
  publish();  // what was reported meanwhile is no part of it
  before_ = std::make_unique<Before>(Before{registry_, runtime_, document_, {}, {}});
  registry_.hold();
  const bool is_trial = purpose == Purpose::trial;
  platform_.begin(is_trial ? StagedPlatform::Mode::trial : StagedPlatform::Mode::staged);
}

Outcome<Ok> Controller::commit_transaction() {
  assert(is_in_transaction() && !platform_.is_trial());
  const std::set<EntryKey> entries = registry_.dirty().entries;
  if (journal_ != nullptr && !entries.empty()) {
    if (const Status durable = journal_->commit(*this, entries); !durable) {
      roll_back();
      return refused(ErrorCode::system_refused, durable.error().message + "; nothing was changed");
    }
  }
  platform_.begin_commit();
  publish();
  if (const auto refusal = platform_.watch_opened()) {
    events_.clear();
    // The workers have it already: take it back from them too. What is on its way between them may name its indices.
    before_->registry.quarantine_taken_by(registry_);
    Dirty undone = everything(model(), runtime_);
    undone.merge(everything(before_->registry.model(), before_->runtime));
    for (const Model* state : {&model(), &before_->registry.model()}) {
      for (const auto& [next_hop, tunnels] : state->tunnels_by_next_hop) {
        undone.next_hops.insert(next_hop);
      }
      // Flows may have been judged by the rules that are taken back.
      for (const auto& [index, segment] : state->segments) undone.epochs.insert(index);
    }
    restore();
    registry_.dirty() = std::move(undone);
    publish();
    // Its number is taken: it may be on disk, and the next one says that it is not in force.
    if (!entries.empty()) before_->generation = Generation{document_.value() + 1U};
    roll_back();
    if (journal_ != nullptr && !entries.empty()) journal_->take_back(*this, entries);
    return refused(ErrorCode::system_refused, refusal->message);
  }
  registry_.release();
  before_.reset();  // holds ports that are about to be closed
  tell_events();
  platform_.finish();
  return Ok{};
}

void Controller::restore() {
  registry_ = before_->registry;
  // Schedulers that workers know live on until publish() retires them.
  EgressSchedulers egress = std::move(runtime_.egress);
  runtime_ = before_->runtime;
  runtime_.egress = std::move(egress);
}

void Controller::roll_back() {
  assert(is_in_transaction());
  lives_ = nullptr;
  restore();
  document_ = before_->generation;
  const std::vector<EndpointIndex> vacated = std::move(before_->vacated);
  before_.reset();
  const StagedPlatform::Leftover leftover = platform_.roll_back();
  is_going_back_ = true;
  offer_again(leftover.offered);
  drop_ports(leftover.unwatched);
  reopen(vacated);
  is_going_back_ = false;
}

/// Opens what `vacate_place_of` closed. What can not be opened again is "gone", as if the container had gone.
void Controller::reopen(const std::vector<EndpointIndex>& vacated) {
  for (const EndpointIndex index : vacated) {
    const EndpointConfig config = model().endpoint(index)->config;
    const auto opened = attach(config);
    if (!opened) spdlog::error("endpoint {}: {}", config.name(), opened.error().message);
  }
}

/// Nobody watches them any more: their endpoints are "gone" until they are attached again.
void Controller::drop_ports(const std::vector<EndpointIndex>& unwatched) {
  for (const EndpointIndex index : unwatched) {
    auto open = runtime_.ports.extract(index);
    registry_.touch_endpoint(index);
    publish();
    platform_.retire(std::move(open.mapped().port));
  }
}

/// Gives devices the rules that they had.
void Controller::offer_again(const std::set<UplinkIndex>& uplinks) {
  for (const UplinkIndex uplink : uplinks) {
    const std::uint32_t port = port_number(uplink);
    const auto put = put_port_rules(port, model().rules_of(port));
    if (!put) spdlog::error("port {}: {}", port, put.error().message);
  }
  publish();
}

/// Closes what this transaction detached and `config` needs.
void Controller::vacate_place_of(const EndpointConfig& config) {
  if (before_ == nullptr || platform_.is_trial()) return;
  if (before_->detached.empty()) return;
  const std::string place = platform_.place_of(config);
  if (place.empty()) return;
  const Model& former = before_->registry.model();
  for (const EndpointIndex index : before_->detached) {
    const EndpointRecord* endpoint = former.endpoint(index);
    if (endpoint == nullptr || platform_.place_of(endpoint->config) != place) continue;
    auto open = before_->runtime.ports.extract(index);
    if (open.empty()) continue;
    before_->vacated.push_back(index);
    std::shared_ptr<Port> port = std::move(open.mapped().port);
    Dirty dirty;
    dirty.endpoints.insert(index);
    dirty.floods.insert(endpoint->segment);
    dirty.polled = port->poll_fd() == -1;
    platform_.close_now(index, std::move(port), [&] {
      snapshot_ = compile(former, before_->runtime, dirty, *snapshot_);
      platform_.publish_now(snapshot_);
    });
  }
}

}  // namespace weft::control
