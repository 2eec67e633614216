// What the tests of uplinks share: EAL started once, a network namespace of the process's own, and
// frames. Nothing that a test makes outlives the process.
//
//   class MyTest : public UplinkTest {};           // checks that no mbuf was leaked
//   const auto uplink = open(config("net_ring0"));
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <rte_mbuf.h>
#include <sched.h>
#include <unistd.h>

#include "pmd-config/eal.h"
#include "pmd-config/ethdev_port.h"
#include "pmd-config/pools.h"

namespace weft::test {

using Octets = std::vector<std::uint8_t>;

/// An Ethernet frame of a local experimental EtherType (IEEE 802 88B5).
inline Octets make_frame(std::size_t size, std::uint8_t mark) {
  Octets frame(size, mark);
  std::fill_n(frame.begin(), 6, std::uint8_t{0xFF});
  std::fill_n(frame.begin() + 6, 6, std::uint8_t{0x02});
  frame[12] = 0x88;
  frame[13] = 0xB5;
  return frame;
}

inline bool is_ours(const Octets& frame) {
  return frame.size() >= 14 && frame[12] == 0x88 && frame[13] == 0xB5;
}

inline int run(const std::string& command) {
  return std::system((command + " >/dev/null 2>&1").c_str());
}

inline std::size_t open_fds() {
  const std::filesystem::directory_iterator all{"/proc/self/fd"};
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

/// Starts EAL once, the way weftd does.
class Machine : public ::testing::Environment {
 public:
  void SetUp() override {
    has_namespace_ = ::geteuid() == 0 && ::unshare(CLONE_NEWNET) == 0;
    EalConfig config;
    config.hugepages = EalConfig::Hugepages::never;
    config.memory_mib = 160;
    Result<std::unique_ptr<Eal>> eal = Eal::start(config);
    ASSERT_TRUE(eal.is_ok()) << eal.error().message;
    eal_ = std::move(*eal);
    size_pools(9000);
  }
  void size_pools(std::uint16_t max_mtu) {
    pools_.reset();
    Result<Pools> pools = make_pools({.max_mtu = max_mtu, .small_count = 8191, .large_count = 64});
    ASSERT_TRUE(pools.is_ok()) << pools.error().message;
    pools_ = std::make_unique<Pools>(std::move(*pools));
  }
  void TearDown() override {
    pools_.reset();
    eal_.reset();
  }

  std::unique_ptr<Eal> eal_;
  std::unique_ptr<Pools> pools_;
  bool has_namespace_{};
};
inline Machine* const g_machine =
    static_cast<Machine*>(::testing::AddGlobalTestEnvironment(new Machine));

class UplinkTest : public ::testing::Test {
 protected:
  void TearDown() override {
    EXPECT_EQ(g_machine->pools_->small_level().in_use, 0U) << "mbufs were leaked";
  }

  static PacketPools pools() { return g_machine->pools_->get(); }

  static UplinkConfig config(const std::string& device) {
    return {.name = "up0", .device = device, .mtu = 0, .queues = 1, .pools = pools()};
  }

  static std::unique_ptr<EthdevUplink> open(const UplinkConfig& wanted) {
    Result<std::unique_ptr<EthdevUplink>> uplink = EthdevUplink::open(wanted);
    EXPECT_TRUE(uplink.is_ok()) << (uplink ? "" : uplink.error().message);
    return uplink ? std::move(*uplink) : nullptr;
  }

  static std::string refusal(const UplinkConfig& wanted) {
    const Result<std::unique_ptr<EthdevUplink>> uplink = EthdevUplink::open(wanted);
    return uplink ? "accepted" : uplink.error().message;
  }

  /// A chain whose i-th segment has sizes[i] octets of `frame`.
  static rte_mbuf* mbuf(const Octets& frame, std::vector<std::size_t> sizes = {}) {
    if (sizes.empty()) sizes = {frame.size()};
    rte_mbuf* head = nullptr;
    std::size_t at = 0;
    for (const std::size_t size : sizes) {
      rte_mbuf* part = rte_pktmbuf_alloc(pools().small);
      std::copy_n(
          frame.data() + at,
          size,
          reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(part, static_cast<std::uint16_t>(size))
          )
      );
      at += size;
      if (head == nullptr) {
        head = part;
      } else {
        rte_pktmbuf_chain(head, part);
      }
    }
    return head;
  }

  static Octets octets(const rte_mbuf* frame) {
    Octets all(frame->pkt_len);
    for (std::size_t at = 0; frame != nullptr; at += frame->data_len, frame = frame->next) {
      std::copy_n(rte_pktmbuf_mtod(frame, const std::uint8_t*), frame->data_len, all.data() + at);
    }
    return all;
  }

  /// Frees and answers what arrives on any queue until there are `count` frames of ours or 2 s pass.
  static std::vector<Octets> receive(EthdevUplink& uplink, std::size_t count) {
    std::vector<Octets> all;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{2};
    while (all.size() < count && std::chrono::steady_clock::now() < end) {
      for (std::uint16_t q = 0; q < uplink.queue_count(); ++q) {
        std::array<rte_mbuf*, kMaxBurst> burst{};
        const std::uint16_t got = uplink.queue(q)->rx_burst(burst.data(), kMaxBurst);
        for (std::uint16_t i = 0; i < got; ++i) {
          Octets frame = octets(burst[i]);
          if (is_ours(frame)) all.push_back(std::move(frame));
          rte_pktmbuf_free(burst[i]);
        }
      }
    }
    return all;
  }
};

}  // namespace weft::test
