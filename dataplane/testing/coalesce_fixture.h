// What the tests of coalesce() share: streams as senders cut them, and the burst after coalescing.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/offload.h"
#include "dataplane/port/testing/packet_fixture.h"

namespace weft::coalesce_test {

using namespace wire_test;

using Coalesce = PacketTest;
using Burst = std::vector<Packet>;

/// Runs coalesce over the burst and takes ownership of what is left.
inline Burst coalesced(Burst burst) {
  std::vector<rte_mbuf*> frames;
  for (Packet& frame : burst) frames.push_back(frame.release());
  const std::uint16_t count = coalesce(frames.data(), static_cast<std::uint16_t>(frames.size()));
  Burst merged;
  for (std::uint16_t i = 0; i < count; ++i) merged.emplace_back(frames[i]);
  return merged;
}

inline Octets slice(const Octets& octets, std::size_t begin, std::size_t end) {
  return {
      octets.begin() + static_cast<std::ptrdiff_t>(begin),
      octets.begin() + static_cast<std::ptrdiff_t>(std::min(end, octets.size()))};
}

/// `payload` as a sender would send it in segments of `size` octets, PSH on the last.
inline std::vector<Octets> stream(
    const Ethernet& ethernet, const Ip& ip, Tcp tcp, const Octets& payload, std::size_t size
) {
  std::vector<Octets> frames;
  for (std::size_t begin = 0; begin < payload.size(); begin += size) {
    Tcp one = tcp;
    one.sequence += static_cast<std::uint32_t>(begin);
    if (begin + size >= payload.size()) one.flags |= TcpHeader::kPsh;
    frames.push_back(tcp_frame(ethernet, ip, one, slice(payload, begin, begin + size)));
  }
  return frames;
}

inline Burst packets(const std::vector<Octets>& frames) {
  Burst burst;
  for (const Octets& octets : frames) burst.push_back(packet(octets));
  return burst;
}

/// That the chain is consistent and says of itself what a local kernel would.
inline void expect_large(rte_mbuf* frame, std::uint16_t gso_octets) {
  std::uint32_t octets = 0;
  std::uint16_t mbufs = 0;
  for (const rte_mbuf* m = frame; m != nullptr; m = m->next) {
    EXPECT_GT(m->data_len, 0);
    octets += m->data_len;
    ++mbufs;
  }
  EXPECT_EQ(frame->pkt_len, octets);
  EXPECT_EQ(frame->nb_segs, mbufs);
  EXPECT_LE(octets, kMaxCoalescedOctets);
  EXPECT_LE(mbufs, kMaxCoalescedMbufs);
  const PacketMeta& m = meta(frame);
  const ParsedFrame again = parse_frame(head_bytes(frame), frame->pkt_len);
  EXPECT_TRUE(again.is_ok());
  EXPECT_EQ(m.parsed.l3_end, again.l3_end);
  EXPECT_EQ(m.offload.gso_octets, gso_octets);
  EXPECT_TRUE(m.offload.needs_checksum);
  EXPECT_EQ(m.offload.header_octets, again.payload_offset);
  EXPECT_EQ(check_offload(frame), DropReason::none);
}

}  // namespace weft::coalesce_test
