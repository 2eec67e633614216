// Lanes: which packets of a burst (at most 64) are still alive, as a bit mask.
//
// Stages take and return Lanes. Dropping a packet is removing its lane and counting a reason.
//
//   for (const unsigned lane : lanes) { ... }
#pragma once

#include <bit>
#include <cstdint>

namespace weft {

/// Most packets one burst can hold. Bursts of 32 to 64 keep the mbuf headers in the first-level
/// cache; 256 was a third slower on the io path.
inline constexpr unsigned kMaxBurst = 64;

class Lanes {
 public:
  constexpr Lanes() noexcept = default;
  constexpr explicit Lanes(std::uint64_t bits) noexcept : bits_{bits} {}

  /// The lanes 0 … count-1. Precondition: count <= kMaxBurst.
  [[nodiscard]] static constexpr Lanes first(unsigned count) noexcept {
    return Lanes{count >= 64U ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1U};
  }

  [[nodiscard]] constexpr bool is_empty() const noexcept { return bits_ == 0; }
  [[nodiscard]] constexpr unsigned count() const noexcept {
    return static_cast<unsigned>(std::popcount(bits_));
  }
  [[nodiscard]] constexpr bool has(unsigned lane) const noexcept {
    return ((bits_ >> lane) & 1U) != 0;
  }
  constexpr void add(unsigned lane) noexcept { bits_ |= std::uint64_t{1} << lane; }
  constexpr void remove(unsigned lane) noexcept { bits_ &= ~(std::uint64_t{1} << lane); }
  [[nodiscard]] constexpr std::uint64_t bits() const noexcept { return bits_; }

  friend constexpr Lanes operator|(Lanes a, Lanes b) noexcept { return Lanes{a.bits_ | b.bits_}; }
  friend constexpr Lanes operator&(Lanes a, Lanes b) noexcept { return Lanes{a.bits_ & b.bits_}; }
  /// The lanes of `a` that are not in `b`.
  friend constexpr Lanes operator-(Lanes a, Lanes b) noexcept { return Lanes{a.bits_ & ~b.bits_}; }
  friend constexpr bool operator==(Lanes, Lanes) noexcept = default;

  class Iterator {
   public:
    constexpr explicit Iterator(std::uint64_t bits) noexcept : bits_{bits} {}
    constexpr unsigned operator*() const noexcept {
      return static_cast<unsigned>(std::countr_zero(bits_));
    }
    constexpr Iterator& operator++() noexcept {
      bits_ &= bits_ - 1U;
      return *this;
    }
    friend constexpr bool operator==(Iterator, Iterator) noexcept = default;

   private:
    std::uint64_t bits_;
  };
  [[nodiscard]] constexpr Iterator begin() const noexcept { return Iterator{bits_}; }
  [[nodiscard]] constexpr Iterator end() const noexcept { return Iterator{0}; }

 private:
  std::uint64_t bits_{};
};

}  // namespace weft
