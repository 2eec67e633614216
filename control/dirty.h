// Dirty: which parts of a snapshot no longer agree with the model.
//
// Names places, not changes: for each key the compiler looks up what should be there now and writes
// or erases that. So it does not matter in which order, how often or why a key became dirty.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <set>
#include <vector>

#include "control/document_parts.h"
#include "control/events.h"
#include "control/model.h"
#include "dataplane/base/ids.h"
#include "dataplane/net/addr.h"

namespace weft::control {

/// A MAC or an IP address inside a segment.
template <typename Address>
struct InSegment {
  SegmentIndex segment;
  Address address;
  friend auto operator<=>(const InSegment&, const InSegment&) = default;
};

/// A key of Snapshot::vnis before it is packed.
struct VniKey {
  std::size_t vtep{};  // position in Snapshot::vteps
  encap::Kind kind{};
  Vni vni;
  friend auto operator<=>(const VniKey&, const VniKey&) = default;
};

struct Dirty {
  bool globals{};  // is_forwarding, scarce classes and the like
  bool uplinks{};  // uplinks and vteps
  bool polled{};
  std::set<SegmentIndex> segments;
  std::set<SegmentIndex> floods;
  std::set<EndpointIndex> endpoints;
  std::set<TunnelIndex> tunnels;
  std::set<VniKey> vnis;
  std::set<InSegment<MacAddress>> macs;
  std::set<InSegment<IpAddress>> addresses;  // neighbours and identities
  std::set<InSegment<IpAddress>> remotes;    // outer sources
  /// Segments in which a verdict may differ now: flows are judged again.
  std::set<SegmentIndex> epochs;
  std::set<std::uint16_t> meters;
  /// Entries of the document that may differ. Not part of a snapshot, but one with a number of its own is in force after
  /// each change of the document, so that a generation names one document.
  std::set<EntryKey> entries;
  /// Not part of a snapshot: neighbours that became needed or superfluous.
  std::set<NextHop> next_hops;
  /// Likewise: counters and meters with a new owner, who starts at zero.
  std::vector<std::uint32_t> fresh_counters;
  std::vector<std::uint16_t> fresh_meters;
  /// Told when all of it is in force.
  std::vector<Event> events;

  /// Whether there is nothing to publish.
  [[nodiscard]] bool is_empty() const noexcept {
    return !globals && !uplinks && !polled && segments.empty() && floods.empty() &&
           endpoints.empty() && tunnels.empty() && vnis.empty() && macs.empty() &&
           addresses.empty() && remotes.empty() && epochs.empty() && meters.empty() &&
           entries.empty();
  }

  /// Adds the keys of `other`; what is not part of a snapshot is left out.
  void merge(const Dirty& other) {
    globals |= other.globals;
    uplinks |= other.uplinks;
    polled |= other.polled;
    segments.insert(other.segments.begin(), other.segments.end());
    floods.insert(other.floods.begin(), other.floods.end());
    endpoints.insert(other.endpoints.begin(), other.endpoints.end());
    tunnels.insert(other.tunnels.begin(), other.tunnels.end());
    vnis.insert(other.vnis.begin(), other.vnis.end());
    macs.insert(other.macs.begin(), other.macs.end());
    addresses.insert(other.addresses.begin(), other.addresses.end());
    remotes.insert(other.remotes.begin(), other.remotes.end());
    epochs.insert(other.epochs.begin(), other.epochs.end());
    meters.insert(other.meters.begin(), other.meters.end());
  }
};

}  // namespace weft::control
