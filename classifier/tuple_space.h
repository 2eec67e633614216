// RuleTable: one port's match-action rules compiled for look-up, with a constant bound on its cost.
//
// Tuple space search: rules that look at the same bits (the same mask) are one *tuple*, an exact-match
// hash table over the masked key. A look-up asks each tuple at most once and keeps the match with the
// best rank. Tuples are sorted by the best rank inside, so the search ends as soon as no tuple left
// could do better:
//
//   tuple 0  mask: l3, destination/16, l4_proto, port   ranks 0, 3, 9
//   tuple 1  mask: l3, source/32                        ranks 4, 5
//   tuple 2  mask: nothing (eth)                        rank 12
//
// What bounds the cost, whatever an operator writes:
//
//   masks     at most kMaxRuleMasks a port; one more is refused when it is asked for. (The look-up
//             cost of a tuple space grows with the number of masks, which is why a switch that takes
//             masks from its tenants without a limit can be brought to its knees.)
//   probes    one bucket, one cache line, per tuple: compile() chooses each table's size and hash seed so
//             that no bucket holds more than its eight slots
//   compares  only slots whose 32 hash bits agree
//
// Immutable: control compiles a new table, puts it into the snapshot, and workers only ever read it. All
// rules of the port are in it, also those that hardware has taken: a driver may understand a pattern more
// narrowly than we do, and what slips through is judged here. What hardware has done already is not done
// twice: see counts_in_software.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "classifier/match_rule.h"
#include "classifier/rule_key.h"
#include "dataplane/base/ids.h"
#include "dataplane/base/lanes.h"
#include "dataplane/base/result.h"

namespace weft::classifier {

/// Most distinct masks of one port's rules.
inline constexpr std::size_t kMaxRuleMasks = 32;
/// Most patterns without ranges of one port's rules.
inline constexpr std::size_t kMaxRulePatterns = 65536;
inline constexpr std::uint32_t kNoRuleCounter = 0xFFFFFFFF;

/// A rule as the operator's list has it, and what control has assigned to it.
struct PortRule {
  std::uint32_t id{};
  MatchRule rule;
  std::uint32_t counter = kNoRuleCounter;  // index of its hit counters; none without a count action
  bool is_offloaded{};                     // FlowOffload has it in hardware
};

/// What to do with a frame. 28 octets, beside the rule's key: a hit needs no further cache line.
struct CompiledRule {
  std::uint32_t rank{};                    // smaller wins
  std::uint32_t id{};                      // of the rule on its port
  std::uint32_t counter = kNoRuleCounter;  // to be counted here; not set where hardware has counted
  std::uint32_t mark{};
  std::uint32_t port{};  // port_id: Weft's port number
  std::uint16_t queue{};
  std::uint16_t meter{};
  std::uint8_t ipv4_dscp{};
  std::uint8_t ipv6_dscp{};
  std::uint8_t actions{};  // bit n: MatchActionKind n

  [[nodiscard]] bool has(MatchActionKind kind) const noexcept {
    return ((actions >> static_cast<unsigned>(kind)) & 1U) != 0;
  }
};

/// Whether frames that reach the software are still to be counted. What hardware drops and what comes
/// through all the same are different frames; what it queues it has counted.
[[nodiscard]] bool counts_in_software(const PortRule& rule) noexcept;

/// What a burst found, by lane; nullptr: no rule matches.
using FoundRules = std::array<const CompiledRule*, kMaxBurst>;

class RuleTable {
 public:
  /// Cold. Precondition: every rule passed check(). Refuses more masks or patterns than the limits; the
  /// sentence names the rule that is one too many.
  [[nodiscard]] static Result<std::shared_ptr<const RuleTable>> compile(
      std::span<const PortRule> rules
  );

  /// The first rule that matches, in the order of priority and id; nullptr when none does.
  [[nodiscard]] const CompiledRule* find(const RuleKey& key) const noexcept;

  /// The same for the lanes of a burst; tuple by tuple, so that the misses of all lanes overlap.
  /// Lanes not in `lanes` are nullptr.
  [[nodiscard]] FoundRules find_bulk(const std::array<RuleKey, kMaxBurst>& keys, Lanes lanes)
      const noexcept;

  [[nodiscard]] bool is_empty() const noexcept { return tuples_.empty(); }
  /// Cost of a look-up that finds nothing, in probes.
  [[nodiscard]] std::size_t mask_count() const noexcept { return tuples_.size(); }

 private:
  static constexpr std::uint32_t kNothing = 0xFFFFFFFF;

  struct alignas(16) Entry {
    RuleKeyWords key{};
    CompiledRule rule;
  };

  /// Eight slots, one cache line. Unused slots have entry kNothing.
  struct alignas(kCacheLine) Bucket {
    std::array<std::uint32_t, 8> tags{};
    std::array<std::uint32_t, 8> entries{
        kNothing, kNothing, kNothing, kNothing, kNothing, kNothing, kNothing, kNothing};
  };
  static_assert(sizeof(Bucket) == kCacheLine);

  struct Tuple {
    RuleKeyWords mask{};
    std::uint32_t best_rank = kNothing;
    std::uint64_t seed{};
    std::uint64_t bucket_mask{};
    std::vector<Bucket> buckets;
    std::vector<Entry> entries;
  };

  static bool fill_buckets(Tuple& tuple);
  static const CompiledRule* find_in(
      const Tuple& tuple, const RuleKeyWords& masked, std::uint64_t hash
  ) noexcept;

  std::vector<Tuple> tuples_;
};

}  // namespace weft::classifier
