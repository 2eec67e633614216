#include "dataplane/net/checksum.h"

#include <bit>
#include <cstddef>
#include <cstring>

namespace weft {
namespace {

static_assert(std::endian::native == std::endian::little, "Weft runs on little-endian hosts");

/// Two 64-bit words that are added at once: SSE2 on every x86-64.
using Words = std::uint64_t __attribute__((vector_size(16)));
constexpr std::size_t kBlock = 4 * sizeof(Words);

// Adding 64-bit words loses carries, adding their halves apart costs more. So: the words are summed
// modulo 2^64, their high halves exactly; the low halves' sum is below 2^61 for 2^32 octets and
// follows from both without loss.
template <typename Lane>
struct Accumulator {
  Lane whole{};
  Lane high{};
  void add(Lane word) noexcept {
    whole += word;
    high += word >> 32U;
  }
};

}  // namespace

// RFC 1071 s2(B): a one's-complement sum does not depend on the byte order in which its words are
// read, so the octets are summed as they lie in memory and only the folded result is swapped.
Sum sum_of(ConstBytes octets) noexcept {
  const std::uint8_t* at = octets.data();
  std::size_t left = octets.size();

  // measured, 1,472 octets: one word at a time -> in pairs, g++ -O3 97 -> 75 cycles, -O2 228 -> 80.
  Accumulator<Words> even;
  Accumulator<Words> odd;
  for (; left >= kBlock; left -= kBlock, at += kBlock) {
    even.add(load_word<Words>(at));
    odd.add(load_word<Words>(at + 16));
    even.add(load_word<Words>(at + 32));
    odd.add(load_word<Words>(at + 48));
  }
  const Words whole = even.whole + odd.whole;
  const Words high = even.high + odd.high;
  Accumulator<std::uint64_t> words{whole[0] + whole[1], high[0] + high[1]};
  for (; left >= 8; left -= 8, at += 8) words.add(load_word<std::uint64_t>(at));

  std::uint64_t sum = words.whole - (words.high << 32U) + words.high;
  if ((left & 4U) != 0) {
    sum += load_word<std::uint32_t>(at);
    at += 4;
  }
  if ((left & 2U) != 0) {
    sum += load_word<std::uint16_t>(at);
    at += 2;
  }
  if ((left & 1U) != 0) sum += *at;  // as if a zero followed: the low octet of a little-endian word

  return Sum{__builtin_bswap16(fold(Sum{sum}))};
}

Sum pseudo_header_sum(
    const Ipv4Address& source,
    const Ipv4Address& destination,
    std::uint8_t protocol,
    std::uint32_t length
) noexcept {
  // A 32-bit word is congruent to the sum of its halves modulo 2^16 - 1, so it is added whole.
  return Sum{std::uint64_t{source.bits()} + destination.bits() + protocol + length};
}

Sum pseudo_header_sum(
    const Ipv6Address& source,
    const Ipv6Address& destination,
    std::uint8_t protocol,
    std::uint32_t length
) noexcept {
  return sum_of(source.octets) + sum_of(destination.octets) + Sum{std::uint64_t{protocol} + length};
}

}  // namespace weft
