#include "dataplane/worker.h"

#include <cerrno>
#include <cstring>
#include <string>

#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "dataplane/pipeline.h"

namespace weft {
namespace {

constexpr std::size_t kHandoffCapacity = 1024;
// Most frames one fd port may deliver per iteration: a flooding container costs its worker at most
// this.
constexpr std::uint16_t kFdBurst = 32;
constexpr int kReadyFds = 64;
// While ethdev queues keep the worker busy, the epoll system call is made every n-th iteration
// only.
constexpr unsigned kBusyIterationsPerEpoll = 8;
// Bounds on what the outside can make control and replication do, per worker. Control looks at 256 events
// every few milliseconds; learning must leave room in the event ring for punted ARP and ND.
constexpr std::uint64_t kPuntsPerSecond = 10'000;
constexpr std::uint64_t kLearnsPerSecond = 10'000;
constexpr std::uint64_t kTunnelFloodsPerSecond = 20'000;
// Egress schedulers that may hold frames at once.
constexpr std::size_t kMaxBacklog = 16'384;
// Buckets of the flow table that are looked at for expired entries in an iteration: a table of 262,144 is seen
// through in 22,000 iterations.
constexpr std::uint32_t kSweepBuckets = 1;

}  // namespace

Result<std::unique_ptr<Worker>> Worker::make(
    const WorkerConfig& config, const Published<Snapshot>& published, Qsbr<kMaxWorkers>& qsbr
) {
  auto tables = WorkerTables::make(config.tables, config.flow_seed, config.shared_meters);
  if (!tables) return tables.error();
  const int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd < 0) {
    return Error{std::string{"worker: epoll_create1: "} + std::strerror(errno)};
  }
  return std::unique_ptr<Worker>{new Worker{config, published, qsbr, std::move(*tables), epoll_fd}};
}

Worker::Worker(
    const WorkerConfig& config,
    const Published<Snapshot>& published,
    Qsbr<kMaxWorkers>& qsbr,
    std::unique_ptr<WorkerTables> tables,
    int epoll_fd
)
    : published_{published},
      qsbr_{qsbr},
      idle_{config.idle},
      tsc_hz_{config.tsc_hz},
      epoll_fd_{epoll_fd},
      tables_{std::move(tables)},
      context_{
          .worker = config.id,
          .pools = config.pools,
          .counters = counters_,
          .activity = activity_,
          .tables = tables_.get(),
          .events = events_,
          .punt_budget = {kPuntsPerSecond, kPuntsPerSecond, config.tsc_hz},
          .learn_budget = {kLearnsPerSecond, kLearnsPerSecond, config.tsc_hz},
          .tunnel_flood_budget = {kTunnelFloodsPerSecond, kTunnelFloodsPerSecond, config.tsc_hz}} {
  context_.backlog.reserve(kMaxBacklog);
}

Worker::~Worker() {
  for (auto& ring : handoff_from_) {
    rte_mbuf* frame = nullptr;
    while (ring != nullptr && ring->pop(frame)) rte_pktmbuf_free(frame);
  }
  WorkerEvent event;
  while (events_.pop(event)) rte_pktmbuf_free(event.frame);
  WorkerCommand command;
  while (commands_.pop(command)) rte_pktmbuf_free(command.frame);
  close(epoll_fd_);
}

void Worker::connect(Worker& from, Worker& to) {
  const std::size_t source = from.context_.worker.value();
  to.handoff_from_[source] = std::make_unique<HandoffRing>(kHandoffCapacity);
  from.context_.handoff_to[to.context_.worker.value()] = to.handoff_from_[source].get();
  if (to.worker_limit_ <= source) to.worker_limit_ = source + 1U;
}

Status Worker::watch(EndpointIndex endpoint, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = endpoint.value();
  if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) != 0) {
    return Error{
        "worker " + std::to_string(context_.worker.value()) + ": cannot watch fd " +
        std::to_string(fd) + ": " + std::strerror(errno)};
  }
  watched_.fetch_add(1, std::memory_order_relaxed);
  return Ok{};
}

void Worker::unwatch(int fd) {
  if (epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr) == 0) {
    watched_.fetch_sub(1, std::memory_order_relaxed);
  }
}

void Worker::run() noexcept {
  // Sleeps are meant to be tens of microseconds; the default slack would double them.
  prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);
  context_.second = static_cast<std::uint16_t>(rte_rdtsc() / tsc_hz_);
  next_second_tsc_ = (rte_rdtsc() / tsc_hz_ + 1U) * tsc_hz_;
  next_tick_tsc_ = rte_rdtsc();
  idle_since_ = rte_rdtsc();
  while (!is_stopping_.load(std::memory_order_relaxed)) {
    const std::uint64_t begin = rte_rdtsc();
    const bool did_work = iterate();
    const std::uint64_t cycles = rte_rdtsc() - begin;
    counters_.iterations.add(1);
    counters_.longest_iteration.raise_to(cycles);
    if (did_work) {
      counters_.busy_cycles.add(cycles);
      idle_since_ = begin + cycles;
      sleep_us_ = 0;
    } else {
      counters_.idle_iterations.add(1);
      counters_.idle_cycles.add(cycles);
    }
    fill_report();
    if (!did_work) sleep_if_idle();
  }
  qsbr_.retire(context_.worker.value());
}

bool Worker::iterate() noexcept {
  qsbr_.quiescent(context_.worker.value());
  context_.snapshot = published_.read();
  generation_.store(context_.snapshot->generation.value(), std::memory_order_relaxed);
  advance_clock();

  unsigned work = take_commands();
  work += take_over();
  const unsigned polled = poll_ports();
  work += polled;
  if (polled == 0 || ++iterations_without_epoll_ >= kBusyIterationsPerEpoll) {
    iterations_without_epoll_ = 0;
    work += poll_fds();
  }
  work += serve_backlog(context_);
  flush(context_);
  serve_flow_request();
  (void)tables_->flows.sweep(context_.coarse_now, tables_->timeouts, kSweepBuckets);
  return work != 0;
}

void Worker::advance_clock() noexcept {
  context_.now = Tsc{rte_rdtsc()};
  while (context_.now.value() >= next_second_tsc_) {
    next_second_tsc_ += tsc_hz_;
    ++context_.second;
  }
  while (context_.now.value() >= next_tick_tsc_) {
    next_tick_tsc_ += tsc_hz_ / classifier::kTicksPerSecond;
    context_.coarse_now = classifier::CoarseTime{context_.coarse_now.value() + 1U};
  }
}

unsigned Worker::take_commands() noexcept {
  std::array<WorkerCommand, 16> commands;
  const std::size_t count = commands_.pop_burst(commands.data(), commands.size());
  context_.source = nullptr;
  for (std::size_t i = 0; i < count; ++i) {
    switch (commands[i].kind) {
      case WorkerCommand::Kind::transmit:
        meta(commands[i].frame) = PacketMeta{};
        meta(commands[i].frame).to = Destination{TunnelIndex{0}};
        counters_.injected.add(1);
        send_to_uplink(context_, commands[i].uplink, commands[i].frame);
        break;
    }
  }
  return static_cast<unsigned>(count);
}

unsigned Worker::take_over() noexcept {
  unsigned work = 0;
  context_.source = nullptr;
  Burst burst;
  for (std::size_t i = 0; i < worker_limit_; ++i) {
    if (handoff_from_[i] == nullptr) continue;
    burst.count =
        static_cast<unsigned>(handoff_from_[i]->pop_burst(burst.frames.data(), burst.frames.size())
        );
    if (burst.count == 0) continue;
    counters_.taken_over.add(burst.count);
    run_taken_over(context_, burst);
    work += burst.count;
  }
  return work;
}

unsigned Worker::receive(Port& port, const Origin& origin) noexcept {
  Burst burst;
  const auto max = static_cast<std::uint16_t>(origin.is_uplink() ? kMaxBurst : kFdBurst);
  burst.count = port.rx_burst(burst.frames.data(), max);
  context_.source = &port;

  const RxLosses losses = port.losses;
  const std::uint32_t lost =
      losses.no_mbuf + losses.frame_too_large + losses.bad_offload_request + losses.truncated;
  if (lost != 0) [[unlikely]] {
    const auto count_loss = [&](DropReason reason, std::uint32_t n) noexcept {
      if (n == 0) return;
      counters_.drops.add(reason, n);
      port.counters.drops.add(reason, n);
    };
    count_loss(DropReason::no_mbuf, losses.no_mbuf);
    count_loss(DropReason::frame_too_large, losses.frame_too_large);
    count_loss(DropReason::bad_offload_request, losses.bad_offload_request);
    count_loss(DropReason::truncated_ethernet, losses.truncated);
    port.losses = RxLosses{};
  }
  if (burst.count + lost == 0) return 0;

  std::uint64_t octets = 0;
  for (unsigned i = 0; i < burst.count; ++i) octets += burst.frames[i]->pkt_len;
  counters_.rx.add(burst.count + lost);
  port.counters.rx_packets.add(burst.count + lost);
  port.counters.rx_octets.add(octets);

  if (!context_.snapshot->is_forwarding) [[unlikely]] {
    for (unsigned i = 0; i < burst.count; ++i) {
      drop(context_, burst.frames[i], DropReason::forwarding_stopped);
    }
  } else {
    run_burst(context_, origin, burst);
  }
  return burst.count + lost;
}

unsigned Worker::poll_ports() noexcept {
  const auto& polled = context_.snapshot->polled[context_.worker.value()];
  if (polled == nullptr) return 0;
  unsigned work = 0;
  for (const Snapshot::Polled& entry : *polled) {
    const unsigned received = receive(*entry.port, Origin{entry.endpoint, entry.uplink});
    work += received;
    if (received == 0 && entry.endpoint != kNoEndpoint) report_death(*entry.port, entry.endpoint);
  }
  return work;
}

unsigned Worker::poll_fds() noexcept {
  if (watched_.load(std::memory_order_relaxed) == 0) return 0;
  std::array<epoll_event, kReadyFds> ready;
  const int count = epoll_wait(epoll_fd_, ready.data(), kReadyFds, 0);
  unsigned work = 0;
  for (int i = 0; i < count; ++i) {
    const EndpointIndex index{
        static_cast<std::uint32_t>(ready[static_cast<std::size_t>(i)].data.u64)};
    const EndpointEntry* endpoint = context_.snapshot->endpoints.find(index.value());
    // Just attached: readable before the snapshot that names it is in force, or just detached.
    if (endpoint == nullptr || !endpoint->in_use) continue;
    const unsigned received = receive(*endpoint->port, Origin{index, UplinkIndex{}});
    work += received;
    if (received == 0) report_death(*endpoint->port, index);
  }
  return work;
}

void Worker::report_death(Port& port, EndpointIndex endpoint) noexcept {
  if (port.is_death_reported || port.is_alive()) [[likely]]
    return;
  WorkerEvent event;
  event.kind = WorkerEvent::Kind::port_dead;
  event.endpoint = endpoint;
  event.port = &port;
  port.is_death_reported = events_.push(event);
}

void Worker::request_report() noexcept {
  report_requested_.fetch_add(1, std::memory_order_relaxed);
}

bool Worker::has_report() const noexcept {
  return report_done_.load(std::memory_order_acquire) ==
         report_requested_.load(std::memory_order_relaxed);
}

void Worker::fill_report() noexcept {
  const std::uint32_t requested = report_requested_.load(std::memory_order_relaxed);
  if (requested == report_done_.load(std::memory_order_relaxed)) [[likely]]
    return;
  copy(counters_, report_);
  report_done_.store(requested, std::memory_order_release);
}

void Worker::serve_flow_request() noexcept {
  FlowRequest* request = flow_request_.load(std::memory_order_acquire);
  if (request == nullptr) [[likely]]
    return;
  if (serve(*request, tables_->flows, context_.coarse_now)) {
    flow_request_.store(nullptr, std::memory_order_release);
  }
}

void Worker::sleep_if_idle() noexcept {
  if (!idle_.may_sleep) return;
  const std::uint64_t idle_us = (rte_rdtsc() - idle_since_) / (tsc_hz_ / 1'000'000U);
  if (idle_us < idle_.spin_us) return;
  sleep_us_ = sleep_us_ == 0 ? 10 : sleep_us_ * 2U;
  if (sleep_us_ > idle_.max_sleep_us) sleep_us_ = idle_.max_sleep_us;
  const timespec timeout{0, static_cast<long>(sleep_us_) * 1000L};
  epoll_event ready;
  epoll_pwait2(
      epoll_fd_, &ready, 1, &timeout, nullptr
  );  // level-triggered: read in the next iteration
}

}  // namespace weft
