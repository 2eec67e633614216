#include "perf/replay/capture.h"

#include <bit>
#include <cstring>
#include <fstream>
#include <iterator>
#include <span>

#include <rte_mbuf_ptype.h>

namespace weft::replay {
namespace {

using Octets = std::span<const std::uint8_t>;

constexpr std::uint32_t kMicroseconds = 0xA1B2C3D4;
constexpr std::uint32_t kNanoseconds = 0xA1B23C4D;
constexpr std::uint32_t kLinkTypeEthernet = 1;
constexpr std::size_t kFileHeader = 24;
constexpr std::size_t kRecordHeader = 16;
constexpr std::size_t kEthernetHeader = 14;
constexpr std::size_t kLongestFrame = 9216;

std::uint32_t word(Octets octets, std::size_t offset, bool is_swapped) {
  std::uint32_t value{};
  std::memcpy(&value, octets.data() + offset, sizeof value);
  return is_swapped ? __builtin_bswap32(value) : value;
}

std::uint16_t be16(Octets octets, std::size_t offset) {
  return static_cast<std::uint16_t>(octets[offset] << 8U | octets[offset + 1]);
}

std::uint32_t mix(std::uint32_t hash, Octets octets) {
  for (const std::uint8_t octet : octets) hash = (hash ^ octet) * 0x01000193U;  // FNV-1a
  hash ^= hash >> 15U;
  return hash * 0x2C1B3C6DU;
}

struct Description {
  std::uint32_t hash = 0x811C9DC5U;
  std::uint32_t packet_type = RTE_PTYPE_L2_ETHER;
};

void describe(Octets frame, bool is_inner, Description& out);

void describe_payload(std::uint8_t protocol, Octets rest, bool is_inner, Description& out) {
  constexpr std::size_t kVxlanPort = 4789;
  constexpr std::size_t kUdpAndVxlan = 16;
  if ((protocol == 6 || protocol == 17) && rest.size() >= 8) {
    out.hash = mix(out.hash, rest.first(4));  // both ports
    if (!is_inner) out.packet_type |= protocol == 6 ? RTE_PTYPE_L4_TCP : RTE_PTYPE_L4_UDP;
    if (!is_inner && protocol == 17 && be16(rest, 2) == kVxlanPort && rest.size() > kUdpAndVxlan) {
      describe(rest.subspan(kUdpAndVxlan), true, out);
    }
  }
  // GRE with a key around Ethernet: NVGRE.
  if (protocol == 47 && !is_inner && rest.size() > 8 && be16(rest, 2) == 0x6558) {
    out.hash = mix(out.hash, rest.subspan(4, 4));
    describe(rest.subspan(8), true, out);
  }
}

void describe(Octets frame, bool is_inner, Description& out) {
  if (frame.size() < kEthernetHeader) return;
  const std::uint16_t type = be16(frame, 12);
  const Octets packet = frame.subspan(kEthernetHeader);
  if (type == 0x0800 && packet.size() >= 20) {
    if (!is_inner) out.packet_type |= RTE_PTYPE_L3_IPV4_EXT_UNKNOWN;
    const std::size_t header = std::size_t{packet[0] & 0x0FU} * 4;
    out.hash = mix(out.hash, packet.subspan(12, 8));
    if (packet.size() > header) {
      describe_payload(packet[9], packet.subspan(header), is_inner, out);
    }
  } else if (type == 0x86DD && packet.size() >= 40) {
    if (!is_inner) out.packet_type |= RTE_PTYPE_L3_IPV6_EXT_UNKNOWN;
    out.hash = mix(out.hash, packet.subspan(8, 32));
    describe_payload(packet[6], packet.subspan(40), is_inner, out);
  } else {
    out.hash = mix(out.hash, frame.first(kEthernetHeader));
  }
}

std::string at_frame(const std::string& path, std::size_t number, const std::string& complaint) {
  return "pcap " + path + ": frame " + std::to_string(number) + " " + complaint;
}

}  // namespace

std::optional<std::vector<Captured>> read_capture(const std::string& path, std::string& error) {
  std::ifstream file{path, std::ios::binary};
  const std::vector<char> raw{std::istreambuf_iterator<char>{file}, {}};
  if (!file.is_open()) {
    error = "pcap " + path + ": " + std::strerror(errno);
    return std::nullopt;
  }
  const Octets all{reinterpret_cast<const std::uint8_t*>(raw.data()), raw.size()};
  const std::uint32_t magic = all.size() < kFileHeader ? 0 : word(all, 0, false);
  const bool is_swapped =
      magic == __builtin_bswap32(kMicroseconds) || magic == __builtin_bswap32(kNanoseconds);
  if ((magic != kMicroseconds && magic != kNanoseconds && !is_swapped) ||
      word(all, 20, is_swapped) != kLinkTypeEthernet) {
    error = "pcap " + path + ": is not a pcap file of Ethernet frames";
    return std::nullopt;
  }
  std::vector<Captured> frames;
  for (std::size_t at = kFileHeader; at < all.size();) {
    const std::size_t left = all.size() - at;
    const std::size_t size = left < kRecordHeader ? left : word(all, at + 8, is_swapped);
    if (left < kRecordHeader + size || size != word(all, at + 12, is_swapped)) {
      error = at_frame(path, frames.size(), "is cut off");
      return std::nullopt;
    }
    if (size < kEthernetHeader || size > kLongestFrame) {
      error = at_frame(path, frames.size(), "has " + std::to_string(size) + " octets");
      return std::nullopt;
    }
    const Octets octets = all.subspan(at + kRecordHeader, size);
    Description description;
    describe(octets, false, description);
    frames.push_back({{octets.begin(), octets.end()}, description.hash, description.packet_type});
    at += kRecordHeader + size;
  }
  if (frames.empty()) {
    error = "pcap " + path + ": has no frames";
    return std::nullopt;
  }
  return frames;
}

}  // namespace weft::replay
