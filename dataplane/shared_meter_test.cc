#include "dataplane/shared_meter.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace weft {
namespace {

using classifier::Colour;
using classifier::CompiledMeter;

constexpr std::uint64_t kHz = 1'000'000'000;

CompiledMeter meter_of(std::uint64_t cir, std::uint64_t cbs, std::uint64_t ebs) {
  return classifier::compile({.cir = cir, .cbs = cbs, .excess_burst = ebs}, 1, kHz);
}

TEST(SharedMeter, JudgesAsAMeterOfItsOwnDoes) {
  const CompiledMeter compiled = meter_of(1'000'000, 3000, 5000);
  SharedMeter shared;
  classifier::Meter own;
  std::mt19937 random{1};
  std::uint64_t now = 1;
  for (int i = 0; i < 10'000; ++i) {
    now += random() % 1'000'000;
    const auto octets = static_cast<std::uint32_t>(40 + random() % 1400);
    ASSERT_EQ(
        shared.judge(compiled, Tsc{now}, octets, Colour::green),
        own.judge(compiled, Tsc{now}, octets, Colour::green)
    ) << i;
  }
}

// However workers' packets mix: what passes is the burst and what the time brought, to the octet.
TEST(SharedMeter, GrantsNoMoreThanItsRateToAllTogether) {
  constexpr unsigned kThreads = 4;
  constexpr unsigned kPackets = 20'000;
  constexpr std::uint32_t kOctets = 100;
  // In the microseconds that the clocks of this test say, one octet comes.
  const CompiledMeter compiled = meter_of(1'000'000, 1'000'000, 500'000);
  const auto meter = std::make_unique<SharedMeter>();
  std::array<std::atomic<std::uint64_t>, classifier::kColourCount> octets{};
  std::vector<std::thread> workers;
  for (unsigned i = 0; i < kThreads; ++i) {
    workers.emplace_back([&] {
      for (unsigned packet = 0; packet < kPackets; ++packet) {
        const Tsc now{1 + std::uint64_t{packet} * 1000};
        const Colour colour = meter->judge(compiled, now, kOctets, Colour::green);
        octets[static_cast<std::size_t>(colour)] += kOctets;
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  const std::uint64_t passed = octets[0] + octets[1];
  constexpr std::uint64_t kMost = 1'000'000 + 500'000 + kPackets;
  EXPECT_LE(passed, kMost);
  EXPECT_GT(passed, kMost - 3 * kOctets);
  EXPECT_EQ(passed + octets[2], std::uint64_t{kThreads} * kPackets * kOctets);
}

}  // namespace
}  // namespace weft
