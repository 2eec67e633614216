#include "control/connector/wish.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft::connector {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

Outcome<Wish> read(const Json& config, const std::string& args = "", const Network& network = {}) {
  Environment environment;
  environment.args = args;
  return read_wish(config, network, environment);
}

Wish wish(const Json& config, const std::string& args = "", const Network& network = {}) {
  const auto read_one = read(config, args, network);
  EXPECT_TRUE(read_one) << (read_one ? "" : read_one.error().message);
  return read_one ? read_one.value() : Wish{};
}

Json mesos(const Json& info) {
  return {{"args", {{"org.apache.mesos", {{"network_info", info}}}}}};
}

std::vector<std::string> texts(const Wish& wished) {
  std::vector<std::string> found;
  for (const auto& [address, length] : wished.addresses) {
    found.push_back(length ? format(IpPrefix{address, *length}) : format(address));
  }
  return found;
}

// mesos-cni reference s2.12: runtimeConfig > args.cni > args["org.apache.mesos"] > CNI_ARGS > config.
TEST(Wish, OfSeveralWhoAskForAddressesTheFirstCounts) {
  Network network;
  network.addresses = {*parse_prefix("10.0.0.5/24")};
  Json config = Json::object();
  EXPECT_THAT(texts(wish(config, "", network)), ElementsAre("10.0.0.5/24"));
  EXPECT_THAT(texts(wish(config, "IP=10.0.0.4/24", network)), ElementsAre("10.0.0.4/24"));
  config = mesos({{"ip_addresses", {{{"ip_address", "10.0.0.3"}, {"protocol", "IPv4"}}}}});
  EXPECT_THAT(texts(wish(config, "IP=10.0.0.4/24", network)), ElementsAre("10.0.0.3"));
  EXPECT_FALSE(wish(config).is_known_to_ipam);
  config["args"]["cni"] = {{"ips", {"10.0.0.2/24", "fd00::2/64"}}};
  EXPECT_THAT(texts(wish(config, "", network)), ElementsAre("10.0.0.2/24", "fd00::2/64"));
  config["runtimeConfig"] = {{"ips", {"10.0.0.1/24"}}};
  EXPECT_THAT(texts(wish(config, "IP=10.0.0.4/24", network)), ElementsAre("10.0.0.1/24"));
  EXPECT_TRUE(wish(config).is_known_to_ipam);
}

TEST(Wish, KeysAreFoundInAnyCase) {
  const Json config{
      {"runtimeConfig",
       {{"Bandwidth",
         {{"IngressRate", 8'000'000},
          {"IngressBurst", 800'000},
          {"EgressRate", 4'000'000},
          {"EgressBurst", 400'000}}},
        {"IPs", {"10.0.0.1/24"}},
        {"DNS", {{"Servers", {"10.0.0.53"}}, {"Searches", nullptr}, {"Options", nullptr}}},
        {"MAC", "02:00:00:00:00:01"},
        {"PortMappings", nullptr}}}};
  const Wish found = wish(config);
  // Bursts come in bits and are kept in octets.
  EXPECT_EQ(found.bandwidth.ingress_rate, 8'000'000U);
  EXPECT_EQ(found.bandwidth.ingress_burst, 100'000U);
  EXPECT_EQ(found.bandwidth.egress_rate, 4'000'000U);
  EXPECT_EQ(found.bandwidth.egress_burst, 50'000U);
  EXPECT_THAT(texts(found), ElementsAre("10.0.0.1/24"));
  EXPECT_EQ(found.dns, Json({{"nameservers", {"10.0.0.53"}}}));
  EXPECT_EQ(found.mac, parse_mac("02:00:00:00:00:01"));
}

TEST(Wish, BandwidthThatMakesNoSenseIsRefused) {
  const Json wrong[] = {
      {{"ingressBurst", 1000}},
      {{"egressRate", -1}},
      {{"egressRate", "1M"}},
      {{"egressRate", 1.5}},
      {{"ingressRate", 1000}, {"ingressBurst", 34'359'738'369U}},
      5};
  for (const Json& bandwidth : wrong) {
    const auto refused = read({{"runtimeConfig", {{"bandwidth", bandwidth}}}});
    ASSERT_FALSE(refused) << bandwidth;
    EXPECT_THAT(refused.error().message, HasSubstr("runtimeConfig.bandwidth"));
  }
  EXPECT_FALSE(wish({{"runtimeConfig", {{"bandwidth", Json::object()}}}}).bandwidth.is_limited());
}

TEST(Wish, PortMappingsAreRefusedUnlessThereAreNone) {
  const Json mapping{{"hostPort", 8080}, {"containerPort", 80}};
  for (const Json& config :
       {Json{{"runtimeConfig", {{"portMappings", Json::array({mapping})}}}},
        mesos({{"port_mappings", Json::array({mapping})}})}) {
    const auto refused = read(config);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ProblemCode::unsupported_field);
    // CNI 1.1.0, "Error": code 2 names key and value.
    EXPECT_THAT(refused.error().message, HasSubstr("8080"));
  }
  wish({{"runtimeConfig", {{"portMappings", Json::array()}}}});
}

TEST(Wish, TheAddressSaysItsFamilyAndNotTheProtocolBesideIt) {
  const Wish found = wish(mesos(
      {{"ip_addresses",
        {{{"ip_address", "fd00::5"}, {"protocol", "IPv4"}},
         {{"protocol", "IPv6"}},
         Json::object()}}}
  ));
  EXPECT_THAT(texts(found), ElementsAre("fd00::5"));
  EXPECT_THAT(found.families, ElementsAre(IpFamily::v6, IpFamily::v4));
  EXPECT_TRUE(found.is_mesos);
  EXPECT_FALSE(wish(Json::object()).is_mesos);
}

TEST(Wish, GroupsAddUpAndTheOperatorsLabelsWin) {
  Network network;
  network.groups = {"prod"};
  network.labels = {{"tier", "gold"}};
  Json config = mesos({
      {"groups", {"star-1", "prod"}},
      {"labels", {{"labels", {{{"key", "tier"}, {"value", "free"}}, {{"key", "novalue"}}}}}},
  });
  config["args"]["cni"] = {{"labels", {{{"key", "app"}, {"value", "web"}}}}};
  const Wish found = wish(config, "", network);
  EXPECT_THAT(found.groups, ElementsAre("prod", "star-1"));
  EXPECT_THAT(
      found.labels,
      UnorderedElementsAre(Pair("tier", "gold"), Pair("novalue", ""), Pair("app", "web"))
  );
}

TEST(Wish, NobodyForgesOurLabels) {
  const Json list = Json::array({{{"key", "weft.cni/network"}, {"value", "other"}}});
  for (const Json& config :
       {Json{{"args", {{"cni", {{"labels", list}}}}}}, mesos({{"labels", {{"labels", list}}}})}) {
    const auto refused = read(config);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("weft.cni/network"));
  }
}

TEST(Wish, UnknownArgsNeedLeave) {
  EXPECT_FALSE(read(Json::object(), "K8S_POD_NAME=web"));
  EXPECT_FALSE(read(Json::object(), "K8S_POD_NAME=web;IgnoreUnknown=0"));
  EXPECT_TRUE(read(Json::object(), "K8S_POD_NAME=web;IgnoreUnknown=1"));
  EXPECT_TRUE(read(Json::object(), "IP=10.0.0.1/8"));
}

TEST(Wish, WhatIsNoAddressIsRefusedWithItsPlace) {
  EXPECT_THAT(
      read({{"runtimeConfig", {{"ips", {"10.0.0"}}}}}).error().message,
      HasSubstr("runtimeConfig.ips")
  );
  EXPECT_THAT(
      read({{"runtimeConfig", {{"mac", "02:00"}}}}).error().message, HasSubstr("runtimeConfig.mac")
  );
  EXPECT_THAT(read(Json::object(), "IP=x").error().message, HasSubstr("CNI_ARGS.IP"));
  EXPECT_THAT(
      read(mesos({{"ip_addresses", {{{"protocol", "IPX"}}}}})).error().message, HasSubstr("IPX")
  );
}

TEST(Wish, TheRuntimesDnsComesBeforeTheOperators) {
  Network network;
  network.dns = {{"nameservers", {"10.0.0.1"}}};
  EXPECT_EQ(wish(Json::object(), "", network).dns, network.dns);
  const Json config{{"runtimeConfig", {{"dns", {{"servers", {"10.0.0.2"}}}}}}};
  EXPECT_EQ(wish(config, "", network).dns, Json({{"nameservers", {"10.0.0.2"}}}));
}

}  // namespace
}  // namespace weft::connector
