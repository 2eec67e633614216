// STATUS and GC: what a runtime asks about a network, not about a container.

#include <algorithm>
#include <optional>
#include <vector>

#include "control/connector/call.h"
#include "control/connector/departure.h"
#include "control/connector/key_lock.h"

namespace weft::connector {
namespace {

/// Ok when the daemon has the segment.
Done check_segment(Call& call, const Network& network) {
  const Outcome<Json> answer = call.daemon.ask("segment.list", Json::object(), call.deadline);
  if (!answer) return answer.error();
  Reader reader{&answer.value(), "weftd"};
  for (const Json& segment : reader.list("segments")) {
    if (segment.value("name", "") == network.segment) return Ok{};
  }
  return Problem{ProblemCode::not_available, "weftd has no segment " + in_quotes(network.segment)};
}

/// `cni.dev/valid-attachments`; nullopt when the key is missing.
Outcome<std::optional<std::vector<Attachment>>> read_valid(const Json& config) {
  constexpr const char* kKey = "cni.dev/valid-attachments";
  std::optional<std::vector<Attachment>> valid;
  Reader reader{&config, "config"};
  if (reader.find(kKey) == nullptr) return valid;
  valid.emplace();
  for (const Json& element : reader.list(kKey)) {
    Reader inner{&element, kKey};
    const auto container = inner.text("containerID");
    const auto ifname = inner.text("ifname");
    // Half of a key would make a container's endpoint look as if it were not listed.
    if (!container || !ifname) inner.refuse("containerID", "containerID and ifname are required");
    reader.adopt(inner);
    valid->push_back({container.value_or(""), ifname.value_or("")});
  }
  if (reader.problem()) return *reader.problem();
  return valid;
}

/// Attachments that ADD made for this network and scope, whatever their segment is now.
Outcome<std::vector<Attachment>> attachments_of(Call& call) {
  const Outcome<Json> answer = call.daemon.ask("endpoint.list", Json::object(), call.deadline);
  if (!answer) return answer.error();
  std::vector<Attachment> found;
  Reader reader{&answer.value(), "weftd"};
  for (const Json& endpoint : reader.list("endpoints")) {
    Reader inner{&endpoint, "weftd"};
    const Labels labels = inner.labels("labels");
    const auto value = [&labels](const char* key) {
      const auto label = labels.find(key);
      return label == labels.end() ? std::string{} : label->second;
    };
    if (value(kNetworkLabel) != call.basics.name || value(kScopeLabel) != call.basics.scope)
      continue;
    found.push_back({inner.text("container").value_or(""), inner.text("ifname").value_or("")});
  }
  return found;
}

/// False when it could not be taken away now.
bool collect(Call& call, const Attachment& attachment) {
  const auto lock = KeyLock::take(
      call.keys_folder(), attachment, call.deadline.within(std::chrono::milliseconds{1000})
  );
  if (!lock || !lock.value()) return false;
  Departure departure{attachment, call.basics.socket, call.ipam(), 0};
  if (departure.ipam) {
    departure.ipam->environment.container = attachment.container;
    departure.ipam->environment.ifname = attachment.ifname;
  }
  return depart(call, std::move(departure), call.deadline) == Departed::yes;
}

}  // namespace

Done run_status(Call& call) {
  const Outcome<Network> network = read_network(call.config, call.basics);
  if (!network) return network.error();
  if (Done there = check_segment(call, network.value()); !there) {
    return Problem{ProblemCode::not_available, there.error().message, there.error().details};
  }
  if (const auto ipam = call.ipam()) {
    Done ready = ipam_status(*ipam, call.deadline);
    if (!ready) return ready;
  }
  replay_spool(call, {});
  return Ok{};
}

Done run_gc(Call& call) {
  const auto valid = read_valid(call.config);
  if (!valid) return valid.error();
  if (!valid.value()) return Ok{};
  const auto attachments = attachments_of(call);
  if (!attachments) return attachments.error();
  std::string left;
  for (const Attachment& attachment : attachments.value()) {
    if (std::ranges::find(*valid.value(), attachment) != valid.value()->end()) continue;
    if (!collect(call, attachment)) left += (left.empty() ? "" : ", ") + attachment.endpoint();
  }
  replay_spool(call, {});
  Done collected = Ok{};
  if (const auto ipam = call.ipam()) collected = ipam_gc(*ipam, call.deadline);
  if (!left.empty()) return Problem{ProblemCode::refused, "GC: not taken away yet: " + left};
  return collected;
}

}  // namespace weft::connector
