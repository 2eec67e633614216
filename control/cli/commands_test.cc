#include "control/cli/commands.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

namespace weft::cli {
namespace {

using Json = nlohmann::json;

const Grammar& grammar() {
  static const Grammar instance{commands()};
  return instance;
}

// control/README.md, Verbs.
const std::set<std::string> kMethods{
    "version",
    "config.get",
    "forwarding.set",
    "log.set",
    "port.add",
    "port.remove",
    "port.set",
    "port.list",
    "tenant.add",
    "tenant.remove",
    "tenant.list",
    "segment.add",
    "segment.set",
    "segment.remove",
    "segment.list",
    "remote.add",
    "remote.remove",
    "remote.list",
    "endpoint.attach",
    "endpoint.detach",
    "endpoint.list",
    "fdb.list",
    "fdb.flush",
    "stats.get",
    "stats.clear",
    "drops.list",
    "worker.list",
    "tenant.set",
    "endpoint.set",
    "policy.add",
    "policy.remove",
    "policy.apply",
    "policy.list",
    "flow.list",
    "flow.flush",
    "l7.add",
    "l7.remove",
    "l7.list",
    "qos.meter.add",
    "qos.meter.remove",
    "qos.meter.list",
    "qos.budget.set",
    "qos.budget.list",
    "qos.port.set",
    "qos.port.list",
    "get",
    "plan",
    "apply",
    "access.add",
    "access.list",
    "access.remove",
    "audit.list",
    "history",
    "tenant.quota",
    "watch",
    "whoami",
    "rollback",
};

/// What a line would send: "method {params}", or the complaint's sentence.
std::string request(std::string_view text) {
  const auto read = grammar().read(std::get<Line>(split_line(text)));
  if (const auto* complaint = std::get_if<Complaint>(&read)) return complaint->sentence;
  const auto& matched = std::get<Matched>(read);
  Json params = matched.params;
  if (!matched.command->fixed.empty()) params.update(Json::parse(matched.command->fixed));
  return std::string{matched.command->methods} + " " + params.dump();
}

std::vector<std::string> complete(std::string_view text) {
  return grammar()
      .complete(
          text,
          [](Live live) -> std::vector<std::string> {
            if (live == Live::segments) return {"blue", "black", "red"};
            if (live == Live::ports) return {"0", "up0"};
            return {};
          }
      )
      .words;
}

TEST(Commands, EveryRowIsComplete) {
  std::set<std::string_view> patterns;
  for (const Command& command : commands()) {
    EXPECT_TRUE(patterns.insert(command.pattern).second) << command.pattern;
    EXPECT_FALSE(command.section.empty()) << command.pattern;
    EXPECT_TRUE(command.help.ends_with('.')) << command.pattern;
    EXPECT_NE(command.render, nullptr) << command.pattern;
    EXPECT_EQ(command.list.empty(), command.key.empty()) << command.pattern;
    if (!command.fixed.empty()) {
      EXPECT_TRUE(Json::parse(command.fixed).is_object());
    }
    for (const std::string& method : split_words(command.methods)) {
      EXPECT_TRUE(kMethods.contains(method)) << method;
    }
    const bool calls = command.act == Act::call || command.act == Act::call_on_uplink ||
                       command.act == Act::set_verbose || command.act == Act::apply_policy ||
                       command.act == Act::send_document || command.act == Act::watch;
    EXPECT_EQ(calls, !command.methods.empty()) << command.pattern;
  }
}

TEST(Commands, EveryMethodHasACommand) {
  std::set<std::string> used;
  for (const Command& command : commands()) {
    for (std::string& method : split_words(command.methods)) used.insert(std::move(method));
  }
  EXPECT_EQ(used, kMethods);
}

TEST(Commands, EveryShowCommandTakesJson) {
  for (const Command& command : commands()) {
    if (!command.pattern.starts_with("show ")) continue;
    EXPECT_TRUE(command.pattern.ends_with(" [@json=--json]")) << command.pattern;
  }
}

TEST(Commands, BecomeTheRequestsOfTheProtocol) {
  EXPECT_EQ(request("show port stats all"), "port.list {}");
  EXPECT_EQ(request("show port info up0 --json"), "port.list {}");
  EXPECT_EQ(request("clear port stats all"), "stats.clear {}");
  EXPECT_EQ(request("show config"), "config.get {}");
  EXPECT_EQ(request("get"), "get {}");
  EXPECT_EQ(
      request("access add agents gid 1500 role tenant tenant acme tenant lab"),
      R"(access.add {"gid":1500,"name":"agents","role":"tenant","tenants":["acme","lab"]})"
  );
  EXPECT_EQ(
      request("tenant quota acme endpoints 100 af4 50Mbit/s"),
      R"(tenant.quota {"name":"acme","quota":{"contracts":{"AF4":"50Mbit/s"},"endpoints":100}})"
  );
  EXPECT_EQ(request("audit limit 5"), R"(audit.list {"limit":5})");
  EXPECT_EQ(request("watch event learn event move"), R"(watch {"events":["learn","move"]})");
  EXPECT_EQ(request("history limit 5"), R"(history {"limit":5})");
  EXPECT_EQ(request("rollback 17"), R"(rollback {"generation":17})");
  EXPECT_EQ(request("get tenant acme"), R"(get {"tenant":"acme"})");
  EXPECT_EQ(request("plan -f x.json tenant acme --json"), R"(plan {"tenant":"acme"})");
  EXPECT_EQ(request("apply -f -"), "apply {}");
  EXPECT_EQ(request("apply -f - endpoint c1/eth0"), R"(apply {"endpoint":"c1/eth0"})");
  EXPECT_EQ(request("show config fwd"), "port.list worker.list {}");
  EXPECT_EQ(request("show drops all"), R"(drops.list {"all":true})");
  EXPECT_EQ(request("show fdb blue"), R"(fdb.list {"segment":"blue"})");
  EXPECT_EQ(request("clear fdb"), "fdb.flush {}");
  EXPECT_EQ(request("start"), R"(forwarding.set {"enabled":true})");
  EXPECT_EQ(request("stop"), R"(forwarding.set {"enabled":false})");
  EXPECT_EQ(request("set log trace"), R"(log.set {"level":"trace"})");
  EXPECT_EQ(
      request("port attach up0 af_packet:ethA addr 192.0.2.1/24 addr 2001:db8::1/64 "
              "gateway 192.0.2.254 mtu 1600 queues 2"),
      R"(port.add {"addresses":["192.0.2.1/24","2001:db8::1/64"],"device":"af_packet:ethA",)"
      R"("gateways":["192.0.2.254"],"mtu":1600,"name":"up0","queues":2})"
  );
  EXPECT_EQ(request("port stop up0"), R"(port.set {"name":"up0","up":false})");
  EXPECT_EQ(request("port detach up0"), R"(port.remove {"name":"up0"})");
  EXPECT_EQ(request("tenant add acme"), R"(tenant.add {"name":"acme"})");
  EXPECT_EQ(
      request("segment add blue tenant acme encap vxlan vni 5001 vtep 192.0.2.1"),
      R"(segment.add {"encap":"vxlan","local_vtep":"192.0.2.1","name":"blue","tenant":"acme",)"
      R"("vni":5001})"
  );
  EXPECT_EQ(
      request("segment set blue encap nvgre vsid 6001 dscp-mode fixed dscp 46 fdb-ageing 60 "
              "subnet 10.1.0.0/24 suppress-neighbors off"),
      R"(segment.set {"dscp":46,"dscp_mode":"fixed","encap":"nvgre","fdb_ageing_s":60,)"
      R"("name":"blue","subnets":["10.1.0.0/24"],"suppress_neighbors":false,"vni":6001})"
  );
  EXPECT_EQ(
      request("remote add blue vtep 192.0.2.2 mac 02:00:00:00:00:09 ip 10.1.0.9"),
      R"(remote.add {"endpoints":[{"addresses":["10.1.0.9"],"mac":"02:00:00:00:00:09"}],)"
      R"("segment":"blue","vtep":"192.0.2.2"})"
  );
  EXPECT_EQ(
      request("attach c1 segment blue netns /run/netns/c1 ip 10.1.0.1/24 ip fd00::1/64 "
              "route 0.0.0.0/0 via 10.1.0.254 route 10.9.0.0/16"),
      R"(endpoint.attach {"addresses":["10.1.0.1/24","fd00::1/64"],"container":"c1",)"
      R"("netns":"/run/netns/c1","routes":[{"to":"0.0.0.0/0","via":"10.1.0.254"},)"
      R"({"to":"10.9.0.0/16"}],"segment":"blue"})"
  );
  EXPECT_EQ(
      request("attach c1 ifname eth1 kind veth pid 4711 segment blue broadcast-budget 0"),
      R"(endpoint.attach {"bum_budget":{"broadcast":0},"container":"c1","ifname":"eth1",)"
      R"("kind":"veth","pid":4711,"segment":"blue"})"
  );
  EXPECT_EQ(request("detach c1"), R"(endpoint.detach {"container":"c1"})");
}

TEST(Commands, ClassificationBecomesRequestsToo) {
  EXPECT_EQ(
      request("policy add tenant acme name web-app from group:web to group:app tcp 8080 allow"),
      R"(policy.add {"action":"allow","from":{"group":"web"},"name":"web-app","ports":"8080",)"
      R"("protocol":"tcp","tenant":"acme","to":{"group":"app"}})"
  );
  EXPECT_EQ(
      request(
          "policy add tenant acme name x from label:app=web,!canary to 10.0.0.0/8 protocol icmp "
          "icmp-type 8 deny priority 7 ends receiver"
      ),
      R"(policy.add {"action":"deny","ends":"receiver","from":{"labels":["app=web","!canary"]},)"
      R"("icmp_type":8,"name":"x","priority":7,"protocol":"icmp","tenant":"acme",)"
      R"("to":{"cidr":"10.0.0.0/8"}})"
  );
  EXPECT_EQ(request("show policy acme"), R"(policy.list {"tenant":"acme"})");
  EXPECT_EQ(request("show flows c1 port 80"), R"(flow.list {"endpoint":"c1","port":80})");
  EXPECT_EQ(request("clear flows c1/eth0"), R"(flow.flush {"endpoint":"c1/eth0"})");
  EXPECT_EQ(
      request("l7 add tenant acme name web pattern http regex '^GET /x'"),
      R"(l7.add {"name":"web","patterns":["http",{"regex":"^GET /x"}],"tenant":"acme"})"
  );
  EXPECT_EQ(
      request("set qos budget AF4 200Mbit/s"),
      R"(qos.budget.set {"class":"AF4","rate":"200Mbit/s"})"
  );
  EXPECT_EQ(request("set qos budget AF4 none"), R"(qos.budget.set {"class":"AF4","rate":null})");
  EXPECT_EQ(
      request("set qos port up0 rate 1Gbit/s af4 10"),
      R"(qos.port.set {"port":"up0","rate":"1Gbit/s","weights":{"AF4":10}})"
  );
  EXPECT_EQ(request("set qos port up0 off"), R"(qos.port.set {"port":"up0","scheduler":false})");
  EXPECT_EQ(
      request("meter add tenant acme name m kind trtcm cir 1Mbit/s cbs 3000 pir 2Mbit/s pbs 3000 "
              "colour-aware red AF43"),
      R"(qos.meter.add {"cbs":3000,"cir":"1Mbit/s","colour_aware":true,"kind":"trtcm","name":"m",)"
      R"("pbs":3000,"pir":"2Mbit/s","red":"AF43","tenant":"acme"})"
  );
  EXPECT_EQ(request("tenant set acme no-meter"), R"(tenant.set {"meter":null,"name":"acme"})");
  EXPECT_EQ(
      request("endpoint set c1 group web label app=a label tier=1 connections 10 class EF "
              "rate 10Mbit/s contract AF4 1Mbit/s burst 3000"),
      R"(endpoint.set {"container":"c1","groups":["web"],"labels":{"app":"a","tier":"1"},)"
      R"("limits":{"connections":10},"qos":{"class":"EF","contracts":[{"burst":3000,)"
      R"("class":"AF4","rate":"1Mbit/s"}],"rate":"10Mbit/s"}})"
  );
  EXPECT_EQ(
      request("policy add tenant acme name x from web allow"),
      "expected any, group:NAME, label:KEY=VALUE,!KEY or a prefix"
  );
}

TEST(Commands, ErrorsSayWhatWasExpectedAndWhere) {
  EXPECT_EQ(request("shwo port"), "no such command; `help` lists them all");
  EXPECT_EQ(request("show port"), "expected `info`, `stats` or `summary`");
  EXPECT_EQ(request("show port stats"), "expected `all` or a port's number or name");
  EXPECT_EQ(request("show config fdw"), "expected `fwd`, `rxtx` or `--json`");
  EXPECT_EQ(request("segment add blue tenant acme"), "expected `encap`");
  EXPECT_EQ(request("attach c1 segment blue"), "expected `netns`, `pid`, `socket` or `device`");
  const auto read = grammar().read(std::get<Line>(split_line("segment del blue now")));
  ASSERT_TRUE(std::holds_alternative<Complaint>(read));
  EXPECT_EQ(std::get<Complaint>(read).column, 17U);
  EXPECT_EQ(std::get<Complaint>(read).sentence, "expected the end of the command");
}

using Words = std::vector<std::string>;

TEST(Completion, OffersWordsOfCommands) {
  EXPECT_EQ(complete("sh"), (Words{"show"}));
  EXPECT_EQ(complete("show po"), (Words{"policy", "port"}));
  EXPECT_EQ(complete("show port "), (Words{"info", "stats", "summary"}));
  EXPECT_EQ(complete("port "), (Words{"attach", "detach", "start", "stop"}));
  EXPECT_EQ(complete("segment set blue encap "), (Words{"none", "nvgre", "vxlan"}));
}

TEST(Completion, OffersLiveNames) {
  EXPECT_EQ(complete("segment del bl"), (Words{"black", "blue"}));
  EXPECT_EQ(complete("show port stats "), (Words{"0", "all", "up0"}));
  EXPECT_EQ(complete("show segment "), (Words{"--json", "black", "blue", "red"}));
}

TEST(Completion, DoesNotOfferAClauseTwice) {
  const Words words = complete("segment set blue mtu 1400 m");
  EXPECT_EQ(words, (Words{"mss-clamp"}));
}

TEST(Completion, OffersNothingBehindAnErrorOrInAComment) {
  EXPECT_EQ(complete("shwo "), Words{});
  EXPECT_EQ(complete("show nonsense "), Words{});
  EXPECT_EQ(complete("# sh"), Words{});
  EXPECT_EQ(complete("load 'a"), Words{});
}

TEST(Completion, KnowsTheWordsOfFlow) {
  EXPECT_EQ(complete("flow "), (Words{"create", "destroy", "flush", "list", "query", "validate"}));
  EXPECT_EQ(complete("flow cr"), Words{"create"});
  EXPECT_EQ(complete("flow flush "), (Words{"0", "up0"}));
  EXPECT_EQ(complete("flow create 0 pattern ud"), Words{"udp"});
  const auto none = [](Live) { return Words{}; };
  const Completion value = grammar().complete("flow create 0 pattern udp dst is ", none);
  ASSERT_EQ(value.kinds.size(), 1U);
  EXPECT_EQ(value.kinds.front()->placeholder, "NUMBER");
  EXPECT_EQ(complete("flow nonsense "), Words{});
}

TEST(Completion, NamesTheKindOfValueThatCannotBeCompleted) {
  const Completion completion = grammar().complete("segment add ", [](Live) { return Words{}; });
  ASSERT_EQ(completion.kinds.size(), 1U);
  EXPECT_EQ(completion.kinds.front()->placeholder, "NAME");
  EXPECT_TRUE(completion.words.empty());
}

TEST(Help, ShowsTheUsageOfTheCommandsWithAWord) {
  EXPECT_EQ(
      grammar().help({"detach"}, 80),
      "ports\n"
      "  port detach UPLINK\n"
      "      Remove an uplink that no segment uses.\n"
      "\n"
      "containers\n"
      "  detach CONTAINER [ifname IFNAME]\n"
      "      Take a container's interface away, or all of them.\n"
  );
  EXPECT_EQ(grammar().help({"nonsense"}, 80), "");
}

TEST(Help, ListsEveryCommandWithin80Columns) {
  const std::string text = grammar().help({}, 80);
  for (const Command& command : commands()) {
    const std::string first{command.pattern.substr(0, command.pattern.find(' '))};
    EXPECT_NE(text.find("\n  " + first), std::string::npos) << first;
  }
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    EXPECT_LE(end - at, 80U) << text.substr(at, end - at);
    at = end + 1;
  }
}

}  // namespace
}  // namespace weft::cli
