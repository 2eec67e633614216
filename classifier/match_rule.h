// Match-action rules as values: what `flow create` says, before it is compiled or offloaded.
//
// The vocabulary is DPDK's (rte_flow, testpmd's user guide): a pattern is a stack of items, lowest
// first, each with fields that must equal `spec` in the bits of `mask`, or lie in `spec` ... `last`;
// the actions happen to a frame that matches all of it.
//
//   eth / ipv4 dst 10.1.0.0/16 / udp dst 5000-5999        count / drop
//
// The same value goes two ways, and both must judge every frame alike:
//
//   MatchRule --without_ranges--> MatchPattern... --+-- rule_match (rule_key.h) --> RuleTable, software
//                                                   +-- FlowOffload (pmd-config/) --> rte_flow, hardware
//
// Meaning where rte_flow leaves room:
//   - Rules of a port are ordered by priority (0 first), then by id (older first). The first that
//     matches decides, with all of its actions; no other rule is looked at.
//   - A field that has a spec and no mask must match exactly. (testpmd would lay the item's default mask
//     over it, which then also compares fields that nobody wrote.)
//   - A pattern may begin at any layer: `udp` alone is UDP over IPv4 or IPv6, tagged or not. Between its
//     items no layer may be missing. `eth / ipv4` takes tagged frames as well.
//   - tcp, udp, icmp and icmp6 without fields match by protocol number, fragments included; a field of
//     theirs never matches a fragment that does not hold the header.
//   - vxlan and nvgre look at the outer frame; what is inside has rules at its own endpoint.
//   - A rule without drop, queue or port_id lets the frame go on as usual.
//
// Values only; nothing here is called by a worker.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/result.h"
#include "dataplane/net/match_field.h"

namespace weft::classifier {

/// A field's value as a big-endian number in the last octets: an IPv4 address is octets 12-15.
struct FieldValue {
  std::array<std::uint8_t, 16> octets{};

  [[nodiscard]] static FieldValue of(std::uint64_t number) noexcept;
  /// All of the lowest `bits` set. Precondition: bits <= 128.
  [[nodiscard]] static FieldValue ones(std::size_t bits) noexcept;
  /// The upper `length` of the lowest `bits` set. Precondition: length <= bits <= 128.
  [[nodiscard]] static FieldValue prefix(std::size_t bits, std::size_t length) noexcept;
  /// The lowest 64 bits.
  [[nodiscard]] std::uint64_t number() const noexcept;
  friend constexpr auto operator<=>(const FieldValue&, const FieldValue&) noexcept = default;
  friend FieldValue operator&(const FieldValue& a, const FieldValue& b) noexcept;
};

struct FieldMatch {
  MatchField field{};
  FieldValue spec;
  FieldValue mask;
  std::optional<FieldValue> last;  // the upper end of a range; the mask is full then
  friend bool operator==(const FieldMatch&, const FieldMatch&) = default;
};

struct ItemMatch {
  MatchItem item{};
  std::vector<FieldMatch> fields;  // in the order of kMatchFields
  friend bool operator==(const ItemMatch&, const ItemMatch&) = default;
};

using MatchPattern = std::vector<ItemMatch>;

struct MatchAction {
  MatchActionKind kind{};
  std::uint32_t value{};  // as kMatchActions says; 0 where the action has none
  friend bool operator==(const MatchAction&, const MatchAction&) = default;
};

struct MatchRule {
  std::uint32_t priority{};  // 0 is looked at first
  MatchPattern pattern;
  std::vector<MatchAction> actions;
  friend bool operator==(const MatchRule&, const MatchRule&) = default;
};

/// What is wrong with a rule, and where: "pattern[1].dst".
struct RuleComplaint {
  std::string path;
  std::string reason;
};

/// Most patterns without ranges that one rule may become.
inline constexpr std::size_t kMaxExpansion = 64;
inline constexpr std::uint32_t kMaxRulePriority = 0xFFFF;

/// Whether the rule has a meaning: the order of its items, its fields' widths, ranges and overlaps, its
/// actions. Everything below takes only rules that passed.
[[nodiscard]] Result<Ok, RuleComplaint> check(const MatchRule& rule);

/// `pattern` with each range written as prefixes, every combination of them: at most kMaxExpansion.
/// Precondition: check() passed.
[[nodiscard]] std::vector<MatchPattern> without_ranges(const MatchPattern& pattern);

/// Whether the rule has an action of this kind.
[[nodiscard]] bool has_action(const MatchRule& rule, MatchActionKind kind) noexcept;

}  // namespace weft::classifier
