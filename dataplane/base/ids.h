// Strong<Tag, Rep>: a number that is a type, so that a port can not be passed as a segment.
//
// Ids are dense indices into the arrays of a Snapshot: workers never see names. Quantities carry
// their unit in the type. Construction is explicit; `.value()` is the way back to arithmetic.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>

namespace weft {

template <typename Tag, typename Rep>
class Strong {
 public:
  using rep = Rep;

  constexpr Strong() noexcept = default;
  constexpr explicit Strong(Rep value) noexcept : value_{value} {}

  [[nodiscard]] constexpr Rep value() const noexcept { return value_; }
  friend constexpr auto operator<=>(const Strong&, const Strong&) noexcept = default;

 private:
  Rep value_{};
};

using WorkerId = Strong<struct WorkerIdTag, std::uint16_t>;
using UplinkIndex = Strong<struct UplinkIndexTag, std::uint16_t>;
using SegmentIndex = Strong<struct SegmentIndexTag, std::uint16_t>;
using EndpointIndex = Strong<struct EndpointIndexTag, std::uint32_t>;
using TunnelIndex = Strong<struct TunnelIndexTag, std::uint32_t>;
using Generation = Strong<struct GenerationTag, std::uint64_t>;
/// Time stamp counter ticks (rte_rdtsc); the frequency is a run-time constant of the machine.
using Tsc = Strong<struct TscTag, std::uint64_t>;

inline constexpr EndpointIndex kNoEndpoint{std::numeric_limits<std::uint32_t>::max()};
inline constexpr TunnelIndex kNoTunnel{std::numeric_limits<std::uint32_t>::max()};
inline constexpr SegmentIndex kNoSegment{std::numeric_limits<std::uint16_t>::max()};

/// A cache line: `hardware_destructive_interference_size` is not available in clang 14.
inline constexpr std::size_t kCacheLine = 64;

/// A virtual network identifier (RFC 7348 §5) or virtual subnet identifier (RFC 7637 §3.2): 24 bits.
class Vni {
 public:
  static constexpr std::uint32_t kMax = 0xFFFFFF;
  constexpr Vni() noexcept = default;
  /// Precondition: value <= kMax. Untrusted input is range-checked by the control layer first.
  constexpr explicit Vni(std::uint32_t value) noexcept : value_{value & kMax} {}
  [[nodiscard]] constexpr std::uint32_t value() const noexcept { return value_; }
  friend constexpr auto operator<=>(const Vni&, const Vni&) noexcept = default;

 private:
  std::uint32_t value_{};
};

}  // namespace weft

template <typename Tag, typename Rep>
struct std::hash<weft::Strong<Tag, Rep>> {
  std::size_t operator()(const weft::Strong<Tag, Rep>& id) const noexcept {
    return std::hash<Rep>{}(id.value());
  }
};
