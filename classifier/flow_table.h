// FlowTable: a worker's connections, found by key. Exact match, fixed memory, one writer.
//
// Layout. Entries are 64 octets (flow_entry.h) in buckets of 16 slots; beside them lies one tag
// octet per slot, 16 of which are compared in one instruction. A key has two buckets and may be in
// any slot of either. A look-up reads the tags and then one entry, which is almost always the right
// one: tags of a million entries are 1.4 MB, so they stay in the second-level cache and a hit costs
// one line from memory. An entry never moves while it lives, so pointers stay good through any
// insertion or eviction of others; side arrays go by slot.
//
//   cycles per packet, bulks of 32, random       1 k  100 k    1 M   10 M   octets per entry
//   hit:  this layout, 3/4 full                   16     30     37     67         88
//         linear table of entries, half full      16     38     70    116        128
//         the same, 4/5 full                      28     41    118    194         80
//         buckets of (tag 16, index 32 bits)      16     30     46     57         72
//   miss: this layout                             13     14     21     74
//         linear table, half full                 31     50     96    157
//         buckets of tags and indices             13     12     77    112
//
// (Prototypes of the four, AMD EPYC family 26 at 2.6 GHz, g++ 12 -O3, best of 20,000; the finished
// table: perf/flow_table_bench.cc.)
//
// A new key goes into its first bucket until that is 3/4 full, then into the emptier of both. With
// 4/3 slots per entry both are full about once in a million insertions into a full table (measured;
// who wants to provoke it needs the seed of the hash). Such a key goes to the annex: a few more
// buckets, looked at only while something is in them.
//
// Fairness. Entries are accounted to their endpoint (owner_accounts.h). When the table is full, an
// owner that wants one more takes it from the heaviest owner, if that has at least two more than
// it, or else from itself. So a lighter owner never loses anything, and two owners never take the
// same entry from each other in turn. Of the loser's entries a closing one (or a fragment) goes
// first, then one that is being opened (half-open, unreplied), then a settled one. Within a class
// they stand in line. The first goes, unless it was used since it got its place: such a one goes to
// the end of the line instead (a second chance: the CLOCK algorithm), and of kEvictionScan that
// were all used, the one that has been idle longest is taken.
//
// Time. Nothing happens by itself: sweep() looks at a few buckets per call and removes what is
// over. An entry may therefore be found after its time; whoever finds it asks is_expired()
// (conntrack.h).
//
// Threads: all of it belongs to one worker. Control creates the table before the worker runs;
// creation is the only allocation. Wanted by the flow stage, per burst:
//
//   for each lane: keys[i] = connection_key(...).key; hashes[i] = table.hash(keys[i]);
//   const std::uint64_t hits = table.find_bulk(keys, hashes, found);
//   ... found[i]->seen = now ... else table.insert(keys[i], hashes[i], state, now, limits)
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include <emmintrin.h>

#include "classifier/connection_key.h"
#include "classifier/conntrack.h"
#include "classifier/flow_entry.h"
#include "classifier/mapped_memory.h"
#include "classifier/owner_accounts.h"
#include "dataplane/base/result.h"

namespace weft::classifier {

inline constexpr std::size_t kMaxBulk = 64;
inline constexpr std::uint32_t kMaxFlowEntries = 100'000'000;
inline constexpr std::uint32_t kEvictionScan = 16;

struct FlowTableConfig {
  std::uint32_t max_entries = 1'000'000;  // 1 to kMaxFlowEntries; about 100 octets each
  std::uint32_t max_owners = 16'384;      // 1 to kMaxKeyEndpoints; 48 octets each
  std::uint64_t seed{};                   // of the hash: random, secret
};

/// Octets that a table of that configuration takes.
[[nodiscard]] std::uint64_t flow_table_size(const FlowTableConfig& config) noexcept;

enum class InsertStatus : std::uint8_t {
  ok,
  exists,                 // the entry was there already and is unchanged
  over_connection_limit,  // OwnerLimits::max_connections
  over_connection_rate,   // OwnerLimits::new_per_second
  table_full  // and nothing may be evicted: every owner has one entry, and this one none
};

struct Inserted {
  InsertStatus status;
  FlowEntry* entry;  // ok and exists; else nullptr
};

/// Since creation, except `entries`.
struct FlowTableStats {
  std::uint64_t entries{};  // now
  std::uint64_t inserted{};
  std::uint64_t erased{};
  std::uint64_t expired{};
  std::uint64_t evicted{};   // of others and of the owner itself, to make room
  std::uint64_t recycled{};  // closing ones of an owner at its connection limit
  std::uint64_t over_connection_limit{};
  std::uint64_t over_connection_rate{};
  std::uint64_t table_full{};
};

class FlowTable {
 public:
  [[nodiscard]] static Result<FlowTable> create(const FlowTableConfig& config);

  [[nodiscard]] std::uint64_t hash(const ConnectionKey& key) const noexcept {
    return connection_hash(key, seed_);
  }
  /// Brings the tags of a key's first bucket near.
  void prefetch(std::uint64_t hash) const noexcept {
    __builtin_prefetch(&tags_[std::size_t{first_bucket(hash)} * kWays]);
  }

  // In all of these `hash` is hash(key). An entry stays where it is until it is erased, expires or
  // is evicted. So after an insert() a pointer that was found before still points into the table,
  // but perhaps to another entry or to none: who goes on with it asks entry->is_of(key), which
  // costs little because the line is near.

  [[nodiscard]] FlowEntry* find(const ConnectionKey& key, std::uint64_t hash) noexcept;
  /// Bit i of the answer: keys[i] was found. `found[i]` is its entry or nullptr. All three spans
  /// have the same size, at most kMaxBulk. Wants prefetch() of every hash, a while ago.
  [[nodiscard]] std::uint64_t find_bulk(
      std::span<const ConnectionKey> keys,
      std::span<const std::uint64_t> hashes,
      std::span<FlowEntry*> found
  ) noexcept;

  /// A new entry: the given key, state (not `none`) and `seen`, one packet, the rest zero. May evict
  /// an entry: see Fairness above. An owner at its connection limit that has closing entries loses the oldest
  /// of those.
  [[nodiscard]] Inserted insert(
      const ConnectionKey& key,
      std::uint64_t hash,
      ConnState state,
      CoarseTime now,
      const OwnerLimits& limits
  ) noexcept;

  // Precondition of these: the entry is in the table.
  void set_state(FlowEntry& entry, ConnState state) noexcept {
    const FlowClass before = info(entry.state).flow_class;
    const FlowClass after = info(state).flow_class;
    entry.state = state;
    if (before == after) return;
    owners_.move(entry.key.endpoint(), before, after, slot_of(entry));
    owners_.mark(slot_of(entry)) = entry.packets;
  }
  void erase(FlowEntry& entry) noexcept;

  /// Looks at the next `max_buckets` buckets, 16 slots each, and removes entries whose time is
  /// over; answers how many. The whole table takes bucket_count() of them.
  std::uint32_t sweep(CoarseTime now, const Timeouts& timeouts, std::uint32_t max_buckets) noexcept;
  /// Removes up to `max_entries` of the owner's entries; true when none is left. Its new-connection
  /// credit starts anew then.
  [[nodiscard]] bool erase_owner(EndpointIndex owner, std::uint32_t max_entries) noexcept;

  /// Calls visit(const FlowEntry&) for every entry in `max_buckets` buckets from `cursor` (0 to
  /// begin with) and answers where to go on, bucket_count() at the end. What is inserted meanwhile
  /// may or may not be seen.
  template <typename Visit>
  [[nodiscard]] std::uint32_t visit(
      std::uint32_t cursor, std::uint32_t max_buckets, Visit visit_entry
  ) const noexcept {
    const std::uint32_t end = cursor + std::min(max_buckets, bucket_count_ - cursor);
    for (; cursor < end; ++cursor) {
      for (std::uint32_t ways = used_ways(cursor); ways != 0; ways &= ways - 1U) {
        visit_entry(entries_[slot_at(cursor, ways).value()]);
      }
    }
    return end;
  }

  /// The owner's entry of that class that has been in it longest, or nullptr.
  [[nodiscard]] FlowEntry* oldest(EndpointIndex owner, FlowClass flow_class) noexcept {
    const FlowSlot slot = owners_.front(owner, flow_class);
    return slot != kNoSlot ? &entries_[slot.value()] : nullptr;
  }

  [[nodiscard]] std::uint32_t bucket_count() const noexcept { return bucket_count_; }
  [[nodiscard]] std::uint32_t max_entries() const noexcept { return max_entries_; }
  /// Precondition of both: owner < max_owners.
  [[nodiscard]] std::uint32_t count(EndpointIndex owner) const noexcept {
    return owners_.count(owner);
  }
  [[nodiscard]] std::uint32_t live_count(EndpointIndex owner) const noexcept {
    return owners_.live_count(owner);
  }
  [[nodiscard]] const FlowTableStats& stats() const noexcept { return stats_; }

 private:
  static constexpr std::uint32_t kWays = 16;

  FlowTable() noexcept = default;

  // Parts of the hash that do not depend on each other: high half scaled, its lowest octet, low
  // half scaled.
  [[nodiscard]] std::uint32_t first_bucket(std::uint64_t hash) const noexcept {
    return scaled(static_cast<std::uint32_t>(hash >> 32U), home_count_);
  }
  [[nodiscard]] std::uint32_t second_bucket(std::uint64_t hash) const noexcept {
    return scaled(static_cast<std::uint32_t>(hash), home_count_);
  }
  [[nodiscard]] static std::uint8_t tag_of(std::uint64_t hash) noexcept {
    const auto tag = static_cast<std::uint8_t>(hash >> 32U);
    return tag != 0 ? tag : std::uint8_t{1};  // 0 is an empty slot
  }
  [[nodiscard]] std::uint32_t annex_bucket(std::uint64_t hash) const noexcept {
    return home_count_ +
           scaled(static_cast<std::uint32_t>(hash >> 16U), bucket_count_ - home_count_);
  }
  [[nodiscard]] static std::uint32_t scaled(std::uint32_t part, std::uint32_t count) noexcept {
    return static_cast<std::uint32_t>((std::uint64_t{part} * count) >> 32U);
  }

  [[nodiscard]] static FlowSlot slot_at(std::uint32_t bucket, std::uint32_t ways) noexcept {
    return FlowSlot{bucket * kWays + static_cast<std::uint32_t>(std::countr_zero(ways))};
  }
  [[nodiscard]] FlowSlot slot_of(const FlowEntry& entry) const noexcept {
    return FlowSlot{static_cast<std::uint32_t>(&entry - entries_.data())};
  }
  [[nodiscard]] bool is_in_annex(FlowSlot slot) const noexcept {
    return slot.value() >= home_count_ * kWays;
  }
  /// Bit w: the tag of way w of the bucket.
  // measured: prototype of the table in the comment on top, 1 M entries, a loop over 16 octets -> SSE2, 47 -> 38
  // cycles per hit, 53 -> 18 per miss.
  [[nodiscard]] std::uint32_t ways_with(std::uint32_t bucket, std::uint8_t tag) const noexcept {
    static_assert(kWays == sizeof(__m128i));
    const auto* tags = reinterpret_cast<const __m128i*>(tags_.data() + std::size_t{bucket} * kWays);
    const __m128i equal =
        _mm_cmpeq_epi8(_mm_load_si128(tags), _mm_set1_epi8(static_cast<char>(tag)));
    return static_cast<std::uint32_t>(_mm_movemask_epi8(equal));
  }
  [[nodiscard]] std::uint32_t used_ways(std::uint32_t bucket) const noexcept {
    return ~ways_with(bucket, 0) & 0xFFFFU;
  }

  [[nodiscard]] FlowEntry* find_in(
      std::uint32_t bucket, const ConnectionKey& key, std::uint64_t hash
  ) noexcept;
  void prefetch_place(std::uint64_t hash) const noexcept;
  [[nodiscard]] FlowSlot free_slot(std::uint64_t hash) const noexcept;
  [[nodiscard]] InsertStatus admit(
      EndpointIndex owner, CoarseTime now, const OwnerLimits& limits
  ) noexcept;
  [[nodiscard]] bool make_room(EndpointIndex owner, CoarseTime now) noexcept;
  [[nodiscard]] FlowSlot next_to_go(
      EndpointIndex owner, FlowClass flow_class, CoarseTime now
  ) noexcept;
  void prefetch_front(EndpointIndex owner, FlowClass flow_class) const noexcept;
  void evict_from(EndpointIndex owner, CoarseTime now) noexcept;
  void release(FlowSlot slot) noexcept;

  MappedArray<std::uint8_t> tags_;  // 0: empty
  MappedArray<FlowEntry> entries_;
  OwnerAccounts owners_;
  FlowTableStats stats_;
  std::uint64_t seed_{};
  std::uint32_t home_count_{};    // buckets that hashes lead to; the annex follows
  std::uint32_t bucket_count_{};  // all of them
  std::uint32_t annex_entries_{};
  std::uint32_t max_entries_{};
  std::uint32_t sweep_cursor_{};
};

}  // namespace weft::classifier
