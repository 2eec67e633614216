// What a restarted daemon does differently: endpoints were accepted once, so none of them is refused now.

#include <cassert>
#include <utility>

#include "control/controller.h"

namespace weft::control {

void Controller::begin_restoring(Lives lives, Registry::Places places) {
  begin(Purpose::change);
  lives_ = std::move(lives);
  registry_.begin_restoring(std::move(places));
}

Outcome<Ok> Controller::end_restoring(Generation generation) {
  assert(lives_);
  lives_ = nullptr;
  registry_.end_restoring();
  auto committed = commit_transaction();
  if (committed) document_ = generation;
  return committed;
}

Outcome<EndpointIndex> Controller::put_gone(const EndpointConfig& config, EndpointIndex index) {
  const std::string& tenant = model().segment(config.segment)->config.tenant;
  auto policy = policy_with(tenant, {config.identity});
  if (!policy) return policy.error();
  registry_.put_endpoint(config, index, least_loaded_worker());
  put_policy(tenant, std::move(*policy));
  publish();
  return index;
}

std::optional<std::string> Controller::attachment_of(const std::string& endpoint) const {
  const std::size_t slash = endpoint.rfind('/');
  assert(slash != std::string::npos);
  const EndpointRecord* record =
      model().endpoint(EndpointName{endpoint.substr(0, slash), endpoint.substr(slash + 1)});
  if (record == nullptr) return std::nullopt;
  const auto open = runtime_.ports.find(record->index);
  if (open == runtime_.ports.end()) return std::nullopt;
  return platform_.identity_of(*open->second.port);
}

}  // namespace weft::control
