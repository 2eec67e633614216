// An Underlay (the VTEP as a host on its uplink) and the clock it lives by.
#pragma once

#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/underlay.h"
#include "control/underlay_frames.h"
#include "control/underlay_golden.h"

namespace weft::control {

using Octets = std::vector<std::uint8_t>;
using std::chrono::milliseconds;
using std::chrono::seconds;

inline constexpr UplinkIndex kUplink{3};
inline constexpr MacAddress kUs{{2, 0, 0, 0, 0, 1}};
inline constexpr MacAddress kPeer{{2, 0, 0, 0, 0, 2}};
inline constexpr MacAddress kMoved{{2, 0, 0, 0, 0, 3}};

inline IpAddress ip(const char* text) {
  return *parse_ip(text);
}
inline const IpAddress kPeer4 = ip("192.0.2.2");
inline const IpAddress kPeer6 = ip("2001:db8::2");

/// An Underlay with one uplink that has already made its announcements.
class UnderlayTest : public ::testing::Test {
 protected:
  UnderlayTest() {
    underlay_.set_uplink(kUplink, host(), now_);
    wait(seconds{10});
  }

  static UnderlayHost host() {
    return {
        .mac = kUs,
        .addresses = {*parse_prefix("192.0.2.1/24"), *parse_prefix("2001:db8::1/64")},
        .mtu = 1500};
  }

  /// A frame in a heap buffer of its exact size, so that a sanitizer sees one octet too many.
  UnderlayOutput receive(ConstBytes frame) {
    const auto exact = std::make_unique<std::uint8_t[]>(frame.size());
    std::copy(frame.begin(), frame.end(), exact.get());
    return underlay_.receive(kUplink, ConstBytes{exact.get(), frame.size()}, now_);
  }

  /// Lets time pass in steps of 100 ms and collects what was sent and reported.
  UnderlayOutput wait(std::chrono::milliseconds duration) {
    UnderlayOutput all;
    for (const Instant end = now_ + duration; now_ < end;) {
      now_ += milliseconds{100};
      UnderlayOutput out = underlay_.tick(now_);
      std::move(out.frames.begin(), out.frames.end(), std::back_inserter(all.frames));
      std::move(out.neighbors.begin(), out.neighbors.end(), std::back_inserter(all.neighbors));
      std::move(out.path_mtus.begin(), out.path_mtus.end(), std::back_inserter(all.path_mtus));
    }
    return all;
  }

  static std::vector<Octets> octets(const UnderlayOutput& out) {
    std::vector<Octets> all;
    for (const UnderlayFrame& frame : out.frames) {
      EXPECT_EQ(frame.uplink, kUplink);
      all.push_back(frame.octets);
    }
    return all;
  }

  static void expect_nothing(const UnderlayOutput& out) {
    EXPECT_THAT(out.frames, ::testing::IsEmpty());
    EXPECT_THAT(out.neighbors, ::testing::IsEmpty());
    EXPECT_THAT(out.path_mtus, ::testing::IsEmpty());
    EXPECT_THAT(out.conflicts, ::testing::IsEmpty());
  }

  static void expect_change(
      const UnderlayOutput& out,
      const IpAddress& address,
      std::optional<MacAddress> before,
      std::optional<MacAddress> after
  ) {
    ASSERT_EQ(out.neighbors.size(), 1U);
    EXPECT_EQ(out.neighbors[0].uplink, kUplink);
    EXPECT_EQ(out.neighbors[0].address, address);
    EXPECT_EQ(out.neighbors[0].before, before);
    EXPECT_EQ(out.neighbors[0].after, after);
  }

  NeighborState state() const { return underlay_.neighbors().at(0).state; }

  Underlay underlay_;
  Instant now_{};
};

}  // namespace weft::control
