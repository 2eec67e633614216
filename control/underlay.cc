#include "control/underlay.h"

#include <algorithm>

#include "control/underlay_frames.h"
#include "dataplane/net/headers.h"

namespace weft::control {
namespace {

/// Our address to ask for `target` from: one on the target's link, else any of its family.
std::optional<IpAddress> source_for(const UnderlayHost& host, const IpAddress& target) {
  if (!target.is_v4() && target.v6().is_link_local()) return IpAddress{link_local_of(host.mac)};
  std::optional<IpAddress> any;
  for (const IpPrefix& own : host.addresses) {
    if (own.address.family() != target.family()) continue;
    if (own.contains(target)) return own.address;
    if (!any) any = own.address;
  }
  if (!any && !target.is_v4()) any = IpAddress{link_local_of(host.mac)};
  return any;
}

/// The wait before retry number `count` (0, 1, ...) of a neighbour that does not answer.
std::chrono::seconds backoff(unsigned count) {
  const std::chrono::seconds wait = Underlay::kRetry * (1U << std::min(count, 5U));
  return std::min(wait, Underlay::kMaxRetry);
}

}  // namespace

UnderlayOutput Underlay::take() {
  return std::exchange(out_, UnderlayOutput{});
}

UnderlayOutput Underlay::set_uplink(UplinkIndex index, UnderlayHost host, Instant now) {
  Uplink& uplink = uplinks_[index];
  uplink.host = std::move(host);
  announce(index, uplink, now);
  return take();
}

void Underlay::remove_uplink(UplinkIndex index) {
  const auto is_its = [index](const auto& item) { return item.first.first == index; };
  std::erase_if(neighbors_, is_its);
  std::erase_if(path_mtus_, is_its);
  uplinks_.erase(index);
}

UnderlayOutput Underlay::set_link(UplinkIndex index, bool is_up, Instant now) {
  const auto found = uplinks_.find(index);
  if (found == uplinks_.end() || found->second.host.is_link_up == is_up) return {};
  Uplink& uplink = found->second;
  uplink.host.is_link_up = is_up;
  if (!is_up) return {};
  announce(index, uplink, now);
  // Whoever was there may have changed while we could not hear: ask all, keep using what we know.
  for (auto& [key, entry] : neighbors_) {
    if (key.first != index || entry.is_permanent()) continue;
    entry.state = entry.mac ? NeighborState::stale : NeighborState::incomplete;
    entry.probes = 0;
    step(key, uplink, entry, now);
  }
  return take();
}

UnderlayOutput Underlay::resolve(UplinkIndex index, const IpAddress& next_hop, Instant now) {
  const auto found = uplinks_.find(index);
  if (found == uplinks_.end() || next_hop.is_multicast()) return {};
  const Uplink& uplink = found->second;
  for (const IpPrefix& own : uplink.host.addresses) {
    if (own.address == next_hop) return {};
  }
  const Key key{index, next_hop};
  const auto [at, is_new] = neighbors_.try_emplace(key);
  if (!is_new) return {};
  Entry& entry = at->second;
  if (const auto known = uplink.host.neighbors.find(next_hop);
      known != uplink.host.neighbors.end()) {
    entry.state = NeighborState::permanent;
    move(key, entry, known->second);
    return take();
  }
  entry.deadline = now;
  if (uplink.host.is_link_up) step(key, uplink, entry, now);
  return take();
}

void Underlay::forget(UplinkIndex index, const IpAddress& next_hop) {
  neighbors_.erase(Key{index, next_hop});
}

UnderlayOutput Underlay::tick(Instant now) {
  for (auto& [index, uplink] : uplinks_) {
    if (!uplink.host.is_link_up || uplink.announcements_left == 0) continue;
    if (uplink.next_announcement > now) continue;
    --uplink.announcements_left;
    uplink.next_announcement = now + kAnnounceInterval;
    for (const IpPrefix& own : uplink.host.addresses) emit_announcement(index, uplink, own.address);
  }
  for (auto& [key, entry] : neighbors_) {
    const Uplink& uplink = uplinks_.at(key.first);
    if (!uplink.host.is_link_up || entry.is_permanent()) continue;
    if (entry.deadline <= now) step(key, uplink, entry, now);
  }
  for (auto at = path_mtus_.begin(); at != path_mtus_.end();) {
    if (at->second.expires > now) {
      ++at;
      continue;
    }
    const auto& [index, remote] = at->first;
    out_.path_mtus.push_back({index, remote, uplinks_.at(index).host.mtu});
    at = path_mtus_.erase(at);
  }
  return take();
}

std::optional<Instant> Underlay::next_deadline() const {
  std::optional<Instant> next;
  const auto consider = [&next](Instant at) { next = next ? std::min(*next, at) : at; };
  for (const auto& [index, uplink] : uplinks_) {
    if (uplink.host.is_link_up && uplink.announcements_left > 0) consider(uplink.next_announcement);
  }
  for (const auto& [key, entry] : neighbors_) {
    if (uplinks_.at(key.first).host.is_link_up && !entry.is_permanent()) consider(entry.deadline);
  }
  for (const auto& [key, path] : path_mtus_) consider(path.expires);
  return next;
}

std::optional<MacAddress> Underlay::mac_of(UplinkIndex index, const IpAddress& next_hop) const {
  const auto found = neighbors_.find(Key{index, next_hop});
  return found == neighbors_.end() ? std::nullopt : found->second.mac;
}

std::vector<Neighbor> Underlay::neighbors() const {
  std::vector<Neighbor> all;
  all.reserve(neighbors_.size());
  for (const auto& [key, entry] : neighbors_) {
    all.push_back({key.first, key.second, entry.state, entry.mac});
  }
  return all;
}

std::optional<std::uint16_t> Underlay::path_mtu(UplinkIndex index, const IpAddress& remote) const {
  const auto found = path_mtus_.find(Key{index, remote});
  if (found == path_mtus_.end()) return std::nullopt;
  return found->second.mtu;
}

// -- announcements ------------------------------------------------------------------------------

void Underlay::announce(UplinkIndex index, Uplink& uplink, Instant now) {
  uplink.announcements_left = 0;
  if (!uplink.host.is_link_up) return;
  for (const IpPrefix& own : uplink.host.addresses) emit_announcement(index, uplink, own.address);
  // One may be lost, for example while a switch port still learns.
  uplink.announcements_left = kAnnouncements - 1;
  uplink.next_announcement = now + kAnnounceInterval;
}

/// Gratuitous ARP (RFC 5227 s2.3) or an unsolicited advertisement (RFC 4861 s7.2.6).
void Underlay::emit_announcement(
    UplinkIndex index, const Uplink& uplink, const IpAddress& address
) {
  const MacAddress& mac = uplink.host.mac;
  if (address.is_v4()) {
    out_.frames.push_back(
        {index,
         make_arp(
             {.operation = ArpPacket::kRequest,
              .sender_mac = mac,
              .sender_ip = address.v4(),
              .target_mac = {},
              .target_ip = address.v4(),
              .destination = kBroadcastMac}
         )}
    );
    return;
  }
  out_.frames.push_back(
      {index,
       make_neighbor_advert(
           {.source_mac = mac,
            .target = address.v6(),
            .destination = kAllNodes,
            .destination_mac = multicast_mac_of(kAllNodes),
            .is_solicited = false}
       )}
  );
}

// -- neighbours ---------------------------------------------------------------------------------

/// Asks once. Without an address of the family there is nobody to ask in the name of.
void Underlay::probe(
    const Key& key, const Uplink& uplink, const std::optional<MacAddress>& unicast_to
) {
  const auto& [index, target] = key;
  const std::optional<IpAddress> source = source_for(uplink.host, target);
  if (!source) return;
  if (target.is_v4()) {
    out_.frames.push_back(
        {index,
         make_arp(
             {.operation = ArpPacket::kRequest,
              .sender_mac = uplink.host.mac,
              .sender_ip = source->v4(),
              .target_mac = {},
              .target_ip = target.v4(),
              .destination = unicast_to.value_or(kBroadcastMac)}
         )}
    );
    return;
  }
  out_.frames.push_back(
      {index,
       make_neighbor_solicit(
           {.source_mac = uplink.host.mac,
            .source = source->v6(),
            .target = target.v6(),
            .destination_mac = unicast_to.value_or(MacAddress{})}
       )}
  );
}

/// The deadline of `entry` has come: sends the next question, or changes state.
void Underlay::step(const Key& key, const Uplink& uplink, Entry& entry, Instant now) {
  if (entry.state == NeighborState::reachable) {
    entry.state = NeighborState::stale;
    entry.probes = 0;
  }
  const unsigned patience = entry.state == NeighborState::stale ? 2 * kProbes : kProbes;
  if (entry.state != NeighborState::failed && entry.probes == patience) {
    entry.state = NeighborState::failed;
    entry.probes = 0;
    move(key, entry, std::nullopt);
  }
  if (entry.state == NeighborState::failed) {
    entry.deadline = now + backoff(entry.probes);
  } else {
    entry.deadline = now + kRetry;
  }
  // A stale neighbour is asked directly first; if its MAC changed, only a broadcast finds it.
  const bool is_unicast = entry.state == NeighborState::stale && entry.probes < kProbes;
  probe(key, uplink, is_unicast ? entry.mac : std::nullopt);
  ++entry.probes;
}

/// Sets the MAC and reports it when it is another one.
void Underlay::move(const Key& key, Entry& entry, const std::optional<MacAddress>& mac) {
  if (entry.mac == mac) return;
  out_.neighbors.push_back({key.first, key.second, entry.mac, mac});
  entry.mac = mac;
}

/// The entry of a neighbour that control asked for and that frames may change.
Underlay::Entry* Underlay::find_dynamic(const Key& key) {
  const auto found = neighbors_.find(key);
  return found == neighbors_.end() || found->second.is_permanent() ? nullptr : &found->second;
}

/// The neighbour answered us: both directions work.
void Underlay::confirm(const Key& key, const MacAddress& mac, Instant now) {
  Entry* entry = find_dynamic(key);
  if (entry == nullptr) return;
  move(key, *entry, mac);
  entry->state = NeighborState::reachable;
  entry->probes = 0;
  entry->deadline = now + kReachable;
  ++counters_.learned;
}

/// The neighbour spoke, but not in answer to us: a new MAC is used at once and verified next tick.
void Underlay::hint(const Key& key, const MacAddress& mac, Instant now) {
  Entry* entry = find_dynamic(key);
  if (entry == nullptr || entry->mac == mac) return;
  move(key, *entry, mac);
  entry->state = NeighborState::stale;
  entry->probes = 0;
  entry->deadline = now;
  ++counters_.learned;
}

// -- path MTU -----------------------------------------------------------------------------------

/// A message may only lower the path MTU (RFC 1191 s3, RFC 8201 s4); hearing it again renews it.
void Underlay::lower_path_mtu(const Arrival& in, const IpAddress& remote, std::uint16_t mtu) {
  const Key key{in.index, remote};
  const auto found = path_mtus_.find(key);
  const std::uint16_t current = found == path_mtus_.end() ? in.uplink.host.mtu : found->second.mtu;
  const bool is_renewal = found != path_mtus_.end() && mtu == current;
  if (mtu >= current && !is_renewal) {
    ++counters_.ignored;
    return;
  }
  if (found == path_mtus_.end() && path_mtus_.size() >= kMaxPathMtus) {
    ++counters_.ignored;
    return;
  }
  path_mtus_[key] = PathMtu{mtu, in.now + kPathMtuExpiry};
  ++counters_.path_mtu_accepted;
  if (!is_renewal) out_.path_mtus.push_back({in.index, remote, mtu});
}

}  // namespace weft::control
