#include "dataplane/offload.h"

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/port/testing/packet_fixture.h"

namespace weft {
namespace {

using namespace wire_test;

using CheckOffload = PacketTest;
using CompleteChecksum = PacketTest;
using ClampMss = PacketTest;

constexpr DropReason kBad = DropReason::bad_offload_request;

/// The answer to `request` about `octets`.
DropReason judge(const Octets& octets, const OffloadRequest& request) {
  const Packet frame = packet(octets);
  meta(frame.get()).offload = request;
  return check_offload(frame.get());
}

/// As above, with the request that a kernel would make for TCP.
DropReason judge_tcp(const Octets& octets, std::uint16_t gso_octets) {
  const Packet frame = packet(octets);
  return judge(octets, tcp_offload(frame.get(), gso_octets));
}

std::vector<Ip> families() {
  return {Ip4{}, Ip4{.options = Octets(8, 1)}, Ip6{}, Ip6{.extensions = {{}, {kIpProtoHopByHop}}}};
}

// -- check_offload
// ---------------------------------------------------------------------------------

TEST_F(CheckOffload, AcceptsAFrameWithoutRequestWhateverTheOtherFieldsSay) {
  const OffloadRequest garbage{
      .header_octets = 65535, .gso_octets = 1, .checksum_start = 65535, .checksum_offset = 65535};
  EXPECT_EQ(judge(tcp_frame({}, Ip4{}, {}), garbage), DropReason::none);
  EXPECT_EQ(judge(arp_frame({}, {}), garbage), DropReason::none);
}

TEST_F(CheckOffload, AcceptsWhatKernelsAskFor) {
  for (const Ip& ip : families()) {
    const Octets tcp = tcp_frame({.vlans = {7}}, ip, {.options = Octets(12, 1)}, counting(3000));
    EXPECT_EQ(judge_tcp(tcp, 0), DropReason::none);
    EXPECT_EQ(judge_tcp(tcp, 1448), DropReason::none);
    const Packet udp = packet(udp_frame({}, ip, {}, counting(100)));
    const OffloadRequest request{
        .needs_checksum = true,
        .checksum_start = meta(udp.get()).parsed.l4_offset,
        .checksum_offset = 6};
    EXPECT_EQ(judge(octets_of(udp.get()), request), DropReason::none);
  }
}

TEST_F(CheckOffload, AcceptsExactlyOneFieldOfATcpPacket) {
  const Octets octets = tcp_frame({}, Ip4{}, {}, counting(40));
  unsigned accepted = 0;
  for (std::uint16_t start = 0; start < 120; ++start) {
    for (std::uint16_t offset = 0; offset < 120; ++offset) {
      const OffloadRequest request{
          .needs_checksum = true, .checksum_start = start, .checksum_offset = offset};
      if (judge(octets, request) == DropReason::none) {
        ++accepted;
        EXPECT_EQ(start, 34);
        EXPECT_EQ(offset, 16);
      }
    }
  }
  EXPECT_EQ(accepted, 1U);
}

TEST_F(CheckOffload, RefusesFieldsThatOverflow) {
  const Octets octets = udp_frame({}, Ip4{}, {}, counting(40));
  for (const std::uint16_t start :
       std::initializer_list<std::uint16_t>{34, 42, 32768, 65534, 65535}) {
    for (const std::uint16_t offset :
         std::initializer_list<std::uint16_t>{32768, 65500, 65534, 65535}) {
      const OffloadRequest request{
          .needs_checksum = true, .checksum_start = start, .checksum_offset = offset};
      EXPECT_EQ(judge(octets, request), kBad) << start << '+' << offset;
    }
  }
}

TEST_F(CheckOffload, AcceptsAFieldInsideATunnelOfTheContainer) {
  const Octets inner = tcp_frame({}, Ip4{}, {.is_partial = true}, counting(50));
  const Octets outer = udp_frame({}, Ip4{}, {.destination_port = 4789}, Octets(8) + inner);
  const std::uint16_t inner_tcp = 14 + 20 + 8 + 8 + 34;
  const auto asks = [](std::uint16_t start, std::uint16_t offset) {
    return OffloadRequest{
        .needs_checksum = true, .checksum_start = start, .checksum_offset = offset};
  };
  EXPECT_EQ(judge(outer, asks(inner_tcp, 16)), DropReason::none);
  EXPECT_EQ(judge(outer, asks(inner_tcp, 15)), kBad) << "between two words";
  const auto last = static_cast<std::uint16_t>(outer.size() - 2 - inner_tcp);
  EXPECT_EQ(judge(outer, asks(inner_tcp, last)), DropReason::none);
  EXPECT_EQ(judge(outer + Octets(8), asks(inner_tcp, last + 2)), kBad) << "in the padding";
}

TEST_F(CheckOffload, RefusesAFieldBehindTheFirstMbuf) {
  const Octets octets = udp_frame({}, Ip4{}, {}, counting(100));
  const Packet frame = packet(octets, {60});
  meta(frame.get()).offload = {.needs_checksum = true, .checksum_start = 42, .checksum_offset = 16};
  EXPECT_EQ(check_offload(frame.get()), DropReason::none) << "octets 58 and 59";
  meta(frame.get()).offload.checksum_offset = 18;
  EXPECT_EQ(check_offload(frame.get()), kBad);
}

TEST_F(CheckOffload, RefusesProtocolsWithoutSuchAChecksum) {
  constexpr std::uint8_t kSctp = 132;
  const OffloadRequest at34{.needs_checksum = true, .checksum_start = 34, .checksum_offset = 8};
  EXPECT_EQ(judge(ip_frame({}, Ip4{}, kSctp, counting(40)), at34), kBad);
  EXPECT_EQ(judge(icmp_frame({}, Ip4{}, {}, counting(40)), at34), kBad);
  EXPECT_EQ(judge(arp_frame({}, {}) + Octets(20), at34), kBad);
  EXPECT_EQ(judge(ethernet_frame({}, 0x88b5, counting(60)), at34), kBad);
}

TEST_F(CheckOffload, RefusesFragments) {
  const Octets first = tcp_frame({}, Ip4{.flags_fragment = Ipv4Header::kMoreFragments}, {});
  EXPECT_EQ(judge_tcp(first, 0), kBad);
  EXPECT_EQ(judge_tcp(first, 1448), kBad);
  const Extension fragment{kIpProtoFragment, {0, 0, 1, 0, 0, 0, 7}};
  EXPECT_EQ(judge_tcp(tcp_frame({}, Ip6{.extensions = {fragment}}, {}), 0), kBad);
}

TEST_F(CheckOffload, RefusesSegmentationThatContradictsTheFrame) {
  const Octets octets = tcp_frame({}, Ip4{}, {}, counting(2000));
  const Packet frame = packet(octets);
  const OffloadRequest good = tcp_offload(frame.get(), 1000);
  ASSERT_EQ(judge(octets, good), DropReason::none);

  OffloadRequest request = good;
  request.gso = OffloadRequest::Gso::tcp6;
  EXPECT_EQ(judge(octets, request), kBad) << "wrong family";
  for (const unsigned type : {2U, 3U, 5U, 0x80U, 0x81U, 0xFFU}) {
    request.gso = static_cast<OffloadRequest::Gso>(type);
    EXPECT_EQ(judge(octets, request), kBad) << "type " << type;
  }
  request = good;
  request.needs_checksum = false;
  EXPECT_EQ(judge(octets, request), kBad) << "no checksum request";
  request = good;
  for (const std::uint16_t size : std::initializer_list<std::uint16_t>{0, 1, 87}) {
    request.gso_octets = size;
    EXPECT_EQ(judge(octets, request), kBad) << "size " << size;
  }
  request.gso_octets = 88;
  EXPECT_EQ(judge(octets, request), DropReason::none);

  EXPECT_EQ(judge_tcp(tcp_frame({}, Ip4{}, {.flags = TcpHeader::kSyn}), 1000), kBad);
  EXPECT_EQ(judge_tcp(tcp_frame({}, Ip4{}, {.flags = TcpHeader::kRst}), 1000), kBad);
  request = good;
  request.checksum_offset = 6;
  EXPECT_EQ(judge(udp_frame({}, Ip4{}, {}, counting(2000)), request), kBad) << "UDP";
}

TEST_F(CheckOffload, PutsTheTruthInPlaceOfTheHeaderHint) {
  const Packet frame = packet(tcp_frame({}, Ip4{}, {.options = Octets(12, 1)}, counting(3000)));
  for (const std::uint16_t hint : std::initializer_list<std::uint16_t>{0, 54, 66, 1514, 65535}) {
    meta(frame.get()).offload = tcp_offload(frame.get(), 1000);
    meta(frame.get()).offload.header_octets = hint;
    EXPECT_EQ(check_offload(frame.get()), DropReason::none);
    EXPECT_EQ(meta(frame.get()).offload.header_octets, 66);
  }
}

// -- complete_checksum
// -----------------------------------------------------------------------------

/// Completes a partial frame in the given shape.
Octets completed(const Octets& partial, const std::vector<std::size_t>& sizes) {
  const Packet frame = packet(partial, sizes);
  const ParsedFrame& parsed = meta(frame.get()).parsed;
  OffloadRequest request = tcp_offload(frame.get());
  if (parsed.l4 == L4Kind::udp) request.checksum_offset = 6;
  meta(frame.get()).offload = request;
  EXPECT_EQ(check_offload(frame.get()), DropReason::none);
  const Poisoned guard{frame.get()};
  complete_checksum(frame.get());
  EXPECT_FALSE(meta(frame.get()).offload.needs_checksum);
  return octets_of(frame.get());
}

TEST_F(CompleteChecksum, MakesWhatAStackWithoutOffloadWouldHaveSent) {
  for (const Ip& ip : families()) {
    for (std::size_t size = 0; size < 70; ++size) {
      const Octets body = random_octets(size, 1);
      for (const Ethernet& ethernet : {Ethernet{}, Ethernet{.vlans = {5, 6}}}) {
        EXPECT_EQ(
            completed(tcp_frame(ethernet, ip, {.is_partial = true}, body), {}),
            tcp_frame(ethernet, ip, {}, body)
        );
        EXPECT_EQ(
            completed(udp_frame(ethernet, ip, {.is_partial = true}, body), {}),
            udp_frame(ethernet, ip, {}, body)
        );
      }
    }
  }
}

TEST_F(CompleteChecksum, SumsOverMbufsOfAnySize) {
  const Octets body = random_octets(5000, 2);
  const Octets partial = tcp_frame({}, Ip6{}, {.is_partial = true}, body);
  const Octets complete = tcp_frame({}, Ip6{}, {}, body);
  for (const std::vector<std::size_t>& sizes : std::vector<std::vector<std::size_t>>{
           {74}, {75, 1, 1, 1}, {80, 0, 33, 0, 0, 1001}, {2000, 2000}, {74, 4999}, {501, 3, 7}}) {
    EXPECT_EQ(completed(partial, sizes), complete);
  }
}

TEST_F(CompleteChecksum, LeavesEthernetPaddingOut) {
  const Octets padding = random_octets(7, 3);
  EXPECT_EQ(
      completed(udp_frame({}, Ip4{}, {.is_partial = true}, text("x")) + padding, {}),
      udp_frame({}, Ip4{}, {}, text("x")) + padding
  );
}

TEST_F(CompleteChecksum, WritesAComputedZeroAsAllOnes) {  // RFC 768
  unsigned seen = 0;
  for (std::size_t word = 0; word < 0x10000; ++word) {
    const Octets whole = udp_frame({}, Ip4{}, {}, word16(word));
    if (whole[40] != 0xFF || whole[41] != 0xFF) continue;
    ++seen;
    EXPECT_EQ(completed(udp_frame({}, Ip4{}, {.is_partial = true}, word16(word)), {}), whole);
  }
  EXPECT_GE(seen, 1U);
}

TEST_F(CompleteChecksum, FillsInTheInnerFieldOfATunnel) {
  const Octets partial = tcp_frame({}, Ip4{}, {.is_partial = true}, counting(51));
  const Octets inner = tcp_frame({}, Ip4{}, {}, counting(51));
  const Octets front = Octets{0x20, 0, 0x65, 0x58, 0, 0, 1, 0};  // GRE with key
  const Packet frame = packet(ip_frame({}, Ip4{}, kIpProtoGre, front + partial));
  meta(frame.get()).offload = {
      .needs_checksum = true, .checksum_start = 14 + 20 + 8 + 34, .checksum_offset = 16};
  ASSERT_EQ(check_offload(frame.get()), DropReason::none);
  complete_checksum(frame.get());
  EXPECT_EQ(octets_of(frame.get()), ip_frame({}, Ip4{}, kIpProtoGre, front + inner));
}

// -- clamp_mss
// -------------------------------------------------------------------------------------

Octets mss_option(std::size_t mss) {
  return Octets{2, 4} + word16(mss);
}

Octets syn(const Ip& ip, const Octets& options, std::uint8_t flags = TcpHeader::kSyn) {
  return tcp_frame({}, ip, {.flags = flags, .options = options});
}

Octets clamped(const Octets& octets, std::uint16_t mtu, bool is_partial = false) {
  const Packet frame = packet(octets);
  if (is_partial) meta(frame.get()).offload = tcp_offload(frame.get());
  const Poisoned guard{frame.get()};
  clamp_mss(frame.get(), mtu);
  return octets_of(frame.get());
}

TEST_F(ClampMss, LowersToTheMtuWithoutFixedHeaders) {  // RFC 6691 s2
  EXPECT_EQ(clamped(syn(Ip4{}, mss_option(1460)), 1450), syn(Ip4{}, mss_option(1410)));
  EXPECT_EQ(clamped(syn(Ip6{}, mss_option(1440)), 1450), syn(Ip6{}, mss_option(1390)));
  const auto syn_ack = static_cast<std::uint8_t>(TcpHeader::kSyn | TcpHeader::kAck);
  EXPECT_EQ(
      clamped(syn(Ip4{}, mss_option(65535), syn_ack), 1450), syn(Ip4{}, mss_option(1410), syn_ack)
  );
}

TEST_F(ClampMss, MendsTheChecksumAtEvenAndOddOffsets) {
  Random random{7};
  for (int i = 0; i < 2000; ++i) {
    const std::size_t mss = 1411 + random.below(60000);
    const std::size_t before = random.below(8);
    const Octets tail(3 - (before + 3) % 4);
    const auto options = [&](std::size_t value) {
      return Octets(before, 1) + mss_option(value) + Octets(tail.size(), 1);
    };
    EXPECT_EQ(clamped(syn(Ip4{}, options(mss)), 1450), syn(Ip4{}, options(1410)));
  }
}

TEST_F(ClampMss, NeverRaises) {
  for (const std::size_t mss : std::initializer_list<std::size_t>{0, 1, 536, 1409, 1410}) {
    const Octets octets = syn(Ip4{}, mss_option(mss));
    EXPECT_EQ(clamped(octets, 1450), octets);
  }
}

TEST_F(ClampMss, LeavesAPartialChecksumAlone) {
  const auto partial = [](std::size_t mss) {
    return tcp_frame(
        {}, Ip4{}, {.flags = TcpHeader::kSyn, .options = mss_option(mss), .is_partial = true}
    );
  };
  EXPECT_EQ(clamped(partial(1460), 1450, true), partial(1410));
}

TEST_F(ClampMss, LeavesOtherFramesAlone) {
  for (const Octets& octets :
       {syn(Ip4{}, mss_option(1460), TcpHeader::kAck),
        udp_frame({}, Ip4{}, {}, counting(40)),
        arp_frame({}, {}),
        syn(Ip4{}, {}),
        syn(Ip4{.flags_fragment = Ipv4Header::kMoreFragments}, mss_option(1460)),
        syn(Ip4{}, Octets{0, 0, 0, 0} + mss_option(1460)),  // behind the end of the list
        syn(Ip4{}, Octets{3, 0, 1, 1} + mss_option(1460)),  // length 0: would never end
        syn(Ip4{}, Octets{3, 1, 1, 1} + mss_option(1460)),  // shorter than itself
        syn(Ip4{}, Octets{3, 9, 1, 1} + mss_option(1460)),  // longer than the options
        syn(Ip4{}, Octets{2, 3, 0xFF, 1}),
        syn(Ip4{}, Octets{1, 2, 4, 0xFF}),
        syn(Ip4{}, Octets{1, 1, 1, 2})}) {
    EXPECT_EQ(clamped(octets, 1450), octets);
  }
  const Octets octets = syn(Ip4{}, mss_option(1460));
  EXPECT_EQ(clamped(octets, 0), octets);
  EXPECT_EQ(clamped(octets, 127), octets);
}

TEST_F(ClampMss, StaysInsideWhateverTheOptionsAre) {
  Random random;
  SCOPED_TRACE(random.trace());
  for (int i = 0; i < 5000; ++i) {
    Octets options = random_octets(4 * random.below(11), random.word());
    for (std::uint8_t& octet : options) octet = octet < 200 ? octet % 5U : octet;
    const Octets after = clamped(syn(Ip4{}, options), 1450);
    EXPECT_EQ(checksum_faults(after), "");
  }
}

}  // namespace
}  // namespace weft
