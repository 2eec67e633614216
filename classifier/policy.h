// Policy: a tenant's compiled rules. Who may talk to whom, in a bounded number of memory accesses.
//
// A worker asks once per connection and end (policy_rules.h says what an end is and which rule decides):
//
//   const Side from = policy.side(identity_of(source), source);
//   const Side to = policy.side(identity_of(destination), destination);
//   const Verdict verdict = policy.judge(End::receiver, segment.policy_default, from, to, {6, 8080});
//
// How it gets by without walking rules:
//
//   address --(longest prefix match)--> CIDR class  \             one per band    service set      smallest
//                                                    > classes -> pairs of them -> of each pair -> rank wins
//   identity --(array)--------------> identity class /            (CellTable)     (ServiceSets)
//
// A *class* stands for all identities (or addresses) that the same selectors select. Every rule was entered at
// compile time into the cell (class of from, class of to) of each pair of classes it applies to, so the answer
// is in the cell of the pair at hand; "any" is a class too. A selector that holds many others (0.0.0.0/0, or a
// group that everybody is in) would have to be entered into all of their cells: where that costs too much, the
// compiler splits selectors into up to kBands *bands* in which they do not overlap, or hardly, and a packet has one
// class in each band. A judgement visits every pair of (any, identity bands, CIDR bands) that some rule uses:
// usually one to four, at most kMaxCombinations. Nothing else depends on the rules, only memory and compile time do,
// and those have limits (policy_compiler.h).
//
// Immutable: built by control (compile_policy), shared by the tenant's segments, read by any number of workers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "classifier/cell_table.h"
#include "classifier/policy_rules.h"
#include "classifier/range_table.h"
#include "classifier/service_sets.h"
#include "dataplane/base/ids.h"
#include "dataplane/net/addr.h"

namespace weft::classifier {

inline constexpr std::size_t kBands = 4;
/// Classes of one side: any, one per identity band, one per CIDR band.
inline constexpr std::size_t kSlots = 1 + 2 * kBands;
inline constexpr std::size_t kMaxCombinations = kSlots * kSlots;
/// Groups of one identity. Bounds what the `groups` default costs.
inline constexpr std::size_t kMaxGroups = 64;

inline constexpr std::uint32_t kNoRule = 0xFFFFFFFF;
inline constexpr std::uint32_t kNoCounter = 0xFFFFFFFF;

/// What the CIDR selectors of a policy make of an address. Meaningless in another policy.
using CidrClass = Strong<struct CidrClassTag, std::uint32_t>;

/// One side of a packet as this policy sees it.
struct Side {
  std::uint32_t identity{};  // 0: a stranger
  CidrClass cidr;
};

struct Verdict {
  PolicyAction action{PolicyAction::deny};
  bool is_stateful = true;  // false: judge every packet, and replies on their own
  bool is_agent{};          // allowed above all rules: one side is an agent of the host
  std::uint8_t dscp = kNoClass;
  std::uint16_t meter = kNoMeter;
  std::uint32_t rule = kNoRule;        // position in the list; kNoRule: agent or default
  std::uint32_t counter = kNoCounter;  // of that rule
  friend bool operator==(const Verdict&, const Verdict&) noexcept = default;
};

/// How large a policy came out, for `show policy`.
struct PolicyShape {
  std::size_t rules{};
  std::size_t combinations{};  // pairs of bands that a judgement visits
  std::size_t bands{};         // per kind; 1 unless selectors overlap too much
  std::size_t cells{};
  std::size_t service_sets{};
  std::size_t cidr_prefixes{};
  std::size_t octets{};  // of memory
};

/// A class in each band; kAbsent where nothing is selected.
using BandClasses = std::array<std::uint32_t, kBands>;
inline constexpr std::uint32_t kAbsent = 0xFFFFFFFF;
inline constexpr std::uint32_t kAnyClass = 0;  // of the slot `any`; no band uses it

/// The parts of a Policy; written by the compiler only.
struct PolicyTables {
  static constexpr std::uint32_t kAgentBit = 1U << 30U;  // in values of cidr_ranges

  struct alignas(kCacheLine) IdentityEntry {
    std::array<BandClasses, 2> classes;  // by End: as sender, as receiver
    std::uint64_t group_bits{};   // bit (group mod 64): nothing in common, no group in common
    std::uint32_t first_group{};  // in `groups`, ascending
    std::uint32_t group_count{};
  };
  struct alignas(kCacheLine / 2) CidrEntry {
    std::array<BandClasses, 2> classes;
  };
  struct Outcome {
    std::uint32_t rule{};
    std::uint32_t counter{};
    std::uint16_t meter{};
    std::uint8_t dscp{};
    PolicyAction action{};
    bool is_stateful{};
  };
  struct Combination {
    std::uint8_t from{};  // slot
    std::uint8_t to{};
  };

  std::vector<IdentityEntry> identities;  // never empty: [0] is the stranger
  std::vector<std::uint32_t> groups;
  RangeTable cidr_ranges;  // address to index in `cidrs`, and whether it is an agent's
  RangeTable::Root v4_root{};
  RangeTable::Root v6_root{};
  std::vector<CidrEntry> cidrs;  // never empty: [0] is no prefix
  std::vector<Combination> combinations;
  CellTable cells;
  ServiceSets services;
  std::vector<Outcome> outcomes;  // by Rank
  PolicyShape shape;
};

class Policy {
 public:
  /// Cache lines that judge reads at most, whatever the rules: 2 of identities, 2 of CIDR classes, the cell
  /// and service set of every combination, the rule, and the groups of both sides.
  static constexpr std::size_t kMaxLines =
      2 + 2 + kMaxCombinations * (CellTable::kMaxLines + ServiceSets::kMaxLines) + 1 +
      2 * (kMaxGroups / 16 + 1);
  /// And cidr_class, by IP version.
  static constexpr std::size_t kMaxLinesV4 = 8;
  static constexpr std::size_t kMaxLinesV6 = 32;

  explicit Policy(PolicyTables tables) noexcept : tables_{std::move(tables)} {}

  /// The most specific prefix that holds `address`. Free if the policy has no CIDR selectors.
  template <typename Touch = NoTouch>
  [[nodiscard]] CidrClass cidr_class(const IpAddress& address, Touch&& touch = {}) const noexcept {
    if (address.is_v4()) {
      return CidrClass{tables_.cidr_ranges.find<4>(tables_.v4_root, address.v4().octets, touch)};
    }
    return CidrClass{tables_.cidr_ranges.find<16>(tables_.v6_root, address.octets(), touch)};
  }

  /// `identity`: the tenant's id of the endpoint with that address, 0 if there is none. An id beyond those
  /// compiled (attached since) is a stranger until the next compile.
  [[nodiscard]] Side side(std::uint32_t identity, const IpAddress& address) const noexcept {
    return {identity < tables_.identities.size() ? identity : 0, cidr_class(address)};
  }

  /// Whether `from` may open a connection to `to`, judged at one end of it, and how it is treated.
  /// `fallback` decides if no rule does. Precondition: both sides come from side() of this policy.
  [[nodiscard]] Verdict judge(
      End end, PolicyDefault fallback, const Side& from, const Side& to, ServicePoint service
  ) const noexcept;

  /// The number of cache lines that judge reads for these arguments. For tests and diagnosis.
  [[nodiscard]] std::size_t lines_read(
      End end, PolicyDefault fallback, const Side& from, const Side& to, ServicePoint service
  ) const noexcept;

  /// Whether two identities have a group in common: the `groups` default.
  [[nodiscard]] bool shares_group(std::uint32_t a, std::uint32_t b) const noexcept;

  [[nodiscard]] const PolicyShape& shape() const noexcept { return tables_.shape; }

 private:
  using SlotClasses = std::array<std::uint32_t, kSlots>;

  template <typename Touch>
  [[nodiscard]] Verdict judge_counting(
      End end,
      PolicyDefault fallback,
      const Side& from,
      const Side& to,
      ServicePoint service,
      Touch&& touch
  ) const noexcept;
  template <typename Touch>
  [[nodiscard]] SlotClasses classes(const Side& side, End role, Touch&& touch) const noexcept;
  template <typename Touch>
  [[nodiscard]] bool shares_group_counting(std::uint32_t a, std::uint32_t b, Touch&& touch)
      const noexcept;

  PolicyTables tables_;
};

}  // namespace weft::classifier
