// What L7 classes cost: the scan of one packet, by number of patterns and size of payload, and a packet of
// a flow whose class is known. Payload is text in which nothing matches, so that all of it is looked at.
//
// Baselines over the same payload: memchr for one octet, and std::search once for each of as many
// literals, which is what "does it contain one of these words" costs without Hyperscan.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "classifier/l7.h"
#include "classifier/testing/l7_captures.h"
#include "perf/packet_meter.h"

namespace weft::classifier {
namespace {

using l7_test::from_hex;
using perf::measure_packets;
using Octets = std::vector<std::uint8_t>;

constexpr std::size_t kFlows = 64;  // different payloads, taken in turn

constexpr std::string_view kCharacters = "etaoinshrdlucmfwyp      0123\n";

std::string random_text(std::size_t size, unsigned seed) {
  std::mt19937 random{seed};
  std::string text(size, ' ');
  for (char& character : text) character = kCharacters[random() % kCharacters.size()];
  return text;
}

/// Lower-case words, spaces and numbers; begins like no protocol.
Octets plain_text(std::size_t size, unsigned seed) {
  const std::string text = random_text(size, seed);
  return {text.begin(), text.end()};
}

class Payloads {
 public:
  explicit Payloads(std::size_t size) {
    for (unsigned i = 0; i < kFlows; ++i) octets_.push_back(plain_text(size, i));
  }
  explicit Payloads(const Octets& same) : octets_(kFlows, same) {}
  [[nodiscard]] ConstBytes next() noexcept {
    at_ = (at_ + 1) % kFlows;
    return octets_[at_];
  }

 private:
  std::vector<Octets> octets_;
  std::size_t at_{};
};

/// Of the same characters as the payloads, so that beginnings of it do occur in them.
std::string literal(std::size_t index) {
  return random_text(8, static_cast<unsigned>(1000 + index));
}

enum class Kind : std::uint8_t {
  mixed,  // the built-ins, then words anywhere in the payload
  words,  // words anywhere
  names,  // server names
  hosts   // hosts of HTTP requests
};

L7Pattern pattern(Kind kind, std::size_t index) {
  static const char* const kBuiltins[] = {
      "tls", "http", "ssh", "dns", "redis", "mysql", "postgres", "quic"};
  L7Pattern made;
  if (kind == Kind::names || kind == Kind::hosts) {
    const std::string builtin = kind == Kind::names ? "tls-sni:" : "http-host:";
    made.text = builtin + "h" + std::to_string(index) + ".example.com";
  } else if (kind == Kind::mixed && index < std::size(kBuiltins)) {
    made.text = kBuiltins[index];
  } else {
    made.kind = L7Pattern::Kind::regex;
    made.text = literal(index) + "[0-9a-f]{4}";
  }
  made.name = made.text;
  return made;
}

std::shared_ptr<const L7Database> database(Kind kind, std::int64_t count) {
  L7Set set;
  set.classes.push_back({1, "class", {}});
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    set.classes[0].patterns.push_back(pattern(kind, i));
  }
  const auto compiled = compile_l7(set, 1);
  return compiled ? *compiled : nullptr;
}

/// `state`: of the flow before each packet.
void measure(
    benchmark::State& bench, Payloads payloads, Kind kind, std::int64_t count, L7State state
) {
  const auto compiled = database(kind, count);
  if (compiled == nullptr) {
    bench.SkipWithError("does not compile");
    return;
  }
  measure_packets(bench, [&] {
    benchmark::DoNotOptimize(state);
    const L7Packet packet{payloads.next(), L7Protocol::tcp, L7Direction::to_server};
    L7State after = scan_l7(*compiled, WorkerId{0}, packet, state);
    benchmark::DoNotOptimize(after);
  });
}

// Arguments: patterns, octets of payload.
void scan(benchmark::State& bench, Kind kind) {
  measure(bench, Payloads{static_cast<std::size_t>(bench.range(1))}, kind, bench.range(0), {});
}

void scan_capture(benchmark::State& bench, Kind kind, std::string_view capture) {
  measure(bench, Payloads{from_hex(capture)}, kind, bench.range(0), {});
}

void cached(benchmark::State& bench) {
  const auto size = static_cast<std::size_t>(bench.range(1));
  measure(bench, Payloads{size}, Kind::mixed, bench.range(0), L7State{1, 0});
}

void find_octet(benchmark::State& bench) {
  Payloads payloads{static_cast<std::size_t>(bench.range(0))};
  measure_packets(bench, [&] {
    const ConstBytes payload = payloads.next();
    const void* found = std::memchr(payload.data(), 0xFF, payload.size());
    benchmark::DoNotOptimize(found);
  });
}

void search_each(benchmark::State& bench) {
  Payloads payloads{static_cast<std::size_t>(bench.range(1))};
  std::vector<std::string> literals;
  for (std::size_t i = 0; i < static_cast<std::size_t>(bench.range(0)); ++i) {
    literals.push_back(literal(i));
  }
  measure_packets(bench, [&] {
    const ConstBytes payload = payloads.next();
    for (const std::string& word : literals) {
      auto found = std::search(payload.begin(), payload.end(), word.begin(), word.end());
      benchmark::DoNotOptimize(found);
    }
  });
}

void sizes(benchmark::internal::Benchmark* bench) {
  bench->ArgsProduct({{1, 10, 100}, {64, 512, 1460}});
}

BENCHMARK_CAPTURE(scan, mixed, Kind::mixed)->Apply(sizes);
BENCHMARK_CAPTURE(scan, words, Kind::words)->Apply(sizes);
BENCHMARK_CAPTURE(scan_capture, tls_names, Kind::names, l7_test::kTlsWww)
    ->Arg(1)
    ->Arg(10)
    ->Arg(100);
BENCHMARK_CAPTURE(scan_capture, http_hosts, Kind::hosts, l7_test::kHttpGet)
    ->Arg(1)
    ->Arg(10)
    ->Arg(100);
BENCHMARK(cached)->Args({10, 1460});
BENCHMARK(find_octet)->Arg(64)->Arg(512)->Arg(1460);
BENCHMARK(search_each)->Apply(sizes);

}  // namespace
}  // namespace weft::classifier

BENCHMARK_MAIN();
