#include "classifier/testing/policer_model.h"

#include <algorithm>

namespace weft::classifier::testing {
namespace {

/// Up to so many tokens are taken one by one, as in the text.
constexpr unsigned kOneByOne = 64;

}  // namespace

PolicerModel::PolicerModel(const MeterConfig& config, std::uint64_t hz, std::uint64_t start)
    : config_{config},
      hz_{hz},
      start_{start},
      last_{start},
      tc_{config.cbs},           // "Tc(0) = CBS"
      te_{config.excess_burst},  // "Te(0) = EBS"
      tp_{config.excess_burst}   // "Tp(0) = PBS"
{}

// "incremented by one CIR times per second": floor(CIR * t) times until t.
Uint128 PolicerModel::new_tokens(std::uint64_t rate, std::uint64_t now) const {
  return Uint128{now - start_} * rate / hz_ - Uint128{last_ - start_} * rate / hz_;
}

void PolicerModel::advance_to(std::uint64_t now) {
  const Uint128 committed = new_tokens(config_.cir, now);
  const Uint128 excess = new_tokens(config_.excess_rate, now);
  last_ = now;
  const Uint128 cbs = config_.cbs;
  const Uint128 ebs = config_.excess_burst;
  const Uint128 pbs = config_.excess_burst;
  switch (config_.kind) {
    case MeterKind::srtcm:
      if (committed <= kOneByOne) {
        // RFC 2697 s3: C while it is below CBS, else E while it is below EBS, else neither.
        for (unsigned i = 0; i < committed; ++i) {
          if (tc_ < cbs) {
            ++tc_;
          } else if (te_ < ebs) {
            ++te_;
          }
        }
      } else {
        const Uint128 into_c = std::min(committed, cbs - tc_);
        tc_ += into_c;
        te_ += std::min(committed - into_c, ebs - te_);
      }
      return;
    case MeterKind::trtcm:  // RFC 2698 s3: "up to CBS", "up to PBS"
      tc_ = std::min(tc_ + committed, cbs);
      tp_ = std::min(tp_ + excess, pbs);
      return;
    case MeterKind::rfc4115:  // RFC 4115 s3: "up to CBS", "up to EBS"
      tc_ = std::min(tc_ + committed, cbs);
      te_ = std::min(te_ + excess, ebs);
      return;
  }
}

Colour PolicerModel::judge(std::uint64_t now, std::uint32_t octets, Colour in) {
  advance_to(now);
  const Uint128 b = octets;
  switch (config_.kind) {
    case MeterKind::srtcm:
      return config_.is_colour_aware ? rfc2697_color_aware(b, in) : rfc2697_color_blind(b);
    case MeterKind::trtcm:
      return config_.is_colour_aware ? rfc2698_color_aware(b, in) : rfc2698_color_blind(b);
    case MeterKind::rfc4115:
      // RFC 4115 s3: colour-blind operation assumes that all packets are green.
      return rfc4115_color_aware(b, config_.is_colour_aware ? in : Colour::green);
  }
  __builtin_unreachable();
}

// "Tc(t) - B >= 0" is written Tc(t) >= B: tokens are counted without a sign.

Colour PolicerModel::rfc2697_color_blind(Uint128 b) {
  if (tc_ >= b) {
    tc_ -= b;
    return Colour::green;
  }
  if (te_ >= b) {
    te_ -= b;
    return Colour::yellow;
  }
  return Colour::red;
}

Colour PolicerModel::rfc2697_color_aware(Uint128 b, Colour precolored) {
  if (precolored == Colour::green && tc_ >= b) {
    tc_ -= b;
    return Colour::green;
  }
  if ((precolored == Colour::green || precolored == Colour::yellow) && te_ >= b) {
    te_ -= b;
    return Colour::yellow;
  }
  return Colour::red;
}

Colour PolicerModel::rfc2698_color_blind(Uint128 b) {
  if (tp_ < b) return Colour::red;
  if (tc_ < b) {
    tp_ -= b;
    return Colour::yellow;
  }
  tp_ -= b;
  tc_ -= b;
  return Colour::green;
}

Colour PolicerModel::rfc2698_color_aware(Uint128 b, Colour precolored) {
  if (precolored == Colour::red || tp_ < b) return Colour::red;
  if (precolored == Colour::yellow || tc_ < b) {
    tp_ -= b;
    return Colour::yellow;
  }
  tp_ -= b;
  tc_ -= b;
  return Colour::green;
}

Colour PolicerModel::rfc4115_color_aware(Uint128 b, Colour precolored) {
  if (precolored == Colour::red) return Colour::red;  // not tested against either bucket
  if (precolored == Colour::green && tc_ > b) {       // "Tc(t) - B > 0"
    tc_ -= b;
    return Colour::green;
  }
  if (te_ > b) {  // "Te(t) - B > 0"
    te_ -= b;
    return Colour::yellow;
  }
  return Colour::red;
}

}  // namespace weft::classifier::testing
