// coalesce(): what must not be merged; each rule has its test.
#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/net/headers.h"
#include "dataplane/offload.h"
#include "dataplane/testing/coalesce_fixture.h"

namespace weft {
namespace {

using namespace coalesce_test;

/// A frame of 200 octets of payload, and one that follows it at once; tests bend the second.
struct Pair {
  Ethernet ethernet{};
  Ip ip = Ip4{};
  Tcp tcp{.sequence = 1200};
  Octets payload = counting(200);
};

/// That the pair stays two frames, both octet for octet, in either role of the bent one.
void expect_apart(const Octets& first, const Octets& second, const char* why) {
  const Burst kept = coalesced(packets({first, second}));
  ASSERT_EQ(kept.size(), 2U) << why;
  EXPECT_EQ(octets_of(kept[0].get()), first) << why;
  EXPECT_EQ(octets_of(kept[1].get()), second) << why;
  for (const Packet& frame : kept) {
    EXPECT_EQ(meta(frame.get()).offload.gso, OffloadRequest::Gso::none) << why;
  }
}

void expect_apart(const Pair& pair, const char* why) {
  const Octets first = std::holds_alternative<Ip4>(pair.ip)
                           ? tcp_frame({}, Ip4{}, {.sequence = 1000}, counting(200))
                           : tcp_frame({}, Ip6{}, {.sequence = 1000}, counting(200));
  expect_apart(first, tcp_frame(pair.ethernet, pair.ip, pair.tcp, pair.payload), why);
}

TEST_F(Coalesce, MergesThePairThatTheNegativeTestsBend) {
  for (const Ip& ip : std::vector<Ip>{Ip4{}, Ip6{}}) {
    EXPECT_EQ(
        coalesced(packets(
                      {tcp_frame({}, ip, {.sequence = 1000}, counting(200)),
                       tcp_frame({}, ip, {.sequence = 1200}, counting(200))}
                  ))
            .size(),
        1U
    );
  }
}

TEST_F(Coalesce, NeverMergesDifferentHeaders) {
  const MacAddress other{{2, 0, 0, 0, 0, 0x0c}};
  expect_apart({.ethernet = {.destination = other}}, "destination MAC");
  expect_apart({.ethernet = {.source = other}}, "source MAC");
  expect_apart({.ethernet = {.vlans = {1}}}, "VLAN tag");
  expect_apart({.ip = Ip4{.source = {{192, 0, 2, 99}}}}, "IPv4 source");
  expect_apart({.ip = Ip4{.destination = {{192, 0, 2, 99}}}}, "IPv4 destination");
  expect_apart({.ip = Ip4{.tos = 3}}, "ToS");
  expect_apart({.ip = Ip4{.ttl = 63}}, "TTL");
  expect_apart({.ip = Ip6{.source = {{0x20, 1, 1}}}}, "IPv6 source");
  expect_apart({.ip = Ip6{.destination = {{0x20, 1, 1}}}}, "IPv6 destination");
  expect_apart({.ip = Ip6{.traffic_class = 3}}, "traffic class");
  expect_apart({.ip = Ip6{.flow_label = 9}}, "flow label");
  expect_apart({.ip = Ip6{.hop_limit = 63}}, "hop limit");
  expect_apart({.tcp = {.source_port = 9, .sequence = 1200}}, "source port");
  expect_apart({.tcp = {.destination_port = 9, .sequence = 1200}}, "destination port");
  expect_apart({.tcp = {.sequence = 1200, .acknowledgement = 9}}, "ack number");
  expect_apart({.tcp = {.sequence = 1200, .window = 9}}, "window");
  expect_apart({.tcp = {.sequence = 1200, .urgent = 9}}, "urgent");
  expect_apart({.tcp = {.sequence = 1200, .options = {1, 1, 1, 1}}}, "options");
  expect_apart(
      tcp_frame({.vlans = {1}}, Ip4{}, {}, counting(200)),
      tcp_frame({.vlans = {2}}, Ip4{}, {.sequence = 1200}, counting(200)),
      "VLAN id"
  );
  expect_apart(
      tcp_frame({}, Ip4{}, {.options = {8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1}}, counting(200)),
      tcp_frame(
          {},
          Ip4{},
          {.sequence = 1200, .options = {8, 10, 0, 0, 0, 9, 0, 0, 0, 2, 1, 1}},
          counting(200)
      ),
      "timestamp"
  );
}

TEST_F(Coalesce, NeverMergesAcrossAHoleOrAnOverlap) {
  for (const std::uint32_t sequence : {1199U, 1201U, 1000U, 800U, 1200U + 0x80000000U}) {
    expect_apart({.tcp = {.sequence = sequence}}, "sequence");
  }
}

TEST_F(Coalesce, NeverMergesOtherFlagsThanAckAndPush) {
  using T = TcpHeader;
  for (const int flags :
       {T::kAck | T::kFin,
        T::kAck | T::kSyn,
        T::kAck | T::kRst,
        T::kAck | T::kUrg,
        T::kAck | T::kEce,
        T::kAck | T::kCwr,
        0,
        int{T::kPsh}}) {
    expect_apart({.tcp = {.sequence = 1200, .flags = static_cast<std::uint8_t>(flags)}}, "flags");
    expect_apart(
        tcp_frame({}, Ip4{}, {.flags = static_cast<std::uint8_t>(flags)}, counting(200)),
        tcp_frame({}, Ip4{}, {.sequence = 1200}, counting(200)),
        "flags of the first"
    );
  }
}

TEST_F(Coalesce, NeverMergesBehindAPush) {
  expect_apart(
      tcp_frame({}, Ip4{}, {.flags = TcpHeader::kAck | TcpHeader::kPsh}, counting(200)),
      tcp_frame({}, Ip4{}, {.sequence = 1200}, counting(200)),
      "PSH"
  );
}

TEST_F(Coalesce, NeverMergesEmptyLongerOrTinySegments) {
  expect_apart({.payload = {}}, "pure ack");
  expect_apart({.payload = counting(201)}, "longer than the first");
  expect_apart(
      tcp_frame({}, Ip4{}, {}, counting(87)),
      tcp_frame({}, Ip4{}, {.sequence = 1087}, counting(87)),
      "below kMinGsoOctets"
  );
}

TEST_F(Coalesce, NeverMergesOptionsFragmentsOrWithoutDf) {
  const auto both = [](const Ip& ip, const char* why) {
    expect_apart(
        tcp_frame({}, ip, {}, counting(200)),
        tcp_frame({}, ip, {.sequence = 1200}, counting(200)),
        why
    );
  };
  both(Ip4{.options = Octets(4, 1)}, "IPv4 options");
  both(Ip4{.flags_fragment = 0}, "no DF");
  both(Ip4{.flags_fragment = 0xC000}, "reserved flag");
  both(Ip4{.flags_fragment = 0x2000}, "first fragment");
  both(Ip4{.flags_fragment = 0x4010}, "later fragment");
  both(Ip6{.extensions = {{}}}, "IPv6 extension header");
  both(Ip6{.extensions = {{kIpProtoFragment, {0, 0, 1, 0, 0, 0, 7}}}}, "IPv6 fragment");
}

TEST_F(Coalesce, NeverMergesOtherProtocols) {
  const Octets udp = udp_frame({}, Ip4{}, {}, counting(200));
  expect_apart(udp, udp, "UDP");
  expect_apart(arp_frame({}, {}), arp_frame({}, {}), "ARP");
}

TEST_F(Coalesce, NeverMergesWrongChecksums) {
  for (const Ip& ip : std::vector<Ip>{Ip4{}, Ip6{}}) {
    const Octets first = tcp_frame({}, ip, {}, counting(200));
    const Octets second = tcp_frame({}, ip, {.sequence = 1200}, counting(200));
    for (std::size_t i = first.size() - 201; i < first.size(); i += 50) {  // TCP header, payload
      Octets bent = first;
      bent[i] ^= 0x10U;
      expect_apart(bent, second, "first");
      bent = second;
      bent[i] ^= 0x10U;
      expect_apart(first, bent, "second");
    }
  }
  Octets bent = tcp_frame({}, Ip4{}, {.sequence = 1200}, counting(200));
  bent[14 + 11] ^= 1U;
  expect_apart(tcp_frame({}, Ip4{}, {}, counting(200)), bent, "IPv4 header checksum");
}

TEST_F(Coalesce, TrustsWhatIsAlreadyChecked) {
  Octets second = tcp_frame({}, Ip4{}, {.sequence = 1200}, counting(200));
  second.back() ^= 1U;
  Burst burst = packets({tcp_frame({}, Ip4{}, {}, counting(200)), second});
  meta(burst[1].get()).offload.is_checked = true;
  EXPECT_EQ(coalesced(std::move(burst)).size(), 1U);
}

TEST_F(Coalesce, NeverMergesFramesWithARequestOfTheirOwn) {
  for (const std::uint16_t gso : std::initializer_list<std::uint16_t>{0, 100}) {
    Burst burst = packets(
        {tcp_frame({}, Ip4{}, {}, counting(200)),
         tcp_frame({}, Ip4{}, {.sequence = 1200, .is_partial = true}, counting(200))}
    );
    meta(burst[1].get()).offload = tcp_offload(burst[1].get(), gso);
    EXPECT_EQ(coalesced(std::move(burst)).size(), 2U);
  }
}

TEST_F(Coalesce, NeverMergesAcrossNetworkSegments) {
  Burst burst = packets(
      {tcp_frame({}, Ip4{}, {}, counting(200)),
       tcp_frame({}, Ip4{}, {.sequence = 1200}, counting(200))}
  );
  meta(burst[1].get()).segment = SegmentIndex{1};
  EXPECT_EQ(coalesced(std::move(burst)).size(), 2U);
}

TEST_F(Coalesce, NeverWritesIntoSharedBuffers) {
  const Octets first = tcp_frame({}, Ip4{}, {}, counting(200));
  const Octets second = tcp_frame({}, Ip4{}, {.sequence = 1200}, counting(200));
  for (std::size_t shared = 0; shared < 2; ++shared) {
    Burst burst = packets({first, second});
    const Packet clone{rte_pktmbuf_clone(burst[shared].get(), pools().small)};
    ASSERT_NE(clone, nullptr);
    EXPECT_EQ(coalesced(std::move(burst)).size(), 2U);
    EXPECT_EQ(octets_of(clone.get()), shared == 0 ? first : second);
  }
}

}  // namespace
}  // namespace weft
