// The expected shapes are written by hand from the text of each version of the specification.
#include "control/connector/result.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft::connector {
namespace {

using ::testing::HasSubstr;

Made sample() {
  Made made;
  made.interfaces = {{"eth0", "02:00:00:00:00:01", "/run/netns/c1", 1450}};
  made.addresses = {
      {*parse_prefix("10.1.0.5/24"), parse_ip("10.1.0.254"), 0},
      {*parse_prefix("fd00::5/64"), std::nullopt, 0}};
  made.routes = {{*parse_prefix("0.0.0.0/0"), parse_ip("10.1.0.254")}};
  made.dns = {{"nameservers", {"10.1.0.53"}}};
  return made;
}

Json shape(SpecVersion version, bool is_mesos = false) {
  return format_result(sample(), version, is_mesos, nullptr);
}

// SPEC.md of 0.1.0 and 0.2.0, "Result".
TEST(Result, TheOldestHaveOneAddressOfEachFamily) {
  const Json expected = Json::parse(R"({
    "cniVersion": "0.2.0",
    "ip4": {"ip": "10.1.0.5/24", "gateway": "10.1.0.254",
            "routes": [{"dst": "0.0.0.0/0", "gw": "10.1.0.254"}]},
    "ip6": {"ip": "fd00::5/64"},
    "dns": {"nameservers": ["10.1.0.53"]}})");
  EXPECT_EQ(shape(SpecVersion::v0_2_0), expected);
}

// SPEC.md of 0.3.0 to 0.4.0, "Result": ips[].version.
TEST(Result, ThenListsThatNameTheFamily) {
  const Json expected = Json::parse(R"({
    "cniVersion": "0.3.1",
    "interfaces": [{"name": "eth0", "mac": "02:00:00:00:00:01", "sandbox": "/run/netns/c1"}],
    "ips": [{"version": "4", "address": "10.1.0.5/24", "gateway": "10.1.0.254", "interface": 0},
            {"version": "6", "address": "fd00::5/64", "interface": 0}],
    "routes": [{"dst": "0.0.0.0/0", "gw": "10.1.0.254"}],
    "dns": {"nameservers": ["10.1.0.53"]}})");
  EXPECT_EQ(shape(SpecVersion::v0_3_1), expected);
}

// SPEC.md of 1.0.0 and 1.1.0, "Success".
TEST(Result, ThenWithoutTheFamilyAndAtLastWithTheMtu) {
  Json expected = Json::parse(R"({
    "cniVersion": "1.0.0",
    "interfaces": [{"name": "eth0", "mac": "02:00:00:00:00:01", "sandbox": "/run/netns/c1"}],
    "ips": [{"address": "10.1.0.5/24", "gateway": "10.1.0.254", "interface": 0},
            {"address": "fd00::5/64", "interface": 0}],
    "routes": [{"dst": "0.0.0.0/0", "gw": "10.1.0.254"}],
    "dns": {"nameservers": ["10.1.0.53"]}})");
  EXPECT_EQ(shape(SpecVersion::v1_0_0), expected);
  expected["cniVersion"] = "1.1.0";
  expected["interfaces"][0]["mtu"] = 1450;
  EXPECT_EQ(shape(SpecVersion::v1_1_0), expected);
}

TEST(Result, MesosHasBothShapes) {
  Json expected = shape(SpecVersion::v1_0_0);
  expected["ip4"] = shape(SpecVersion::v0_1_0)["ip4"];
  expected["ip6"] = shape(SpecVersion::v0_1_0)["ip6"];
  EXPECT_EQ(shape(SpecVersion::v1_0_0, true), expected);
}

TEST(Result, WhatIsEmptyIsLeftOut) {
  Made made = sample();
  made.routes.clear();
  made.dns = nullptr;
  made.addresses.pop_back();
  const Json newest = format_result(made, SpecVersion::v1_1_0, false, nullptr);
  EXPECT_FALSE(newest.contains("routes"));
  EXPECT_FALSE(newest.contains("dns"));
  EXPECT_EQ(
      format_result(made, SpecVersion::v0_1_0, false, nullptr),
      Json::parse(
          R"({"cniVersion": "0.1.0", "ip4": {"ip": "10.1.0.5/24", "gateway": "10.1.0.254"}})"
      )
  );
}

TEST(Result, OursComesBehindThePreviousOne) {
  const Json previous = Json::parse(R"({
    "cniVersion": "1.0.0", "interfaces": [{"name": "lo"}, {"name": "tap0"}],
    "ips": [{"address": "127.0.0.1/8", "interface": 0}], "x": 1})");
  const Json json = format_result(sample(), SpecVersion::v1_0_0, false, &previous);
  ASSERT_EQ(json["interfaces"].size(), 3U);
  EXPECT_EQ(json["interfaces"][2]["name"], "eth0");
  EXPECT_EQ(json["ips"][0], previous["ips"][0]);
  EXPECT_EQ(json["ips"][1]["interface"], 2);
  EXPECT_EQ(json["x"], 1);
}

TEST(Result, EveryShapeIsReadBack) {
  for (const SpecVersion version : kVersions) {
    for (const bool is_mesos : {false, true}) {
      const auto made = parse_result(shape(version, is_mesos));
      ASSERT_TRUE(made) << format(version);
      ASSERT_EQ(made->addresses.size(), 2U) << format(version);
      EXPECT_EQ(made->addresses[0].address, *parse_prefix("10.1.0.5/24"));
      EXPECT_EQ(made->addresses[0].gateway, parse_ip("10.1.0.254"));
      EXPECT_EQ(made->routes, sample().routes) << format(version);
      EXPECT_EQ(made->dns, sample().dns);
    }
  }
}

TEST(Result, WhatIsNoResultIsRefusedWithItsPlace) {
  const std::pair<const char*, const char*> wrong[] = {
      {R"([])", "result"},
      {R"({"ips": {}})", "ips"},
      {R"({"ips": [{"address": "10.1.0.5"}]})", "address"},
      {R"({"ip4": [1]})", "ip4"},
      {R"({"ip4": {"gateway": "10.1.0.1"}})", "ip"},
      {R"({"ips": [], "routes": [{"gw": "10.1.0.1"}]})", "dst"},
      {R"({"ips": [{"address": "10.1.0.5/24", "gateway": "x"}]})", "gateway"},
  };
  for (const auto& [text, place] : wrong) {
    const auto refused = parse_result(Json::parse(text));
    ASSERT_FALSE(refused) << text;
    EXPECT_THAT(refused.error().message, HasSubstr(place));
  }
  EXPECT_FALSE(parse_result(Json::parse("x", nullptr, false)));
  EXPECT_TRUE(parse_result(Json::object()));
}

}  // namespace
}  // namespace weft::connector
