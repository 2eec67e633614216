// What a miss of the flow table costs: Policy::judge, with the longest prefix matches of both addresses, beside
// rte_acl where that can express the rules and be built.
//
// Packets are 65,536 random ones near the rules, in random order, so that the tables are as cold as a miss finds them
// (all of it stays in the second- or third-level cache of this benchmark, which does nothing else). Of rte_acl, packets
// are classified one by one, as misses come, and eight at a time, which is what it is made for.
//
// Counters: cells and MB of the policy, combinations that a judgement visits, and the most and the mean number of cache
// lines that it read without the prefix matches: they do not grow with the number of rules.
#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <rte_acl.h>
#include <rte_eal.h>

#include "classifier/policy.h"
#include "classifier/policy_compiler.h"
#include "classifier/testing/policy_sets.h"
#include "dataplane/base/bytes.h"
#include "perf/packet_meter.h"

namespace weft {
namespace {

using namespace classifier;           // NOLINT: the unit under test
using namespace classifier::testing;  // NOLINT: and its rule sets
using perf::measure_packets;

constexpr std::size_t kPackets = 65536;  // a power of two

struct Packet {
  Party from;
  Party to;
  ServicePoint service;
};

/// Packets for a policy, to be taken round and round. Only IPv4 for rte_acl.
std::vector<Packet> packets_of(const PolicySource& source, bool only_v4) {
  std::mt19937 random{5};
  std::vector<Packet> packets;
  while (packets.size() < kPackets) {
    const auto [from, to, service] = policy_packet(random, source);
    if (only_v4 && !(from.address.is_v4() && to.address.is_v4())) continue;
    packets.push_back({from, to, service});
  }
  return packets;
}

void report(benchmark::State& state, const Policy& policy, const std::vector<Packet>& packets) {
  std::size_t most = 0;
  std::size_t sum = 0;
  for (const Packet& packet : packets) {
    const std::size_t lines = policy.lines_read(
        End::receiver,
        PolicyDefault::deny,
        policy.side(packet.from.identity, packet.from.address),
        policy.side(packet.to.identity, packet.to.address),
        packet.service
    );
    most = std::max(most, lines);
    sum += lines;
  }
  state.counters["lines_max"] = static_cast<double>(most);
  state.counters["lines_mean"] = static_cast<double>(sum) / static_cast<double>(packets.size());
  state.counters["combinations"] = static_cast<double>(policy.shape().combinations);
  state.counters["cells"] = static_cast<double>(policy.shape().cells);
  state.counters["MB"] = static_cast<double>(policy.shape().octets) / 1e6;
}

void judge(benchmark::State& state, PolicyKind kind) {
  const PolicySource source = policy_of(kind, static_cast<std::size_t>(state.range(0)));
  const auto compiled = compile_policy(source);
  if (!compiled) {
    state.SkipWithError(compiled.error().message.c_str());
    return;
  }
  const Policy& policy = **compiled;
  const std::vector<Packet> packets = packets_of(source, false);
  std::size_t at = 0;
  measure_packets(state, [&] {
    const Packet& packet = packets[at++ & (kPackets - 1)];
    Verdict verdict = policy.judge(
        End::receiver,
        PolicyDefault::deny,
        policy.side(packet.from.identity, packet.from.address),
        policy.side(packet.to.identity, packet.to.address),
        packet.service
    );
    benchmark::DoNotOptimize(verdict);
  });
  report(state, policy, packets);
}

void compile(benchmark::State& state, PolicyKind kind) {
  const PolicySource source = policy_of(kind, static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    auto compiled = compile_policy(source);
    benchmark::DoNotOptimize(compiled);
  }
}

// -- rte_acl ------------------------------------------------------------------------------------------

/// What rte_acl looks at; its fields are in network order.
struct AclKey {
  std::uint8_t protocol{};
  std::uint8_t padding[3]{};
  std::array<std::uint8_t, 4> source{};
  std::array<std::uint8_t, 4> destination{};
  Be16 port;
  std::uint8_t padding_behind[2]{};
};
constexpr std::uint32_t kAclFields = 4;
// rte_acl reads 4 octets per input index: a short field is alone in its four.
constexpr rte_acl_field_def kAclLayout[kAclFields] = {
    {RTE_ACL_FIELD_TYPE_BITMASK, 1, 0, 0, offsetof(AclKey, protocol)},
    {RTE_ACL_FIELD_TYPE_MASK, 4, 1, 1, offsetof(AclKey, source)},
    {RTE_ACL_FIELD_TYPE_MASK, 4, 2, 2, offsetof(AclKey, destination)},
    {RTE_ACL_FIELD_TYPE_RANGE, 2, 3, 3, offsetof(AclKey, port)},
};
RTE_ACL_RULE_DEF(AclRule, kAclFields);

struct FreeAcl {
  void operator()(rte_acl_ctx* acl) const noexcept { rte_acl_free(acl); }
};
using Acl = std::unique_ptr<rte_acl_ctx, FreeAcl>;

/// The IPv4 rules of the source between prefixes (`any` is 0.0.0.0/0); rte_acl knows no groups.
std::vector<AclRule> acl_rules(const PolicySource& source) {
  std::vector<AclRule> rules;
  for (const PolicyRule& rule : source.rules) {
    AclRule acl{};
    acl.data.category_mask = 1;
    acl.data.priority = static_cast<std::int32_t>(source.rules.size() - rules.size());
    acl.data.userdata = static_cast<std::uint32_t>(rules.size()) + 1;
    acl.field[0].value.u8 = rule.service.protocol;
    acl.field[0].mask_range.u8 = 0xFF;
    bool is_v4 = true;
    for (const Selector* side : {&rule.from, &rule.to}) {
      rte_acl_field& field = acl.field[side == &rule.from ? 1 : 2];
      if (side->kind != Selector::Kind::cidr) continue;
      is_v4 = is_v4 && side->prefix.address.is_v4();
      field.value.u32 = side->prefix.address.v4().bits();
      field.mask_range.u32 = side->prefix.length;
    }
    acl.field[3].value.u16 = rule.service.first_port;
    acl.field[3].mask_range.u16 = rule.service.last_port;
    if (is_v4) rules.push_back(acl);
  }
  return rules;
}

Acl build_acl(const std::vector<AclRule>& rules, std::size_t max_octets) {
  rte_acl_param parameters{};
  parameters.name = "policy_bench";
  parameters.socket_id = SOCKET_ID_ANY;
  parameters.rule_size = RTE_ACL_RULE_SZ(kAclFields);
  parameters.max_rule_num = static_cast<std::uint32_t>(rules.size());
  Acl acl{rte_acl_create(&parameters)};
  if (!acl) return nullptr;
  const auto* first = reinterpret_cast<const rte_acl_rule*>(rules.data());
  if (rte_acl_add_rules(acl.get(), first, static_cast<std::uint32_t>(rules.size())) != 0) {
    return nullptr;
  }
  rte_acl_config config{};
  config.num_categories = 1;
  config.num_fields = kAclFields;
  config.max_size = max_octets;
  std::copy(std::begin(kAclLayout), std::end(kAclLayout), std::begin(config.defs));
  if (rte_acl_build(acl.get(), &config) != 0) return nullptr;
  return acl;
}

void acl(benchmark::State& state, PolicyKind kind, std::uint32_t at_once) {
  static const bool has_eal = [] {
    static std::string words[] = {
        "policy_bench",
        "--no-huge",
        "--no-pci",
        "-m",
        "1200",
        "--log-level=3",
        "--no-shconf",
        "--lcores=0"};
    static char* arguments[std::size(words)];
    std::transform(
        std::begin(words),
        std::end(words),
        std::begin(arguments),
        [](std::string& word) { return word.data(); }
    );
    return rte_eal_init(static_cast<int>(std::size(words)), arguments) >= 0;
  }();
  if (!has_eal) {
    state.SkipWithError("no EAL");
    return;
  }
  const PolicySource source = policy_of(kind, static_cast<std::size_t>(state.range(0)));
  const std::vector<AclRule> rules = acl_rules(source);
  constexpr std::size_t kMaxOctets = std::size_t{1} << 30U;
  const Acl table = build_acl(rules, kMaxOctets);
  if (!table) {
    state.SkipWithError("rte_acl can not build this within 1 GB");
    return;
  }
  std::vector<AclKey> keys;
  for (const Packet& packet : packets_of(source, true)) {
    AclKey key;
    key.protocol = packet.service.protocol;
    key.source = packet.from.address.v4().octets;
    key.destination = packet.to.address.v4().octets;
    key.port = Be16{packet.service.point};
    keys.push_back(key);
  }
  std::vector<const std::uint8_t*> data;
  for (const AclKey& key : keys) data.push_back(reinterpret_cast<const std::uint8_t*>(&key));
  std::vector<std::uint32_t> results(kPackets);
  std::size_t at = 0;
  measure_packets(state, [&] {
    // One packet per call is what is counted: the others wait for the last of theirs.
    if (++at % at_once != 0) return;
    const std::size_t first = (at - at_once) & (kPackets - 1);
    rte_acl_classify(table.get(), &data[first], &results[first], at_once, 1);
    benchmark::DoNotOptimize(results[first]);
  });
  state.counters["rules"] = static_cast<double>(rules.size());
}

void sizes(benchmark::internal::Benchmark* bench) {
  bench->Arg(10)->Arg(1000)->Arg(10'000)->Arg(100'000);
}
// rte_acl_build is still at work on 10,000 such rules after minutes: there is no figure to have.
void acl_adversarial_sizes(benchmark::internal::Benchmark* bench) {
  bench->Arg(10)->Arg(1000);
}
void adversarial_sizes(benchmark::internal::Benchmark* bench) {
  bench->Arg(10)->Arg(1000)->Arg(10'000);
}

BENCHMARK_CAPTURE(judge, tiers, PolicyKind::tiers)->Apply(sizes);
BENCHMARK_CAPTURE(judge, networks, PolicyKind::networks)->Apply(sizes);
BENCHMARK_CAPTURE(judge, mixed, PolicyKind::mixed)->Apply(sizes);
BENCHMARK_CAPTURE(judge, adversarial, PolicyKind::adversarial)->Apply(adversarial_sizes);
BENCHMARK_CAPTURE(acl, networks_one_by_one, PolicyKind::networks, 1)->Apply(sizes);
BENCHMARK_CAPTURE(acl, networks_by_eight, PolicyKind::networks, 8)->Apply(sizes);
BENCHMARK_CAPTURE(acl, adversarial_one_by_one, PolicyKind::adversarial, 1)
    ->Apply(acl_adversarial_sizes);
BENCHMARK_CAPTURE(acl, adversarial_by_eight, PolicyKind::adversarial, 8)
    ->Apply(acl_adversarial_sizes);
BENCHMARK_CAPTURE(compile, tiers, PolicyKind::tiers)->Arg(100'000)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(compile, networks, PolicyKind::networks)
    ->Arg(100'000)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(compile, mixed, PolicyKind::mixed)->Arg(100'000)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(compile, adversarial, PolicyKind::adversarial)
    ->Arg(10'000)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace weft

BENCHMARK_MAIN();
