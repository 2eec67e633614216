// Packets that are judged by what belongs to them: fragments by their first one, ICMP errors by the packet they quote.
#include "dataplane/testing/flow_fixture.h"

namespace weft::stage_test {
namespace {

class Related : public FlowTest {
 protected:
  static constexpr std::uint16_t kMore = Ipv4Header::kMoreFragments;

  static Octets udp_payload() {
    return word16(kClientPort) + word16(53) + word16(8 + 400) + word16(0) + counting(400);
  }
  /// The 200 octets from `offset` (a multiple of 8) of a UDP datagram.
  static Octets fragment4(
      const Host& from, const Host& to, std::uint16_t offset, std::uint16_t identification = 7
  ) {
    Ip4 ip{.source = from.v4, .destination = to.v4, .identification = identification};
    const bool is_last = offset + 200 >= 408;
    ip.flags_fragment = static_cast<std::uint16_t>(offset / 8 | (is_last ? 0 : kMore));
    return ip_frame(link(from, to), ip, kIpProtoUdp, part(offset));
  }
  static Octets fragment6(const Host& from, const Host& to, std::uint16_t offset) {
    Ip6 ip{.source = from.v6, .destination = to.v6};
    const bool is_last = offset + 200 >= 408;
    ip.extensions = {
        {kIpProtoFragment,
         Octets{0} + word16(static_cast<std::size_t>(offset) | (is_last ? 0U : 1U)) + word32(9)}};
    return ip_frame(link(from, to), ip, kIpProtoUdp, part(offset));
  }
  static Octets udp4(const Host& from, const Host& to, const Udp& udp) {
    return udp_frame(link(from, to), v4(from, to), udp, counting(32));
  }

  /// An ICMP error from `from` to `to` about what `to` sent: its IP header and eight octets more.
  static Octets error4(
      const Host& from, const Host& to, const Octets& about, std::uint8_t type = kIcmpUnreachable
  ) {
    const Octets quoted{about.begin() + 14, about.begin() + 14 + 28};
    return icmp_frame(link(from, to), v4(from, to), {.type = type, .code = 3, .rest = 0}, quoted);
  }
  static Octets error6(const Host& from, const Host& to, const Octets& about) {
    const Octets quoted{about.begin() + 14, about.end()};
    return icmp_frame(link(from, to), v6(from, to), {.type = 1, .code = 4, .rest = 0}, quoted);
  }

 private:
  static Octets part(std::uint16_t offset) {
    const Octets whole = udp_payload();
    const std::size_t end = std::min<std::size_t>(whole.size(), offset + 200U);
    return {whole.begin() + offset, whole.begin() + static_cast<std::ptrdiff_t>(end)};
  }
};

const classifier::Service kUdp53 = [] {
  classifier::Service service = rules::protocol(kIpProtoUdp);
  service.first_port = service.last_port = 53;
  return service;
}();

// -- fragments ----------------------------------------------------------------------------------------

TEST_F(Related, LaterFragmentsPassWithTheirFirst) {
  set_policy({web_to_app(allow, kUdp53)}, PolicyDefault::deny);
  for (const std::uint16_t offset : {std::uint16_t{0}, std::uint16_t{400}, std::uint16_t{200}}) {
    EXPECT_TRUE(a_to_b(fragment4(A, B, offset))) << offset;
    EXPECT_TRUE(a_to_b(fragment6(A, B, offset))) << offset;
  }
  EXPECT_EQ(hits(0).packets.get(), 12U);
  EXPECT_EQ(hits(0).connections.get(), 4U);
}

TEST_F(Related, AFragmentWithoutItsFirstIsDropped) {
  set_policy({web_to_app(allow, kUdp53)}, PolicyDefault::allow);
  EXPECT_FALSE(a_to_b(fragment4(A, B, 200)));
  EXPECT_FALSE(a_to_b(fragment6(A, B, 200)));
  EXPECT_TRUE(dropped_only(DropReason::fragment_without_first, 2));
}

TEST_F(Related, FragmentsOfOtherPacketsAndDirectionsAreOrphans) {
  set_policy({any_to_any(allow)}, PolicyDefault::deny);
  EXPECT_TRUE(a_to_b(fragment4(A, B, 0)));
  EXPECT_FALSE(a_to_b(fragment4(A, B, 200, 8)));
  EXPECT_FALSE(b_to_a(fragment4(B, A, 200)));
  EXPECT_TRUE(dropped_only(DropReason::fragment_without_first, 2));
}

TEST_F(Related, FragmentsOfADeniedFirstAreOrphans) {
  set_policy({web_to_app(allow, rules::tcp(80))}, PolicyDefault::deny);
  EXPECT_FALSE(a_to_b(fragment4(A, B, 0)));
  EXPECT_TRUE(dropped_only(DropReason::policy_denied_sender));
  EXPECT_FALSE(a_to_b(fragment4(A, B, 200)));
  EXPECT_EQ(drops(DropReason::fragment_without_first), 1U);
  EXPECT_EQ(drops(), 2U);
}

TEST_F(Related, ARuleChangeBetweenFragmentsLosesTheRest) {
  set_policy({web_to_app(allow, kUdp53)}, PolicyDefault::deny);
  EXPECT_TRUE(a_to_b(fragment4(A, B, 0)));
  EXPECT_TRUE(a_to_b(fragment6(A, B, 0)));
  set_policy({web_to_app(allow, kUdp53)}, PolicyDefault::deny);
  EXPECT_FALSE(a_to_b(fragment4(A, B, 200)));
  EXPECT_FALSE(a_to_b(fragment6(A, B, 200)));
  EXPECT_TRUE(dropped_only(DropReason::fragment_without_first, 2));
  EXPECT_TRUE(a_to_b(fragment4(A, B, 0)));
  EXPECT_TRUE(a_to_b(fragment4(A, B, 200)));
}

TEST_F(Related, FragmentsAreForgottenAfterHalfAMinute) {
  set_policy({web_to_app(allow, kUdp53)}, PolicyDefault::deny);
  EXPECT_TRUE(a_to_b(fragment4(A, B, 0)));
  let_pass(31);
  EXPECT_FALSE(a_to_b(fragment4(A, B, 200)));
  EXPECT_TRUE(dropped_only(DropReason::fragment_without_first));
}

TEST_F(Related, StatelessRulesLetLaterFragmentsPass) {
  set_policy({stateless(web_to_app(allow, kUdp53))}, PolicyDefault::deny);
  EXPECT_TRUE(a_to_b(fragment4(A, B, 0)));
  EXPECT_TRUE(a_to_b(fragment4(A, B, 200)));
  EXPECT_EQ(drops(), 0U);
}

TEST_F(Related, AllFragmentsOfOneBurstFindTheFirst) {
  set_policy({web_to_app(allow, kUdp53)}, PolicyDefault::deny);
  std::vector<Packet> frames;
  for (const std::uint16_t offset : {std::uint16_t{0}, std::uint16_t{200}, std::uint16_t{400}}) {
    frames.push_back(packet(fragment4(A, B, offset)));
  }
  receive_from(0, std::move(frames));
  EXPECT_EQ(port(1).sent.size(), 3U);
}

TEST_F(Related, FragmentsAreNoConnectionsToALimit) {
  change([](Snapshot& s) { s.endpoints.mutate(1).limits.live = 2; });
  set_policy({web_to_app(allow)}, PolicyDefault::deny);
  for (std::uint16_t identification = 1; identification <= 9; ++identification) {
    EXPECT_TRUE(a_to_b(fragment4(A, B, 0, identification)));
  }
  EXPECT_TRUE(a_to_b(udp4(A, B, {.source_port = 2})));
  EXPECT_FALSE(a_to_b(udp4(A, B, {.source_port = 3})));
  EXPECT_TRUE(dropped_only(DropReason::connection_limit));
}

// -- ICMP errors --------------------------------------------------------------------------------------

TEST_F(Related, AnErrorAboutAConnectionPasses) {
  set_policy({web_to_app(allow)}, PolicyDefault::deny);
  const Octets asked = udp4(A, B, {});
  EXPECT_TRUE(a_to_b(asked));
  EXPECT_TRUE(b_to_a(error4(B, A, asked)));
  const Octets asked6 = udp_frame(link(A, B), v6(A, B), {}, counting(32));
  EXPECT_TRUE(a_to_b(asked6));
  EXPECT_TRUE(b_to_a(error6(B, A, asked6)));
  EXPECT_EQ(drops(), 0U);
}

TEST_F(Related, AnErrorOfARouterOnTheWayPasses) {
  set_policy(
      {rules::rule(rules::group("web"), rules::group("db"), {}, allow)}, PolicyDefault::deny
  );
  const Octets asked = udp4(A, R, {});
  EXPECT_TRUE(a_to_remote(asked));
  const Host router{kMacR, {{10, 0, 0, 1}}, {}};
  EXPECT_TRUE(remote_to_a(error4(router, A, asked, 11)));
  EXPECT_EQ(drops(), 0U);
}

TEST_F(Related, AnErrorAboutNothingIsJudgedOnItsOwn) {
  set_policy({web_to_app(allow), app_to_web(allow, rules::icmp_type(11))}, PolicyDefault::deny);
  EXPECT_FALSE(b_to_a(error4(B, A, udp4(A, B, {}))));
  EXPECT_TRUE(dropped_only(DropReason::policy_denied_sender));
  EXPECT_TRUE(b_to_a(error4(B, A, udp4(A, B, {}), 11)));
  EXPECT_EQ(hits(1).connections.get(), 2U);
}

TEST_F(Related, NobodyQuotesAConnectionThatIsNotTheReceivers) {
  set_policy({web_to_app(allow)}, PolicyDefault::deny);
  const Octets asked = udp4(A, B, {});
  EXPECT_TRUE(a_to_b(asked));
  EXPECT_FALSE(remote_to_b(error4(R, B, asked)));  // A sent it, not B
  EXPECT_TRUE(dropped_only(DropReason::policy_denied_receiver));
}

TEST_F(Related, AnErrorAboutADeniedConnectionIsDeniedWithIt) {
  set_policy({web_to_app(allow)}, PolicyDefault::deny);
  const Octets asked = udp4(A, B, {});
  EXPECT_TRUE(a_to_b(asked));
  set_policy({web_to_app(deny)}, PolicyDefault::allow);
  EXPECT_FALSE(b_to_a(error4(B, A, asked)));
  EXPECT_TRUE(dropped_only(DropReason::policy_denied_sender));
  EXPECT_EQ(hits(0).packets.get(), 2U + 1U);  // the question at both ends, the error at one
}

TEST_F(Related, AnErrorThatPassedOnItsOwnOncePassesWithItsConnectionLater) {
  set_policy({any_to_any(allow)}, PolicyDefault::deny);
  const Octets asked = udp4(A, B, {});
  EXPECT_TRUE(b_to_a(error4(B, A, asked)));  // there is no connection yet
  set_policy({web_to_app(allow)}, PolicyDefault::deny);
  EXPECT_TRUE(a_to_b(asked));
  EXPECT_TRUE(b_to_a(error4(B, A, asked)));
  EXPECT_EQ(drops(), 0U);
}

TEST_F(Related, TheSwitchsOwnErrorsPassWithTheConnection) {
  set_policy({any_to_any(allow, rules::protocol(kIpProtoUdp))}, PolicyDefault::deny);
  receive_from(0, packet(udp_frame(link(A, R), v4(A, R), {}, random_octets(1500, 1))));
  ASSERT_EQ(port(0).sent.size(), 1U);
  EXPECT_EQ(last_of(0)[34], kIcmpUnreachable);
  EXPECT_TRUE(dropped_only(DropReason::inner_too_big));
}

}  // namespace
}  // namespace weft::stage_test
