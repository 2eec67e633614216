// CowTable<Key, Value>: a hash table whose copies share every chunk that did not change.
//
// The same idea as CowArray: control copies, changes k entries at the cost of O(k) chunk clones,
// publishes. Lookup is open addressing with linear probing inside one chunk and then the next; the load
// is kept at or below one half, so a lookup is usually one cache line. Keys are trivially copyable and compared
// with ==. Growth rehashes everything (amortised).
//
// Threads: any number of readers of a published table; only control writes, before publication.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace weft {

/// A 64-bit mix of a trivially copyable key without padding: multiply-xorshift over its 8-octet words.
template <typename Key>
[[nodiscard]] inline std::uint64_t cow_hash(const Key& key) noexcept {
  static_assert(std::has_unique_object_representations_v<Key>, "padding would be hashed");
  std::uint64_t hash = 0x9E3779B97F4A7C15U;
  const auto* octets = reinterpret_cast<const std::uint8_t*>(&key);
  for (std::size_t i = 0; i < sizeof(Key); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, octets + i, sizeof(Key) - i < 8 ? sizeof(Key) - i : 8);
    hash = (hash ^ word) * 0xBF58476D1CE4E5B9U;
    hash ^= hash >> 31U;
  }
  return hash;
}

template <typename Key, typename Value, std::size_t kChunk = 64>
class CowTable {
  static_assert(std::is_trivially_copyable_v<Key> && std::is_trivially_copyable_v<Value>);

 private:
  struct Slot {
    Key key{};
    Value value{};
    bool is_used{};
  };

 public:
  CowTable() { chunks_.push_back(std::make_shared<Chunk>()); }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  /// The value, or nullptr. Valid as long as this table is.
  [[nodiscard]] const Value* find(const Key& key) const noexcept {
    const std::size_t mask = capacity() - 1U;
    for (std::size_t i = cow_hash(key) & mask;; i = (i + 1U) & mask) {
      const Slot& slot = at(i);
      if (!slot.is_used) return nullptr;
      if (slot.key == key) return &slot.value;
    }
  }

  /// Look-ups in two steps, for bursts: first approach() for all keys, then find() for all. Valid as long as the table.
  ///
  ///   const auto reader = table.reader();
  ///   for each i: places[i] = reader.approach(keys[i]);
  ///   for each i: const Value* value = reader.find(places[i], keys[i]);
  class Reader {
   public:
    using Place = const void*;
    /// Brings the slot near where the key is, unless another key was there first.
    [[nodiscard]] Place approach(const Key& key) const noexcept {
      const std::size_t i = cow_hash(key) & mask_;
      const Slot* slot = &(*chunks_[i / kChunk])[i % kChunk];
      __builtin_prefetch(slot);
      return slot;
    }
    /// `place`: approach(key).
    [[nodiscard]] const Value* find(Place place, const Key& key) const noexcept {
      const Slot& slot = *static_cast<const Slot*>(place);
      if (!slot.is_used) return nullptr;
      if (slot.key == key) [[likely]]
        return &slot.value;
      return table_->find(key);
    }

   private:
    friend CowTable;
    explicit Reader(const CowTable& table) noexcept
        : chunks_{table.chunks_.data()}, mask_{table.capacity() - 1U}, table_{&table} {}
    const std::shared_ptr<std::array<typename CowTable::Slot, kChunk>>* chunks_;
    std::size_t mask_;
    const CowTable* table_;
  };
  [[nodiscard]] Reader reader() const noexcept { return Reader{*this}; }
  void prefetch(const Key& key) const noexcept { (void)reader().approach(key); }

  /// Inserts or overwrites.
  void set(const Key& key, const Value& value) {
    if ((size_ + 1U) * 2U > capacity()) rehash(capacity() * 2U);
    const std::size_t i = slot_for(key);
    const bool was_used = at(i).is_used;
    Slot& slot = mutate(i);
    slot = Slot{key, value, true};
    if (!was_used) ++size_;
  }

  /// Answers whether there was such an entry. Backward-shift deletion: no tombstones.
  bool erase(const Key& key) {
    const std::size_t mask = capacity() - 1U;
    std::size_t hole = slot_for(key);
    if (!at(hole).is_used) return false;
    for (std::size_t i = (hole + 1U) & mask; at(i).is_used; i = (i + 1U) & mask) {
      const std::size_t home = cow_hash(at(i).key) & mask;
      if (((i - home) & mask) >= ((i - hole) & mask)) {
        mutate(hole) = at(i);
        hole = i;
      }
    }
    mutate(hole) = Slot{};
    --size_;
    return true;
  }

  /// Calls visit(key, value) for each entry, in no particular order.
  template <typename Visit>
  void for_each(Visit visit) const {
    for (const auto& chunk : chunks_) {
      for (const Slot& slot : *chunk) {
        if (slot.is_used) visit(slot.key, slot.value);
      }
    }
  }

 private:
  using Chunk = std::array<Slot, kChunk>;

  [[nodiscard]] std::size_t capacity() const noexcept { return chunks_.size() * kChunk; }
  [[nodiscard]] const Slot& at(std::size_t i) const noexcept {
    return (*chunks_[i / kChunk])[i % kChunk];
  }
  [[nodiscard]] Slot& mutate(std::size_t i) {
    std::shared_ptr<Chunk>& chunk = chunks_[i / kChunk];
    if (chunk.use_count() != 1) chunk = std::make_shared<Chunk>(*chunk);
    return (*chunk)[i % kChunk];
  }
  [[nodiscard]] std::size_t slot_for(const Key& key) const noexcept {
    const std::size_t mask = capacity() - 1U;
    std::size_t i = cow_hash(key) & mask;
    while (at(i).is_used && !(at(i).key == key)) i = (i + 1U) & mask;
    return i;
  }
  void rehash(std::size_t capacity) {
    CowTable next;
    next.chunks_.clear();
    while (next.chunks_.size() * kChunk < capacity)
      next.chunks_.push_back(std::make_shared<Chunk>());
    for_each([&next](const Key& key, const Value& value) {
      next.mutate(next.slot_for(key)) = Slot{key, value, true};
      ++next.size_;
    });
    *this = std::move(next);
  }

  std::vector<std::shared_ptr<Chunk>> chunks_;  // a power of two of them
  std::size_t size_{};
};

}  // namespace weft
