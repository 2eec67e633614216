// Golden outputs from canned answers.
#include "control/cli/render.h"

#include <gtest/gtest.h>

namespace weft::cli {
namespace {

using Json = nlohmann::json;

const Json kPorts = Json::parse(R"({"ports":[
  {"port":0,"name":"up0","kind":"ethdev","role":"uplink","endpoint":null,"device":"af_packet:eth1",
   "driver":"net_af_packet","mac":"02:00:00:00:00:a1","mtu":1600,"link":"up","speed_mbps":10000,
   "rx_queues":1,"tx_queues":1,"owner_worker":null,"addresses":["192.0.2.1/24","2001:db8::1/64"],
   "uses":["one queue"],"falls_back":["no tunnel RSS: frames are handed over between workers"],
   "counters":{"rx_packets":1234,"rx_octets":123456,"tx_packets":99,"tx_octets":9900},
   "drops":{"unknown_vni":3,"bad_udp_checksum":1}},
  {"port":1,"name":"c1.eth0","kind":"tap","role":"container","endpoint":"c1/eth0","device":"eth0",
   "driver":"tap","mac":"02:00:00:00:00:01","mtu":1550,"link":"up","speed_mbps":0,
   "rx_queues":1,"tx_queues":1,"owner_worker":0,"addresses":["10.1.0.1/24"],"uses":[],
   "falls_back":[],
   "counters":{"rx_packets":18446744073709551615,"rx_octets":5,"tx_packets":7,"tx_octets":700},
   "drops":{}}]})");

Json only_port(std::size_t index) {
  return Json{{"ports", {kPorts["ports"][index]}}};
}

TEST(Render, ChangesLookLikeADiff) {
  const Json answer = Json::parse(R"({"generation":8,"changes":[
    {"action":"add","section":"tenants","name":"acme"},
    {"action":"change","section":"segments","name":"blue","fields":["ttl","learn"]},
    {"action":"replace","section":"endpoints","name":"c1/eth0","fields":["addresses"]},
    {"action":"remove","section":"remotes","name":"blue 192.0.2.2"}]})");
  EXPECT_EQ(
      render_changes(answer, {}),
      "+   tenants acme\n"
      "~   segments blue: ttl learn\n"
      "-/+ endpoints c1/eth0: addresses\n"
      "-   remotes blue 192.0.2.2\n"
      "generation 8\n"
  );
  EXPECT_EQ(
      render_changes(Json{{"generation", 8}, {"changes", Json::array()}}, {}),
      "no change\ngeneration 8\n"
  );
}

TEST(Render, PortStatsLookLikeTestpmd) {
  EXPECT_EQ(
      render_port_stats(only_port(0), {}),
      R"(
  ######################## NIC statistics for port 0  ########################
  Name: up0
  RX-packets:                 1234  RX-bytes:                 123456
  TX-packets:                   99  TX-bytes:                   9900
  Dropped:                       4
    bad_udp_checksum: 1
    unknown_vni: 3
  ############################################################################
)"
  );
}

TEST(Render, LargestCounterFits80Columns) {
  const std::string text = render_port_stats(only_port(1), {});
  EXPECT_NE(text.find("  RX-packets: 18446744073709551615  RX-bytes: "), std::string::npos) << text;
}

TEST(Render, PortInfoLooksLikeTestpmd) {
  EXPECT_EQ(
      render_port_info(only_port(0), {}),
      R"(
********************* Infos for port 0  *********************
Name: up0
Role: uplink (ethdev)
MAC address: 02:00:00:00:00:a1
Device name: af_packet:eth1
Driver name: net_af_packet
Link status: up
Link speed: 10 Gbps
MTU: 1600
RX queues: 1
TX queues: 1
Address: 192.0.2.1/24
Address: 2001:db8::1/64
Uses: one queue
Falls back: no tunnel RSS: frames are handed over between workers
)"
  );
  EXPECT_NE(render_port_info(only_port(1), {}).find("Endpoint: c1/eth0\n"), std::string::npos);
  EXPECT_NE(render_port_info(only_port(1), {}).find("Owner worker: 0\n"), std::string::npos);
}

TEST(Render, PortSummaryIsALineForEach) {
  EXPECT_EQ(
      render_port_summary(kPorts, {}),
      R"(Number of available ports: 2
Port  MAC address        Name     Role       Driver          MTU  Link
   0  02:00:00:00:00:a1  up0      uplink     net_af_packet  1600  up
   1  02:00:00:00:00:01  c1.eth0  container  tap            1550  up
)"
  );
}

TEST(Render, ConfigFwdGivesUplinksToEveryWorker) {
  Json answer = kPorts;
  answer["workers"] = Json::parse(R"([{"worker":0,"core":2},{"worker":1,"core":3}])");
  answer["forwarding"] = true;
  EXPECT_EQ(
      render_config_fwd(answer, {}),
      R"(vswitch packet forwarding - ports=2 - cores=2
forwarding is on

Logical Core 2 (worker 0) polls 2 ports:
  P=0/up0 P=1/c1.eth0
Logical Core 3 (worker 1) polls 1 ports:
  P=0/up0
)"
  );
}

TEST(Render, ConfigRxtxSaysWhatIsUsedAndWhatIsNot) {
  EXPECT_EQ(
      render_config_rxtx(only_port(0), {}),
      R"(Port 0 (up0): RX queues 1, TX queues 1, MTU 1600
  uses one queue
  falls back: no tunnel RSS: frames are handed over between workers
)"
  );
}

TEST(Render, DropsPrintTheSentence) {
  const Json answer = Json::parse(R"({"drops":[
    {"reason":"unknown_vni","number":25,"count":12,"by_worker":[12,0],
     "sentence":"No segment here has this VNI or VSID with this encapsulation on this VTEP address."},
    {"reason":"no_mbuf","number":49,"count":1,"by_worker":[1,0],
     "sentence":"The packet pool is empty: raise its size."}]})");
  EXPECT_EQ(
      render_drops(answer, {}),
      R"(Reason       Count  Meaning
unknown_vni     12  No segment here has this VNI or VSID with this encapsulation
                    on this VTEP address.
no_mbuf          1  The packet pool is empty: raise its size.
)"
  );
  EXPECT_EQ(render_drops(Json{{"drops", Json::array()}}, {}), "no packet was dropped\n");
}

TEST(Render, SegmentsAreATableAndOneIsShownInFull) {
  const Json answer = Json::parse(R"({"segments":[
    {"name":"blue","tenant":"acme","encap":"vxlan","vni":5001,"local_vtep":"192.0.2.1","mtu":1550,
     "endpoints":2,"remotes":1,"fdb":3,"subnets":["10.1.0.0/24"],"learn":true}]})");
  EXPECT_EQ(
      render_segments(answer, {}),
      R"(Segment  Tenant  Encap   VNI   MTU  Endpoints  Remotes  FDB  Local VTEP
blue     acme    vxlan  5001  1550          2        1    3  192.0.2.1
)"
  );
  const std::string full = render_segments(answer, {.width = 80, .is_single = true});
  EXPECT_TRUE(full.starts_with("blue\n  encap: vxlan\n")) << full;
  EXPECT_NE(full.find("  subnets: 10.1.0.0/24\n"), std::string::npos);
  EXPECT_NE(full.find("  learn: yes\n"), std::string::npos);
}

TEST(Render, TunnelsSayWhichAreUnresolved) {
  const Json answer = Json::parse(R"({"segments":[{"name":"blue","encap":"vxlan","vni":5001}],
    "remotes":[
    {"segment":"blue","vtep":"192.0.2.2","resolved":true,"next_hop":"192.0.2.2",
     "next_hop_mac":"02:00:00:00:00:b1","mtu":1550,"endpoints":[]},
    {"segment":"red","vtep":"198.51.100.7","resolved":false,"next_hop":"192.0.2.254",
     "next_hop_mac":null,"mtu":1550,"endpoints":[]}]})");
  EXPECT_EQ(
      render_tunnels(answer, {}),
      R"(Segment  Encap   VNI  Remote VTEP    MTU  Next hop
blue     vxlan  5001  192.0.2.2     1550  192.0.2.2 at 02:00:00:00:00:b1
red      -         -  198.51.100.7  1550  192.0.2.254 unresolved
)"
  );
}

TEST(Render, EndpointAddressesWrapWithin80Columns) {
  const Json answer = Json::parse(R"({"endpoints":[
    {"endpoint":"c1/eth0","container":"c1","ifname":"eth0","segment":"blue","kind":"tap","port":1,
     "mac":"02:00:00:00:00:01","addresses":["10.1.0.1/24","fd00::1/64"],"worker":0,"state":"up",
     "counters":{"rx_packets":1},"drops":{"spoofed_arp":2}}]})");
  EXPECT_EQ(
      render_endpoints(answer, {}),
      R"(Endpoint  Segment  Kind  Port  Worker  MAC                State  Addresses
c1/eth0   blue     tap      1       0  02:00:00:00:00:01  up     10.1.0.1/24
                                                                 fd00::1/64
)"
  );
  const std::string full = render_endpoints(answer, {.width = 80, .is_single = true});
  EXPECT_NE(full.find("  drops: spoofed_arp 2\n"), std::string::npos) << full;
}

TEST(Render, FdbSaysWhatAMacIsBehind) {
  const Json answer = Json::parse(R"({"entries":[
    {"segment":"blue","mac":"02:00:00:00:00:01","type":"endpoint","endpoint":"c1/eth0","age_s":null},
    {"segment":"blue","mac":"02:00:00:00:00:09","type":"learned","vtep":"192.0.2.2","age_s":17}]})"
  );
  EXPECT_EQ(
      render_fdb(answer, {}),
      R"(Segment  MAC                Type      Age s  Behind
blue     02:00:00:00:00:01  endpoint      -  c1/eth0
blue     02:00:00:00:00:09  learned      17  192.0.2.2
)"
  );
}

TEST(Render, WorkersAreColumnsFourToABlock) {
  Json workers = Json::array();
  for (int i = 0; i < 5; ++i) workers.push_back({{"worker", i}, {"core", i + 1}, {"rx", 10 * i}});
  const std::string text = render_workers(Json{{"workers", workers}}, {});
  EXPECT_TRUE(
      text.starts_with("Worker                0   1   2   3\n"
                       "core                  1   2   3   4\n")
  ) << text;
  EXPECT_NE(text.find("\n\nWorker                 4\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\nrx                    0  10  20  30\n"), std::string::npos) << text;
}

TEST(Render, StatsShowTheConservationLaw) {
  const Json answer = Json::parse(R"({"generation":9,"conserved":true,"ports":[],
    "totals":{"rx":10,"cloned":2,"segmented":0,"injected":0,"tx":11,"drops":1,"coalesced":0,
              "punted":0,"in_flight":0,"encapsulated":5},
    "mbufs":{"small":{"size":8192,"in_use":12},"large":{"size":256,"in_use":0}}})");
  EXPECT_EQ(
      render_stats(answer, {}),
      R"(Total         Packets
rx                 10
cloned              2
segmented           0
injected            0
tx                 11
drops               1
coalesced           0
punted              0
in_flight           0
encapsulated        5

rx + cloned + segmented + injected = tx + drops + coalesced + punted + in_flight: yes

Buffers  Size  In use
large     256       0
small    8192      12
)"
  );
}

TEST(Render, DoneSaysWhatWasMadeAndTheGeneration) {
  EXPECT_EQ(
      render_done(Json::parse(R"({"generation":13,"mtu":1450})"), {}), "mtu 1450, generation 13\n"
  );
  EXPECT_EQ(render_done(Json::object(), {}), "done\n");
  const Json attached = Json::parse(R"({"generation":6,"endpoint":"c1/eth0","worker":0,"mtu":1550,
    "mac":"02:00:00:00:00:01","addresses":["10.1.0.1/24","fd00::1/64"]})");
  EXPECT_EQ(
      render_done(attached, {}),
      "addresses 10.1.0.1/24 fd00::1/64, endpoint c1/eth0, mac 02:00:00:00:00:01,\n"
      "mtu 1550, worker 0, generation 6\n"
  );
}

TEST(Render, NothingIsNotAnError) {
  for (const Renderer render :
       {render_done,         render_json,       render_version,     render_stats,
        render_drops,        render_workers,    render_port_info,   render_port_stats,
        render_port_summary, render_config_fwd, render_config_rxtx, render_tenants,
        render_segments,     render_tunnels,    render_endpoints,   render_fdb,
        render_policy,       render_flows,      render_l7,          render_meters,
        render_budgets,      render_schedulers}) {
    for (const char* text :
         {"{}",
          "null",
          "[]",
          R"({"ports":[7],"drops":{},"workers":null,
         "segments":[{}],"remotes":["x"],"endpoints":[null],"entries":[[]],"totals":3})",
          R"({"rules":[7,{"from":1}],"flows":["x"],"classes":[{"patterns":[1]}],"meters":[null],
         "budgets":[[]],"ports":[{"scheduler":true,"queues":[3]}],"groups":[{}]})"}) {
      EXPECT_FALSE(render(Json::parse(text), {}).empty()) << text;
      EXPECT_FALSE(render(Json::parse(text), {.width = 80, .is_single = true}).empty()) << text;
    }
  }
}

TEST(Render, PolicyIsListedInTheOrderInWhichItDecides) {
  const Json answer = Json::parse(R"({"rules":[
    {"tenant":"acme","name":"all","priority":1,"action":"deny","from":"any","to":"any","ends":"both",
     "protocol":"any","stateful":true,"hits":{"packets":2,"octets":120,"connections":0}},
    {"tenant":"acme","name":"web-app","priority":100,"action":"allow","from":{"group":"web"},
     "to":{"labels":["app=a","!old"]},"ends":"receiver","protocol":"tcp","ports":"8080",
     "stateful":false,"class":"AF41","hits":{"packets":9,"octets":900,"connections":3}}],
    "groups":[{"tenant":"acme","group":"web","members":0}]})");
  EXPECT_EQ(
      render_policy(answer, {.width = 120}),
      "Tenant  Prio  Rule     From       To                Service   Connections  Packets  "
      "Verdict\n"
      "acme     100  web-app  group:web  label:app=a,!old  tcp 8080            3        9  "
      "allow AF41 at receiver stateless\n"
      "acme       1  all      any        any               any                 0        2  deny\n"
      "\n"
      "Tenant  Group  Members\n"
      "acme    web          0\n"
  );
}

TEST(Render, BudgetsReadAsOperatorsSpeak) {
  const Json answer = Json::parse(R"({"budgets":[
    {"class":"EF","budget":null,"admitted":0,"left":null},
    {"class":"AF4","budget":200000000,"admitted":150000000,"left":50000000}]})");
  EXPECT_EQ(
      render_budgets(answer, {}),
      "Class      Budget    Admitted       Left\n"
      "EF     not scarce     0 bit/s          -\n"
      "AF4    200 Mbit/s  150 Mbit/s  50 Mbit/s\n"
  );
}

}  // namespace
}  // namespace weft::cli
