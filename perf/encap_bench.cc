// decap and write_outer per packet, beside a naive write_outer that builds the header field by field.
//
// Frames and templates are made at run time and rotate through a ring of kFrames, so that nothing can be
// folded at compile time. Packets and templates are in the first-level cache: this is the instructions'
// cost, not the memory's.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"
#include "dataplane/net/parse.h"
#include "encap/outer.h"
#include "encap/tos.h"
#include "encap/tunnel.h"
#include "perf/packet_meter.h"

namespace {

using namespace weft;
using namespace weft::encap;
using perf::measure_packets;

constexpr std::size_t kFrames = 64;  // a burst
constexpr std::size_t kInner = 64;   // octets

struct Slot {
  alignas(kCacheLine) std::array<std::uint8_t, 128 + kInner> octets;  // headroom and inner frame
  std::size_t inner_octets;
  std::uint32_t entropy;
  std::uint8_t tos;
  std::uint8_t* inner() { return octets.data() + 128; }
};

std::vector<Slot> make_slots() {
  std::mt19937 random{7};
  std::vector<Slot> slots(kFrames);
  for (Slot& slot : slots) {
    for (std::uint8_t& octet : slot.octets) octet = static_cast<std::uint8_t>(random());
    slot.inner_octets = kInner + random() % 1400;
    slot.entropy = static_cast<std::uint32_t>(random());
    slot.tos = static_cast<std::uint8_t>(random());
  }
  return slots;
}

OuterSpec make_spec(Kind kind, IpFamily family) {
  OuterSpec spec;
  spec.kind = kind;
  spec.vni = Vni{5001};
  spec.source_mac = MacAddress{{2, 0, 0, 0, 0, 1}};
  spec.destination_mac = MacAddress{{2, 0, 0, 0, 0, 2}};
  const bool is_v4 = family == IpFamily::v4;
  spec.local = is_v4 ? parse_ip("192.0.2.1").value() : parse_ip("2001:db8::1").value();
  spec.remote = is_v4 ? parse_ip("192.0.2.2").value() : parse_ip("2001:db8::2").value();
  return spec;
}

/// The baseline: what one would write without templates. Not inlined, as write_outer is not.
[[gnu::noinline]] std::size_t naive_outer(
    const OuterSpec& spec,
    std::uint8_t* inner,
    std::size_t inner_octets,
    std::uint8_t tos,
    std::uint32_t entropy
) {
  const IpFamily family = spec.local.family();
  const std::size_t size = overhead(spec.kind, family);
  const bool is_vxlan = spec.kind == Kind::vxlan;
  std::uint8_t* at = inner - size;
  const EthernetHeader ethernet{
      spec.destination_mac,
      spec.source_mac,
      Be16{family == IpFamily::v4 ? kEtherTypeIpv4 : kEtherTypeIpv6}};
  std::memcpy(at, &ethernet, sizeof ethernet);
  at += sizeof ethernet;
  const std::size_t tunnel = is_vxlan ? 16 : 8;
  const std::uint8_t protocol = is_vxlan ? kIpProtoUdp : kIpProtoGre;
  if (family == IpFamily::v4) {
    Ipv4Header ip{};
    ip.version_ihl = 0x45;
    ip.tos = tos;
    ip.total_length = Be16{static_cast<std::uint16_t>(sizeof ip + tunnel + inner_octets)};
    ip.flags_fragment = Be16{Ipv4Header::kDontFragment};
    ip.ttl = spec.ttl;
    ip.protocol = protocol;
    ip.source = spec.local.v4();
    ip.destination = spec.remote.v4();
    ip.checksum =
        Be16{finish(sum_of(ConstBytes{reinterpret_cast<const std::uint8_t*>(&ip), sizeof ip}))};
    std::memcpy(at, &ip, sizeof ip);
    at += sizeof ip;
  } else {
    Ipv6Header ip{};
    ip.version_class_flow = Be32{0x60000000U | std::uint32_t{tos} << 20U | (entropy & 0xFFFFFU)};
    ip.payload_length = Be16{static_cast<std::uint16_t>(tunnel + inner_octets)};
    ip.next_header = protocol;
    ip.hop_limit = spec.ttl;
    ip.source = spec.local.v6();
    ip.destination = spec.remote.v6();
    std::memcpy(at, &ip, sizeof ip);
    at += sizeof ip;
  }
  if (is_vxlan) {
    UdpHeader udp{};
    udp.source_port = Be16{static_cast<std::uint16_t>(0xC000U | entropy >> 18U)};
    udp.destination_port = Be16{spec.udp_destination_port};
    udp.length = Be16{static_cast<std::uint16_t>(tunnel + inner_octets)};
    std::memcpy(at, &udp, sizeof udp);
    VxlanHeader vxlan{};
    vxlan.flags = VxlanHeader::kFlagVni;
    vxlan.vni_reserved2 = Be32{spec.vni.value() << 8U};
    std::memcpy(at + sizeof udp, &vxlan, sizeof vxlan);
  } else {
    const NvgreHeader gre{
        Be16{NvgreHeader::kKeyPresent},
        Be16{kEtherTypeTeb},
        Be32{spec.vni.value() << 8U | entropy >> 24U}};
    std::memcpy(at, &gre, sizeof gre);
  }
  return size;
}

/// Measures `each`, called with one slot after the other.
template <typename Each>
void run(benchmark::State& state, std::vector<Slot>& slots, Each each) {
  std::size_t at = 0;
  measure_packets(state, [&] {
    each(slots[at]);
    at = (at + 1) % kFrames;
  });
}

void write_outer_template(benchmark::State& state, Kind kind, IpFamily family) {
  auto slots = make_slots();
  const OuterTemplate outer = build_outer(make_spec(kind, family));
  run(state, slots, [&](Slot& slot) {
    benchmark::DoNotOptimize(
        write_outer(outer, slot.inner(), slot.inner_octets, slot.tos, slot.entropy)
    );
  });
}

/// Each packet to a tunnel of any of the four kinds, in an order too long for a branch predictor.
void write_outer_mixed(benchmark::State& state) {
  constexpr std::size_t kOrder = 65536;
  auto slots = make_slots();
  std::vector<OuterTemplate> outers;
  for (const Kind kind : {Kind::vxlan, Kind::nvgre}) {
    for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
      outers.push_back(build_outer(make_spec(kind, family)));
    }
  }
  std::mt19937 random{9};
  std::vector<std::uint8_t> order(kOrder);
  for (std::uint8_t& which : order) which = static_cast<std::uint8_t>(random() % outers.size());
  std::size_t at = 0;
  run(state, slots, [&](Slot& slot) {
    const OuterTemplate& outer = outers[order[at]];
    at = (at + 1) % kOrder;
    benchmark::DoNotOptimize(
        write_outer(outer, slot.inner(), slot.inner_octets, slot.tos, slot.entropy)
    );
  });
}

void write_outer_naive(benchmark::State& state, Kind kind, IpFamily family) {
  auto slots = make_slots();
  const OuterSpec spec = make_spec(kind, family);
  run(state, slots, [&](Slot& slot) {
    benchmark::DoNotOptimize(
        naive_outer(spec, slot.inner(), slot.inner_octets, slot.tos, slot.entropy)
    );
  });
}

/// The outer frame in each slot, its parse already done: decap alone.
void decap_only(benchmark::State& state, Kind kind, IpFamily family) {
  auto slots = make_slots();
  const OuterTemplate outer = build_outer(make_spec(kind, family));
  std::vector<ConstBytes> frames;
  std::vector<ParsedFrame> parsed;
  for (Slot& slot : slots) {
    const std::size_t size = write_outer(outer, slot.inner(), kInner, slot.tos, slot.entropy);
    frames.emplace_back(slot.inner() - size, size + kInner);
    parsed.push_back(parse_frame(frames.back()));
  }
  const DecapConfig config;
  run(state, slots, [&](Slot& slot) {
    const auto i = static_cast<std::size_t>(&slot - slots.data());
    benchmark::DoNotOptimize(decap(frames[i], frames[i].size(), parsed[i], config));
  });
}

/// With the UDP checksum of a full-size packet to verify: what a peer that fills it in costs us.
void decap_checksum(benchmark::State& state) {
  constexpr std::size_t kFull = 1450;
  OuterSpec spec = make_spec(Kind::vxlan, IpFamily::v6);
  spec.udp6_checksum = true;
  const OuterTemplate outer = build_outer(spec);
  std::vector<std::uint8_t> octets(kOuterCopy + kFull, 0x5A);
  const std::size_t size = write_outer(outer, octets.data() + kOuterCopy, kFull, 0, 12345);
  const Bytes frame = Bytes{octets}.subspan(kOuterCopy - size);
  finish_udp6_checksum(outer, frame, sum_of(frame.subspan(size)).value);
  const ParsedFrame parsed = parse_frame(frame);
  auto slots = make_slots();
  run(state, slots, [&](Slot&) {
    benchmark::DoNotOptimize(decap(frame, frame.size(), parsed, DecapConfig{}));
  });
}

void inner_tos_table(benchmark::State& state) {
  auto slots = make_slots();
  run(state, slots, [](Slot& slot) {
    benchmark::DoNotOptimize(inner_tos(DscpMode::uniform, slot.tos, slot.octets[0]));
  });
}

void for_each_transport(const char* name, void (*bench)(benchmark::State&, Kind, IpFamily)) {
  for (const Kind kind : {Kind::vxlan, Kind::nvgre}) {
    for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
      const std::string label = std::string{name} + "/" + std::string{weft::encap::name(kind)} +
                                (family == IpFamily::v4 ? "_v4" : "_v6");
      benchmark::RegisterBenchmark(label.c_str(), bench, kind, family);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  for_each_transport("write_outer", write_outer_template);
  benchmark::RegisterBenchmark("write_outer/mixed", write_outer_mixed);
  for_each_transport("write_outer_naive", write_outer_naive);
  for_each_transport("decap", decap_only);
  benchmark::RegisterBenchmark("decap/vxlan_v6_checksum_1450", decap_checksum);
  benchmark::RegisterBenchmark("inner_tos", inner_tos_table);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
