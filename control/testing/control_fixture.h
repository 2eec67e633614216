// A daemon without a machine: dispatcher, controller and fake platform, spoken to in JSON.
#pragma once

#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "control/controller.h"
#include "control/dispatch.h"
#include "control/testing/fake_platform.h"

namespace weft::control {

/// endpoint.attach of a container in ControlFixture's segment.
inline constexpr const char* kAttach =
    R"({"container":"c1","segment":"blue","netns":"/run/netns/c1","addresses":["10.1.0.5/24"]})";

/// Precondition of both: the text is one.
inline IpAddress ip(const char* text) {
  return *parse_ip(text);
}
inline MacAddress mac(const char* text) {
  return *parse_mac(text);
}

class ControlFixture : public testing::Test {
 protected:
  /// The result; the test fails when the call is refused.
  Json accepted(const std::string& method, const std::string& params = "{}") {
    const auto result = dispatcher.call(method, Json::parse(params), now);
    if (!result) {
      ADD_FAILURE() << method << " " << params << ": " << result.error().message;
      return Json::object();
    }
    return *result;
  }

  /// The refusal; the test fails when the call is accepted, or when a refused call left a trace in
  /// the model, in the published snapshot or on the machine.
  Failure refusal(const std::string& method, const std::string& params) {
    const Json document = accepted("config.get");
    const Generation generation = controller.generation();
    const int ports = platform.ports_alive;
    const auto uplinks = platform.open_uplinks;
    const auto watched = platform.watched;
    const auto result = dispatcher.call(method, Json::parse(params), now);
    if (result) {
      ADD_FAILURE() << method << " " << params << " was accepted: " << result->dump();
      return Failure{};
    }
    EXPECT_EQ(accepted("config.get"), document) << method << " " << params;
    if (!may_publish_when_refused) {
      EXPECT_EQ(controller.generation(), generation) << method << " " << params;
    }
    EXPECT_EQ(platform.ports_alive, ports) << method << " " << params;
    EXPECT_EQ(platform.open_uplinks, uplinks) << method << " " << params;
    EXPECT_EQ(platform.watched, watched) << method << " " << params;
    return result.error();
  }

  void expect_refused(
      const std::string& method,
      const std::string& params,
      ErrorCode code,
      const std::string& field,
      const std::string& message
  ) {
    const Failure failure = refusal(method, params);
    EXPECT_EQ(static_cast<int>(failure.code), static_cast<int>(code)) << failure.message;
    EXPECT_EQ(failure.field, field);
    EXPECT_EQ(failure.message, message);
  }

  /// One uplink, one tenant, one VXLAN segment "blue" with VNI 5001 and inner MTU 1450.
  void make_network() {
    accepted(
        "port.add",
        R"({"name":"up0","device":"net_null0","addresses":["192.0.2.1/24","2001:db8::1/64"],"gateways":["192.0.2.254"]})"
    );
    accepted("tenant.add", R"({"name":"acme"})");
    accepted(
        "segment.add", R"({"name":"blue","tenant":"acme","vni":5001,"local_vtep":"192.0.2.1"})"
    );
  }

  void TearDown() override {
    EXPECT_TRUE(platform.violations.empty()) << platform.violations.front();
  }

  FakePlatform platform;
  Controller controller{platform};
  Dispatcher dispatcher{controller, About{"0.1.0", "22.11.11", 4711}};
  TimePoint now{std::chrono::hours{1}};
  bool may_publish_when_refused = false;
};

}  // namespace weft::control
