// Random documents, for tests that hold whatever the state is.
//
//   RandomState states{seed};
//   dispatcher.apply_document(states.next(), now);
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "control/document_parts.h"
#include "control/fields.h"

namespace weft::control {

/// A random state whose parts fit together.
class RandomState {
 public:
  explicit RandomState(std::uint32_t seed) : random_{seed} {}

  Json next() {
    document_ = Json::object();
    for (const Part part : kParts) document_[name(part)] = Json::array();
    if (one_in(2)) add("budgets", {{"class", "AF4"}, {"rate", 20'000'000 + pick(3) * 1'000'000}});
    add("ports", {{"name", "up0"}, {"device", "net_null0"}, {"addresses", {"192.0.2.1/24"}}});
    has_up1_ = one_in(2);
    if (has_up1_) add("ports", {{"name", "up1"}, {"device", "net_null1"}, {"mtu", 1400}});
    if (has_up1_ && one_in(2)) {
      add("schedulers", {{"port", "up1"}, {"rate", 8'000'000 * (1 + pick(2))}});
    }
    meters_.clear();
    tenants_.clear();
    endpoints_.clear();
    for (const char* tenant : {"t0", "t1"}) {
      if (!one_in(5)) add_tenant(tenant);
    }
    for (int i = 0; i < 3 && !tenants_.empty(); ++i) {
      if (!one_in(4)) add_segment("s" + std::to_string(i), i);
    }
    add_rules();
    return document_;
  }

 private:
  int pick(int count) { return std::uniform_int_distribution<int>{0, count - 1}(random_); }
  bool one_in(int count) { return pick(count) == 0; }
  const std::string& any(const std::vector<std::string>& list) {
    return list[static_cast<std::size_t>(pick(static_cast<int>(list.size())))];
  }
  void add(const char* section, Json json) { document_[section].push_back(std::move(json)); }

  void add_tenant(const std::string& tenant) {
    tenants_.push_back(tenant);
    add("tenants", {{"name", tenant}});
    std::vector<std::string> meters;
    for (const char* name : {"m0", "m1"}) {
      if (one_in(2)) continue;
      meters.emplace_back(name);
      meters_.push_back(tenant + "/" + name);
      add("meters",
          {{"tenant", tenant}, {"name", name}, {"cir", 8'000'000 * (1 + pick(2))}, {"cbs", 3000}});
    }
    if (!meters.empty() && one_in(2)) {
      add("tenant_settings", {{"name", tenant}, {"meter", any(meters)}});
    }
    std::vector<std::string> classes;
    for (const char* name : {"ssh", "dns", "http"}) {
      if (one_in(2)) classes.emplace_back(name);
    }
    std::ranges::shuffle(classes, random_);
    for (const std::string& name : classes) {
      add("l7", {{"tenant", tenant}, {"name", name}, {"patterns", {name}}});
    }
    Json rules = Json::array();
    for (int i = 0; i < 4; ++i) {
      if (one_in(2)) continue;
      const bool allows = one_in(2);
      Json rule{{"name", "r" + std::to_string(i)}, {"action", allows ? "allow" : "deny"}};
      if (allows && !meters.empty() && one_in(2)) rule["meter"] = any(meters);
      if (!classes.empty() && one_in(3)) rule["l7"] = any(classes);
      rules.push_back(std::move(rule));
    }
    if (!rules.empty()) add("policies", {{"tenant", tenant}, {"rules", std::move(rules)}});
  }

  void add_segment(const std::string& name, int number) {
    Json segment{{"name", name}, {"tenant", any(tenants_)}, {"ttl", 60 + pick(2)}};
    const bool has_tunnels = one_in(2);
    segment["encap"] = has_tunnels ? "vxlan" : "none";
    if (has_tunnels) segment.update({{"vni", 5000 + number}, {"local_vtep", "192.0.2.1"}});
    if (one_in(3)) segment["agents"] = {"192.168.0.1"};
    add("segments", segment);
    for (int i = 0; i < 2 && has_tunnels; ++i) {
      if (one_in(2)) continue;
      Json endpoints = Json::array();
      for (int mac = 0; mac < 3; ++mac) {
        if (one_in(2)) continue;
        Json endpoint{{"mac", "02:00:00:00:0" + std::to_string(i) + ":0" + std::to_string(mac)}};
        if (one_in(3)) endpoint["groups"] = {"g" + std::to_string(pick(2))};
        endpoints.push_back(std::move(endpoint));
      }
      add("remotes",
          {{"segment", name}, {"vtep", "192.0.2.1" + std::to_string(i)}, {"endpoints", endpoints}});
    }
    for (int i = 0; i < 2; ++i) {
      if (!one_in(3)) add_endpoint("c" + std::to_string(number) + std::to_string(i), name, i);
    }
  }

  void add_endpoint(const std::string& container, const std::string& segment, int i) {
    Json endpoint{
        {"container", container}, {"segment", segment}, {"netns", "/run/netns/" + container}};
    if (one_in(2)) {
      endpoint["addresses"] = {"10.1.0." + std::to_string(5 + i + pick(2) * 2) + "/24"};
    }
    if (one_in(2)) endpoint["groups"] = {"g" + std::to_string(pick(2))};
    if (one_in(3)) endpoint["limits"] = {{"connections", 1 + pick(3)}};
    if (one_in(3)) {
      endpoint["qos"]["contracts"] =
          Json::array({{{"class", "AF4"}, {"rate", 1'000'000 * (1 + pick(3))}}});
    }
    add("endpoints", endpoint);
    endpoints_.push_back(container + "/eth0");
  }

  void add_rules() {
    std::vector<std::string> ports = endpoints_;
    ports.emplace_back("up0");
    if (has_up1_) ports.emplace_back("up1");
    for (const std::string& port : ports) {
      if (!one_in(3)) continue;
      Json rules = Json::array();
      for (int i = 0; i < 3; ++i) {
        if (one_in(2)) continue;
        Json actions = Json::array({{{"action", "count"}}});
        if (!meters_.empty() && one_in(2)) {
          actions.push_back({{"action", "meter"}, {"mtr_id", any(meters_)}});
        }
        if (one_in(2)) actions.push_back({{"action", "port_id"}, {"id", any(ports)}});
        rules.push_back(
            {{"rule", i}, {"pattern", Json::array({{{"item", "eth"}}})}, {"actions", actions}}
        );
      }
      if (!rules.empty()) add("rules", {{"port", port}, {"rules", std::move(rules)}});
    }
  }

  std::mt19937 random_;
  Json document_;
  bool has_up1_{};
  std::vector<std::string> tenants_;
  std::vector<std::string> meters_;
  std::vector<std::string> endpoints_;
};

}  // namespace weft::control
