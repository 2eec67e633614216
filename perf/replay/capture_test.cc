#include "perf/replay/capture.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rte_mbuf_ptype.h>
#include <unistd.h>

namespace weft::replay {
namespace {

using Octets = std::vector<std::uint8_t>;

void append(Octets& to, std::uint32_t value) {
  for (unsigned shift = 0; shift < 32; shift += 8)
    to.push_back(static_cast<std::uint8_t>(value >> shift));
}

Octets file_of(const std::vector<Octets>& frames, std::uint32_t magic = 0xA1B2C3D4) {
  Octets file;
  for (const std::uint32_t word : {magic, 0x00040002U, 0U, 0U, 65535U, 1U}) append(file, word);
  for (const Octets& frame : frames) {
    const auto size = static_cast<std::uint32_t>(frame.size());
    for (const std::uint32_t word : {0U, 0U, size, size}) append(file, word);
    file.insert(file.end(), frame.begin(), frame.end());
  }
  return file;
}

/// Ethernet, IPv4 and UDP.
Octets datagram(std::uint16_t source_port, std::uint16_t port, const Octets& payload = Octets(22)) {
  Octets frame(42);
  frame[12] = 8;
  frame[14] = 0x45;
  frame[23] = 17;
  frame[26] = 10;
  frame[30] = 11;
  frame[34] = static_cast<std::uint8_t>(source_port >> 8U);
  frame[35] = static_cast<std::uint8_t>(source_port);
  frame[36] = static_cast<std::uint8_t>(port >> 8U);
  frame[37] = static_cast<std::uint8_t>(port);
  frame.insert(frame.end(), payload.begin(), payload.end());
  return frame;
}

Octets in_vxlan(const Octets& inner) {
  Octets payload(8);
  payload[0] = 8;
  payload.insert(payload.end(), inner.begin(), inner.end());
  return datagram(50000, 4789, payload);
}

class Capture : public ::testing::Test {
 protected:
  ~Capture() override { std::filesystem::remove(path_); }
  std::optional<std::vector<Captured>> read(const Octets& file) {
    std::ofstream{path_, std::ios::binary}.write(
        reinterpret_cast<const char*>(file.data()), static_cast<std::streamsize>(file.size())
    );
    error_.clear();
    return read_capture(path_, error_);
  }
  std::uint32_t hash_of(const Octets& frame) { return read(file_of({frame})).value().at(0).hash; }

  std::string path_ = std::filesystem::temp_directory_path() /
                      ("weft-capture-" + std::to_string(::getpid()) + ".pcap");
  std::string error_;
};

TEST_F(Capture, HasTheFramesOfTheFile) {
  const std::vector<Octets> frames{datagram(1, 2), datagram(3, 4, Octets(1000)), Octets(14)};
  for (const std::uint32_t magic : {0xA1B2C3D4U, 0xA1B23C4DU}) {
    const auto read_frames = read(file_of(frames, magic));
    ASSERT_TRUE(read_frames.has_value()) << error_;
    ASSERT_EQ(read_frames->size(), frames.size());
    for (std::size_t i = 0; i < frames.size(); ++i) EXPECT_EQ((*read_frames)[i].octets, frames[i]);
  }
}

TEST_F(Capture, ReadsTheOtherByteOrder) {
  Octets file = file_of({Octets(20)});
  for (std::size_t at = 0; at < 40; at += 4) std::reverse(file.data() + at, file.data() + at + 4);
  const auto frames = read(file);
  ASSERT_TRUE(frames.has_value()) << error_;
  EXPECT_EQ(frames->at(0).octets.size(), 20U);
}

TEST_F(Capture, CutOffFilesAreRefusedAtEveryLength) {
  const Octets file = file_of({datagram(1, 2), datagram(3, 4)});
  const std::size_t one = 24 + 16 + 64;  // a file of one frame
  for (std::size_t size = 0; size < file.size(); ++size) {
    const auto frames = read({file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size)});
    EXPECT_EQ(frames.has_value(), size == one) << size;
    EXPECT_EQ(error_.empty(), size == one) << size;
  }
}

TEST_F(Capture, OtherFilesAreRefused) {
  EXPECT_FALSE(read(Octets(100)).has_value());
  Octets other_link = file_of({Octets(20)});
  other_link[20] = 101;  // raw IP
  EXPECT_FALSE(read(other_link).has_value());
  EXPECT_FALSE(read(file_of({Octets(13)})).has_value());
  EXPECT_NE(error_.find("frame 0 has 13 octets"), std::string::npos) << error_;
  EXPECT_FALSE(read_capture("/nowhere", error_).has_value());
  EXPECT_NE(error_.find("No such file"), std::string::npos) << error_;
}

TEST_F(Capture, HashTellsFlowsApart) {
  const std::uint32_t first = hash_of(datagram(1, 2));
  EXPECT_EQ(first, hash_of(datagram(1, 2, Octets(500))));
  EXPECT_NE(first, hash_of(datagram(1, 3)));
  EXPECT_NE(first, hash_of(datagram(2, 2)));
}

TEST_F(Capture, HashLooksIntoTunnels) {
  const std::uint32_t first = hash_of(in_vxlan(datagram(1, 2)));
  EXPECT_EQ(first, hash_of(in_vxlan(datagram(1, 2, Octets(500)))));
  EXPECT_NE(first, hash_of(in_vxlan(datagram(1, 3))));
}

TEST_F(Capture, PacketTypeIsThatOfTheOuterHeaders) {
  for (const Octets& frame : {datagram(1, 2), in_vxlan(datagram(1, 2))}) {
    EXPECT_EQ(
        read(file_of({frame})).value().at(0).packet_type,
        std::uint32_t{RTE_PTYPE_L2_ETHER | RTE_PTYPE_L3_IPV4_EXT_UNKNOWN | RTE_PTYPE_L4_UDP}
    );
  }
}

}  // namespace
}  // namespace weft::replay
