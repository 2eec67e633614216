// The golden packets as tests see them: one Packet per frame of a pcap file, with the row of the JSON list
// beside it. generate.py writes both, README.md describes the fields.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "dataplane/base/bytes.h"

namespace weft::golden {

struct Packet {
  std::string name;
  std::vector<std::uint8_t> octets;
  nlohmann::json row;
};

/// A heap buffer of exactly the given octets, so that AddressSanitizer sees a read of one octet too many.
class ExactBuffer {
 public:
  explicit ExactBuffer(ConstBytes octets)
      : octets_{std::make_unique<std::uint8_t[]>(octets.size())}, size_{octets.size()} {
    if (size_ != 0) std::memcpy(octets_.get(), octets.data(), size_);
  }
  [[nodiscard]] ConstBytes view() const noexcept { return {octets_.get(), size_}; }
  [[nodiscard]] Bytes edit() noexcept { return {octets_.get(), size_}; }

 private:
  std::unique_ptr<std::uint8_t[]> octets_;
  std::size_t size_;
};

/// The frames of a classic pcap file as generate.py writes it: little-endian, Ethernet.
[[nodiscard]] inline std::vector<std::vector<std::uint8_t>> read_pcap(const std::string& path) {
  constexpr std::size_t kFileHeader = 24;
  constexpr std::size_t kRecordHeader = 16;
  std::ifstream file{path, std::ios::binary};
  if (!file) throw std::runtime_error{path + ": cannot be read"};
  const std::vector<char> bytes{std::istreambuf_iterator<char>{file}, {}};
  const auto word = [&](std::size_t offset) {
    std::uint32_t value{};
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
  };
  if (bytes.size() < kFileHeader || word(0) != 0xA1B2C3D4U) {
    throw std::runtime_error{path + ": not a little-endian pcap file"};
  }
  std::vector<std::vector<std::uint8_t>> frames;
  std::size_t offset = kFileHeader;
  while (offset + kRecordHeader <= bytes.size()) {
    const std::size_t size = word(offset + 8);
    offset += kRecordHeader;
    if (size > bytes.size() - offset) throw std::runtime_error{path + ": cut off"};
    const auto* begin = reinterpret_cast<const std::uint8_t*>(bytes.data()) + offset;
    frames.emplace_back(begin, begin + size);
    offset += size;
  }
  return frames;
}

/// The set `name` of tests/golden. Throws when the two files do not belong together.
[[nodiscard]] inline std::vector<Packet> load(std::string_view name) {
  const std::string base = std::string{WEFT_GOLDEN_DIR} + "/" + std::string{name};
  const auto frames = read_pcap(base + ".pcap");
  const auto rows = nlohmann::json::parse(std::ifstream{base + ".json"});
  if (frames.empty() || rows.size() != frames.size())
    throw std::runtime_error{base + ": pcap and JSON differ in count"};
  std::vector<Packet> packets;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    packets.push_back(Packet{rows[i].at("name").get<std::string>(), frames[i], rows[i]});
  }
  return packets;
}

}  // namespace weft::golden
