// MappedMemory and MappedArray: zeroed memory that is there before the first packet, on huge pages.
//
// A table of gigabytes on 4 KB pages misses the TLB on every look-up, and pages that the kernel
// hands out only when they are touched stall a worker. So: mapped once, aligned to 2 MB with
// MADV_HUGEPAGE, populated before create() returns. On a NUMA machine the pages are where the
// calling thread runs.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "dataplane/base/result.h"

namespace weft::classifier {

class MappedMemory {
 public:
  MappedMemory() noexcept = default;
  MappedMemory(MappedMemory&& other) noexcept { swap(other); }
  MappedMemory& operator=(MappedMemory&& other) noexcept {
    swap(other);
    return *this;
  }
  MappedMemory(const MappedMemory&) = delete;
  MappedMemory& operator=(const MappedMemory&) = delete;
  ~MappedMemory();

  /// `size` octets > 0. `purpose` begins the sentence of a failure.
  [[nodiscard]] static Result<MappedMemory> create(std::size_t size, std::string_view purpose);

  [[nodiscard]] void* data() const noexcept { return data_; }

 private:
  void swap(MappedMemory& other) noexcept {
    std::swap(mapping_, other.mapping_);
    std::swap(mapped_size_, other.mapped_size_);
    std::swap(data_, other.data_);
  }

  void* mapping_{};
  std::size_t mapped_size_{};
  void* data_{};  // inside the mapping, aligned
};

/// `count` values of a type for which zero octets are a value.
template <typename T>
class MappedArray {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  MappedArray() noexcept = default;
  [[nodiscard]] static Result<MappedArray> create(std::size_t count, std::string_view purpose) {
    auto memory = MappedMemory::create(count * sizeof(T), purpose);
    if (!memory) return memory.error();
    MappedArray array;
    array.values_ = static_cast<T*>(memory->data());
    array.count_ = count;
    array.memory_ = std::move(*memory);
    return array;
  }

  [[nodiscard]] T& operator[](std::size_t i) noexcept { return values_[i]; }
  [[nodiscard]] const T& operator[](std::size_t i) const noexcept { return values_[i]; }
  [[nodiscard]] T* data() noexcept { return values_; }
  [[nodiscard]] const T* data() const noexcept { return values_; }
  [[nodiscard]] std::size_t count() const noexcept { return count_; }

 private:
  MappedMemory memory_;
  T* values_{};
  std::size_t count_{};
};

}  // namespace weft::classifier
