// Octets on the wire: big-endian words as types, and bounded views into frames.
//
// Be16/Be32/Be64 hold network order in memory and have alignment 1, so a wire struct made of them
// needs neither `packed` nor a particular address. There is no implicit conversion: `.host()` reads
// and assignment from `BeXX{host_value}` writes. `header_at<H>(frame, offset)` is the way to look at
// a header: it returns nullptr unless every octet of H lies inside the frame. Who holds offsets that
// parse_frame returned uses `bounded_header<H>`, which only asserts it.
//
//   const auto* ip = header_at<Ipv4Header>(frame, 14);
//   if (ip == nullptr) return DropReason::truncated_ipv4;
#pragma once

#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace weft {

using ConstBytes = std::span<const std::uint8_t>;
using Bytes = std::span<std::uint8_t>;

/// The octets at `at` as a word of this machine, whatever their alignment.
template <typename Word>
[[nodiscard]] inline Word load_word(const void* at) noexcept {
  static_assert(std::is_trivially_copyable_v<Word>);
  Word word{};
  std::memcpy(&word, at, sizeof word);
  return word;
}

template <typename Word>
class BigEndian {
 public:
  constexpr BigEndian() noexcept = default;
  constexpr explicit BigEndian(Word host) noexcept {
    for (std::size_t i = 0; i < sizeof(Word); ++i) {
      octets_[i] = static_cast<std::uint8_t>(host >> (8U * (sizeof(Word) - 1U - i)));
    }
  }

  [[nodiscard]] constexpr Word host() const noexcept {
    if (std::is_constant_evaluated()) {
      Word word{};
      for (const std::uint8_t octet : octets_) {
        word = static_cast<Word>(static_cast<Word>(word << 7U) << 1U) | octet;
      }
      return word;
    }
    return swap(raw());
  }

  /// The word as it lies in memory: for comparisons and for one's-complement sums only.
  [[nodiscard]] Word raw() const noexcept { return load_word<Word>(octets_); }

  friend constexpr bool operator==(const BigEndian& a, const BigEndian& b) noexcept {
    return a.host() == b.host();
  }

 private:
  static Word swap(Word word) noexcept {
    static_assert(std::endian::native == std::endian::little, "Weft runs on little-endian hosts");
    if constexpr (sizeof(Word) == 2) return __builtin_bswap16(word);
    if constexpr (sizeof(Word) == 4) return __builtin_bswap32(word);
    if constexpr (sizeof(Word) == 8) return __builtin_bswap64(word);
  }

  std::uint8_t octets_[sizeof(Word)]{};
};

using Be16 = BigEndian<std::uint16_t>;
using Be32 = BigEndian<std::uint32_t>;
using Be64 = BigEndian<std::uint64_t>;
static_assert(sizeof(Be16) == 2 && alignof(Be16) == 1);
static_assert(sizeof(Be32) == 4 && alignof(Be32) == 1);

/// A struct that may be laid over octets: trivial, alignment 1.
template <typename H>
concept WireHeader = std::is_trivially_copyable_v<H> && std::is_standard_layout_v<H> &&
                     alignof(H) == 1;

/// The header at `offset` octets into `frame`, or nullptr if it does not fit wholly.
template <WireHeader H>
[[nodiscard]] inline const H* header_at(ConstBytes frame, std::size_t offset) noexcept {
  if (offset > frame.size() || frame.size() - offset < sizeof(H)) return nullptr;
  return reinterpret_cast<const H*>(frame.data() + offset);
}

/// As above, for writing.
template <WireHeader H>
[[nodiscard]] inline H* header_at(Bytes frame, std::size_t offset) noexcept {
  if (offset > frame.size() || frame.size() - offset < sizeof(H)) return nullptr;
  return reinterpret_cast<H*>(frame.data() + offset);
}

/// The header at an offset that is already known to be good: no branch in release builds.
/// Precondition: header_at<H>(frame, offset) != nullptr.
template <WireHeader H>
[[nodiscard]] inline const H& bounded_header(ConstBytes frame, std::size_t offset) noexcept {
  assert(header_at<H>(frame, offset) != nullptr);
  return *reinterpret_cast<const H*>(frame.data() + offset);
}

}  // namespace weft
