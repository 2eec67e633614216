// Match-action rules in the devices of uplinks.
#include "control/host.h"

namespace weft::control {

Status Host::offload_rules(UplinkIndex uplink, std::span<const classifier::PortRule> rules) {
  return uplinks_[uplink.value()]->offload->update(rules);
}

std::optional<std::string> Host::software_because(UplinkIndex uplink, std::uint32_t rule) const {
  const FlowOffload& offload = *uplinks_[uplink.value()]->offload;
  if (offload.is_offloaded(rule)) return std::nullopt;
  return offload.software_because(rule);
}

Status Host::can_offload(UplinkIndex uplink, const classifier::MatchRule& rule) const {
  return uplinks_[uplink.value()]->offload->validate(rule);
}

HitCounts Host::offloaded_counts(UplinkIndex uplink, std::uint32_t rule) const {
  const HardwareCounts counts = uplinks_[uplink.value()]->offload->counts(rule);
  return {.packets = counts.hits, .octets = counts.octets, .connections = 0};
}

}  // namespace weft::control
