// What the tests of container ports share: EAL without hugepages, packet pools, namespaces of their own,
// a two-port switch and sockets inside "containers".
//
// The test process gets a private mount namespace with a tmpfs, in which namespaces are bind-mounted
// under a path, so that nothing stays behind even when a test is killed.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/port/pool.h"
#include "dataplane/port/port.h"
#include "pmd-config/link.h"
#include "pmd-config/netns.h"

namespace weft::test {

/// Why these tests can not run here ("not root"); empty when they can.
[[nodiscard]] const std::string& why_impossible();

/// EAL and pools, made once per process.
[[nodiscard]] const PacketPools& pools();
struct PoolLevels {
  unsigned small{};
  unsigned large{};
  friend bool operator==(const PoolLevels&, const PoolLevels&) = default;
};
/// mbufs in use.
[[nodiscard]] PoolLevels levels();
[[nodiscard]] std::size_t open_fd_count();

/// A namespace with a path, as a container runtime makes them.
class TestNetns {
 public:
  TestNetns();
  TestNetns(const TestNetns&) = delete;
  TestNetns& operator=(const TestNetns&) = delete;
  ~TestNetns();
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] Netns open() const;
  /// What `ip netns del` does.
  void remove();

 private:
  std::string path_;
};

/// Base of tests that need root, TAPs and pools: skips them with the reason.
class ContainerTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!why_impossible().empty()) GTEST_SKIP() << why_impossible();
  }
};

enum class Kind : std::uint8_t { tap, veth };
[[nodiscard]] std::string name_of(const testing::TestParamInfo<Kind>& info);

/// The namespace of all veths of this test process.
[[nodiscard]] const std::shared_ptr<const Netns>& backstage();

/// Base of tests that run once for each kind of port; checks that no mbuf and no fd stays behind.
class PortTest : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (!why_impossible().empty()) GTEST_SKIP() << why_impossible();
    (void)backstage();
    before_ = levels();
    fds_before_ = open_fd_count();
  }
  void TearDown() override {
    if (IsSkipped()) return;
    EXPECT_EQ(levels(), before_);
    EXPECT_EQ(open_fd_count(), fds_before_);
  }
  PoolLevels before_;
  std::size_t fds_before_{};
};

[[nodiscard]] Result<std::unique_ptr<Port>> open_port(Kind kind, const ContainerLink& link);

/// Container number 1-254: MAC 02:00:00:00:00:N, addresses 10.77.0.N/24 and fd77::N/64.
[[nodiscard]] MacAddress mac_of(std::uint8_t number);
[[nodiscard]] LinkConfig config_of(std::uint8_t number);

/// A namespace with an attached and configured eth0.
class Container {
 public:
  Container(Kind kind, std::uint8_t number);
  [[nodiscard]] Port& port() { return *port_; }
  [[nodiscard]] std::unique_ptr<Port>& owner() { return port_; }
  [[nodiscard]] TestNetns& netns() { return netns_; }
  /// A socket inside; the test fails when it can not be made.
  [[nodiscard]] UniqueFd socket(int family, int type, int protocol = 0) const;
  /// A raw packet socket bound to eth0: sends frames as they are.
  [[nodiscard]] UniqueFd packet_socket() const;
  /// Runs a program inside; its exit status.
  [[nodiscard]] int run(const std::vector<std::string>& arguments) const;

 private:
  TestNetns netns_;
  std::unique_ptr<Port> port_;
};

/// What goes in at one port comes out at the other, until destroyed. Its thread is a DPDK thread.
class Wire {
 public:
  Wire(Port& a, Port& b);
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  ~Wire();

  std::atomic<std::uint64_t> forwarded{0};
  std::atomic<std::uint64_t> refused{0};
  std::atomic<std::uint32_t> largest_frame{0};
  std::atomic<std::uint32_t> gso_frames{0};
  std::atomic<std::uint64_t> cpu_ns{0};  // valid after stop()
  void stop();

 private:
  void run();
  void move(Port& from, Port& to);

  Port& a_;
  Port& b_;
  std::atomic<bool> stops_{false};
  std::thread thread_;
};

/// Reads from the port until a frame satisfies `wanted` or five seconds passed; the others are freed.
[[nodiscard]] rte_mbuf* wait_for_frame(Port& port, const std::function<bool(rte_mbuf*)>& wanted);

/// An mbuf with these octets, without offload request.
[[nodiscard]] rte_mbuf* make_frame(ConstBytes octets);

/// An Ethernet frame of test EtherType 0x88B5 (IEEE 802 local experimental), `size` octets in all.
[[nodiscard]] std::vector<std::uint8_t> test_frame(
    const MacAddress& to, const MacAddress& from, std::size_t size
);
[[nodiscard]] bool is_test_frame(rte_mbuf* frame);

/// All kinds of losses together.
[[nodiscard]] unsigned losses_of(const Port& port);

/// Reads test frames at the container's side of the link (its packet_socket); the first payload octet
/// of each. Returns fewer than expected after five seconds without one.
[[nodiscard]] std::vector<std::uint8_t> arrived(const UniqueFd& inside, std::size_t expected);

}  // namespace weft::test
