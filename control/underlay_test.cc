#include "control/underlay.h"

#include <algorithm>
#include <memory>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/underlay_frames.h"
#include "control/underlay_golden.h"

namespace weft::control {
namespace {

using Octets = std::vector<std::uint8_t>;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr UplinkIndex kUplink{3};
constexpr MacAddress kUs{{2, 0, 0, 0, 0, 1}};
constexpr MacAddress kPeer{{2, 0, 0, 0, 0, 2}};
constexpr MacAddress kMoved{{2, 0, 0, 0, 0, 3}};

IpAddress ip(const char* text) {
  return *parse_ip(text);
}
const IpAddress kPeer4 = ip("192.0.2.2");
const IpAddress kPeer6 = ip("2001:db8::2");

/// An Underlay with one uplink that has already made its announcements.
class UnderlayTest : public ::testing::Test {
 protected:
  UnderlayTest() {
    underlay_.set_uplink(kUplink, host(), now_);
    wait(seconds{10});
  }

  static UnderlayHost host() {
    return {
        .mac = kUs,
        .addresses = {*parse_prefix("192.0.2.1/24"), *parse_prefix("2001:db8::1/64")},
        .mtu = 1500};
  }

  /// A frame in a heap buffer of its exact size, so that a sanitizer sees one octet too many.
  UnderlayOutput receive(ConstBytes frame) {
    const auto exact = std::make_unique<std::uint8_t[]>(frame.size());
    std::copy(frame.begin(), frame.end(), exact.get());
    return underlay_.receive(kUplink, ConstBytes{exact.get(), frame.size()}, now_);
  }

  /// Lets time pass in steps of 100 ms and collects what was sent and reported.
  UnderlayOutput wait(std::chrono::milliseconds duration) {
    UnderlayOutput all;
    for (const Instant end = now_ + duration; now_ < end;) {
      now_ += milliseconds{100};
      UnderlayOutput out = underlay_.tick(now_);
      std::move(out.frames.begin(), out.frames.end(), std::back_inserter(all.frames));
      std::move(out.neighbors.begin(), out.neighbors.end(), std::back_inserter(all.neighbors));
      std::move(out.path_mtus.begin(), out.path_mtus.end(), std::back_inserter(all.path_mtus));
    }
    return all;
  }

  static std::vector<Octets> octets(const UnderlayOutput& out) {
    std::vector<Octets> all;
    for (const UnderlayFrame& frame : out.frames) {
      EXPECT_EQ(frame.uplink, kUplink);
      all.push_back(frame.octets);
    }
    return all;
  }

  static void expect_nothing(const UnderlayOutput& out) {
    EXPECT_THAT(out.frames, IsEmpty());
    EXPECT_THAT(out.neighbors, IsEmpty());
    EXPECT_THAT(out.path_mtus, IsEmpty());
    EXPECT_THAT(out.conflicts, IsEmpty());
  }

  static void expect_change(
      const UnderlayOutput& out,
      const IpAddress& address,
      std::optional<MacAddress> before,
      std::optional<MacAddress> after
  ) {
    ASSERT_THAT(out.neighbors, SizeIs(1));
    EXPECT_EQ(out.neighbors[0].uplink, kUplink);
    EXPECT_EQ(out.neighbors[0].address, address);
    EXPECT_EQ(out.neighbors[0].before, before);
    EXPECT_EQ(out.neighbors[0].after, after);
  }

  NeighborState state() const { return underlay_.neighbors().at(0).state; }

  Underlay underlay_;
  Instant now_{};
};

// -- answering --------------------------------------------------------------------------------------

TEST_F(UnderlayTest, AnswersArpForItsAddress) {
  EXPECT_THAT(octets(receive(golden::kArpRequestToUs)), ElementsAre(golden::kOurArpReply));
  EXPECT_EQ(underlay_.counters().arp_answered, 1U);
}

TEST_F(UnderlayTest, LeavesArpForOthersAlone) {
  expect_nothing(receive(golden::kArpRequestToOther));
}

TEST_F(UnderlayTest, AnswersSolicitationToTheMulticastGroup) {
  EXPECT_THAT(octets(receive(golden::kSolicitToUs)), ElementsAre(golden::kOurAdvert));
}

TEST_F(UnderlayTest, AnswersUnicastSolicitationWithoutOption) {
  EXPECT_THAT(octets(receive(golden::kSolicitUnicastNoOption)), ElementsAre(golden::kOurAdvert));
}

TEST_F(UnderlayTest, AnswersForItsLinkLocalAddress) {
  EXPECT_THAT(octets(receive(golden::kSolicitLinkLocal)), ElementsAre(golden::kOurAdvertLinkLocal));
  EXPECT_THAT(
      octets(receive(golden::kEcho6LinkLocal)), ElementsAre(golden::kOurEcho6LinkLocalReply)
  );
}

TEST_F(UnderlayTest, TellsAllNodesWhenSomeoneProbesForDuplicates) {  // RFC 4861 s7.2.4
  EXPECT_THAT(octets(receive(golden::kSolicitDuplicate)), ElementsAre(golden::kOurAdvertToAll));
}

TEST_F(UnderlayTest, DiscardsSolicitationThatWasForwarded) {  // RFC 4861 s7.1.1: hop limit 255
  expect_nothing(receive(golden::kSolicitRouted));
  EXPECT_EQ(underlay_.counters().malformed, 1U);
}

TEST_F(UnderlayTest, DiscardsDuplicateProbeWithLinkLayerOption) {  // RFC 4861 s7.1.1
  expect_nothing(receive(golden::kSolicitDuplicateWithOption));
  EXPECT_EQ(underlay_.counters().malformed, 1U);
}

TEST_F(UnderlayTest, DiscardsSolicitationWithWrongChecksum) {
  Octets frame = golden::kSolicitToUs;
  frame[56] ^= 1U;
  expect_nothing(receive(frame));
  EXPECT_EQ(underlay_.counters().malformed, 1U);
}

TEST_F(UnderlayTest, AnswersEcho) {
  EXPECT_THAT(octets(receive(golden::kEcho4)), ElementsAre(golden::kOurEcho4Reply));
  EXPECT_THAT(octets(receive(golden::kEcho6)), ElementsAre(golden::kOurEcho6Reply));
  EXPECT_EQ(underlay_.counters().echo_answered, 2U);
}

TEST_F(UnderlayTest, AnswersNoEchoThatWasNotSentToItAlone) {
  expect_nothing(receive(golden::kEcho4Broadcast));
  expect_nothing(receive(golden::kEcho4FromMulticast));
  expect_nothing(receive(golden::kEcho4Fragment));
  expect_nothing(receive(golden::kEcho4Tagged));
  EXPECT_EQ(underlay_.counters().echo_answered, 0U);
}

TEST_F(UnderlayTest, AnswersNoEchoWithWrongChecksum) {
  for (const std::size_t at : {std::size_t{24}, std::size_t{40}}) {  // of IPv4, of the data
    Octets frame = golden::kEcho4;
    frame[at] ^= 1U;
    expect_nothing(receive(frame));
  }
  EXPECT_EQ(underlay_.counters().malformed, 2U);
}

TEST_F(UnderlayTest, IgnoresFramesToOtherStationsAndItsOwn) {
  Octets other = golden::kEcho4;
  other[5] = 9;
  expect_nothing(receive(other));
  expect_nothing(receive(golden::kOurArpAnnouncement));
  EXPECT_EQ(underlay_.counters().ignored, 2U);
}

// -- announcing -------------------------------------------------------------------------------------

TEST(Underlay, AnnouncesItsAddressesTwiceWhenItStarts) {
  Underlay underlay;
  const Instant start{};
  const UnderlayHost host{
      .mac = kUs, .addresses = {*parse_prefix("192.0.2.1/24"), *parse_prefix("2001:db8::1/64")}};
  const UnderlayOutput first = underlay.set_uplink(kUplink, host, start);
  ASSERT_THAT(first.frames, SizeIs(2));
  EXPECT_EQ(first.frames[0].octets, golden::kOurArpAnnouncement);
  EXPECT_EQ(first.frames[1].octets, golden::kOurAdvertToAll);
  EXPECT_EQ(underlay.next_deadline(), start + Underlay::kAnnounceInterval);
  EXPECT_THAT(underlay.tick(start + seconds{1}).frames, IsEmpty());
  EXPECT_THAT(underlay.tick(start + Underlay::kAnnounceInterval).frames, SizeIs(2));
  EXPECT_EQ(underlay.next_deadline(), std::nullopt);
}

TEST_F(UnderlayTest, AnnouncesAgainWhenTheLinkComesUp) {
  expect_nothing(underlay_.set_link(kUplink, false, now_));
  expect_nothing(underlay_.set_link(kUplink, false, now_));
  EXPECT_THAT(
      octets(underlay_.set_link(kUplink, true, now_)),
      ElementsAre(golden::kOurArpAnnouncement, golden::kOurAdvertToAll)
  );
}

TEST_F(UnderlayTest, DefendsItsAddressesAtABoundedRate) {  // RFC 5227 s2.4
  const UnderlayOutput first = receive(golden::kArpConflict);
  ASSERT_THAT(first.conflicts, SizeIs(1));
  EXPECT_EQ(first.conflicts[0].mac, kPeer);
  EXPECT_THAT(octets(first), ElementsAre(golden::kOurArpAnnouncement));
  expect_nothing(receive(golden::kArpConflict));
  const UnderlayOutput advert = receive(golden::kAdvertConflict);
  EXPECT_THAT(advert.conflicts, SizeIs(1));
  EXPECT_THAT(octets(advert), ElementsAre(golden::kOurAdvertToAll));
  wait(Underlay::kDefendInterval);
  EXPECT_THAT(receive(golden::kArpConflict).conflicts, SizeIs(1));
}

// -- resolving --------------------------------------------------------------------------------------

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

TEST_F(UnderlayTest, ForgetsWhatControlNoLongerNeeds) {
  underlay_.resolve(kUplink, kPeer4, now_);
  underlay_.forget(kUplink, kPeer4);
  expect_nothing(wait(seconds{60}));
  underlay_.resolve(kUplink, kPeer4, now_);
  underlay_.remove_uplink(kUplink);
  EXPECT_THAT(underlay_.neighbors(), IsEmpty());
  expect_nothing(wait(seconds{60}));
}

// -- path MTU ---------------------------------------------------------------------------------------

TEST_F(UnderlayTest, LowersThePathMtuAndLiftsItAgain) {  // RFC 1191 s3, s6.3
  const IpAddress remote = ip("198.51.100.7");
  const UnderlayOutput out = receive(golden::kFragNeeded1400);
  ASSERT_THAT(out.path_mtus, SizeIs(1));
  EXPECT_EQ(out.path_mtus[0].remote, remote);
  EXPECT_EQ(out.path_mtus[0].mtu, 1400U);
  EXPECT_EQ(underlay_.path_mtu(kUplink, remote), 1400U);
  expect_nothing(receive(golden::kFragNeeded1450));  // never raises
  EXPECT_THAT(receive(golden::kFragNeeded1300).path_mtus, SizeIs(1));

  now_ += std::chrono::minutes{9};
  expect_nothing(receive(golden::kFragNeeded1300));  // renewed, not reported again
  now_ += std::chrono::minutes{9};
  expect_nothing(underlay_.tick(now_));
  now_ += std::chrono::minutes{1};
  const UnderlayOutput lifted = underlay_.tick(now_);
  ASSERT_THAT(lifted.path_mtus, SizeIs(1));
  EXPECT_EQ(lifted.path_mtus[0].mtu, 1500U);
  EXPECT_EQ(underlay_.path_mtu(kUplink, remote), std::nullopt);
}

TEST_F(UnderlayTest, BoundsThePathMtuFromBelow) {
  ASSERT_THAT(receive(golden::kFragNeeded100).path_mtus, SizeIs(1));
  EXPECT_EQ(underlay_.path_mtu(kUplink, ip("198.51.100.7")), 576U);
  expect_nothing(receive(golden::kTooBig1000));  // RFC 8201 s4: below 1280 is discarded
  ASSERT_THAT(receive(golden::kTooBig1400).path_mtus, SizeIs(1));
  EXPECT_EQ(underlay_.path_mtu(kUplink, ip("2001:db8:1::7")), 1400U);
}

TEST_F(UnderlayTest, GuessesThePathMtuThatAnOldRouterDoesNotSay) {  // RFC 1191 s5
  Octets frame = golden::kFragNeededNoMtu;
  receive(frame);
  EXPECT_EQ(underlay_.path_mtu(kUplink, ip("198.51.100.7")), 576U);  // quoted packet: 69 octets
}

TEST_F(UnderlayTest, BelievesPathMtusOfTunnelsOnly) {
  EXPECT_THAT(receive(golden::kFragNeededGre).path_mtus, SizeIs(1));
  underlay_.remove_uplink(kUplink);
  underlay_.set_uplink(kUplink, host(), now_);
  expect_nothing(receive(golden::kFragNeededTcpIcmp));
}

TEST(Underlay, AsksWhetherTheRemoteIsOne) {
  bool is_remote = false;
  Underlay underlay{[&](UplinkIndex, const IpAddress&) { return is_remote; }};
  const UnderlayHost host{.mac = kUs, .addresses = {*parse_prefix("192.0.2.1/24")}};
  underlay.set_uplink(kUplink, host, Instant{});
  EXPECT_THAT(underlay.receive(kUplink, golden::kFragNeeded1400, {}).path_mtus, IsEmpty());
  is_remote = true;
  EXPECT_THAT(underlay.receive(kUplink, golden::kFragNeeded1400, {}).path_mtus, SizeIs(1));
}

// -- hostile input ------------------------------------------------------------------------------------

const std::vector<const Octets*> kInputs{
    &golden::kArpRequestToUs,
    &golden::kSolicitToUs,
    &golden::kAdvertToUs,
    &golden::kEcho4,
    &golden::kEcho6,
    &golden::kFragNeeded1400,
    &golden::kTooBig1400};

TEST_F(UnderlayTest, SurvivesTruncationAtEveryLength) {
  underlay_.resolve(kUplink, kPeer6, now_);
  for (const Octets* frame : kInputs) {
    for (std::size_t size = 0; size < frame->size(); ++size) {
      receive(ConstBytes{*frame}.first(size));
    }
  }
  EXPECT_EQ(underlay_.mac_of(kUplink, kPeer6), std::nullopt);
}

TEST_F(UnderlayTest, SurvivesRandomOctets) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random{seed};
  underlay_.resolve(kUplink, kPeer4, now_);
  for (int round = 0; round < 20000; ++round) {
    Octets frame = *kInputs[random() % kInputs.size()];
    for (unsigned flips = 1 + random() % 4; flips > 0; --flips) {
      frame[random() % frame.size()] = static_cast<std::uint8_t>(random());
    }
    frame.resize(1 + random() % frame.size());
    receive(frame);
  }
  EXPECT_THAT(underlay_.neighbors(), SizeIs(1));
}

TEST_F(UnderlayTest, DiscardsOptionsThatDoNotEnd) {  // RFC 4861 s4.6: length 0
  Octets frame = golden::kSolicitToUs;
  frame[14 + 40 + 24 + 1] = 0;
  frame[56] = 0;  // the checksum, made right again for the changed word: one less
  frame[57] = 0;
  const std::uint16_t sum =
      static_cast<std::uint16_t>((golden::kSolicitToUs[56] << 8U | golden::kSolicitToUs[57]) + 1);
  frame[56] = static_cast<std::uint8_t>(sum >> 8U);
  frame[57] = static_cast<std::uint8_t>(sum);
  expect_nothing(receive(frame));
  EXPECT_EQ(underlay_.counters().malformed, 1U);
}

TEST_F(UnderlayTest, HasBoundedPathMtuTables) {
  Octets frame = golden::kFragNeeded1400;
  const std::size_t destination = 14 + 20 + 8 + 16;
  std::size_t accepted = 0;
  for (unsigned i = 0; i < Underlay::kMaxPathMtus + 100; ++i) {
    // Octets 2 and 3 of the quoted destination, and their negative in unverified quoted data.
    const unsigned word = 0x1000U + i;
    frame[destination + 2] = static_cast<std::uint8_t>(word >> 8U);
    frame[destination + 3] = static_cast<std::uint8_t>(word);
    const unsigned negative = 0xFFFFU - word;
    frame[destination + 4] = static_cast<std::uint8_t>(negative >> 8U);
    frame[destination + 5] = static_cast<std::uint8_t>(negative);
    // Both words together now sum to 0xFFFF, the old ones to a constant: fix the rest once.
    if (i == 0) {
      const Octets& old = golden::kFragNeeded1400;
      const auto at = [&](std::size_t n) { return unsigned{old[n]} << 8U | old[n + 1]; };
      unsigned sum = at(destination + 2) + at(destination + 4) + at(36);
      while (sum > 0xFFFFU) sum = (sum & 0xFFFFU) + (sum >> 16U);
      frame[36] = static_cast<std::uint8_t>(sum >> 8U);
      frame[37] = static_cast<std::uint8_t>(sum);
    }
    accepted += receive(frame).path_mtus.size();
  }
  EXPECT_EQ(accepted, Underlay::kMaxPathMtus);
}

}  // namespace
}  // namespace weft::control
