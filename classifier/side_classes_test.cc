#include "classifier/side_classes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "classifier/testing/policy_rules.h"

namespace weft::classifier {
namespace {

using testing::prefix;
using ::testing::SizeIs;

using Members = std::vector<std::vector<std::uint32_t>>;

TEST(IdentityClasses, IdentitiesWithTheSameSelectorsAreOneClass) {
  const Members members{{1, 2, 3, 4}, {3, 4}};
  const SideClasses classes = classify_identities(members, {true, true}, 6, 1, 10);
  EXPECT_EQ(classes.class_count, 2U);
  EXPECT_EQ(classes.classes[1][0], 10U);
  EXPECT_EQ(classes.classes[2][0], 10U);
  EXPECT_EQ(classes.classes[3][0], 11U);
  EXPECT_EQ(classes.classes[4][0], 11U);
  EXPECT_EQ(classes.classes[0][0], kAbsent);
  EXPECT_EQ(classes.classes[5][0], kAbsent);
  EXPECT_THAT(classes.classes_of[0], SizeIs(2));
  EXPECT_THAT(classes.classes_of[1], SizeIs(1));
}

TEST(IdentityClasses, AnotherBandTakesWhatOverlaps) {
  const Members members{{3, 4}, {1, 2, 3, 4}, {1, 2}};
  const SideClasses classes = classify_identities(members, {true, true, true}, 5, 2, 1);
  EXPECT_EQ(classes.band_of[1], 0);  // the largest
  EXPECT_EQ(classes.band_of[0], 1);
  EXPECT_EQ(classes.band_of[2], 1);
  for (const auto& own : classes.classes_of) EXPECT_THAT(own, SizeIs(1));
  EXPECT_EQ(classes.classes[1][0], classes.classes[4][0]);
  EXPECT_NE(classes.classes[1][1], classes.classes[4][1]);
}

TEST(IdentityClasses, UnusedSelectorsMakeNoDifference) {
  const SideClasses classes = classify_identities({{1, 2}, {2}}, {true, false}, 3, 1, 1);
  EXPECT_EQ(classes.class_count, 1U);
  EXPECT_THAT(classes.classes_of[1], SizeIs(0));
}

TEST(PrefixClasses, APrefixCoversWhatIsInsideItInItsBand) {
  const PrefixNest nest{{prefix("10.0.0.0/8"), prefix("10.1.0.0/16"), prefix("10.1.1.0/24")}};
  const std::vector<bool> used(3, true);
  const SideClasses one = classify_prefixes(nest, used, 1, 1);
  EXPECT_THAT(one.classes_of[0], SizeIs(3));
  EXPECT_THAT(one.classes_of[1], SizeIs(2));
  EXPECT_THAT(one.classes_of[2], SizeIs(1));
  const SideClasses four = classify_prefixes(nest, used, 4, 1);
  for (const auto& own : four.classes_of) EXPECT_THAT(own, SizeIs(1));
  EXPECT_EQ(four.classes[2], (BandClasses{1, 2, 3, kAbsent}));
}

TEST(PrefixClasses, DepthsAreCutWhereItSavesMost) {
  // One network with 200 inside it, one of those with one inside: the first cut pays more than the second.
  std::vector<IpPrefix> prefixes{prefix("10.0.0.0/8"), prefix("10.7.7.0/24")};
  for (int i = 0; i < 200; ++i) prefixes.push_back(prefix("10." + std::to_string(i) + ".0.0/16"));
  const PrefixNest nest{prefixes};
  const std::vector<bool> used(nest.size(), true);
  const SideClasses two = classify_prefixes(nest, used, 2, 1);
  EXPECT_THAT(two.classes_of[nest.index_of(prefix("10.0.0.0/8"))], SizeIs(1));
  EXPECT_THAT(two.classes_of[nest.index_of(prefix("10.7.0.0/16"))], SizeIs(2));
}

TEST(PrefixClasses, UnusedPrefixesBelongToTheUsedOneAroundThem) {
  const PrefixNest nest{{prefix("10.0.0.0/8"), prefix("10.1.0.0/16")}};
  const SideClasses classes = classify_prefixes(nest, {true, false}, 1, 5);
  EXPECT_EQ(classes.class_count, 1U);
  EXPECT_EQ(classes.classes[0][0], 5U);
  EXPECT_EQ(classes.classes[1][0], 5U);
}

}  // namespace
}  // namespace weft::classifier
