// One endpoint, kSourceMac with kSourceV4 and kSourceV6 (frames.h), and everything it might pretend to be.
#include "classifier/source_guard.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <gtest/gtest.h>

#include "dataplane/net/testing/frames.h"

namespace weft::classifier {
namespace {

using namespace wire_test;

const Octets kOtherMac{0x02, 0, 0, 0, 0, 0x77};
const Octets kOtherV4{192, 0, 2, 77};
const Octets kOtherV6{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x77};
const Octets kLinkLocal{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 0, 0x01};
const Octets kOtherLinkLocal{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 0, 0x77};
const Octets kMappedOwnV4{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1};
const Octets kUnspecified(16);

template <typename Address>
Address address_of(const Octets& octets) {
  Address address;
  std::copy_n(octets.begin(), address.octets.size(), address.octets.begin());
  return address;
}

SourceGuard guard() {
  SourceGuard guard;
  guard.mac = address_of<MacAddress>(kSourceMac);
  guard.addresses[0] = IpPrefix{IpAddress{address_of<Ipv4Address>(kSourceV4)}, 32};
  guard.addresses[1] = IpPrefix{IpAddress{address_of<Ipv6Address>(kSourceV6)}, 128};
  guard.address_count = 2;
  return guard;
}

DropReason check(const Octets& octets, const SourceGuard& by = guard()) {
  const ExactBuffer buffer{octets};
  const ParsedFrame parsed = parse_frame(buffer.view());
  EXPECT_TRUE(parsed.is_ok()) << drop_info(parsed.error).name;
  return check_source(by, buffer.view(), parsed);
}

/// `octets` with `patch` written at `offset`.
Octets with(Octets octets, std::size_t offset, const Octets& patch) {
  std::copy(patch.begin(), patch.end(), octets.begin() + static_cast<std::ptrdiff_t>(offset));
  return octets;
}
Octets from_mac(const Octets& frame, const Octets& mac) {
  return with(frame, 6, mac);
}
Octets from_v4(const Octets& frame, const Octets& source) {
  return with(frame, 14 + 12, source);
}
Octets from_v6(const Octets& frame, const Octets& source) {
  return with(frame, 14 + 8, source);
}

Octets ipv4_frame() {
  return ethernet(kEtherTypeIpv4, ipv4(kIpProtoUdp, udp(text("data"))));
}
Octets ipv6_frame() {
  return ethernet(kEtherTypeIpv6, ipv6(kIpProtoUdp, udp(text("data"))));
}
Octets arp_frame(const Octets& mac, const Octets& ip, std::uint16_t operation = 1) {
  return with(with(ethernet(kEtherTypeArp, arp(operation)), 14 + 8, mac), 14 + 14, ip);
}

TEST(SourceGuard, PassesTheEndpointsOwnFrames) {
  EXPECT_EQ(check(ipv4_frame()), DropReason::none);
  EXPECT_EQ(check(ipv6_frame()), DropReason::none);
  EXPECT_EQ(check(arp_frame(kSourceMac, kSourceV4)), DropReason::none);
  EXPECT_EQ(check(ethernet(0x88B5, text("anything"))), DropReason::none);
}

TEST(SourceGuard, SeesThroughTags) {
  const Octets good = ethernet(kEtherTypeVlan, tag(7, kEtherTypeIpv4, ipv4(17, udp({}))));
  EXPECT_EQ(check(good), DropReason::none);
  EXPECT_EQ(check(with(good, 14 + 4 + 12, kOtherV4)), DropReason::spoofed_source_ipv4);
}

TEST(SourceGuard, RefusesForeignMacs) {
  for (const Octets& frame : {ipv4_frame(), ipv6_frame(), ethernet(0x88B5, {})}) {
    EXPECT_EQ(check(from_mac(frame, kOtherMac)), DropReason::spoofed_source_mac);
    EXPECT_EQ(check(from_mac(frame, Octets(6, 0xFF))), DropReason::multicast_source_mac);
    EXPECT_EQ(check(from_mac(frame, {1, 0, 0x5E, 0, 0, 1})), DropReason::multicast_source_mac);
    EXPECT_EQ(check(from_mac(frame, Octets(6))), DropReason::spoofed_source_mac);
  }
}

TEST(SourceGuard, RefusesForeignAddresses) {
  EXPECT_EQ(check(from_v4(ipv4_frame(), kOtherV4)), DropReason::spoofed_source_ipv4);
  EXPECT_EQ(check(from_v6(ipv6_frame(), kOtherV6)), DropReason::spoofed_source_ipv6);
  EXPECT_EQ(check(from_v6(ipv6_frame(), kOtherLinkLocal)), DropReason::spoofed_source_ipv6);
}

TEST(SourceGuard, LooksAtEveryFragment) {
  const Octets later = ethernet(kEtherTypeIpv4, ipv4(kIpProtoUdp, counting(24), 0x0003));
  EXPECT_EQ(check(later), DropReason::none);
  EXPECT_EQ(check(from_v4(later, kOtherV4)), DropReason::spoofed_source_ipv4);
}

TEST(SourceGuard, AcceptsPrefixes) {
  SourceGuard router = guard();
  router.addresses[0].length = 24;
  EXPECT_EQ(check(from_v4(ipv4_frame(), kOtherV4), router), DropReason::none);
  EXPECT_EQ(check(from_v4(ipv4_frame(), {192, 0, 3, 1}), router), DropReason::spoofed_source_ipv4);
}

TEST(SourceGuard, UsesAllEightAddressesAndNoMore) {
  SourceGuard many = guard();
  many.addresses.fill(many.addresses[0]);
  many.addresses[7] = IpPrefix{IpAddress{address_of<Ipv4Address>(kOtherV4)}, 32};
  many.address_count = 8;
  EXPECT_EQ(check(from_v4(ipv4_frame(), kOtherV4), many), DropReason::none);
  many.address_count = 7;
  EXPECT_EQ(check(from_v4(ipv4_frame(), kOtherV4), many), DropReason::spoofed_source_ipv4);
}

// RFC 4291 s2.5.5.2: an IPv4-mapped address in an IPv6 header must not pass for the IPv4 address.
TEST(SourceGuard, RefusesMappedAddresses) {
  EXPECT_EQ(check(from_v6(ipv6_frame(), kMappedOwnV4)), DropReason::spoofed_source_ipv6);
}

// RFC 4291 appendix A.
TEST(SourceGuard, AcceptsTheLinkLocalAddressOfItsMac) {
  EXPECT_EQ(check(from_v6(ipv6_frame(), kLinkLocal)), DropReason::none);
}

TEST(SourceGuard, CanBeSwitchedOff) {
  SourceGuard off = guard();
  off.is_enabled = false;
  EXPECT_EQ(check(from_mac(from_v4(ipv4_frame(), kOtherV4), kOtherMac), off), DropReason::none);
}

// RFC 826.
TEST(SourceGuard, RefusesForeignArpSenders) {
  for (const std::uint16_t operation : {std::uint16_t{1}, std::uint16_t{2}}) {
    EXPECT_EQ(check(arp_frame(kSourceMac, kSourceV4, operation)), DropReason::none);
    EXPECT_EQ(check(arp_frame(kOtherMac, kSourceV4, operation)), DropReason::spoofed_arp);
    EXPECT_EQ(check(arp_frame(kSourceMac, kOtherV4, operation)), DropReason::spoofed_arp);
  }
}

// RFC 5227 s1.1: a probe has the sender address 0.0.0.0; an answer never has.
TEST(SourceGuard, AcceptsArpProbes) {
  EXPECT_EQ(check(arp_frame(kSourceMac, Octets(4), 1)), DropReason::none);
  EXPECT_EQ(check(arp_frame(kSourceMac, Octets(4), 2)), DropReason::spoofed_arp);
  EXPECT_EQ(check(arp_frame(kOtherMac, Octets(4), 1)), DropReason::spoofed_arp);
}

// RFC 2131 s4.1.
TEST(SourceGuard, AcceptsDhcpRequestsWhenAllowed) {
  const auto from_nowhere = [](std::uint16_t source_port, std::uint16_t destination_port) {
    return from_v4(
        ethernet(kEtherTypeIpv4, ipv4(17, udp({}, source_port, destination_port))), Octets(4)
    );
  };
  SourceGuard dhcp = guard();
  dhcp.allow_dhcp = true;
  EXPECT_EQ(check(from_nowhere(68, 67), dhcp), DropReason::none);
  EXPECT_EQ(check(from_nowhere(68, 67)), DropReason::spoofed_source_ipv4);
  EXPECT_EQ(check(from_nowhere(67, 68), dhcp), DropReason::spoofed_source_ipv4);
  EXPECT_EQ(check(from_nowhere(68, 53), dhcp), DropReason::spoofed_source_ipv4);
  const Octets tcp_syn = ethernet(kEtherTypeIpv4, ipv4(6, tcp({}, {}, 68, 67)));
  EXPECT_EQ(check(from_v4(tcp_syn, Octets(4)), dhcp), DropReason::spoofed_source_ipv4);
  const Octets cut = ethernet(kEtherTypeIpv4, ipv4(17, udp({}, 68, 67), 0x2000));
  EXPECT_EQ(check(from_v4(cut, Octets(4)), dhcp), DropReason::spoofed_source_ipv4);
}

// -- neighbour discovery (RFC 4861) ----------------------------------------------------------------

Octets option(std::uint8_t type, const Octets& mac) {
  return Octets{type, 1} + mac;
}
Octets nd(std::uint8_t type, const Octets& source, const Octets& body) {
  const Octets message = Octets{type, 0, 0, 0} + word32(0) + body;
  return from_v6(ethernet(kEtherTypeIpv6, ipv6(kIpProtoIcmpv6, message)), source);
}

TEST(SourceGuardNd, SolicitsInItsOwnName) {
  const Octets own = kOtherV6 + option(1, kSourceMac);
  EXPECT_EQ(check(nd(135, kSourceV6, own)), DropReason::none);
  EXPECT_EQ(check(nd(135, kLinkLocal, own)), DropReason::none);
  EXPECT_EQ(check(nd(135, kSourceV6, kOtherV6)), DropReason::none);
  EXPECT_EQ(check(nd(135, kOtherV6, own)), DropReason::spoofed_source_ipv6);
  EXPECT_EQ(check(nd(135, kSourceV6, kOtherV6 + option(1, kOtherMac))), DropReason::spoofed_nd);
}

TEST(SourceGuardNd, AdvertisesOnlyItself) {
  const Octets own = option(2, kSourceMac);
  EXPECT_EQ(check(nd(136, kSourceV6, kSourceV6 + own)), DropReason::none);
  EXPECT_EQ(check(nd(136, kSourceV6, kLinkLocal + own)), DropReason::none);
  EXPECT_EQ(check(nd(136, kLinkLocal, kSourceV6)), DropReason::none);
  EXPECT_EQ(check(nd(136, kSourceV6, kOtherV6 + own)), DropReason::spoofed_nd);
  EXPECT_EQ(check(nd(136, kSourceV6, kMappedOwnV4 + own)), DropReason::spoofed_nd);
  EXPECT_EQ(check(nd(136, kSourceV6, kSourceV6 + option(2, kOtherMac))), DropReason::spoofed_nd);
  EXPECT_EQ(check(nd(136, kUnspecified, kSourceV6)), DropReason::spoofed_source_ipv6);
}

// RFC 4862 s5.4.2; probing for another's address would keep it from coming up.
TEST(SourceGuardNd, DetectsDuplicatesOfItsOwnAddresses) {
  EXPECT_EQ(check(nd(135, kUnspecified, kSourceV6)), DropReason::none);
  EXPECT_EQ(check(nd(135, kUnspecified, kLinkLocal)), DropReason::none);
  EXPECT_EQ(check(nd(135, kUnspecified, kOtherV6)), DropReason::spoofed_nd);
}

// RFC 4861 s4.1 and RFC 3590 s4: what a host says before it has an address.
TEST(SourceGuardNd, MaySpeakWithoutAnAddressWhileComingUp) {
  EXPECT_EQ(check(nd(133, kUnspecified, {})), DropReason::none);
  EXPECT_EQ(check(nd(143, kUnspecified, {})), DropReason::none);
  EXPECT_EQ(check(nd(128, kUnspecified, {})), DropReason::spoofed_source_ipv6);
  EXPECT_EQ(check(from_v6(ipv6_frame(), kUnspecified)), DropReason::spoofed_source_ipv6);
}

TEST(SourceGuardNd, RefusesToActAsRouter) {
  EXPECT_EQ(check(nd(134, kLinkLocal, Octets(8))), DropReason::spoofed_nd);
  EXPECT_EQ(check(nd(137, kLinkLocal, Octets(32))), DropReason::spoofed_nd);
  EXPECT_EQ(check(nd(133, kSourceV6, option(1, kSourceMac))), DropReason::none);
  EXPECT_EQ(check(nd(133, kSourceV6, option(1, kOtherMac))), DropReason::spoofed_nd);
}

TEST(SourceGuardNd, LooksAtEveryOption) {
  const Octets nonce = Octets{14, 1} + counting(6);
  EXPECT_EQ(check(nd(135, kSourceV6, kOtherV6 + nonce + option(1, kSourceMac))), DropReason::none);
  EXPECT_EQ(
      check(nd(135, kSourceV6, kOtherV6 + nonce + option(1, kOtherMac))), DropReason::spoofed_nd
  );
  EXPECT_EQ(
      check(nd(135, kSourceV6, kOtherV6 + option(1, kSourceMac) + option(1, kOtherMac))),
      DropReason::spoofed_nd
  );
}

// RFC 4861 s4.6: an option of length 0 makes the message invalid; so does one that ends behind it.
TEST(SourceGuardNd, RefusesMalformedMessages) {
  const Octets zero_length = Octets{1, 0} + kSourceMac;
  EXPECT_EQ(check(nd(135, kSourceV6, kOtherV6 + zero_length)), DropReason::spoofed_nd);
  EXPECT_EQ(
      check(nd(135, kSourceV6, kOtherV6 + Octets{14, 2} + Octets(6))), DropReason::spoofed_nd
  );
  EXPECT_EQ(check(nd(135, kSourceV6, kOtherV6 + Octets{1, 1, 2})), DropReason::spoofed_nd);
  for (std::size_t size = 0; size < 16; ++size) {
    EXPECT_EQ(check(nd(136, kSourceV6, Octets(size))), DropReason::spoofed_nd) << size;
  }
}

// RFC 6980 s5.
TEST(SourceGuardNd, RefusesNeighbourDiscoveryInFragments) {
  const Octets advert = Octets{136, 0, 0, 0} + word32(0) + kSourceV6;
  EXPECT_EQ(
      check(ethernet(kEtherTypeIpv6, ipv6(44, fragment(58, 1, advert)))), DropReason::spoofed_nd
  );
  const Octets echo = icmp(128, 0, 1) + Octets(4);
  EXPECT_EQ(check(ethernet(kEtherTypeIpv6, ipv6(44, fragment(58, 1, echo)))), DropReason::none);
}

TEST(SourceGuardNd, LooksBehindExtensionHeaders) {
  const Octets advert = Octets{136, 0, 0, 0} + word32(0) + kOtherV6;
  EXPECT_EQ(
      check(ethernet(kEtherTypeIpv6, ipv6(0, extension(58, 0, advert)))), DropReason::spoofed_nd
  );
}

}  // namespace
}  // namespace weft::classifier
