// Every golden packet that an uplink could receive, as it is, cut and bent, through parse_frame and decap.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/base/drop_reason.h"
#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"
#include "dataplane/net/parse.h"
#include "encap/tos.h"
#include "encap/tunnel.h"
#include "tests/golden/golden.h"

namespace weft::encap {
namespace {

using golden::ExactBuffer;
using golden::Packet;

constexpr DecapConfig kConfig{};

/// What became of a frame: "ok", "not_tunnel" or the name of a drop reason.
struct Verdict {
  std::string word;
  ParsedFrame outer;
  Decapped decapped;
};

Verdict receive(ConstBytes frame, std::size_t on_wire, bool known_good = false) {
  Verdict verdict;
  verdict.outer = parse_frame(frame, on_wire);
  DropReason error = verdict.outer.error;
  if (error == DropReason::none) {
    verdict.decapped = decap(frame, on_wire, verdict.outer, kConfig, known_good);
    error = verdict.decapped.error;
  }
  if (error != DropReason::none) {
    EXPECT_FALSE(verdict.decapped.is_tunnel) << "a lost packet is nothing else";
    verdict.word = drop_info(error).name;
  } else {
    verdict.word = verdict.decapped.is_tunnel ? "ok" : "not_tunnel";
  }
  return verdict;
}

Verdict receive(ConstBytes frame) {
  return receive(frame, frame.size());
}

std::string l3_name(const ParsedFrame& inner) {
  if (!inner.is_ok()) return std::string{drop_info(inner.error).name};
  switch (inner.l3) {
    case L3Kind::other:
      return "other";
    case L3Kind::arp:
      return "arp";
    case L3Kind::ipv4:
      return "ipv4";
    case L3Kind::ipv6:
      return "ipv6";
  }
  return "?";
}

std::vector<Packet> accepted(const std::string& set) {
  std::vector<Packet> packets;
  for (Packet& packet : golden::load(set)) {
    if (packet.row.at("verdict") == "ok") packets.push_back(std::move(packet));
  }
  return packets;
}

class DecapGolden : public testing::TestWithParam<const char*> {};
class TunnelGolden : public testing::TestWithParam<const char*> {};

TEST_P(DecapGolden, EachPacketGetsItsVerdict) {
  for (const Packet& packet : golden::load(GetParam())) {
    SCOPED_TRACE(packet.name);
    const ExactBuffer buffer{packet.octets};
    const Verdict verdict = receive(buffer.view());
    ASSERT_EQ(verdict.word, packet.row.at("verdict").get<std::string>());
    if (verdict.word != "ok") continue;
    const Decapped& decapped = verdict.decapped;
    EXPECT_EQ(name(decapped.kind), packet.row.at("kind").get<std::string>());
    EXPECT_EQ(decapped.vni.value(), packet.row.at("vni").get<std::uint32_t>());
    EXPECT_EQ(decapped.inner_offset, packet.row.at("inner_offset").get<std::size_t>());
    const std::size_t inner_octets = verdict.outer.l3_end - decapped.inner_offset;
    EXPECT_EQ(inner_octets, packet.row.at("inner_octets").get<std::size_t>());
    const ParsedFrame inner =
        parse_frame(buffer.view().subspan(decapped.inner_offset, inner_octets));
    EXPECT_EQ(l3_name(inner), packet.row.at("inner_l3").get<std::string>());
    if (inner.is_ok()) {
      EXPECT_EQ(inner.vlan_count, packet.row.at("inner_vlans").get<std::uint8_t>());
    }
  }
}

// A cut frame is lost by its IP length, unless only Ethernet padding is missing.
TEST_P(TunnelGolden, CutFramesAreLost) {
  for (const Packet& packet : accepted(GetParam())) {
    SCOPED_TRACE(packet.name);
    const std::size_t l3_end = parse_frame(packet.octets).l3_end;
    for (std::size_t size = 0; size < packet.octets.size(); ++size) {
      SCOPED_TRACE(size);
      const ExactBuffer buffer{ConstBytes{packet.octets}.first(size)};
      const std::string word = receive(buffer.view()).word;
      if (size >= l3_end) {
        EXPECT_EQ(word, "ok");
      } else {
        EXPECT_TRUE(word.starts_with("truncated_") || word.ends_with("_length_mismatch")) << word;
      }
    }
  }
}

// A frame of several buffers: all headers have to be in the first one, and nothing else.
TEST_P(TunnelGolden, HeadersMustBeContiguous) {
  for (const Packet& packet : accepted(GetParam())) {
    SCOPED_TRACE(packet.name);
    const std::size_t inner_offset = packet.row.at("inner_offset").get<std::size_t>();
    for (std::size_t size = 0; size < packet.octets.size(); ++size) {
      SCOPED_TRACE(size);
      const ExactBuffer buffer{ConstBytes{packet.octets}.first(size)};
      const std::string word = receive(buffer.view(), packet.octets.size()).word;
      EXPECT_EQ(word, size < inner_offset ? "headers_not_contiguous" : "ok");
    }
  }
}

/// Makes the outer lengths and the IPv4 checksum fit a frame that was cut behind the IP header; a UDP
/// checksum becomes zero.
void mend_lengths(Bytes frame, const ParsedFrame& outer) {
  const std::size_t octets = frame.size() - outer.l3_offset;
  if (outer.l3 == L3Kind::ipv4) {
    auto* ip = reinterpret_cast<Ipv4Header*>(frame.data() + outer.l3_offset);
    ip->total_length = Be16{static_cast<std::uint16_t>(octets)};
    ip->checksum = Be16{};
    ip->checksum = Be16{finish(sum_of(frame.subspan(outer.l3_offset, ip->header_bytes())))};
  } else {
    auto* ip = reinterpret_cast<Ipv6Header*>(frame.data() + outer.l3_offset);
    ip->payload_length = Be16{static_cast<std::uint16_t>(octets - sizeof(Ipv6Header))};
  }
  auto* udp = header_at<UdpHeader>(frame, outer.l4_offset);
  if (outer.l4 == L4Kind::udp && udp != nullptr) {
    udp->length = Be16{static_cast<std::uint16_t>(frame.size() - outer.l4_offset)};
    udp->checksum = Be16{};
  }
}

// A well-formed but short packet is lost for the header it ends in.
TEST_P(TunnelGolden, ShortPacketsNameTheHeaderTheyEndIn) {
  for (const Packet& packet : accepted(GetParam())) {
    SCOPED_TRACE(packet.name);
    const ParsedFrame outer = parse_frame(packet.octets);
    const std::size_t inner_offset = packet.row.at("inner_offset").get<std::size_t>();
    const bool is_vxlan = packet.row.at("kind") == "vxlan";
    for (std::size_t size = outer.l4_offset; size <= outer.l3_end; ++size) {
      SCOPED_TRACE(size);
      ExactBuffer buffer{ConstBytes{packet.octets}.first(size)};
      mend_lengths(buffer.edit(), outer);
      std::string expected = "ok";
      if (size < inner_offset) expected = is_vxlan ? "truncated_vxlan" : "truncated_gre";
      if (is_vxlan && size < outer.l4_offset + sizeof(UdpHeader)) expected = "truncated_l4";
      EXPECT_EQ(receive(buffer.view()).word, expected);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Received,
    DecapGolden,
    testing::Values("vxlan_v4", "vxlan_v6", "nvgre_v4", "nvgre_v6", "not_tunnel")
);
INSTANTIATE_TEST_SUITE_P(
    Received, TunnelGolden, testing::Values("vxlan_v4", "vxlan_v6", "nvgre_v4", "nvgre_v6")
);

TEST(DecapGoldenChecksum, NoFlippedBitSurvivesAChecksum) {
  for (const Packet& packet : golden::load("vxlan_v4")) {
    if (packet.name != "good_checksum" && packet.name != "good_checksum_odd_size") continue;
    for (std::size_t bit = 8 * sizeof(EthernetHeader); bit < 8 * packet.octets.size(); ++bit) {
      ExactBuffer buffer{packet.octets};
      buffer.edit()[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
      EXPECT_NE(receive(buffer.view()).word, "ok") << packet.name << ", bit " << bit;
    }
  }
}

// Whoever has verified the checksum already (a NIC, or the caller over its buffers) is believed, and a
// packet of several buffers is not judged by its first one.
TEST(DecapGoldenChecksum, VerifiesTheChecksumOnlyWhereItCan) {
  for (const char* set : {"vxlan_v4", "vxlan_v6"}) {
    for (const Packet& packet : golden::load(set)) {
      if (packet.row.at("verdict") != "bad_udp_checksum") continue;
      SCOPED_TRACE(packet.name);
      const ConstBytes frame{packet.octets};
      EXPECT_EQ(receive(frame, frame.size(), true).word, "ok");
      EXPECT_EQ(receive(frame.first(frame.size() - 1), frame.size()).word, "ok");
    }
  }
}

TEST(DecapGoldenPort, IsTheConfiguredOne) {
  for (const Packet& packet : golden::load("vxlan_v4")) {
    if (packet.name != "inner_ipv4" && packet.name != "other_port") continue;
    const ParsedFrame outer = parse_frame(packet.octets);
    const Decapped decapped =
        decap(packet.octets, packet.octets.size(), outer, DecapConfig{.vxlan_port = 4790});
    EXPECT_EQ(decapped.error, DropReason::none);
    EXPECT_EQ(decapped.is_tunnel, packet.name == "other_port");
  }
}

// RFC 6040 figure 4 and RFC 2983 from the wire: the whole inner frame, its checksum included.
TEST(TosGolden, EachInnerFrameIsAsTheRfcsSay) {
  for (const Packet& packet : golden::load("tos")) {
    SCOPED_TRACE(packet.name);
    ExactBuffer buffer{packet.octets};
    const Verdict verdict = receive(buffer.view());
    ASSERT_EQ(verdict.word, "ok");
    const Bytes inner = buffer.edit().subspan(verdict.decapped.inner_offset);
    const ParsedFrame parsed = parse_frame(inner);
    ASSERT_TRUE(parsed.is_ok());
    const auto mode = parse_dscp_mode(packet.row.at("mode").get<std::string>());
    ASSERT_TRUE(mode.has_value());
    const InnerTos tos = inner_tos(*mode, verdict.outer.tos, parsed.tos);
    const std::string expected = packet.row.at("verdict").get<std::string>();
    ASSERT_EQ(tos.is_lost ? "ecn_congestion_lost" : "ok", expected);
    if (tos.is_lost) continue;
    write_tos(inner, parsed, tos.tos);
    std::string hex;
    for (const std::uint8_t octet : inner) {
      constexpr char kDigits[] = "0123456789abcdef";
      hex += kDigits[octet >> 4U];
      hex += kDigits[octet & 15U];
    }
    EXPECT_EQ(hex, packet.row.at("inner").get<std::string>());
  }
}

}  // namespace
}  // namespace weft::encap
