// Frames through a memif port, from clients that keep the rules and clients that break them.
#include <array>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

#include "pmd-config/memif_port_fixture.h"

namespace weft::test {
namespace {

constexpr std::uint32_t kIn = Client::kToServer;
constexpr std::uint32_t kOut = Client::kToClient;

// -- frames from the client --------------------------------------------------------------------------

TEST_F(MemifPortTest, DeliversFramesOfEverySizeInOrder) {
  Client client{socket_};
  settle(client);
  for (const std::size_t size : {14U, 60U, 64U, 1514U, 2048U, 2049U, 4096U, 9018U, 32768U}) {
    const std::vector<std::uint8_t> sent = test_frame(mac_of(1), mac_of(2), size);
    client.push_frame(sent);
    const std::vector<rte_mbuf*> frames = burst();
    ASSERT_EQ(frames.size(), 1U) << size;
    EXPECT_EQ(octets_of(frames[0]), sent);
    EXPECT_GE(frames[0]->data_off, kHeadroom);
    EXPECT_EQ(meta(frames[0]).offload.gso, OffloadRequest::Gso::none);
    rte_pktmbuf_free(frames[0]);
    EXPECT_EQ(client.tail(kIn), client.head(kIn)) << "buffers are given back";
  }
  expect_losses({});
}

TEST_F(MemifPortTest, NeverDeliversMoreThanAskedFor) {
  Client client{socket_};
  settle(client);
  for (int i = 0; i < 10; ++i) client.push_frame(test_frame(mac_of(1), mac_of(2), 60));
  for (const std::size_t wanted : {4U, 4U, 2U, 0U}) {
    const std::vector<rte_mbuf*> frames = burst(4);
    EXPECT_EQ(frames.size(), wanted);
    for (rte_mbuf* frame : frames) rte_pktmbuf_free(frame);
  }
}

TEST_F(MemifPortTest, CountsDescriptorsThatPointOutsideTheRegion) {
  Client client{socket_};
  settle(client);
  const std::array<memif::Slot, 6> lies{{
      {.region = 1, .length = 60, .offset = 0},
      {.region = 0xFFFF, .length = 60, .offset = 0},
      {.length = 60, .offset = Client::kRegionOctets - 59},
      {.length = 60, .offset = 0xFFFFFFFF},
      {.length = 0xFFFFFFFF, .offset = 1},
      {.length = Client::kRegionOctets + 1, .offset = 0},
  }};
  for (const memif::Slot& lie : lies) client.push(lie);
  client.push_frame(test_frame(mac_of(1), mac_of(2), 60));
  const std::vector<rte_mbuf*> frames = burst();
  EXPECT_EQ(frames.size(), 1U) << "the honest frame behind them arrives";
  for (rte_mbuf* frame : frames) rte_pktmbuf_free(frame);
  expect_losses({.truncated = lies.size()});
}

TEST_F(MemifPortTest, CountsRuntsAndGiants) {
  Client client{socket_};
  settle(client);
  for (const std::uint32_t length : {0U, 1U, 13U}) client.push({.length = length, .offset = 4096});
  for (int i = 0; i < 2; ++i) {
    client.push({.flags = memif::kSlotNext, .length = 65000, .offset = 0});
  }
  client.push({.length = 60, .offset = 4096});
  EXPECT_TRUE(burst().empty());
  expect_losses({.frame_too_large = 1, .truncated = 3});
}

TEST_F(MemifPortTest, WaitsForTheRestOfAFrame) {
  Client client{socket_};
  settle(client);
  client.push({.flags = memif::kSlotNext, .length = 40, .offset = 4096});
  EXPECT_TRUE(burst().empty());
  client.push({.length = 24, .offset = 4096});
  const std::vector<rte_mbuf*> frames = burst();
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0]->pkt_len, 64U);
  rte_pktmbuf_free(frames[0]);
  expect_losses({});
}

TEST_F(MemifPortTest, DropsAChainWithoutEnd) {
  Client client{socket_};
  settle(client);
  for (int i = 0; i < Client::kRingSize; ++i) {
    client.push({.flags = memif::kSlotNext, .length = 40, .offset = 4096});
  }
  EXPECT_TRUE(burst().empty());
  EXPECT_EQ(client.tail(kIn), client.head(kIn));
  expect_losses({.frame_too_large = 1});
}

TEST_F(MemifPortTest, DisconnectsAClientWhoseHeadRunsAway) {
  for (const std::uint32_t ring : {kIn, kOut}) {
    Client client{socket_};
    settle(client);
    client.set_head(ring, static_cast<std::uint16_t>(client.tail(ring) + Client::kRingSize + 1U));
    EXPECT_TRUE(burst().empty());
    rte_mbuf* frame = make_frame(test_frame(mac_of(1), mac_of(2), 60));
    EXPECT_EQ(port_->tx_burst(&frame, 1), 0);
    rte_pktmbuf_free(frame);
    EXPECT_EQ(client.outcome(), "Ring head is ahead of the ring's size");
    EXPECT_EQ(client.outcome(), "closed");
  }
  expect_losses({});
}

TEST_F(MemifPortTest, CountsFramesThatFindNoBuffer) {
  Client client{socket_};
  settle(client);
  std::vector<rte_mbuf*> hoard;
  while (rte_mbuf* m = rte_pktmbuf_alloc(pools().small)) hoard.push_back(m);
  for (int i = 0; i < 3; ++i) client.push_frame(test_frame(mac_of(1), mac_of(2), 60));
  EXPECT_TRUE(burst().empty());
  rte_pktmbuf_free_bulk(hoard.data(), static_cast<unsigned>(hoard.size()));
  expect_losses({.no_mbuf = 3});
}

// -- frames to the client ----------------------------------------------------------------------------

TEST_F(MemifPortTest, FillsTheBuffersThatTheClientOffers) {
  Client client{socket_};
  settle(client);
  const std::vector<std::uint8_t> sent = test_frame(mac_of(1), mac_of(2), 300);
  std::array<rte_mbuf*, 3> frames{make_frame(sent), make_frame(sent), make_frame(sent)};
  // Two buffers: the third frame is still ours.
  client.set_head(kOut, 2);
  EXPECT_EQ(port_->tx_burst(frames.data(), 3), 2);
  EXPECT_EQ(client.tail(kOut), 2);
  for (std::uint16_t i = 0; i < 2; ++i) {
    EXPECT_EQ(client.described(kOut, i).length, 300U);
    EXPECT_EQ(client.described(kOut, i).flags, 0);
    EXPECT_EQ(std::memcmp(client.buffer(kOut, i), sent.data(), sent.size()), 0);
  }
  EXPECT_EQ(port_->tx_burst(frames.data() + 2, 1), 0);
  client.set_head(kOut, 3);
  EXPECT_EQ(port_->tx_burst(frames.data() + 2, 1), 1);
}

TEST_F(MemifPortTest, SpreadsALongFrameOverSmallBuffers) {
  Client client{socket_};
  settle(client);
  const std::vector<std::uint8_t> sent = test_frame(mac_of(1), mac_of(2), 900);
  for (std::uint16_t i = 0; i < 4; ++i) {
    client.describe(kOut, i, {.length = 256, .offset = Client::buffer_offset(kOut, i)});
  }
  rte_mbuf* frame = make_frame(sent);
  client.set_head(kOut, 3);
  EXPECT_EQ(port_->tx_burst(&frame, 1), 0) << "too full for the whole frame";
  EXPECT_EQ(client.tail(kOut), 0);
  client.set_head(kOut, 4);
  EXPECT_EQ(port_->tx_burst(&frame, 1), 1);
  EXPECT_EQ(client.tail(kOut), 4);
  std::vector<std::uint8_t> arrived;
  for (std::uint16_t i = 0; i < 4; ++i) {
    const memif::Slot slot = client.described(kOut, i);
    EXPECT_EQ(slot.flags, i < 3 ? memif::kSlotNext : 0);
    arrived.insert(arrived.end(), client.buffer(kOut, i), client.buffer(kOut, i) + slot.length);
  }
  EXPECT_EQ(arrived, sent);
}

TEST_F(MemifPortTest, AFrameThatCanNeverFitDoesNotHoldUpOthers) {
  Client client{socket_};
  settle(client);
  for (std::uint16_t i = 0; i < Client::kRingSize; ++i) {
    client.describe(kOut, i, {.length = 64, .offset = Client::buffer_offset(kOut, i)});
  }
  client.set_head(kOut, Client::kRingSize);
  rte_mbuf* const giant = make_frame(test_frame(mac_of(1), mac_of(2), 2000));
  std::array<rte_mbuf*, 2> frames{giant, make_frame(test_frame(mac_of(1), mac_of(2), 60))};
  EXPECT_EQ(port_->tx_burst(frames.data(), 2), 1);
  EXPECT_EQ(frames[1], giant);
  rte_pktmbuf_free(giant);
}

TEST_F(MemifPortTest, DisconnectsAClientThatOffersBuffersOutsideItsRegion) {
  for (const std::size_t size : {60U, 900U}) {
    Client client{socket_};
    settle(client);
    client.describe(kOut, 0, {.length = 256, .offset = Client::kRegionOctets - 255});
    client.set_head(kOut, Client::kRingSize);
    rte_mbuf* frame = make_frame(test_frame(mac_of(1), mac_of(2), size));
    EXPECT_EQ(port_->tx_burst(&frame, 1), 0);
    rte_pktmbuf_free(frame);
    EXPECT_EQ(client.outcome(), "Descriptor of an empty buffer is outside its region");
  }
}

// -- coming and going --------------------------------------------------------------------------------

TEST_F(MemifPortTest, SurvivesClientsThatLeaveInMidTraffic) {
  std::atomic<bool> stops{false};
  std::atomic<std::uint64_t> received{0};
  std::thread worker{[&] {
    while (!stops.load()) {
      std::array<rte_mbuf*, kMaxBurst> frames;
      const std::uint16_t count = port_->rx_burst(frames.data(), kMaxBurst);
      const std::uint16_t sent = port_->tx_burst(frames.data(), count);
      rte_pktmbuf_free_bulk(frames.data() + sent, static_cast<unsigned>(count - sent));
      received += count;
    }
  }};
  for (int round = 0; round < 200; ++round) {
    Client client{socket_};
    EXPECT_EQ(client.join(), "connected");
    client.set_head(kOut, Client::kRingSize);
    const std::uint64_t before = received;
    for (int i = 0; i < 8; ++i) client.push_frame(test_frame(mac_of(1), mac_of(2), 1000));
    while (round % 3 == 0 && received == before) std::this_thread::yield();
  }
  stops = true;
  worker.join();
  EXPECT_GT(received, 0U);
  expect_losses({});
}

TEST_F(MemifPortTest, SaysGoodbyeWhenThePortIsRemoved) {
  Client client{socket_};
  settle(client);
  port_.reset();
  EXPECT_EQ(client.outcome(), "Port is being removed");
  EXPECT_NE(::access(socket_.c_str(), F_OK), 0);
  ::rmdir(directory_.c_str());
}

TEST_F(MemifPortTest, RefusesASocketThatIsInUse) {
  const Result<std::unique_ptr<Port>> second = open_memif("c2/net0", socket_, pools());
  ASSERT_FALSE(second);
  EXPECT_EQ(
      second.error().message,
      "c2/net0: socket '" + socket_ + "' is in use by another port or process"
  );
}

}  // namespace
}  // namespace weft::test
