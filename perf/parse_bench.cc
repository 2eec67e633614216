// What the wire layer costs per packet: parse_frame, flow_key and flow_hash, sum_of; each beside a
// baseline: DPDK's rte_net_get_ptype, rte_hash_crc and rte_raw_cksum, and a naive sum.
//
// "hot" frames lie in the first-level cache; "cold" ones are 65,536 frames, each at its own 2 KB like
// an mbuf's data room, taken in random order.
#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <rte_hash_crc.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_net.h>

#include "dataplane/net/checksum.h"
#include "dataplane/net/flow_key.h"
#include "dataplane/net/parse.h"
#include "dataplane/net/testing/frames.h"
#include "perf/packet_meter.h"

namespace weft {
namespace {

using perf::measure_packets;
using wire_test::GoldenFrame;
using wire_test::Octets;

constexpr std::size_t kStride = 2048;
constexpr std::int64_t kHot = 16;
constexpr std::int64_t kCold = 65536;

/// Frames in one arena and a random order to visit them in.
class Traffic {
 public:
  Traffic(const std::vector<Octets>& kinds, std::size_t count) : arena_(count * kStride) {
    std::mt19937 random{1};
    for (std::size_t i = 0; i < count; ++i) {
      const Octets& frame = kinds[random() % kinds.size()];
      std::copy(frame.begin(), frame.end(), arena_.begin() + static_cast<long>(i * kStride));
      frames_.emplace_back(arena_.data() + i * kStride, frame.size());
    }
    std::shuffle(frames_.begin(), frames_.end(), random);
  }

  [[nodiscard]] ConstBytes next() noexcept {
    const ConstBytes frame = frames_[at_];
    at_ = (at_ + 1) & (frames_.size() - 1);  // a power of two
    return frame;
  }

 private:
  Octets arena_;
  std::vector<ConstBytes> frames_;
  std::size_t at_{};
};

/// The golden frame of that name, or the usual mixture of a container network.
Traffic traffic(std::string_view kind, std::int64_t count) {
  const std::string_view mixture[] = {
      "ipv4_tcp_options",
      "ipv4_tcp_options",
      "ipv4_udp",
      "ipv6_tcp",
      "ipv4_icmp",
      "arp",
      "ipv6_udp"};
  std::vector<Octets> kinds;
  for (const GoldenFrame& golden : wire_test::golden_frames()) {
    const bool is_wanted =
        kind == "mixture"
            ? std::find(std::begin(mixture), std::end(mixture), golden.name) != std::end(mixture)
            : kind == golden.name;
    if (is_wanted) kinds.push_back(golden.octets);
  }
  return Traffic{kinds, static_cast<std::size_t>(count)};
}

void parse(benchmark::State& state, const char* kind) {
  Traffic frames = traffic(kind, state.range(0));
  measure_packets(state, [&] {
    ParsedFrame parsed = parse_frame(frames.next());
    benchmark::DoNotOptimize(parsed);
  });
}

void parse_dpdk(benchmark::State& state, const char* kind) {
  Traffic frames = traffic(kind, state.range(0));
  rte_mbuf mbuf{};
  measure_packets(state, [&] {
    const ConstBytes frame = frames.next();
    mbuf.buf_addr = const_cast<std::uint8_t*>(frame.data());
    mbuf.data_len = static_cast<std::uint16_t>(frame.size());
    mbuf.pkt_len = mbuf.data_len;
    rte_net_hdr_lens lengths;
    std::uint32_t type = rte_net_get_ptype(&mbuf, &lengths, RTE_PTYPE_ALL_MASK);
    benchmark::DoNotOptimize(type);
    benchmark::DoNotOptimize(lengths);
  });
}

void parse_key_hash(benchmark::State& state, const char* kind) {
  Traffic frames = traffic(kind, state.range(0));
  measure_packets(state, [&] {
    const ConstBytes frame = frames.next();
    const ParsedFrame parsed = parse_frame(frame);
    std::uint32_t hash = flow_hash(flow_key(frame, parsed));
    benchmark::DoNotOptimize(hash);
  });
}

void key_hash(benchmark::State& state, const char* kind) {
  Traffic frames = traffic(kind, kHot);
  const ConstBytes frame = frames.next();
  ParsedFrame parsed = parse_frame(frame);
  measure_packets(state, [&] {
    benchmark::DoNotOptimize(parsed);
    std::uint32_t hash = flow_hash(flow_key(frame, parsed));
    benchmark::DoNotOptimize(hash);
  });
}

template <typename Hash>
void hash_only(benchmark::State& state, Hash hash_of) {
  Traffic frames = traffic("ipv4_udp", kHot);
  const ConstBytes frame = frames.next();
  FlowKey key = flow_key(frame, parse_frame(frame));
  measure_packets(state, [&] {
    benchmark::DoNotOptimize(key);
    std::uint32_t hash = hash_of(key);
    benchmark::DoNotOptimize(hash);
  });
}

template <typename Checksum>
void checksum(benchmark::State& state, Checksum sum) {
  const Octets octets = wire_test::counting(static_cast<std::size_t>(state.range(0)));
  measure_packets(state, [&] {
    const std::uint8_t* data = octets.data();
    benchmark::DoNotOptimize(data);
    auto value = sum(ConstBytes{data, octets.size()});
    benchmark::DoNotOptimize(value);
  });
}

BENCHMARK_CAPTURE(parse, ipv4_udp, "ipv4_udp")->Arg(kHot)->Arg(kCold);
BENCHMARK_CAPTURE(parse, ipv4_tcp, "ipv4_tcp_options")->Arg(kHot);
BENCHMARK_CAPTURE(parse, ipv6_tcp, "ipv6_tcp")->Arg(kHot);
BENCHMARK_CAPTURE(parse, qinq_ipv6_tcp, "qinq_ipv6_tcp")->Arg(kHot);
BENCHMARK_CAPTURE(parse, ipv6_chain, "ipv6_chain")->Arg(kHot);
BENCHMARK_CAPTURE(parse, mixture, "mixture")->Arg(kHot)->Arg(kCold);
BENCHMARK_CAPTURE(parse_dpdk, ipv4_udp, "ipv4_udp")->Arg(kHot)->Arg(kCold);
BENCHMARK_CAPTURE(parse_dpdk, mixture, "mixture")->Arg(kHot)->Arg(kCold);
BENCHMARK_CAPTURE(parse_key_hash, ipv4_udp, "ipv4_udp")->Arg(kHot)->Arg(kCold);
BENCHMARK_CAPTURE(parse_key_hash, mixture, "mixture")->Arg(kHot)->Arg(kCold);
BENCHMARK_CAPTURE(key_hash, ipv4_udp, "ipv4_udp");
BENCHMARK_CAPTURE(key_hash, ipv6_tcp, "ipv6_tcp");
BENCHMARK_CAPTURE(hash_only, flow_hash, [](const FlowKey& key) { return flow_hash(key); });
BENCHMARK_CAPTURE(hash_only, rte_hash_crc, [](const FlowKey& key) {
  return rte_hash_crc(&key, sizeof key, 0);
});

// 64 KB stands for a large segment; 20 for an IPv4 header.
BENCHMARK_CAPTURE(checksum, sum_of, [](ConstBytes octets) { return fold(sum_of(octets)); })
    ->Arg(20)
    ->Arg(64)
    ->Arg(512)
    ->Arg(1500)
    ->Arg(65535);
BENCHMARK_CAPTURE(
    checksum,
    rte_raw_cksum,
    [](ConstBytes octets) { return rte_raw_cksum(octets.data(), octets.size()); }
)
    ->Arg(20)
    ->Arg(64)
    ->Arg(512)
    ->Arg(1500)
    ->Arg(65535);
BENCHMARK_CAPTURE(checksum, naive, wire_test::naive_sum)->Arg(20)->Arg(64)->Arg(512)->Arg(1500);

}  // namespace
}  // namespace weft

BENCHMARK_MAIN();
