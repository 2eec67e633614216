#include "pmd-config/vnet_io.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include <sys/socket.h>
#include <sys/uio.h>

#include "pmd-config/container_test_env.h"

namespace weft::test {
namespace {

using Gso = OffloadRequest::Gso;

TEST(VnetHeader, SaysNothingForACompleteFrame) {
  const std::optional<OffloadRequest> request = decode_offload(VnetHeader{});
  ASSERT_TRUE(request);
  EXPECT_FALSE(request->needs_checksum);
  EXPECT_FALSE(request->is_checked);
  EXPECT_EQ(request->gso, Gso::none);
}

TEST(VnetHeader, RoundTripsEveryRequest) {
  for (const Gso gso : {Gso::none, Gso::tcp4, Gso::tcp6}) {
    for (unsigned flags = 0; flags < 8; ++flags) {
      OffloadRequest request;
      request.gso = gso;
      request.needs_checksum = (flags & 1U) != 0;
      request.is_checked = (flags & 2U) != 0;
      if (request.needs_checksum) {
        request.checksum_start = 34;
        request.checksum_offset = 16;
      }
      if (gso != Gso::none) {
        request.is_ecn = (flags & 4U) != 0;
        request.header_octets = 66;
        request.gso_octets = 1448;
      }
      const std::optional<OffloadRequest> back = decode_offload(encode_offload(request));
      ASSERT_TRUE(back);
      EXPECT_EQ(std::memcmp(&*back, &request, sizeof request), 0);
    }
  }
}

TEST(VnetHeader, RefusesSegmentationThatWasNotOffered) {
  for (unsigned type = 0; type < 256; ++type) {
    VnetHeader header{};
    header.gso_type = static_cast<std::uint8_t>(type);
    const unsigned plain = type & 0x7FU;
    EXPECT_EQ(decode_offload(header).has_value(), plain == 0 || plain == 1 || plain == 4) << type;
  }
}

TEST(VnetHeader, IgnoresFieldsThatTheFlagsDeclareMeaningless) {
  VnetHeader header{};
  header.header_octets = 1;
  header.gso_octets = 2;
  header.checksum_start = 3;
  header.checksum_offset = 4;
  const std::optional<OffloadRequest> request = decode_offload(header);
  const OffloadRequest empty;
  ASSERT_TRUE(request);
  EXPECT_EQ(std::memcmp(&*request, &empty, sizeof empty), 0);
}

/// A socket pair in the place of the kernel's device.
class RxSlotTest : public ContainerTest {
 protected:
  void SetUp() override {
    ContainerTest::SetUp();
    if (IsSkipped()) return;
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
    ours_.reset(ends[0]);
    theirs_.reset(ends[1]);
    const int size = 1 << 20;
    (void)::setsockopt(ends[1], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
    before_ = levels();
  }
  void TearDown() override {
    if (!IsSkipped()) {
      EXPECT_EQ(levels(), before_);
    }
  }

  /// Sends header and `octets` of frame, and reads them back through the slot.
  rte_mbuf* receive(RxSlot& slot, std::size_t octets, std::uint16_t lead = 0) {
    VnetHeader header = header_;
    sent_.resize(octets);
    for (std::size_t i = 0; i < octets; ++i)
      sent_[i] = static_cast<std::uint8_t>(i * 31U + i / 256U);
    std::array<iovec, 2> out{{{&header, sizeof header}, {sent_.data(), octets}}};
    EXPECT_EQ(::writev(theirs_.get(), out.data(), 2), static_cast<ssize_t>(octets + sizeof header));
    slot.prepare(pools(), lead);
    const std::span<iovec> buffers = slot.buffers();
    const ssize_t got = ::readv(ours_.get(), buffers.data(), static_cast<int>(buffers.size()));
    EXPECT_GE(got, 0);
    return slot.finish(static_cast<std::size_t>(got), losses_);
  }
  void expect_whole(rte_mbuf* frame) {
    ASSERT_NE(frame, nullptr);
    EXPECT_EQ(frame->pkt_len, sent_.size());
    EXPECT_GE(frame->data_off, kHeadroom);
    rte_mbuf_sanity_check(frame, 1);
    std::vector<std::uint8_t> flat(sent_.size());
    const void* octets = rte_pktmbuf_read(frame, 0, frame->pkt_len, flat.data());
    EXPECT_EQ(std::memcmp(octets, sent_.data(), sent_.size()), 0);
    rte_pktmbuf_free(frame);
  }
  unsigned losses() const {
    return losses_.no_mbuf + losses_.frame_too_large + losses_.bad_offload_request +
           losses_.truncated;
  }

  UniqueFd ours_;
  UniqueFd theirs_;
  VnetHeader header_{};
  std::vector<std::uint8_t> sent_;
  RxLosses losses_;
  PoolLevels before_;
};

TEST_F(RxSlotTest, KeepsEveryOctetAtEveryBoundary) {
  const std::size_t small = 2176;
  const std::size_t large = kLargeRoom;
  for (const std::size_t octets :
       {std::size_t{14},
        std::size_t{60},
        std::size_t{1514},
        small - 1,
        small,
        small + 1,
        small + large - 1,
        small + large,
        small + large + 1,
        std::size_t{kMaxFrame}}) {
    RxSlot slot;
    rte_mbuf* frame = receive(slot, octets);
    ASSERT_NE(frame, nullptr) << octets;
    const unsigned segments = octets <= small ? 1 : octets <= small + large ? 2 : 3;
    EXPECT_EQ(frame->nb_segs, segments) << octets;
    expect_whole(frame);
  }
  EXPECT_EQ(losses(), 0U);
}

TEST_F(RxSlotTest, SmallFrameCostsOneSmallMbufOnly) {
  rte_mbuf* frame = nullptr;
  {
    RxSlot slot;
    frame = receive(slot, 1514);
  }
  EXPECT_EQ(levels(), (PoolLevels{before_.small + 1, before_.large}));
  rte_pktmbuf_free(frame);
}

TEST_F(RxSlotTest, LeavesRoomForAVlanTag) {
  RxSlot slot;
  rte_mbuf* frame = receive(slot, 100, 4);
  ASSERT_NE(frame, nullptr);
  EXPECT_EQ(frame->data_off, kHeadroom + 4);
  expect_whole(frame);
}

TEST_F(RxSlotTest, ServesOneFrameAfterTheOther) {
  RxSlot slot;
  for (const std::size_t octets : {60U, 60'000U, 1514U, 30'000U, 65'553U, 14U}) {
    expect_whole(receive(slot, octets));
  }
  EXPECT_EQ(losses(), 0U);
}

TEST_F(RxSlotTest, CountsFramesLargerThanAnIpPacketCanBe) {
  RxSlot slot;
  EXPECT_EQ(receive(slot, kMaxFrame + 1), nullptr);
  EXPECT_EQ(receive(slot, 80'000), nullptr);  // more than all buffers hold
  EXPECT_EQ(losses_.frame_too_large, 2U);
  EXPECT_EQ(losses(), 2U);
  expect_whole(receive(slot, 100));
}

TEST_F(RxSlotTest, CountsRunts) {
  RxSlot slot;
  EXPECT_EQ(receive(slot, 0), nullptr);
  EXPECT_EQ(receive(slot, 13), nullptr);
  EXPECT_EQ(losses_.truncated, 2U);
  EXPECT_EQ(losses(), 2U);
}

TEST_F(RxSlotTest, CountsUnknownSegmentation) {
  RxSlot slot;
  header_.gso_type = 5;  // UDP
  EXPECT_EQ(receive(slot, 3000), nullptr);
  EXPECT_EQ(losses_.bad_offload_request, 1U);
  EXPECT_EQ(losses(), 1U);
}

TEST_F(RxSlotTest, TranscribesTheOffloadRequest) {
  RxSlot slot;
  header_.flags = VnetHeader::kNeedsChecksum;
  header_.gso_type = VnetHeader::kGsoTcp6 | VnetHeader::kGsoEcn;
  header_.header_octets = 86;
  header_.gso_octets = 1428;
  header_.checksum_start = 54;
  header_.checksum_offset = 16;
  rte_mbuf* frame = receive(slot, 40'000);
  ASSERT_NE(frame, nullptr);
  const OffloadRequest& request = meta(frame).offload;
  EXPECT_TRUE(request.needs_checksum);
  EXPECT_TRUE(request.is_ecn);
  EXPECT_EQ(request.gso, Gso::tcp6);
  EXPECT_EQ(request.header_octets, 86);
  EXPECT_EQ(request.gso_octets, 1428);
  EXPECT_EQ(request.checksum_start, 54);
  EXPECT_EQ(request.checksum_offset, 16);
  rte_pktmbuf_free(frame);
}

/// Takes every mbuf of a pool, so that the next allocation fails.
std::vector<rte_mbuf*> exhaust(rte_mempool* pool) {
  std::vector<rte_mbuf*> taken;
  while (rte_mbuf* one = rte_pktmbuf_alloc(pool)) taken.push_back(one);
  return taken;
}
void give_back(std::vector<rte_mbuf*>& taken) {
  rte_pktmbuf_free_bulk(taken.data(), static_cast<unsigned>(taken.size()));
}

TEST_F(RxSlotTest, AnEmptySmallPoolLosesTheFrameButReadsIt) {
  std::vector<rte_mbuf*> taken = exhaust(pools().small);
  {
    RxSlot slot;
    EXPECT_EQ(receive(slot, 60), nullptr);
    EXPECT_EQ(receive(slot, 60'000), nullptr);
  }
  EXPECT_EQ(losses_.no_mbuf, 2U);
  EXPECT_EQ(losses(), 2U);
  give_back(taken);
}

TEST_F(RxSlotTest, AnEmptyLargePoolLosesLargeFramesOnly) {
  std::vector<rte_mbuf*> taken = exhaust(pools().large);
  {
    RxSlot slot;
    EXPECT_EQ(receive(slot, 60'000), nullptr);
    expect_whole(receive(slot, 1514));
  }
  EXPECT_EQ(losses_.no_mbuf, 1U);
  EXPECT_EQ(losses(), 1U);
  give_back(taken);
}

TEST_F(RxSlotTest, GatherListsHeaderAndEverySegment) {
  RxSlot slot;
  rte_mbuf* frame = receive(slot, 60'000);
  ASSERT_NE(frame, nullptr);
  VnetHeader header{};
  std::array<iovec, 8> out{};
  ASSERT_EQ(gather(frame, header, out), 4U);
  std::size_t total = 0;
  for (std::size_t i = 1; i < 4; ++i) total += out[i].iov_len;
  EXPECT_EQ(total, 60'000U);
  EXPECT_EQ(gather(frame, header, std::span{out}.first(3)), 0U);
  EXPECT_EQ(gather(frame, header, std::span{out}.first(4)), 4U);
  rte_pktmbuf_free(frame);
}

TEST(PutLast, MovesOneFrameBehindTheOthersAndKeepsTheirOrder) {
  std::array<rte_mbuf, 4> storage{};
  std::array<rte_mbuf*, 4> frames{&storage[0], &storage[1], &storage[2], &storage[3]};
  EXPECT_EQ(put_last(frames.data(), 1, 4), 3);
  EXPECT_EQ(frames, (std::array<rte_mbuf*, 4>{&storage[0], &storage[2], &storage[3], &storage[1]}));
  EXPECT_EQ(put_last(frames.data(), 2, 3), 2);
}

TEST(FrameRefused, TellsABadFrameFromAFullPort) {
  EXPECT_TRUE(is_frame_refused(EINVAL));
  EXPECT_TRUE(is_frame_refused(EMSGSIZE));
  for (const int errnum : {EAGAIN, ENOBUFS, ENOMEM, EIO, EBADFD, ENXIO, ENETDOWN}) {
    EXPECT_FALSE(is_frame_refused(errnum)) << errnum;
  }
}

}  // namespace
}  // namespace weft::test
