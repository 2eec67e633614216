// What the dataplane reports: neighbours, path MTUs, learned MACs, links, ports that vanished.

#include <chrono>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include <spdlog/spdlog.h>

#include "control/controller.h"
#include "dataplane/port/port.h"

namespace weft::control {
namespace {

std::chrono::milliseconds ageing_of(const SegmentRecord& segment) {
  return std::chrono::seconds{segment.config.fdb_ageing_s};
}

}  // namespace

void Controller::next_hop_changed(
    UplinkIndex uplink, const IpAddress& next_hop, const std::optional<MacAddress>& mac
) {
  const NextHop key{uplink, next_hop};
  const auto tunnels = model().tunnels_by_next_hop.find(key);
  if (tunnels == model().tunnels_by_next_hop.end()) return;  // an answer that nobody needs any more
  if (mac.has_value()) {
    runtime_.next_hop_macs.insert_or_assign(key, *mac);
  } else {
    runtime_.next_hop_macs.erase(key);
  }
  registry_.dirty().tunnels.insert(tunnels->second.begin(), tunnels->second.end());
}

void Controller::path_mtu_changed(const IpAddress& remote, std::optional<std::uint16_t> mtu) {
  bool is_remote = false;
  for (const auto& [index, record] : model().remotes) {
    if (record.config.vtep != remote) continue;
    is_remote = true;
    registry_.dirty().tunnels.insert(index);
  }
  if (!mtu.has_value()) {
    runtime_.path_mtus.erase(remote);
  } else if (is_remote) {
    runtime_.path_mtus.insert_or_assign(remote, *mtu);
    spdlog::info("remote {}: the path carries only {} octets", format(remote), *mtu);
  }
}

void Controller::forget_path_mtus() {
  std::set<IpAddress> remotes;
  for (const auto& [index, record] : model().remotes) remotes.insert(record.config.vtep);
  std::erase_if(runtime_.path_mtus, [&](const auto& entry) {
    return !remotes.contains(entry.first);
  });
}

void Controller::tell_of(const SegmentRecord& segment, const char* kind, const Json& facts) {
  Json all{{"segment", segment.config.name}};
  all.update(facts);
  registry_.dirty().events.push_back({kind, segment.config.tenant, std::move(all)});
}

// -- learning ------------------------------------------------------------------------------------

void Controller::learned(
    SegmentIndex segment, const MacAddress& mac, TunnelIndex tunnel, TimePoint now
) {
  // The worker judged by an older snapshot: all of this may have changed since.
  const SegmentRecord* record = model().segment(segment);
  const RemoteRecord* remote = model().remote(tunnel);
  const bool is_current = record != nullptr && remote != nullptr && remote->segment == segment;
  if (!is_current || !record->config.learn) return;
  if (mac.is_group() || mac.is_zero() || record->macs.contains(mac)) return;

  auto& macs = runtime_.learned[segment];
  auto entry = macs.find(mac);
  if (entry == macs.end()) {
    if (macs.size() >= record->config.fdb_limit) {
      if (!runtime_.full_fdbs.insert(segment).second) return;  // told already
      tell_of(*record, "limit", {{"limit", "fdb_limit"}, {"at", record->config.fdb_limit}});
      return;
    }
    entry = macs.emplace(mac, LearnedMac{kNoTunnel, now, now}).first;
  }
  entry->second.last_seen = now;
  if (entry->second.tunnel == tunnel) return;
  tell_of(
      *record,
      entry->second.tunnel == kNoTunnel ? "learn" : "move",
      {{"mac", format(mac)}, {"vtep", format(remote->config.vtep)}}
  );
  entry->second.tunnel = tunnel;
  registry_.dirty().macs.insert({segment, mac});
}

template <typename Forget>
std::size_t Controller::forget_learned(SegmentIndex segment, Forget is_forgotten) {
  const auto found = runtime_.learned.find(segment);
  if (found == runtime_.learned.end()) return 0;
  const std::size_t count = std::erase_if(found->second, [&](const auto& entry) {
    const auto& [mac, learned] = entry;
    if (!is_forgotten(mac, learned)) return false;
    registry_.dirty().macs.insert({segment, mac});
    runtime_.full_fdbs.erase(segment);
    const SegmentRecord* record = model().segment(segment);
    if (record != nullptr) tell_of(*record, "forget", {{"mac", format(mac)}});
    return true;
  });
  if (found->second.empty()) runtime_.learned.erase(found);
  return count;
}

std::size_t Controller::forget_learned_in(SegmentIndex segment) {
  return forget_learned(segment, [](const MacAddress&, const LearnedMac&) { return true; });
}

void Controller::forget_learned_through(SegmentIndex segment, TunnelIndex tunnel) {
  forget_learned(segment, [tunnel](const MacAddress&, const LearnedMac& learned) {
    return learned.tunnel == tunnel;
  });
}

void Controller::age_out(TimePoint now) {
  std::vector<SegmentIndex> segments;
  for (auto& [segment, macs] : runtime_.learned) {
    segments.push_back(segment);
    // Asking four times per ageing time makes an entry live at most a quarter too long.
    const auto interval = ageing_of(*model().segment(segment)) / 4;
    for (auto& [mac, learned] : macs) {
      if (now - learned.last_asked < interval) continue;
      if (platform_.was_active(segment, mac, learned.last_asked)) learned.last_seen = now;
      learned.last_asked = now;
    }
  }
  for (const SegmentIndex segment : segments) {
    const auto ageing = ageing_of(*model().segment(segment));
    forget_learned(segment, [&](const MacAddress&, const LearnedMac& learned) {
      return now - learned.last_seen >= ageing;
    });
  }
}

Outcome<std::size_t> Controller::flush_fdb(const std::optional<std::string>& segment) {
  std::vector<SegmentIndex> segments;
  if (segment.has_value()) {
    const SegmentRecord* record = model().segment(*segment);
    if (record == nullptr) {
      return refused(
          ErrorCode::not_found,
          "fdb.segment: segment \"" + *segment + "\" does not exist",
          "segment"
      );
    }
    segments.push_back(record->index);
  } else {
    for (const auto& [index, macs] : runtime_.learned) segments.push_back(index);
  }
  std::size_t count = 0;
  for (const SegmentIndex index : segments) count += forget_learned_in(index);
  publish();
  return count;
}

// -- links and ports -----------------------------------------------------------------------------

void Controller::link_changed(UplinkIndex uplink, const LinkState& link) {
  auto& runtime = runtime_.uplinks[uplink.value()];
  if (!runtime.has_value()) return;
  if (runtime->opened.link.is_up != link.is_up) {
    registry_.dirty().uplinks = true;
    const PortRecord* port = model().port(uplink);
    const Json name = port == nullptr ? Json{} : Json(port->config.name);
    registry_.dirty().events.push_back(
        {"link", {}, {{"port", name}, {"link", link.is_up ? "up" : "down"}}}
    );
  }
  runtime->opened.link = link;
}

void Controller::endpoint_gone(EndpointIndex endpoint) {
  const EndpointRecord* record = model().endpoint(endpoint);
  if (record == nullptr) return;
  std::shared_ptr<Port> port = take_port(endpoint);
  if (port == nullptr) return;
  spdlog::warn("endpoint {}: its interface is gone", record->config.name());
  registry_.touch_endpoint(endpoint);
  registry_.tell_endpoint("gone", *record);
  publish();
  platform_.retire(std::move(port));
}

}  // namespace weft::control
