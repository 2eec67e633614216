// The meters of RFC 2697, RFC 2698 and RFC 4115 as their texts describe them, to compare policers with.
//
// Made to be checked against the RFCs by eye, not to be fast: whole tokens that come at the times k / rate
// after the start (k = 1, 2, ...), counted from the start with 128-bit numbers, so that nothing can drift.
// For a few tokens it really takes them one by one.
#pragma once

#include <cstdint>

#include "classifier/policer.h"

namespace weft::classifier::testing {

class PolicerModel {
 public:
  /// Time 0 of the RFCs is `start`, in ticks of 1/hz seconds.
  PolicerModel(const MeterConfig& config, std::uint64_t hz, std::uint64_t start);

  /// `now` never goes back.
  Colour judge(std::uint64_t now, std::uint32_t octets, Colour in);

 private:
  void advance_to(std::uint64_t now);
  [[nodiscard]] Uint128 new_tokens(std::uint64_t rate, std::uint64_t now) const;
  Colour rfc2697_color_blind(Uint128 b);
  Colour rfc2697_color_aware(Uint128 b, Colour precolored);
  Colour rfc2698_color_blind(Uint128 b);
  Colour rfc2698_color_aware(Uint128 b, Colour precolored);
  Colour rfc4115_color_aware(Uint128 b, Colour precolored);

  MeterConfig config_;
  std::uint64_t hz_;
  std::uint64_t start_;
  std::uint64_t last_;
  Uint128 tc_;
  Uint128 te_;  // of RFC 2697 and RFC 4115
  Uint128 tp_;  // of RFC 2698
};

}  // namespace weft::classifier::testing
