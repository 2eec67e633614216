#include "dataplane/net/parse.h"

#include <algorithm>
#include <ostream>

#include <gtest/gtest.h>

#include "dataplane/net/headers.h"
#include "dataplane/net/parse_plain.h"
#include "dataplane/net/testing/frames.h"

namespace weft {

// Found by GoogleTest: what a failed comparison shows.
void PrintTo(const ParsedFrame& p, std::ostream* out) {
  *out << "{" << drop_info(p.error).name << " l3=" << int(p.l3) << " l4=" << int(p.l4)
       << " tags=" << int(p.vlan_count) << " fragment=" << p.is_fragment << p.is_first_fragment
       << " proto=" << int(p.ip_proto) << " tos=" << int(p.tos) << " type=" << p.ether_type
       << " l3@" << p.l3_offset << " l4@" << p.l4_offset << " payload@" << p.payload_offset
       << " end@" << p.l3_end << "}";
}

namespace {

using namespace wire_test;  // NOLINT: builders

/// parse_frame, held against the packet path's own entrance.
ParsedFrame parse(ConstBytes frame, std::size_t on_wire_octets) {
  const ParsedFrame parsed = parse_frame(frame, on_wire_octets);
  ParsedFrame quickly;
  // What is not written shows.
  std::fill_n(reinterpret_cast<std::uint8_t*>(&quickly), sizeof quickly, std::uint8_t{0xA5});
  parse_frame_into(quickly, frame, on_wire_octets);
  EXPECT_EQ(quickly, parsed);
  return parsed;
}
ParsedFrame parse(ConstBytes frame) {
  return parse(frame, frame.size());
}

DropReason error_of(const Octets& octets) {
  return parse(ExactBuffer{octets}.view()).error;
}

/// Octets of the frame that parse insists on seeing.
std::size_t headers_end(const GoldenFrame& golden) {
  if (golden.parsed.is_ip()) return golden.parsed.payload_offset;
  if (golden.parsed.l3 == L3Kind::arp) return golden.parsed.l3_offset + 28U;
  return golden.parsed.l3_offset;
}

/// Which header the frame ends in when only its first `size` octets are left.
DropReason reason_when_truncated(const ParsedFrame& whole, std::size_t size) {
  if (size < 14) return DropReason::truncated_ethernet;
  if (size < whole.l3_offset) return DropReason::truncated_vlan;
  switch (whole.l3) {
    case L3Kind::arp:
      return size < whole.l3_offset + 28U ? DropReason::truncated_arp : DropReason::none;
    case L3Kind::ipv4:
      if (size < whole.l4_offset) return DropReason::truncated_ipv4;
      return size < whole.l3_end ? DropReason::ipv4_length_mismatch : DropReason::none;
    case L3Kind::ipv6:
      if (size < whole.l3_offset + 40U) return DropReason::truncated_ipv6;
      return size < whole.l3_end ? DropReason::ipv6_length_mismatch : DropReason::none;
    case L3Kind::other:
      return DropReason::none;
  }
  return DropReason::none;
}

/// Makes the IP packet end at `end` octets into the frame. Precondition: behind the fixed header.
void set_ip_end(Octets& octets, const ParsedFrame& whole, std::size_t end) {
  const bool is_v4 = whole.l3 == L3Kind::ipv4;
  const Octets length = word16(end - whole.l3_offset - (is_v4 ? 0U : 40U));
  std::copy(length.begin(), length.end(), octets.begin() + whole.l3_offset + (is_v4 ? 2 : 4));
}

TEST(Parse, GoldenFramesHaveTheirOffsets) {
  for (const GoldenFrame& golden : golden_frames()) {
    EXPECT_EQ(parse(ExactBuffer{golden.octets}.view()), golden.parsed) << golden.name;
  }
}

TEST(Parse, NamesTheHeaderThatATruncatedFrameEndsIn) {
  for (const GoldenFrame& golden : golden_frames()) {
    for (std::size_t size = 0; size < golden.octets.size(); ++size) {
      const ExactBuffer buffer{golden.octets, size};
      const ParsedFrame parsed = parse(buffer.view());
      ASSERT_EQ(
          drop_info(parsed.error).name, drop_info(reason_when_truncated(golden.parsed, size)).name
      ) << golden.name
        << " at " << size;
    }
  }
}

TEST(Parse, SaysThatHeadersContinueInTheNextBuffer) {
  for (const GoldenFrame& golden : golden_frames()) {
    for (std::size_t size = 0; size < golden.octets.size(); ++size) {
      const ExactBuffer buffer{golden.octets, size};
      const ParsedFrame parsed = parse(buffer.view(), golden.octets.size());
      if (size < headers_end(golden)) {
        ASSERT_EQ(parsed.error, DropReason::headers_not_contiguous)
            << golden.name << " at " << size;
      } else {
        ASSERT_EQ(parsed, golden.parsed) << golden.name << " at " << size;
      }
    }
  }
}

TEST(Parse, NamesTheHeaderThatAShorterIpPacketEndsIn) {
  for (const GoldenFrame& golden : golden_frames()) {
    if (!golden.parsed.is_ip()) continue;
    const ParsedFrame& whole = golden.parsed;
    const bool is_v4 = whole.l3 == L3Kind::ipv4;
    const std::size_t fixed = whole.l3_offset + (is_v4 ? 20U : 40U);
    for (std::size_t end = fixed; end < whole.l3_end; ++end) {
      DropReason expected = DropReason::none;
      if (end < whole.payload_offset) expected = DropReason::truncated_l4;
      if (end < whole.l4_offset) {
        expected = is_v4 ? DropReason::truncated_ipv4 : DropReason::truncated_ipv6;
      }
      Octets octets = golden.octets;
      set_ip_end(octets, whole, end);
      octets.resize(end);
      ASSERT_EQ(error_of(octets), expected) << golden.name << " at " << end;
    }
  }
}

TEST(Parse, DoesNotTakePaddingForHeaders) {
  for (const GoldenFrame& golden : golden_frames()) {
    if (!golden.parsed.is_ip()) continue;
    const ParsedFrame& whole = golden.parsed;
    const bool is_v4 = whole.l3 == L3Kind::ipv4;
    const std::size_t fixed = whole.l3_offset + (is_v4 ? 20U : 40U);
    for (std::size_t end = fixed; end < whole.l3_end; ++end) {
      DropReason expected = DropReason::none;
      if (end < whole.payload_offset) expected = DropReason::truncated_l4;
      if (end < whole.l4_offset) {
        expected = is_v4 ? DropReason::ipv4_length_mismatch : DropReason::truncated_ipv6;
      }
      const bool looks_like_a_jumbogram =
          !is_v4 && end == fixed && golden.octets[whole.l3_offset + 6U] == kIpProtoHopByHop;
      if (looks_like_a_jumbogram) expected = DropReason::ipv6_length_mismatch;
      Octets octets = golden.octets;
      set_ip_end(octets, whole, end);
      const ParsedFrame parsed = parse(ExactBuffer{octets}.view());
      ASSERT_EQ(parsed.error, expected) << golden.name << " at " << end;
      if (expected == DropReason::none) {
        ASSERT_EQ(parsed.l3_end, end) << golden.name;
      }
    }
  }
}

TEST(Parse, RefusesAWrongIpv4VersionOrHeaderLength) {
  for (const int version_ihl : {0x00, 0x35, 0x55, 0x65, 0xF5, 0x40, 0x44}) {
    Octets octets = ethernet(kEtherTypeIpv4, ipv4(17, udp({})));
    octets[14] = static_cast<std::uint8_t>(version_ihl);
    EXPECT_EQ(error_of(octets), DropReason::bad_ipv4_header) << version_ihl;
  }
}

TEST(Parse, RefusesAnIpv4TotalLengthOutsideOfHeaderAndFrame) {
  const Octets good = ethernet(kEtherTypeIpv4, ipv4(17, udp(counting(4))));
  for (const std::size_t total : {0U, 19U, 33U, 65535U}) {
    Octets octets = good;
    octets[16] = static_cast<std::uint8_t>(total >> 8U);
    octets[17] = static_cast<std::uint8_t>(total);
    EXPECT_EQ(error_of(octets), DropReason::ipv4_length_mismatch) << total;
  }
}

TEST(Parse, LeavesTheIpv4ChecksumToOthers) {
  Octets octets = ethernet(kEtherTypeIpv4, ipv4(17, udp({})));
  octets[24] ^= 0xFFU;
  EXPECT_EQ(error_of(octets), DropReason::none);
}

TEST(Parse, RefusesAWrongIpv6Version) {
  Octets octets = ethernet(kEtherTypeIpv6, ipv6(17, udp({})));
  octets[14] = 0x45;
  EXPECT_EQ(error_of(octets), DropReason::bad_ipv6_header);
}

TEST(Parse, RefusesAJumbogram) {  // RFC 2675: payload length 0, the real one in an option
  Octets octets = ethernet(kEtherTypeIpv6, ipv6(0, extension(17, 0, udp(counting(8)))));
  octets[18] = octets[19] = 0;
  EXPECT_EQ(error_of(octets), DropReason::ipv6_length_mismatch);
  octets.resize(54);  // really empty: the hop-by-hop header itself is missing
  EXPECT_EQ(error_of(octets), DropReason::truncated_ipv6);
}

TEST(Parse, WalksEightExtensionHeadersAndRefusesNine) {
  Octets payload = udp(counting(4));
  std::uint8_t next = kIpProtoUdp;
  for (int count = 1; count <= 9; ++count) {
    payload = extension(next, 0, payload);
    next = kIpProtoDestOptions;
    const DropReason expected = count <= 8 ? DropReason::none : DropReason::bad_ipv6_header;
    EXPECT_EQ(error_of(ethernet(kEtherTypeIpv6, ipv6(next, payload))), expected) << count;
  }
}

TEST(Parse, ReachesAnL4HeaderBehindTheLongestExtensionHeaders) {
  Octets payload = udp({});
  std::uint8_t next = kIpProtoUdp;
  for (int count = 1; count <= 8; ++count) {
    payload = extension(next, 255, payload);
    next = kIpProtoDestOptions;
  }
  const ParsedFrame parsed =
      parse(ExactBuffer{ethernet(kEtherTypeIpv6, ipv6(next, payload))}.view());
  EXPECT_EQ(parsed.l4, L4Kind::udp);
  EXPECT_EQ(parsed.l4_offset, 54 + 8 * 2048);
}

TEST(Parse, RefusesATcpHeaderLengthBelowFiveWordsOrBeyondThePacket) {
  for (const int words : {0, 4, 7, 15}) {
    for (const bool is_v4 : {true, false}) {
      const Octets segment = tcp(counting(4));  // 24 octets: six words
      Octets octets = is_v4 ? ethernet(kEtherTypeIpv4, ipv4(6, segment))
                            : ethernet(kEtherTypeIpv6, ipv6(6, segment));
      octets[octets.size() - 24 + 12] = static_cast<std::uint8_t>(words << 4U);
      EXPECT_EQ(error_of(octets), DropReason::truncated_l4) << words;
    }
  }
}

TEST(Parse, RefusesAFirstFragmentWithoutItsWholeL4Header) {  // RFC 1858 s3, RFC 7112 s5
  const Octets piece = counting(16);
  EXPECT_EQ(
      error_of(ethernet(kEtherTypeIpv4, ipv4(kIpProtoTcp, piece, Ipv4Header::kMoreFragments))),
      DropReason::truncated_l4
  );
  EXPECT_EQ(
      error_of(ethernet(kEtherTypeIpv6, ipv6(kIpProtoFragment, fragment(kIpProtoTcp, 1, piece)))),
      DropReason::truncated_l4
  );
}

TEST(Parse, RefusesArpThatIsNotForIpv4OverEthernet) {
  const Octets good = ethernet(kEtherTypeArp, arp(1));
  for (const std::size_t offset : {14U, 15U, 16U, 17U, 18U, 19U}) {
    Octets octets = good;
    octets[offset] ^= 0x40U;
    EXPECT_EQ(error_of(octets), DropReason::truncated_arp) << offset;
  }
}

TEST(Parse, TakesLargeSegmentsWhosePayloadIsInOtherBuffers) {
  const Octets whole = ethernet(kEtherTypeIpv4, ipv4(6, tcp(Octets(65535 - 40))));
  const ExactBuffer headers{whole, 14 + 20 + 20};
  const ParsedFrame parsed = parse(headers.view(), whole.size());
  EXPECT_TRUE(parsed.is_ok());
  EXPECT_EQ(parsed.payload_offset, 54);
  EXPECT_EQ(parsed.l3_end, 14U + 65535U);
  EXPECT_EQ(parse(headers.view()).error, DropReason::ipv4_length_mismatch);
}

TEST(Parse, DropsAsTruncatedWhatNoFurtherBufferCanComplete) {
  const Octets whole = ethernet(kEtherTypeIpv4, ipv4(6, tcp({})));
  EXPECT_EQ(parse(ExactBuffer{whole, 20}.view(), 30).error, DropReason::truncated_ipv4);
  EXPECT_EQ(parse(ExactBuffer{whole, 20}.view(), 34).error, DropReason::headers_not_contiguous);
}

}  // namespace
}  // namespace weft
