// Frames through TAP and veth ports: real containers, sockets and the kernel's own TCP.
#include <array>
#include <cstring>
#include <numeric>
#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "dataplane/net/headers.h"
#include "pmd-config/container_test_env.h"
#include "pmd-config/link.h"

namespace weft::test {
namespace {

class TrafficTest : public PortTest {};
INSTANTIATE_TEST_SUITE_P(Kinds, TrafficTest, testing::Values(Kind::tap, Kind::veth), name_of);

TEST_P(TrafficTest, ContainersPingEachOther) {
  Container a{GetParam(), 1};
  Container b{GetParam(), 2};
  Wire wire{a.port(), b.port()};
  EXPECT_EQ(a.run({"ping", "-n", "-c", "3", "-i", "0.05", "-W", "5", "10.77.0.2"}), 0);
  EXPECT_EQ(b.run({"ping", "-n", "-c", "3", "-i", "0.05", "-W", "5", "fd77::1"}), 0);
  // Larger than the MTU: fragments, and back.
  EXPECT_EQ(a.run({"ping", "-n", "-c", "1", "-s", "20000", "-W", "5", "10.77.0.2"}), 0);
  wire.stop();
  EXPECT_GE(wire.forwarded.load(), 12U);
  EXPECT_EQ(losses_of(a.port()) + losses_of(b.port()), 0U);
}

/// Sends a pseudo-random stream through TCP and compares every octet on arrival.
class Stream {
 public:
  static constexpr std::size_t kChunk = 1 << 16;
  explicit Stream(std::size_t chunks) : chunks_{chunks} {}

  void send(int fd) {
    std::vector<std::uint8_t> chunk(kChunk);
    std::uint64_t state = kSeed;
    for (std::size_t i = 0; i < chunks_; ++i) {
      fill(chunk, state);
      for (std::size_t done = 0; done < kChunk;) {
        const ssize_t n = ::send(fd, chunk.data() + done, kChunk - done, MSG_NOSIGNAL);
        if (n <= 0) return;
        done += static_cast<std::size_t>(n);
      }
    }
    ::shutdown(fd, SHUT_WR);
  }
  /// Octets that arrived as they were sent, up to the first wrong one.
  std::size_t receive(int fd) {
    std::vector<std::uint8_t> chunk(kChunk);
    std::vector<std::uint8_t> expected(kChunk);
    std::uint64_t state = kSeed;
    for (std::size_t i = 0; i < chunks_; ++i) {
      if (::recv(fd, chunk.data(), kChunk, MSG_WAITALL) != static_cast<ssize_t>(kChunk)) {
        return i * kChunk;
      }
      fill(expected, state);
      if (chunk != expected) return i * kChunk;
    }
    return chunks_ * kChunk;
  }

 private:
  static constexpr std::uint64_t kSeed = 0x9E3779B97F4A7C15U;
  static void fill(std::vector<std::uint8_t>& chunk, std::uint64_t& state) {
    for (std::size_t i = 0; i < chunk.size(); i += sizeof state) {
      state ^= state << 13U;
      state ^= state >> 7U;
      state ^= state << 17U;
      std::memcpy(chunk.data() + i, &state, sizeof state);
    }
  }
  std::size_t chunks_;
};

/// From container a to container b; `to` is an address of b.
std::size_t transfer(
    Container& a, Container& b, const sockaddr* to, socklen_t size, int family, std::size_t chunks
) {
  const UniqueFd listener = b.socket(family, SOCK_STREAM);
  const UniqueFd client = a.socket(family, SOCK_STREAM);
  const timeval patience{20, 0};
  for (const int fd : {listener.get(), client.get()}) {
    (void)::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  }
  EXPECT_EQ(::bind(listener.get(), to, size), 0);
  EXPECT_EQ(::listen(listener.get(), 1), 0);
  EXPECT_EQ(::connect(client.get(), to, size), 0);
  const UniqueFd server{::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)};
  EXPECT_TRUE(server);
  Stream stream{chunks};
  std::thread sender{[&] { stream.send(client.get()); }};
  const std::size_t octets = stream.receive(server.get());
  sender.join();
  return octets;
}

TEST_P(TrafficTest, TcpPassesUnharmedInLargeSegments) {
  Container a{GetParam(), 1};
  Container b{GetParam(), 2};
  Wire wire{a.port(), b.port()};
  constexpr std::size_t kChunks = 512;  // 32 MiB

  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(5001);
  v4.sin_addr.s_addr = inet_addr("10.77.0.2");
  EXPECT_EQ(
      transfer(a, b, reinterpret_cast<sockaddr*>(&v4), sizeof v4, AF_INET, kChunks),
      kChunks * Stream::kChunk
  );
  EXPECT_GT(wire.gso_frames.load(), 0U);
  EXPECT_GT(wire.largest_frame.load(), 50'000U);
  EXPECT_LE(wire.largest_frame.load(), kGsoMaxSize + sizeof(EthernetHeader));

  const std::uint32_t gso_frames_v4 = wire.gso_frames;
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(5001);
  inet_pton(AF_INET6, "fd77::2", &v6.sin6_addr);
  EXPECT_EQ(
      transfer(a, b, reinterpret_cast<sockaddr*>(&v6), sizeof v6, AF_INET6, kChunks),
      kChunks * Stream::kChunk
  );
  EXPECT_GT(wire.gso_frames.load(), gso_frames_v4);
  wire.stop();
  EXPECT_EQ(losses_of(a.port()) + losses_of(b.port()), 0U);
}

TEST_P(TrafficTest, UdpSegmentationIsLeftToTheContainersKernel) {
  Container a{GetParam(), 1};
  Container b{GetParam(), 2};
  Wire wire{a.port(), b.port()};
  const UniqueFd receiver = b.socket(AF_INET, SOCK_DGRAM);
  const UniqueFd sender = a.socket(AF_INET, SOCK_DGRAM);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(5002);
  to.sin_addr.s_addr = inet_addr("10.77.0.2");
  ASSERT_EQ(::bind(receiver.get(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  const timeval patience{5, 0};
  (void)::setsockopt(receiver.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  const int segment = 1000;
  constexpr int kUdpSegment = 103;  // UDP_SEGMENT of <linux/udp.h>
  ASSERT_EQ(::setsockopt(sender.get(), IPPROTO_UDP, kUdpSegment, &segment, sizeof segment), 0);
  const std::vector<std::uint8_t> payload(10'000, 0x5A);
  ASSERT_EQ(
      ::sendto(
          sender.get(),
          payload.data(),
          payload.size(),
          0,
          reinterpret_cast<sockaddr*>(&to),
          sizeof to
      ),
      static_cast<ssize_t>(payload.size())
  );
  std::array<std::uint8_t, 2000> datagram{};
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(::recv(receiver.get(), datagram.data(), datagram.size(), 0), segment) << i;
  }
  wire.stop();
  EXPECT_EQ(losses_of(a.port()), 0U);
}

TEST_P(TrafficTest, DeliversFramesOctetByOctet) {
  Container a{GetParam(), 1};
  const UniqueFd inside = a.packet_socket();
  for (const std::size_t size : {60U, 61U, 1514U}) {
    const std::vector<std::uint8_t> sent = test_frame(kBroadcastMac, mac_of(1), size);
    ASSERT_EQ(::send(inside.get(), sent.data(), sent.size(), 0), static_cast<ssize_t>(size));
    rte_mbuf* frame = wait_for_frame(a.port(), is_test_frame);
    ASSERT_NE(frame, nullptr);
    EXPECT_EQ(frame->nb_segs, 1);
    EXPECT_GE(frame->data_off, kHeadroom);
    const Bytes head = head_bytes(frame);
    EXPECT_EQ(std::vector<std::uint8_t>(head.begin(), head.end()), sent);
    rte_pktmbuf_free(frame);
  }
  EXPECT_EQ(losses_of(a.port()), 0U);
}

TEST_P(TrafficTest, KeepsVlanTagsInTheFrame) {
  Container a{GetParam(), 1};
  const UniqueFd inside = a.packet_socket();
  for (const std::uint16_t tpid : {kEtherTypeVlan, kEtherTypeQinQ}) {
    std::vector<std::uint8_t> sent = test_frame(kBroadcastMac, mac_of(1), 100);
    const std::array<Be16, 2> tag{Be16{tpid}, Be16{0x6ABC}};
    std::array<std::uint8_t, 4> octets{};
    std::memcpy(octets.data(), tag.data(), sizeof tag);
    sent.insert(sent.begin() + 12, octets.begin(), octets.end());
    ASSERT_EQ(::send(inside.get(), sent.data(), sent.size(), 0), static_cast<ssize_t>(sent.size()));
    rte_mbuf* frame = wait_for_frame(a.port(), [&](rte_mbuf* candidate) {
      return header_at<EthernetHeader>(ConstBytes{head_bytes(candidate)}, 0)->ether_type.host() ==
             tpid;
    });
    ASSERT_NE(frame, nullptr);
    EXPECT_GE(frame->data_off, kHeadroom);
    const Bytes head = head_bytes(frame);
    EXPECT_EQ(std::vector<std::uint8_t>(head.begin(), head.end()), sent);
    rte_pktmbuf_free(frame);
  }
}

TEST_P(TrafficTest, ReadsAtMostAsManyFramesAsAsked) {
  Container a{GetParam(), 1};
  const UniqueFd inside = a.packet_socket();
  const std::vector<std::uint8_t> sent = test_frame(kBroadcastMac, mac_of(1), 60);
  for (int i = 0; i < 100; ++i) {
    ASSERT_GT(::send(inside.get(), sent.data(), sent.size(), 0), 0);
  }
  std::array<rte_mbuf*, kMaxBurst> burst{};
  unsigned total = 0;
  while (total < 100) {
    pollfd fd{a.port().poll_fd(), POLLIN, 0};
    ASSERT_EQ(::poll(&fd, 1, 5000), 1);
    const std::uint16_t count = a.port().rx_burst(burst.data(), 7);
    EXPECT_LE(count, 7);
    rte_pktmbuf_free_bulk(burst.data(), count);
    total += count;
  }
}

TEST_P(TrafficTest, AnEmptyPoolIsANamedLossAndThePortGoesOn) {
  Container a{GetParam(), 1};
  const UniqueFd inside = a.packet_socket();
  std::array<rte_mbuf*, kMaxBurst> burst{};
  while (const std::uint16_t count = a.port().rx_burst(burst.data(), kMaxBurst)) {
    rte_pktmbuf_free_bulk(burst.data(), count);
  }
  std::vector<rte_mbuf*> taken;
  while (rte_mbuf* one = rte_pktmbuf_alloc(pools().small)) taken.push_back(one);
  const std::vector<std::uint8_t> sent = test_frame(kBroadcastMac, mac_of(1), 60);
  for (int i = 0; i < 3; ++i) ASSERT_GT(::send(inside.get(), sent.data(), sent.size(), 0), 0);
  while (a.port().losses.no_mbuf < 3) {
    pollfd fd{a.port().poll_fd(), POLLIN, 0};
    ASSERT_EQ(::poll(&fd, 1, 5000), 1);
    EXPECT_EQ(a.port().rx_burst(burst.data(), kMaxBurst), 0);
  }
  EXPECT_LE(a.port().losses.no_mbuf, 30U);  // the container's own multicasts may be among them
  EXPECT_EQ(losses_of(a.port()), a.port().losses.no_mbuf);
  rte_pktmbuf_free_bulk(taken.data(), static_cast<unsigned>(taken.size()));

  ASSERT_GT(::send(inside.get(), sent.data(), sent.size(), 0), 0);
  rte_mbuf* frame = wait_for_frame(a.port(), is_test_frame);
  EXPECT_NE(frame, nullptr);
  rte_pktmbuf_free(frame);
}

TEST_P(TrafficTest, ABadFrameIsRefusedAloneAndTheOthersKeepTheirOrder) {
  Container a{GetParam(), 1};
  const UniqueFd inside = a.packet_socket();
  std::array<rte_mbuf*, 6> burst{};
  for (std::uint8_t i = 0; i < burst.size(); ++i) {
    std::vector<std::uint8_t> octets = test_frame(mac_of(1), mac_of(2), 60);
    octets[14] = i;
    burst[i] = make_frame(octets);
  }
  meta(burst[2]).offload.needs_checksum = true;  // far outside of the frame
  meta(burst[2]).offload.checksum_start = 5000;
  meta(burst[2]).offload.checksum_offset = 16;
  rte_mbuf* const bad = burst[2];
  EXPECT_EQ(a.port().tx_burst(burst.data(), burst.size()), 5);
  EXPECT_EQ(burst[5], bad);
  rte_pktmbuf_free(bad);
  EXPECT_EQ(arrived(inside, 5), (std::vector<std::uint8_t>{0, 1, 3, 4, 5}));
  EXPECT_TRUE(a.port().is_alive());
}

TEST_P(TrafficTest, SendsChainsAndFullBursts) {
  Container a{GetParam(), 1};
  const UniqueFd inside = a.packet_socket();
  std::array<rte_mbuf*, kMaxBurst> burst{};
  for (std::uint8_t i = 0; i < kMaxBurst; ++i) {
    std::vector<std::uint8_t> octets = test_frame(mac_of(1), mac_of(2), 600);
    octets[14] = i;
    const std::span all{octets};
    burst[i] = make_frame(all.first(100));
    for (std::size_t at = 100; at < octets.size(); at += 100) {
      ASSERT_EQ(rte_pktmbuf_chain(burst[i], make_frame(all.subspan(at, 100))), 0);
    }
  }
  const std::uint16_t sent = a.port().tx_burst(burst.data(), kMaxBurst);
  EXPECT_EQ(sent, kMaxBurst);
  rte_pktmbuf_free_bulk(burst.data() + sent, kMaxBurst - sent);
  std::vector<std::uint8_t> expected(kMaxBurst);
  std::iota(expected.begin(), expected.end(), std::uint8_t{0});
  EXPECT_EQ(arrived(inside, kMaxBurst), expected);
}

TEST_P(TrafficTest, RefusesAFrameOfTooManySegments) {
  Container a{GetParam(), 1};
  rte_mbuf* frame = make_frame(test_frame(mac_of(1), mac_of(2), 60));
  const std::array<std::uint8_t, 4> more{};
  for (int i = 0; i < 300; ++i) ASSERT_EQ(rte_pktmbuf_chain(frame, make_frame(more)), 0);
  EXPECT_EQ(a.port().tx_burst(&frame, 1), 0);
  rte_pktmbuf_free(frame);
}

class VethTest : public ContainerTest {};

TEST_F(VethTest, SegmentationWeCanNotExpressIsANamedLossOfThatContainer) {
  Container a{Kind::veth, 1};
  Container b{Kind::veth, 2};
  ASSERT_EQ(a.run({"ethtool", "-K", "eth0", "tx-udp-segmentation", "on"}), 0);
  Wire wire{a.port(), b.port()};
  const UniqueFd sender = a.socket(AF_INET, SOCK_DGRAM);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(5003);
  to.sin_addr.s_addr = inet_addr("10.77.0.2");
  const int segment = 1000;
  ASSERT_EQ(::setsockopt(sender.get(), IPPROTO_UDP, 103, &segment, sizeof segment), 0);
  const std::vector<std::uint8_t> payload(10'000, 0x5A);
  for (int i = 0; i < 3; ++i) {
    EXPECT_GT(
        ::sendto(
            sender.get(),
            payload.data(),
            payload.size(),
            0,
            reinterpret_cast<sockaddr*>(&to),
            sizeof to
        ),
        0
    );
  }
  EXPECT_EQ(a.run({"ping", "-n", "-c", "1", "-W", "5", "10.77.0.2"}), 0);  // and it goes on
  wire.stop();
  EXPECT_EQ(a.port().losses.bad_offload_request, 3U);
  EXPECT_TRUE(a.port().is_alive());
}

}  // namespace
}  // namespace weft::test
