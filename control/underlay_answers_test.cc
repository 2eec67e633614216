// What the VTEP answers and announces as a host: ARP, neighbour discovery, echo; and that hostile frames
// do nothing.
#include <random>

#include "control/testing/underlay_fixture.h"

namespace weft::control {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

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
