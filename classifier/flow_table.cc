#include "classifier/flow_table.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <string>
#include <utility>

namespace weft::classifier {
namespace {

constexpr std::uint32_t kSlotsPerBucket = 16;  // kWays
/// Entries per bucket when the table is full: 3/4, see the header.
constexpr std::uint32_t kFillPerBucket = 12;
/// Free ways of the first bucket from which on the second one is considered.
constexpr int kCrowded = static_cast<int>(kSlotsPerBucket - kFillPerBucket);
constexpr FlowClass kEvictionOrder[] = {FlowClass::closing, FlowClass::opening, FlowClass::settled};

struct BucketCounts {
  std::uint32_t home;
  std::uint32_t all;  // with the annex
};

BucketCounts buckets_for(std::uint32_t max_entries) noexcept {
  const std::uint32_t home = max_entries / kFillPerBucket + 2U;
  return {home, home + home / 256U + 2U};
}

std::uint32_t idle_ticks(const FlowEntry& entry, CoarseTime now) noexcept {
  const auto idle = static_cast<std::int32_t>(now.value() - entry.seen.value());
  return static_cast<std::uint32_t>(std::max(idle, 0));
}

}  // namespace

std::uint64_t flow_table_size(const FlowTableConfig& config) noexcept {
  const std::uint64_t slots = std::uint64_t{buckets_for(config.max_entries).all} * kSlotsPerBucket;
  return slots * (sizeof(FlowEntry) + 1) +
         OwnerAccounts::size(
             config.max_owners, static_cast<std::uint32_t>(slots), config.max_entries
         );
}

Result<FlowTable> FlowTable::create(const FlowTableConfig& config) {
  if (config.max_entries == 0 || config.max_entries > kMaxFlowEntries) {
    return Error{
        "flow table: max_entries " + std::to_string(config.max_entries) + " is not in 1.." +
        std::to_string(kMaxFlowEntries)};
  }
  if (config.max_owners == 0 || config.max_owners > kMaxKeyEndpoints) {
    return Error{
        "flow table: max_owners " + std::to_string(config.max_owners) + " is not in 1.." +
        std::to_string(kMaxKeyEndpoints)};
  }
  const BucketCounts buckets = buckets_for(config.max_entries);
  const std::uint32_t slots = buckets.all * kWays;
  auto tags = MappedArray<std::uint8_t>::create(slots, "flow table tags");
  if (!tags) return tags.error();
  auto entries = MappedArray<FlowEntry>::create(slots, "flow table entries");
  if (!entries) return entries.error();
  auto owners = OwnerAccounts::create(config.max_owners, slots, config.max_entries);
  if (!owners) return owners.error();

  FlowTable table;
  table.tags_ = std::move(*tags);
  table.entries_ = std::move(*entries);
  table.owners_ = std::move(*owners);
  table.seed_ = config.seed;
  table.home_count_ = buckets.home;
  table.bucket_count_ = buckets.all;
  table.max_entries_ = config.max_entries;
  return table;
}

FlowEntry* FlowTable::find_in(
    std::uint32_t bucket, const ConnectionKey& key, std::uint64_t hash
) noexcept {
  for (std::uint32_t ways = ways_with(bucket, tag_of(hash)); ways != 0; ways &= ways - 1U) {
    FlowEntry& entry = entries_[slot_at(bucket, ways).value()];
    if (entry.key == key) return &entry;
  }
  return nullptr;
}

FlowEntry* FlowTable::find(const ConnectionKey& key, std::uint64_t hash) noexcept {
  assert(hash == this->hash(key));
  if (FlowEntry* entry = find_in(first_bucket(hash), key, hash)) return entry;
  if (FlowEntry* entry = find_in(second_bucket(hash), key, hash)) return entry;
  return annex_entries_ == 0 ? nullptr : find_in(annex_bucket(hash), key, hash);
}

std::uint64_t FlowTable::find_bulk(
    std::span<const ConnectionKey> keys,
    std::span<const std::uint64_t> hashes,
    std::span<FlowEntry*> found
) noexcept {
  assert(keys.size() <= kMaxBulk && hashes.size() == keys.size() && found.size() == keys.size());
  FlowEntry* const entries = entries_.data();
  // The entry that the tags point to. Right but for one look-up in twenty or so.
  for (std::size_t i = 0; i < keys.size(); ++i) {
    std::uint32_t bucket = first_bucket(hashes[i]);
    std::uint32_t ways = ways_with(bucket, tag_of(hashes[i]));
    if (ways == 0) {
      bucket = second_bucket(hashes[i]);
      ways = ways_with(bucket, tag_of(hashes[i]));
    }
    found[i] = ways != 0 ? &entries[slot_at(bucket, ways).value()] : nullptr;
    __builtin_prefetch(found[i], 1);
  }

  std::uint64_t hits = 0;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (found[i] == nullptr) {
      if (annex_entries_ != 0) found[i] = find_in(annex_bucket(hashes[i]), keys[i], hashes[i]);
      if (found[i] == nullptr) prefetch_place(hashes[i]);
    } else if (found[i]->key != keys[i]) [[unlikely]] {
      found[i] = find(keys[i], hashes[i]);
    }
    hits |= std::uint64_t{found[i] != nullptr} << i;
  }
  return hits;
}

/// Where insert() will write, most likely.
void FlowTable::prefetch_place(std::uint64_t hash) const noexcept {
  const FlowSlot slot = free_slot(hash);
  if (slot == kNoSlot) return;
  __builtin_prefetch(&entries_[slot.value()], 1);
  owners_.prefetch(slot);
}

FlowSlot FlowTable::free_slot(std::uint64_t hash) const noexcept {
  std::uint32_t bucket = first_bucket(hash);
  std::uint32_t ways = ways_with(bucket, 0);
  if (std::popcount(ways) <= kCrowded) {
    const std::uint32_t other = second_bucket(hash);
    const std::uint32_t other_ways = ways_with(other, 0);
    if (std::popcount(other_ways) > std::popcount(ways)) {
      bucket = other;
      ways = other_ways;
    }
  }
  if (ways == 0) [[unlikely]] {
    bucket = annex_bucket(hash);
    ways = ways_with(bucket, 0);
  }
  return ways != 0 ? slot_at(bucket, ways) : kNoSlot;
}

Inserted FlowTable::insert(
    const ConnectionKey& key,
    std::uint64_t hash,
    ConnState state,
    CoarseTime now,
    const OwnerLimits& limits
) noexcept {
  assert(state != ConnState::none);
  if (FlowEntry* entry = find(key, hash)) return {InsertStatus::exists, entry};
  const EndpointIndex owner = key.endpoint();
  const InsertStatus status = admit(owner, now, limits);
  if (status != InsertStatus::ok) return {status, nullptr};
  const FlowSlot slot = free_slot(hash);
  if (slot == kNoSlot) [[unlikely]] {
    ++stats_.table_full;
    return {InsertStatus::table_full, nullptr};
  }

  FlowEntry& entry = entries_[slot.value()];
  entry = FlowEntry{};
  entry.key = key;
  entry.state = state;
  entry.seen = now;
  entry.packets = 1;
  tags_[slot.value()] = tag_of(hash);
  annex_entries_ += is_in_annex(slot) ? 1U : 0U;
  owners_.add(owner, info(state).flow_class, slot);
  owners_.mark(slot) = 1;
  ++stats_.entries;
  ++stats_.inserted;
  return {InsertStatus::ok, &entry};
}

/// Whether `owner` may have one more; there is room for it then.
InsertStatus FlowTable::admit(
    EndpointIndex owner, CoarseTime now, const OwnerLimits& limits
) noexcept {
  assert(owner.value() < owners_.max_owners());
  const std::uint32_t limit = limits.max_connections;
  if (limit != 0 && owners_.live_count(owner) >= limit) {
    ++stats_.over_connection_limit;
    return InsertStatus::over_connection_limit;
  }
  if (!owners_.take_credit(owner, limits, now)) {
    ++stats_.over_connection_rate;
    return InsertStatus::over_connection_rate;
  }
  if (limit != 0 && owners_.count(owner) >= limit) {
    release(owners_.front(owner, FlowClass::closing));
    ++stats_.recycled;
  }
  if (stats_.entries == max_entries_ && !make_room(owner, now)) {
    ++stats_.table_full;
    return InsertStatus::table_full;
  }
  return InsertStatus::ok;
}

/// Precondition: the table is full. See Fairness in the header.
bool FlowTable::make_room(EndpointIndex owner, CoarseTime now) noexcept {
  const EndpointIndex heaviest = owners_.heaviest();
  const std::uint32_t own = owners_.count(owner);
  if (owners_.count(heaviest) >= own + 2U) {
    evict_from(heaviest, now);
  } else if (own != 0) {
    evict_from(owner, now);
  } else {
    return false;
  }
  ++stats_.evicted;
  return true;
}

/// Precondition: the owner has an entry.
void FlowTable::evict_from(EndpointIndex owner, CoarseTime now) noexcept {
  for (const FlowClass flow_class : kEvictionOrder) {
    const FlowSlot slot = next_to_go(owner, flow_class, now);
    if (slot == kNoSlot) continue;
    release(slot);
    prefetch_front(owner, flow_class);
    return;
  }
  assert(false && "the owner has no entry");
}

/// One eviction rarely comes alone, and the next one reads this.
// measured: with prefetch_place(), every packet a new connection in a full table of 262,144: 987 -> 797 cycles.
void FlowTable::prefetch_front(EndpointIndex owner, FlowClass flow_class) const noexcept {
  const FlowSlot slot = owners_.front(owner, flow_class);
  if (slot == kNoSlot) return;
  __builtin_prefetch(&entries_[slot.value()]);
  owners_.prefetch_front(owner, flow_class);
}

/// See Fairness in the header. The mark of an entry is its packets when it got its place.
FlowSlot FlowTable::next_to_go(EndpointIndex owner, FlowClass flow_class, CoarseTime now) noexcept {
  const FlowSlot first = owners_.front(owner, flow_class);
  FlowSlot idlest = first;
  FlowSlot slot = first;
  for (std::uint32_t i = 0; i < kEvictionScan && slot != kNoSlot; ++i) {
    const FlowEntry& entry = entries_[slot.value()];
    if (entry.packets == owners_.mark(slot)) return slot;
    owners_.mark(slot) = entry.packets;
    owners_.pass_over_front(owner, flow_class);
    if (idle_ticks(entry, now) > idle_ticks(entries_[idlest.value()], now)) idlest = slot;
    slot = owners_.front(owner, flow_class);
    if (slot == first) break;
  }
  return idlest;
}

void FlowTable::release(FlowSlot slot) noexcept {
  FlowEntry& entry = entries_[slot.value()];
  owners_.remove(entry.key.endpoint(), info(entry.state).flow_class, slot);
  entry.state = ConnState::none;
  tags_[slot.value()] = 0;
  annex_entries_ -= is_in_annex(slot) ? 1U : 0U;
  --stats_.entries;
}

void FlowTable::erase(FlowEntry& entry) noexcept {
  assert(tags_[slot_of(entry).value()] != 0);
  release(slot_of(entry));
  ++stats_.erased;
}

std::uint32_t FlowTable::sweep(
    CoarseTime now, const Timeouts& timeouts, std::uint32_t max_buckets
) noexcept {
  std::uint32_t expired = 0;
  for (std::uint32_t step = 0; step < std::min(max_buckets, bucket_count_); ++step) {
    for (std::uint32_t ways = used_ways(sweep_cursor_); ways != 0; ways &= ways - 1U) {
      const FlowSlot slot = slot_at(sweep_cursor_, ways);
      const FlowEntry& entry = entries_[slot.value()];
      if (!is_expired(entry.state, entry.seen, now, timeouts)) continue;
      release(slot);
      ++expired;
    }
    if (++sweep_cursor_ == bucket_count_) sweep_cursor_ = 0;
  }
  stats_.expired += expired;
  return expired;
}

bool FlowTable::erase_owner(EndpointIndex owner, std::uint32_t max_entries) noexcept {
  std::uint32_t left = max_entries;
  for (const FlowClass flow_class : kEvictionOrder) {
    for (; left != 0; --left) {
      const FlowSlot slot = owners_.front(owner, flow_class);
      if (slot == kNoSlot) break;
      release(slot);
      ++stats_.erased;
    }
  }
  if (owners_.count(owner) != 0) return false;
  owners_.forget_credit(owner);
  return true;
}

}  // namespace weft::classifier
