// PacketTest: a GoogleTest fixture for whatever works on mbufs. Each test starts with EAL running
// and ends with as many free mbufs as it started with, or fails.
//
//   using Segment = PacketTest;
//   TEST_F(Segment, CutsWhatDoesNotFit) { Packet frame = packet(...); ... }
#pragma once

#include <gtest/gtest.h>
#include <rte_mempool.h>

#include "dataplane/port/testing/packets.h"

namespace weft::wire_test {

class PacketTest : public ::testing::Test {
 protected:
  void SetUp() override {
    small_ = rte_mempool_avail_count(pools().small);
    large_ = rte_mempool_avail_count(pools().large);
  }
  void TearDown() override {
    EXPECT_EQ(rte_mempool_avail_count(pools().small), small_)
        << "small mbufs were leaked or freed twice";
    EXPECT_EQ(rte_mempool_avail_count(pools().large), large_)
        << "large mbufs were leaked or freed twice";
  }

  /// Mbufs taken from the pools since the test began.
  [[nodiscard]] unsigned mbufs_in_use() const {
    return small_ + large_ - rte_mempool_avail_count(pools().small) -
           rte_mempool_avail_count(pools().large);
  }

 private:
  unsigned small_{};
  unsigned large_{};
};

}  // namespace weft::wire_test
