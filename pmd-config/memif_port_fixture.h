// A memif port and its socket, and afterwards: no mbuf, no descriptor and no file is left.
#pragma once

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "pmd-config/container_test_env.h"
#include "pmd-config/memif_fake_client.h"
#include "pmd-config/memif_port.h"

namespace weft::test {

using Client = FakeMemifClient;

class MemifPortTest : public ContainerTest {
 protected:
  void SetUp() override {
    ContainerTest::SetUp();
    if (IsSkipped()) return;
    before_ = levels();
    fds_before_ = open_fd_count();
    ASSERT_NE(::mkdtemp(directory_.data()), nullptr);
    socket_ = directory_ + "/port.sock";
    Result<std::unique_ptr<Port>> port = open_memif("c1/net0", socket_, pools());
    ASSERT_TRUE(port) << port.error().message;
    port_ = std::move(*port);
  }
  void TearDown() override {
    if (!port_) return;
    port_.reset();
    EXPECT_EQ(levels(), before_);
    EXPECT_EQ(open_fd_count(), fds_before_);
    EXPECT_EQ(::rmdir(directory_.c_str()), 0) << "the socket is left behind";
  }
  /// Frames of one burst; freed by the caller.
  std::vector<rte_mbuf*> burst(std::uint16_t max = kMaxBurst) {
    std::vector<rte_mbuf*> frames(max);
    frames.resize(port_->rx_burst(frames.data(), max));
    return frames;
  }
  /// Retries until the link that the handshake announced has reached the worker, which is us.
  std::vector<rte_mbuf*> first_burst() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{10};
    while (std::chrono::steady_clock::now() < deadline) {
      if (std::vector<rte_mbuf*> frames = burst(); !frames.empty()) return frames;
    }
    return {};
  }
  /// Joins and passes one frame, so that everything afterwards is in order.
  void settle(Client& client) {
    ASSERT_EQ(client.join(), "connected");
    client.push_frame(test_frame(mac_of(1), mac_of(2), 60));
    const std::vector<rte_mbuf*> frames = first_burst();
    ASSERT_EQ(frames.size(), 1U);
    rte_pktmbuf_free(frames[0]);
  }
  void expect_losses(const RxLosses& wanted) {
    EXPECT_EQ(port_->losses.no_mbuf, wanted.no_mbuf);
    EXPECT_EQ(port_->losses.frame_too_large, wanted.frame_too_large);
    EXPECT_EQ(port_->losses.bad_offload_request, wanted.bad_offload_request);
    EXPECT_EQ(port_->losses.truncated, wanted.truncated);
  }
  static std::vector<std::uint8_t> octets_of(const rte_mbuf* frame) {
    std::vector<std::uint8_t> out(frame->pkt_len);
    const void* at = rte_pktmbuf_read(frame, 0, frame->pkt_len, out.data());
    if (at != out.data()) std::memcpy(out.data(), at, out.size());
    return out;
  }

  std::string directory_ = "/tmp/weft-memif-test-XXXXXX";
  std::string socket_;
  std::unique_ptr<Port> port_;
  PoolLevels before_;
  std::size_t fds_before_{};
};

}  // namespace weft::test
