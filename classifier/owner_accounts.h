// OwnerAccounts: who owns which entries of a flow table, who owns most, and who may open another.
//
// The owner of an entry is its endpoint. Three things are kept, all in memory that is taken at
// creation and all in a constant number of steps per call:
//
//   lists      the entries of an owner, one ring per FlowClass, in the order in which they came.
//              Eviction and erasing an owner walk a ring from its front; nothing else walks.
//   ranking    one ring of owners for each number of entries. A number changes by one at a time, so
//              the highest is known exactly: it rises with an owner that passes it, and when its
//              last owner sinks, that owner is right below. No heap, no scan.
//   credit     a token bucket for new connections in coarse ticks. One connection costs
//              kTicksPerSecond credits and each tick earns `new_per_second`: nothing is rounded.
//
// Entries are named by slot, their place in the flow table. One writer; cold: no hit comes here.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <utility>

#include "classifier/conntrack.h"
#include "classifier/mapped_memory.h"
#include "dataplane/base/ids.h"
#include "dataplane/base/result.h"

namespace weft::classifier {

using FlowSlot = Strong<struct FlowSlotTag, std::uint32_t>;
inline constexpr FlowSlot kNoSlot{std::numeric_limits<std::uint32_t>::max()};

/// What one endpoint may take of the table; 0 means unlimited.
struct OwnerLimits {
  std::uint32_t max_connections{};  // live ones: those that are closing do not count
  std::uint32_t new_per_second{};
  std::uint32_t new_burst{};  // connections at once; 0: as many as in a second
};

class OwnerAccounts {
 public:
  OwnerAccounts() noexcept = default;
  /// `slots`: of the flow table; `max_entries`: how many of them are in use at most.
  [[nodiscard]] static Result<OwnerAccounts> create(
      std::uint32_t max_owners, std::uint32_t slots, std::uint32_t max_entries
  );

  /// Octets that create() takes with the same arguments.
  [[nodiscard]] static std::uint64_t size(
      std::uint32_t max_owners, std::uint32_t slots, std::uint32_t max_entries
  ) noexcept {
    return std::uint64_t{max_owners} * sizeof(Owner) + std::uint64_t{slots} * sizeof(Link) +
           (std::uint64_t{max_entries} + 1) * sizeof(std::uint32_t);
  }

  [[nodiscard]] std::uint32_t max_owners() const noexcept {
    return static_cast<std::uint32_t>(owners_.count());
  }

  // Preconditions of all: the owner is below max_owners(); the slot is in exactly one ring, the
  // given one, except for add(), where it is in none.
  void add(EndpointIndex owner, FlowClass flow_class, FlowSlot slot) noexcept;
  void remove(EndpointIndex owner, FlowClass flow_class, FlowSlot slot) noexcept;
  /// To the back of another ring of the same owner, or of the same ring.
  void move(EndpointIndex owner, FlowClass from, FlowClass to, FlowSlot slot) noexcept;

  /// The entry that came first, or kNoSlot.
  [[nodiscard]] FlowSlot front(EndpointIndex owner, FlowClass flow_class) const noexcept;
  /// The entry that came first goes to the back. Precondition: there is one.
  void pass_over_front(EndpointIndex owner, FlowClass flow_class) noexcept;
  /// Brings what add() writes for that slot near.
  void prefetch(FlowSlot slot) const noexcept { __builtin_prefetch(&links_[slot.value()], 1); }
  /// Brings what pass_over_front() and remove() of the front touch near. To be called once for each of
  /// them, a while before.
  void prefetch_front(EndpointIndex owner, FlowClass flow_class) const noexcept {
    const FlowSlot slot = front(owner, flow_class);
    if (slot != kNoSlot) __builtin_prefetch(&links_[links_[slot.value()].next], 1);
  }
  /// A number of the caller's for an entry; it goes where the entry goes.
  [[nodiscard]] std::uint32_t& mark(FlowSlot slot) noexcept { return links_[slot.value()].mark; }

  [[nodiscard]] std::uint32_t count(EndpointIndex owner) const noexcept {
    return owners_[owner.value()].count;
  }
  /// Without the closing ones.
  [[nodiscard]] std::uint32_t live_count(EndpointIndex owner) const noexcept {
    return owners_[owner.value()].count - owners_[owner.value()].closing_count;
  }
  /// An owner than whom nobody has more entries. Precondition: there is an entry.
  [[nodiscard]] EndpointIndex heaviest() const noexcept {
    return EndpointIndex{ranks_[highest_] - 1U};
  }

  /// Takes the credit of one connection if the owner has it. An owner starts with a full burst.
  [[nodiscard]] bool take_credit(
      EndpointIndex owner, const OwnerLimits& limits, CoarseTime now
  ) noexcept;
  /// The owner is another container from now on. Precondition: it has no entries.
  void forget_credit(EndpointIndex owner) noexcept { owners_[owner.value()].has_credit = false; }

 private:
  // Zero octets have to mean "empty", so heads of rings are the slot or owner + 1.
  struct Owner {
    std::uint64_t credit;
    CoarseTime credited;
    bool has_credit;
    std::uint32_t count;
    std::uint32_t closing_count;
    std::uint32_t previous;  // ring of those with as many entries
    std::uint32_t next;
    std::array<std::uint32_t, kFlowClassCount> first;
  };
  struct Link {
    std::uint32_t previous;
    std::uint32_t next;
    std::uint32_t mark;
  };

  void link(EndpointIndex owner, FlowClass flow_class, FlowSlot slot) noexcept;
  void unlink(EndpointIndex owner, FlowClass flow_class, FlowSlot slot) noexcept;
  void enter_rank(std::uint32_t owner) noexcept;
  void leave_rank(std::uint32_t owner) noexcept;

  MappedArray<Owner> owners_;
  MappedArray<Link> links_;           // by slot
  MappedArray<std::uint32_t> ranks_;  // by number of entries: first owner + 1
  std::uint32_t highest_{};
};

}  // namespace weft::classifier
