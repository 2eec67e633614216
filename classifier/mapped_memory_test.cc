#include "classifier/mapped_memory.h"

#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace weft::classifier {
namespace {

TEST(MappedMemory, IsZeroedAndHugePageAlignedWhenLarge) {
  constexpr std::size_t kSize = std::size_t{5} << 20U;
  auto memory = MappedMemory::create(kSize, "test");
  ASSERT_TRUE(memory.is_ok());
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory->data()) % (std::size_t{2} << 20U), 0U);
  const auto* octets = static_cast<const std::uint8_t*>(memory->data());
  std::size_t sum = 0;
  for (std::size_t i = 0; i < kSize; ++i) sum += octets[i];
  EXPECT_EQ(sum, 0U);
}

TEST(MappedMemory, MovesWithItsContents) {
  auto made = MappedArray<std::uint32_t>::create(10, "test");
  ASSERT_TRUE(made.is_ok());
  (*made)[9] = 7;
  MappedArray<std::uint32_t> array;
  array = std::move(*made);
  EXPECT_EQ(array[9], 7U);
  EXPECT_EQ(array.count(), 10U);
}

TEST(MappedMemory, SaysWhatCouldNotBeHad) {
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1} << 60U, std::numeric_limits<std::size_t>::max()}) {
    const auto memory = MappedMemory::create(size, "flow table entries");
    ASSERT_FALSE(memory.is_ok()) << size;
    EXPECT_NE(memory.error().message.find("flow table entries"), std::string::npos);
    EXPECT_NE(memory.error().message.find(std::to_string(size)), std::string::npos);
  }
}

}  // namespace
}  // namespace weft::classifier
