// Policers: is this packet within its contract (green), above it (yellow) or beyond all bounds (red)?
//
// The three meters of the RFCs, each colour-blind or colour-aware. B is the size of the IP packet in octets
// (without link headers), Tc, Te and Tp are counts of tokens (octets) that start full:
//
//   kind      filled                                    green               yellow
//   srtcm     CIR into C, what overflows into E         Tc >= B, takes Tc   Te >= B, takes Te    RFC 2697
//   trtcm     CIR into C, PIR into P                    both >= B, takes    Tp >= B, takes Tp    RFC 2698
//                                                       both
//   rfc4115   CIR into C, EIR into E                    Tc > B, takes Tc    Te > B, takes Te     RFC 4115
//
// RFC 4115 s3 says "Tc(t) - B > 0" where the older ones say ">= 0", and so do we. A colour-aware meter never
// improves a colour; a colour-blind one takes every packet for green.
//
// Tokens come exactly as the texts say, "CIR times per second", at any rate, burst and idle time
// (token_rate.h). DPDK's rte_meter does not: it adds whole tokens per period, which it rounds down to whole
// ticks, so that the rate comes out up to 1 % too high, and it uses >= for RFC 4115. policer_bench counts how
// often it disagrees with the RFC text; testing/policer_model.h is that text.
//
//   const CompiledMeter meter = compile(config, tsc_hz);   // control; in the snapshot
//   Meter state;                                           // one for each worker that uses it
//   const Colour colour = state.judge(meter, now, octets, colour_of(dscp));
//   meter.actions[static_cast<std::size_t>(colour)]        // what to do
//
// Threads: a CompiledMeter is immutable, a Meter has one writer.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "classifier/qos.h"
#include "classifier/token_rate.h"
#include "dataplane/base/ids.h"

namespace weft::classifier {

enum class MeterKind : std::uint8_t { srtcm, trtcm, rfc4115 };

/// "srtcm", "trtcm", "rfc4115".
[[nodiscard]] std::string_view name(MeterKind kind) noexcept;
[[nodiscard]] std::optional<MeterKind> parse_meter_kind(std::string_view text) noexcept;

/// What happens to packets of one colour.
struct MeterAction {
  enum class Kind : std::uint8_t { pass, remark, drop };
  Kind kind{Kind::pass};
  std::uint8_t dscp{};  // for remark
  friend bool operator==(const MeterAction&, const MeterAction&) noexcept = default;
};

/// A meter as its owner describes it. Octets are those of IP packets.
struct MeterConfig {
  MeterKind kind{MeterKind::srtcm};
  bool is_colour_aware{};
  std::uint64_t cir{};           // octets/s, committed
  std::uint64_t cbs{};           // octets
  std::uint64_t excess_rate{};   // octets/s: PIR of trtcm, EIR of rfc4115; 0 for srtcm
  std::uint64_t excess_burst{};  // octets: EBS of srtcm and rfc4115, PBS of trtcm
  std::array<MeterAction, kColourCount> actions{
      {{}, {}, {MeterAction::Kind::drop, 0}}};  // by Colour
  friend bool operator==(const MeterConfig&, const MeterConfig&) noexcept = default;
};

/// What a meter can not be, as a sentence with object, value and limit; nullopt if it is fine.
/// `link_rate`: octets/s of the link that the traffic goes through, 0 if it is not known.
[[nodiscard]] std::optional<std::string> problem_of(
    const MeterConfig& config, std::uint64_t link_rate
);

/// A meter as a worker uses it.
struct CompiledMeter {
  TokenRate committed;
  TokenRate excess;  // of trtcm and rfc4115
  std::uint64_t cbs{};
  std::uint64_t excess_burst{};
  std::uint32_t version{};  // never 0; another one: states start anew, with full buckets
  MeterKind kind{MeterKind::srtcm};
  bool is_colour_aware{};
  std::array<MeterAction, kColourCount> actions{};

  [[nodiscard]] const MeterAction& action(Colour colour) const noexcept {
    return actions[static_cast<std::size_t>(colour)];
  }
};

/// Preconditions: no problem_of(config); `version` > 0, new for each change; `tsc_hz`: 1 to kMaxHz.
[[nodiscard]] CompiledMeter compile(
    const MeterConfig& config, std::uint32_t version, std::uint64_t tsc_hz
) noexcept;

/// The state of one meter: one cache line.
class alignas(kCacheLine) Meter {
 public:
  /// Colours a packet of `octets` (IP header and payload) that arrives at `now`. `in`: the colour it had
  /// before; does not matter if the meter is colour-blind. A clock that steps back stands still.
  [[nodiscard]] Colour judge(
      const CompiledMeter& meter, Tsc now, std::uint32_t octets, Colour in
  ) noexcept {
    if (version_ != meter.version) [[unlikely]]
      restart(meter, now);
    const std::uint64_t elapsed = now.value() > last_ ? now.value() - last_ : 0;
    last_ += elapsed;
    // The packets of a burst arrive at the same time: tokens come with the first of them only.
    if (elapsed != 0) fill_buckets(meter, elapsed);
    if (!meter.is_colour_aware) in = Colour::green;
    switch (meter.kind) {
      case MeterKind::srtcm:
        return judge_srtcm(octets, in);
      case MeterKind::trtcm:
        return judge_trtcm(octets, in);
      case MeterKind::rfc4115:
        return judge_rfc4115(octets, in);
    }
    __builtin_unreachable();
  }

  /// Tokens as of the last packet, for `show meter`.
  [[nodiscard]] std::uint64_t committed_tokens() const noexcept { return committed_; }
  [[nodiscard]] std::uint64_t excess_tokens() const noexcept { return excess_; }

 private:
  // RFC 2697 s3, RFC 2698 s3, RFC 4115 s3: buckets are full at time 0.
  void restart(const CompiledMeter& meter, Tsc now) noexcept {
    *this = Meter{};
    version_ = meter.version;
    last_ = now.value();
    committed_ = meter.cbs;
    excess_ = meter.excess_burst;
  }

  /// Adds what there is room for; returns the rest.
  static std::uint64_t fill(
      std::uint64_t& bucket, std::uint64_t size, std::uint64_t tokens
  ) noexcept {
    const std::uint64_t room = size - bucket;
    const std::uint64_t added = tokens < room ? tokens : room;
    bucket += added;
    return tokens - added;
  }

  void fill_buckets(const CompiledMeter& meter, std::uint64_t elapsed) noexcept {
    const std::uint64_t rest =
        fill(committed_, meter.cbs, meter.committed.advance(elapsed, committed_remainder_));
    const std::uint64_t excess =
        meter.kind == MeterKind::srtcm ? rest : meter.excess.advance(elapsed, excess_remainder_);
    fill(excess_, meter.excess_burst, excess);
  }

  Colour judge_srtcm(std::uint32_t octets, Colour in) noexcept {
    if (in == Colour::green && committed_ >= octets) {
      committed_ -= octets;
      return Colour::green;
    }
    if (in != Colour::red && excess_ >= octets) {
      excess_ -= octets;
      return Colour::yellow;
    }
    return Colour::red;
  }

  Colour judge_trtcm(std::uint32_t octets, Colour in) noexcept {
    if (in == Colour::red || excess_ < octets) return Colour::red;
    excess_ -= octets;
    if (in == Colour::yellow || committed_ < octets) return Colour::yellow;
    committed_ -= octets;
    return Colour::green;
  }

  Colour judge_rfc4115(std::uint32_t octets, Colour in) noexcept {
    if (in == Colour::green && committed_ > octets) {
      committed_ -= octets;
      return Colour::green;
    }
    if (in != Colour::red && excess_ > octets) {
      excess_ -= octets;
      return Colour::yellow;
    }
    return Colour::red;
  }

  std::uint64_t last_{};
  std::uint64_t committed_{};  // Tc
  std::uint64_t excess_{};     // Te or Tp
  std::uint64_t committed_remainder_{};
  std::uint64_t excess_remainder_{};
  std::uint32_t version_{};  // of the CompiledMeter; 0: not started
};
static_assert(sizeof(Meter) == kCacheLine);

}  // namespace weft::classifier
