// Two workers on two threads: hand-over, publication under traffic, reports. `./check --full` runs this
// under ThreadSanitizer.
#include "dataplane/worker.h"

#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <rte_cycles.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dataplane/port/testing/packet_fixture.h"

namespace weft {
namespace {

using namespace wire_test;  // NOLINT

/// Gives out copies of one frame until `left` is used up, and counts and frees what it is sent.
class LoopPort final : public Port {
 public:
  LoopPort(std::string name, const Octets& frame, std::uint64_t left)
      : Port{std::move(name), PortTraits{true, true, kMaxFrame}}, frame_{frame}, left_{left} {}

  std::uint16_t rx_burst(rte_mbuf** out, std::uint16_t max) noexcept override {
    std::uint16_t count = 0;
    while (count < max && left_ > 0) {
      rte_mbuf* mbuf = rte_pktmbuf_alloc(pools().small);
      if (mbuf == nullptr) break;
      std::memcpy(
          rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(frame_.size())),
          frame_.data(),
          frame_.size()
      );
      meta(mbuf) = PacketMeta{};
      out[count++] = mbuf;
      --left_;
    }
    return count;
  }
  std::uint16_t tx_burst(rte_mbuf** frames, std::uint16_t count) noexcept override {
    rte_pktmbuf_free_bulk(frames, count);
    sent.fetch_add(count, std::memory_order_relaxed);
    return count;
  }
  [[nodiscard]] bool is_alive() const noexcept override { return is_alive_.load(); }
  [[nodiscard]] const char* kind() const noexcept override { return "loop"; }
  void die() { is_alive_.store(false); }

  std::atomic<std::uint64_t> sent{0};

 private:
  Octets frame_;
  std::uint64_t left_;  // owner: rw
  std::atomic<bool> is_alive_{true};
};

class Workers : public PacketTest {
 protected:
  static constexpr std::uint64_t kFrames = 20'000;

  void SetUp() override {
    PacketTest::SetUp();
    for (std::uint16_t w = 0; w < 2; ++w) {
      auto made = Worker::make(
          {.id = WorkerId{w},
           .pools = pools(),
           .tsc_hz = rte_get_tsc_hz(),
           .idle = {.may_sleep = true}},
          published_,
          qsbr_
      );
      ASSERT_TRUE(made.is_ok());
      workers_.push_back(std::move(*made));
    }
    Worker::connect(*workers_[0], *workers_[1]);
    Worker::connect(*workers_[1], *workers_[0]);
    // A, owned by worker 0, sends to B, owned by worker 1, and the other way round.
    a_ = std::make_unique<LoopPort>("a", udp_frame({}, Ip4{}, {}, random_octets(50, 1)), kFrames);
    b_ = std::make_unique<LoopPort>(
        "b",
        udp_frame(
            {.destination = kMacA, .source = kMacB},
            Ip4{.source = kIp4B, .destination = kIp4A},
            {},
            random_octets(60, 2)
        ),
        kFrames
    );
    publish(1);
  }

  void publish(std::uint64_t generation) {
    auto next = std::make_shared<Snapshot>();
    next->generation = Generation{generation};
    next->segments.grow(1);
    SegmentEntry& segment = next->segments.mutate(0);
    segment.in_use = true;
    segment.mtu = 1500;
    segment.flood = std::make_shared<FloodList>();
    next->endpoints.grow(2);
    const MacAddress macs[] = {kMacA, kMacB};
    LoopPort* const ports[] = {a_.get(), b_.get()};
    for (std::uint16_t i = 0; i < 2; ++i) {
      EndpointEntry& endpoint = next->endpoints.mutate(i);
      endpoint.in_use = true;
      endpoint.owner = WorkerId{i};
      endpoint.port = ports[i];
      endpoint.guard.is_enabled = false;
      next->fdb.set(
          fdb_key(SegmentIndex{0}, macs[i]), FdbEntry{Destination{EndpointIndex{i}}, true}
      );
      auto polled = std::make_shared<std::vector<Snapshot::Polled>>();
      polled->push_back({ports[i], EndpointIndex{i}, UplinkIndex{}});
      next->polled[i] = std::move(polled);
    }
    const auto previous = published_.publish(std::move(next));
    if (!threads_.empty()) {
      const std::uint64_t epoch = qsbr_.advance();
      while (!qsbr_.has_passed(epoch)) std::this_thread::yield();
    }
  }

  void start() {
    for (std::uint16_t w = 0; w < 2; ++w) {
      qsbr_.enlist(w);
      threads_.emplace_back([this, w] { workers_[w]->run(); });
    }
  }

  void stop() {
    for (auto& worker : workers_) worker->stop();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  void TearDown() override {
    stop();
    workers_.clear();
    PacketTest::TearDown();
  }

  static std::uint64_t drops(const WorkerCounters& counters) {
    std::uint64_t sum = 0;
    for (const Counter& counter : counters.drops.by_reason) sum += counter.get();
    return sum;
  }

  /// The law of one worker, between two of its iterations.
  void expect_conserved(Worker& worker) {
    worker.request_report();
    while (!worker.has_report()) std::this_thread::yield();
    const WorkerCounters& c = worker.report();
    EXPECT_EQ(
        c.rx.get() + c.cloned.get() + c.segmented.get() + c.injected.get() + c.taken_over.get(),
        c.tx.get() + drops(c) + c.coalesced.get() + c.punted.get() + c.handed_over.get()
    );
  }

  Published<Snapshot> published_;
  Qsbr<kMaxWorkers> qsbr_;
  std::unique_ptr<LoopPort> a_;
  std::unique_ptr<LoopPort> b_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::thread> threads_;
};

TEST_F(Workers, HandOverBothWaysWhileSnapshotsChange) {
  start();
  std::uint64_t generation = 1;
  const auto done = [this] {
    const auto lost = drops(workers_[0]->counters()) + drops(workers_[1]->counters());
    return a_->sent.load() + b_->sent.load() + lost >= 2 * kFrames;
  };
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{60};
  while (!done() && std::chrono::steady_clock::now() < deadline) {
    publish(++generation);
    for (auto& worker : workers_) expect_conserved(*worker);
  }
  EXPECT_TRUE(done());
  for (auto& worker : workers_) {
    EXPECT_EQ(worker->generation().value(), generation);
    EXPECT_GT(worker->counters().handed_over.get(), 0U);
    // What is lost between two workers is lost for one reason only.
    EXPECT_EQ(drops(worker->counters()), worker->counters().drops.get(DropReason::handoff_full));
  }
}

TEST_F(Workers, ReportADeadPortOnce) {
  start();
  a_->die();
  WorkerEvent event;
  while (!workers_[0]->events().pop(event)) std::this_thread::yield();
  EXPECT_EQ(event.kind, WorkerEvent::Kind::port_dead);
  EXPECT_EQ(event.endpoint, EndpointIndex{0});
  publish(2);
  publish(3);
  EXPECT_FALSE(workers_[0]->events().pop(event));
}

TEST_F(Workers, TransmitWhatControlInjects) {
  start();
  rte_mbuf* frame = rte_pktmbuf_alloc(pools().small);
  ASSERT_NE(frame, nullptr);
  static_cast<void>(rte_pktmbuf_append(frame, 60));
  WorkerCommand command;
  command.frame = frame;
  ASSERT_TRUE(workers_[0]->commands().push(command));
  // There is no uplink 0: the frame is counted where an operator would look for it.
  while (workers_[0]->counters().drops.get(DropReason::uplink_down) == 0) std::this_thread::yield();
  EXPECT_EQ(workers_[0]->counters().injected.get(), 1U);
  expect_conserved(*workers_[0]);
}

TEST_F(Workers, WatchAndUnwatchAnFd) {
  const int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  EXPECT_TRUE(workers_[0]->watch(EndpointIndex{0}, fd).is_ok());
  const Status again = workers_[0]->watch(EndpointIndex{0}, fd);
  ASSERT_FALSE(again.is_ok());
  EXPECT_NE(again.error().message.find("worker 0: cannot watch fd"), std::string::npos);
  workers_[0]->unwatch(fd);
  EXPECT_TRUE(workers_[0]->watch(EndpointIndex{0}, fd).is_ok());
  workers_[0]->unwatch(fd);
  close(fd);
}

}  // namespace
}  // namespace weft
