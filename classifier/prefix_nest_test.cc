#include "classifier/prefix_nest.h"

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "classifier/testing/policy_rules.h"

namespace weft::classifier {
namespace {

using testing::ip;
using testing::prefix;

TEST(PrefixNest, EachPrefixIsUnderTheMostSpecificOneThatContainsIt) {
  const PrefixNest nest{
      {prefix("10.1.2.0/24"),
       prefix("10.0.0.0/8"),
       prefix("10.1.9.9/16"),
       prefix("192.0.2.0/24"),
       prefix("10.1.0.0/16"),
       prefix("::/0"),
       prefix("2001:db8::/32")}};
  EXPECT_EQ(nest.size(), 6U);  // 10.1.0.0/16 came twice
  const auto parent_of = [&nest](const char* text) {
    const std::uint32_t parent = nest.parent(nest.index_of(prefix(text)));
    return parent == PrefixNest::kNone ? std::string{} : format(nest.prefix(parent));
  };
  EXPECT_EQ(parent_of("10.1.2.0/24"), "10.1.0.0/16");
  EXPECT_EQ(parent_of("10.1.0.0/16"), "10.0.0.0/8");
  EXPECT_EQ(parent_of("10.0.0.0/8"), "");
  EXPECT_EQ(parent_of("192.0.2.0/24"), "");
  EXPECT_EQ(parent_of("2001:db8::/32"), "::/0");
  EXPECT_EQ(parent_of("::/0"), "");
}

TEST(PrefixNest, RunsGoToTheEndOfTheAddressSpaceAndBack) {
  const PrefixNest nest{{prefix("255.255.255.255/32"), prefix("0.0.0.0/32"), prefix("0.0.0.0/0")}};
  const auto runs = nest.runs<4>({1, 2, 3}, 0);
  ASSERT_EQ(runs.size(), 3U);
  EXPECT_EQ(runs[0].value, nest.index_of(prefix("0.0.0.0/32")) + 1);
  EXPECT_EQ(runs[1].value, nest.index_of(prefix("0.0.0.0/0")) + 1);
  EXPECT_EQ(runs[2].value, nest.index_of(prefix("255.255.255.255/32")) + 1);
  EXPECT_EQ(nest.runs<16>({1, 2, 3}, 9).size(), 1U);
}

/// One by one.
std::uint32_t slow_match(const PrefixNest& nest, const IpAddress& address) {
  std::uint32_t best = PrefixNest::kNone;
  for (std::uint32_t i = 0; i < nest.size(); ++i) {
    if (!nest.prefix(i).contains(address)) continue;
    if (best == PrefixNest::kNone || nest.prefix(i).length > nest.prefix(best).length) best = i;
  }
  return best;
}

TEST(PrefixNest, RunsAreTheLongestPrefixMatch) {
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937 random{seed};
  const auto octet = [&random] {
    static constexpr std::uint8_t kFew[] = {0, 1, 127, 128, 254, 255};
    return kFew[random() % 6];
  };
  for (int round = 0; round < 50; ++round) {
    std::vector<IpPrefix> prefixes;
    const auto address = [&](bool is_v4) {
      Ipv4Address v4;
      Ipv6Address v6;
      for (auto& o : v4.octets) o = octet();
      for (auto& o : v6.octets) o = octet();
      return is_v4 ? IpAddress{v4} : IpAddress{v6};
    };
    for (int i = 0; i < 40; ++i) {
      const bool is_v4 = random() % 2 == 0;
      prefixes.push_back({address(is_v4), static_cast<std::uint8_t>(random() % (is_v4 ? 33 : 129))}
      );
    }
    const PrefixNest nest{prefixes};
    std::vector<std::uint32_t> values(nest.size());
    for (std::uint32_t i = 0; i < values.size(); ++i) values[i] = i;
    constexpr std::uint32_t kNoneValue = 1000;
    RangeTable table;
    const auto v4_root = table.add<4>(nest.runs<4>(values, kNoneValue));
    const auto v6_root = table.add<16>(nest.runs<16>(values, kNoneValue));
    for (int i = 0; i < 400; ++i) {
      const bool is_v4 = i % 2 == 0;
      const IpAddress probe = address(is_v4);
      const std::uint32_t found = is_v4 ? table.find<4>(v4_root, probe.v4().octets)
                                        : table.find<16>(v6_root, probe.octets());
      const std::uint32_t expected = slow_match(nest, probe);
      ASSERT_EQ(found, expected == PrefixNest::kNone ? kNoneValue : expected) << format(probe);
    }
  }
}

}  // namespace
}  // namespace weft::classifier
