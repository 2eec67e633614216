#include "dataplane/base/bytes.h"

#include <array>
#include <limits>
#include <memory>

#include <gtest/gtest.h>

namespace weft {
namespace {

struct Pair {
  std::uint8_t first;
  Be32 second;
};
static_assert(sizeof(Pair) == 5 && WireHeader<Pair>);

struct Aligned {
  std::uint32_t word;
};
static_assert(!WireHeader<Aligned>, "would need an aligned address");
static_assert(Be16{0x1234}.host() == 0x1234, "at compile time too");
static_assert(Be64{0x0102030405060708U}.host() == 0x0102030405060708U);

template <typename Be, typename Word>
void expect_octets(Word host, const std::array<std::uint8_t, sizeof(Word)>& wire) {
  const Be word{host};
  EXPECT_EQ(std::memcmp(&word, wire.data(), sizeof word), 0);
  EXPECT_EQ(word.host(), host);
  Be read;
  std::memcpy(&read, wire.data(), sizeof read);
  EXPECT_EQ(read, word);
  Word raw;
  std::memcpy(&raw, wire.data(), sizeof raw);
  EXPECT_EQ(read.raw(), raw);
}

TEST(BigEndian, LiesInNetworkOrder) {
  expect_octets<Be16, std::uint16_t>(0x0102, {1, 2});
  expect_octets<Be32, std::uint32_t>(0x01020304, {1, 2, 3, 4});
  expect_octets<Be64, std::uint64_t>(0x0102030405060708U, {1, 2, 3, 4, 5, 6, 7, 8});
  expect_octets<Be16, std::uint16_t>(0xFFFE, {0xFF, 0xFE});
}

TEST(HeaderAt, AnswersOnlyWhenEveryOctetIsInside) {
  for (std::size_t size = 0; size <= 12; ++size) {
    const auto heap =
        std::make_unique<std::uint8_t[]>(size);  // exact: a read behind it is an error
    const ConstBytes frame{heap.get(), size};
    for (std::size_t offset = 0; offset <= 14; ++offset) {
      const Pair* pair = header_at<Pair>(frame, offset);
      ASSERT_EQ(pair != nullptr, offset + sizeof(Pair) <= size) << size << " at " << offset;
      if (pair != nullptr) {
        EXPECT_EQ(pair->second.host(), 0U);
        EXPECT_EQ(&bounded_header<Pair>(frame, offset), pair);
      }
    }
  }
}

TEST(HeaderAt, DoesNotOverflow) {
  const std::array<std::uint8_t, 8> octets{};
  constexpr std::size_t kHuge = std::numeric_limits<std::size_t>::max();
  EXPECT_EQ(header_at<Pair>(ConstBytes{octets}, kHuge), nullptr);
  EXPECT_EQ(header_at<Pair>(ConstBytes{octets}, kHuge - sizeof(Pair)), nullptr);
  EXPECT_EQ(header_at<Pair>(ConstBytes{}, 0), nullptr);
}

TEST(HeaderAt, WritesThroughMutableViews) {
  std::array<std::uint8_t, 8> octets{};
  Pair* pair = header_at<Pair>(Bytes{octets}, 3);
  ASSERT_NE(pair, nullptr);
  *pair = Pair{9, Be32{0x0A0B0C0D}};
  EXPECT_EQ(octets, (std::array<std::uint8_t, 8>{0, 0, 0, 9, 0x0A, 0x0B, 0x0C, 0x0D}));
  EXPECT_EQ(header_at<Pair>(Bytes{octets}, 4), nullptr);
}

}  // namespace
}  // namespace weft
