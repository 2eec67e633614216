// SchedulerTest: a GoogleTest fixture around a PortScheduler with simulated time. It knows which queue each frame
// is in, and each test ends with no mbuf lost.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/port/testing/packet_fixture.h"
#include "dataplane/scheduler.h"

namespace weft::wire_test {

using classifier::Colour;
using classifier::kPhbCount;
using classifier::Phb;

inline constexpr std::uint64_t kHz = 2'600'000'000;
inline constexpr std::uint64_t kRate = 12'500'000;  // octets/s: 100 Mbit/s
inline constexpr std::uint64_t kBurst = 20'000;     // octets

inline std::size_t index_of(Phb phb) {
  return static_cast<std::size_t>(phb);
}

inline SchedulerConfig shaped() {
  return {.rate = kRate, .burst = kBurst};
}
inline SchedulerConfig without_wred(SchedulerConfig config) {
  for (QueueConfig& queue : config.queues) queue.has_wred = false;
  return config;
}

/// An mbuf of that many octets, none of which is written. At most kSmallRoom.
inline rte_mbuf* blank(std::uint32_t octets) {
  rte_mbuf* frame = rte_pktmbuf_alloc(pools().small);
  if (frame == nullptr ||
      rte_pktmbuf_append(frame, static_cast<std::uint16_t>(octets)) == nullptr) {
    throw std::runtime_error{"no mbuf"};
  }
  return frame;
}

class SchedulerTest : public PacketTest {
 protected:
  void make(const SchedulerConfig& config) {
    EXPECT_EQ(problem_of(config, 0).value_or(""), "");
    scheduler_.emplace(compile(config, 1, kHz));
  }
  void TearDown() override {
    scheduler_.reset();
    PacketTest::TearDown();
  }

  /// Queues a frame, or frees it and answers why not.
  DropReason put(Phb phb, std::uint32_t octets, Colour colour = Colour::green) {
    rte_mbuf* frame = blank(octets);
    const DropReason reason = scheduler_->enqueue(frame, {.phb = phb, .colour = colour}, Tsc{now_});
    if (reason == DropReason::none) {
      queue_of_[frame] = phb;
    } else {
      rte_pktmbuf_free(frame);
    }
    return reason;
  }
  void fill(Phb phb, unsigned count, std::uint32_t octets) {
    for (unsigned i = 0; i < count; ++i) ASSERT_EQ(put(phb, octets), DropReason::none);
  }

  struct Sent {
    Phb phb;
    std::uint32_t octets;
  };
  /// What may leave now, at most `max`.
  std::vector<Sent> take(std::uint16_t max = 64) {
    std::array<rte_mbuf*, 64> out;
    const std::uint16_t count = scheduler_->dequeue(Tsc{now_}, out.data(), max);
    std::vector<Sent> sent;
    for (std::uint16_t i = 0; i < count; ++i) {
      sent.push_back({queue_of_.at(out[i]), out[i]->pkt_len});
      rte_pktmbuf_free(out[i]);
    }
    return sent;
  }
  std::vector<Phb> order() {
    std::vector<Phb> order;
    for (const Sent& sent : take()) order.push_back(sent.phb);
    return order;
  }

  /// Keeps some queues filled with frames of random sizes and takes what may leave, for that many seconds in
  /// steps of 50 microseconds. Octets that left, by class.
  std::array<std::uint64_t, kPhbCount> run(
      double seconds, const std::vector<Phb>& load, const std::function<std::uint32_t(Phb)>& size
  ) {
    std::array<std::uint64_t, kPhbCount> octets{};
    constexpr std::uint64_t kStep = kHz / 20'000;
    const auto end = now_ + static_cast<std::uint64_t>(seconds * static_cast<double>(kHz));
    for (; now_ < end; now_ += kStep) {
      for (const Phb phb : load) {
        while (scheduler_->counters(phb).length.get() < 30) {
          if (put(phb, size(phb)) != DropReason::none) break;
        }
      }
      for (const Sent& sent : take()) octets[index_of(sent.phb)] += sent.octets;
    }
    return octets;
  }

  std::optional<PortScheduler> scheduler_;
  std::uint64_t now_ = 12'345;
  std::map<const rte_mbuf*, Phb> queue_of_;
  Random random_;
};

}  // namespace weft::wire_test
