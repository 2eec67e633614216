#include "dataplane/pipeline.h"

#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/testing/stage_fixture.h"
#include "encap/tunnel.h"

namespace weft::stage_test {
namespace {

using Pipeline = StageTest;

Ethernet to(const MacAddress& mac, const MacAddress& source = kMacA) {
  return {.destination = mac, .source = source};
}
Ip4 ip_to(const Ipv4Address& address, const Ipv4Address& source = kIp4A) {
  return {.source = source, .destination = address};
}
Octets a_to_b(std::size_t payload = 100) {
  return tcp_frame(to(kMacB), ip_to(kIp4B), {}, random_octets(payload, 1));
}
Octets a_to_remote(std::size_t payload = 100) {
  return tcp_frame(to(kMacR), ip_to(kIp4R), {}, random_octets(payload, 2));
}
Octets remote_to_a(std::size_t payload = 100) {
  return tcp_frame(to(kMacA, kMacR), ip_to(kIp4A, kIp4R), {}, random_octets(payload, 3));
}

// What left the uplink, without its outer header; fails the test if it is no tunnel packet.
Octets unwrapped(const rte_mbuf* frame, Vni* vni = nullptr) {
  const Octets octets = octets_of(frame);
  const ParsedFrame outer = parse_frame(octets);
  const encap::Decapped packet = encap::decap(octets, octets.size(), outer, {});
  EXPECT_EQ(packet.error, DropReason::none);
  EXPECT_TRUE(packet.is_tunnel);
  if (vni != nullptr) *vni = packet.vni;
  return {octets.begin() + packet.inner_offset, octets.end()};
}

// -- local ----------------------------------------------------------------------------------------

TEST_F(Pipeline, DeliversBetweenLocalEndpointsUntouched) {
  const Octets frame = a_to_b();
  receive_from(0, packet(frame));
  ASSERT_EQ(port(1).sent.size(), 1U);
  EXPECT_EQ(octets_of(port(1).sent[0].get()), frame);
  EXPECT_EQ(port(1).counters.tx_packets.get(), 1U);
  EXPECT_EQ(port(1).counters.tx_octets.get(), frame.size());
}

TEST_F(Pipeline, CarriesALargeSegmentWhole) {
  Packet large =
      packet(tcp_frame(to(kMacB), ip_to(kIp4B), {.is_partial = true}, random_octets(40'000, 1)));
  meta(large.get()).offload = tcp_offload(large.get(), 1400);
  receive_from(0, std::move(large));
  ASSERT_EQ(port(1).sent.size(), 1U);
  EXPECT_EQ(meta(port(1).sent[0].get()).offload.gso_octets, 1400);
}

TEST_F(Pipeline, CutsALargeSegmentForAPortWithoutOffloads) {
  FakePort plain{"plain", PortTraits{false, false, 1514}};
  change([&](Snapshot& s) { s.endpoints.mutate(1).port = &plain; });
  Packet large =
      packet(tcp_frame(to(kMacB), ip_to(kIp4B), {.is_partial = true}, random_octets(4000, 1)));
  meta(large.get()).offload = tcp_offload(large.get(), 1400);
  receive_from(0, std::move(large));
  ASSERT_EQ(plain.sent.size(), 3U);
  for (const Packet& sent : plain.sent) EXPECT_EQ(checksum_faults(octets_of(sent.get())), "");
  EXPECT_EQ(counters_.segmented.get(), 2U);
}

TEST_F(Pipeline, CompletesAChecksumForAPortWithoutOffloads) {
  FakePort plain{"plain", PortTraits{false, false, 1514}};
  change([&](Snapshot& s) { s.endpoints.mutate(1).port = &plain; });
  Packet frame =
      packet(tcp_frame(to(kMacB), ip_to(kIp4B), {.is_partial = true}, random_octets(99, 1)));
  meta(frame.get()).offload = tcp_offload(frame.get());
  receive_from(0, std::move(frame));
  ASSERT_EQ(plain.sent.size(), 1U);
  EXPECT_EQ(checksum_faults(octets_of(plain.sent[0].get())), "");
}

TEST_F(Pipeline, DropsWhatIsTooLargeForAPortWithoutOffloads) {
  FakePort plain{"plain", PortTraits{false, true, 200}};
  change([&](Snapshot& s) { s.endpoints.mutate(1).port = &plain; });
  receive_from(0, packet(a_to_b(300)));
  EXPECT_TRUE(dropped_only(DropReason::frame_too_large));
}

TEST_F(Pipeline, HandsOverToTheOwner) {
  receive_from(0, packet(tcp_frame(to(kMacC), ip_to(kIp4C), {})));
  EXPECT_EQ(to_worker1_.size(), 1U);
  EXPECT_EQ(counters_.handed_over.get(), 1U);
}

TEST_F(Pipeline, DropsWhenTheHandoffRingIsFull) {
  std::vector<Packet> frames;
  for (int i = 0; i < 6; ++i) frames.push_back(packet(tcp_frame(to(kMacC), ip_to(kIp4C), {})));
  receive_from(0, std::move(frames));
  EXPECT_TRUE(dropped_only(DropReason::handoff_full, 2));
}

TEST_F(Pipeline, DeliversWhatWasTakenOver) {
  Packet frame = packet(a_to_b());
  meta(frame.get()).segment = SegmentIndex{0};
  meta(frame.get()).to = Destination{EndpointIndex{1}};
  Burst burst;
  burst.frames[burst.count++] = frame.release();
  counters_.taken_over.add(1);
  context_->source = nullptr;
  run_taken_over(*context_, burst);
  flush(*context_);
  EXPECT_EQ(port(1).sent.size(), 1U);
}

TEST_F(Pipeline, NeverDeliversAFrameTakenOverIntoAnotherSegment) {
  Packet frame = packet(a_to_b());
  meta(frame.get()).segment = SegmentIndex{1};  // the index was reused meanwhile
  meta(frame.get()).to = Destination{EndpointIndex{1}};
  Burst burst;
  burst.frames[burst.count++] = frame.release();
  counters_.taken_over.add(1);
  context_->source = nullptr;
  run_taken_over(*context_, burst);
  EXPECT_TRUE(dropped_only(DropReason::port_gone));
}

TEST_F(Pipeline, CountsWhatAPortRefuses) {
  port(1).room = 1;
  std::vector<Packet> frames;
  for (int i = 0; i < 3; ++i) {
    frames.push_back(packet(udp_frame(to(kMacB), ip_to(kIp4B), {}, random_octets(10, 1))));
  }
  receive_from(0, std::move(frames));
  EXPECT_EQ(port(1).sent.size(), 1U);
  EXPECT_TRUE(dropped_only(DropReason::tx_refused, 2));
  EXPECT_EQ(port(1).counters.drops.get(DropReason::tx_refused), 2U);
}

TEST_F(Pipeline, FlushesAPortWhoseStageIsFull) {
  std::vector<Packet> frames;
  for (unsigned i = 0; i < kMaxBurst; ++i) {
    frames.push_back(packet(udp_frame(to(kMacB), ip_to(kIp4B), {}, random_octets(10, 1))));
  }
  receive_from(0, std::move(frames));
  EXPECT_EQ(port(1).sent.size(), kMaxBurst);
}

TEST_F(Pipeline, KeepsTenantsWithEqualAddressesApart) {
  receive_from(3, packet(tcp_frame(to(kMacB), ip_to(kIp4B), {})));
  EXPECT_TRUE(port(1).sent.empty());
  EXPECT_TRUE(dropped_only(DropReason::no_flood_target));
}

TEST_F(Pipeline, DropsWhatGoesBackWhereItCameFrom) {
  change([](Snapshot& s) {
    s.fdb.set(fdb_key(SegmentIndex{0}, kMacC), {Destination{EndpointIndex{0}}, true});
  });
  receive_from(0, packet(tcp_frame(to(kMacC), ip_to(kIp4C), {})));
  EXPECT_TRUE(dropped_only(DropReason::same_port));
}

TEST_F(Pipeline, DropsForAnEndpointThatIsGone) {
  change([](Snapshot& s) { s.endpoints.mutate(1).in_use = false; });
  receive_from(0, packet(a_to_b()));
  EXPECT_TRUE(dropped_only(DropReason::port_gone));
}

// -- guard ----------------------------------------------------------------------------------------

TEST_F(Pipeline, DropsSpoofedSources) {
  receive_from(0, packet(tcp_frame(to(kMacB, kMacC), ip_to(kIp4B), {})));
  EXPECT_TRUE(dropped_only(DropReason::spoofed_source_mac));
  EXPECT_EQ(port(0).counters.drops.get(DropReason::spoofed_source_mac), 1U);
}

TEST_F(Pipeline, DropsOffloadRequestsThatContradictTheFrame) {
  Packet frame = packet(a_to_b());
  meta(frame.get()).offload.needs_checksum = true;
  meta(frame.get()).offload.checksum_start = 60'000;
  receive_from(0, std::move(frame));
  EXPECT_TRUE(dropped_only(DropReason::bad_offload_request));
}

TEST_F(Pipeline, DropsMalformedFrames) {
  Octets frame = a_to_b();
  frame.resize(20);
  receive_from(0, packet(frame));
  EXPECT_TRUE(dropped_only(DropReason::truncated_ipv4));
}

// -- broadcast, unknown unicast, multicast --------------------------------------------------------

TEST_F(Pipeline, ReplicatesBroadcastToEverybodyElse) {
  const Octets frame = udp_frame(to(kBroadcastMac), ip_to({{255, 255, 255, 255}}), {}, {1, 2, 3});
  receive_from(0, packet(frame));
  EXPECT_TRUE(port(0).sent.empty());
  ASSERT_EQ(port(1).sent.size(), 1U);
  EXPECT_EQ(octets_of(port(1).sent[0].get()), frame);
  EXPECT_EQ(to_worker1_.size(), 1U);
  ASSERT_EQ(uplink().sent.size(), 1U);
  EXPECT_EQ(unwrapped(uplink().sent[0].get()), frame);
  EXPECT_TRUE(port(3).sent.empty());
  EXPECT_EQ(counters_.cloned.get(), 2U);
}

TEST_F(Pipeline, SplitHorizonKeepsTunnelBroadcastLocal) {
  const Octets frame =
      udp_frame(to(kBroadcastMac, kMacR), ip_to({{255, 255, 255, 255}}, kIp4R), {}, {});
  receive_from_uplink(packet(from_remote(frame)));
  EXPECT_EQ(port(0).sent.size(), 1U);
  EXPECT_EQ(port(1).sent.size(), 1U);
  EXPECT_TRUE(uplink().sent.empty());
}

TEST_F(Pipeline, NeverForwardsFromTunnelToTunnel) {
  const MacAddress other{{2, 0, 0, 0, 0, 0x98}};
  change([&](Snapshot& s) {
    s.fdb.set(fdb_key(SegmentIndex{0}, other), {Destination{TunnelIndex{0}}, true});
  });
  receive_from_uplink(packet(from_remote(tcp_frame(to(other, kMacR), ip_to(kIp4B, kIp4R), {}))));
  EXPECT_TRUE(dropped_only(DropReason::split_horizon));
}

TEST_F(Pipeline, FloodsUnknownUnicastOnlyWhenTheSegmentSays) {
  const MacAddress unknown{{2, 0, 0, 0, 0, 0x77}};
  receive_from(0, packet(tcp_frame(to(unknown), ip_to(kIp4B), {})));
  EXPECT_EQ(port(1).sent.size(), 1U);
  change([](Snapshot& s) { s.segments.mutate(0).unknown_unicast = UnknownUnicast::drop; });
  receive_from(0, packet(tcp_frame(to(unknown), ip_to(kIp4B), {})));
  EXPECT_TRUE(dropped_only(DropReason::unknown_unicast));
}

TEST_F(Pipeline, EnforcesEachBudgetByItsOwnName) {
  const classifier::Budget one{1, 1, 1'000'000'000};
  port(0).budgets.broadcast = port(0).budgets.multicast = port(0).budgets.unknown_unicast = one;
  const MacAddress multicast{{0x01, 0, 0x5e, 0, 0, 5}};
  const MacAddress unknown{{2, 0, 0, 0, 0, 0x77}};
  for (int i = 0; i < 2; ++i) {
    receive_from(0, packet(udp_frame(to(kBroadcastMac), ip_to(kIp4B), {}, {})));
    receive_from(0, packet(udp_frame(to(multicast), ip_to(kIp4B), {}, {})));
    receive_from(0, packet(udp_frame(to(unknown), ip_to(kIp4B), {}, {})));
  }
  EXPECT_EQ(drops(DropReason::broadcast_budget), 1U);
  EXPECT_EQ(drops(DropReason::multicast_budget), 1U);
  EXPECT_EQ(drops(DropReason::unknown_unicast_budget), 1U);
  EXPECT_EQ(drops(), 3U);
}

TEST_F(Pipeline, ChargesFloodsByTheCopiesTheyMake) {
  port(0).budgets.broadcast = classifier::Budget{1, 3, 1'000'000'000};
  change([](Snapshot& s) {
    auto flood = std::make_shared<FloodList>();
    flood->endpoints.assign(64, EndpointIndex{1});
    s.segments.mutate(0).flood = std::move(flood);
  });
  for (int i = 0; i < 2; ++i) {
    receive_from(0, packet(udp_frame(to(kBroadcastMac), ip_to(kIp4B), {}, {})));
  }
  EXPECT_EQ(port(1).sent.size(), 64U);  // each costs two of three
  EXPECT_TRUE(dropped_only(DropReason::broadcast_budget));
}

TEST_F(Pipeline, LimitsFloodsOutOfTunnels) {
  context_->tunnel_flood_budget = classifier::Budget{1, 1, 1'000'000'000};
  const Octets frame = udp_frame(to(kBroadcastMac, kMacR), ip_to(kIp4A, kIp4R), {}, {});
  for (int i = 0; i < 3; ++i) receive_from_uplink(packet(from_remote(frame)));
  EXPECT_EQ(port(1).sent.size(), 1U);
  EXPECT_TRUE(dropped_only(DropReason::tunnel_flood_budget, 2));
}

TEST_F(Pipeline, DropsLinkLocalProtocols) {
  const MacAddress lldp{{0x01, 0x80, 0xc2, 0, 0, 0x0e}};
  receive_from(0, packet(ethernet_frame(to(lldp), 0x88cc, random_octets(50, 1))));
  EXPECT_TRUE(dropped_only(DropReason::reserved_multicast));
}

// -- neighbour suppression ------------------------------------------------------------------------

TEST_F(Pipeline, AnswersArpForKnownEndpoints) {
  receive_from(0, packet(arp_frame(to(kBroadcastMac), {.target_ip = kIp4R})));
  ASSERT_EQ(port(0).sent.size(), 1U);
  EXPECT_EQ(
      octets_of(port(0).sent[0].get()),
      arp_frame(
          to(kMacA, kMacR),
          {.operation = ArpPacket::kReply,
           .sender_mac = kMacR,
           .sender_ip = kIp4R,
           .target_mac = kMacA,
           .target_ip = kIp4A}
      )
  );
  EXPECT_EQ(counters_.suppressed.get(), 1U);
  EXPECT_TRUE(uplink().sent.empty());
}

TEST_F(Pipeline, FloodsArpForUnknownAddresses) {
  receive_from(0, packet(arp_frame(to(kBroadcastMac), {.target_ip = {{192, 0, 2, 200}}})));
  EXPECT_EQ(counters_.suppressed.get(), 0U);
  EXPECT_EQ(uplink().sent.size(), 1U);
}

TEST_F(Pipeline, DoesNotAnswerWhenSuppressionIsOff) {
  change([](Snapshot& s) { s.segments.mutate(0).suppress_neighbors = false; });
  receive_from(0, packet(arp_frame(to(kBroadcastMac), {.target_ip = kIp4R})));
  EXPECT_EQ(counters_.suppressed.get(), 0U);
  EXPECT_EQ(uplink().sent.size(), 1U);
}

// -- into tunnels ---------------------------------------------------------------------------------

TEST_F(Pipeline, EncapsulatesForARemoteEndpoint) {
  const Octets frame = a_to_remote();
  receive_from(0, packet(frame));
  ASSERT_EQ(uplink().sent.size(), 1U);
  Vni vni;
  EXPECT_EQ(unwrapped(uplink().sent[0].get(), &vni), frame);
  EXPECT_EQ(vni, kVni);
  EXPECT_EQ(counters_.encapsulated.get(), 1U);
}

TEST_F(Pipeline, CutsALargeSegmentIntoTheTunnel) {
  Packet large =
      packet(tcp_frame(to(kMacR), ip_to(kIp4R), {.is_partial = true}, random_octets(60'000, 1)));
  meta(large.get()).offload = tcp_offload(large.get(), 1460);  // larger than fits: cut smaller
  receive_from(0, std::move(large));
  const std::size_t per_segment = kInnerMtu - 40U;
  ASSERT_EQ(uplink().sent.size(), (60'000 + per_segment - 1) / per_segment);
  for (const Packet& sent : uplink().sent) {
    const Octets inner = unwrapped(sent.get());
    EXPECT_LE(inner.size(), kInnerMtu + 14U);
    EXPECT_EQ(checksum_faults(inner), "");
  }
  EXPECT_EQ(counters_.segmented.get(), uplink().sent.size() - 1U);
}

TEST_F(Pipeline, CompletesTheChecksumBeforeTheTunnel) {
  Packet frame =
      packet(tcp_frame(to(kMacR), ip_to(kIp4R), {.is_partial = true}, random_octets(77, 1)));
  meta(frame.get()).offload = tcp_offload(frame.get());
  receive_from(0, std::move(frame));
  ASSERT_EQ(uplink().sent.size(), 1U);
  EXPECT_EQ(checksum_faults(unwrapped(uplink().sent[0].get())), "");
}

TEST_F(Pipeline, AnswersAPacketThatDoesNotFitTheTunnel) {
  receive_from(0, packet(a_to_remote(1460)));
  EXPECT_TRUE(dropped_only(DropReason::inner_too_big));
  EXPECT_TRUE(uplink().sent.empty());
  ASSERT_EQ(port(0).sent.size(), 1U);
  const Octets answer = octets_of(port(0).sent[0].get());
  EXPECT_EQ(checksum_faults(answer), "");
  const ParsedFrame parsed = parse_frame(answer);
  ASSERT_EQ(parsed.l4, L4Kind::icmp);
  const auto* icmp = header_at<IcmpHeader>(ConstBytes{answer}, parsed.l4_offset);
  EXPECT_EQ(icmp->type, kIcmpUnreachable);
  EXPECT_EQ(icmp->code, kIcmpFragmentationNeeded);
  EXPECT_EQ(icmp->rest.host() & 0xFFFFU, kInnerMtu);
  EXPECT_EQ(counters_.too_big_answers.get(), 1U);
}

// RFC 4443 s2.4(f): an IPv6 node MUST limit the rate of the ICMPv6 errors it originates.
TEST_F(Pipeline, LimitsAnswersToPacketsThatDoNotFit) {
  port(0).budgets.icmp_errors = classifier::Budget{1, 2, 1'000'000'000};
  for (int i = 0; i < 5; ++i) receive_from(0, packet(a_to_remote(1460)));
  EXPECT_TRUE(dropped_only(DropReason::inner_too_big, 5));
  EXPECT_EQ(port(0).sent.size(), 2U);
}

TEST_F(Pipeline, SendsWhatJustFits) {
  receive_from(0, packet(a_to_remote(kInnerMtu - 40U)));
  EXPECT_EQ(uplink().sent.size(), 1U);
  EXPECT_EQ(drops(), 0U);
}

TEST_F(Pipeline, DropsWhileTheNextHopIsUnknown) {
  change([](Snapshot& s) { s.tunnels.mutate(0).is_resolved = false; });
  receive_from(0, packet(a_to_remote()));
  EXPECT_TRUE(dropped_only(DropReason::remote_unresolved));
}

TEST_F(Pipeline, DropsWhileTheUplinkIsDown) {
  change([](Snapshot& s) { s.uplinks[0].is_up = false; });
  receive_from(0, packet(a_to_remote()));
  EXPECT_TRUE(dropped_only(DropReason::uplink_down));
}

TEST_F(Pipeline, DropsTaggedFramesBeforeATunnelUnlessTheSegmentKeepsThem) {
  const Ethernet tagged{.destination = kMacR, .source = kMacA, .vlans = {10}};
  receive_from(0, packet(tcp_frame(tagged, ip_to(kIp4R), {})));
  EXPECT_TRUE(dropped_only(DropReason::inner_vlan_tag));
  change([](Snapshot& s) { s.segments.mutate(0).inner_vlan = InnerVlan::keep; });
  receive_from(0, packet(tcp_frame(tagged, ip_to(kIp4R), {})));
  EXPECT_EQ(uplink().sent.size(), 1U);
}

TEST_F(Pipeline, HandsOverToTheWorkerThatOwnsTheTxQueue) {
  change([](Snapshot& s) {
    s.uplinks[0].tx_port[0] = nullptr;
    s.uplinks[0].tx_owner[0] = WorkerId{1};
  });
  receive_from(0, packet(a_to_remote()));
  EXPECT_EQ(to_worker1_.size(), 1U);
}

// -- out of tunnels -------------------------------------------------------------------------------

TEST_F(Pipeline, DecapsulatesForALocalEndpoint) {
  const Octets frame = remote_to_a();
  receive_from_uplink(packet(from_remote(frame)));
  ASSERT_EQ(port(0).sent.size(), 1U);
  EXPECT_EQ(octets_of(port(0).sent[0].get()), frame);
  EXPECT_EQ(counters_.decapsulated.get(), 1U);
}

TEST_F(Pipeline, CoalescesConsecutiveSegmentsForAContainer) {
  std::vector<Packet> frames;
  for (std::uint32_t i = 0; i < 8; ++i) {
    frames.push_back(packet(from_remote(tcp_frame(
        to(kMacA, kMacR), ip_to(kIp4A, kIp4R), {.sequence = 1000 + i * 1000}, random_octets(1000, i)
    ))));
  }
  receive_from_uplink(std::move(frames));
  ASSERT_EQ(port(0).sent.size(), 1U);
  EXPECT_EQ(counters_.coalesced.get(), 7U);
  EXPECT_EQ(meta(port(0).sent[0].get()).offload.gso_octets, 1000);
}

TEST_F(Pipeline, TrimsUnderlayPadding) {
  Octets padded = from_remote(remote_to_a(1));
  padded.resize(padded.size() + 9, 0xee);
  receive_from_uplink(packet(padded));
  ASSERT_EQ(port(0).sent.size(), 1U);
  EXPECT_EQ(octets_of(port(0).sent[0].get()), remote_to_a(1));
}

TEST_F(Pipeline, DropsAnUnknownVni) {
  receive_from_uplink(packet(from_remote(remote_to_a(), Vni{9})));
  EXPECT_TRUE(dropped_only(DropReason::unknown_vni));
}

TEST_F(Pipeline, DropsAVniOfAnotherTransport) {
  receive_from_uplink(packet(from_remote(remote_to_a(), kVni, kVtepRemote, 0, encap::Kind::nvgre)));
  EXPECT_TRUE(dropped_only(DropReason::unknown_vni));
}

TEST_F(Pipeline, DropsTheVniOfATenantWithoutThatRemote) {
  receive_from_uplink(packet(from_remote(remote_to_a(), Vni{5002})));
  EXPECT_TRUE(dropped_only(DropReason::unknown_remote_vtep));
}

TEST_F(Pipeline, DropsAnUnknownRemoteVtep) {
  const IpAddress stranger{Ipv4Address{{198, 51, 100, 66}}};
  receive_from_uplink(packet(from_remote(remote_to_a(), kVni, stranger)));
  EXPECT_TRUE(dropped_only(DropReason::unknown_remote_vtep));
}

TEST_F(Pipeline, DropsWhatCongestionLost) {
  receive_from_uplink(packet(from_remote(remote_to_a(), kVni, kVtepRemote, 3)));
  EXPECT_TRUE(dropped_only(DropReason::ecn_congestion_lost));
}

TEST_F(Pipeline, CombinesCongestionIntoTheInnerHeader) {
  Ip4 ip = ip_to(kIp4A, kIp4R);
  ip.tos = 2;
  receive_from_uplink(packet(from_remote(tcp_frame(to(kMacA, kMacR), ip, {}), kVni, kVtepRemote, 3))
  );
  ASSERT_EQ(port(0).sent.size(), 1U);
  ip.tos = 3;
  EXPECT_EQ(octets_of(port(0).sent[0].get()), tcp_frame(to(kMacA, kMacR), ip, {}));
}

TEST_F(Pipeline, DropsATaggedInnerFrame) {
  const Ethernet tagged{.destination = kMacA, .source = kMacR, .vlans = {10}};
  receive_from_uplink(packet(from_remote(tcp_frame(tagged, ip_to(kIp4A, kIp4R), {}))));
  EXPECT_TRUE(dropped_only(DropReason::inner_vlan_tag));
}

TEST_F(Pipeline, DropsAnInnerFrameThatIsMalformed) {
  Octets inner = remote_to_a();
  inner.resize(16);
  receive_from_uplink(packet(from_remote(inner)));
  EXPECT_TRUE(dropped_only(DropReason::truncated_ipv4));
}

TEST_F(Pipeline, DropsFramesOfOthersOnTheUnderlay) {
  receive_from_uplink(packet(udp_frame(to(kMacB), ip_to(kIp4B), {}, {})));
  EXPECT_TRUE(dropped_only(DropReason::underlay_not_for_us));
}

TEST_F(Pipeline, DropsTaggedFramesOnTheUnderlay) {
  Octets tagged = from_remote(remote_to_a());
  const Octets tag{0x81, 0, 0, 10};
  tagged.insert(tagged.begin() + 12, tag.begin(), tag.end());
  receive_from_uplink(packet(tagged));
  EXPECT_TRUE(dropped_only(DropReason::underlay_not_for_us));
}

TEST_F(Pipeline, DropsWhatArrivesOnAnUplinkThatIsDown) {
  change([](Snapshot& s) { s.uplinks[0].is_up = false; });
  receive_from_uplink(packet(from_remote(remote_to_a())));
  EXPECT_TRUE(dropped_only(DropReason::uplink_down));
}

TEST_F(Pipeline, DropsUdpToTheVtepThatIsNoTunnel) {
  receive_from_uplink(packet(udp_frame(to(kMacUplink), ip_to(kVtepLocal.v4()), {}, {})));
  EXPECT_TRUE(dropped_only(DropReason::underlay_not_for_us));
}

TEST_F(Pipeline, PuntsWhatIsForTheVtepAsAHost) {
  receive_from_uplink(packet(arp_frame(to(kBroadcastMac), {.target_ip = kVtepLocal.v4()})));
  receive_from_uplink(packet(icmp_frame(to(kMacUplink), ip_to(kVtepLocal.v4()), {})));
  EXPECT_EQ(counters_.punted.get(), 2U);
  WorkerEvent event;
  ASSERT_TRUE(events_.pop(event));
  EXPECT_EQ(event.kind, WorkerEvent::Kind::punted);
  rte_pktmbuf_free(event.frame);
}

TEST_F(Pipeline, LimitsPuntedFrames) {
  context_->punt_budget = classifier::Budget{1, 1, 1'000'000'000};
  for (int i = 0; i < 3; ++i) {
    receive_from_uplink(packet(arp_frame(to(kBroadcastMac), {.target_ip = kVtepLocal.v4()})));
  }
  EXPECT_TRUE(dropped_only(DropReason::punt_budget, 2));
}

TEST_F(Pipeline, CountsPuntsThatFindTheRingFull) {
  for (int i = 0; i < 70; ++i) {
    receive_from_uplink(packet(arp_frame(to(kBroadcastMac), {.target_ip = kVtepLocal.v4()})));
  }
  EXPECT_TRUE(dropped_only(DropReason::punt_full, 70 - 64));
}

// -- learning -------------------------------------------------------------------------------------

TEST_F(Pipeline, ReportsANewSourceBehindATunnelOnce) {
  const MacAddress news{{2, 0, 0, 0, 0, 0x55}};
  for (int i = 0; i < 3; ++i) {
    receive_from_uplink(packet(from_remote(tcp_frame(to(kMacA, news), ip_to(kIp4A, kIp4R), {}))));
  }
  WorkerEvent event;
  ASSERT_TRUE(events_.pop(event));
  EXPECT_EQ(event.kind, WorkerEvent::Kind::learned);
  EXPECT_EQ(event.mac, news);
  EXPECT_EQ(event.segment, SegmentIndex{0});
  EXPECT_EQ(event.tunnel, TunnelIndex{0});
  EXPECT_FALSE(events_.pop(event));
  EXPECT_EQ(port(0).sent.size(), 3U);
}

TEST_F(Pipeline, LearningLeavesRoomForPuntedFrames) {
  for (std::uint8_t i = 0; i < 60; ++i) {
    const MacAddress news{{2, 0, 0, 1, 0, i}};
    receive_from_uplink(packet(from_remote(tcp_frame(to(kMacA, news), ip_to(kIp4A, kIp4R), {}))));
  }
  EXPECT_LE(events_.size(), events_.capacity() / 2);
  receive_from_uplink(packet(arp_frame(to(kBroadcastMac), {.target_ip = kVtepLocal.v4()})));
  EXPECT_EQ(counters_.punted.get(), 1U);
}

TEST_F(Pipeline, LearnsNothingWhenTheSegmentDoesNot) {
  change([](Snapshot& s) { s.segments.mutate(0).learn = false; });
  const MacAddress news{{2, 0, 0, 0, 0, 0x55}};
  receive_from_uplink(packet(from_remote(tcp_frame(to(kMacA, news), ip_to(kIp4A, kIp4R), {}))));
  EXPECT_EQ(events_.size(), 0U);
}

TEST_F(Pipeline, RefusesARemoteThatClaimsALocalMac) {
  receive_from_uplink(packet(from_remote(tcp_frame(to(kMacA, kMacB), ip_to(kIp4A, kIp4B), {}))));
  EXPECT_TRUE(dropped_only(DropReason::remote_claims_local_mac));
}

TEST_F(Pipeline, RefusesAGroupAddressAsSource) {
  const MacAddress group{{3, 0, 0, 0, 0, 1}};
  receive_from_uplink(packet(from_remote(tcp_frame(to(kMacA, group), ip_to(kIp4A, kIp4R), {}))));
  EXPECT_TRUE(dropped_only(DropReason::multicast_source_mac));
}

TEST_F(Pipeline, RemembersActivityOfSourcesBehindTunnels) {
  context_->second = 100;
  receive_from_uplink(packet(from_remote(remote_to_a())));
  EXPECT_EQ(activity_->age(fdb_key(SegmentIndex{0}, kMacR), 107), 7U);
}

}  // namespace
}  // namespace weft::stage_test
