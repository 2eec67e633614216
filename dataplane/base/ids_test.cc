#include "dataplane/base/ids.h"

#include <type_traits>
#include <unordered_set>

#include <gtest/gtest.h>

namespace weft {
namespace {

static_assert(!std::is_convertible_v<std::uint16_t, WorkerId>, "construction is explicit");
static_assert(!std::is_convertible_v<WorkerId, std::uint16_t>, "and so is the way back");
static_assert(!std::is_constructible_v<UplinkIndex, WorkerId>, "ids do not mix");
static_assert(sizeof(EndpointIndex) == 4 && sizeof(SegmentIndex) == 2 && sizeof(Tsc) == 8);
static_assert(std::is_trivially_copyable_v<EndpointIndex>);

TEST(Ids, CompareByValue) {
  EXPECT_EQ(EndpointIndex{7}, EndpointIndex{7});
  EXPECT_NE(EndpointIndex{7}, EndpointIndex{8});
  EXPECT_LT(Generation{1}, Generation{2});
  EXPECT_EQ(WorkerId{}.value(), 0);
}

TEST(Ids, NobodyHasTheLargestNumber) {
  EXPECT_EQ(kNoEndpoint.value(), 0xFFFFFFFFU);
  EXPECT_EQ(kNoTunnel.value(), 0xFFFFFFFFU);
  EXPECT_EQ(kNoSegment.value(), 0xFFFF);
}

TEST(Ids, AreKeysOfHashTables) {
  std::unordered_set<TunnelIndex> set{TunnelIndex{1}, TunnelIndex{2}, TunnelIndex{1}};
  EXPECT_EQ(set.size(), 2U);
  EXPECT_TRUE(set.contains(TunnelIndex{2}));
}

TEST(Vni, HasTwentyFourBits) {
  EXPECT_EQ(Vni{0}.value(), 0U);
  EXPECT_EQ(Vni{Vni::kMax}.value(), 0xFFFFFFU);
  EXPECT_EQ(Vni{0x1000001}.value(), 1U) << "never more, even against the precondition";
  EXPECT_LT(Vni{1}, Vni{2});
}

}  // namespace
}  // namespace weft
