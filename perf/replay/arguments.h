// What a replay device is told: "pcap=flows.pcap,gate=/run/gate,slots=2048". README.md says what it means.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weft::replay {

struct Arguments {
  std::string pcap;         // empty: nothing is received
  std::string gate;         // empty: it runs at once
  std::uint32_t slots{};    // 0: one per frame
  std::uint32_t restore{};  // 0, 64 or 128 octets
};

/// nullopt with a sentence in `error`.
[[nodiscard]] std::optional<Arguments> parse_arguments(std::string_view text, std::string& error);

/// The number at the end of a device's name, its place in the gate: "net_replay1" -> 1. nullopt if there is
/// none, or no such place.
[[nodiscard]] std::optional<unsigned> parse_index(std::string_view name);

}  // namespace weft::replay
