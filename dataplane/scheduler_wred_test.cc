// Early drops and ECN marks, as the scheduler makes them.
#include <array>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataplane/testing/scheduler_fixture.h"

namespace weft {
namespace {

using namespace wire_test;

/// Share of the arriving frames of each colour that is dropped early when the queue stands at `length`.
class Red : public SchedulerTest {
 protected:
  std::array<double, 3> losses_at(std::uint32_t length) {
    make({});
    std::array<double, 3> lost{};
    // The queue is held at this length: each frame that came in is taken out again.
    for (int i = 0; i < 30'000; ++i) {
      const auto colour = static_cast<std::size_t>(i % 3);
      while (scheduler_->counters(Phb::af1).length.get() < length) {
        if (put(Phb::af1, 64) != DropReason::none) break;
      }
      const DropReason reason = put(Phb::af1, 64, static_cast<Colour>(colour));
      if (i >= 3000 && reason == DropReason::early_drop) lost[colour] += 1.0 / 9000;
      if (reason == DropReason::none) {
        EXPECT_EQ(take(1).size(), 1U);
      }
    }
    return lost;
  }
};

// Defaults at a capacity of 256: red 38-102, yellow 77-179, green 128-230 frames.
TEST_F(Red, ShortQueuesLoseNothing) {
  EXPECT_EQ(losses_at(30), (std::array<double, 3>{}));
}

TEST_F(Red, RedGoesFirst) {
  const auto [green, yellow, red] = losses_at(70);
  EXPECT_EQ(green, 0);
  EXPECT_EQ(yellow, 0);
  EXPECT_NEAR(red, 0.10, 0.02);  // half way up to 20 %
}

TEST_F(Red, ThenYellow) {
  const auto [green, yellow, red] = losses_at(125);
  EXPECT_EQ(green, 0);
  EXPECT_NEAR(yellow, 0.047, 0.015);
  EXPECT_NEAR(red, 1, 1e-6);  // beyond max
}

TEST_F(Red, GreenLast) {
  const auto [green, yellow, red] = losses_at(185);
  EXPECT_NEAR(green, 0.028, 0.01);
  EXPECT_NEAR(yellow, 1, 1e-6);
  EXPECT_NEAR(red, 1, 1e-6);
}

TEST_F(Red, ForgetsCongestionWhileTheQueueIsEmpty) {
  make({});
  while (scheduler_->counters(Phb::best_effort).dropped_early.get() == 0) {
    if (put(Phb::best_effort, 64) == DropReason::queue_full) take(1);
  }
  while (!take().empty()) {
  }
  // Right after, yellow would still suffer; after a second it does not.
  now_ += kHz;
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(put(Phb::best_effort, 64, Colour::red), DropReason::none);
    EXPECT_EQ(take().size(), 1U);
  }
}

/// Puts frames made from `octets` into a queue that stands between min and max of red until one is neither
/// passed nor dropped without a mark; the mbuf that was marked, or nullptr if it was dropped.
class Ecn : public SchedulerTest {
 protected:
  Packet first_notified(const Octets& octets, EgressClass egress) {
    make({});
    egress.phb = Phb::af1;
    egress.colour = Colour::red;
    const QueueCounters& counters = scheduler_->counters(Phb::af1);
    for (int i = 0; i < 100'000; ++i) {
      while (counters.length.get() < 70) {
        if (put(Phb::af1, 64) != DropReason::none) break;
      }
      rte_mbuf* frame = packet(octets).release();
      const DropReason reason = scheduler_->enqueue(frame, egress, Tsc{now_});
      if (reason == DropReason::early_drop) {
        rte_pktmbuf_free(frame);
        EXPECT_EQ(counters.marked.get(), 0U);
        return nullptr;
      }
      EXPECT_EQ(reason, DropReason::none);
      queue_of_[frame] = Phb::af1;
      if (counters.marked.get() == 1) {
        EXPECT_EQ(counters.dropped_early.get(), 0U);
        return drain_to(frame);
      }
      take(1);
    }
    ADD_FAILURE() << "nothing was notified";
    return nullptr;
  }

  /// Everything out and freed but `wanted`.
  Packet drain_to(rte_mbuf* wanted) {
    std::array<rte_mbuf*, 64> out;
    Packet found;
    while (const std::uint16_t count = scheduler_->drain(out.data(), out.size())) {
      for (std::uint16_t i = 0; i < count; ++i) {
        if (out[i] == wanted) {
          found.reset(wanted);
        } else {
          rte_pktmbuf_free(out[i]);
        }
      }
    }
    return found;
  }
};

TEST_F(Ecn, AnEctPacketIsMarkedNotDropped) {
  const Octets octets = udp_frame({}, Ip4{.tos = 0x2A}, {}, counting(100));
  const Packet marked = first_notified(octets, {.l3 = L3Kind::ipv4, .l3_offset = 14});
  ASSERT_NE(marked, nullptr);
  EXPECT_EQ(octets_of(marked.get())[15], 0x2B);
  EXPECT_EQ(checksum_faults(octets_of(marked.get())), "");
}

TEST_F(Ecn, MarksIpv6BehindATag) {
  const Octets octets =
      udp_frame(Ethernet{.vlans = {7}}, Ip6{.traffic_class = 0x29}, {}, counting(100));
  const Packet marked = first_notified(octets, {.l3 = L3Kind::ipv6, .l3_offset = 18});
  ASSERT_NE(marked, nullptr);
  EXPECT_EQ(parse_frame(octets_of(marked.get())).tos, 0x2B);
}

TEST_F(Ecn, APacketThatIsNotEctIsDropped) {
  const Octets octets = udp_frame({}, Ip4{.tos = 0x28}, {}, counting(100));
  EXPECT_EQ(first_notified(octets, {.l3 = L3Kind::ipv4, .l3_offset = 14}), nullptr);
}

TEST_F(Ecn, AFrameWhoseOctetsOthersReadIsNotWrittenTo) {
  make({});
  const Packet original = packet(udp_frame({}, Ip4{.tos = 0x2A}, {}, counting(100)));
  for (int i = 0; i < 90; ++i) static_cast<void>(put(Phb::af1, 64));
  const QueueCounters& counters = scheduler_->counters(Phb::af1);
  for (int i = 0; i < 100'000 && counters.dropped_early.get() == 0; ++i) {
    rte_mbuf* clone = rte_pktmbuf_clone(original.get(), pools().small);
    ASSERT_NE(clone, nullptr);
    const EgressClass egress{Phb::af1, Colour::red, L3Kind::ipv4, 14};
    if (scheduler_->enqueue(clone, egress, Tsc{now_}) != DropReason::none) {
      rte_pktmbuf_free(clone);
    } else {
      queue_of_[clone] = Phb::af1;
      take(1);
    }
  }
  EXPECT_EQ(counters.dropped_early.get(), 1U);
  EXPECT_EQ(counters.marked.get(), 0U);
  EXPECT_EQ(octets_of(original.get())[15], 0x2A);
}

// RFC 7567 s4.2.1: excessive traffic is dropped although it says ECT.
TEST_F(Ecn, BeyondMaxEvenEctIsDropped) {
  make({});
  for (int i = 0; i < 2000; ++i) {
    if (put(Phb::af1, 64) == DropReason::none && scheduler_->length() > 150) take(1);
  }
  const QueueCounters& counters = scheduler_->counters(Phb::af1);
  const std::uint64_t before = counters.dropped_early.get();
  Packet frame = packet(udp_frame({}, Ip4{.tos = 0x2A}, {}, counting(100)));
  const EgressClass egress{Phb::af1, Colour::red, L3Kind::ipv4, 14};
  EXPECT_EQ(scheduler_->enqueue(frame.get(), egress, Tsc{now_}), DropReason::early_drop);
  EXPECT_EQ(counters.dropped_early.get(), before + 1);
  EXPECT_EQ(counters.marked.get(), 0U);
}

TEST_F(Red, TheSameSeedMakesTheSameChoices) {
  std::array<std::vector<bool>, 2> dropped;
  for (std::vector<bool>& run : dropped) {
    make({});
    for (int i = 0; i < 250; ++i) {
      run.push_back(put(Phb::af1, 64, Colour::red) == DropReason::early_drop);
    }
    scheduler_.reset();
  }
  EXPECT_EQ(dropped[0], dropped[1]);
}

}  // namespace
}  // namespace weft
