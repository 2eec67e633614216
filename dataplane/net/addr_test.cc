#include "dataplane/net/addr.h"

#include <string>

#include <gtest/gtest.h>

namespace weft {
namespace {

constexpr MacAddress kMac{{0x02, 0x00, 0xab, 0xcd, 0xef, 0x01}};

IpAddress ip(std::string_view text) {
  return parse_ip(text).value();
}
IpPrefix prefix(std::string_view text) {
  return parse_prefix(text).value();
}

TEST(Mac, RoundTripsThroughTextAndBits) {
  EXPECT_EQ(format(kMac), "02:00:ab:cd:ef:01");
  EXPECT_EQ(parse_mac("02:00:ab:cd:ef:01"), kMac);
  EXPECT_EQ(parse_mac("02:00:AB:cd:EF:01"), kMac);
  EXPECT_EQ(kMac.bits(), 0x0200abcdef01U);
  EXPECT_EQ(MacAddress::from_bits(kMac.bits()), kMac);
  EXPECT_EQ(MacAddress::from_bits(0xFFFF0200abcdef01U), kMac) << "upper 16 bits are ignored";
}

TEST(Mac, RefusesEveryOtherText) {
  for (const char* text :
       {"",
        "02:00:ab:cd:ef",
        "02:00:ab:cd:ef:1",
        "02:00:ab:cd:ef:01:",
        "2:0:ab:cd:ef:1",
        "02-00-ab-cd-ef-01",
        "0200.abcd.ef01",
        "02:00:ab:cd:ef:0g",
        " 2:00:ab:cd:ef:01",
        "02:00:ab:cd:ef:01 ",
        "02:00:ab:cd:ef 01",
        "+2:00:ab:cd:ef:01"}) {
    EXPECT_FALSE(parse_mac(text)) << '"' << text << '"';
  }
}

TEST(Mac, KnowsGroupBroadcastAndZero) {
  EXPECT_TRUE(kBroadcastMac.is_broadcast());
  EXPECT_TRUE(kBroadcastMac.is_group());
  EXPECT_TRUE((MacAddress{{0x01, 0, 0x5e, 0, 0, 1}}).is_group());
  EXPECT_FALSE((MacAddress{{0x01, 0, 0x5e, 0, 0, 1}}).is_broadcast());
  EXPECT_FALSE(kMac.is_group());
  EXPECT_TRUE(MacAddress{}.is_zero());
  EXPECT_FALSE(kMac.is_zero());
}

TEST(Ip, RoundTripsIpv4) {
  for (const char* text : {"0.0.0.0", "192.0.2.1", "255.255.255.255", "10.0.0.9"}) {
    EXPECT_TRUE(ip(text).is_v4());
    EXPECT_EQ(format(ip(text)), text);
  }
  EXPECT_EQ(ip("192.0.2.1").v4().bits(), 0xC0000201U);
}

TEST(Ip, FormatsIpv6AsRfc5952) {
  const struct {
    const char* in;
    const char* out;
  } cases[] = {
      {"2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"},  // s4.1 leading zeros
      {"2001:db8:0:0:0:0:2:1", "2001:db8::2:1"},                   // s4.2.1 shortened fully
      {"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},             // s4.2.2 not one group
      {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},                     // s4.2.3 the longest run
      {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},               // s4.2.3 the first of two
      {"2001:DB8::ABCD", "2001:db8::abcd"},                        // s4.3 lower case
      {"0:0:0:0:0:0:0:0", "::"},
      {"0:0:0:0:0:0:0:1", "::1"},
      {"1:0:0:0:0:0:0:0", "1::"},
      {"0:0:1:0:0:0:0:0", "0:0:1::"},
      {"::1:2", "::1:2"},
      {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
  };
  for (const auto& [in, out] : cases) {
    EXPECT_FALSE(ip(in).is_v4());
    EXPECT_EQ(format(ip(in)), out);
    EXPECT_EQ(ip(out), ip(in));
  }
}

TEST(Ip, RefusesEveryOtherText) {
  using namespace std::string_view_literals;
  for (const std::string_view text :
       {""sv,
        " 1.2.3.4"sv,
        "1.2.3.4 "sv,
        "1.2.3"sv,
        "1.2.3.4.5"sv,
        "1.2.3.256"sv,
        "1.2.3.04"sv,
        "0x1.2.3.4"sv,
        "1.2.3.4/24"sv,
        "1.2.3.4\0"sv,
        "::1\0x"sv,
        ":::"sv,
        "1::2::3"sv,
        "12345::"sv,
        "fe80::1%eth0"sv,
        "[::1]"sv,
        "1:2:3:4:5:6:7"sv,
        "1:2:3:4:5:6:7:8:9"sv,
        "localhost"sv}) {
    EXPECT_FALSE(parse_ip(text)) << '"' << text << '"';
  }
  EXPECT_FALSE(parse_ip(std::string(5000, '1')));
}

TEST(Ip, RefusesIpv4MappedText) {
  EXPECT_FALSE(parse_ip("::ffff:192.0.2.1"));
  EXPECT_FALSE(parse_ip("::ffff:c000:201"));
}

TEST(Ip, EqualityAndOrderNeedNoFamily) {
  EXPECT_NE(ip("0.0.0.0"), ip("::"));
  EXPECT_EQ(IpAddress{}, ip("::"));
  EXPECT_LT(ip("10.0.0.1"), ip("10.0.0.2"));
  EXPECT_LT(ip("2001:db8::1"), ip("2001:db8::2"));
  EXPECT_EQ(ip("10.0.0.1").family(), IpFamily::v4);
  EXPECT_EQ(ip("::1").family(), IpFamily::v6);
}

TEST(Ip, KnowsMulticastAndLinkLocal) {
  EXPECT_TRUE(ip("224.0.0.1").is_multicast());
  EXPECT_TRUE(ip("239.255.255.255").is_multicast());
  EXPECT_FALSE(ip("240.0.0.0").is_multicast());
  EXPECT_TRUE(ip("ff02::1").is_multicast());
  EXPECT_FALSE(ip("fe80::1").is_multicast());
  EXPECT_TRUE(ip("fe80::1").v6().is_link_local());
  EXPECT_TRUE(ip("febf::1").v6().is_link_local());
  EXPECT_FALSE(ip("fec0::1").v6().is_link_local());
}

TEST(Prefix, RoundTripsAndKeepsHostBits) {
  for (const char* text :
       {"192.0.2.7/24", "0.0.0.0/0", "192.0.2.1/32", "2001:db8::7/64", "::/0", "2001:db8::1/128"}) {
    EXPECT_EQ(format(prefix(text)), text);
  }
}

TEST(Prefix, RefusesEveryOtherText) {
  for (const char* text :
       {"",
        "/",
        "/24",
        "192.0.2.1",
        "192.0.2.1/",
        "192.0.2.1/33",
        "192.0.2.1/-1",
        "192.0.2.1/+1",
        "192.0.2.1/024",
        "192.0.2.1/24 ",
        "192.0.2.1/2x",
        "192.0.2.1/24/24",
        "2001:db8::/129",
        "2001:db8::/1280",
        "192.0.2.1/255.255.255.0",
        "192.0.2.1/256"}) {
    EXPECT_FALSE(parse_prefix(text)) << '"' << text << '"';
  }
}

TEST(Prefix, ContainsExactlyWhatSharesItsFirstBits) {
  for (const char* base : {"203.0.113.170", "2001:db8:a5a5:5a5a:c3c3:3c3c:9669:6996"}) {
    const IpAddress address = ip(base);
    const unsigned size = address.is_v4() ? 32 : 128;
    const std::size_t first_octet = address.is_v4() ? 12 : 0;
    for (unsigned length = 0; length <= size; ++length) {
      const IpPrefix tested{address, static_cast<std::uint8_t>(length)};
      EXPECT_TRUE(tested.contains(address));
      for (unsigned bit = 0; bit < size; ++bit) {
        auto octets = address.octets();
        octets[first_octet + bit / 8] ^= static_cast<std::uint8_t>(0x80U >> (bit % 8));
        EXPECT_EQ(tested.contains(IpAddress{Ipv6Address{octets}}), bit >= length)
            << format(tested) << " bit " << bit;
      }
    }
  }
}

TEST(Prefix, NeverContainsTheOtherFamily) {
  EXPECT_FALSE(prefix("::/0").contains(ip("192.0.2.1")));
  EXPECT_FALSE(prefix("0.0.0.0/0").contains(ip("::1")));
  EXPECT_TRUE(prefix("0.0.0.0/0").contains(ip("255.0.2.1")));
  EXPECT_TRUE(prefix("::/0").contains(ip("ff02::1")));
}

}  // namespace
}  // namespace weft
