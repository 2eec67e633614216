// CowArray<T>: an array whose copies share every chunk that did not change.
//
// Control copies an array (one shared_ptr per chunk), writes a few entries into the copy, and publishes
// it: a write clones only the chunk it touches, and only once, because a chunk that nobody else holds is
// written in place. Readers pay two dependent loads. Any number of readers may read a published array;
// only control writes, and only arrays that are not published yet.
//
//   CowArray<TunnelEntry> next = current.tunnels;   // O(chunks)
//   next.mutate(i).is_resolved = true;              // clones one chunk
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

namespace weft {

template <typename T, std::size_t kChunk = 64>
class CowArray {
  static_assert((kChunk & (kChunk - 1U)) == 0, "a power of two");

 public:
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  /// Precondition: i < size().
  [[nodiscard]] const T& operator[](std::size_t i) const noexcept {
    return (*chunks_[i / kChunk])[i % kChunk];
  }
  /// nullptr if i is out of range: for indices that may be older than this array.
  [[nodiscard]] const T* find(std::size_t i) const noexcept {
    return i < size_ ? &(*this)[i] : nullptr;
  }

  /// The entry for writing. Precondition: i < size(), and this copy is not published.
  [[nodiscard]] T& mutate(std::size_t i) {
    std::shared_ptr<Chunk>& chunk = chunks_[i / kChunk];
    if (chunk.use_count() != 1) chunk = std::make_shared<Chunk>(*chunk);
    return (*chunk)[i % kChunk];
  }

  /// Grows with value-initialised entries; never shrinks.
  void grow(std::size_t size) {
    while (chunks_.size() * kChunk < size) chunks_.push_back(std::make_shared<Chunk>());
    if (size > size_) size_ = size;
  }

 private:
  using Chunk = std::array<T, kChunk>;
  std::vector<std::shared_ptr<Chunk>> chunks_;
  std::size_t size_{};
};

}  // namespace weft
