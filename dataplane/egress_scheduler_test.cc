// Schedulers on the packet path: frames wait in front of a port, are counted while they do, and are not lost
// without a reason.
#include <memory>

#include "dataplane/scheduler.h"
#include "dataplane/testing/flow_fixture.h"

namespace weft::stage_test {
namespace {

using classifier::Phb;

constexpr std::uint64_t kHz = 1'000'000'000;
constexpr std::uint64_t kRate = 1'000'000;  // octets/s
constexpr std::uint64_t kBurst = 2'000;     // octets
constexpr std::size_t kFrame = 1'000;       // octets
constexpr std::uint64_t kFrameTicks = kHz / kRate * kFrame;

class EgressScheduler : public StageTest {
 protected:
  void TearDown() override {
    // What is still queued goes with the endpoint or uplink, as control would have it.
    stop_shaping();
    EXPECT_EQ(counters_.queued.get(), 0U);
    StageTest::TearDown();
  }
  void shape_b(SchedulerConfig config = shaped()) {
    make(config);
    change([this](Snapshot& s) {
      s.endpoints.mutate(1).scheduler = scheduler_.get();
      s.endpoints.mutate(1).plan = plan_;
    });
  }
  void shape_uplink(SchedulerConfig config = shaped()) {
    make(config);
    change([this](Snapshot& s) {
      s.uplinks[0].scheduler[0] = scheduler_.get();
      s.uplinks[0].plan = plan_;
    });
  }
  void stop_shaping() {
    change([](Snapshot& s) {
      s.endpoints.mutate(1).scheduler = nullptr;
      s.uplinks[0].scheduler[0] = nullptr;
    });
    serve();
  }
  static SchedulerConfig shaped() {
    SchedulerConfig config{.rate = kRate, .burst = kBurst};
    for (QueueConfig& queue : config.queues) queue = {.capacity = 4};
    return config;
  }
  static Octets frame_to(const Host& to, std::uint8_t dscp = 0) {
    const Ip4 ip{
        .source = A.v4, .destination = to.v4, .tos = static_cast<std::uint8_t>(dscp << 2U)};
    return udp_frame(link(A, to), ip, {}, counting(kFrame - 42));
  }
  void send(const Host& to, unsigned count, std::uint8_t dscp = 0) {
    for (unsigned i = 0; i < count; ++i) receive_from(0, packet(frame_to(to, dscp)));
  }
  unsigned serve() {
    const unsigned waiting = serve_backlog(*context_);
    flush(*context_);
    return waiting;
  }
  unsigned serve_after(std::uint64_t ticks) {
    context_->now = Tsc{context_->now.value() + ticks};
    return serve();
  }

  std::unique_ptr<PortScheduler> scheduler_;
  std::shared_ptr<const SchedulerPlan> plan_;

 private:
  void make(const SchedulerConfig& config) {
    ASSERT_EQ(problem_of(config, 0).value_or(""), "");
    plan_ = std::make_shared<SchedulerPlan>(compile(config, 1, kHz));
    scheduler_ = std::make_unique<PortScheduler>(*plan_);
  }
};

TEST_F(EgressScheduler, ShapesWhatGoesIntoAContainer) {
  shape_b();
  send(B, 5);
  EXPECT_EQ(port(1).sent.size(), 2U);  // the burst
  EXPECT_EQ(counters_.queued.get(), 3U);
  for (unsigned sent = 3; sent <= 5; ++sent) {
    EXPECT_EQ(serve_after(kFrameTicks - 1), 1U);
    EXPECT_EQ(port(1).sent.size(), sent - 1);
    (void)serve_after(1);
    EXPECT_EQ(port(1).sent.size(), sent);
  }
  EXPECT_EQ(serve(), 0U);
  EXPECT_EQ(drops(), 0U);
}

TEST_F(EgressScheduler, DropsWhatAQueueHasNoRoomFor) {
  shape_b();
  send(B, 10);
  EXPECT_EQ(port(1).sent.size(), 2U);
  EXPECT_EQ(counters_.queued.get(), 4U);
  EXPECT_TRUE(dropped_only(DropReason::queue_full, 4));
}

TEST_F(EgressScheduler, SendsTheBetterClassFirst) {
  shape_b();
  send(B, 5);
  send(B, 1, classifier::kDscpExpedited);
  (void)serve_after(kFrameTicks);
  EXPECT_EQ(octets_of(port(1).sent.back().get())[15] >> 2, classifier::kDscpExpedited);
}

TEST_F(EgressScheduler, ShapesAnUplink) {
  shape_uplink();
  send(R, 4);
  EXPECT_EQ(uplink().sent.size(), 1U);  // with its outer header the second one is too much
  EXPECT_EQ(counters_.queued.get(), 3U);
  (void)serve_after(4 * kFrameTicks);
  EXPECT_EQ(uplink().sent.size(), 2U);  // the bucket saves no more than the burst
  (void)serve_after(2 * kFrameTicks);
  (void)serve_after(2 * kFrameTicks);
  EXPECT_EQ(uplink().sent.size(), 4U);
  EXPECT_EQ(counters_.queued.get(), 0U);
}

TEST_F(EgressScheduler, MarksTheOuterHeaderOfATunnelPacketInsteadOfDroppingIt) {
  SchedulerConfig config = shaped();
  config.queue(Phb::best_effort) = {
      .capacity = 256, .has_wred = true, .wred = {{{0, 100, 100}, {0, 100, 100}, {0, 100, 100}}}};
  shape_uplink(config);
  const Ip4 ect{.source = A.v4, .destination = R.v4, .tos = 2};
  for (int i = 0; i < 200; ++i)
    receive_from(0, packet(udp_frame(link(A, R), ect, {}, counting(20))));
  const QueueCounters& queue = scheduler_->counters(Phb::best_effort);
  EXPECT_GT(queue.marked.get(), 0U);
  EXPECT_EQ(drops(), 0U);
  unsigned marked = 0;
  while (serve_after(kFrameTicks) != 0) continue;
  for (const Packet& sent : uplink().sent) {
    const Octets octets = octets_of(sent.get());
    EXPECT_EQ(naive_sum(ConstBytes{octets}.subspan(14, 20)), 0xFFFF);
    EXPECT_EQ(octets[50 + 15] & 3, 2);  // the inner one is told by decapsulation
    marked += (octets[15] & 3) == 3 ? 1U : 0U;
  }
  EXPECT_EQ(marked, queue.marked.get());
}

TEST_F(EgressScheduler, TellsWhoIsNotEcnCapableByADrop) {
  SchedulerConfig config = shaped();
  config.queue(Phb::best_effort) = {
      .capacity = 256, .has_wred = true, .wred = {{{0, 1, 100}, {0, 1, 100}, {0, 1, 100}}}};
  shape_b(config);
  send(B, 250);
  EXPECT_GT(drops(DropReason::early_drop), 0U);
  EXPECT_TRUE(dropped_only(DropReason::early_drop, drops()));
}

TEST_F(EgressScheduler, WhatWaitsForAnEndpointThatGoesIsPortGone) {
  shape_b();
  send(B, 5);
  change([](Snapshot& s) { s.endpoints.mutate(1).in_use = false; });
  EXPECT_EQ(serve(), 0U);
  EXPECT_TRUE(dropped_only(DropReason::port_gone, 3));
  EXPECT_EQ(counters_.queued.get(), 0U);
  EXPECT_EQ(scheduler_->length(), 0U);
}

TEST_F(EgressScheduler, WhatWaitsForAnotherPortThatHadTheIndexIsPortGone) {
  shape_b();
  send(B, 5);
  FakePort other{"other", PortTraits{true, true, kMaxFrame}};
  change([&](Snapshot& s) { s.endpoints.mutate(1).port = &other; });
  EXPECT_EQ(serve_after(10 * kFrameTicks), 0U);
  EXPECT_TRUE(other.sent.empty());
  EXPECT_TRUE(dropped_only(DropReason::port_gone, 3));
}

TEST_F(EgressScheduler, WhatWaitsForAnUplinkThatIsRemovedIsPortGone) {
  shape_uplink();
  send(R, 3);
  change([](Snapshot& s) { s.uplinks[0].in_use = false; });
  EXPECT_EQ(serve(), 0U);
  EXPECT_TRUE(dropped_only(DropReason::port_gone, 2));
}

TEST_F(EgressScheduler, TakesANewRateWithoutLosingWhatWaits) {
  shape_b();
  send(B, 4);
  SchedulerConfig faster = shaped();
  faster.rate = 100 * kRate;
  auto plan = std::make_shared<SchedulerPlan>(compile(faster, 2, kHz));
  change([&](Snapshot& s) { s.endpoints.mutate(1).plan = plan; });
  context_->now = Tsc{context_->now.value() + kFrameTicks / 10};
  send(B, 1);
  EXPECT_EQ(scheduler_->version(), 2U);
  (void)serve_after(kFrameTicks);
  (void)serve_after(kFrameTicks);
  EXPECT_EQ(port(1).sent.size(), 5U);
}

TEST_F(EgressScheduler, DropsWhenThereIsNoRoomToRememberOneMoreScheduler) {
  shape_b();
  context_->backlog = std::vector<StageContext::Backlog>{};
  send(B, 1);
  EXPECT_TRUE(dropped_only(DropReason::queue_full));
}

}  // namespace
}  // namespace weft::stage_test
