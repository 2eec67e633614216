// Whatever stdin holds, the answer is nothing or one object, and never an exception.
#include "control/connector/plugin.h"

#include <cstdlib>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/connector/key_lock.h"
#include "control/connector/problem.h"
#include "control/connector/version.h"

namespace weft::connector {
namespace {

namespace fs = std::filesystem;

class PluginTest : public ::testing::Test {
 protected:
  PluginTest() {
    std::string pattern = (fs::temp_directory_path() / "weft-plugin-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    folder_ = pattern;
  }
  ~PluginTest() override { fs::remove_all(folder_); }

  Json config() const {
    Json json = Json::parse(R"({
      "cniVersion": "1.1.0", "name": "shop", "segment": "blue", "kind": "tap", "mtu": 1400,
      "groups": ["a"], "labels": {"a": "b"}, "addresses": ["10.1.0.5/24"], "subnets": ["10.1.0.0/24"],
      "gateway": ["10.1.0.1"], "routes": [{"dst": "10.2.0.0/16", "gw": "10.1.0.2"}], "defaultRoute": true,
      "dns": {"nameservers": ["10.1.0.53"], "domain": "x", "search": ["y"], "options": ["z"]},
      "timeout_s": 1, "gcScope": "s", "ipMasq": false, "capabilities": {"ips": true},
      "runtimeConfig": {"ips": ["10.1.0.6/24"], "mac": "02:00:00:00:00:01", "portMappings": [],
        "bandwidth": {"ingressRate": 1000000, "ingressBurst": 80000}, "dns": {"servers": ["10.1.0.54"]}},
      "args": {"cni": {"ips": ["10.1.0.7"], "labels": [{"key": "c", "value": "d"}]},
        "org.apache.mesos": {"network_info": {"name": "shop", "groups": ["g"],
          "ip_addresses": [{"ip_address": "10.1.0.8", "protocol": "IPv4"}, {"protocol": "IPv6"}],
          "labels": {"labels": [{"key": "e"}]}, "port_mappings": []}}},
      "prevResult": {"interfaces": [{"name": "eth0", "sandbox": "/x", "mac": "02:00:00:00:00:01"}],
        "ips": [{"address": "10.1.0.6/24", "interface": 0}], "routes": [{"dst": "0.0.0.0/0"}], "dns": {}},
      "cni.dev/valid-attachments": [{"containerID": "c1", "ifname": "eth0"}]})");
    json["socket"] = folder_ + "/none.sock";
    json["stateDir"] = folder_ + "/state";
    return json;
  }

  static Printed call(const std::string& command, const std::string& input) {
    Environment environment;
    environment.command = command;
    environment.container = "c1";
    environment.ifname = "eth0";
    environment.netns = "/proc/self/ns/net";
    environment.path = "/nowhere";
    environment.may_be_own_netns = true;
    return run_plugin(environment, input, since_boot());
  }

  /// The code of the error object; 0 when there is no error.
  static int code_of(const Printed& printed) {
    if (printed.out.empty()) return 0;
    const Json json = Json::parse(printed.out, nullptr, false);
    EXPECT_TRUE(json.is_object()) << printed.out;
    if (printed.status == 0) return 0;
    EXPECT_TRUE(json.contains("cniVersion") && json.contains("msg")) << printed.out;
    return json.value("code", -1);
  }

  std::string folder_;
};

/// Calls visit(changed) with every value in `root`, at any depth, replaced by each of a few others. Not
/// those that would take the call out of the test's folder.
template <typename Visit>
void replace_each(Json& root, Json& at, const Visit& visit) {
  const Json others[] = {
      nullptr,
      true,
      -1,
      1e300,
      "",
      "\xFF",
      std::string(300, 'x'),
      Json::array(),
      Json::object(),
      Json::array({Json::array()}),
      Json{{"a", nullptr}}};
  for (auto& [key, value] : at.items()) {
    if (key == "socket" || key == "stateDir") continue;
    const Json kept = value;
    for (const Json& other : others) {
      value = other;
      visit(root);
    }
    value = kept;
    if (value.is_structured()) replace_each(root, value, visit);
  }
}

TEST_F(PluginTest, WithoutADaemonEachOperationHasItsAnswer) {
  const std::string input = config().dump();
  EXPECT_EQ(code_of(call("ADD", input)), 11);
  EXPECT_EQ(code_of(call("CHECK", input)), 11);
  EXPECT_EQ(code_of(call("STATUS", input)), 50);
  EXPECT_EQ(code_of(call("GC", input)), 11);
  const Printed deleted = call("DEL", input);
  EXPECT_EQ(deleted.status, 0);
  EXPECT_EQ(deleted.out, "");
  EXPECT_TRUE(fs::exists(folder_ + "/state/spool/c1:eth0.json"));
}

TEST_F(PluginTest, NoValueAnywhereMakesItThrow) {
  Json root = config();
  int calls = 0;
  replace_each(root, root, [&](const Json& changed) {
    const std::string input = changed.dump(-1, ' ', false, Json::error_handler_t::ignore);
    for (const char* command : {"ADD", "CHECK", "STATUS", "GC", "VERSION"}) {
      ASSERT_NO_THROW(code_of(call(command, input))) << command << " " << input;
      ++calls;
    }
  });
  EXPECT_GT(calls, 2000);
}

TEST_F(PluginTest, NoInputThatIsCutShortMakesItThrow) {
  const std::string input = config().dump();
  for (std::size_t size = 0; size < input.size(); ++size) {
    const std::string cut = input.substr(0, size);
    EXPECT_EQ(code_of(call("ADD", cut)), 6) << cut;
    EXPECT_EQ(code_of(call("DEL", cut)), 6) << cut;
  }
}

TEST_F(PluginTest, AnErrorHasTheVersionThatWasAskedFor) {
  Json json = config();
  json["mtu"] = "x";
  for (const SpecVersion version : kVersions) {
    json["cniVersion"] = format(version);
    EXPECT_EQ(Json::parse(call("ADD", json.dump()).out)["cniVersion"], format(version));
  }
  json["cniVersion"] = "7.0.0";
  EXPECT_EQ(Json::parse(call("ADD", json.dump()).out)["cniVersion"], "1.1.0");
}

}  // namespace
}  // namespace weft::connector
