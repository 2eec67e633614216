#include "dataplane/port/testing/packets.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mempool.h>
#include <sched.h>
#include <unistd.h>

#include "dataplane/port/testing/locked_pool.h"

#if defined(__SANITIZE_ADDRESS__)
#define WEFT_HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WEFT_HAS_ASAN 1
#endif
#endif
#ifdef WEFT_HAS_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace weft::wire_test {
namespace {

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "test packets: %s: %s\n", what, rte_strerror(rte_errno));
  std::abort();
}

/// The first CPU that this process may use: EAL refuses others.
std::size_t first_cpu(const cpu_set_t& allowed) {
  for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &allowed)) return cpu;
  }
  return 0;
}

class Eal {
 public:
  Eal() {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) fail("sched_getaffinity");
    std::array<std::string, 12> words{
        "weft-test",
        "--no-huge",
        "-m",
        "128",
        "--no-pci",
        "--no-telemetry",
        "--log-level",
        "error",
        "-l",
        std::to_string(first_cpu(allowed)),
        "--file-prefix",
        "weft-test-" + std::to_string(getpid())};
    std::array<char*, 12> arguments{};
    for (std::size_t i = 0; i < words.size(); ++i) arguments[i] = words[i].data();
    if (rte_eal_init(static_cast<int>(arguments.size()), arguments.data()) < 0) fail("EAL");
    // EAL pins the calling thread to its core; tests run side by side.
    if (sched_setaffinity(0, sizeof allowed, &allowed) != 0) fail("sched_setaffinity");
    pools_ = PacketPools{
        .small = make("weft-small", 2048, kSmallRoom), .large = make("weft-large", 64, kLargeRoom)};
  }
  Eal(const Eal&) = delete;
  Eal& operator=(const Eal&) = delete;
  ~Eal() {
    rte_mempool_free(pools_.small);
    rte_mempool_free(pools_.large);
    const std::filesystem::path runtime = rte_eal_get_runtime_dir();
    rte_eal_cleanup();
    std::error_code ignored;
    std::filesystem::remove_all(runtime, ignored);
  }

  /// Without a per-core cache, so that the count of free mbufs is exact.
  static rte_mempool* make(const char* name, unsigned count, std::uint32_t room) {
    rte_mempool* pool = rte_pktmbuf_pool_create_by_ops(
        name,
        count,
        0,
        sizeof(PacketMeta),
        static_cast<std::uint16_t>(room + kHeadroom),
        SOCKET_ID_ANY,
        pool_operations()
    );
    if (pool == nullptr) fail(name);
    return pool;
  }

  [[nodiscard]] const PacketPools& pools() const noexcept { return pools_; }

 private:
  PacketPools pools_;
};

const Eal& eal() {
  static const Eal instance;
  return instance;
}

/// One mbuf with `size` of the octets at `at`.
rte_mbuf* fill(const Octets& octets, std::size_t at, std::size_t size) {
  rte_mempool* pool = size <= kSmallRoom ? pools().small : pools().large;
  rte_mbuf* mbuf = rte_pktmbuf_alloc(pool);
  if (mbuf == nullptr) fail("pool is dry");
  char* to = rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(size));
  if (to == nullptr) fail("mbuf is too small");
  if (size > 0) std::memcpy(to, octets.data() + at, size);
  return mbuf;
}

/// Poisons or unpoisons what surrounds the octets of each mbuf.
void guard([[maybe_unused]] rte_mbuf* frame, [[maybe_unused]] bool is_poisoned) noexcept {
#ifdef WEFT_HAS_ASAN
  for (rte_mbuf* mbuf = frame; mbuf != nullptr; mbuf = mbuf->next) {
    auto* begin = static_cast<std::uint8_t*>(mbuf->buf_addr);
    auto* data = begin + mbuf->data_off;
    auto* end = data + mbuf->data_len;
    if (is_poisoned) {
      ASAN_POISON_MEMORY_REGION(begin, mbuf->data_off);
      ASAN_POISON_MEMORY_REGION(end, rte_pktmbuf_tailroom(mbuf));
    } else {
      ASAN_UNPOISON_MEMORY_REGION(begin, mbuf->buf_len);
    }
  }
#endif
}

}  // namespace

const PacketPools& pools() {
  return eal().pools();
}

void FreePool::operator()(rte_mempool* pool) const noexcept {
  rte_mempool_free(pool);
}

Pool make_pool(unsigned count, std::uint16_t room) {
  static_cast<void>(pools());
  static unsigned serial = 0;
  const std::string name = "weft-test-" + std::to_string(serial++);
  return Pool{Eal::make(name.c_str(), count, room)};
}

Packet packet(const Octets& octets, const std::vector<std::size_t>& sizes) {
  Packet frame;
  std::size_t done = 0;
  for (std::size_t i = 0; done < octets.size() || i < sizes.size(); ++i) {
    const std::size_t left = octets.size() - done;
    const std::size_t wanted = i < sizes.size() ? sizes[i] : (i == 0 ? kSmallRoom : kLargeRoom);
    const std::size_t size = std::min(wanted, left);
    rte_mbuf* mbuf = fill(octets, done, size);
    done += size;
    if (frame == nullptr) {
      frame.reset(mbuf);
    } else if (rte_pktmbuf_chain(frame.get(), mbuf) != 0) {
      fail("chain is too long");
    }
  }
  if (frame == nullptr) frame.reset(fill(octets, 0, 0));
  PacketMeta& m = meta(frame.get());
  m = PacketMeta{};
  m.from = kNoEndpoint;
  m.from_tunnel = kNoTunnel;
  m.parsed = parse_frame(head_bytes(frame.get()), frame->pkt_len);
  return frame;
}

Octets octets_of(const rte_mbuf* frame) {
  Octets octets;
  for (const rte_mbuf* mbuf = frame; mbuf != nullptr; mbuf = mbuf->next) {
    const auto* data = rte_pktmbuf_mtod(mbuf, const std::uint8_t*);
    octets.insert(octets.end(), data, data + mbuf->data_len);
  }
  return octets;
}

OffloadRequest tcp_offload(rte_mbuf* frame, std::uint16_t gso_octets) {
  const ParsedFrame& parsed = meta(frame).parsed;
  using enum OffloadRequest::Gso;
  return OffloadRequest{
      .needs_checksum = true,
      .gso = gso_octets == 0 ? none : (parsed.l3 == L3Kind::ipv4 ? tcp4 : tcp6),
      .header_octets = parsed.payload_offset,
      .gso_octets = gso_octets,
      .checksum_start = parsed.l4_offset,
      .checksum_offset = 16,
  };
}

Poisoned::Poisoned(rte_mbuf* frame) noexcept : frame_{frame} {
  guard(frame_, true);
}
Poisoned::~Poisoned() {
  guard(frame_, false);
}

}  // namespace weft::wire_test
