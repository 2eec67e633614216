#include "classifier/tuple_space.h"

#include <algorithm>
#include <cassert>
#include <string>
#include <utility>

namespace weft::classifier {
namespace {

/// Both halves of a 64 x 64 bit product, folded: every input bit reaches every output bit.
inline std::uint64_t fold(std::uint64_t a, std::uint64_t b) noexcept {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
}

/// Seeded, so that compile() can look for a seed that spreads the keys it has.
inline std::uint64_t hash_of(const RuleKeyWords& words, std::uint64_t seed) noexcept {
  constexpr std::uint64_t kOdd1 = 0x9E3779B97F4A7C15U;
  constexpr std::uint64_t kOdd2 = 0xC2B2AE3D27D4EB4FU;
  static_assert(kRuleKeyWords % 2 == 0);
  std::uint64_t hash = seed ^ kOdd1;
  for (std::size_t i = 0; i < kRuleKeyWords; i += 2) {
    hash = fold(words[i] ^ hash ^ kOdd1, words[i + 1] ^ seed ^ kOdd2) + hash * kOdd2;
  }
  return fold(hash ^ kOdd2, kOdd1 ^ seed);
}

inline std::uint32_t tag_of(std::uint64_t hash) noexcept {
  return static_cast<std::uint32_t>(hash >> 32U);
}

inline RuleKeyWords masked(const RuleKeyWords& words, const RuleKeyWords& mask) noexcept {
  RuleKeyWords result;
  for (std::size_t i = 0; i < kRuleKeyWords; ++i) result[i] = words[i] & mask[i];
  return result;
}

CompiledRule compiled(const PortRule& source, std::uint32_t rank) {
  CompiledRule rule;
  rule.rank = rank;
  rule.id = source.id;
  if (counts_in_software(source)) rule.counter = source.counter;
  for (const MatchAction& action : source.rule.actions) {
    rule.actions |= static_cast<std::uint8_t>(1U << static_cast<unsigned>(action.kind));
    switch (action.kind) {
      case MatchActionKind::drop:
      case MatchActionKind::count:
        break;
      case MatchActionKind::queue:
        rule.queue = static_cast<std::uint16_t>(action.value);
        break;
      case MatchActionKind::port_id:
        rule.port = action.value;
        break;
      case MatchActionKind::mark:
        rule.mark = action.value;
        break;
      case MatchActionKind::meter:
        rule.meter = static_cast<std::uint16_t>(action.value);
        break;
      case MatchActionKind::set_ipv4_dscp:
        rule.ipv4_dscp = static_cast<std::uint8_t>(action.value);
        break;
      case MatchActionKind::set_ipv6_dscp:
        rule.ipv6_dscp = static_cast<std::uint8_t>(action.value);
        break;
    }
  }
  return rule;
}

/// The order in which rules are looked at.
std::vector<const PortRule*> ranked(std::span<const PortRule> rules) {
  std::vector<const PortRule*> order;
  order.reserve(rules.size());
  for (const PortRule& rule : rules) order.push_back(&rule);
  std::ranges::stable_sort(order, [](const PortRule* a, const PortRule* b) {
    return a->rule.priority != b->rule.priority ? a->rule.priority < b->rule.priority
                                                : a->id < b->id;
  });
  return order;
}

Error above_limit(const PortRule& rule, const char* what, std::size_t limit) {
  return Error{
      "rule " + std::to_string(rule.id) + ": the port's rules would have more than the limit of " +
      std::to_string(limit) + " " + what};
}

}  // namespace

bool counts_in_software(const PortRule& rule) noexcept {
  return !rule.is_offloaded || has_action(rule.rule, MatchActionKind::drop);
}

Result<std::shared_ptr<const RuleTable>> RuleTable::compile(std::span<const PortRule> rules) {
  auto table = std::make_shared<RuleTable>();
  std::vector<Tuple>& tuples = table->tuples_;
  std::uint32_t rank = 0;
  std::size_t patterns = 0;
  for (const PortRule* source : ranked(rules)) {
    const CompiledRule rule = compiled(*source, rank++);
    for (const MatchPattern& pattern : without_ranges(source->rule.pattern)) {
      const RuleMatch match = rule_match(pattern);
      if (++patterns > kMaxRulePatterns) {
        return above_limit(*source, "patterns, ranges counted as their prefixes", kMaxRulePatterns);
      }
      auto tuple = std::ranges::find(tuples, match.mask, &Tuple::mask);
      if (tuple == tuples.end()) {
        if (tuples.size() == kMaxRuleMasks) {
          return above_limit(*source, "distinct masks", kMaxRuleMasks);
        }
        tuple = tuples.emplace(tuples.end());
        tuple->mask = match.mask;
        tuple->best_rank = rule.rank;  // ranks only grow
      }
      tuple->entries.push_back(Entry{match.key, rule});
    }
  }
  for (Tuple& tuple : tuples) {
    // Of equal keys only the best rank can ever be found.
    std::ranges::stable_sort(tuple.entries, {}, &Entry::key);
    const auto same = [](const Entry& a, const Entry& b) { return a.key == b.key; };
    tuple.entries.erase(
        std::unique(tuple.entries.begin(), tuple.entries.end(), same), tuple.entries.end()
    );
    // An average of two in a bucket of eight; then one, then less: random keys fit long before the
    // last, and distinct keys collide in all of 64 hash bits for no reason.
    std::size_t buckets = std::bit_ceil(tuple.entries.size() / 2 + 1);
    for (std::uint64_t attempt = 0;; ++attempt) {
      tuple.seed = attempt * 0xD6E8FEB86659FD93U;
      tuple.buckets.assign(buckets, Bucket{});
      tuple.bucket_mask = buckets - 1;
      if (fill_buckets(tuple)) break;
      if (attempt % 4 == 3) buckets *= 2;
    }
  }
  std::ranges::sort(tuples, {}, &Tuple::best_rank);
  return std::shared_ptr<const RuleTable>{std::move(table)};
}

bool RuleTable::fill_buckets(Tuple& tuple) {
  for (std::uint32_t i = 0; i < tuple.entries.size(); ++i) {
    const std::uint64_t hash = hash_of(tuple.entries[i].key, tuple.seed);
    Bucket& bucket = tuple.buckets[hash & tuple.bucket_mask];
    const auto slot = std::ranges::find(bucket.entries, kNothing);
    if (slot == bucket.entries.end()) return false;
    *slot = i;
    bucket.tags[static_cast<std::size_t>(slot - bucket.entries.begin())] = tag_of(hash);
  }
  return true;
}

const CompiledRule* RuleTable::find_in(
    const Tuple& tuple, const RuleKeyWords& words, std::uint64_t hash
) noexcept {
  const Bucket& bucket = tuple.buckets[hash & tuple.bucket_mask];
  const std::uint32_t tag = tag_of(hash);
  for (std::size_t slot = 0; slot < bucket.tags.size(); ++slot) {
    if (bucket.tags[slot] != tag || bucket.entries[slot] == kNothing) continue;
    const Entry& entry = tuple.entries[bucket.entries[slot]];
    if (entry.key == words) return &entry.rule;
  }
  return nullptr;
}

const CompiledRule* RuleTable::find(const RuleKey& key) const noexcept {
  const RuleKeyWords words = words_of(key);
  const CompiledRule* best = nullptr;
  for (const Tuple& tuple : tuples_) {
    if (best != nullptr && best->rank < tuple.best_rank) break;
    const RuleKeyWords seen = masked(words, tuple.mask);
    const CompiledRule* found = find_in(tuple, seen, hash_of(seen, tuple.seed));
    if (found != nullptr && (best == nullptr || found->rank < best->rank)) best = found;
  }
  return best;
}

FoundRules RuleTable::find_bulk(const std::array<RuleKey, kMaxBurst>& keys, Lanes lanes)
    const noexcept {
  FoundRules best{};
  std::array<std::uint64_t, kMaxBurst> hashes;
  for (const Tuple& tuple : tuples_) {
    for (const unsigned lane : lanes) {
      if (best[lane] != nullptr && best[lane]->rank < tuple.best_rank) {
        lanes.remove(lane);
        continue;
      }
      hashes[lane] = hash_of(masked(words_of(keys[lane]), tuple.mask), tuple.seed);
      __builtin_prefetch(&tuple.buckets[hashes[lane] & tuple.bucket_mask]);
    }
    if (lanes.is_empty()) break;
    for (const unsigned lane : lanes) {
      const RuleKeyWords seen = masked(words_of(keys[lane]), tuple.mask);
      const CompiledRule* found = find_in(tuple, seen, hashes[lane]);
      if (found == nullptr) continue;
      if (best[lane] == nullptr || found->rank < best[lane]->rank) best[lane] = found;
    }
  }
  return best;
}

}  // namespace weft::classifier
