// The versions of the CNI specification that weft-cni speaks, and what differs between them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace weft::connector {

/// In the order of their release: `<` is "older than".
enum class SpecVersion : std::uint8_t { v0_1_0, v0_2_0, v0_3_0, v0_3_1, v0_4_0, v1_0_0, v1_1_0 };

inline constexpr std::array kVersions{
    SpecVersion::v0_1_0,
    SpecVersion::v0_2_0,
    SpecVersion::v0_3_0,
    SpecVersion::v0_3_1,
    SpecVersion::v0_4_0,
    SpecVersion::v1_0_0,
    SpecVersion::v1_1_0,
};
inline constexpr SpecVersion kNewest = SpecVersion::v1_1_0;

/// nullopt: not one of ours.
[[nodiscard]] std::optional<SpecVersion> parse_version(std::string_view text) noexcept;
[[nodiscard]] std::string_view format(SpecVersion version) noexcept;

/// 0.1.0 and 0.2.0 know one address of each family: `ip4`, `ip6`.
[[nodiscard]] constexpr bool has_lists(SpecVersion version) noexcept {
  return version >= SpecVersion::v0_3_0;
}
/// 0.3.0 to 0.4.0 name the family of each address.
[[nodiscard]] constexpr bool names_families(SpecVersion version) noexcept {
  return version >= SpecVersion::v0_3_0 && version <= SpecVersion::v0_4_0;
}
[[nodiscard]] constexpr bool has_check(SpecVersion version) noexcept {
  return version >= SpecVersion::v0_4_0;
}
/// STATUS, GC and the MTU of an interface came with 1.1.0.
[[nodiscard]] constexpr bool has_status(SpecVersion version) noexcept {
  return version >= SpecVersion::v1_1_0;
}

}  // namespace weft::connector
