#include "classifier/policer.h"

#include <array>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "classifier/testing/policer_model.h"

namespace weft::classifier {
namespace {

using ::testing::HasSubstr;
using testing::PolicerModel;

constexpr std::uint64_t kHz = 2'600'000'000;
constexpr std::array kKinds{MeterKind::srtcm, MeterKind::trtcm, MeterKind::rfc4115};

// -- tokens ---------------------------------------------------------------------------------------

TEST(TokenRate, LosesNothingHoweverOftenOneLooks) {
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random{seed};
  for (int round = 0; round < 2000; ++round) {
    const std::uint64_t hz = 1 + (random() >> (24U + random() % 40U));
    const std::uint64_t rate = random() >> (24U + random() % 40U);
    const TokenRate tokens = TokenRate::make(rate, hz);
    std::uint64_t remainder = 0;
    std::uint64_t elapsed = 0;
    Uint128 counted = 0;
    for (int i = 0; i < 50; ++i) {
      const std::uint64_t step = (random() >> (12U + random() % 52U)) / 64;
      elapsed += step;
      counted += tokens.advance(step, remainder);
      ASSERT_LT(remainder, hz);
      const Uint128 expected = Uint128{elapsed} * rate / hz;
      // Once a single answer had to be cut to 64 bits the sum is not exact any more.
      if (Uint128{step} * rate / hz > ~std::uint64_t{0}) break;
      ASSERT_EQ(counted, expected) << rate << "/s, " << hz << " Hz, step " << step;
    }
  }
}

// Only here is the estimate short by two tokens: 2^64 ticks times the 2^-64 that rate/hz was rounded by.
TEST(TokenRate, IsExactOverTheWholeLifeOfAClock) {
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random{seed};
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t hz = 1 + (random() >> 24U);
    const std::uint64_t rate = random() % hz;
    const std::uint64_t elapsed = ~(random() >> 4U);
    const std::uint64_t before = random() % hz;
    const Uint128 product = Uint128{elapsed} * rate + before;
    std::uint64_t remainder = before;
    ASSERT_EQ(TokenRate::make(rate, hz).advance(elapsed, remainder), product / hz);
    ASSERT_EQ(remainder, product % hz);
  }
}

TEST(TokenRate, CutsWhatNoBucketHoldsAndKeepsTheClock) {
  const TokenRate tokens = TokenRate::make(kMaxRate, 3);
  std::uint64_t remainder = 0;
  EXPECT_EQ(tokens.advance(~std::uint64_t{0}, remainder), ~std::uint64_t{0});
  EXPECT_EQ(remainder, Uint128{~std::uint64_t{0}} * kMaxRate % 3);
}

TEST(TokenRate, KnowsWhenTokensWillHaveCome) {
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random{seed};
  for (int i = 0; i < 20'000; ++i) {
    const TokenRate tokens = TokenRate::make(1 + random() % 10'000'000'000, kHz);
    const std::uint64_t remainder = random() % kHz;
    const std::uint64_t wanted = random() % 70'000;
    const std::uint64_t ticks = tokens.ticks_until(wanted, remainder);
    std::uint64_t left = remainder;
    ASSERT_GE(tokens.advance(ticks, left), wanted);
    if (ticks == 0) continue;
    left = remainder;
    ASSERT_LT(tokens.advance(ticks - 1, left), wanted);
  }
}

// -- against the RFCs' text -----------------------------------------------------------------------

/// A configuration that means something, of any size.
MeterConfig random_config(std::mt19937_64& random, MeterKind kind, bool is_colour_aware) {
  const auto burst = [&]() -> std::uint64_t {
    switch (random() % 4) {
      case 0:
        return 1 + random() % 3000;  // less than a few packets
      case 1:
        return 65'535 + random() % 3;
      case 2:
        return 1 + random() % 1'000'000;
      default:
        return 1 + (random() >> (random() % 63U));  // up to 2^64
    }
  };
  MeterConfig config{.kind = kind, .is_colour_aware = is_colour_aware};
  config.cir = 1 + (random() >> (28U + random() % 36U));
  config.cbs = burst();
  config.excess_burst = burst();
  switch (kind) {
    case MeterKind::srtcm:
      if (random() % 8 == 0) config.cbs = 0;
      if (config.cbs != 0 && random() % 8 == 0) config.excess_burst = 0;
      break;
    case MeterKind::trtcm:
      config.excess_rate = config.cir + random() % (1 + config.cir * 3);
      break;
    case MeterKind::rfc4115:
      config.excess_rate = 1 + random() % (1 + config.cir * 2);
      break;
  }
  return config;
}

/// Packets whose load is mostly between a quarter and four times of the rate, in bursts and after pauses.
class Traffic {
 public:
  Traffic(std::mt19937_64& random, const MeterConfig& config, std::uint64_t hz)
      : random_{random},
        ticks_per_octet_{static_cast<double>(hz) / static_cast<double>(config.cir)} {}

  struct Packet {
    std::uint64_t gap;  // ticks
    std::uint32_t octets;
    Colour colour;
  };
  Packet next() {
    const std::uint64_t bits = random_();
    Packet packet{.gap = 0, .octets = size(bits), .colour = static_cast<Colour>((bits >> 8U) % 3)};
    const auto kind = static_cast<unsigned>(bits >> 16U) % 1024;
    if (kind == 0) {
      packet.gap = random_() >> (20U + random_() % 44U);  // a pause of up to two hours
    } else if (kind > 300) {
      const double load = 0.25 + static_cast<double>(random_() % 1024) / 256.0;
      packet.gap = static_cast<std::uint64_t>(ticks_per_octet_ * packet.octets * load);
    }
    return packet;
  }

 private:
  std::uint32_t size(std::uint64_t bits) {
    constexpr std::array<std::uint32_t, 8> kUsual{1, 20, 40, 64, 1500, 1500, 65'535, 65'536};
    const auto dice = static_cast<unsigned>(bits % 16);
    return dice < 8 ? kUsual[dice] : 1 + static_cast<std::uint32_t>(random_() % 65'536);
  }

  std::mt19937_64& random_;
  double ticks_per_octet_;
};

/// As the model, packet by packet: 250 configurations times 8,000 packets.
void expect_same_as_model(MeterKind kind, bool is_colour_aware) {
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE(
      std::string{name(kind)} + (is_colour_aware ? " aware" : " blind") + ", seed " +
      std::to_string(seed)
  );
  std::mt19937_64 random{seed};
  constexpr std::array<std::uint64_t, 5> kClocks{kHz, 1'000'000'000, 3'000'000'019, 25'000'000, 7};
  std::array<std::uint64_t, kColourCount> seen{};
  Meter meter;
  for (std::uint32_t version = 1; version <= 250; ++version) {
    const MeterConfig config = random_config(random, kind, is_colour_aware);
    const std::uint64_t hz = kClocks[random() % kClocks.size()];
    const CompiledMeter compiled = compile(config, version, hz);
    std::uint64_t now = random() >> 4U;
    PolicerModel model{config, hz, now};
    Traffic traffic{random, config, hz};
    for (int i = 0; i < 8000; ++i) {
      const Traffic::Packet packet = traffic.next();
      if (i != 0) now += packet.gap;
      const Colour colour = meter.judge(compiled, Tsc{now}, packet.octets, packet.colour);
      ASSERT_EQ(colour, model.judge(now, packet.octets, packet.colour))
          << "packet " << i << ": cir " << config.cir << " cbs " << config.cbs << " excess "
          << config.excess_rate << ", " << config.excess_burst << " hz " << hz;
      ++seen[static_cast<std::size_t>(colour)];
    }
  }
  for (const std::uint64_t count : seen)
    EXPECT_GT(count, 20'000U) << "the traffic shows too little";
}

TEST(Srtcm, BlindIsRfc2697) {
  expect_same_as_model(MeterKind::srtcm, false);
}
TEST(Srtcm, AwareIsRfc2697) {
  expect_same_as_model(MeterKind::srtcm, true);
}
TEST(Trtcm, BlindIsRfc2698) {
  expect_same_as_model(MeterKind::trtcm, false);
}
TEST(Trtcm, AwareIsRfc2698) {
  expect_same_as_model(MeterKind::trtcm, true);
}
TEST(Rfc4115, BlindIsTheText) {
  expect_same_as_model(MeterKind::rfc4115, false);
}
TEST(Rfc4115, AwareIsTheText) {
  expect_same_as_model(MeterKind::rfc4115, true);
}

// -- at the edges ---------------------------------------------------------------------------------

CompiledMeter compiled(const MeterConfig& config) {
  return compile(config, 1, kHz);
}

TEST(Meter, APacketOfExactlyTheBurstIsGreenButForRfc4115) {
  for (const MeterKind kind : kKinds) {
    const CompiledMeter meter =
        compiled({.kind = kind, .cir = 1000, .cbs = 1500, .excess_rate = 1000, .excess_burst = 1500}
        );
    Meter at;
    Meter above;
    Meter below;
    const bool is_strict = kind == MeterKind::rfc4115;
    EXPECT_EQ(
        at.judge(meter, Tsc{0}, 1500, Colour::green), is_strict ? Colour::red : Colour::green
    );
    EXPECT_EQ(below.judge(meter, Tsc{0}, 1499, Colour::green), Colour::green);
    EXPECT_EQ(above.judge(meter, Tsc{0}, 1501, Colour::green), Colour::red);
  }
}

TEST(Meter, TheOverflowOfCFillsEInSrtcm) {
  const CompiledMeter meter = compiled({.cir = 1000, .cbs = 1000, .excess_burst = 500});
  Meter state;
  EXPECT_EQ(state.judge(meter, Tsc{0}, 1000, Colour::green), Colour::green);
  EXPECT_EQ(state.judge(meter, Tsc{0}, 500, Colour::green), Colour::yellow);
  EXPECT_EQ(state.judge(meter, Tsc{0}, 1, Colour::green), Colour::red);
  // After 1.2 seconds C is full again, and 200 octets went to E.
  EXPECT_EQ(state.judge(meter, Tsc{kHz + kHz / 5}, 201, Colour::green), Colour::green);
  EXPECT_EQ(state.committed_tokens(), 799U);
  EXPECT_EQ(state.excess_tokens(), 200U);
}

TEST(Meter, AnAwareMeterNeverImprovesAColour) {
  for (const MeterKind kind : kKinds) {
    const CompiledMeter meter = compiled(
        {.kind = kind,
         .is_colour_aware = true,
         .cir = 1000,
         .cbs = 5000,
         .excess_rate = kind == MeterKind::srtcm ? 0U : 1000U,
         .excess_burst = 5000}
    );
    Meter state;
    EXPECT_EQ(state.judge(meter, Tsc{0}, 100, Colour::red), Colour::red);
    EXPECT_EQ(state.committed_tokens() + state.excess_tokens(), 10'000U) << "red takes no tokens";
    EXPECT_EQ(state.judge(meter, Tsc{0}, 100, Colour::yellow), Colour::yellow);
    EXPECT_EQ(state.committed_tokens(), 5000U);
    EXPECT_EQ(state.excess_tokens(), 4900U);
    EXPECT_EQ(state.judge(meter, Tsc{0}, 100, Colour::green), Colour::green);
  }
}

TEST(Meter, AnIdleTimeOfAnyLengthFillsTheBucketsAndNoMore) {
  for (const MeterKind kind : kKinds) {
    MeterConfig config{.kind = kind, .cir = kMaxRate, .cbs = 1, .excess_burst = 2};
    if (kind != MeterKind::srtcm) config.excess_rate = kMaxRate;
    const CompiledMeter meter = compile(config, 1, 1);
    Meter state;
    EXPECT_EQ(state.judge(meter, Tsc{0}, 65'535, Colour::green), Colour::red);
    EXPECT_EQ(state.judge(meter, Tsc{~std::uint64_t{0}}, 65'535, Colour::green), Colour::red);
    EXPECT_EQ(state.committed_tokens(), 1U);
    EXPECT_EQ(state.excess_tokens(), 2U);
  }
}

TEST(Meter, TheLargestBurstDoesNotOverflow) {
  constexpr std::uint64_t kMost = ~std::uint64_t{0};
  const CompiledMeter meter = compiled(
      {.kind = MeterKind::trtcm,
       .cir = kMaxRate,
       .cbs = kMost,
       .excess_rate = kMaxRate,
       .excess_burst = kMost}
  );
  Meter state;
  EXPECT_EQ(state.judge(meter, Tsc{0}, 65'535, Colour::green), Colour::green);
  EXPECT_EQ(state.judge(meter, Tsc{kMost}, 1, Colour::green), Colour::green);
  EXPECT_EQ(state.committed_tokens(), kMost - 1);
}

TEST(Meter, AnotherVersionStartsAnew) {
  const MeterConfig config{.cir = 1000, .cbs = 1000};
  Meter state;
  EXPECT_EQ(state.judge(compile(config, 1, kHz), Tsc{0}, 1000, Colour::green), Colour::green);
  EXPECT_EQ(state.judge(compile(config, 1, kHz), Tsc{0}, 1000, Colour::green), Colour::red);
  EXPECT_EQ(state.judge(compile(config, 2, kHz), Tsc{0}, 1000, Colour::green), Colour::green);
}

TEST(Meter, AClockThatStepsBackStandsStill) {
  const CompiledMeter meter = compiled({.cir = 1000, .cbs = 1000});
  Meter state;
  EXPECT_EQ(state.judge(meter, Tsc{kHz}, 1000, Colour::green), Colour::green);
  EXPECT_EQ(state.judge(meter, Tsc{0}, 1, Colour::green), Colour::red);
  EXPECT_EQ(state.judge(meter, Tsc{kHz}, 1, Colour::green), Colour::red);
}

TEST(Meter, KeepsTheActions) {
  MeterConfig config{.cir = 1000, .cbs = 1000};
  config.actions[1] = {MeterAction::Kind::remark, 12};
  const CompiledMeter meter = compiled(config);
  EXPECT_EQ(meter.action(Colour::green).kind, MeterAction::Kind::pass);
  EXPECT_EQ(meter.action(Colour::yellow), (MeterAction{MeterAction::Kind::remark, 12}));
  EXPECT_EQ(meter.action(Colour::red).kind, MeterAction::Kind::drop);
}

// -- configurations -------------------------------------------------------------------------------

std::string problem(const MeterConfig& config, std::uint64_t link_rate = 0) {
  return problem_of(config, link_rate).value_or("");
}

TEST(MeterConfig, GoodOnesHaveNoProblem) {
  using enum MeterKind;
  EXPECT_EQ(problem({.kind = srtcm, .cir = 1, .cbs = 1}), "");
  EXPECT_EQ(problem({.kind = srtcm, .cir = 1, .excess_burst = 1}), "");
  EXPECT_EQ(problem({.kind = trtcm, .cir = 5, .cbs = 1, .excess_rate = 5, .excess_burst = 1}), "");
  EXPECT_EQ(
      problem({.kind = rfc4115, .cir = 5, .cbs = 1, .excess_rate = 1, .excess_burst = 1}), ""
  );
  EXPECT_EQ(problem({.kind = rfc4115, .cir = 5, .cbs = 1}), "");
  EXPECT_EQ(problem({.kind = srtcm, .cir = 1000, .cbs = 1}, 1000), "");
}

TEST(MeterConfig, RatesOfZeroAndAboveTheLinkAreRefused) {
  using enum MeterKind;
  EXPECT_THAT(problem({.kind = srtcm, .cbs = 1}), HasSubstr("cir: 0 octets/s"));
  EXPECT_THAT(
      problem({.kind = srtcm, .cir = 1001, .cbs = 1}, 1000),
      HasSubstr("cir: 1001 octets/s is above the link's 1000")
  );
  EXPECT_THAT(
      problem({.kind = trtcm, .cir = 1, .cbs = 1, .excess_rate = 1001, .excess_burst = 1}, 1000),
      HasSubstr("pir: 1001 octets/s is above the link's 1000")
  );
  EXPECT_THAT(
      problem({.kind = rfc4115, .cir = 1, .cbs = 1, .excess_burst = 1}),
      HasSubstr("eir: 0 octets/s")
  );
  EXPECT_THAT(
      problem({.kind = srtcm, .cir = kMaxRate + 1, .cbs = 1}), HasSubstr("above the limit")
  );
}

TEST(MeterConfig, BurstsOfZeroAreRefused) {
  using enum MeterKind;
  EXPECT_THAT(problem({.kind = srtcm, .cir = 1}), HasSubstr("cbs, ebs: both are 0"));
  EXPECT_THAT(
      problem({.kind = trtcm, .cir = 1, .excess_rate = 1, .excess_burst = 1}), HasSubstr("cbs: 0")
  );
  EXPECT_THAT(problem({.kind = trtcm, .cir = 1, .cbs = 1, .excess_rate = 1}), HasSubstr("pbs: 0"));
  EXPECT_THAT(problem({.kind = rfc4115, .cir = 1}), HasSubstr("cbs: 0"));
  EXPECT_THAT(
      problem({.kind = rfc4115, .cir = 1, .cbs = 1, .excess_rate = 1}), HasSubstr("ebs: 0")
  );
}

TEST(MeterConfig, ContradictionsAreRefused) {
  using enum MeterKind;
  EXPECT_THAT(
      problem({.kind = trtcm, .cir = 10, .cbs = 1, .excess_rate = 9, .excess_burst = 1}),
      HasSubstr("pir: 9 octets/s is below the cir 10")
  );
  EXPECT_THAT(
      problem({.kind = srtcm, .cir = 10, .cbs = 1, .excess_rate = 9}), HasSubstr("has one rate")
  );
  MeterConfig config{.cir = 1, .cbs = 1};
  config.actions[0] = {MeterAction::Kind::remark, 64};
  EXPECT_THAT(problem(config), HasSubstr("dscp: 64 is above the limit 63"));
}

TEST(MeterConfig, KindsHaveNames) {
  for (const MeterKind kind : kKinds) EXPECT_EQ(parse_meter_kind(name(kind)), kind);
  EXPECT_EQ(parse_meter_kind("rfc2697"), std::nullopt);
}

}  // namespace
}  // namespace weft::classifier
