// What the flow table costs per packet, beside rte_hash: hits, misses, insertion and erasure.
//
// `hot`: the same 1,024 connections over and over, however many the table holds. `cold`:
// connections of the whole table in random order. The argument is the number of entries, of 1,000
// owners; the table is full, that is 3/4 of its slots are used. Look-ups go in bulks of 32, keys
// are made outside the measured part. rte_hash gets the same 40-octet keys, its own CRC hash and an
// array of 64-octet entries by its position, and a hit reads the entry's `seen`, as ours writes it.
//
// cyc/pkt and ns/pkt are those of the *best* batch of 256 packets, `median` of the batch in the
// middle: a batch of a large table in random order differs from the next in how many pages it finds
// near.
#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_malloc.h>
#include <x86intrin.h>

#include "classifier/flow_table.h"
#include "classifier/mapped_memory.h"
#include "classifier/testing/flow_keys.h"
#include "perf/packet_meter.h"
#include "perf/random.h"

namespace weft::classifier {
namespace {

constexpr std::size_t kBulk = 32;
constexpr std::size_t kBatch = perf::kBatch;
constexpr std::uint32_t kOwners = 1000;
constexpr std::uint64_t kHot = 1024;

using Keys = std::array<ConnectionKey, kBatch>;

/// Connection number n of a table.
ConnectionKey key_of(std::uint64_t n) noexcept {
  return numbered_key(EndpointIndex{static_cast<std::uint32_t>(n % kOwners)}, n / kOwners);
}

/// Starts EAL and gives it a heap on the same kind of memory that ours is on: without that it would
/// have pages of 4 KB on this machine. Answers the heap's socket.
int start_eal() {
  constexpr std::size_t kHeap = std::size_t{3} << 29U;
  static MappedMemory memory;
  auto made = MappedMemory::create(kHeap, "heap");
  if (!made) std::abort();
  memory = std::move(*made);
  std::array<std::string, 9> words{
      "bench",
      "--no-huge",
      "--no-pci",
      "--no-telemetry",
      "--no-shconf",
      "-m",
      "64",
      "--log-level",
      "error"};
  std::array<char*, 9> arguments{};
  for (std::size_t i = 0; i < words.size(); ++i) arguments[i] = words[i].data();
  if (rte_eal_init(static_cast<int>(arguments.size()), arguments.data()) < 0) std::abort();
  constexpr std::size_t kPage = std::size_t{2} << 20U;
  const auto pages = static_cast<unsigned>(kHeap / kPage);
  if (rte_malloc_heap_create("bench") != 0) std::abort();
  if (rte_malloc_heap_memory_add("bench", memory.data(), kHeap, nullptr, pages, kPage) != 0) {
    std::abort();
  }
  return rte_malloc_heap_get_socket("bench");
}

int heap_socket() {
  static const int socket = start_eal();
  return socket;
}

/// Runs work(keys) for batches of 256 random keys from [first, first + count).
template <typename Work>
void measure(benchmark::State& state, std::uint64_t first, std::uint64_t count, Work work) {
  (void)heap_socket();  // EAL knows the frequency
  const auto hz = static_cast<double>(rte_get_tsc_hz());
  perf::Random random;
  Keys keys;
  std::vector<std::uint64_t> batches;
  batches.reserve(1U << 20U);
  std::uint64_t allocations = 0;
  for (auto _ : state) {
    for (ConnectionKey& key : keys) key = key_of(first + random() % count);
    const std::uint64_t allocations_before = perf::allocation_count;
    const std::uint64_t before = __rdtsc();
    work(keys);
    const std::uint64_t ticks = __rdtsc() - before;
    allocations += perf::allocation_count - allocations_before;
    if (batches.size() < batches.capacity()) batches.push_back(ticks);
    state.SetIterationTime(static_cast<double>(ticks) / hz);
  }
  std::sort(batches.begin(), batches.end());
  const double cycles = static_cast<double>(batches.front()) / kBatch;
  state.counters["cyc/pkt"] = cycles;
  state.counters["ns/pkt"] = cycles * 1e9 / hz;
  state.counters["median"] = static_cast<double>(batches[batches.size() / 2]) / kBatch;
  if (allocations != 0) state.SkipWithError("allocates on the packet path");
}

// -- ours ----------------------------------------------------------------------------------------

FlowTable& table_of(std::uint32_t entries) {
  static std::unique_ptr<FlowTable> table;
  if (table != nullptr && table->max_entries() == entries) return *table;
  table.reset();
  auto made = FlowTable::create({entries, kOwners, 0x9E3779B97F4A7C15U});
  if (!made) std::abort();
  table = std::make_unique<FlowTable>(std::move(*made));
  for (std::uint64_t n = 0; n < entries; ++n) {
    const ConnectionKey key = key_of(n);
    const Inserted inserted =
        table->insert(key, table->hash(key), ConnState::established, CoarseTime{}, OwnerLimits{});
    if (inserted.status != InsertStatus::ok) std::abort();
  }
  return *table;
}

/// Hash and look-up of a batch in bulks; a hit is stamped. Answers the number of hits.
std::uint64_t look_up(FlowTable& table, const Keys& keys) noexcept {
  std::uint64_t hits = 0;
  for (std::size_t at = 0; at < kBatch; at += kBulk) {
    const std::span<const ConnectionKey> bulk = std::span{keys}.subspan(at, kBulk);
    std::array<std::uint64_t, kBulk> hashes;
    std::array<FlowEntry*, kBulk> found;
    for (std::size_t i = 0; i < kBulk; ++i) {
      hashes[i] = table.hash(bulk[i]);
      table.prefetch(hashes[i]);
    }
    const std::uint64_t mask = table.find_bulk(bulk, hashes, found);
    for (FlowEntry* entry : found) {
      if (entry != nullptr) entry->seen = CoarseTime{1};
    }
    hits += static_cast<std::uint64_t>(std::popcount(mask));
  }
  return hits;
}

void look_ups(benchmark::State& state, std::uint64_t first, std::uint64_t count, bool is_hit) {
  FlowTable& table = table_of(static_cast<std::uint32_t>(state.range(0)));
  std::uint64_t hits = 0;
  std::uint64_t batches = 0;
  measure(state, first, count, [&](const Keys& keys) {
    hits += look_up(table, keys);
    ++batches;
  });
  if (hits != (is_hit ? batches * kBatch : 0)) state.SkipWithError("wrong number of hits");
}

void hit_hot(benchmark::State& state) {
  look_ups(state, 0, std::min(kHot, static_cast<std::uint64_t>(state.range(0))), true);
}
void hit_cold(benchmark::State& state) {
  look_ups(state, 0, static_cast<std::uint64_t>(state.range(0)), true);
}
void miss_cold(benchmark::State& state) {
  look_ups(state, static_cast<std::uint64_t>(state.range(0)), 1U << 30U, false);
}

/// A connection closes and another one of its owner opens: room is made by erasing.
void erase_insert(benchmark::State& state) {
  const auto entries = static_cast<std::uint64_t>(state.range(0));
  FlowTable& table = table_of(static_cast<std::uint32_t>(entries));
  measure(state, 0, entries, [&](const Keys& keys) {
    for (const ConnectionKey& key : keys) {
      const std::uint64_t hash = table.hash(key);
      table.erase(*table.find(key, hash));
      Inserted inserted =
          table.insert(key, hash, ConnState::established, CoarseTime{1}, OwnerLimits{});
      benchmark::DoNotOptimize(inserted);
    }
  });
}

/// A flood into the full table: nothing is found, and every insertion evicts.
void evict_insert(benchmark::State& state) {
  FlowTable& table = table_of(static_cast<std::uint32_t>(state.range(0)));
  static std::uint64_t number = std::uint64_t{1} << 34U;  // runs share the table
  measure(state, 0, 1, [&](Keys& keys) {
    for (ConnectionKey& key : keys) key = numbered_key(EndpointIndex{0}, ++number);
    if (look_up(table, keys) != 0) state.SkipWithError("a new connection was there already");
    for (const ConnectionKey& key : keys) {
      Inserted inserted =
          table.insert(key, table.hash(key), ConnState::syn_sent, CoarseTime{1}, OwnerLimits{});
      benchmark::DoNotOptimize(inserted);
    }
  });
  if (table.stats().evicted == 0) state.SkipWithError("nothing was evicted");
}

// -- rte_hash ------------------------------------------------------------------------------------

struct HashFree {
  void operator()(rte_hash* hash) const noexcept { rte_hash_free(hash); }
};

struct Baseline {
  std::uint32_t count{};
  std::unique_ptr<rte_hash, HashFree> hash;
  MappedArray<FlowEntry> entries;
};

Baseline& baseline_of(std::uint32_t count) {
  static Baseline baseline;
  if (baseline.count == count) return baseline;
  baseline.hash.reset();
  rte_hash_parameters parameters{};
  parameters.name = "baseline";
  parameters.entries = count + count / 3;  // as many slots as ours
  parameters.key_len = sizeof(ConnectionKey);
  parameters.hash_func = rte_hash_crc;
  parameters.socket_id = heap_socket();
  baseline.hash.reset(rte_hash_create(&parameters));
  if (baseline.hash == nullptr) return baseline;
  baseline.entries = MappedArray<FlowEntry>{};
  auto entries = MappedArray<FlowEntry>::create(parameters.entries + 1, "entries");
  if (!entries) std::abort();
  baseline.entries = std::move(*entries);
  for (std::uint64_t n = 0; n < count; ++n) {
    const ConnectionKey key = key_of(n);
    if (rte_hash_add_key(baseline.hash.get(), &key) < 0) std::abort();
  }
  baseline.count = count;
  return baseline;
}

void rte_look_ups(benchmark::State& state, std::uint64_t first, std::uint64_t count) {
  Baseline& baseline = baseline_of(static_cast<std::uint32_t>(state.range(0)));
  if (baseline.hash == nullptr) {
    state.SkipWithError("rte_hash can not be created");
    return;
  }
  measure(state, first, count, [&](const Keys& keys) {
    for (std::size_t at = 0; at < kBatch; at += kBulk) {
      std::array<const void*, kBulk> pointers;
      std::array<std::int32_t, kBulk> positions;
      for (std::size_t i = 0; i < kBulk; ++i) pointers[i] = &keys[at + i];
      rte_hash_lookup_bulk(baseline.hash.get(), pointers.data(), kBulk, positions.data());
      for (const std::int32_t position : positions) {
        if (position >= 0)
          __builtin_prefetch(&baseline.entries[static_cast<std::size_t>(position)], 1);
      }
      for (const std::int32_t position : positions) {
        if (position >= 0)
          baseline.entries[static_cast<std::size_t>(position)].seen = CoarseTime{1};
      }
    }
    benchmark::ClobberMemory();
  });
}

void rte_hit_hot(benchmark::State& state) {
  rte_look_ups(state, 0, std::min(kHot, static_cast<std::uint64_t>(state.range(0))));
}
void rte_hit_cold(benchmark::State& state) {
  rte_look_ups(state, 0, static_cast<std::uint64_t>(state.range(0)));
}
void rte_miss_cold(benchmark::State& state) {
  rte_look_ups(state, static_cast<std::uint64_t>(state.range(0)), 1U << 30U);
}

void sizes(benchmark::internal::Benchmark* bench) {
  for (const std::int64_t entries : {1'000, 100'000, 1'000'000, 10'000'000}) bench->Arg(entries);
  bench->UseManualTime();
}

// evict_insert comes last: it leaves other entries behind.
BENCHMARK(hit_hot)->Apply(sizes);
BENCHMARK(hit_cold)->Apply(sizes);
BENCHMARK(miss_cold)->Apply(sizes);
BENCHMARK(erase_insert)->Apply(sizes);
BENCHMARK(evict_insert)->Apply(sizes);
BENCHMARK(rte_hit_hot)->Apply(sizes);
BENCHMARK(rte_hit_cold)->Apply(sizes);
BENCHMARK(rte_miss_cold)->Apply(sizes);

}  // namespace
}  // namespace weft::classifier

BENCHMARK_MAIN();
