// UDP between two namespaces of one machine: one-way latency at a given rate, and as many packets as possible.
//
//   udp_probe receive PORT                          latencies, until the end of its input
//   udp_probe send ADDRESS PORT RATE SECONDS SIZE
//   udp_probe count PORT                            packets per second, until the end of its input
//   udp_probe flood ADDRESS PORT SECONDS SIZE
//
// Each prints one JSON object at its end; receivers print "listening" first.
//
// Both ends read CLOCK_MONOTONIC, which is the same clock in every namespace of a machine: each packet carries
// the time right before its send(), and the receiver subtracts it from the time right after its recv(). What is
// measured is thus program to program, wake-up of the receiver included. Two clock readings of about 25 ns
// are inside it; the clock counts nanoseconds.
//
// The load is open loop: packets are due at fixed times whatever happened to those before. A sender that
// comes late sends what is due back to back; it says how many at a time, because such a burst queues behind itself.
// Latencies go into buckets of 1/64 of their value (a logarithmic histogram), so a percentile is within 1.6 %.
//
// flood and count move 32 packets per system call: the programs are meant to cost less than what is between them.
#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

#include <netdb.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

struct Stamp {
  std::uint64_t sent_ns;
  std::uint64_t sequence;
};

constexpr std::size_t kLargest = 9000;
constexpr std::uint64_t kSecond = 1'000'000'000;
// Below this a sleep would come too late.
constexpr std::uint64_t kShortestSleep = 5'000;

std::uint64_t now_ns() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * kSecond +
         static_cast<std::uint64_t>(time.tv_nsec);
}

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "udp_probe: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}

/// Buckets whose width is 1/64 of their values; exact below 64 ns.
class Histogram {
 public:
  void add(std::uint64_t ns) {
    ++buckets_[index(ns)];
    ++count_;
    smallest_ = std::min(smallest_, ns);
    largest_ = std::max(largest_, ns);
  }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t smallest() const { return count_ == 0 ? 0 : smallest_; }
  [[nodiscard]] std::uint64_t largest() const { return largest_; }

  /// The value that a share of all values does not exceed.
  [[nodiscard]] std::uint64_t quantile(double share) const {
    const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(count_));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i];
      if (seen > wanted) return value(i);
    }
    return largest_;
  }

 private:
  static constexpr unsigned kBits = 6;

  static std::size_t index(std::uint64_t ns) {
    const auto width = static_cast<unsigned>(std::bit_width(ns));
    if (width <= kBits) return ns;
    const unsigned shift = width - kBits - 1U;
    return (std::size_t{shift + 1U} << kBits) + ((ns >> shift) & ((1U << kBits) - 1U));
  }
  static std::uint64_t value(std::size_t index) {
    const std::size_t group = index >> kBits;
    if (group == 0) return index;
    return ((std::uint64_t{1} << kBits) | (index & ((1U << kBits) - 1U))) << (group - 1U);
  }

  std::array<std::uint64_t, 64U << kBits> buckets_{};
  std::uint64_t count_{};
  std::uint64_t smallest_{UINT64_MAX};
  std::uint64_t largest_{};
};

int udp_socket(const char* address, const char* port, bool is_receiver) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  hints.ai_family = is_receiver ? AF_INET6 : AF_UNSPEC;  // an IPv6 socket receives IPv4 too
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | (is_receiver ? AI_PASSIVE : 0);
  addrinfo* found = nullptr;
  if (getaddrinfo(address, port, &hints, &found) != 0) {
    errno = EINVAL;
    fail(std::string{address == nullptr ? "" : address} + " " + port);
  }
  const int fd = socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  const int buffer = 1 << 20;
  (void)setsockopt(
      fd, SOL_SOCKET, is_receiver ? SO_RCVBUFFORCE : SO_SNDBUFFORCE, &buffer, sizeof buffer
  );
  const int result = is_receiver ? bind(fd, found->ai_addr, found->ai_addrlen)
                                 : connect(fd, found->ai_addr, found->ai_addrlen);
  if (result != 0) fail(is_receiver ? "bind" : "connect");
  freeaddrinfo(found);
  return fd;
}

int receive(const char* port) {
  const int fd = udp_socket(nullptr, port, true);
  static Histogram histogram;
  std::uint64_t last = 0;
  std::array<char, kLargest> packet;
  std::array<pollfd, 2> waits{pollfd{fd, POLLIN, 0}, pollfd{STDIN_FILENO, POLLIN, 0}};
  std::printf("listening\n");
  std::fflush(stdout);
  while (true) {
    // recv first: poll only when the queue is empty, so that it costs nothing under load.
    const ssize_t octets = recv(fd, packet.data(), packet.size(), MSG_DONTWAIT);
    const std::uint64_t arrived = now_ns();
    if (octets >= static_cast<ssize_t>(sizeof(Stamp))) {
      Stamp stamp{};
      std::memcpy(&stamp, packet.data(), sizeof stamp);
      histogram.add(arrived - stamp.sent_ns);
      last = std::max(last, stamp.sequence);
      continue;
    }
    if (octets < 0 && errno != EAGAIN && errno != EINTR) fail("recv");
    if (poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) fail("poll");
    if (waits[1].revents != 0 && waits[0].revents == 0) break;
  }
  std::printf(
      "{\"received\": %llu, \"highest\": %llu, \"min_ns\": %llu, \"p50_ns\": %llu, \"p99_ns\": "
      "%llu, "
      "\"p999_ns\": %llu, \"max_ns\": %llu}\n",
      static_cast<unsigned long long>(histogram.count()),
      static_cast<unsigned long long>(last),
      static_cast<unsigned long long>(histogram.smallest()),
      static_cast<unsigned long long>(histogram.quantile(0.5)),
      static_cast<unsigned long long>(histogram.quantile(0.99)),
      static_cast<unsigned long long>(histogram.quantile(0.999)),
      static_cast<unsigned long long>(histogram.largest())
  );
  return 0;
}

void sleep_until(std::uint64_t ns) {
  const timespec time{static_cast<time_t>(ns / kSecond), static_cast<long>(ns % kSecond)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr) == EINTR) {
  }
}

int send_paced(
    const char* address, const char* port, double rate, double seconds, std::size_t size
) {
  const int fd = udp_socket(address, port, false);
  std::vector<char> packet(std::clamp(size, sizeof(Stamp), kLargest), 'w');
  prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
  const double gap = static_cast<double>(kSecond) / rate;
  const auto planned = static_cast<std::uint64_t>(rate * seconds);
  const std::uint64_t begin = now_ns();
  std::uint64_t sent = 0;
  std::uint64_t refused = 0;
  std::uint64_t wakeups = 0;
  while (sent + refused < planned) {
    const std::uint64_t now = now_ns();
    const std::uint64_t due =
        begin + static_cast<std::uint64_t>(gap * static_cast<double>(sent + refused));
    if (due > now) {
      if (due - now > kShortestSleep) sleep_until(due);
      continue;
    }
    ++wakeups;
    const auto end = static_cast<std::uint64_t>(static_cast<double>(now - begin) / gap) + 1U;
    while (sent + refused < std::min(end, planned)) {
      const Stamp stamp{now_ns(), sent + refused + 1U};
      std::memcpy(packet.data(), &stamp, sizeof stamp);
      if (send(fd, packet.data(), packet.size(), 0) >= 0) {
        ++sent;
      } else {
        if (errno != ENOBUFS && errno != ECONNREFUSED && errno != EAGAIN) fail("send");
        ++refused;
      }
    }
    if (now - begin > static_cast<std::uint64_t>(2 * seconds * 1e9)) break;  // can not keep up
  }
  const double took = static_cast<double>(now_ns() - begin) / 1e9;
  std::printf(
      "{\"sent\": %llu, \"refused\": %llu, \"rate\": %.0f, \"burst\": %.2f}\n",
      static_cast<unsigned long long>(sent),
      static_cast<unsigned long long>(refused),
      static_cast<double>(sent) / took,
      static_cast<double>(sent) / static_cast<double>(std::max<std::uint64_t>(wakeups, 1))
  );
  return 0;
}

constexpr unsigned kBatch = 32;

/// `kBatch` messages that share one packet (to send) or have one each (to receive).
class Batch {
 public:
  Batch(std::size_t size, bool is_shared) : octets_(is_shared ? size : size * kBatch) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      parts_[i] = iovec{octets_.data() + (is_shared ? 0 : i * size), size};
      messages_[i].msg_hdr.msg_iov = &parts_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
    }
  }
  [[nodiscard]] mmsghdr* messages() { return messages_.data(); }

 private:
  std::vector<char> octets_;
  std::array<iovec, kBatch> parts_{};
  std::array<mmsghdr, kBatch> messages_{};
};

int count(const char* port) {
  const int fd = udp_socket(nullptr, port, true);
  Batch batch{2048, false};
  std::uint64_t received = 0;
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::array<pollfd, 2> waits{pollfd{fd, POLLIN, 0}, pollfd{STDIN_FILENO, POLLIN, 0}};
  std::printf("listening\n");
  std::fflush(stdout);
  while (true) {
    const int got = recvmmsg(fd, batch.messages(), kBatch, MSG_DONTWAIT, nullptr);
    if (got > 0) {
      last = now_ns();
      if (first == 0) first = last;
      received += static_cast<std::uint64_t>(got);
      continue;
    }
    if (got < 0 && errno != EAGAIN && errno != EINTR) fail("recvmmsg");
    if (poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) fail("poll");
    if (waits[1].revents != 0 && waits[0].revents == 0) break;
  }
  std::printf(
      "{\"received\": %llu, \"seconds\": %.6f}\n",
      static_cast<unsigned long long>(received),
      static_cast<double>(last - first) / 1e9
  );
  return 0;
}

int flood(const char* address, const char* port, double seconds, std::size_t size) {
  const int fd = udp_socket(address, port, false);
  Batch batch{std::clamp(size, std::size_t{1}, kLargest), true};
  const std::uint64_t begin = now_ns();
  const auto end = begin + static_cast<std::uint64_t>(seconds * 1e9);
  std::uint64_t sent = 0;
  while (now_ns() < end) {
    const int count = sendmmsg(fd, batch.messages(), kBatch, 0);
    if (count > 0) sent += static_cast<std::uint64_t>(count);
    if (count < 0 && errno != ENOBUFS && errno != ECONNREFUSED && errno != EAGAIN) fail("sendmmsg");
  }
  std::printf(
      "{\"sent\": %llu, \"rate\": %.0f}\n",
      static_cast<unsigned long long>(sent),
      static_cast<double>(sent) * 1e9 / static_cast<double>(now_ns() - begin)
  );
  return 0;
}

}  // namespace

int main(int word_count, char** words) {
  const std::string verb = word_count > 1 ? words[1] : "";
  if (verb == "receive" && word_count == 3) return receive(words[2]);
  if (verb == "count" && word_count == 3) return count(words[2]);
  if (verb == "flood" && word_count == 6) {
    return flood(
        words[2], words[3], std::atof(words[4]), static_cast<std::size_t>(std::atoi(words[5]))
    );
  }
  if (verb == "send" && word_count == 7) {
    const double rate = std::atof(words[4]);
    const double seconds = std::atof(words[5]);
    const auto size = static_cast<std::size_t>(std::atoi(words[6]));
    if (rate >= 1 && seconds > 0) return send_paced(words[2], words[3], rate, seconds, size);
  }
  std::fprintf(
      stderr,
      "usage: udp_probe receive|count PORT | flood ADDRESS PORT SECONDS SIZE |\n"
      "       send ADDRESS PORT RATE SECONDS SIZE\n"
  );
  return 2;
}
