// What an operator says about classes and rates: meters, contracts, budgets, egress schedulers.
//
// Rates are in bits per second here, as operators speak; the compiler turns them into octets, as the
// packet path counts. Bursts and thresholds are in octets on both sides.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "classifier/policer.h"
#include "classifier/policy_rules.h"
#include "classifier/qos.h"
#include "dataplane/snapshot.h"

namespace weft::control {

/// Bits per second.
using BitRate = std::uint64_t;

/// `qos.meter.add`.
struct MeterConfig {
  std::string name;
  classifier::MeterKind kind{classifier::MeterKind::srtcm};
  bool is_colour_aware{};
  BitRate cir{};           // committed
  std::uint64_t cbs{};     // octets
  BitRate peak{};          // PIR of RFC 2698, EIR of RFC 4115; 0 for RFC 2697
  std::uint64_t excess{};  // octets: EBS of RFC 2697 and RFC 4115, PBS of RFC 2698
  classifier::MeterAction yellow;
  classifier::MeterAction red{classifier::MeterAction::Kind::drop, 0};
  friend bool operator==(const MeterConfig&, const MeterConfig&) = default;
};

struct MeterRecord {
  MeterConfig config;
  std::uint16_t index{};  // into Snapshot::meters
};

/// Whether a class may be scarce: a node has a budget for it, and contracts take from that. The default
/// and what is below it are what everybody may always send.
[[nodiscard]] constexpr bool may_be_scarce(classifier::Phb phb) noexcept {
  return phb != classifier::Phb::best_effort && phb != classifier::Phb::lower_effort;
}

/// So much of a class may this endpoint send.
struct QosContract {
  classifier::Phb phb{};
  BitRate rate{};
  std::uint64_t burst{};  // octets
  friend bool operator==(const QosContract&, const QosContract&) = default;
};

/// The same in the packet path's terms.
[[nodiscard]] classifier::MeterConfig in_octets(const MeterConfig& config) noexcept;
/// A policer: what is above `rate` is dropped. `burst` 0: 20 ms of the rate, at least 64 KiB.
[[nodiscard]] classifier::MeterConfig policer_of(BitRate rate, std::uint64_t burst) noexcept;
/// What is above a contract loses its class: it goes on as best effort.
[[nodiscard]] classifier::MeterConfig contract_meter(const QosContract& contract) noexcept;

/// `qos` of `endpoint.attach`. A rate of 0: unlimited.
struct EndpointQosConfig {
  ClassSource source{ClassSource::trust};
  std::uint8_t dscp{};  // for ClassSource::fixed
  BitRate rate{};       // policed: what the container sends
  std::uint64_t burst{};
  BitRate rate_in{};  // shaped: what it receives
  std::uint64_t burst_in{};
  std::vector<QosContract> contracts;  // at most one of each class
  friend bool operator==(const EndpointQosConfig&, const EndpointQosConfig&) = default;
};

/// Queues that share what EF and network control leave, by weight.
inline constexpr std::array<classifier::Phb, 5> kWeightedPhbs{
    classifier::Phb::af4,
    classifier::Phb::af3,
    classifier::Phb::af2,
    classifier::Phb::af1,
    classifier::Phb::best_effort};

/// The egress scheduler of an uplink: `qos.port.set`.
struct PortQosConfig {
  BitRate rate{};                      // 0: as fast as the port takes it
  std::uint64_t burst{};               // octets; 0: chosen from the rate
  std::uint8_t ef_share_percent = 30;  // of the rate, at most
  std::array<std::uint16_t, kWeightedPhbs.size()> weights{8, 6, 4, 2, 2};
  friend bool operator==(const PortQosConfig&, const PortQosConfig&) = default;
};

/// Meters that an endpoint's `qos` needs: indices into Snapshot::meters, kNoMeter where it has none.
struct EndpointMeters {
  std::uint16_t rate = classifier::kNoMeter;
  std::array<std::uint16_t, classifier::kPhbCount> contracts{};
  EndpointMeters() { contracts.fill(classifier::kNoMeter); }
};

}  // namespace weft::control
