// What build_outer and write_outer produce, octet for octet against what scapy built.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/net/addr.h"
#include "dataplane/net/checksum.h"
#include "dataplane/net/parse.h"
#include "encap/outer.h"
#include "encap/tunnel.h"
#include "tests/golden/golden.h"

namespace weft::encap {
namespace {

using golden::Packet;

template <typename T>
T field(const Packet& packet, const char* key) {
  return packet.row.at(key).get<T>();
}

OuterSpec spec_of(const Packet& packet) {
  OuterSpec spec;
  spec.kind = parse_kind(field<std::string>(packet, "kind")).value();
  spec.vni = Vni{field<std::uint32_t>(packet, "vni")};
  spec.source_mac = parse_mac(field<std::string>(packet, "source_mac")).value();
  spec.destination_mac = parse_mac(field<std::string>(packet, "destination_mac")).value();
  spec.local = parse_ip(field<std::string>(packet, "local")).value();
  spec.remote = parse_ip(field<std::string>(packet, "remote")).value();
  spec.ttl = field<std::uint8_t>(packet, "ttl");
  spec.udp_destination_port = field<std::uint16_t>(packet, "udp_destination_port");
  spec.udp6_checksum = field<bool>(packet, "udp6_checksum");
  return spec;
}

/// The inner frame with the outer header in front, in a buffer that has exactly kOuterCopy octets of
/// headroom.
std::vector<std::uint8_t> transmit(const Packet& packet) {
  const ConstBytes inner =
      ConstBytes{packet.octets}.subspan(field<std::size_t>(packet, "inner_offset"));
  std::vector<std::uint8_t> buffer(kOuterCopy + inner.size());
  std::copy(inner.begin(), inner.end(), buffer.data() + kOuterCopy);
  const OuterTemplate outer = build_outer(spec_of(packet));
  const std::size_t size = write_outer(
      outer,
      buffer.data() + kOuterCopy,
      inner.size(),
      field<std::uint8_t>(packet, "tos"),
      field<std::uint32_t>(packet, "entropy")
  );
  EXPECT_EQ(size, outer.size);
  EXPECT_EQ(size, overhead(outer.kind, outer.family));
  buffer.erase(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(kOuterCopy - size));
  finish_udp6_checksum(outer, buffer, sum_of(inner).value);
  return buffer;
}

TEST(TransmitGolden, IsWhatScapyBuilds) {
  for (const Packet& packet : golden::load("transmit")) {
    SCOPED_TRACE(packet.name);
    EXPECT_EQ(transmit(packet), packet.octets);
  }
}

TEST(TransmitGolden, IsReceivedAgain) {
  for (const Packet& packet : golden::load("transmit")) {
    SCOPED_TRACE(packet.name);
    const std::vector<std::uint8_t> frame = transmit(packet);
    const ParsedFrame outer = parse_frame(frame);
    ASSERT_TRUE(outer.is_ok());
    const DecapConfig config{.vxlan_port = field<std::uint16_t>(packet, "udp_destination_port")};
    const Decapped decapped = decap(frame, frame.size(), outer, config);
    EXPECT_EQ(decapped.error, DropReason::none);
    ASSERT_TRUE(decapped.is_tunnel);
    EXPECT_EQ(decapped.kind, spec_of(packet).kind);
    EXPECT_EQ(decapped.vni, spec_of(packet).vni);
    EXPECT_EQ(decapped.inner_offset, field<std::size_t>(packet, "inner_offset"));
    EXPECT_EQ(outer.tos, field<std::uint8_t>(packet, "tos"));
    EXPECT_FALSE(outer.is_fragment);
  }
}

}  // namespace
}  // namespace weft::encap
