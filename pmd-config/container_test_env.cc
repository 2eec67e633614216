#include "pmd-config/container_test_env.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dataplane/net/headers.h"
#include "pmd-config/tap_port.h"
#include "pmd-config/veth_port.h"

namespace weft::test {
namespace {

constexpr std::uint16_t kTestEtherType = 0x88B5;

struct Shared {
  std::string why_impossible;
  std::string directory;
  PacketPools pools;
};

std::string start(Shared& shared) {
  if (::geteuid() != 0) return "needs root: namespaces and TAPs";
  if (::access("/dev/net/tun", R_OK | W_OK) != 0) return "needs /dev/net/tun";
  if (::unshare(CLONE_NEWNS) != 0) return "needs to make mount namespaces";
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return "can not make its mounts private";
  }
  std::string directory = "/tmp/weft-container-test-XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr) return "needs a directory in /tmp";
  shared.directory = directory;
  if (::mount("weft", directory.c_str(), "tmpfs", 0, nullptr) != 0) return "can not mount a tmpfs";

  const std::string prefix = "weft-test-" + std::to_string(::getpid());
  std::vector<std::string> arguments{
      "test",
      "-l",
      "0",
      "--no-huge",
      "-m",
      "128",
      "--no-pci",
      "--no-telemetry",
      "--file-prefix",
      prefix,
      "--log-level",
      "error"};
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  // rte_eal_init pins the calling thread to a core; the test's threads must not inherit that.
  cpu_set_t before;
  ::sched_getaffinity(0, sizeof before, &before);
  if (rte_eal_init(static_cast<int>(arguments.size()), argv.data()) < 0)
    return "EAL does not start";
  ::sched_setaffinity(0, sizeof before, &before);

  const auto make_pool = [](const char* name, unsigned count, std::uint32_t room) {
    return rte_pktmbuf_pool_create(
        name, count, 32, sizeof(PacketMeta), static_cast<std::uint16_t>(room + kHeadroom), 0
    );
  };
  shared.pools.small = make_pool("small", 8191, 2176);
  shared.pools.large = make_pool("large", 1023, kLargeRoom);
  if (shared.pools.small == nullptr || shared.pools.large == nullptr) {
    return "no memory for packet pools";
  }
  return "";
}

class Started : public testing::Environment {
 public:
  Shared shared;
  void SetUp() override { shared.why_impossible = start(shared); }
  void TearDown() override {
    rte_mempool_free(shared.pools.small);
    rte_mempool_free(shared.pools.large);
    if (shared.pools.small != nullptr) rte_eal_cleanup();
    if (!shared.directory.empty()) {
      ::umount2(shared.directory.c_str(), MNT_DETACH);
      ::rmdir(shared.directory.c_str());
    }
  }
};

// GoogleTest owns it and starts it before the first test.
Started* const kStarted = static_cast<Started*>(testing::AddGlobalTestEnvironment(new Started));

}  // namespace

const std::string& why_impossible() {
  return kStarted->shared.why_impossible;
}
const PacketPools& pools() {
  return kStarted->shared.pools;
}
PoolLevels levels() {
  return {rte_mempool_in_use_count(pools().small), rte_mempool_in_use_count(pools().large)};
}

std::size_t open_fd_count() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"}) {
    ++count;
  }
  return count;
}

TestNetns::TestNetns() {
  static std::atomic<unsigned> next{0};
  path_ = kStarted->shared.directory + "/ns" + std::to_string(next++);
  const UniqueFd mount_point{::open(path_.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444)};
  EXPECT_TRUE(mount_point);
  std::thread{[this] {
    EXPECT_EQ(::unshare(CLONE_NEWNET), 0);
    EXPECT_EQ(::mount("/proc/thread-self/ns/net", path_.c_str(), nullptr, MS_BIND, nullptr), 0);
  }}.join();
}
TestNetns::~TestNetns() {
  remove();
}

Netns TestNetns::open() const {
  Result<Netns> netns = Netns::open_path(path_);
  EXPECT_TRUE(netns);
  return std::move(*netns);
}

void TestNetns::remove() {
  ::umount2(path_.c_str(), MNT_DETACH);
  ::unlink(path_.c_str());
}

std::string name_of(const testing::TestParamInfo<Kind>& info) {
  return info.param == Kind::tap ? "Tap" : "Veth";
}

const std::shared_ptr<const Netns>& backstage() {
  static const std::shared_ptr<const Netns> netns = [] {
    Result<Netns> created = Netns::create_private();
    EXPECT_TRUE(created);
    return std::make_shared<const Netns>(std::move(*created));
  }();
  return netns;
}

Result<std::unique_ptr<Port>> open_port(Kind kind, const ContainerLink& link) {
  return kind == Kind::tap ? open_tap(link, pools()) : open_veth(link, backstage(), pools());
}

MacAddress mac_of(std::uint8_t number) {
  return MacAddress{{2, 0, 0, 0, 0, number}};
}

LinkConfig config_of(std::uint8_t number) {
  Ipv6Address v6{{0xFD, 0x77}};
  v6.octets[15] = number;
  LinkConfig config;
  config.ifname = "eth0";
  config.mac = mac_of(number);
  config.addresses = {{IpAddress{Ipv4Address{{10, 77, 0, number}}}, 24}, {IpAddress{v6}, 64}};
  return config;
}

Container::Container(Kind kind, std::uint8_t number) {
  const Netns netns = netns_.open();
  const LinkConfig config = config_of(number);
  const ContainerLink link{
      .netns = netns, .name = "c/eth0", .ifname = config.ifname, .mac = config.mac};
  Result<std::unique_ptr<Port>> port = open_port(kind, link);
  EXPECT_TRUE(port) << port.error().message;
  port_ = std::move(*port);
  const Status configured = configure_link(netns, config);
  EXPECT_TRUE(configured) << configured.error().message;
}

UniqueFd Container::socket(int family, int type, int protocol) const {
  Result<UniqueFd> fd = netns_.open().run([&]() -> Result<UniqueFd> {
    return UniqueFd{::socket(family, type | SOCK_CLOEXEC, protocol)};
  });
  EXPECT_TRUE(fd && fd->get() >= 0);
  return std::move(*fd);
}

UniqueFd Container::packet_socket() const {
  Result<UniqueFd> fd = netns_.open().run([&]() -> Result<UniqueFd> {
    UniqueFd packet{::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL))};
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(::if_nametoindex("eth0"));
    EXPECT_EQ(::bind(packet.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return packet;
  });
  return std::move(*fd);
}

int Container::run(const std::vector<std::string>& arguments) const {
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const Netns netns = netns_.open();
  const pid_t child = ::fork();
  if (child == 0) {
    // Only async-signal-safe calls: other threads of the parent may hold locks.
    const int null = ::open("/dev/null", O_RDWR);
    ::dup2(null, 1);
    ::dup2(null, 2);
    if (::setns(netns.fd(), CLONE_NEWNET) == 0) ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Wire::Wire(Port& a, Port& b) : a_{a}, b_{b}, thread_{[this] { run(); }} {}
Wire::~Wire() {
  stop();
}

void Wire::stop() {
  stops_ = true;
  if (thread_.joinable()) thread_.join();
}

void Wire::run() {
  (void)rte_thread_register();  // for the mempool cache
  std::array<pollfd, 2> fds{{{a_.poll_fd(), POLLIN, 0}, {b_.poll_fd(), POLLIN, 0}}};
  while (!stops_.load(std::memory_order_relaxed)) {
    if (::poll(fds.data(), fds.size(), 10) <= 0) continue;
    if (fds[0].revents != 0) move(a_, b_);
    if (fds[1].revents != 0) move(b_, a_);
  }
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  const auto ns = [](const timeval& t) {
    return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000U +
           static_cast<std::uint64_t>(t.tv_usec) * 1'000U;
  };
  cpu_ns = ns(usage.ru_utime) + ns(usage.ru_stime);
  rte_thread_unregister();
}

void Wire::move(Port& from, Port& to) {
  std::array<rte_mbuf*, kMaxBurst> burst;
  const std::uint16_t count = from.rx_burst(burst.data(), kMaxBurst);
  for (std::uint16_t i = 0; i < count; ++i) {
    rte_mbuf* frame = burst[i];
    largest_frame = std::max<std::uint32_t>(largest_frame, frame->pkt_len);
    if (meta(frame).offload.gso != OffloadRequest::Gso::none) ++gso_frames;
  }
  const std::uint16_t sent = to.tx_burst(burst.data(), count);
  forwarded += sent;
  refused += static_cast<std::uint64_t>(count - sent);
  if (sent < count) {
    rte_pktmbuf_free_bulk(burst.data() + sent, static_cast<unsigned>(count - sent));
  }
}

rte_mbuf* wait_for_frame(Port& port, const std::function<bool(rte_mbuf*)>& wanted) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{5};
  while (std::chrono::steady_clock::now() < deadline) {
    pollfd fd{port.poll_fd(), POLLIN, 0};
    if (::poll(&fd, 1, 20) <= 0) continue;
    rte_mbuf* frame = nullptr;
    if (port.rx_burst(&frame, 1) == 0) continue;
    if (wanted(frame)) return frame;
    rte_pktmbuf_free(frame);
  }
  return nullptr;
}

rte_mbuf* make_frame(ConstBytes octets) {
  rte_mbuf* frame = rte_pktmbuf_alloc(pools().small);
  meta(frame) = PacketMeta{};
  std::memcpy(
      rte_pktmbuf_append(frame, static_cast<std::uint16_t>(octets.size())),
      octets.data(),
      octets.size()
  );
  return frame;
}

std::vector<std::uint8_t> test_frame(
    const MacAddress& to, const MacAddress& from, std::size_t size
) {
  std::vector<std::uint8_t> frame(size);
  for (std::size_t i = sizeof(EthernetHeader); i < size; ++i) {
    frame[i] = static_cast<std::uint8_t>(i * 7U + 3U);
  }
  const EthernetHeader header{to, from, Be16{kTestEtherType}};
  std::memcpy(frame.data(), &header, sizeof header);
  return frame;
}

bool is_test_frame(rte_mbuf* frame) {
  const auto* ethernet = header_at<EthernetHeader>(ConstBytes{head_bytes(frame)}, 0);
  return ethernet != nullptr && ethernet->ether_type.host() == kTestEtherType;
}

unsigned losses_of(const Port& port) {
  const RxLosses& l = port.losses;
  return l.no_mbuf + l.frame_too_large + l.bad_offload_request + l.truncated;
}

std::vector<std::uint8_t> arrived(const UniqueFd& inside, std::size_t expected) {
  std::vector<std::uint8_t> numbers;
  std::array<std::uint8_t, 2048> octets{};
  while (numbers.size() < expected) {
    pollfd fd{inside.get(), POLLIN, 0};
    if (::poll(&fd, 1, 5000) <= 0) break;
    const ssize_t size = ::recv(inside.get(), octets.data(), octets.size(), 0);
    if (size >= 15 && octets[12] == 0x88 && octets[13] == 0xB5) numbers.push_back(octets[14]);
  }
  return numbers;
}

}  // namespace weft::test
