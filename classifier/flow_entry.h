// FlowEntry: one connection at one endpoint: who, in which state, and the whole decision. One cache
// line.
//
// A hit reads and writes this line and nothing else of the entry: what only insertion and eviction
// need lies in arrays of its own (flow_table.h, owner_accounts.h). Zero octets are a valid entry
// that belongs to nobody.
//
// Who writes what: the table `key`, and `state` through FlowTable::set_state; the flow stage
// everything else.
#pragma once

#include <cstdint>
#include <type_traits>

#include "classifier/connection_key.h"
#include "classifier/conntrack.h"
#include "dataplane/base/ids.h"

namespace weft::classifier {

/// What policy said when the connection was opened, for both directions.
struct Decision {
  std::uint32_t rule{};    // index of the rule's hit counter
  std::uint16_t meter{};   // index into Snapshot::meters
  std::uint8_t dscp{};     // 0-63, or kNoClass
  std::uint8_t verdict{};  // the flow stage's own bits
  friend bool operator==(const Decision&, const Decision&) = default;
};
static_assert(sizeof(Decision) == 8);

struct alignas(kCacheLine) FlowEntry {
  ConnectionKey key;
  std::uint32_t epoch{};  // of the policy that made `decision`
  CoarseTime seen;        // of the last packet
  Decision decision;
  ConnState state{ConnState::none};  // read only: FlowTable::set_state
  std::uint8_t flags{};              // conntrack.h
  std::uint8_t l7{};                 // class
  std::uint8_t l7_left{};            // what is left of the budget
  std::uint32_t packets{};           // both directions, wraps

  /// Whether this is (still) the entry of `key`: a place of the table whose entry is gone belongs
  /// to nobody.
  [[nodiscard]] bool is_of(const ConnectionKey& wanted) const noexcept {
    return state != ConnState::none && key == wanted;
  }
};
static_assert(sizeof(FlowEntry) == kCacheLine && std::is_trivially_copyable_v<FlowEntry>);

}  // namespace weft::classifier
