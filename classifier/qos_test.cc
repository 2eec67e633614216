#include "classifier/qos.h"

#include <random>

#include <gtest/gtest.h>

#include "dataplane/net/headers.h"
#include "dataplane/net/testing/frames.h"

namespace weft::classifier {
namespace {

using wire_test::ExactBuffer;
using wire_test::Octets;

TEST(Dscp, CodePointsAreThoseOfTheRfcs) {
  EXPECT_EQ(kDscpExpedited, 0b101110);    // RFC 3246 s2.7
  EXPECT_EQ(kDscpLowerEffort, 0b000001);  // RFC 8622 s4
  EXPECT_EQ(cs(1), 0b001000);             // RFC 2474 s4.2.2.1
  EXPECT_EQ(cs(7), 0b111000);
  EXPECT_EQ(af(1, Colour::green), 0b001010);  // RFC 2597 s6
  EXPECT_EQ(af(1, Colour::red), 0b001110);
  EXPECT_EQ(af(4, Colour::green), 0b100010);
  EXPECT_EQ(af(4, Colour::yellow), 0b100100);
  EXPECT_EQ(af(4, Colour::red), 0b100110);
}

TEST(Dscp, OnlyTwelveCodePointsAreAf) {
  unsigned count = 0;
  for (std::uint8_t dscp = 0; dscp <= kDscpMax; ++dscp) count += is_af(dscp) ? 1U : 0U;
  EXPECT_EQ(count, 12U);
  for (unsigned af_class = 1; af_class <= 4; ++af_class) {
    for (const Colour colour : {Colour::green, Colour::yellow, Colour::red}) {
      EXPECT_TRUE(is_af(af(af_class, colour)));
    }
  }
}

TEST(Dscp, EveryClassHasItsQueue) {
  EXPECT_EQ(phb_of(kDscpExpedited), Phb::expedited);
  EXPECT_EQ(phb_of(cs(7)), Phb::network_control);
  EXPECT_EQ(phb_of(cs(6)), Phb::network_control);
  EXPECT_EQ(phb_of(cs(5)), Phb::af4);
  EXPECT_EQ(phb_of(cs(4)), Phb::af4);
  EXPECT_EQ(phb_of(cs(3)), Phb::af3);
  EXPECT_EQ(phb_of(cs(2)), Phb::af2);
  EXPECT_EQ(phb_of(cs(1)), Phb::lower_effort);
  EXPECT_EQ(phb_of(kDscpLowerEffort), Phb::lower_effort);
  EXPECT_EQ(phb_of(kDscpDefault), Phb::best_effort);
  for (const Colour colour : {Colour::green, Colour::yellow, Colour::red}) {
    EXPECT_EQ(phb_of(af(1, colour)), Phb::af1);
    EXPECT_EQ(phb_of(af(2, colour)), Phb::af2);
    EXPECT_EQ(phb_of(af(3, colour)), Phb::af3);
    EXPECT_EQ(phb_of(af(4, colour)), Phb::af4);
  }
}

// RFC 2474 s3: packets with an unrecognized code point are forwarded as if marked for the default.
TEST(Dscp, UnknownCodePointsAreBestEffort) {
  for (const unsigned number : {2U, 3U, 7U, 9U, 44U, 45U, 47U, 63U}) {
    const auto dscp = static_cast<std::uint8_t>(number);
    EXPECT_EQ(phb_of(dscp), Phb::best_effort) << int{dscp};
  }
}

TEST(Dscp, DropPrecedenceIsAColour) {
  EXPECT_EQ(colour_of(af(3, Colour::green)), Colour::green);
  EXPECT_EQ(colour_of(af(3, Colour::yellow)), Colour::yellow);
  EXPECT_EQ(colour_of(af(3, Colour::red)), Colour::red);
  EXPECT_EQ(colour_of(kDscpExpedited), Colour::green);
  EXPECT_EQ(colour_of(kDscpDefault), Colour::green);
}

TEST(Dscp, RecolouringStaysInTheClass) {
  EXPECT_EQ(recoloured(34, Colour::red), 38);
  EXPECT_EQ(recoloured(14, Colour::green), 10);
  for (std::uint8_t dscp = 0; dscp <= kDscpMax; ++dscp) {
    for (const Colour colour : {Colour::green, Colour::yellow, Colour::red}) {
      const std::uint8_t other = recoloured(dscp, colour);
      EXPECT_EQ(phb_of(other), phb_of(dscp));
      if (is_af(dscp)) {
        EXPECT_EQ(colour_of(other), colour);
      } else {
        EXPECT_EQ(other, dscp);
      }
    }
  }
}

TEST(Dscp, NamesRoundTrip) {
  for (std::uint8_t dscp = 0; dscp <= kDscpMax; ++dscp) {
    EXPECT_EQ(parse_dscp(format_dscp(dscp)), dscp) << format_dscp(dscp);
    EXPECT_EQ(parse_dscp(std::to_string(dscp)), dscp);
  }
  EXPECT_EQ(format_dscp(34), "AF41");
  EXPECT_EQ(format_dscp(0), "BE");
  EXPECT_EQ(format_dscp(63), "63");
  EXPECT_EQ(parse_dscp("af43"), 38);
  EXPECT_EQ(parse_dscp("ef"), 46);
  EXPECT_EQ(parse_dscp("CS0"), 0);
  EXPECT_EQ(parse_dscp("df"), 0);
}

TEST(Dscp, OtherWordsAreNone) {
  for (const char* word :
       {"", "AF", "AF44", "AF51", "CS8", "EF ", "-1", "64", "256", "0x2e", "1 "}) {
    EXPECT_EQ(parse_dscp(word), std::nullopt) << '"' << word << '"';
  }
}

TEST(Dscp, PrioritiesOfTagsKeepTheirOrder) {
  EXPECT_EQ(phb_of(kDscpByPcp[1]), Phb::lower_effort);  // background is below best effort
  EXPECT_EQ(phb_of(kDscpByPcp[0]), Phb::best_effort);
  EXPECT_EQ(phb_of(kDscpByPcp[5]), Phb::expedited);
  EXPECT_EQ(phb_of(kDscpByPcp[7]), Phb::network_control);
}

TEST(Words, RoundTrip) {
  for (const Phb phb : kPhbs) EXPECT_EQ(parse_phb(name(phb)), phb);
  EXPECT_EQ(parse_phb("af3"), Phb::af3);
  EXPECT_EQ(parse_phb("af5"), std::nullopt);
  for (const Colour colour : {Colour::green, Colour::yellow, Colour::red}) {
    EXPECT_EQ(parse_colour(name(colour)), colour);
  }
  EXPECT_EQ(parse_colour("blue"), std::nullopt);
}

// -- the octet in the frame -----------------------------------------------------------------------

/// An IPv4/UDP frame with that ToS octet and, as `salt`, some identification.
Octets frame4(std::uint8_t tos, std::uint16_t salt) {
  using namespace wire_test;
  Octets octets =
      ethernet(kEtherTypeIpv4, ipv4(kIpProtoUdp, udp(counting(20)), 0x4000, Octets(4, 1)));
  octets[15] = tos;
  octets[18] = static_cast<std::uint8_t>(salt >> 8U);
  octets[19] = static_cast<std::uint8_t>(salt);
  octets[24] = octets[25] = 0;
  const std::uint16_t sum = naive_sum(Octets(octets.begin() + 14, octets.begin() + 38));
  const Octets checksum = word16(0xFFFFU ^ sum);
  std::copy(checksum.begin(), checksum.end(), octets.begin() + 24);
  return octets;
}

/// `octets` with ToS octet `tos` is what `changed` must be, and its header checksum must be right.
void expect_only_tos4(const Octets& octets, ConstBytes changed, std::uint8_t tos) {
  EXPECT_EQ(changed[15], tos);
  EXPECT_EQ(wire_test::naive_sum(Octets(changed.begin() + 14, changed.begin() + 38)), 0xFFFF);
  for (std::size_t i = 0; i < octets.size(); ++i) {
    if (i != 15 && i != 24 && i != 25) {
      EXPECT_EQ(changed[i], octets[i]) << i;
    }
  }
}

TEST(Remark, MendsTheIpv4ChecksumAndKeepsEcn) {
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random{seed};
  for (int i = 0; i < 5000; ++i) {
    const auto tos = static_cast<std::uint8_t>(random());
    const auto dscp = static_cast<std::uint8_t>(random() % 64);
    const Octets octets = frame4(tos, static_cast<std::uint16_t>(random()));
    ExactBuffer frame{octets};
    ParsedFrame parsed = parse_frame(frame.view());
    remark(frame.writable(), parsed, dscp);
    expect_only_tos4(
        octets, frame.view(), static_cast<std::uint8_t>(unsigned{dscp} << 2U | (tos & 3U))
    );
    EXPECT_EQ(parsed, parse_frame(frame.view()));
  }
}

TEST(Remark, WritesTheIpv6TrafficClassAndNothingElse) {
  using namespace wire_test;
  for (unsigned ecn = 0; ecn < 4; ++ecn) {
    Octets octets = ethernet(
        kEtherTypeVlan, tag(5, kEtherTypeIpv6, wire_test::ipv6(kIpProtoUdp, udp(counting(8))))
    );
    octets[19] = static_cast<std::uint8_t>((octets[19] & 0xCFU) | ecn << 4U);
    ExactBuffer frame{octets};
    ParsedFrame parsed = parse_frame(frame.view());
    remark(frame.writable(), parsed, 38);
    EXPECT_EQ(parse_frame(frame.view()).tos, 38U << 2U | ecn);
    EXPECT_EQ(parsed, parse_frame(frame.view()));
    EXPECT_EQ(frame.view()[18] & 0xF0U, 0x60U);               // version
    EXPECT_EQ(frame.view()[19] & 0x0FU, octets[19] & 0x0FU);  // flow label
    EXPECT_TRUE(std::equal(octets.begin() + 20, octets.end(), frame.view().begin() + 20));
  }
}

TEST(Remark, LeavesOtherFramesAlone) {
  const Octets octets = wire_test::ethernet(0x88CC, wire_test::counting(50));
  ExactBuffer frame{octets};
  ParsedFrame parsed = parse_frame(frame.view());
  remark(frame.writable(), parsed, 46);
  EXPECT_TRUE(std::equal(octets.begin(), octets.end(), frame.view().begin()));
}

TEST(MarkCe, MarksEctPacketsAndMendsTheChecksum) {
  for (unsigned tos = 0; tos < 256; ++tos) {
    const Octets octets = frame4(static_cast<std::uint8_t>(tos), 0xBEEF);
    ExactBuffer frame{octets};
    const bool is_capable = (tos & 3U) != 0;
    EXPECT_EQ(
        mark_ce(frame.writable(), L3Kind::ipv4, 14),
        is_capable ? CeMark::marked : CeMark::not_capable
    );
    expect_only_tos4(
        octets, frame.view(), static_cast<std::uint8_t>(is_capable ? (tos | 3U) : tos)
    );
  }
}

TEST(MarkCe, MarksIpv6) {
  Octets octets = wire_test::ethernet(kEtherTypeIpv6, wire_test::ipv6(kIpProtoNone, {}));
  EXPECT_EQ(mark_ce(octets, L3Kind::ipv6, 14), CeMark::not_capable);
  octets[15] |= 0x20U;  // ECT(0)
  EXPECT_EQ(mark_ce(octets, L3Kind::ipv6, 14), CeMark::marked);
  EXPECT_EQ(parse_frame(octets).tos, 0x28 | 3);
}

TEST(MarkCe, FramesThatAreNotIpAreNotCapable) {
  Octets octets = wire_test::ethernet(kEtherTypeArp, wire_test::counting(28));
  EXPECT_EQ(mark_ce(octets, L3Kind::arp, 14), CeMark::not_capable);
  EXPECT_EQ(mark_ce(octets, L3Kind::other, 0), CeMark::not_capable);
}

}  // namespace
}  // namespace weft::classifier
