#include "tests/qemu/tap_wire.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <rte_mbuf.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/base/lanes.h"

namespace weft::qemu_test {
namespace {

using namespace wire_test;  // NOLINT: frames are written in it

/// IEEE 802 local experimental EtherType: no rule under test names it.
constexpr std::uint16_t kMarkerType = 0x88B5;
constexpr std::uint32_t kTrailerWord = 0x57454654;
constexpr std::size_t kTrailerOctets = 8;
/// Fewer than a TAP's queue holds.
constexpr std::size_t kAtOnce = 64;
/// An emulated processor takes milliseconds; a marker that never comes is the failure here.
constexpr std::chrono::seconds kPatience{10};

Octets marker_mac(std::uint16_t queue) {
  return Octets{0x02, 'm', 'a', 'r'} + word16(queue);
}
Octets marker(std::uint16_t queue) {
  return marker_mac(queue) + wire_test::kSourceMac + word16(kMarkerType) + Octets(46);
}

rte_flow* steer_marker(std::uint16_t port_id, std::uint16_t queue) {
  rte_flow_attr attributes{};
  attributes.ingress = 1;
  rte_flow_item_eth spec{};
  rte_flow_item_eth mask{};
  std::ranges::copy(marker_mac(queue), spec.hdr.dst_addr.addr_bytes);
  std::ranges::fill(mask.hdr.dst_addr.addr_bytes, std::uint8_t{0xFF});
  const std::array<rte_flow_item, 2> items{
      rte_flow_item{RTE_FLOW_ITEM_TYPE_ETH, &spec, nullptr, &mask},
      rte_flow_item{RTE_FLOW_ITEM_TYPE_END, nullptr, nullptr, nullptr}};
  const rte_flow_action_queue to{queue};
  const std::array<rte_flow_action, 2> actions{
      rte_flow_action{RTE_FLOW_ACTION_TYPE_QUEUE, &to},
      rte_flow_action{RTE_FLOW_ACTION_TYPE_END, nullptr}};
  rte_flow_error error{};
  rte_flow* flow = rte_flow_create(port_id, &attributes, items.data(), actions.data(), &error);
  EXPECT_NE(flow, nullptr) << (error.message != nullptr ? error.message : "no reason given");
  return flow;
}

std::uint32_t word_at(ConstBytes octets, std::size_t at) {
  std::uint32_t word = 0;
  std::memcpy(&word, octets.data() + at, sizeof word);
  return ntohl(word);
}

}  // namespace

TapWire::TapWire(EthdevUplink& uplink, const std::string& interface) : uplink_{uplink} {
  socket_ = ::socket(AF_PACKET, SOCK_RAW, 0);
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
  EXPECT_EQ(::bind(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0)
      << std::strerror(errno);
  for (std::uint16_t queue = 0; queue < uplink.queue_count(); ++queue) {
    markers_.push_back(steer_marker(uplink.port_id(), queue));
  }
}

TapWire::~TapWire() {
  for (rte_flow* marker : markers_) {
    rte_flow_error error{};
    if (marker != nullptr) rte_flow_destroy(uplink_.port_id(), marker, &error);
  }
  if (socket_ >= 0) ::close(socket_);
}

std::vector<Arrival> TapWire::carry(const std::vector<Octets>& frames) {
  std::vector<Arrival> arrivals(frames.size());
  for (std::size_t first = 0; first < frames.size(); first += kAtOnce) {
    carry_some(frames, first, std::min(kAtOnce, frames.size() - first), arrivals);
  }
  return arrivals;
}

Octets TapWire::with_trailer(Octets frame, std::uint32_t number) {
  return std::move(frame) + word32(kTrailerWord) + word32(number);
}

void TapWire::send(const Octets& frame) const {
  EXPECT_EQ(::send(socket_, frame.data(), frame.size(), 0), static_cast<ssize_t>(frame.size()))
      << std::strerror(errno);
}

void TapWire::carry_some(
    const std::vector<Octets>& frames,
    std::size_t first,
    std::size_t count,
    std::vector<Arrival>& arrivals
) {
  for (std::size_t i = first; i < first + count; ++i) {
    send(with_trailer(frames[i], static_cast<std::uint32_t>(i)));
  }
  std::vector<bool> is_drained(uplink_.queue_count());
  for (std::uint16_t queue = 0; queue < uplink_.queue_count(); ++queue) send(marker(queue));

  const auto take = [&](ConstBytes frame, std::uint16_t queue) {
    if (std::ranges::equal(frame.first(6), marker_mac(queue))) is_drained[queue] = true;
    // The kernel says things of its own, too.
    if (frame.size() < kTrailerOctets || word_at(frame, frame.size() - 8) != kTrailerWord) return;
    Arrival& arrival = arrivals.at(word_at(frame, frame.size() - 4));
    EXPECT_FALSE(arrival.has_value()) << "a frame arrived twice";
    EXPECT_FALSE(is_drained[queue]) << "a frame came behind the marker of its queue";
    arrival = queue;
  };
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (std::ranges::find(is_drained, false) != is_drained.end()) {
    ASSERT_LT(std::chrono::steady_clock::now(), end) << "a marker was lost";
    for (std::uint16_t queue = 0; queue < uplink_.queue_count(); ++queue) {
      std::array<rte_mbuf*, kMaxBurst> burst{};
      const std::uint16_t got = uplink_.queue(queue)->rx_burst(burst.data(), kMaxBurst);
      for (std::uint16_t i = 0; i < got; ++i) {
        take({rte_pktmbuf_mtod(burst[i], const std::uint8_t*), burst[i]->data_len}, queue);
        rte_pktmbuf_free(burst[i]);
      }
    }
  }
}

}  // namespace weft::qemu_test
