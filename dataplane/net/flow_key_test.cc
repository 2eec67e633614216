#include "dataplane/net/flow_key.h"

#include <cstddef>
#include <unordered_set>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/net/headers.h"
#include "dataplane/net/testing/frames.h"

namespace weft {
namespace {

using namespace wire_test;  // NOLINT: builders

FlowKey key_of(const Octets& octets) {
  const ExactBuffer buffer{octets};
  const ParsedFrame parsed = parse_frame(buffer.view());
  EXPECT_TRUE(parsed.is_ok());
  return flow_key(buffer.view(), parsed);
}
Octets over_ipv4(std::uint8_t protocol, const Octets& payload, std::uint16_t flags = 0) {
  return ethernet(kEtherTypeIpv4, ipv4(protocol, payload, flags));
}
Octets over_ipv6(std::uint8_t next_header, const Octets& payload) {
  return ethernet(kEtherTypeIpv6, ipv6(next_header, payload));
}

TEST(FlowKey, TakesTheFiveTuple) {
  const FlowKey v4 = key_of(over_ipv4(17, udp({}, 1000, 2000)));
  EXPECT_EQ(v4.source, IpAddress{(Ipv4Address{{192, 0, 2, 1}})}.octets());
  EXPECT_EQ(v4.destination, IpAddress{(Ipv4Address{{192, 0, 2, 2}})}.octets());
  EXPECT_EQ(v4.source_port.host(), 1000);
  EXPECT_EQ(v4.destination_port.host(), 2000);
  EXPECT_EQ(v4.ether_type.host(), kEtherTypeIpv4);
  EXPECT_EQ(v4.ip_proto, 17);

  const FlowKey v6 = key_of(over_ipv6(6, tcp({}, {}, 1000, 2000)));
  EXPECT_TRUE(std::equal(v6.source.begin(), v6.source.end(), kSourceV6.begin()));
  EXPECT_TRUE(std::equal(v6.destination.begin(), v6.destination.end(), kDestinationV6.begin()));
  EXPECT_EQ(v6.source_port.host(), 1000);
  EXPECT_EQ(v6.destination_port.host(), 2000);
  EXPECT_EQ(v6.ether_type.host(), kEtherTypeIpv6);
  EXPECT_EQ(v6.ip_proto, 6);
}

TEST(FlowKey, TellsEchoSessionsApartAndOtherIcmpByTypeAndCode) {
  EXPECT_EQ(key_of(over_ipv4(1, icmp(8, 0, 77))).source_port.host(), 0x0800);
  EXPECT_EQ(key_of(over_ipv4(1, icmp(8, 0, 77))).destination_port.host(), 77);
  EXPECT_EQ(key_of(over_ipv4(1, icmp(0, 0, 77))).destination_port.host(), 77);
  EXPECT_EQ(key_of(over_ipv4(1, icmp(3, 4, 77))).source_port.host(), 0x0304);
  EXPECT_EQ(key_of(over_ipv4(1, icmp(3, 4, 77))).destination_port.host(), 0);
  EXPECT_EQ(key_of(over_ipv6(58, icmp(128, 0, 77))).destination_port.host(), 77);
  EXPECT_EQ(key_of(over_ipv6(58, icmp(129, 0, 77))).destination_port.host(), 77);
  EXPECT_EQ(key_of(over_ipv6(58, icmp(2, 0, 77))).destination_port.host(), 0);
  EXPECT_EQ(key_of(over_ipv6(58, icmp(8, 0, 77))).destination_port.host(), 0) << "no echo there";
}

TEST(FlowKey, AllFragmentsOfAPacketAreOneFlow) {
  const FlowKey first4 = key_of(over_ipv4(17, udp(counting(16)), Ipv4Header::kMoreFragments));
  const FlowKey later4 = key_of(over_ipv4(17, counting(24), 3));
  EXPECT_EQ(first4, later4);
  EXPECT_EQ(first4.source_port.host(), 0);
  EXPECT_EQ(flow_hash(first4), flow_hash(later4));

  const FlowKey first6 = key_of(over_ipv6(44, fragment(17, 1, udp(counting(16)))));
  const FlowKey later6 = key_of(over_ipv6(44, fragment(17, 24, counting(24))));
  EXPECT_EQ(first6, later6);
}

TEST(FlowKey, DoesNotDependOnTagsPayloadOrTos) {
  const Octets plain = over_ipv4(17, udp(counting(8)));
  Octets other_tos = over_ipv4(17, udp(counting(200)));
  other_tos[15] = 0xB8;
  const Octets tagged = ethernet(kEtherTypeVlan, tag(7, kEtherTypeIpv4, ipv4(17, udp({}))));
  EXPECT_EQ(key_of(plain), key_of(other_tos));
  EXPECT_EQ(key_of(plain), key_of(tagged));
}

TEST(FlowKey, OtherFramesAreFlowsOfMacsAndEtherType) {
  const FlowKey key = key_of(ethernet(kEtherTypeArp, arp(1)));
  EXPECT_TRUE(std::equal(kSourceMac.begin(), kSourceMac.end(), key.source.end() - 6));
  EXPECT_TRUE(std::equal(kDestinationMac.begin(), kDestinationMac.end(), key.destination.end() - 6)
  );
  EXPECT_EQ(key.ether_type.host(), kEtherTypeArp);
  EXPECT_EQ(key.ip_proto, 0);
  EXPECT_EQ(key, key_of(ethernet(kEtherTypeArp, arp(2))));
  EXPECT_NE(key, key_of(ethernet(0x88CC, counting(46))));
}

/// The ways in which real flows differ from each other: by a counter in one field.
struct Population {
  const char* name;
  FlowKey (*nth)(std::uint32_t);
};

FlowKey base_key() {
  return key_of(over_ipv4(17, udp({}, 0, 4789)));
}

std::array<std::uint8_t, 16> v4_plus(std::uint32_t base, std::uint32_t n) {
  const Octets octets = word32(base + n);
  Ipv4Address address;
  std::copy(octets.begin(), octets.end(), address.octets.begin());
  return IpAddress{address}.octets();
}

const Population kPopulations[] = {
    {"source port, then source address",
     [](std::uint32_t n) {
       FlowKey key = base_key();
       key.source_port = Be16{static_cast<std::uint16_t>(n)};
       key.source = v4_plus(0x0A000001, n >> 16U);
       return key;
     }},
    {"source address",
     [](std::uint32_t n) {
       FlowKey key = base_key();
       key.source = v4_plus(0x0A000001, n);
       return key;
     }},
    {"destination address",
     [](std::uint32_t n) {
       FlowKey key = base_key();
       key.destination = v4_plus(0x0A000001, n);
       return key;
     }},
    {"both addresses alike",
     [](std::uint32_t n) {
       FlowKey key = base_key();
       key.source = v4_plus(0x0A000001, n);
       key.destination = key.source;
       return key;
     }},
    {"high octets of an IPv6 source",
     [](std::uint32_t n) {
       static const FlowKey base = key_of(over_ipv6(6, tcp({})));
       FlowKey key = base;
       const Octets octets = word32(n);
       std::copy(octets.begin(), octets.end(), key.source.begin() + 4);
       return key;
     }},
    {"MAC addresses",
     [](std::uint32_t n) {
       static const FlowKey base = key_of(ethernet(kEtherTypeArp, arp(1)));
       FlowKey key = base;
       const Octets octets = word32(n);
       std::copy(octets.begin(), octets.end(), key.source.begin() + 12);
       return key;
     }},
};

constexpr std::uint32_t kFlows = 100000;

/// Chi-square over 2^bits buckets, as a multiple of its expectation for an ideal hash.
double spread(const std::vector<std::uint32_t>& hashes, unsigned shift, unsigned bits) {
  const std::size_t buckets = std::size_t{1} << bits;
  std::vector<std::uint32_t> counts(buckets);
  for (const std::uint32_t hash : hashes) ++counts[(hash >> shift) & (buckets - 1)];
  const double expected = static_cast<double>(hashes.size()) / static_cast<double>(buckets);
  double chi_square = 0;
  for (const std::uint32_t count : counts) {
    const double difference = count - expected;
    chi_square += difference * difference / expected;
  }
  return chi_square / static_cast<double>(buckets - 1);
}

// The bits that others use: the top 14 for the UDP source port (RFC 7348 s5), 8 for the FlowID
// (RFC 7637 s3.2), the low 20 for the flow label (RFC 6438), low bits for tables and queues. The
// statistic's deviation is sqrt(2 / buckets): 0.011 for 14 bits, 0.09 for 8, 0.35 for 4; the bounds
// are above 6 of them, and a hash that leaves a bit constant scores 2 or more.
TEST(FlowHash, OfAPacketIsThatOfItsKey) {
  for (const GoldenFrame& golden : golden_frames()) {
    const ExactBuffer buffer{golden.octets};
    EXPECT_EQ(
        packet_hash(buffer.view(), golden.parsed), flow_hash(flow_key(buffer.view(), golden.parsed))
    ) << golden.name;
  }
}

TEST(FlowHash, SpreadsSequentialFlowsLikeAnIdealHash) {
  const struct {
    unsigned shift, bits;
    double low, high;
  } windows[] = {
      {18, 14, 0.93, 1.07},
      {0, 14, 0.93, 1.07},
      {24, 8, 0.4, 1.6},
      {0, 8, 0.4, 1.6},
      {12, 8, 0.4, 1.6},
      {0, 4, 0.0, 4.0},
      {28, 4, 0.0, 4.0}};
  for (const Population& population : kPopulations) {
    std::vector<std::uint32_t> hashes;
    for (std::uint32_t n = 0; n < kFlows; ++n) hashes.push_back(flow_hash(population.nth(n)));
    for (const auto& window : windows) {
      const double measured = spread(hashes, window.shift, window.bits);
      EXPECT_GT(measured, window.low) << population.name << ' ' << window.shift;
      EXPECT_LT(measured, window.high) << population.name << ' ' << window.shift;
    }
  }
}

// n^2 / 2^33 = 1.2 collisions are expected of 100,000 ideal 32-bit hashes; 12 would be a 1e-8 event.
TEST(FlowHash, HardlyCollides) {
  for (const Population& population : kPopulations) {
    std::unordered_set<std::uint32_t> seen;
    for (std::uint32_t n = 0; n < kFlows; ++n) seen.insert(flow_hash(population.nth(n)));
    EXPECT_GT(seen.size(), kFlows - 12) << population.name;
  }
}

// Flipping any input bit flips each output bit in about half of the keys.
TEST(FlowHash, EveryInputBitReachesEveryOutputBit) {
  constexpr std::uint32_t kKeys = 1000;
  for (std::size_t bit = 0; bit < sizeof(FlowKey) * 8; ++bit) {
    std::array<std::uint32_t, 32> flips{};
    for (std::uint32_t n = 0; n < kKeys; ++n) {
      FlowKey key = kPopulations[0].nth(n);
      const std::uint32_t before = flow_hash(key);
      auto* octets = reinterpret_cast<std::uint8_t*>(&key);
      octets[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
      const std::uint32_t changed = before ^ flow_hash(key);
      for (unsigned out = 0; out < 32; ++out) flips[out] += (changed >> out) & 1U;
    }
    for (unsigned out = 0; out < 32; ++out) {
      EXPECT_NEAR(static_cast<double>(flips[out]) / kKeys, 0.5, 0.1) << bit << " -> " << out;
    }
  }
}

}  // namespace
}  // namespace weft
