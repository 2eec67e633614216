// SchedulerPlan: how an egress scheduler (scheduler.h) shares a port, as numbers that a worker can use.
//
// Control writes a SchedulerConfig, asks problem_of, compiles it. The plan is immutable; a new one for the
// same port (same capacities) is adopted by the owner worker without touching what is queued.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "classifier/qos.h"
#include "classifier/token_rate.h"
#include "dataplane/wred.h"

namespace weft {

/// The classes that share by weight: af4, af3, af2, af1, best_effort, in the order of Phb.
inline constexpr std::size_t kFirstWeighted = static_cast<std::size_t>(classifier::Phb::af4);
inline constexpr std::size_t kLastWeighted = static_cast<std::size_t>(classifier::Phb::best_effort);
inline constexpr std::size_t kWeightedCount = kLastWeighted - kFirstWeighted + 1;

inline constexpr std::uint32_t kMaxQueueCapacity = 65'536;  // frames
inline constexpr std::uint16_t kMaxWeight = 100;
inline constexpr std::uint64_t kMaxShaperBurst = std::uint64_t{1} << 32U;  // octets
inline constexpr std::uint16_t kMaxFrameOverhead = 256;                    // octets

/// One queue as its owner describes it.
struct QueueConfig {
  std::uint32_t capacity = 256;  // frames; 16 octets of memory each
  bool has_wred{};               // early drops and ECN marks
  std::array<WredCurve, classifier::kColourCount> wred = kDefaultWred;  // by Colour
  friend bool operator==(const QueueConfig&, const QueueConfig&) noexcept = default;
};

/// A port's egress as its owner describes it.
struct SchedulerConfig {
  std::uint64_t rate{};   // octets/s with overhead; 0: as fast as the port takes them
  std::uint64_t burst{};  // octets; 0: 4 ms of the rate, at least 16,384
  std::uint16_t
      frame_overhead{};  // octets that a frame takes on the wire beside its own: 24 of Ethernet
  std::uint8_t ef_share = 100;  // percent of the rate, at most; 100: no cap. Needs a rate.
  std::array<std::uint16_t, kWeightedCount> weights{8, 6, 4, 2, 2};  // AF4 ... AF1, BE
  std::array<QueueConfig, classifier::kPhbCount> queues = default_queues();

  [[nodiscard]] QueueConfig& queue(classifier::Phb phb) noexcept {
    return queues[static_cast<std::size_t>(phb)];
  }
  friend bool operator==(const SchedulerConfig&, const SchedulerConfig&) noexcept = default;

 private:
  /// WRED where there is drop precedence, and for best effort, whose senders listen to it (RFC 7567 s4).
  static std::array<QueueConfig, classifier::kPhbCount> default_queues() noexcept {
    // Whole elements: of an array made by {} and changed in part, g++ 12 forgets the other members.
    QueueConfig plain;
    QueueConfig early;
    early.has_wred = true;
    std::array<QueueConfig, classifier::kPhbCount> queues;
    for (std::size_t i = 0; i < queues.size(); ++i) {
      queues[i] = i >= kFirstWeighted && i <= kLastWeighted ? early : plain;
    }
    return queues;
  }
};

/// What the configuration can not be, as a sentence; nullopt if it is fine. `link_rate`: octets/s, 0 if it
/// is not known.
[[nodiscard]] std::optional<std::string> problem_of(
    const SchedulerConfig& config, std::uint64_t link_rate
);

struct SchedulerPlan {
  /// A token bucket. size 0: unlimited.
  struct Shaper {
    classifier::TokenRate rate;
    std::int64_t size{};  // octets
    [[nodiscard]] bool is_limited() const noexcept { return size != 0; }
  };
  struct Queue {
    std::uint32_t capacity{};
    std::int32_t quantum{};  // octets per round, of weighted classes
    bool has_wred{};
    Wred wred;
  };
  std::uint32_t version{};
  std::uint32_t frame_overhead{};
  Shaper port{};
  Shaper expedited{};
  std::array<Queue, classifier::kPhbCount> queues{};
};

/// Preconditions: no problem_of(config); `tsc_hz`: 1 to kMaxHz.
[[nodiscard]] SchedulerPlan compile(
    const SchedulerConfig& config, std::uint32_t version, std::uint64_t tsc_hz
) noexcept;

}  // namespace weft
