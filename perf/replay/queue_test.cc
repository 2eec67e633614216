// A replayed frame is as new each time, whatever its last owner did to the mbuf; and no mbuf is lost.
#include "perf/replay/queue.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "dataplane/port/testing/packets.h"

namespace weft::replay {
namespace {

using Octets = std::vector<std::uint8_t>;
using Burst = std::vector<rte_mbuf*>;

constexpr std::uint16_t kPort = 7;
constexpr unsigned kPoolSize = 2047;
constexpr std::uint16_t kBurst = 32;

/// Distinct frames of 64 to 127 octets.
std::vector<Captured> some_frames(std::size_t count) {
  std::vector<Captured> frames(count);
  for (std::size_t i = 0; i < count; ++i) {
    frames[i].octets.resize(64 + i % 64);
    std::iota(frames[i].octets.begin(), frames[i].octets.end(), static_cast<std::uint8_t>(i));
    frames[i].hash = static_cast<std::uint32_t>(i * 3);
  }
  return frames;
}

Octets octets_of(const rte_mbuf* mbuf) {
  const auto* const start = rte_pktmbuf_mtod(mbuf, const std::uint8_t*);
  return {start, start + mbuf->data_len};
}

class ReplayQueue : public ::testing::Test {
 protected:
  ReplayQueue() : pool_{wire_test::make_pool(kPoolSize)} { gate_->header.run = 1; }
  ~ReplayQueue() override {
    receive_.reset();
    EXPECT_EQ(rte_mempool_in_use_count(pool_.get()), 0U) << "mbufs were lost";
  }

  void start(std::vector<Captured> frames, ReceiveConfig config = {.port = kPort}) {
    frames_ = std::move(frames);
    burst_ = ReceiveQueue::burst_function(config.restore);
    ASSERT_EQ(try_to_start(config), "");
  }
  std::string try_to_start(const ReceiveConfig& config) {
    std::vector<const Captured*> all;
    for (const Captured& frame : frames_) all.push_back(&frame);
    return receive_->start(all, config);
  }

  Burst receive(std::uint16_t max = kBurst) {
    Burst frames(max);
    frames.resize(burst_(receive_.get(), frames.data(), max));
    return frames;
  }
  void send(Burst frames) {
    const auto count = static_cast<std::uint16_t>(frames.size());
    EXPECT_EQ(TransmitQueue::send(&transmit_, frames.data(), count), count);
  }
  /// The next frames are those of the file from `first` on, in perfect condition.
  void expect_frames(const Burst& burst, std::size_t first) {
    for (std::size_t i = 0; i < burst.size(); ++i) {
      const rte_mbuf* const mbuf = burst[i];
      const Captured& expected = frames_[(first + i) % frames_.size()];
      EXPECT_EQ(octets_of(mbuf), expected.octets) << "frame " << first + i;
      EXPECT_EQ(mbuf->pkt_len, expected.octets.size());
      EXPECT_EQ(mbuf->data_off, RTE_PKTMBUF_HEADROOM);
      EXPECT_EQ(mbuf->hash.rss, expected.hash);
      EXPECT_EQ(mbuf->port, kPort);
      EXPECT_EQ(mbuf->refcnt, 1);
      EXPECT_EQ(mbuf->nb_segs, 1);
      EXPECT_EQ(mbuf->next, nullptr);
      EXPECT_EQ(mbuf->ol_flags, 0U);
    }
  }
  GateCounters& received() { return gate_->counters[0][0][0]; }
  GateCounters& sent() { return gate_->counters[1][0][1]; }

  wire_test::Pool pool_;
  std::unique_ptr<Gate> gate_ = std::make_unique<Gate>();
  std::unique_ptr<ReceiveQueue> receive_ =
      std::make_unique<ReceiveQueue>(pool_.get(), *gate_, 0, 0);
  TransmitQueue transmit_{gate_->header, sent(), gate_->samples[1]};
  std::vector<Captured> frames_;
  ReceiveQueue::Burst burst_{};
};

TEST_F(ReplayQueue, HandsOutTheFramesOfTheFileInOrder) {
  start(some_frames(600));
  for (std::size_t first = 0; first < 1500; first += kBurst) {
    const Burst burst = receive();
    ASSERT_EQ(burst.size(), kBurst);
    expect_frames(burst, first);
    send(burst);
  }
  EXPECT_EQ(received().strange, 0U);
  EXPECT_EQ(sent().strange, 0U);
}

TEST_F(ReplayQueue, SameMbufsComeBackWithoutThePool) {
  start(some_frames(512));
  const Burst first = receive();
  const unsigned left = rte_mempool_avail_count(pool_.get());
  send(first);
  for (std::size_t i = kBurst; i < 512; i += kBurst) send(receive());
  const Burst again = receive();
  EXPECT_EQ(again, first);
  EXPECT_EQ(rte_mempool_avail_count(pool_.get()), left);
  send(again);
}

TEST_F(ReplayQueue, ShortFilesAreRepeatedOverEnoughSlots) {
  start(some_frames(1));
  const Burst burst = receive(256);
  EXPECT_EQ(burst.size(), 256U);
  expect_frames(burst, 0);
  send(burst);
}

TEST_F(ReplayQueue, FramesAreAsNewAfterHeadersWerePushedAndPulled) {
  start(some_frames(512));
  for (std::size_t i = 0; i < 512; i += kBurst) {
    Burst burst = receive();
    for (std::size_t k = 0; k < burst.size(); ++k) {
      rte_mbuf* const mbuf = burst[k];
      if (k % 2 == 0) {
        std::memset(rte_pktmbuf_prepend(mbuf, 50), 0xAB, 50);
      } else {
        ASSERT_NE(rte_pktmbuf_adj(mbuf, 50), nullptr);
      }
      mbuf->ol_flags = RTE_MBUF_F_TX_IP_CKSUM;
      mbuf->hash.rss = 0xFFFFFFFF;
      mbuf->port = 3;
    }
    send(burst);
  }
  const Burst burst = receive();
  expect_frames(burst, 0);
  send(burst);
  EXPECT_EQ(sent().strange, 0U);
}

TEST_F(ReplayQueue, WhatWasWrittenIntoFramesIsFoundByACheck) {
  start(some_frames(512));
  Burst burst = receive();
  rte_pktmbuf_mtod(burst[3], std::uint8_t*)[15] ^= 0xFFU;
  rte_pktmbuf_mtod(burst[9], std::uint8_t*)[60] ^= 0xFFU;
  send(burst);
  gate_->header.run = 0;
  gate_->header.check = 1;
  EXPECT_TRUE(receive().empty());
  EXPECT_EQ(received().check, 1U);
  EXPECT_EQ(received().checked, 512U);
  EXPECT_EQ(received().altered, 2U);
}

TEST_F(ReplayQueue, RestoreUndoesWhatWasWritten) {
  for (const std::uint32_t restore : {64U, 128U}) {
    start(some_frames(512), {.port = kPort, .restore = restore});
    for (std::size_t i = 0; i < 512; i += kBurst) {
      const Burst burst = receive();
      for (rte_mbuf* const mbuf : burst) {
        std::memset(rte_pktmbuf_mtod(mbuf, void*), 0, std::min<std::size_t>(64, restore));
      }
      send(burst);
    }
    const Burst burst = receive();
    expect_frames(burst, 0);
    send(burst);
    receive_->stop();
  }
}

TEST_F(ReplayQueue, FewSlotsGiveAllFramesInTurn) {
  start(some_frames(3000), {.port = kPort, .slots = 512, .restore = 128});
  for (std::size_t first = 0; first < 7000; first += kBurst) {
    const Burst burst = receive();
    expect_frames(burst, first);
    send(burst);
  }
}

TEST_F(ReplayQueue, DroppedFramesAreReplacedFromThePool) {
  start(some_frames(512));
  Burst burst = receive();
  for (std::size_t i = 0; i < 16; ++i) rte_pktmbuf_free(burst[i]);
  send({burst.begin() + 16, burst.end()});
  for (std::size_t i = kBurst; i < 512; i += kBurst) send(receive());
  burst = receive();
  expect_frames(burst, 0);
  EXPECT_EQ(received().strange, 16U);
  send(burst);
}

TEST_F(ReplayQueue, DroppedMbufsWithOtherContentsAreNotTakenBack) {
  start(some_frames(512));
  for (rte_mbuf* mbuf : receive()) rte_pktmbuf_free(mbuf);
  for (int i = 0; i < kBurst; ++i) {
    rte_mbuf* const own = rte_pktmbuf_alloc(pool_.get());
    ASSERT_NE(rte_pktmbuf_append(own, 60), nullptr);
    send({own});
  }
  EXPECT_EQ(sent().strange, kBurst);
  for (std::size_t i = kBurst; i < 512; i += kBurst) send(receive());
  const Burst burst = receive();
  expect_frames(burst, 0);
  send(burst);
}

TEST_F(ReplayQueue, LateFramesGoToThePoolAndAreNotHandedOutTwice) {
  start(some_frames(512));
  const Burst kept = receive();
  for (std::size_t i = kBurst; i < 512; i += kBurst) send(receive());
  const Burst burst = receive();  // the same frames, in other mbufs
  expect_frames(burst, 0);
  for (const rte_mbuf* mbuf : kept) EXPECT_EQ(std::ranges::count(burst, mbuf), 0);
  EXPECT_EQ(received().strange, kBurst);
  send(kept);
  EXPECT_EQ(sent().strange, kBurst);
  send(burst);
}

TEST_F(ReplayQueue, AnEmptyPoolStopsNothingForGood) {
  start(some_frames(512));
  Burst out;
  for (int i = 0; i < 16; ++i) std::ranges::copy(receive(), std::back_inserter(out));
  Burst hoard(rte_mempool_avail_count(pool_.get()));
  ASSERT_EQ(
      rte_pktmbuf_alloc_bulk(pool_.get(), hoard.data(), static_cast<unsigned>(hoard.size())), 0
  );
  EXPECT_TRUE(receive().empty());
  EXPECT_EQ(received().no_mbuf, 1U);
  send(out);
  const Burst burst = receive();
  EXPECT_EQ(burst.size(), kBurst);
  expect_frames(burst, 0);
  send(burst);
  rte_pktmbuf_free_bulk(hoard.data(), static_cast<unsigned>(hoard.size()));
}

TEST_F(ReplayQueue, ChainsGiveBackTheReplayedSegment) {
  start(some_frames(512));
  Burst burst = receive();
  for (rte_mbuf*& frame : burst) {
    rte_mbuf* const headers = rte_pktmbuf_alloc(pool_.get());
    ASSERT_NE(rte_pktmbuf_append(headers, 50), nullptr);
    ASSERT_EQ(rte_pktmbuf_chain(headers, frame), 0);
    frame = headers;
  }
  send(burst);
  for (std::size_t i = kBurst; i < 512; i += kBurst) send(receive());
  burst = receive();
  expect_frames(burst, 0);
  EXPECT_EQ(received().strange, 0U);
  send(burst);
}

TEST_F(ReplayQueue, ClonedFramesAreNotReusedWhileTheCloneLives) {
  start(some_frames(512));
  Burst burst = receive(1);
  rte_mbuf* const clone = rte_pktmbuf_clone(burst[0], pool_.get());
  ASSERT_NE(clone, nullptr);
  send(burst);
  for (std::size_t i = 1; i < 512; i += kBurst) send(receive());
  EXPECT_EQ(octets_of(clone), frames_[0].octets);
  send({clone});
}

TEST_F(ReplayQueue, FramesOfOthersGoToTheirPool) {
  start(some_frames(512));
  rte_mbuf* const other = rte_pktmbuf_alloc(pool_.get());
  other->hash.fdir.hi = 0;  // looks like the name of the first slot
  const unsigned in_use = rte_mempool_in_use_count(pool_.get());
  send({other});
  EXPECT_EQ(rte_mempool_in_use_count(pool_.get()), in_use - 1);
  EXPECT_EQ(sent().strange, 1U);
}

TEST_F(ReplayQueue, AShutGateReceivesNothing) {
  start(some_frames(512));
  gate_->header.run = 0xFFFFFFFE;  // every device but this one
  EXPECT_TRUE(receive().empty());
  EXPECT_EQ(received().frames, 0U);
}

TEST_F(ReplayQueue, CountsFramesAndOctets) {
  start(some_frames(512));
  Burst burst = receive();
  std::uint64_t octets = 0;
  for (rte_mbuf* mbuf : burst) {
    octets += mbuf->pkt_len;
    ASSERT_NE(rte_pktmbuf_prepend(mbuf, 50), nullptr);
  }
  send(burst);
  EXPECT_EQ(received().frames, kBurst);
  EXPECT_EQ(received().octets, octets);
  EXPECT_EQ(received().bursts, 1U);
  EXPECT_EQ(sent().frames, kBurst);
  EXPECT_EQ(sent().octets, octets + std::uint64_t{50} * kBurst);
}

TEST_F(ReplayQueue, LogsWhatFramesCostInWholeChunks) {
  start(some_frames(512));
  const GateLog& log = gate_->logs[0];
  // The first chunk only begins the time.
  for (unsigned burst = 0; burst < 2 * kChunkBursts - 1; ++burst) send(receive());
  EXPECT_EQ(log.count, 0U);
  send(receive());
  EXPECT_EQ(log.count, 1U);
  EXPECT_GT(log.cycles[0], 0U);
  // What happens while the gate is shut is not counted.
  gate_->header.run = 0;
  EXPECT_TRUE(receive().empty());
  gate_->header.run = 1;
  for (unsigned burst = 0; burst < 2 * kChunkBursts - 1; ++burst) send(receive());
  EXPECT_EQ(log.count, 1U);
}

TEST_F(ReplayQueue, KeepsASampleOfWhatIsSentWhenAsked) {
  start(some_frames(512));
  send(receive());
  EXPECT_EQ(gate_->samples[1].number, 0U);
  gate_->header.sample = 1;
  send(receive());
  send(receive());
  const GateSample& sample = gate_->samples[1];
  EXPECT_EQ(sample.number, 1U);
  ASSERT_EQ(sample.pkt_len, frames_[kBurst].octets.size());
  EXPECT_TRUE(
      std::equal(frames_[kBurst].octets.begin(), frames_[kBurst].octets.end(), sample.octets)
  );
}

TEST_F(ReplayQueue, SaysWhatItCanNotStartWith) {
  frames_ = some_frames(3000);
  EXPECT_NE(try_to_start({}).find("has only"), std::string::npos);
  frames_ = some_frames(1);
  frames_[0].octets.resize(4000);
  EXPECT_NE(try_to_start({}).find("4000 octets does not fit"), std::string::npos);
  frames_.clear();
  EXPECT_EQ(try_to_start({}), "");
  burst_ = ReceiveQueue::burst_function(0);
  EXPECT_TRUE(receive().empty());
}

TEST_F(ReplayQueue, StoppedWhileFramesAreOutLosesNone) {
  start(some_frames(512));
  const Burst out = receive();
  receive_->stop();
  send(out);
  EXPECT_EQ(rte_mempool_in_use_count(pool_.get()), 0U);
}

}  // namespace
}  // namespace weft::replay
