// LazyArray: a large array of which most is never used. Address space is taken at once, a page of memory
// when it is first touched; it starts as zero octets, so T must take those for a valid value.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include <sys/mman.h>

namespace weft {

template <typename T>
class LazyArray {
  static_assert(std::is_trivially_destructible_v<T>);

 public:
  LazyArray() noexcept = default;
  /// Of `count` elements; is_made() says whether there was room for it.
  explicit LazyArray(std::size_t count) noexcept : count_{count} {
    void* memory = mmap(
        nullptr,
        count * sizeof(T),
        PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
        -1,
        0
    );
    if (memory != MAP_FAILED) first_ = static_cast<T*>(memory);
  }
  LazyArray(LazyArray&& other) noexcept
      : first_{std::exchange(other.first_, nullptr)}, count_{std::exchange(other.count_, 0)} {}
  LazyArray& operator=(LazyArray&& other) noexcept {
    std::swap(first_, other.first_);
    std::swap(count_, other.count_);
    return *this;
  }
  LazyArray(const LazyArray&) = delete;
  LazyArray& operator=(const LazyArray&) = delete;
  ~LazyArray() {
    if (first_ != nullptr) munmap(first_, count_ * sizeof(T));
  }

  [[nodiscard]] bool is_made() const noexcept { return first_ != nullptr; }
  /// Precondition of both: below the count.
  [[nodiscard]] T& operator[](std::size_t index) noexcept { return first_[index]; }
  [[nodiscard]] const T& operator[](std::size_t index) const noexcept { return first_[index]; }

 private:
  T* first_{};
  std::size_t count_{};
};

}  // namespace weft
