// FlowTest: the network of StageTest with a policy in segment 0, and conversations in one line each.
//
//   A (endpoint 0): group web, label tier=front     B (endpoint 1): group app
//   R (behind the tunnel): group db                 everybody else: a stranger
//
//   set_policy({rule(group("web"), group("app"), tcp(80), allow)}, PolicyDefault::deny);
//   EXPECT_TRUE(a_to_b(syn(A, B)));
//
// Rule i of the last set_policy counts under hits(i). The time stands still unless a test moves it.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "classifier/policy_compiler.h"
#include "classifier/testing/policy_rules.h"
#include "dataplane/testing/stage_fixture.h"

namespace weft::stage_test {

namespace rules = classifier::testing;
using classifier::PolicyAction;
using classifier::PolicyDefault;
using classifier::PolicyEnds;
using classifier::PolicyRule;

inline constexpr auto allow = PolicyAction::allow;
inline constexpr auto deny = PolicyAction::deny;

/// Who is who in frames.
struct Host {
  MacAddress mac;
  Ipv4Address v4;
  Ipv6Address v6;
};
inline constexpr Host A{kMacA, kIp4A, kIp6A};
inline constexpr Host B{kMacB, kIp4B, kIp6B};
inline constexpr Host R{
    kMacR, kIp4R, {{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x99}}};

inline constexpr std::uint16_t kClientPort = 40000;
inline constexpr std::uint16_t kServerPort = 80;

inline Ethernet link(const Host& from, const Host& to) {
  return {.destination = to.mac, .source = from.mac};
}
inline Ip v4(const Host& from, const Host& to) {
  return Ip4{.source = from.v4, .destination = to.v4};
}
inline Ip v6(const Host& from, const Host& to) {
  return Ip6{.source = from.v6, .destination = to.v6};
}

/// What a client sends to port 80, and what comes back.
inline Octets to_server(
    const Host& from, const Host& to, std::uint8_t flags, const Octets& payload = {}
) {
  return tcp_frame(
      link(from, to),
      v4(from, to),
      {.source_port = kClientPort, .destination_port = kServerPort, .flags = flags},
      payload
  );
}
inline Octets to_client(
    const Host& from, const Host& to, std::uint8_t flags, const Octets& payload = {}
) {
  return tcp_frame(
      link(from, to),
      v4(from, to),
      {.source_port = kServerPort, .destination_port = kClientPort, .flags = flags},
      payload
  );
}
inline Octets syn(const Host& from, const Host& to) {
  return to_server(from, to, TcpHeader::kSyn);
}
inline Octets syn_ack(const Host& from, const Host& to) {
  return to_client(from, to, TcpHeader::kSyn | TcpHeader::kAck);
}
inline Octets ack(const Host& from, const Host& to) {
  return to_server(from, to, TcpHeader::kAck);
}
inline Octets ack_back(const Host& from, const Host& to) {
  return to_client(from, to, TcpHeader::kAck);
}

class FlowTest : public StageTest {
 protected:
  void SetUp() override {
    StageTest::SetUp();
    source_.identities.resize(4);
    source_.identities[1] = {{"web"}, {{"tier", "front"}}};
    source_.identities[2] = {{"app"}, {}};
    source_.identities[3] = {{"db"}, {}};
    identify(A, 1);
    identify(B, 2);
    identify(R, 3);
    change([](Snapshot& s) {
      s.endpoints.mutate(0).identity = 1;
      s.endpoints.mutate(1).identity = 2;
      s.endpoints.mutate(1).guard.addresses[1] = {IpAddress{kIp6B}, 128};
    });
  }

  /// From the next packet on.
  void set_policy(std::vector<PolicyRule> list, PolicyDefault fallback) {
    for (std::uint32_t i = 0; i < list.size(); ++i) list[i].counter = i;
    source_.rules = std::move(list);
    auto compiled = classifier::compile_policy(source_);
    ASSERT_TRUE(compiled) << compiled.error().message;
    auto policy = std::make_shared<TenantPolicy>();
    policy->by_l7.fill(compiled->get());
    policy->variants.emplace_back(std::move(*compiled));
    put_policy(std::move(policy), fallback);
  }
  void put_policy(std::shared_ptr<const TenantPolicy> policy, PolicyDefault fallback) {
    change([&](Snapshot& s) {
      SegmentEntry& segment = s.segments.mutate(0);
      segment.policy = std::move(policy);
      segment.policy_default = fallback;
      ++segment.policy_epoch;
    });
  }

  [[nodiscard]] RuleHits& hits(std::uint32_t rule) { return tables_->hits(rule); }

  // Whether the frame arrived.
  bool a_to_b(const Octets& frame) { return local(0, 1, frame); }
  bool b_to_a(const Octets& frame) { return local(1, 0, frame); }
  bool a_to_remote(const Octets& frame) {
    const std::size_t before = uplink().sent.size();
    receive_from(0, packet(frame));
    return uplink().sent.size() == before + 1;
  }
  bool remote_to_a(const Octets& frame) {
    const std::size_t before = port(0).sent.size();
    receive_from_uplink(packet(from_remote(frame)));
    return port(0).sent.size() == before + 1;
  }
  bool remote_to_b(const Octets& frame) {
    const std::size_t before = port(1).sent.size();
    receive_from_uplink(packet(from_remote(frame)));
    return port(1).sent.size() == before + 1;
  }
  /// Forgets what the worker knows of the connection, as a restart does.
  void forget(const Octets& frame) {
    for (const unsigned endpoint : {0U, 1U}) {
      const classifier::ConnectionKey key =
          classifier::connection_key(frame, parse_frame(frame), EndpointIndex{endpoint}).key;
      classifier::FlowEntry* entry = tables_->flows.find(key, tables_->flows.hash(key));
      if (entry != nullptr) tables_->flows.erase(*entry);
    }
  }
  /// The last frame that a port of a container was given.
  [[nodiscard]] Octets last_of(unsigned endpoint) {
    return octets_of(port(endpoint).sent.back().get());
  }

  /// A handshake from A to B.
  void connect() {
    ASSERT_TRUE(a_to_b(syn(A, B)));
    ASSERT_TRUE(b_to_a(syn_ack(B, A)));
    ASSERT_TRUE(a_to_b(ack(A, B)));
  }
  void let_pass(std::uint32_t seconds) {
    const std::uint32_t ticks = seconds * classifier::kTicksPerSecond;
    context_->coarse_now = classifier::CoarseTime{context_->coarse_now.value() + ticks};
  }

  classifier::PolicySource source_;  // of the policy in force

 private:
  void identify(const Host& host, std::uint32_t identity) {
    snapshot_.identities.set(segment_address(SegmentIndex{0}, IpAddress{host.v4}), identity);
    snapshot_.identities.set(segment_address(SegmentIndex{0}, IpAddress{host.v6}), identity);
  }
  bool local(unsigned from, unsigned to, const Octets& frame) {
    const std::size_t before = port(to).sent.size();
    receive_from(from, packet(frame));
    return port(to).sent.size() == before + 1;
  }
};

/// A rule for one end only.
inline PolicyRule at(PolicyEnds ends, PolicyRule rule) {
  rule.ends = ends;
  return rule;
}
inline PolicyRule stateless(PolicyRule rule) {
  rule.is_stateful = false;
  return rule;
}
inline PolicyRule any_to_any(PolicyAction action, const classifier::Service& service = {}) {
  return rules::rule(rules::any(), rules::any(), service, action);
}
inline PolicyRule web_to_app(PolicyAction action, const classifier::Service& service = {}) {
  return rules::rule(rules::group("web"), rules::group("app"), service, action);
}
inline PolicyRule app_to_web(PolicyAction action, const classifier::Service& service = {}) {
  return rules::rule(rules::group("app"), rules::group("web"), service, action);
}

}  // namespace weft::stage_test
