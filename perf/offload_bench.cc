// segment, coalesce and complete_checksum, beside rte_gso, rte_gro and DPDK's checksum.
//
// Per iteration one 64 KB frame is cut, one burst merged, or one checksum completed; inputs are
// made anew outside the measured part and are in the first two cache levels, as after the read or
// the receive copy that brought them. Reported is the *best* iteration: cycles (cyc) and
// nanoseconds (ns) per frame on the wire, and cycles per octet of payload; the Time column is the
// mean per iteration.
//
// rte_gso and rte_gro neither compute nor verify TCP checksums, rte_gso only attaches the payload,
// and both know IPv4 only. The `_and_checksum` lines add what the comparison needs.
#include <algorithm>
#include <array>
#include <cstdint>

#include <benchmark/benchmark.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_gro.h>
#include <rte_gso.h>
#include <rte_ip.h>

#include "dataplane/offload.h"
#include "dataplane/port/testing/packets.h"
#include "perf/packet_meter.h"

namespace {

using namespace weft;
using namespace weft::wire_test;

constexpr std::uint16_t kMtu = 1450;
constexpr std::uint16_t kSegment = kMtu - 40;  // IPv4 and TCP without options
constexpr std::uint16_t kHeaders = 54;

struct Work {
  double frames;
  double octets;
};

/// Runs work() once per iteration, between prepare() and finish() that do not count.
template <typename Prepare, typename Run, typename Finish>
void measure(benchmark::State& state, Work size, Prepare prepare, Run run, Finish finish) {
  const auto hz = static_cast<double>(rte_get_tsc_hz());
  std::uint64_t best = ~std::uint64_t{0};
  std::uint64_t allocations = 0;
  for (auto _ : state) {
    prepare();
    const std::uint64_t allocations_before = perf::allocation_count;
    const std::uint64_t before = __rdtsc();
    run();
    const std::uint64_t ticks = __rdtsc() - before;
    allocations += perf::allocation_count - allocations_before;
    finish();
    best = std::min(best, ticks);
    state.SetIterationTime(static_cast<double>(ticks) / hz);
  }
  const auto cycles = static_cast<double>(best);
  state.counters["cyc/frame"] = cycles / size.frames;
  state.counters["ns/frame"] = cycles / size.frames * 1e9 / hz;
  state.counters["cyc/octet"] = cycles / size.octets;
  if (allocations != 0) state.SkipWithError("allocates on the packet path");
}

/// The TCP checksum over all mbufs, by DPDK's means; 0 over a frame that has the right one.
std::uint16_t dpdk_checksum(const rte_mbuf* frame) {
  const auto* ip = rte_pktmbuf_mtod_offset(frame, const rte_ipv4_hdr*, 14);
  std::uint16_t raw = 0;
  if (rte_raw_cksum_mbuf(frame, 34, frame->pkt_len - 34, &raw) != 0) return 1;
  std::uint32_t sum = std::uint32_t{raw} + rte_ipv4_phdr_cksum(ip, 0);
  sum = (sum & 0xFFFFU) + (sum >> 16U);
  return static_cast<std::uint16_t>(~sum);
}

void set_lengths(rte_mbuf* frame) {
  frame->l2_len = 14;
  frame->l3_len = 20;
  frame->l4_len = 20;
}

// -- 64 KB into 47 frames
// --------------------------------------------------------------------------

constexpr std::size_t kLargePayload = 65535 - 40;
constexpr Work kCutWork{(kLargePayload + kSegment - 1) / kSegment, kLargePayload};

Packet large_frame(const Ip& ip) {
  Packet frame =
      packet(tcp_frame({}, ip, {.is_partial = true}, random_octets(kLargePayload - 20, 1)));
  meta(frame.get()).offload = tcp_offload(frame.get(), kSegment);
  set_lengths(frame.get());
  return frame;
}

void segment_64k(benchmark::State& state, const Ip& ip) {
  const Packet frame = large_frame(ip);
  Segmented cut;
  measure(
      state,
      kCutWork,
      [] {},
      [&] {
        SegmentCursor cursor;
        cut = segment(frame.get(), kMtu, pools().small, cursor);
        benchmark::DoNotOptimize(cut);
      },
      [&] { rte_pktmbuf_free_bulk(cut.out.data(), cut.count); }
  );
}

void rte_gso_64k(benchmark::State& state, bool with_checksum) {
  const Packet frame = large_frame(Ip4{});
  const rte_gso_ctx context{
      .direct_pool = pools().small,
      .indirect_pool = pools().small,
      .flag = 0,
      .gso_types = RTE_ETH_TX_OFFLOAD_TCP_TSO,
      .gso_size = kMtu + 14};
  std::array<rte_mbuf*, 64> out{};
  int count = 0;
  measure(
      state,
      kCutWork,
      [&] { frame->ol_flags = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV4; },
      [&] {
        count = rte_gso_segment(frame.get(), &context, out.data(), out.size());
        for (int i = 0; with_checksum && i < count; ++i) {
          rte_mbuf* one = out[static_cast<std::size_t>(i)];
          auto* ip = rte_pktmbuf_mtod_offset(one, rte_ipv4_hdr*, 14);
          auto* tcp = rte_pktmbuf_mtod_offset(one, rte_tcp_hdr*, 34);
          ip->hdr_checksum = 0;
          ip->hdr_checksum = rte_ipv4_cksum(ip);
          tcp->cksum = 0;
          tcp->cksum = dpdk_checksum(one);
        }
      },
      [&] { rte_pktmbuf_free_bulk(out.data(), static_cast<unsigned>(std::max(count, 0))); }
  );
  if (count != static_cast<int>(kCutWork.frames)) state.SkipWithError("did not cut");
}

// -- 44 frames into one
// ----------------------------------------------------------------------------

constexpr std::size_t kBurst = 44;
constexpr Work kMergeWork{kBurst, kBurst* kSegment};

/// A burst of consecutive segments, copied into fresh mbufs by prepare().
class Stream {
 public:
  explicit Stream(const Ip& ip) {
    const Octets payload = random_octets(kSegment, 2);
    for (std::size_t i = 0; i < kBurst; ++i) {
      const auto sequence = static_cast<std::uint32_t>(i * kSegment);
      octets_.push_back(tcp_frame({}, ip, {.sequence = sequence}, payload));
    }
  }
  void prepare() {
    for (std::size_t i = 0; i < kBurst; ++i) {
      frames_[i] = packet(octets_[i]).release();
      frames_[i]->packet_type = RTE_PTYPE_L2_ETHER | RTE_PTYPE_L3_IPV4 | RTE_PTYPE_L4_TCP;
      set_lengths(frames_[i]);
    }
    count_ = kBurst;
  }
  void finish() { rte_pktmbuf_free_bulk(frames_.data(), count_); }
  rte_mbuf** frames() { return frames_.data(); }
  void set_count(std::uint16_t count) { count_ = count; }
  [[nodiscard]] std::uint16_t count() const { return count_; }

 private:
  std::vector<Octets> octets_;
  std::array<rte_mbuf*, kBurst> frames_{};
  std::uint16_t count_{};
};

void coalesce_44(benchmark::State& state, const Ip& ip, bool is_checked) {
  Stream stream{ip};
  measure(
      state,
      kMergeWork,
      [&] {
        stream.prepare();
        for (std::size_t i = 0; i < kBurst; ++i) {
          meta(stream.frames()[i]).offload.is_checked = is_checked;
        }
      },
      [&] { stream.set_count(coalesce(stream.frames(), kBurst)); },
      [&] { stream.finish(); }
  );
  if (stream.count() != 1) state.SkipWithError("did not merge");
}

void rte_gro_44(benchmark::State& state, bool with_checksum) {
  Stream stream{Ip4{}};
  const rte_gro_param parameters{
      .gro_types = RTE_GRO_TCP_IPV4, .max_flow_num = 64, .max_item_per_flow = 64, .socket_id = 0};
  measure(
      state,
      kMergeWork,
      [&] { stream.prepare(); },
      [&] {
        for (std::size_t i = 0; with_checksum && i < kBurst; ++i) {
          benchmark::DoNotOptimize(dpdk_checksum(stream.frames()[i]));
        }
        stream.set_count(rte_gro_reassemble_burst(stream.frames(), kBurst, &parameters));
      },
      [&] { stream.finish(); }
  );
  if (stream.count() >= kBurst) state.SkipWithError("did not merge");
}

// -- one checksum
// ----------------------------------------------------------------------------------

/// 256 times per iteration, as one is too short to time; the request is renewed each time.
constexpr int kRepeats = 256;

void checksum(benchmark::State& state, bool is_ours) {
  const auto frame_octets = static_cast<std::size_t>(state.range(0));
  const Packet frame =
      packet(tcp_frame({}, Ip4{}, {.is_partial = true}, random_octets(frame_octets - kHeaders, 3)));
  const OffloadRequest request = tcp_offload(frame.get());
  auto* tcp = rte_pktmbuf_mtod_offset(frame.get(), rte_tcp_hdr*, 34);
  measure(
      state,
      Work{kRepeats, static_cast<double>(frame_octets) * kRepeats},
      [] {},
      [&] {
        for (int i = 0; i < kRepeats; ++i) {
          if (is_ours) {
            meta(frame.get()).offload = request;
            complete_checksum(frame.get());
          } else {
            tcp->cksum = 0;
            tcp->cksum = dpdk_checksum(frame.get());
          }
          benchmark::ClobberMemory();
        }
      },
      [] {}
  );
}

BENCHMARK_CAPTURE(segment_64k, v4, Ip{Ip4{}})->UseManualTime();
BENCHMARK_CAPTURE(segment_64k, v6, Ip{Ip6{}})->UseManualTime();
BENCHMARK_CAPTURE(rte_gso_64k, alone, false)->UseManualTime();
BENCHMARK_CAPTURE(rte_gso_64k, and_checksum, true)->UseManualTime();
BENCHMARK_CAPTURE(coalesce_44, v4, Ip{Ip4{}}, false)->UseManualTime();
BENCHMARK_CAPTURE(coalesce_44, v6, Ip{Ip6{}}, false)->UseManualTime();
BENCHMARK_CAPTURE(coalesce_44, v4_checked_before, Ip{Ip4{}}, true)->UseManualTime();
BENCHMARK_CAPTURE(rte_gro_44, alone, false)->UseManualTime();
BENCHMARK_CAPTURE(rte_gro_44, and_checksum, true)->UseManualTime();
BENCHMARK_CAPTURE(checksum, complete_checksum, true)
    ->Arg(64)
    ->Arg(1514)
    ->Arg(65000)
    ->UseManualTime();
BENCHMARK_CAPTURE(checksum, rte_ip_checksum, false)
    ->Arg(64)
    ->Arg(1514)
    ->Arg(65000)
    ->UseManualTime();

}  // namespace

BENCHMARK_MAIN();
