// coalesce(): what may be merged is, nothing overtakes within a flow, and what segment() cut comes back
// octet for octet.
#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/net/headers.h"
#include "dataplane/offload.h"
#include "dataplane/testing/coalesce_fixture.h"

namespace weft {
namespace {

using namespace coalesce_test;

using RoundTrip = PacketTest;

// -- what is merged ------------------------------------------------------------------------------

TEST_F(Coalesce, MergesAStreamIntoOneLargeSegment) {
  const Octets timestamps{1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8};
  const Octets payload = random_octets(10000, 1);
  for (const Ip& ip : std::vector<Ip>{Ip4{.tos = 2}, Ip6{.traffic_class = 2}}) {
    for (const Ethernet& ethernet : {Ethernet{}, Ethernet{.vlans = {100}}}) {
      Tcp tcp{.options = timestamps};
      const Burst merged = coalesced(packets(stream(ethernet, ip, tcp, payload, 1398)));
      ASSERT_EQ(merged.size(), 1U);
      expect_large(merged[0].get(), 1398);
      tcp.is_partial = true;
      tcp.flags |= TcpHeader::kPsh;
      EXPECT_EQ(octets_of(merged[0].get()), tcp_frame(ethernet, ip, tcp, payload));
    }
  }
}

TEST_F(Coalesce, MergesFlowsThatArriveInterleaved) {
  const Octets payload = random_octets(5000, 2);
  Burst burst;
  std::vector<std::vector<Octets>> flows;
  for (std::uint16_t port = 1; port <= 10; ++port) {
    const Ip ip = port % 2 == 0 ? Ip{Ip4{}} : Ip{Ip6{}};
    flows.push_back(stream({}, ip, {.source_port = port}, payload, 1000));
  }
  for (std::size_t i = 0; i < 5; ++i) {
    for (const auto& flow : flows) burst.push_back(packet(flow[i]));
  }
  const Burst merged = coalesced(std::move(burst));
  ASSERT_EQ(merged.size(), 10U);
  for (const Packet& frame : merged) {
    expect_large(frame.get(), 1000);
    EXPECT_EQ(
        slice(octets_of(frame.get()), meta(frame.get()).parsed.payload_offset, 99999), payload
    );
  }
}

TEST_F(Coalesce, MergesFramesOfSeveralMbufs) {
  const Octets payload = random_octets(9000, 3);
  const std::vector<Octets> frames = stream({}, Ip4{}, {}, payload, 3000);
  Burst burst;
  burst.push_back(packet(frames[0], {100, 7}));
  burst.push_back(packet(frames[1], {55, 1001, 1002}));
  burst.push_back(packet(frames[2], {900, 900, 900}));
  const Burst merged = coalesced(std::move(burst));
  ASSERT_EQ(merged.size(), 1U);
  expect_large(merged[0].get(), 3000);
  EXPECT_EQ(slice(octets_of(merged[0].get()), 54, 99999), payload);
}

TEST_F(Coalesce, CutsEthernetPaddingOff) {
  const Octets payload = random_octets(201, 4);
  const std::vector<Octets> frames = stream({}, Ip4{}, {}, payload, 100);
  const Burst merged = coalesced(packets(
      {frames[0] + Octets(3, 0xEE), frames[1] + Octets(4, 0xEE), frames[2] + Octets(5, 0xEE)}
  ));
  ASSERT_EQ(merged.size(), 1U);
  expect_large(merged[0].get(), 100);
  EXPECT_EQ(slice(octets_of(merged[0].get()), 54, 99999), payload);
}

TEST_F(Coalesce, EndsAtAShorterSegment) {
  const Octets payload = random_octets(4000, 5);
  std::vector<Octets> frames;
  for (const auto& [begin, end] : {std::pair{0, 1000}, {1000, 1999}, {1999, 2999}, {2999, 3999}}) {
    frames.push_back(tcp_frame(
        {},
        Ip4{},
        {.sequence = static_cast<std::uint32_t>(begin)},
        slice(payload, static_cast<std::size_t>(begin), static_cast<std::size_t>(end))
    ));
  }
  const Burst merged = coalesced(packets(frames));
  ASSERT_EQ(merged.size(), 2U);
  EXPECT_EQ(merged[0]->pkt_len, 54U + 1999U);
  EXPECT_EQ(merged[1]->pkt_len, 54U + 2000U);
}

TEST_F(Coalesce, EndsAtAPush) {
  std::vector<Octets> frames = stream({}, Ip4{}, {}, random_octets(2000, 6), 1000);
  const std::vector<Octets> more =
      stream({}, Ip4{}, {.sequence = 3000}, random_octets(2000, 7), 1000);
  frames.insert(frames.end(), more.begin(), more.end());
  EXPECT_EQ(coalesced(packets(frames)).size(), 2U);
}

TEST_F(Coalesce, StopsBeforeTheLimits) {
  const std::vector<Octets> by_octets = stream({}, Ip4{}, {}, random_octets(130000, 8), 2000);
  const Burst large = coalesced(packets(by_octets));
  ASSERT_EQ(large.size(), 3U);
  EXPECT_EQ(large[0]->pkt_len, 54U + 32 * 2000U);
  const std::vector<Octets> by_mbufs = stream({}, Ip6{}, {}, random_octets(60 * 100, 9), 100);
  const Burst many = coalesced(packets(by_mbufs));
  ASSERT_EQ(many.size(), 2U);
  EXPECT_EQ(many[0]->nb_segs, kMaxCoalescedMbufs);
  for (const Packet& frame : many) expect_large(frame.get(), 100);
}

TEST_F(Coalesce, HandlesMoreFlowsThanItCanHoldOpen) {
  Burst burst;
  for (int round = 0; round < 2; ++round) {
    for (std::uint16_t port = 1; port <= 70; ++port) {
      burst.push_back(packet(tcp_frame(
          {},
          Ip4{},
          {.source_port = port, .sequence = 100U * static_cast<std::uint32_t>(round)},
          counting(100)
      )));
    }
  }
  EXPECT_EQ(coalesced(std::move(burst)).size(), 140U - 64U);
}

TEST_F(Coalesce, LeavesNothingAndOneAlone) {
  EXPECT_EQ(coalesce(nullptr, 0), 0);
  const Octets octets = tcp_frame({}, Ip4{}, {}, counting(500));
  const Burst one = coalesced(packets({octets}));
  ASSERT_EQ(one.size(), 1U);
  EXPECT_EQ(octets_of(one[0].get()), octets);
  EXPECT_EQ(meta(one[0].get()).offload.gso, OffloadRequest::Gso::none);
}

// -- order ---------------------------------------------------------------------------------------

TEST_F(Coalesce, NothingOvertakesAFrameOfItsOwnFlow) {
  const auto segment_at = [](std::uint32_t sequence) {
    return tcp_frame({}, Ip4{}, {.sequence = sequence}, counting(200));
  };
  const Octets between[] = {
      tcp_frame({}, Ip4{}, {.sequence = 1200}),                                     // pure ack
      tcp_frame({}, Ip4{}, {.sequence = 1200, .flags = TcpHeader::kRst}),           // reset
      tcp_frame({}, Ip4{.options = Octets(4, 1)}, {.sequence = 1200}, text("x")),   // options
      tcp_frame({}, Ip4{.flags_fragment = 0x2000}, {.sequence = 9}, counting(40)),  // fragments
      tcp_frame({}, Ip4{.flags_fragment = 0x0010}, {.sequence = 9}, counting(40)),
      segment_at(5000),
  };
  for (const Octets& octets : between) {
    const std::vector<Octets> frames{segment_at(1000), octets, segment_at(1200)};
    const Burst kept = coalesced(packets(frames));
    ASSERT_EQ(kept.size(), 3U);
    for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(octets_of(kept[i].get()), frames[i]);
  }
  // Other flows are no obstacle.
  const Octets others[] = {
      udp_frame({}, Ip4{}, {}, counting(9)),
      tcp_frame({}, Ip4{}, {.source_port = 9}, counting(200)),
      tcp_frame({}, Ip4{.source = kIp4B, .flags_fragment = 0x0010}, {}, counting(40)),
  };
  for (const Octets& octets : others) {
    EXPECT_EQ(coalesced(packets({segment_at(1000), octets, segment_at(1200)})).size(), 2U);
  }
}

/// The TCP segments that a list of frames stands for, by flow, large ones cut where they were
/// joined.
using Segments = std::map<std::uint16_t, std::vector<std::pair<std::uint32_t, Octets>>>;

Segments segments_in(const Burst& burst) {
  Segments found;
  for (const Packet& frame : burst) {
    const ParsedFrame& parsed = meta(frame.get()).parsed;
    const Octets octets = octets_of(frame.get());
    const auto* tcp = header_at<TcpHeader>(ConstBytes{octets}, parsed.l4_offset);
    const Octets payload = slice(octets, parsed.payload_offset, parsed.l3_end);
    const OffloadRequest& request = meta(frame.get()).offload;
    const std::size_t size = request.gso == OffloadRequest::Gso::none
                                 ? std::max<std::size_t>(payload.size(), 1)
                                 : request.gso_octets;
    for (std::size_t begin = 0; begin == 0 || begin < payload.size(); begin += size) {
      found[tcp->source_port.host()].emplace_back(
          tcp->sequence.host() + static_cast<std::uint32_t>(begin),
          slice(payload, begin, begin + size)
      );
    }
  }
  return found;
}

TEST_F(Coalesce, KeepsTheOrderOfEachFlowWhateverArrives) {
  Random random;
  SCOPED_TRACE(random.trace());
  std::size_t merged_frames = 0;
  for (int i = 0; i < 300; ++i) {
    std::vector<Octets> frames;
    for (std::uint16_t port = 1; port <= 4; ++port) {
      const Ip ip = port % 2 == 0 ? Ip{Ip4{}} : Ip{Ip6{}};
      const Octets payload = random_octets(1 + random.below(5000), random.word());
      const auto flow = stream({}, ip, {.source_port = port}, payload, 90 + random.below(900));
      frames.insert(frames.end(), flow.begin(), flow.end());
      if (random.below(4) == 0) frames.push_back(tcp_frame({}, ip, {.source_port = port}));
      if (random.below(4) == 0) frames.push_back(flow.front());
    }
    // Neighbours change places: mild reordering between and within flows.
    for (unsigned swaps = random.below(20); swaps > 0; --swaps) {
      const std::size_t at = random.below(frames.size() - 1);
      std::swap(frames[at], frames[at + 1]);
    }
    if (random.below(8) == 0) std::shuffle(frames.begin(), frames.end(), random.engine());
    Burst burst = packets(frames);
    const Segments sent = segments_in(burst);
    const Burst merged = coalesced(std::move(burst));
    merged_frames += frames.size() - merged.size();
    EXPECT_EQ(segments_in(merged), sent);
  }
  EXPECT_GT(merged_frames, 1000U) << "or the test says nothing";
}

// -- there and back ------------------------------------------------------------------------------

/// What segment() makes of the frame.
Burst cut(rte_mbuf* frame, std::uint16_t mtu) {
  Burst burst;
  SegmentCursor cursor;
  while (!cursor.is_done) {
    const Segmented some = segment(frame, mtu, pools().small, cursor);
    if (some.count == 0) break;
    for (std::uint16_t i = 0; i < some.count; ++i) burst.emplace_back(some.out[i]);
  }
  return burst;
}

TEST_F(RoundTrip, WhatSegmentCutsComesBackOctetForOctet) {
  Random random;
  SCOPED_TRACE(random.trace());
  for (int i = 0; i < 200; ++i) {
    const std::size_t option_octets = 4 * random.below(11);
    const std::uint16_t mtu = static_cast<std::uint16_t>(300 + random.below(1800));
    const auto gso_octets = static_cast<std::uint16_t>(200 + random.below(3000));
    // No more than coalesce() may merge: 40 octets of IPv6, up to 60 of TCP.
    const std::size_t most =
        std::min(44 * std::min<std::size_t>(gso_octets, mtu - 100U), std::size_t{64000});
    const Octets payload = random_octets(random.below(most), random.word());
    const Ip ip = random.below(2) == 0 ? Ip{Ip4{.tos = 0x29}} : Ip{Ip6{.traffic_class = 0x29}};
    const Ethernet ethernet{.vlans = std::vector<std::uint16_t>(random.below(3), 7)};
    const Tcp tcp{
        .sequence = random.word(),
        .flags = static_cast<std::uint8_t>(
            random.below(2) == 0 ? TcpHeader::kAck : TcpHeader::kAck | TcpHeader::kPsh
        ),
        .options = Octets(option_octets, 1),
        .is_partial = true,
    };
    const std::size_t first = 14 + 8 + 40 + 60 + random.below(500);
    const Packet large = packet(tcp_frame(ethernet, ip, tcp, payload), {first});
    meta(large.get()).offload = tcp_offload(large.get(), gso_octets);
    ASSERT_EQ(check_offload(large.get()), DropReason::none);

    const Burst back = coalesced(cut(large.get(), mtu));
    ASSERT_EQ(back.size(), 1U);
    if (meta(back[0].get()).offload.gso == OffloadRequest::Gso::none) {  // it was one frame
      meta(back[0].get()).offload = tcp_offload(back[0].get());
      Tcp complete = tcp;
      complete.is_partial = false;
      EXPECT_EQ(octets_of(back[0].get()), tcp_frame(ethernet, ip, complete, payload));
    } else {
      EXPECT_EQ(octets_of(back[0].get()), octets_of(large.get()));
    }
  }
}

}  // namespace
}  // namespace weft
