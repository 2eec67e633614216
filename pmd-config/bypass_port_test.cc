// memif and vhost-user ports with a real peer: dpdk-testpmd with net_memif and net_virtio_user.
#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "dataplane/net/headers.h"
#include "pmd-config/container_test_env.h"
#include "pmd-config/memif_port.h"
#include "pmd-config/vhost_port.h"

namespace weft::test {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr const char* kTestpmd = "/usr/bin/dpdk-testpmd";
enum class Bypass : std::uint8_t { memif, vhost_user };

/// A dpdk-testpmd that forwards until told to stop.
class Testpmd {
 public:
  Testpmd(Bypass kind, const std::string& socket, const std::string& mode, const std::string& log)
      : log_{log} {
    const std::string device =
        kind == Bypass::memif
            ? "--vdev=net_memif0,role=client,socket-abstract=no,rsize=11,socket=" + socket
            : "--vdev=net_virtio_user0,queues=1,queue_size=1024,path=" + socket;
    const long cores = ::sysconf(_SC_NPROCESSORS_ONLN);
    const std::string lcores = "0@0,1@" + std::to_string(cores - 1);
    static int number = 0;
    prefix_ = "weft-bypass-" + std::to_string(::getpid()) + "-" + std::to_string(number++);
    const std::vector<std::string> arguments{
        kTestpmd,
        "--lcores",
        lcores,
        "--no-huge",
        "-m",
        "128",
        "--no-pci",
        "--no-telemetry",
        "--file-prefix",
        prefix_,
        device,
        "--",
        "--no-lsc-interrupt",
        "--disable-link-check",
        "--no-flush-rx",
        "--total-num-mbufs=8192",
        "--forward-mode=" + mode};
    start(arguments);
  }
  Testpmd(const Testpmd&) = delete;
  Testpmd& operator=(const Testpmd&) = delete;
  ~Testpmd() {
    if (pid_ > 0) kill();
    std::filesystem::remove_all("/var/run/dpdk/" + prefix_);  // what EAL leaves behind
  }

  void kill() {
    ::kill(pid_, SIGKILL);
    wait();
  }
  /// End of file on its standard input makes it stop, print statistics and exit.
  void stop() {
    stdin_.reset();
    const auto deadline = steady_clock::now() + seconds{15};
    while (steady_clock::now() < deadline) {
      if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
        pid_ = -1;
        return;
      }
      ::usleep(20'000);
    }
    ADD_FAILURE() << "testpmd does not stop:\n" << log();
    kill();
  }
  [[nodiscard]] std::string log() const {
    std::ostringstream text;
    text << std::ifstream{log_}.rdbuf();
    return text.str();
  }
  /// The last number behind `label` in what it printed, or -1.
  [[nodiscard]] long last_number(const std::string& label) const {
    const std::string text = log();
    const std::size_t at = text.rfind(label);
    return at == std::string::npos ? -1 : std::atol(text.c_str() + at + label.size());
  }

 private:
  void start(const std::vector<std::string>& arguments) {
    std::vector<char*> argv;
    for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);
    std::array<int, 2> in{};
    ASSERT_EQ(::pipe2(in.data(), O_CLOEXEC), 0);
    const UniqueFd read_end{in[0]};
    stdin_.reset(in[1]);
    const UniqueFd out{::open(log_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::dup2(read_end.get(), 0);
      ::dup2(out.get(), 1);
      ::dup2(out.get(), 2);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
  }
  void wait() {
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
  }

  std::string log_;
  std::string prefix_;
  UniqueFd stdin_;
  pid_t pid_ = -1;
};

class BypassPort : public testing::TestWithParam<Bypass> {
 protected:
  void SetUp() override {
    if (!why_impossible().empty()) GTEST_SKIP() << why_impossible();
    if (::access(kTestpmd, X_OK) != 0) GTEST_SKIP() << "needs dpdk-testpmd (package dpdk-dev)";
    before_ = levels();
    ASSERT_NE(::mkdtemp(directory_.data()), nullptr);
    socket_ = directory_ + "/port.sock";
    Result<std::unique_ptr<Port>> port = GetParam() == Bypass::memif
                                             ? open_memif("c1/net0", socket_, pools())
                                             : open_vhost_user("c1/net0", socket_, pools());
    ASSERT_TRUE(port) << port.error().message;
    port_ = std::move(*port);
  }
  void TearDown() override {
    if (IsSkipped() || !port_) return;
    port_.reset();
    EXPECT_NE(::access(socket_.c_str(), F_OK), 0) << "the socket is left behind";
    EXPECT_EQ(levels(), before_);
    ::unlink((directory_ + "/log").c_str());
    ::rmdir(directory_.c_str());
  }
  [[nodiscard]] std::unique_ptr<Testpmd> start(const std::string& mode) {
    return std::make_unique<Testpmd>(GetParam(), socket_, mode, directory_ + "/log");
  }
  /// Frames received until there are `wanted` or time is up; each is shown to `look` and freed.
  std::uint64_t receive(
      std::uint64_t wanted,
      const std::function<void(rte_mbuf*)>& look = [](rte_mbuf*) {},
      std::chrono::milliseconds patience = seconds{20}
  ) {
    std::uint64_t received = 0;
    const auto deadline = steady_clock::now() + patience;
    while (received < wanted && steady_clock::now() < deadline) {
      std::array<rte_mbuf*, kMaxBurst> burst;
      const std::uint16_t count = port_->rx_burst(burst.data(), kMaxBurst);
      for (std::uint16_t i = 0; i < count; ++i) look(burst[i]);
      rte_pktmbuf_free_bulk(burst.data(), count);
      received += count;
    }
    return received;
  }
  /// Sends the frame, retrying while the port takes nothing; false when time is up.
  bool send(rte_mbuf* frame) {
    const auto deadline = steady_clock::now() + seconds{20};
    while (steady_clock::now() < deadline) {
      if (port_->tx_burst(&frame, 1) == 1) return true;
    }
    rte_pktmbuf_free(frame);
    return false;
  }

  std::string directory_ = "/tmp/weft-bypass-test-XXXXXX";
  std::string socket_;
  std::unique_ptr<Port> port_;
  PoolLevels before_;
};
std::string kind_name(const testing::TestParamInfo<Bypass>& kind) {
  return kind.param == Bypass::memif ? "Memif" : "VhostUser";
}
INSTANTIATE_TEST_SUITE_P(
    Kinds, BypassPort, testing::Values(Bypass::memif, Bypass::vhost_user), kind_name
);

unsigned losses_of(const Port& port) {
  const RxLosses& l = port.losses;
  return l.no_mbuf + l.frame_too_large + l.bad_offload_request + l.truncated;
}

/// Seven rounds of 0.4 s of calls that each return how many frames they moved.
void print_rates(const char* verb, const std::function<std::uint16_t()>& move) {
  for (int round = 0; round < 7; ++round) {
    const auto start = steady_clock::now();
    std::uint64_t frames = 0;
    while (steady_clock::now() - start < std::chrono::milliseconds{400}) {
      for (int i = 0; i < 64; ++i) frames += move();
    }
    const std::chrono::duration<double> time = steady_clock::now() - start;
    std::cout << static_cast<double>(frames) / time.count() / 1e6 << " Mpps " << verb << '\n';
  }
}

TEST_P(BypassPort, TakesNothingAndGivesNothingWithoutAClient) {
  struct stat status {};
  ASSERT_EQ(::stat(socket_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0660U);
  rte_mbuf* frame = make_frame(test_frame(mac_of(1), mac_of(2), 60));
  EXPECT_EQ(port_->tx_burst(&frame, 1), 0);
  rte_pktmbuf_free(frame);
  EXPECT_EQ(port_->rx_burst(&frame, 1), 0);
  EXPECT_EQ(port_->poll_fd(), -1);
  EXPECT_TRUE(port_->is_alive());
}

TEST_P(BypassPort, ReceivesWhatTestpmdSendsAndAgainAfterItWasKilled) {
  for (int round = 0; round < 2; ++round) {
    const std::unique_ptr<Testpmd> peer = start("txonly");
    std::uint64_t wrong = 0;
    const auto look = [&](rte_mbuf* frame) {
      const auto* ethernet = header_at<EthernetHeader>(ConstBytes{head_bytes(frame)}, 0);
      const bool is_right = frame->pkt_len == 64 && frame->data_off >= kHeadroom &&
                            ethernet->ether_type.host() == kEtherTypeIpv4 &&
                            !meta(frame).offload.needs_checksum;
      if (!is_right) ++wrong;
    };
    EXPECT_GE(receive(20'000, look), 20'000U) << peer->log();
    EXPECT_EQ(wrong, 0U);
    peer->kill();
  }
  EXPECT_EQ(losses_of(*port_), 0U);
}

TEST_P(BypassPort, SendsFramesOfAllSizesToTestpmd) {
  constexpr std::size_t kCount = 2000;
  const std::unique_ptr<Testpmd> peer = start("rxonly");
  for (std::size_t i = 0; i < kCount; ++i) {
    const std::size_t size = 60 + (i * 7) % 1455;
    ASSERT_TRUE(send(make_frame(test_frame(mac_of(1), mac_of(2), size)))) << peer->log();
  }
  // A chain of three mbufs that needs several of the client's buffers.
  rte_mbuf* head = make_frame(test_frame(mac_of(1), mac_of(2), 2000));
  for (int i = 0; i < 2; ++i) {
    rte_mbuf* more = make_frame(test_frame(mac_of(1), mac_of(2), 1500));
    ASSERT_EQ(rte_pktmbuf_chain(head, more), 0);
  }
  ASSERT_TRUE(send(head));
  // It took them from its ring when the ring has been emptied; give it that time.
  ::usleep(300'000);
  peer->stop();
  EXPECT_EQ(peer->last_number("RX-packets: "), static_cast<long>(kCount + 1)) << peer->log();
}

TEST_P(BypassPort, SurvivesAClientThatIsKilledInMidTraffic) {
  for (int round = 0; round < 3; ++round) {
    const std::unique_ptr<Testpmd> peer = start("txonly");
    EXPECT_GE(receive(2'000), 2'000U) << peer->log();
    std::atomic<bool> is_dead{false};
    std::thread killer{[&] {
      peer->kill();
      is_dead = true;
    }};
    while (!is_dead)
      (void)receive(
          1, [](rte_mbuf*) {}, std::chrono::milliseconds{10}
      );
    killer.join();
  }
}

// Run by hand, on a quiet machine: --gtest_also_run_disabled_tests --gtest_filter='*Rate*'
TEST_P(BypassPort, DISABLED_RateFromTestpmd) {
  const std::unique_ptr<Testpmd> peer = start("txonly");
  ASSERT_GE(receive(100'000), 100'000U);
  print_rates("received", [&] {
    std::array<rte_mbuf*, kMaxBurst> burst;
    const std::uint16_t count = port_->rx_burst(burst.data(), 32);
    rte_pktmbuf_free_bulk(burst.data(), count);
    return count;
  });
}

TEST_P(BypassPort, DISABLED_RateToTestpmd) {
  const std::unique_ptr<Testpmd> peer = start("rxonly");
  const std::vector<std::uint8_t> octets = test_frame(mac_of(1), mac_of(2), 64);
  ASSERT_TRUE(send(make_frame(octets)));
  print_rates("sent", [&] {
    std::array<rte_mbuf*, kMaxBurst> burst;
    if (rte_pktmbuf_alloc_bulk(pools().small, burst.data(), 32) != 0) return std::uint16_t{0};
    for (unsigned i = 0; i < 32; ++i) {
      std::memcpy(rte_pktmbuf_append(burst[i], 64), octets.data(), 64);
    }
    const std::uint16_t count = port_->tx_burst(burst.data(), 32);
    rte_pktmbuf_free_bulk(burst.data() + count, 32U - count);
    return count;
  });
}

}  // namespace
}  // namespace weft::test
