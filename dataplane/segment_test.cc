// segment() against the frames that a stack without segmentation offload would have sent: built one
// by one by the test's own builders, compared octet for octet.
#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/offload.h"
#include "dataplane/port/testing/packet_fixture.h"

namespace weft {
namespace {

using namespace wire_test;

using Segment = PacketTest;

/// A large segment and how it is to be cut.
struct Case {
  Ethernet ethernet{};
  Ip ip = Ip4{};
  Tcp tcp{};
  std::size_t payload_octets = 5000;
  std::uint16_t gso_octets = 1448;
  std::uint16_t mtu = 1450;
  std::vector<std::size_t> shape{};
};

Octets payload_of(const Case& c) {
  return random_octets(c.payload_octets, 11);
}

Packet large_frame(const Case& c) {
  Tcp tcp = c.tcp;
  tcp.is_partial = true;
  Packet frame = packet(tcp_frame(c.ethernet, c.ip, tcp, payload_of(c)), c.shape);
  meta(frame.get()).offload = tcp_offload(frame.get(), c.gso_octets);
  EXPECT_EQ(check_offload(frame.get()), DropReason::none);
  return frame;
}

/// What has to come out, `size` octets of payload each.
std::vector<Octets> expected_frames(const Case& c, std::size_t size) {
  const Octets payload = payload_of(c);
  std::vector<Octets> frames;
  for (std::size_t begin = 0; begin == 0 || begin < payload.size(); begin += size) {
    const std::size_t end = std::min(begin + size, payload.size());
    Ip ip = c.ip;
    if (auto* v4 = std::get_if<Ip4>(&ip)) {
      v4->identification = static_cast<std::uint16_t>(v4->identification + frames.size());
    }
    Tcp tcp = c.tcp;
    tcp.sequence += static_cast<std::uint32_t>(begin);
    unsigned flags = tcp.flags;
    if (end != payload.size()) flags &= ~unsigned{TcpHeader::kFin | TcpHeader::kPsh};
    if (begin != 0) flags &= ~unsigned{TcpHeader::kCwr};
    tcp.flags = static_cast<std::uint8_t>(flags);
    frames.push_back(tcp_frame(
        c.ethernet,
        ip,
        tcp,
        Octets(
            payload.begin() + static_cast<std::ptrdiff_t>(begin),
            payload.begin() + static_cast<std::ptrdiff_t>(end)
        )
    ));
  }
  return frames;
}

struct Result {
  std::vector<Octets> frames;
  unsigned calls{};
};

/// Cuts to the end, checking what holds for every frame.
Result cut_all(rte_mbuf* frame, std::uint16_t mtu, rte_mempool* pool = pools().small) {
  Result result;
  SegmentCursor cursor;
  while (!cursor.is_done) {
    const Segmented cut = segment(frame, mtu, pool, cursor);
    ++result.calls;
    EXPECT_GT(cut.count, 0);
    if (cut.count == 0) break;
    for (std::uint16_t i = 0; i < cut.count; ++i) {
      const Packet out{cut.out[i]};
      EXPECT_EQ(out->nb_segs, 1);
      EXPECT_EQ(out->pkt_len, out->data_len);
      EXPECT_EQ(rte_pktmbuf_headroom(out.get()), kHeadroom);
      const PacketMeta& m = meta(out.get());
      EXPECT_FALSE(m.offload.needs_checksum);
      EXPECT_EQ(m.offload.gso, OffloadRequest::Gso::none);
      EXPECT_EQ(m.parsed.l3_end, out->pkt_len);
      EXPECT_LE(out->pkt_len - m.parsed.l3_offset, mtu);
      result.frames.push_back(octets_of(out.get()));
    }
  }
  return result;
}

void expect_cut(const Case& c, std::size_t size) {
  const Packet frame = large_frame(c);
  const Octets before = octets_of(frame.get());
  const Poisoned guard{frame.get()};
  EXPECT_EQ(cut_all(frame.get(), c.mtu).frames, expected_frames(c, size));
  EXPECT_EQ(octets_of(frame.get()), before) << "the original changed";
}

TEST_F(Segment, CutsToTheMtu) {
  expect_cut({.ip = Ip4{}}, 1410);
  expect_cut({.ip = Ip6{}}, 1390);
}

TEST_F(Segment, CutsToTheSendersSegmentSizeWhenThatIsSmaller) {
  expect_cut({.ip = Ip4{}, .gso_octets = 536}, 536);
  expect_cut({.ip = Ip6{}, .gso_octets = 1220}, 1220);
}

TEST_F(Segment, CountsOptionsExtensionHeadersAndTags) {
  const Octets timestamps{1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8};
  expect_cut({.tcp = {.options = timestamps}}, 1398);
  expect_cut({.ethernet = {.vlans = {100}}, .tcp = {.options = timestamps}}, 1398);
  expect_cut({.ethernet = {.vlans = {1, 2}}, .ip = Ip6{}, .tcp = {.options = timestamps}}, 1378);
  expect_cut({.ip = Ip4{.options = Octets(12, 1)}}, 1398);
  expect_cut({.ip = Ip6{.extensions = {{kIpProtoHopByHop}, {}}}}, 1374);
}

TEST_F(Segment, CutsEverySizeAroundAWholeNumberOfSegments) {
  for (const std::size_t size :
       std::initializer_list<std::size_t>{0, 1, 2, 1409, 1410, 1411, 2819, 2820, 2821}) {
    expect_cut({.payload_octets = size}, 1410);
  }
}

TEST_F(Segment, CutsTheLargestPackets) {
  expect_cut({.ip = Ip4{}, .payload_octets = 65535 - 40}, 1410);
  expect_cut({.ip = Ip6{}, .payload_octets = 65535 - 20}, 1390);
}

TEST_F(Segment, ReadsPayloadFromMbufsOfAnyShape) {
  for (const std::vector<std::size_t>& shape : std::vector<std::vector<std::size_t>>{
           {54}, {55, 1, 1, 1}, {54, 0, 1409, 0, 2, 1410}, {1464, 1410, 1410}, {2000, 3001}}) {
    expect_cut({.shape = shape}, 1410);
  }
  Random random;
  SCOPED_TRACE(random.trace());
  for (int i = 0; i < 50; ++i) {
    Case c{.payload_octets = random.below(20000)};
    c.shape.push_back(54 + random.below(1000));
    for (unsigned n = random.below(10); n > 0; --n) c.shape.push_back(random.below(2000));
    expect_cut(c, 1410);
  }
}

TEST_F(Segment, SaysFinAndPushLastAndCwrFirst) {
  using T = TcpHeader;
  for (const int flags :
       {T::kAck | T::kPsh,
        T::kAck | T::kFin,
        T::kAck | T::kPsh | T::kFin | T::kCwr | T::kEce,
        T::kAck | T::kCwr,
        T::kAck | T::kEce}) {
    expect_cut({.tcp = {.flags = static_cast<std::uint8_t>(flags)}}, 1410);
    expect_cut({.tcp = {.flags = static_cast<std::uint8_t>(flags)}, .payload_octets = 9}, 1410);
  }
}

TEST_F(Segment, KeepsTheUrgentPointerOnTheSameOctet) {
  const Packet frame = large_frame(
      {.tcp = {.flags = TcpHeader::kAck | TcpHeader::kUrg, .urgent = 2000}, .payload_octets = 4000}
  );
  const std::vector<Octets> frames = cut_all(frame.get(), 1450).frames;
  ASSERT_EQ(frames.size(), 3U);
  const auto flags = [&](std::size_t i) { return frames[i][34 + 13]; };
  const auto urgent = [&](std::size_t i) { return frames[i][34 + 18] << 8U | frames[i][34 + 19]; };
  EXPECT_EQ(flags(0), TcpHeader::kAck | TcpHeader::kUrg);
  EXPECT_EQ(urgent(0), 2000);
  EXPECT_EQ(flags(1), TcpHeader::kAck | TcpHeader::kUrg);
  EXPECT_EQ(urgent(1), 2000 - 1410);
  EXPECT_EQ(flags(2), TcpHeader::kAck);
  EXPECT_EQ(urgent(2), 0);
  for (const Octets& octets : frames) EXPECT_EQ(checksum_faults(octets), "");
}

TEST_F(Segment, WrapsSequenceAndIdentification) {
  expect_cut({.ip = Ip4{.identification = 0xFFFE}, .tcp = {.sequence = 0xFFFFFF00}}, 1410);
}

TEST_F(Segment, ContinuesWhereTheLastCallStopped) {
  const Case c{.payload_octets = 65000, .gso_octets = 88, .shape = {100, 3001}};
  const Packet frame = large_frame(c);
  const Result result = cut_all(frame.get(), c.mtu);
  EXPECT_EQ(result.calls, 12U) << "739 frames in calls of 64";
  EXPECT_EQ(result.frames, expected_frames(c, 88));
}

TEST_F(Segment, LeavesEthernetPaddingOut) {
  const Case c{.payload_octets = 3000};
  Tcp partial = c.tcp;
  partial.is_partial = true;
  const Packet frame = packet(tcp_frame({}, c.ip, partial, payload_of(c)) + Octets(9, 0xEE));
  meta(frame.get()).offload = tcp_offload(frame.get(), 1000);
  EXPECT_EQ(cut_all(frame.get(), 1450).frames, expected_frames(c, 1000));
}

TEST_F(Segment, SumsFromThePartialChecksumOfASourceRoutedPacket) {
  // RFC 8200 s8.1: the pseudo header names the last address of the route, not the next one. Here
  // the partial field comes from that address and the IPv6 header holds another.
  const Octets payload = random_octets(3000, 5);
  const Ipv6Address next{{0x20, 0x01, 0x0d, 0xb8, 0, 9}};
  Octets octets = tcp_frame({}, Ip6{.extensions = {{}}}, {.is_partial = true}, payload);
  std::copy(next.octets.begin(), next.octets.end(), octets.begin() + 14 + 24);
  const Packet frame = packet(octets);
  meta(frame.get()).offload = tcp_offload(frame.get(), 1000);
  const std::vector<Octets> frames = cut_all(frame.get(), 1450).frames;
  ASSERT_EQ(frames.size(), 3U);
  for (Octets arrived : frames) {
    std::copy(kIp6B.octets.begin(), kIp6B.octets.end(), arrived.begin() + 14 + 24);
    EXPECT_EQ(checksum_faults(arrived), "") << "as its last hop sees it";
  }
}

TEST_F(Segment, CarriesTheMetaOver) {
  const Packet frame = large_frame({});
  PacketMeta& m = meta(frame.get());
  m.segment = SegmentIndex{7};
  m.from = EndpointIndex{8};
  m.to = Destination{TunnelIndex{9}};
  m.flow_hash = 10;
  SegmentCursor cursor;
  const Segmented cut = segment(frame.get(), 1450, pools().small, cursor);
  ASSERT_EQ(cut.count, 4);
  for (std::uint16_t i = 0; i < cut.count; ++i) {
    const Packet out{cut.out[i]};
    EXPECT_EQ(meta(out.get()).segment, SegmentIndex{7});
    EXPECT_EQ(meta(out.get()).from, EndpointIndex{8});
    EXPECT_EQ(meta(out.get()).to, Destination{TunnelIndex{9}});
    EXPECT_EQ(meta(out.get()).flow_hash, 10U);
  }
}

TEST_F(Segment, NeverFillsAnMbufBeyondItsRoom) {
  const Case c{.gso_octets = 4000, .mtu = 9000};
  const Packet frame = large_frame(c);
  EXPECT_EQ(cut_all(frame.get(), c.mtu).frames, expected_frames(c, kSmallRoom - 54U));
}

TEST_F(Segment, TakesNoMbufWhenThereAreTooFew) {
  const Pool pool = make_pool(3);  // one short
  const Packet frame = large_frame({});
  SegmentCursor cursor;
  const Segmented cut = segment(frame.get(), 1450, pool.get(), cursor);
  EXPECT_EQ(cut.count, 0);
  EXPECT_EQ(cut.error, DropReason::no_mbuf);
  EXPECT_EQ(cursor.next_octet, 0U);
  EXPECT_FALSE(cursor.is_done);
  EXPECT_EQ(rte_mempool_avail_count(pool.get()), 3U);
}

TEST_F(Segment, RefusesAnMtuThatHeadersFill) {
  const Packet frame = large_frame({});
  for (const std::uint16_t mtu : std::initializer_list<std::uint16_t>{0, 19, 40, 127}) {
    SegmentCursor cursor;
    const Segmented cut = segment(frame.get(), mtu, pools().small, cursor);
    EXPECT_EQ(cut.count, 0);
    EXPECT_EQ(cut.error, DropReason::inner_too_big);
  }
  EXPECT_EQ(mbufs_in_use(), 2U) << "only the original's";
  EXPECT_EQ(cut_all(frame.get(), 128).frames, expected_frames({}, 88));
}

}  // namespace
}  // namespace weft
