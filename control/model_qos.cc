#include "control/model_qos.h"

#include <algorithm>

namespace weft::control {
namespace {

constexpr std::uint64_t kBitsPerOctet = 8;
constexpr std::uint64_t kDefaultBurstsPerSecond = 50;
constexpr std::uint64_t kSmallestDefaultBurst = std::uint64_t{64} * 1024;

std::uint64_t burst_or_default(BitRate rate, std::uint64_t burst) noexcept {
  if (burst != 0) return burst;
  return std::max(rate / kBitsPerOctet / kDefaultBurstsPerSecond, kSmallestDefaultBurst);
}

}  // namespace

classifier::MeterConfig in_octets(const MeterConfig& config) noexcept {
  classifier::MeterConfig meter;
  meter.kind = config.kind;
  meter.is_colour_aware = config.is_colour_aware;
  meter.cir = config.cir / kBitsPerOctet;
  meter.cbs = config.cbs;
  meter.excess_rate = config.peak / kBitsPerOctet;
  meter.excess_burst = config.excess;
  meter.actions = {classifier::MeterAction{}, config.yellow, config.red};
  return meter;
}

classifier::MeterConfig policer_of(BitRate rate, std::uint64_t burst) noexcept {
  classifier::MeterConfig meter;
  meter.cir = rate / kBitsPerOctet;
  meter.cbs = burst_or_default(rate, burst);
  return meter;
}

classifier::MeterConfig contract_meter(const QosContract& contract) noexcept {
  using classifier::MeterAction;
  classifier::MeterConfig meter = policer_of(contract.rate, contract.burst);
  const MeterAction remark{MeterAction::Kind::remark, classifier::kDscpDefault};
  meter.actions = {MeterAction{}, remark, remark};
  return meter;
}

}  // namespace weft::control
