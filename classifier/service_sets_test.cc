#include "classifier/service_sets.h"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

namespace weft::classifier {
namespace {

constexpr std::uint8_t kTcp = 6;

Service ports(std::uint16_t first, std::uint16_t last, std::uint8_t protocol = kTcp) {
  Service service;
  service.any_protocol = false;
  service.protocol = protocol;
  service.first_port = first;
  service.last_port = last;
  return service;
}
Service icmp_type(std::uint8_t type) {
  Service service = ports(0, 65535, 1);
  service.any_icmp_type = false;
  service.icmp_type = type;
  return service;
}
std::uint32_t key(std::uint8_t protocol, std::uint16_t point) {
  return ServicePoint{protocol, point}.key();
}

std::vector<ServiceInterval> ranked(const std::vector<Service>& services) {
  std::vector<ServiceInterval> intervals;
  for (const Service& service : services) {
    intervals.push_back(service_interval(service, static_cast<Rank>(intervals.size())));
  }
  return intervals;
}

Rank slow_find(const std::vector<ServiceInterval>& rules, std::uint32_t key) {
  for (const ServiceInterval& rule : rules) {
    if (rule.first <= key && key <= rule.last) return rule.rank;
  }
  return kNoRank;
}

TEST(ServiceSets, TheEmptySetDecidesNothing) {
  ServiceSets sets;
  EXPECT_EQ(sets.add({}), ServiceSets::kEmpty);
  EXPECT_EQ(sets.find(ServiceSets::kEmpty, key(kTcp, 80)), kNoRank);
}

TEST(ServiceSets, ARangeHoldsBothItsEnds) {
  ServiceSets sets;
  const auto id = sets.add(ranked({ports(80, 90), ports(65535, 65535), icmp_type(8)}));
  EXPECT_EQ(sets.find(id, key(kTcp, 79)), kNoRank);
  EXPECT_EQ(sets.find(id, key(kTcp, 80)), 0U);
  EXPECT_EQ(sets.find(id, key(kTcp, 90)), 0U);
  EXPECT_EQ(sets.find(id, key(kTcp, 91)), kNoRank);
  EXPECT_EQ(sets.find(id, key(kTcp, 65535)), 1U);
  EXPECT_EQ(sets.find(id, key(1, 8)), 2U);
  EXPECT_EQ(sets.find(id, key(1, 0)), kNoRank);
  EXPECT_EQ(sets.find(id, key(17, 80)), kNoRank);
}

TEST(ServiceSets, AnyProtocolAndAnyPortHoldTheEdgesOfTheSpace) {
  ServiceSets sets;
  const auto tcp = sets.add(ranked({ports(0, 65535)}));
  EXPECT_EQ(sets.find(tcp, key(kTcp, 0)), 0U);
  EXPECT_EQ(sets.find(tcp, key(kTcp, 65535)), 0U);
  EXPECT_EQ(sets.find(tcp, key(kTcp - 1, 65535)), kNoRank);
  EXPECT_EQ(sets.find(tcp, key(kTcp + 1, 0)), kNoRank);
  const auto any = sets.add(ranked({Service{}}));
  EXPECT_EQ(sets.find(any, key(0, 0)), 0U);
  EXPECT_EQ(sets.find(any, key(255, 65535)), 0U);
}

TEST(ServiceSets, AManyRuleSetThatOneRuleCoversIsSmall) {
  ServiceSets sets;
  std::vector<Service> services(50, ports(80, 80));
  services.insert(services.begin(), Service{});
  const std::size_t before = sets.octets();
  const auto id = sets.add(ranked(services));
  EXPECT_LE(sets.octets() - before, 2 * kCacheLine);
  EXPECT_EQ(sets.find(id, key(kTcp, 80)), 0U);
  EXPECT_EQ(sets.find(id, key(255, 65535)), 0U);
}

TEST(ServiceSets, AgreesWithALinearSearchWithinItsLines) {
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random{seed};
  ServiceSets sets;
  const std::uint8_t protocols[] = {kTcp, 17, 132};
  const std::uint16_t edges[] = {0, 1, 63, 64, 255, 256, 1023, 65534, 65535};
  const auto port = [&] {
    return random() % 2 == 0 ? edges[random() % std::size(edges)]
                             : static_cast<std::uint16_t>(random());
  };
  for (int round = 0; round < 400; ++round) {
    std::vector<Service> services;
    for (auto i = random() % (round % 4 == 0 ? 200 : 14); i > 0; --i) {
      const auto kind = random() % 12;
      const std::uint8_t protocol = protocols[random() % 3];
      const auto [first, last] = std::minmax({port(), port()});
      if (kind == 0) {
        services.emplace_back();
      } else if (kind == 1) {
        services.push_back(ports(0, 65535, static_cast<std::uint8_t>(random())));
      } else if (kind == 2) {
        services.push_back(icmp_type(static_cast<std::uint8_t>(random())));
      } else {
        services.push_back(ports(first, kind == 3 ? first : last, protocol));
      }
    }
    const auto rules = ranked(services);
    const auto id = sets.add(rules);
    for (int i = 0; i < 500; ++i) {
      const std::uint32_t probe = random() % 8 == 0
                                      ? key(static_cast<std::uint8_t>(random()), port())
                                      : key(protocols[random() % 3], port());
      unsigned lines = 0;
      ASSERT_EQ(sets.find(id, probe, [&lines](const void*) { ++lines; }), slow_find(rules, probe));
      ASSERT_LE(lines, ServiceSets::kMaxLines);
    }
  }
}

}  // namespace
}  // namespace weft::classifier
