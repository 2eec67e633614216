// Modes and names; the table of RFC 6040 with whole packets is in tests/golden/decap_golden_test.cc.
#include "encap/tos.h"

#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"

namespace weft::encap {
namespace {

constexpr std::uint8_t octet(unsigned dscp, unsigned ecn) {
  return static_cast<std::uint8_t>(dscp << 2U | ecn);
}

TEST(Tos, NamesRoundTrip) {
  for (const DscpMode mode : {DscpMode::uniform, DscpMode::pipe, DscpMode::fixed}) {
    EXPECT_EQ(parse_dscp_mode(name(mode)), mode);
  }
  EXPECT_EQ(parse_dscp_mode("Uniform"), std::nullopt);
  EXPECT_EQ(parse_dscp_mode(""), std::nullopt);
}

// RFC 6040 s4.1, normal mode: the outer ECN field is a copy of the inner one, CE included.
TEST(Tos, OuterEcnIsTheInnerOneInEveryMode) {
  for (const DscpMode mode : {DscpMode::uniform, DscpMode::pipe, DscpMode::fixed}) {
    for (unsigned ecn = 0; ecn < 4; ++ecn) {
      EXPECT_EQ(outer_tos(mode, 10, octet(46, ecn)) & kEcnMask, ecn);
    }
  }
}

// RFC 2983 s4.
TEST(Tos, OuterDscpFollowsTheMode) {
  for (unsigned dscp = 0; dscp < 64; ++dscp) {
    EXPECT_EQ(outer_tos(DscpMode::uniform, 10, octet(dscp, 0)) >> 2U, dscp);
    EXPECT_EQ(outer_tos(DscpMode::pipe, 10, octet(dscp, 0)) >> 2U, dscp);
    EXPECT_EQ(outer_tos(DscpMode::fixed, 10, octet(dscp, 0)) >> 2U, 10U);
  }
  EXPECT_EQ(outer_tos(DscpMode::fixed, 63, 0), octet(63, kEcnNotEct));
}

TEST(Tos, InnerDscpChangesOnlyInUniformMode) {
  EXPECT_EQ(inner_tos(DscpMode::uniform, octet(46, 2), octet(10, 2)).tos, octet(46, 2));
  EXPECT_EQ(inner_tos(DscpMode::pipe, octet(46, 2), octet(10, 2)).tos, octet(10, 2));
  EXPECT_EQ(inner_tos(DscpMode::fixed, octet(46, 2), octet(10, 2)).tos, octet(10, 2));
}

// RFC 6040 s4.2: of the sixteen combinations exactly one is dropped, in every mode.
TEST(Tos, OnlyNotEctInsideCeIsLost) {
  for (const DscpMode mode : {DscpMode::uniform, DscpMode::pipe, DscpMode::fixed}) {
    for (std::uint8_t outer = 0; outer < 4; ++outer) {
      for (std::uint8_t inner = 0; inner < 4; ++inner) {
        const bool expected = inner == kEcnNotEct && outer == kEcnCe;
        EXPECT_EQ(inner_tos(mode, outer, inner).is_lost, expected) << +outer << +inner;
      }
    }
  }
}

// RFC 3168 s5.3 and RFC 6040 s4.2: a mark is never taken back.
TEST(Tos, CongestionExperiencedSurvives) {
  for (std::uint8_t outer = 0; outer < 4; ++outer) {
    EXPECT_EQ(inner_tos(DscpMode::pipe, outer, kEcnCe).tos & kEcnMask, kEcnCe);
  }
  EXPECT_EQ(inner_tos(DscpMode::pipe, kEcnCe, kEcnEct0).tos & kEcnMask, kEcnCe);
  EXPECT_EQ(inner_tos(DscpMode::pipe, kEcnCe, kEcnEct1).tos & kEcnMask, kEcnCe);
}

std::vector<std::uint8_t> ipv4_frame(std::uint8_t tos) {
  std::vector<std::uint8_t> frame{2, 0, 0,    0,   0, 1,  2,    0,    0, 0, 0,  2,
                                  8, 0, 0x45, tos, 0, 20, 0x12, 0x34, 0, 0, 64, 59,
                                  0, 0, 10,   1,   0, 1,  10,   1,    0, 2};
  auto* ip = header_at<Ipv4Header>(Bytes{frame}, 14);
  ip->checksum = Be16{finish(sum_of(ConstBytes{frame}.subspan(14)))};
  return frame;
}

// All pairs: the incremental checksum agrees with one made from scratch.
TEST(Tos, WritesIpv4AndMendsItsChecksum) {
  for (unsigned before = 0; before < 256; ++before) {
    for (unsigned after = 0; after < 256; ++after) {
      auto frame = ipv4_frame(static_cast<std::uint8_t>(before));
      write_tos(frame, parse_frame(frame), static_cast<std::uint8_t>(after));
      ASSERT_EQ(frame, ipv4_frame(static_cast<std::uint8_t>(after))) << before << " " << after;
    }
  }
}

TEST(Tos, WritesIpv6TrafficClassOnly) {
  std::vector<std::uint8_t> frame(14 + 40);
  frame[12] = 0x86;
  frame[13] = 0xDD;
  frame[14] = 0x6A;
  frame[15] = 0xBC;
  frame[16] = 0xDE;
  frame[17] = 0xF1;
  frame[20] = 59;
  auto expected = frame;
  expected[14] = 0x61;
  expected[15] = 0x2C;
  const ParsedFrame parsed = parse_frame(frame);
  ASSERT_EQ(parsed.tos, 0xAB);
  write_tos(frame, parsed, 0x12);
  EXPECT_EQ(frame, expected);
}

TEST(Tos, LeavesOtherFramesAlone) {
  std::vector<std::uint8_t> frame{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xB5, 1, 2, 3};
  const auto before = frame;
  write_tos(frame, parse_frame(frame), 0xFF);
  EXPECT_EQ(frame, before);
}

}  // namespace
}  // namespace weft::encap
