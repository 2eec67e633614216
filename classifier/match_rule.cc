#include "classifier/match_rule.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace weft::classifier {
namespace {

/// One end of a range and a mask over it.
struct Prefix {
  std::uint64_t value{};
  std::uint64_t mask{};
};

/// first ... last of a field of `bits` as the fewest prefixes, lowest first.
std::vector<Prefix> prefixes_of(std::uint64_t first, std::uint64_t last, std::size_t bits) {
  assert(first <= last && bits <= 16);
  const std::uint64_t ones = (std::uint64_t{1} << bits) - 1U;
  std::vector<Prefix> prefixes;
  while (first <= last) {
    // The largest block that begins at `first` and does not pass `last`.
    std::uint64_t block = 1;
    while (block <= ones && first % (block * 2) == 0 && first + block * 2 - 1 <= last) block *= 2;
    prefixes.push_back(Prefix{first, ones & ~(block - 1)});
    first += block;
  }
  return prefixes;
}

std::size_t expansion_of(const MatchPattern& pattern) {
  std::size_t product = 1;
  for (const ItemMatch& item : pattern) {
    for (const FieldMatch& field : item.fields) {
      if (!field.last.has_value()) continue;
      const std::size_t bits = info(field.field).bits;
      product *= prefixes_of(field.spec.number(), field.last->number(), bits).size();
    }
  }
  return product;
}

bool overlap(MatchField a, MatchField b) {
  return a == b ||
         (a == MatchField::vlan_tci &&
          (b == MatchField::vlan_pcp || b == MatchField::vlan_dei || b == MatchField::vlan_vid));
}

std::string name_of(MatchField field) {
  return std::string{info(field).name};
}

/// The first thing wrong with one field; empty when nothing is.
std::string reason_against(const FieldMatch& match, MatchItem item) {
  const MatchFieldInfo& row = info(match.field);
  const FieldValue ones = FieldValue::ones(row.bits);
  if (row.item != item) return std::string{info(item).name} + " has no such field";
  if ((match.spec & ones) != match.spec || (match.mask & ones) != match.mask) {
    return "the value does not fit the field's " + std::to_string(row.bits) + " bits";
  }
  if (!match.last.has_value()) return {};
  if (!row.may_have_range) {
    return "a range (last) is taken for ports, vid, pcp, tos and tc only; a mask may say it";
  }
  if (match.mask != ones) return "a range (last) and a mask exclude each other";
  if ((*match.last & ones) != *match.last) {
    return "the value does not fit the field's " + std::to_string(row.bits) + " bits";
  }
  if (*match.last < match.spec) {
    return "last " + std::to_string(match.last->number()) + " is below spec " +
           std::to_string(match.spec.number());
  }
  return {};
}

Result<Ok, RuleComplaint> check_fields(const ItemMatch& item, const std::string& path) {
  for (std::size_t i = 0; i < item.fields.size(); ++i) {
    const FieldMatch& match = item.fields[i];
    const std::string where = path + "." + name_of(match.field);
    std::string reason = reason_against(match, item.item);
    if (!reason.empty()) return RuleComplaint{where, std::move(reason)};
    for (std::size_t k = 0; k < i; ++k) {
      const MatchField other = item.fields[k].field;
      if (overlap(other, match.field) || overlap(match.field, other)) {
        return RuleComplaint{where, name_of(other) + " has said already what these bits must be"};
      }
    }
  }
  return Ok{};
}

/// What may stand directly below an item; empty: all is well.
std::string reason_against_order(MatchItem below, MatchItem above, bool is_third_tag) {
  const MatchLayer low = info(below).layer;
  const MatchLayer high = info(above).layer;
  const auto name = [](MatchItem item) { return std::string{info(item).name}; };
  if (low == MatchLayer::tunnel) {
    return "what is inside " + name(below) +
           " can not be matched here: a rule at the endpoint sees it without the outer headers";
  }
  if (is_third_tag) return "at most 2 vlan items are supported";
  const bool is_tag = high == MatchLayer::vlan;
  const bool is_next = static_cast<int>(high) == static_cast<int>(low) + 1;
  const bool skips_tag = low == MatchLayer::ethernet && high == MatchLayer::network;
  if ((is_tag && low <= MatchLayer::vlan) || (!is_tag && is_next) || skips_tag) {
    if (above == MatchItem::vxlan && below != MatchItem::udp) return "vxlan must follow udp";
    if (above == MatchItem::icmp && below != MatchItem::ipv4) return "icmp must follow ipv4";
    if (above == MatchItem::icmp6 && below != MatchItem::ipv6) return "icmp6 must follow ipv6";
    if (above != MatchItem::nvgre) return {};
  }
  if (above == MatchItem::nvgre) {
    return low == MatchLayer::network ? "" : "nvgre must follow ipv4 or ipv6";
  }
  return name(above) + " can not follow " + name(below);
}

Result<Ok, RuleComplaint> check_pattern(const MatchPattern& pattern) {
  if (pattern.empty()) {
    return RuleComplaint{"pattern", "is empty: `eth` alone matches every frame"};
  }
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const std::string path = "pattern[" + std::to_string(i) + "]";
    if (i > 0) {
      const bool is_third_tag =
          i > 1 && pattern[i].item == MatchItem::vlan && pattern[i - 2].item == MatchItem::vlan;
      std::string reason = reason_against_order(pattern[i - 1].item, pattern[i].item, is_third_tag);
      if (!reason.empty()) return RuleComplaint{path, std::move(reason)};
    }
    if (auto checked = check_fields(pattern[i], path); !checked) return checked.error();
  }
  const bool has_tag_item =
      std::ranges::find(pattern, MatchItem::vlan, &ItemMatch::item) != pattern.end();
  for (const FieldMatch& field : pattern[0].fields) {
    const bool says_untagged = field.field == MatchField::eth_has_vlan &&
                               field.mask != FieldValue{} && field.spec == FieldValue{};
    if (says_untagged && has_tag_item) {
      return RuleComplaint{"pattern[0].has_vlan", "0 contradicts the vlan item"};
    }
  }
  const std::size_t expansion = expansion_of(pattern);
  if (expansion > kMaxExpansion) {
    return RuleComplaint{
        "pattern",
        "its ranges become " + std::to_string(expansion) + " prefixes, above the limit " +
            std::to_string(kMaxExpansion)};
  }
  return Ok{};
}

bool is_fate(MatchActionKind kind) {
  return kind == MatchActionKind::drop || kind == MatchActionKind::queue ||
         kind == MatchActionKind::port_id;
}

Result<Ok, RuleComplaint> check_actions(const std::vector<MatchAction>& actions) {
  if (actions.empty()) return RuleComplaint{"actions", "is empty: a rule must do something"};
  for (std::size_t i = 0; i < actions.size(); ++i) {
    const MatchActionInfo& row = info(actions[i].kind);
    const std::string path = "actions[" + std::to_string(i) + "]";
    if (actions[i].value > row.limit) {
      return RuleComplaint{
          path + "." + std::string{row.parameter},
          std::to_string(actions[i].value) + " is above the limit " + std::to_string(row.limit)};
    }
    for (std::size_t k = 0; k < i; ++k) {
      const MatchActionKind other = actions[k].kind;
      if (other == row.kind) {
        return RuleComplaint{path, std::string{row.name} + " is given twice"};
      }
      if (is_fate(other) && is_fate(row.kind)) {
        return RuleComplaint{
            path,
            std::string{row.name} + " and " + std::string{info(other).name} +
                " exclude each other: a frame has one fate"};
      }
    }
  }
  return Ok{};
}

}  // namespace

FieldValue FieldValue::of(std::uint64_t number) noexcept {
  FieldValue value;
  for (std::size_t i = 0; i < 8; ++i) {
    value.octets[15 - i] = static_cast<std::uint8_t>(number >> (8U * i));
  }
  return value;
}

FieldValue FieldValue::prefix(std::size_t bits, std::size_t length) noexcept {
  FieldValue value;
  for (std::size_t i = 128 - bits; i < 128 - bits + length; ++i) {
    value.octets[i / 8] |= static_cast<std::uint8_t>(0x80U >> (i % 8));
  }
  return value;
}

FieldValue FieldValue::ones(std::size_t bits) noexcept {
  return prefix(bits, bits);
}

std::uint64_t FieldValue::number() const noexcept {
  std::uint64_t number = 0;
  for (std::size_t i = 8; i < 16; ++i) number = number << 8U | octets[i];
  return number;
}

FieldValue operator&(const FieldValue& a, const FieldValue& b) noexcept {
  FieldValue value;
  for (std::size_t i = 0; i < value.octets.size(); ++i) value.octets[i] = a.octets[i] & b.octets[i];
  return value;
}

Result<Ok, RuleComplaint> check(const MatchRule& rule) {
  if (rule.priority > kMaxRulePriority) {
    return RuleComplaint{
        "priority",
        std::to_string(rule.priority) + " is above the limit " + std::to_string(kMaxRulePriority)};
  }
  if (auto checked = check_pattern(rule.pattern); !checked) return checked.error();
  return check_actions(rule.actions);
}

std::vector<MatchPattern> without_ranges(const MatchPattern& pattern) {
  std::vector<MatchPattern> patterns{pattern};
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    for (std::size_t f = 0; f < pattern[i].fields.size(); ++f) {
      const FieldMatch& range = pattern[i].fields[f];
      if (!range.last.has_value()) continue;
      const std::vector<Prefix> prefixes =
          prefixes_of(range.spec.number(), range.last->number(), info(range.field).bits);
      std::vector<MatchPattern> multiplied;
      for (const MatchPattern& one : patterns) {
        for (const Prefix& prefix : prefixes) {
          multiplied.push_back(one);
          FieldMatch& field = multiplied.back()[i].fields[f];
          field.spec = FieldValue::of(prefix.value);
          field.mask = FieldValue::of(prefix.mask);
          field.last.reset();
        }
      }
      patterns = std::move(multiplied);
    }
  }
  return patterns;
}

bool has_action(const MatchRule& rule, MatchActionKind kind) noexcept {
  return std::ranges::any_of(rule.actions, [kind](const MatchAction& action) {
    return action.kind == kind;
  });
}

}  // namespace weft::classifier
