// Capture: the frames of a pcap file, and what a NIC would say about each.
//
//   std::string error;
//   std::optional<std::vector<Captured>> frames = read_capture("flows.pcap", error);
//
// Classic pcap (microseconds or nanoseconds, either byte order), link type Ethernet.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace weft::replay {

struct Captured {
  std::vector<std::uint8_t> octets;
  /// Of the flow: addresses, protocol and ports, inside a VXLAN or GRE tunnel those of both headers,
  /// as a NIC with tunnel RSS computes it.
  std::uint32_t hash{};
  /// RTE_PTYPE_* of the outer headers.
  std::uint32_t packet_type{};
};

/// nullopt with a sentence in `error` if there is no frame, or one is cut off or not an Ethernet frame.
[[nodiscard]] std::optional<std::vector<Captured>> read_capture(
    const std::string& path, std::string& error
);

}  // namespace weft::replay
