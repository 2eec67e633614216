// What the VTEP believes of routers that say a packet was too big.
#include "control/testing/underlay_fixture.h"

namespace weft::control {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(UnderlayTest, LowersThePathMtuAndLiftsItAgain) {  // RFC 1191 s3, s6.3
  const IpAddress remote = ip("198.51.100.7");
  const UnderlayOutput out = receive(golden::kFragNeeded1400);
  ASSERT_THAT(out.path_mtus, SizeIs(1));
  EXPECT_EQ(out.path_mtus[0].remote, remote);
  EXPECT_EQ(out.path_mtus[0].mtu, 1400U);
  EXPECT_EQ(underlay_.path_mtu(kUplink, remote), 1400U);
  expect_nothing(receive(golden::kFragNeeded1450));  // never raises
  EXPECT_THAT(receive(golden::kFragNeeded1300).path_mtus, SizeIs(1));

  now_ += std::chrono::minutes{9};
  expect_nothing(receive(golden::kFragNeeded1300));  // renewed, not reported again
  now_ += std::chrono::minutes{9};
  expect_nothing(underlay_.tick(now_));
  now_ += std::chrono::minutes{1};
  const UnderlayOutput lifted = underlay_.tick(now_);
  ASSERT_THAT(lifted.path_mtus, SizeIs(1));
  EXPECT_EQ(lifted.path_mtus[0].mtu, 1500U);
  EXPECT_EQ(underlay_.path_mtu(kUplink, remote), std::nullopt);
}

TEST_F(UnderlayTest, BoundsThePathMtuFromBelow) {
  ASSERT_THAT(receive(golden::kFragNeeded100).path_mtus, SizeIs(1));
  EXPECT_EQ(underlay_.path_mtu(kUplink, ip("198.51.100.7")), 576U);
  expect_nothing(receive(golden::kTooBig1000));  // RFC 8201 s4: below 1280 is discarded
  ASSERT_THAT(receive(golden::kTooBig1400).path_mtus, SizeIs(1));
  EXPECT_EQ(underlay_.path_mtu(kUplink, ip("2001:db8:1::7")), 1400U);
}

TEST_F(UnderlayTest, GuessesThePathMtuThatAnOldRouterDoesNotSay) {  // RFC 1191 s5
  Octets frame = golden::kFragNeededNoMtu;
  receive(frame);
  EXPECT_EQ(underlay_.path_mtu(kUplink, ip("198.51.100.7")), 576U);  // quoted packet: 69 octets
}

TEST_F(UnderlayTest, BelievesPathMtusOfTunnelsOnly) {
  EXPECT_THAT(receive(golden::kFragNeededGre).path_mtus, SizeIs(1));
  underlay_.remove_uplink(kUplink);
  underlay_.set_uplink(kUplink, host(), now_);
  expect_nothing(receive(golden::kFragNeededTcpIcmp));
}

TEST(Underlay, AsksWhetherTheRemoteIsOne) {
  bool is_remote = false;
  Underlay underlay{[&](UplinkIndex, const IpAddress&) { return is_remote; }};
  const UnderlayHost host{.mac = kUs, .addresses = {*parse_prefix("192.0.2.1/24")}};
  underlay.set_uplink(kUplink, host, Instant{});
  EXPECT_THAT(underlay.receive(kUplink, golden::kFragNeeded1400, {}).path_mtus, IsEmpty());
  is_remote = true;
  EXPECT_THAT(underlay.receive(kUplink, golden::kFragNeeded1400, {}).path_mtus, SizeIs(1));
}

}  // namespace
}  // namespace weft::control
