// StageTest: one worker's StageContext over a small hand-made network, ports that remember what they
// were sent, and the conservation law checked after every test.
//
//   segment 0 (VNI 5001)   endpoint 0 (A, worker 0)   endpoint 1 (B, worker 0)   endpoint 2 (C, worker 1)
//                          tunnel 0 to 192.0.2.102, static MAC kMacR behind it
//   segment 1 (VNI 5002)   endpoint 3 (D, worker 0, same MAC and address as A), no tunnels
//   uplink 0               VTEP 192.0.2.101
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/pipeline.h"
#include "dataplane/port/testing/packet_fixture.h"
#include "dataplane/tables.h"

namespace weft::stage_test {

using namespace wire_test;  // NOLINT: the vocabulary of every test that includes this

inline constexpr MacAddress kMacC{{0x02, 0, 0, 0, 0, 0x0c}};
inline constexpr MacAddress kMacR{{0x02, 0, 0, 0, 0, 0x99}};  // static endpoint behind the remote
inline constexpr MacAddress kMacUplink{{0x02, 0, 0, 0, 1, 0x01}};
inline constexpr MacAddress kMacNextHop{{0x02, 0, 0, 0, 1, 0x02}};
inline constexpr Ipv4Address kIp4C{{192, 0, 2, 12}};
inline constexpr Ipv4Address kIp4R{{192, 0, 2, 99}};
inline constexpr IpAddress kVtepLocal{Ipv4Address{{198, 51, 100, 1}}};
inline constexpr IpAddress kVtepRemote{Ipv4Address{{198, 51, 100, 2}}};
inline constexpr Vni kVni{5001};
inline constexpr std::uint16_t kInnerMtu = 1450;

/// A port that keeps what it is sent and takes at most `room` frames a burst.
class FakePort final : public Port {
 public:
  FakePort(std::string name, PortTraits traits) : Port{std::move(name), traits} {}
  std::uint16_t rx_burst(rte_mbuf** /*out*/, std::uint16_t /*max*/) noexcept override { return 0; }
  std::uint16_t tx_burst(rte_mbuf** frames, std::uint16_t count) noexcept override;
  [[nodiscard]] const char* kind() const noexcept override { return "fake"; }

  std::vector<Packet> sent;
  std::uint16_t room = kMaxBurst;
};

class StageTest : public PacketTest {
 protected:
  void SetUp() override;
  /// Checks rx + cloned + segmented + injected + taken over = tx + drops + coalesced + punted + handed over +
  /// queued.
  void TearDown() override;

  /// Makes the changes of `edit` visible to the stages.
  template <typename Edit>
  void change(Edit edit) {
    edit(snapshot_);
    snapshot_.generation = Generation{snapshot_.generation.value() + 1U};
  }

  /// Runs a burst as if worker 0 had received it, then flushes.
  void receive(const Origin& origin, std::vector<Packet> frames);
  void receive_from(unsigned endpoint, Packet frame);
  void receive_from(unsigned endpoint, std::vector<Packet> frames);
  void receive_from_uplink(Packet frame);
  void receive_from_uplink(std::vector<Packet> frames);

  /// The total of all drop counters, and one of them.
  [[nodiscard]] std::uint64_t drops() const;
  [[nodiscard]] std::uint64_t drops(DropReason reason) const { return counters_.drops.get(reason); }
  /// Whether `count` frames were dropped for `reason` and none for any other.
  [[nodiscard]] ::testing::AssertionResult dropped_only(DropReason reason, std::uint64_t count = 1)
      const;

  [[nodiscard]] FakePort& port(unsigned endpoint) { return *endpoint_ports_[endpoint]; }
  [[nodiscard]] FakePort& uplink() { return *uplink_port_; }

  /// `inner` in a tunnel packet from the remote VTEP to us.
  [[nodiscard]] static Octets from_remote(
      const Octets& inner,
      Vni vni = kVni,
      const IpAddress& source = kVtepRemote,
      std::uint8_t tos = 0,
      encap::Kind kind = encap::Kind::vxlan
  );

  WorkerCounters counters_;
  std::unique_ptr<Activity> activity_ = std::make_unique<Activity>();
  EventRing events_{64};
  HandoffRing to_worker1_{4};
  Snapshot snapshot_;
  std::unique_ptr<WorkerTables> tables_;
  std::unique_ptr<StageContext> context_;

 private:
  void add_segment(
      unsigned index, Vni vni, const std::vector<unsigned>& endpoints, bool has_tunnel
  );
  void add_endpoint(
      unsigned index,
      unsigned segment,
      const MacAddress& mac,
      const IpAddress& address,
      WorkerId owner
  );

  std::vector<std::unique_ptr<FakePort>> endpoint_ports_;
  std::unique_ptr<FakePort> uplink_port_;
};

}  // namespace weft::stage_test
