#include "control/connector/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft::connector {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

Json base() {
  return {{"cniVersion", "1.0.0"}, {"name", "shop"}, {"type", "weft-cni"}};
}

Problem refusal(const Json& change) {
  Json config = base();
  config.update(change);
  const auto basics = read_basics(config);
  if (!basics) return basics.error();
  const auto network = read_network(config, basics.value());
  if (!network) return network.error();
  ADD_FAILURE() << config << " is not refused";
  return {};
}

Network network(const Json& change) {
  Json config = base();
  config.update(change);
  const auto basics = read_basics(config);
  EXPECT_TRUE(basics);
  const auto read = read_network(config, basics.value());
  EXPECT_TRUE(read) << (read ? "" : read.error().message);
  return read ? read.value() : Network{};
}

TEST(Config, WhatIsNoObjectIsNotDecoded) {
  for (const char* text : {"", "{", "[]", "5", "\"x\"", "null", "{} x"}) {
    const auto config = parse_config(text);
    ASSERT_FALSE(config) << text;
    EXPECT_EQ(config.error().code, ProblemCode::not_json) << text;
  }
}

TEST(Config, VersionsAreThoseOfTheSpecification) {
  Json config = base();
  for (const char* version : {"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"}) {
    config["cniVersion"] = version;
    const auto basics = read_basics(config);
    ASSERT_TRUE(basics) << version;
    EXPECT_EQ(format(basics->version), version);
  }
  config.erase("cniVersion");
  EXPECT_EQ(read_basics(config)->version, SpecVersion::v0_1_0);
  config["cniVersion"] = "";
  EXPECT_EQ(read_basics(config)->version, SpecVersion::v0_1_0);
  for (const char* version : {"0.5.0", "1.2.0", "2.0.0", "1.0", "v1.0.0"}) {
    EXPECT_EQ(refusal({{"cniVersion", version}}).code, ProblemCode::incompatible_version);
  }
  EXPECT_EQ(refusal({{"cniVersion", 1}}).code, ProblemCode::bad_config);
}

TEST(Config, NamesOfNetworks) {
  for (const Json& name :
       {Json(""), Json("-a"), Json("a/b"), Json(5), Json(std::string(129, 'a'))}) {
    const Problem problem = refusal({{"name", name}});
    EXPECT_EQ(problem.code, ProblemCode::bad_config);
    EXPECT_THAT(problem.message, HasSubstr("config.name"));
  }
}

TEST(Config, Defaults) {
  const auto basics = read_basics(base());
  ASSERT_TRUE(basics);
  EXPECT_EQ(basics->socket, "/run/weft/weft.sock");
  EXPECT_EQ(basics->state_dir, "/var/lib/weft/cni");
  EXPECT_EQ(basics->timeout, std::chrono::seconds{30});
  const Network plain = network(Json::object());
  EXPECT_EQ(plain.segment, "shop");
  EXPECT_EQ(plain.kind, "tap");
  EXPECT_EQ(plain.mtu, 0U);
  EXPECT_FALSE(plain.default_route.has_value());
  EXPECT_TRUE(plain.dns.is_null());
}

TEST(Config, EveryKeyIsRead) {
  const Network read = network({
      {"segment", "blue"},
      {"kind", "veth"},
      {"mtu", 1400},
      {"groups", {"web"}},
      {"labels", {{"app", "shop"}}},
      {"addresses", {"10.1.0.5/24"}},
      {"subnets", {"10.1.0.0/24"}},
      {"gateway", {"10.1.0.254", "fd00::fe"}},
      {"routes", {{{"dst", "192.0.2.0/24"}}, {{"dst", "::/0"}, {"gw", "fd00::1"}}}},
      {"defaultRoute", false},
      {"dns", {{"nameservers", {"10.1.0.53"}}, {"domain", ""}, {"search", Json::array()}}},
  });
  EXPECT_EQ(read.segment, "blue");
  EXPECT_EQ(read.kind, "veth");
  EXPECT_EQ(read.mtu, 1400U);
  EXPECT_THAT(read.groups, ElementsAre("web"));
  EXPECT_THAT(read.labels, UnorderedElementsAre(Pair("app", "shop")));
  EXPECT_THAT(read.addresses, ElementsAre(*parse_prefix("10.1.0.5/24")));
  EXPECT_THAT(read.subnets, ElementsAre(*parse_prefix("10.1.0.0/24")));
  EXPECT_THAT(read.gateways, ElementsAre(*parse_ip("10.1.0.254"), *parse_ip("fd00::fe")));
  ASSERT_EQ(read.routes.size(), 2U);
  EXPECT_FALSE(read.routes[0].gateway.has_value());
  EXPECT_EQ(read.routes[1].gateway, parse_ip("fd00::1"));
  EXPECT_EQ(read.default_route, false);
  EXPECT_EQ(read.dns, Json({{"nameservers", {"10.1.0.53"}}}));
  EXPECT_THAT(network({{"gateway", "10.1.0.1"}}).gateways, ElementsAre(*parse_ip("10.1.0.1")));
}

TEST(Config, AWrongValueIsRefusedByItsName) {
  const std::pair<const char*, Json> wrong[] = {
      {"socket", 5},
      {"stateDir", "relative"},
      {"timeout_s", 0},
      {"timeout_s", 60},
      {"timeout_s", "30"},
      {"timeout_s", 1.5},
      {"segment", Json::array()},
      {"kind", "bridge"},
      {"mtu", 67},
      {"mtu", 65536},
      {"mtu", -1},
      {"mtu", "1500"},
      {"groups", "web"},
      {"groups", {5}},
      {"labels", "app"},
      {"labels", {{"app", 5}}},
      {"labels", {{"weft.cni/network", "x"}}},
      {"addresses", {"10.1.0.5"}},
      {"subnets", {"10.1.0.0/33"}},
      {"gateway", "10.1.0.0/24"},
      {"gateway", 5},
      {"routes", {{{"gw", "10.1.0.1"}}}},
      {"routes", {{{"dst", "10.0.0.0/8"}, {"gw", "fd00::1"}}}},
      {"defaultRoute", "yes"},
      {"ipam", "host-local"},
      {"ipam", {{"type", "../host-local"}}},
      {"dns", {{"nameservers", "10.1.0.53"}}},
      {"gcScope", 5},
  };
  for (const auto& [key, value] : wrong) {
    const Problem problem = refusal({{key, value}});
    EXPECT_EQ(problem.code, ProblemCode::bad_config) << key << value;
    EXPECT_THAT(problem.message, HasSubstr(std::string{"config."} + key)) << value;
  }
  const Problem problem = refusal({{"ipMasq", true}});
  EXPECT_EQ(problem.code, ProblemCode::unsupported_field);
  EXPECT_THAT(problem.message, HasSubstr("ipMasq: true"));
}

TEST(Config, OtherPeoplesKeysAreLetThrough) {
  EXPECT_EQ(
      network({{"capabilities", {{"ips", true}}}, {"example.org/x", 1}, {"ipMasq", false}}).kind,
      "tap"
  );
}

TEST(Config, BasicsCanBeHadFromAFileThatIsWrongElsewhere) {
  Json config = base();
  config.update({{"mtu", "x"}, {"timeout_s", "x"}, {"socket", 5}, {"ipam", 5}, {"kind", 1}});
  const auto basics = read_basics(config);
  ASSERT_TRUE(basics);
  EXPECT_EQ(basics->socket, "/run/weft/weft.sock");
  EXPECT_EQ(basics->timeout, std::chrono::seconds{30});
}

}  // namespace
}  // namespace weft::connector
