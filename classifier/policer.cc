#include "classifier/policer.h"

#include <cassert>

namespace weft::classifier {
namespace {

std::string sentence(std::string_view what, std::uint64_t value, std::string_view limit) {
  return std::string{what} + ": " + std::to_string(value) + " " + std::string{limit};
}

std::optional<std::string> rate_problem(
    std::string_view what, std::uint64_t rate, std::uint64_t link_rate
) {
  if (rate == 0) return std::string{what} + ": 0 octets/s would let nothing pass; remove the meter";
  if (link_rate != 0 && rate > link_rate) {
    return sentence(what, rate, "octets/s is above the link's ") + std::to_string(link_rate);
  }
  if (rate > kMaxRate) {
    return sentence(what, rate, "octets/s is above the limit ") + std::to_string(kMaxRate);
  }
  return std::nullopt;
}

std::optional<std::string> srtcm_problem(const MeterConfig& config) {
  if (config.excess_rate != 0) {
    return sentence("excess rate", config.excess_rate, "octets/s, but srtcm has one rate (cir)");
  }
  // RFC 2697 s2: at least one of them larger than 0.
  if (config.cbs == 0 && config.excess_burst == 0) {
    return "cbs, ebs: both are 0 octets; srtcm needs one of them to be larger";
  }
  return std::nullopt;
}

std::optional<std::string> trtcm_problem(const MeterConfig& config, std::uint64_t link_rate) {
  if (auto problem = rate_problem("pir", config.excess_rate, link_rate)) return problem;
  // RFC 2698 s2.
  if (config.excess_rate < config.cir) {
    return sentence("pir", config.excess_rate, "octets/s is below the cir ") +
           std::to_string(config.cir);
  }
  if (config.cbs == 0) return "cbs: 0 octets; trtcm needs more than 0";
  if (config.excess_burst == 0) return "pbs: 0 octets; trtcm needs more than 0";
  return std::nullopt;
}

std::optional<std::string> rfc4115_problem(const MeterConfig& config, std::uint64_t link_rate) {
  if (config.cbs == 0) return "cbs: 0 octets; a cir above 0 needs more";
  // Without excess traffic at all, there is no yellow: a plain token bucket.
  if (config.excess_rate == 0 && config.excess_burst == 0) return std::nullopt;
  if (auto problem = rate_problem("eir", config.excess_rate, link_rate)) return problem;
  if (config.excess_burst == 0) return "ebs: 0 octets; an eir above 0 needs more";
  return std::nullopt;
}

}  // namespace

std::string_view name(MeterKind kind) noexcept {
  switch (kind) {
    case MeterKind::srtcm:
      return "srtcm";
    case MeterKind::trtcm:
      return "trtcm";
    case MeterKind::rfc4115:
      return "rfc4115";
  }
  __builtin_unreachable();
}

std::optional<MeterKind> parse_meter_kind(std::string_view text) noexcept {
  for (const MeterKind kind : {MeterKind::srtcm, MeterKind::trtcm, MeterKind::rfc4115}) {
    if (name(kind) == text) return kind;
  }
  return std::nullopt;
}

std::optional<std::string> problem_of(const MeterConfig& config, std::uint64_t link_rate) {
  if (auto problem = rate_problem("cir", config.cir, link_rate)) return problem;
  for (const MeterAction& action : config.actions) {
    if (action.kind == MeterAction::Kind::remark && action.dscp > kDscpMax) {
      return sentence("remark dscp", action.dscp, "is above the limit 63");
    }
  }
  switch (config.kind) {
    case MeterKind::srtcm:
      return srtcm_problem(config);
    case MeterKind::trtcm:
      return trtcm_problem(config, link_rate);
    case MeterKind::rfc4115:
      return rfc4115_problem(config, link_rate);
  }
  __builtin_unreachable();
}

CompiledMeter compile(
    const MeterConfig& config, std::uint32_t version, std::uint64_t tsc_hz
) noexcept {
  assert(version != 0);
  return CompiledMeter{
      .committed = TokenRate::make(config.cir, tsc_hz),
      .excess = TokenRate::make(config.excess_rate, tsc_hz),
      .cbs = config.cbs,
      .excess_burst = config.excess_burst,
      .version = version,
      .kind = config.kind,
      .is_colour_aware = config.is_colour_aware,
      .actions = config.actions,
  };
}

}  // namespace weft::classifier
