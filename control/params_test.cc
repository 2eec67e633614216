#include "control/params.h"

#include <string>

#include <gtest/gtest.h>

namespace weft::control {
namespace {

Json json(const std::string& text) {
  return Json::parse(text);
}

template <typename T>
std::string message(const Outcome<T>& outcome) {
  return outcome ? "accepted" : outcome.error().message;
}
template <typename T>
std::string field(const Outcome<T>& outcome) {
  return outcome ? "accepted" : outcome.error().field;
}

constexpr const char* kSegment =
    R"({"name":"blue","tenant":"acme","vni":5001,"local_vtep":"192.0.2.1"})";

/// kSegment with one field replaced or added.
Json segment_with(const std::string& name, const std::string& value) {
  Json result = json(kSegment);
  result[name] = json(value);
  return result;
}

TEST(Params, NamesTheUnknownField) {
  const auto outcome = parse_tenant(json(R"({"name":"a","nmae":1})"));
  EXPECT_EQ(message(outcome), "tenant.nmae: there is no such parameter");
  EXPECT_EQ(field(outcome), "nmae");
}

TEST(Params, NamesTheMissingField) {
  EXPECT_EQ(message(parse_tenant(json("{}"))), "tenant.name: is required");
  EXPECT_EQ(message(parse_port(json(R"({"name":"a"})"))), "port.device: is required");
  EXPECT_EQ(
      message(parse_segment(json(R"({"name":"a","tenant":"t"})"))),
      "segment.vni: is required unless encap is \"none\""
  );
}

TEST(Params, RefusesBadNames) {
  for (const char* name : {"", "-a", ".a", "a b", "a/b", "\u00e4"}) {
    EXPECT_FALSE(parse_tenant(Json{{"name", name}})) << name;
  }
  EXPECT_TRUE(parse_tenant(Json{{"name", std::string(63, 'a')}}));
  EXPECT_FALSE(parse_tenant(Json{{"name", std::string(64, 'a')}}));
  EXPECT_FALSE(parse_tenant(json(R"({"name":"a\u0000b"})")));
}

TEST(Params, NamesValueAndLimitOfNumbers) {
  EXPECT_EQ(
      message(parse_segment(segment_with("vni", "16777216"))),
      "segment.vni: 16777216 is above the limit 16777215"
  );
  EXPECT_EQ(
      message(parse_segment(segment_with("vni", "-1"))), "segment.vni: -1 is below the limit 0"
  );
  EXPECT_EQ(
      message(parse_segment(segment_with("vni", "18446744073709551615"))),
      "segment.vni: 18446744073709551615 is above the limit 16777215"
  );
  EXPECT_EQ(
      message(parse_segment(segment_with("vni", "1.5"))), "segment.vni: 1.5 is not an integer"
  );
  EXPECT_EQ(
      message(parse_segment(segment_with("vni", "\"7\""))), "segment.vni: \"7\" is not an integer"
  );
  EXPECT_EQ(
      message(parse_segment(segment_with("ttl", "0"))), "segment.ttl: 0 is below the limit 1"
  );
  EXPECT_EQ(
      message(parse_segment(segment_with("dscp", "64"))), "segment.dscp: 64 is above the limit 63"
  );
  EXPECT_EQ(
      message(parse_segment(segment_with("mtu", "67"))), "segment.mtu: 67 is below the limit 68"
  );
  EXPECT_TRUE(parse_segment(segment_with("mtu", "0")));
}

TEST(Params, ListsTheWords) {
  EXPECT_EQ(
      message(parse_segment(segment_with("encap", "\"geneve\""))),
      "segment.encap: \"geneve\" is none of vxlan, nvgre, none"
  );
  EXPECT_EQ(
      message(parse_segment(segment_with("dscp_mode", "\"x\""))),
      "segment.dscp_mode: \"x\" is none of uniform, pipe, fixed"
  );
}

TEST(Params, RefusesWrongTypes) {
  EXPECT_EQ(
      message(parse_segment(segment_with("learn", "1"))),
      "segment.learn: 1 is neither true nor false"
  );
  EXPECT_EQ(
      message(parse_segment(segment_with("subnets", "{}"))),
      "segment.subnets: an object is not an array"
  );
  EXPECT_EQ(field(parse_segment(segment_with("subnets", R"(["10.0.0.0/8", 5])"))), "subnets[1]");
  EXPECT_FALSE(parse_tenant(json("[]")));
  EXPECT_FALSE(parse_tenant(json("null")));
}

// RFC 7637 s3.3 and s3.4.
TEST(Params, RefusesReservedVsidsAndKeptTagsForNvgreOnly) {
  Json nvgre = segment_with("encap", "\"nvgre\"");
  EXPECT_TRUE(parse_segment(nvgre));
  nvgre["vni"] = 4095;
  EXPECT_EQ(
      message(parse_segment(nvgre)),
      "segment.vni: 4095 is reserved: nvgre may use 4096 to 16777214 (RFC 7637 s3.4)"
  );
  nvgre["vni"] = 16777215;
  EXPECT_EQ(field(parse_segment(nvgre)), "vni");
  nvgre["vni"] = 5001;
  nvgre["inner_vlan"] = "keep";
  EXPECT_EQ(field(parse_segment(nvgre)), "inner_vlan");
  EXPECT_TRUE(parse_segment(segment_with("vni", "0")));
  EXPECT_TRUE(parse_segment(segment_with("inner_vlan", "\"keep\"")));
}

TEST(Params, LocalSegmentHasNoTransport) {
  EXPECT_TRUE(parse_segment(json(R"({"name":"a","tenant":"t","encap":"none"})")));
  EXPECT_EQ(
      message(parse_segment(segment_with("encap", "\"none\""))),
      "segment.vni: a segment with encap \"none\" is local and has none"
  );
}

TEST(Params, SegmentChangeKeepsWhatItDoesNotName) {
  SegmentConfig current = *parse_segment(segment_with("ttl", "9"));
  const auto changed = parse_segment_change(json(R"({"name":"blue","encap":"nvgre"})"), current);
  ASSERT_TRUE(changed) << message(changed);
  current.encap = encap::Kind::nvgre;
  EXPECT_EQ(*changed, current);
  EXPECT_EQ(
      field(parse_segment_change(json(R"({"name":"blue","tenant":"other"})"), current)), "tenant"
  );
}

TEST(Params, NamesTheElementOfAList) {
  const auto outcome = parse_remote(json(
      R"({"segment":"blue","vtep":"192.0.2.2","endpoints":[{"mac":"02:00:00:00:00:01"},{"mac":"ff:00:00:00:00:01"}]})"
  ));
  EXPECT_EQ(field(outcome), "endpoints[1].mac");
  EXPECT_EQ(
      message(outcome),
      "remote.endpoints[1].mac: \"ff:00:00:00:00:01\" is a group address, not an interface's"
  );
}

TEST(Params, RefusesAddressesThatNoHostHas) {
  for (const char* address : {"0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "ff02::1"}) {
    const Json remote{{"segment", "blue"}, {"vtep", address}};
    EXPECT_EQ(field(parse_remote(remote)), "vtep") << address;
    const Json port{{"name", "a"}, {"device", "d"}, {"addresses", {address}}};
    EXPECT_EQ(field(parse_port(port)), "addresses") << address;
  }
}

TEST(Params, GatewayMustBeOnLink) {
  const auto outcome = parse_port(
      json(R"({"name":"a","device":"d","addresses":["192.0.2.1/24"],"gateways":["198.51.100.1"]})")
  );
  EXPECT_EQ(message(outcome), "port.gateways: 198.51.100.1 is in no prefix of `addresses`");
}

TEST(Params, PermanentNeighborsAreCompleteAndListedOnce) {
  const auto port = [](const std::string& neighbors) {
    return parse_port(json(R"({"name":"a","device":"d","neighbors":)" + neighbors + "}"));
  };
  EXPECT_EQ(field(port(R"([{"mac":"02:00:00:00:00:01"}])")), "neighbors[0].address");
  EXPECT_EQ(field(port(R"([{"address":"192.0.2.2"}])")), "neighbors[0].mac");
  const std::string one = R"({"address":"192.0.2.2","mac":"02:00:00:00:00:01"})";
  EXPECT_EQ(
      message(port("[" + one + "," + one + "]")),
      "port.neighbors[1].address: 192.0.2.2 is listed twice"
  );
  const auto config = port("[" + one + "]");
  ASSERT_TRUE(config);
  EXPECT_EQ(to_json(*config)["neighbors"], Json::parse("[" + one + "]"));
}

TEST(Params, EndpointNeedsOnePlace) {
  const auto attach = [](const std::string& more) {
    return parse_endpoint(json(R"({"container":"c1","segment":"blue")" + more + "}"));
  };
  EXPECT_EQ(message(attach("")), "endpoint.netns: is required, or pid, for a port of kind tap");
  EXPECT_EQ(field(attach(R"(,"netns":"/n","pid":5)")), "pid");
  EXPECT_EQ(field(attach(R"(,"netns":"relative")")), "netns");
  EXPECT_EQ(field(attach(R"(,"kind":"memif")")), "socket");
  EXPECT_EQ(field(attach(R"(,"kind":"memif","socket":"/s","netns":"/n")")), "netns");
  EXPECT_TRUE(attach(R"(,"pid":4711)"));
  EXPECT_TRUE(attach(R"(,"kind":"vhost-user","socket":"/s")"));
  EXPECT_EQ(
      message(attach(R"(,"kind":"ethdev")")),
      "endpoint.device: is required for a port of kind ethdev"
  );
  EXPECT_EQ(field(attach(R"(,"kind":"ethdev","device":"net_null0","socket":"/s")")), "socket");
  EXPECT_EQ(field(attach(R"(,"pid":4711,"device":"net_null0")")), "device");
  EXPECT_TRUE(attach(R"(,"kind":"ethdev","device":"net_null0")"));
}

TEST(Params, RefusesInterfaceNamesThatTheKernelRefuses) {
  for (const char* name : {"", ".", "..", "a/b", "a:b", "a b", "sixteencharacter"}) {
    const Json attach{{"container", "c"}, {"segment", "s"}, {"netns", "/n"}, {"ifname", name}};
    EXPECT_EQ(field(parse_endpoint(attach)), "ifname") << name;
  }
}

TEST(Params, LimitsEndpointAddresses) {
  Json attach{{"container", "c"}, {"segment", "s"}, {"netns", "/n"}};
  for (int i = 1; i <= 9; ++i) attach["addresses"].push_back("10.0.0." + std::to_string(i) + "/24");
  EXPECT_EQ(
      message(parse_endpoint(attach)), "endpoint.addresses: 9 elements are above the limit 8"
  );
  attach["addresses"] = {"10.0.0.1/24", "10.0.0.1/8"};
  EXPECT_EQ(message(parse_endpoint(attach)), "endpoint.addresses: 10.0.0.1 is listed twice");
}

TEST(Params, DerivesAStableLocalMac) {
  const MacAddress mac = derived_mac("c1", "eth0");
  EXPECT_EQ(mac, derived_mac("c1", "eth0"));
  EXPECT_EQ(format(mac).substr(0, 3), "02:");
  EXPECT_NE(mac, derived_mac("c1", "eth1"));
  EXPECT_NE(mac, derived_mac("c2", "eth0"));
}

TEST(Params, FormattingIsTheInverseOfParsing) {
  const Json port = json(
      R"({"name":"up0","device":"net_null0","addresses":["192.0.2.1/24","2001:db8::1/64"],"gateways":["192.0.2.254","2001:db8::2"],"mtu":9000,"queues":4})"
  );
  EXPECT_EQ(to_json(*parse_port(port)), port);
  const Json segment = json(
      R"({"name":"blue","tenant":"acme","encap":"vxlan","vni":5001,"local_vtep":"2001:db8::1","mtu":1400,"dscp_mode":"fixed","dscp":46,"ttl":3,"subnets":["10.1.0.0/24"],"unknown_unicast":"drop","inner_vlan":"keep","learn":false,"fdb_limit":7,"fdb_ageing_s":8,"suppress_neighbors":false,"mss_clamp":true,"udp6_checksum":true,"policy_default":"groups","agents":["10.1.0.254/32"]})"
  );
  EXPECT_EQ(to_json(*parse_segment(segment)), segment);
  const Json remote = json(
      R"({"segment":"blue","vtep":"192.0.2.2","endpoints":[{"mac":"02:00:00:00:00:09","addresses":["10.1.0.9"]}]})"
  );
  EXPECT_EQ(to_json(*parse_remote(remote)), remote);
  const Json endpoint = json(
      R"({"container":"c1","ifname":"eth1","segment":"blue","pid":5,"kind":"veth","mac":"02:00:00:00:00:01","addresses":["10.1.0.5/24","fd00::5/64"],"routes":[{"to":"0.0.0.0/0","via":"10.1.0.1"},{"to":"10.9.0.0/16"}],"mtu":1300,"anti_spoofing":false,"allow_dhcp":true,"bum_budget":{"broadcast":1,"multicast":2,"unknown_unicast":0}})"
  );
  EXPECT_EQ(to_json(*parse_endpoint(endpoint)), endpoint);
}

}  // namespace
}  // namespace weft::control
