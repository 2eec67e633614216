#include "dataplane/scheduler_plan.h"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft {
namespace {

using classifier::Phb;
using ::testing::HasSubstr;

constexpr std::uint64_t kHz = 2'600'000'000;
constexpr std::uint64_t kRate = 12'500'000;  // octets/s

SchedulerConfig shaped() {
  return {.rate = kRate, .burst = 20'000};
}

std::string problem(const std::function<void(SchedulerConfig&)>& change, std::uint64_t link = 0) {
  SchedulerConfig config = shaped();
  change(config);
  return problem_of(config, link).value_or("");
}

TEST(SchedulerConfig, TheDefaultsAreFine) {
  EXPECT_EQ(problem_of(SchedulerConfig{}, 0), std::nullopt);
  EXPECT_EQ(problem_of(shaped(), kRate), std::nullopt);
}

TEST(SchedulerConfig, ChoosesABurstFromTheRate) {
  EXPECT_EQ(compile({.rate = 125'000'000}, 1, kHz).port.size, 500'000);
  EXPECT_EQ(compile({.rate = 1000}, 1, kHz).port.size, 16'384);
  EXPECT_FALSE(compile({}, 1, kHz).port.is_limited());
}

TEST(SchedulerConfig, BadNumbersAreRefused) {
  using C = SchedulerConfig;
  EXPECT_THAT(
      problem([](C&) {}, kRate - 1), HasSubstr("rate: 12500000 octets/s is above the link's")
  );
  EXPECT_THAT(problem([](C& c) { c.rate = 0; }), HasSubstr("burst: 20000 octets mean nothing"));
  EXPECT_THAT(problem([](C& c) { c.burst = kMaxShaperBurst + 1; }), HasSubstr("burst"));
  EXPECT_THAT(problem([](C& c) { c.ef_share = 0; }), HasSubstr("ef share: 0"));
  EXPECT_THAT(problem([](C& c) { c.ef_share = 101; }), HasSubstr("ef share"));
  EXPECT_THAT(problem([](C& c) { c = {.ef_share = 30}; }), HasSubstr("needs a rate"));
  EXPECT_THAT(problem([](C& c) { c.frame_overhead = 257; }), HasSubstr("frame overhead: 257"));
  EXPECT_THAT(problem([](C& c) { c.weights[1] = 0; }), HasSubstr("weight of AF3: 0"));
  EXPECT_THAT(problem([](C& c) { c.weights[4] = 101; }), HasSubstr("weight of BE: 101"));
}

TEST(SchedulerConfig, BadQueuesAreRefused) {
  using C = SchedulerConfig;
  const auto curve = [](WredCurve wred) {
    return problem([&](C& c) { c.queue(Phb::af2).wred[1] = wred; });
  };
  EXPECT_THAT(problem([](C& c) { c.queue(Phb::expedited).capacity = 0; }), HasSubstr("queue EF"));
  EXPECT_THAT(
      problem([](C& c) { c.queue(Phb::lower_effort).capacity = kMaxQueueCapacity + 1; }),
      HasSubstr("queue LE: capacity: 65537 is above the limit 65536")
  );
  EXPECT_THAT(curve({50, 50, 10}), HasSubstr("queue AF2: wred of yellow: min 50"));
  EXPECT_THAT(curve({50, 101, 10}), HasSubstr("max percent: 101"));
  EXPECT_THAT(curve({50, 60, 0}), HasSubstr("drop of 0 percent"));
  EXPECT_THAT(curve({50, 60, 101}), HasSubstr("drop percent: 101"));
}

}  // namespace
}  // namespace weft
