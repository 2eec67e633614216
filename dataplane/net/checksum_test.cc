#include "dataplane/net/checksum.h"

#include <random>

#include <gtest/gtest.h>

#include "dataplane/net/testing/frames.h"

namespace weft {
namespace {

using wire_test::ExactBuffer;
using wire_test::naive_sum;
using wire_test::Octets;

constexpr std::uint32_t kSeed = 20240817;

Octets random_octets(std::size_t size) {
  std::mt19937 random{kSeed};
  Octets octets(size);
  for (std::uint8_t& octet : octets) octet = static_cast<std::uint8_t>(random());
  return octets;
}

TEST(Checksum, AgreesWithTheNaiveSumAtEveryLength) {
  const Octets octets = random_octets(2049);
  for (std::size_t size = 0; size <= 2048; ++size) {
    const ExactBuffer buffer{octets, size};
    ASSERT_EQ(fold(sum_of(buffer.view())), naive_sum(buffer.view())) << size << " seed " << kSeed;
  }
}

TEST(Checksum, AgreesWithTheNaiveSumAtEveryAlignment) {
  const Octets octets = random_octets(64 + 257);
  for (std::size_t offset = 0; offset < 64; ++offset) {
    for (std::size_t size = 0; size <= 257; ++size) {
      const ConstBytes part = ConstBytes{octets}.subspan(offset, size);
      ASSERT_EQ(fold(sum_of(part)), naive_sum(part)) << offset << '+' << size << " seed " << kSeed;
    }
  }
}

TEST(Checksum, CarriesEndAroundWhenEveryBitIsSet) {
  const Octets octets(65535, 0xFF);
  EXPECT_EQ(fold(sum_of(octets)), naive_sum(octets));
  EXPECT_EQ(fold(sum_of(ConstBytes{octets}.first(65534))), 0xFFFF);
  EXPECT_EQ(fold(sum_of(Octets(2048))), 0) << "only zeros sum to zero";
}

TEST(Checksum, MatchesTheExampleOfRfc1071) {  // s3: words 0001 f203 f4f5 f6f7
  const Octets octets{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  EXPECT_EQ(fold(sum_of(octets)), 0xddf2);
  EXPECT_EQ(finish(sum_of(octets)), 0x220d);
}

TEST(Checksum, AddsPartsOfEvenLengthInAnyOrder) {
  const Octets octets = random_octets(1500);
  const ConstBytes view{octets};
  for (std::size_t split = 0; split <= 1500; split += 2) {
    Sum sum = sum_of(view.subspan(split));
    sum += sum_of(view.first(split));
    ASSERT_EQ(fold(sum), naive_sum(view)) << split;
  }
}

TEST(Checksum, OverDataWithItsChecksumIsAllOnes) {
  const Octets packet = wire_test::ipv4(17, wire_test::udp({}));
  EXPECT_EQ(fold(sum_of(ConstBytes{packet}.first(20))), 0xFFFF);
  Octets damaged = packet;
  damaged[8] ^= 1U;
  EXPECT_NE(fold(sum_of(ConstBytes{damaged}.first(20))), 0xFFFF);
}

TEST(Checksum, PseudoHeadersAreThoseOfTheirRfcs) {
  const Ipv4Address source4{{192, 0, 2, 1}};
  const Ipv4Address destination4{{198, 51, 100, 255}};
  const Octets v4{192, 0, 2, 1, 198, 51, 100, 255, 0, 17, 0xAB, 0xCD};  // RFC 9293 s3.1
  EXPECT_EQ(fold(pseudo_header_sum(source4, destination4, 17, 0xABCD)), naive_sum(v4));

  Ipv6Address source6;
  Ipv6Address destination6;
  std::copy_n(wire_test::kSourceV6.begin(), 16, source6.octets.begin());
  std::copy_n(wire_test::kDestinationV6.begin(), 16, destination6.octets.begin());
  const Octets v6 = wire_test::operator+(
      wire_test::operator+(wire_test::kSourceV6, wire_test::kDestinationV6),
      Octets{0x00, 0x01, 0xAB, 0xCD, 0, 0, 0, 58}  // RFC 8200 s8.1
  );
  EXPECT_EQ(fold(pseudo_header_sum(source6, destination6, 58, 0x1ABCD)), naive_sum(v6));
}

TEST(Checksum, AdjustsAsIfComputedAnew) {  // RFC 1624 equation 3
  std::mt19937 random{kSeed};
  Octets octets = random_octets(40);
  std::uint16_t checksum = finish(sum_of(octets));
  for (int round = 0; round < 100000; ++round) {
    const std::size_t at = random() % 20 * 2;
    const auto before = static_cast<std::uint16_t>((octets[at] << 8U) | octets[at + 1]);
    const auto after = static_cast<std::uint16_t>(random());
    octets[at] = static_cast<std::uint8_t>(after >> 8U);
    octets[at + 1] = static_cast<std::uint8_t>(after);
    checksum = adjust(checksum, before, after);
    ASSERT_EQ(checksum, finish(sum_of(octets))) << "round " << round << " seed " << kSeed;
  }
}

TEST(Checksum, AdjustsToTheExampleOfRfc1624) {  // s4: DD2F, 5555 becomes 3285; not FFFF
  EXPECT_EQ(adjust(0xDD2F, 0x5555, 0x3285), 0x0000);
}

}  // namespace
}  // namespace weft
