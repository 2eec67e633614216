// How the VTEP finds its neighbours' MACs, keeps them fresh and gives them up.
#include <algorithm>

#include "control/testing/underlay_fixture.h"

namespace weft::control {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(UnderlayTest, ResolvesByArp) {
  EXPECT_THAT(
      octets(underlay_.resolve(kUplink, kPeer4, now_)), ElementsAre(golden::kOurArpRequest)
  );
  EXPECT_EQ(state(), NeighborState::incomplete);
  expect_change(receive(golden::kArpReplyToUs), kPeer4, std::nullopt, kPeer);
  EXPECT_EQ(state(), NeighborState::reachable);
  EXPECT_EQ(underlay_.mac_of(kUplink, kPeer4), kPeer);
  // Asking again changes nothing.
  expect_nothing(underlay_.resolve(kUplink, kPeer4, now_));
}

TEST_F(UnderlayTest, ResolvesByNeighborDiscovery) {
  EXPECT_THAT(octets(underlay_.resolve(kUplink, kPeer6, now_)), ElementsAre(golden::kOurSolicit));
  expect_change(receive(golden::kAdvertToUs), kPeer6, std::nullopt, kPeer);
  EXPECT_EQ(state(), NeighborState::reachable);
}

TEST_F(UnderlayTest, LearnsFromARequestAndVerifiesIt) {
  underlay_.resolve(kUplink, kPeer4, now_);
  expect_change(receive(golden::kArpRequestToUs), kPeer4, std::nullopt, kPeer);
  EXPECT_EQ(state(), NeighborState::stale);
  EXPECT_THAT(octets(wait(milliseconds{100})), ElementsAre(golden::kOurArpRequestUnicast));
}

TEST_F(UnderlayTest, LearnsNothingThatNobodyAskedFor) {
  receive(golden::kArpRequestToUs);
  receive(golden::kArpReplyToUs);
  receive(golden::kSolicitToUs);
  receive(golden::kAdvertToUs);
  EXPECT_THAT(underlay_.neighbors(), IsEmpty());
}

TEST_F(UnderlayTest, ResolvesNeitherItselfNorGroupsNorOnUnknownUplinks) {
  expect_nothing(underlay_.resolve(kUplink, ip("192.0.2.1"), now_));
  expect_nothing(underlay_.resolve(kUplink, ip("224.0.0.1"), now_));
  expect_nothing(underlay_.resolve(UplinkIndex{9}, kPeer4, now_));
  EXPECT_THAT(underlay_.neighbors(), IsEmpty());
}

TEST_F(UnderlayTest, AsksThreeTimesThenBacksOff) {
  underlay_.resolve(kUplink, kPeer4, now_);
  EXPECT_THAT(wait(milliseconds{2900}).frames, SizeIs(2));  // at 1 s and 2 s
  EXPECT_EQ(state(), NeighborState::incomplete);
  EXPECT_THAT(wait(milliseconds{100}).frames, SizeIs(1));  // at 3 s it has failed, and asks on
  EXPECT_EQ(state(), NeighborState::failed);
  EXPECT_THAT(wait(seconds{31}).frames, SizeIs(5));    // 1, 2, 4, 8, 16 s later
  EXPECT_THAT(wait(seconds{300}).frames, SizeIs(10));  // then every 30 s
  expect_change(receive(golden::kArpReplyToUs), kPeer4, std::nullopt, kPeer);
}

TEST_F(UnderlayTest, RefreshesByUnicastEveryThirtySeconds) {
  underlay_.resolve(kUplink, kPeer4, now_);
  receive(golden::kArpReplyToUs);
  for (int round = 0; round < 3; ++round) {
    expect_nothing(wait(seconds{30} - milliseconds{100}));
    EXPECT_THAT(octets(wait(milliseconds{100})), ElementsAre(golden::kOurArpRequestUnicast));
    EXPECT_EQ(state(), NeighborState::stale);
    expect_nothing(receive(golden::kArpReplyToUs));
    EXPECT_EQ(state(), NeighborState::reachable);
  }
}

TEST_F(UnderlayTest, GivesUpASilentNeighborAfterUnicastAndBroadcast) {
  underlay_.resolve(kUplink, kPeer6, now_);
  receive(golden::kAdvertToUs);
  wait(seconds{30} - milliseconds{100});
  const UnderlayOutput probes = wait(milliseconds{5100});
  const auto& unicast = golden::kOurSolicitUnicast;
  const auto& multicast = golden::kOurSolicit;
  EXPECT_THAT(
      octets(probes), ElementsAre(unicast, unicast, unicast, multicast, multicast, multicast)
  );
  EXPECT_THAT(probes.neighbors, IsEmpty());  // in use until the last question is unanswered
  expect_change(wait(seconds{1}), kPeer6, kPeer, std::nullopt);
  EXPECT_EQ(state(), NeighborState::failed);
}

TEST_F(UnderlayTest, FollowsANeighborThatMoved) {
  underlay_.resolve(kUplink, kPeer4, now_);
  receive(golden::kArpReplyToUs);
  expect_change(receive(golden::kArpReplyMoved), kPeer4, kPeer, kMoved);
  expect_change(receive(golden::kArpReplyToUs), kPeer4, kMoved, kPeer);
  expect_change(receive(golden::kArpGratuitousMoved), kPeer4, kPeer, kMoved);
  EXPECT_EQ(state(), NeighborState::stale);
}

TEST_F(UnderlayTest, ObeysTheOverrideFlag) {  // RFC 4861 s7.2.5
  underlay_.resolve(kUplink, kPeer6, now_);
  receive(golden::kAdvertToUs);
  expect_nothing(receive(golden::kAdvertMovedNoOverride));
  EXPECT_EQ(underlay_.mac_of(kUplink, kPeer6), kPeer);
  expect_change(receive(golden::kAdvertMovedUnsolicited), kPeer6, kPeer, kMoved);
  EXPECT_EQ(state(), NeighborState::stale);
}

TEST_F(UnderlayTest, AdvertWithoutMacConfirmsOnlyWhatIsKnown) {  // RFC 4861 s7.2.5
  underlay_.resolve(kUplink, kPeer6, now_);
  expect_nothing(receive(golden::kAdvertNoOption));
  EXPECT_EQ(state(), NeighborState::incomplete);
  receive(golden::kAdvertToUs);
  wait(seconds{31});
  EXPECT_EQ(state(), NeighborState::stale);
  expect_nothing(receive(golden::kAdvertNoOption));
  EXPECT_EQ(state(), NeighborState::reachable);
}

TEST_F(UnderlayTest, DiscardsSolicitedAdvertToAGroup) {  // RFC 4861 s7.1.2
  underlay_.resolve(kUplink, kPeer6, now_);
  expect_nothing(receive(golden::kAdvertMulticastSolicited));
  EXPECT_EQ(underlay_.counters().malformed, 1U);
}

TEST_F(UnderlayTest, RefusesGroupAndZeroMacs) {
  underlay_.resolve(kUplink, kPeer4, now_);
  for (const std::uint8_t first : {std::uint8_t{0x03}, std::uint8_t{0}}) {
    Octets frame = golden::kArpReplyToUs;
    std::fill_n(frame.begin() + 22, 6, std::uint8_t{0});
    frame[22] = first;
    expect_nothing(receive(frame));
  }
  EXPECT_EQ(underlay_.mac_of(kUplink, kPeer4), std::nullopt);
}

TEST_F(UnderlayTest, KeepsMacsWhileTheLinkIsDownAndAsksWhenItIsBack) {
  underlay_.resolve(kUplink, kPeer4, now_);
  receive(golden::kArpReplyToUs);
  underlay_.set_link(kUplink, false, now_);
  expect_nothing(wait(seconds{300}));
  EXPECT_EQ(underlay_.next_deadline(), std::nullopt);
  EXPECT_EQ(underlay_.mac_of(kUplink, kPeer4), kPeer);
  const UnderlayOutput out = underlay_.set_link(kUplink, true, now_);
  ASSERT_THAT(out.frames, SizeIs(3));
  EXPECT_EQ(out.frames[2].octets, golden::kOurArpRequestUnicast);
}

TEST_F(UnderlayTest, APermanentNeighborIsKnownAtOnceAndNothingChangesIt) {
  UnderlayHost with_neighbor = host();
  with_neighbor.neighbors[kPeer4] = kMoved;
  underlay_.set_uplink(kUplink, with_neighbor, now_);
  wait(seconds{10});
  const UnderlayOutput out = underlay_.resolve(kUplink, kPeer4, now_);
  EXPECT_THAT(out.frames, IsEmpty());
  expect_change(out, kPeer4, std::nullopt, kMoved);
  expect_nothing(receive(golden::kArpReplyToUs));
  receive(golden::kArpRequestToUs);
  underlay_.set_link(kUplink, false, now_);
  underlay_.set_link(kUplink, true, now_);
  EXPECT_THAT(wait(seconds{100}).neighbors, IsEmpty());
  EXPECT_EQ(state(), NeighborState::permanent);
  EXPECT_EQ(underlay_.mac_of(kUplink, kPeer4), kMoved);
  EXPECT_EQ(underlay_.next_deadline(), std::nullopt);
}

TEST_F(UnderlayTest, ForgetsWhatControlNoLongerNeeds) {
  underlay_.resolve(kUplink, kPeer4, now_);
  underlay_.forget(kUplink, kPeer4);
  expect_nothing(wait(seconds{60}));
  underlay_.resolve(kUplink, kPeer4, now_);
  underlay_.remove_uplink(kUplink);
  EXPECT_THAT(underlay_.neighbors(), IsEmpty());
  expect_nothing(wait(seconds{60}));
}

}  // namespace
}  // namespace weft::control
