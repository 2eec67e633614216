// Worker: one pinned thread that owns ports and runs the packet path on what they receive.
//
// One loop iteration: quiescent state and snapshot load, commands, frames taken over from other
// workers, ports without fds (each one burst), ready fds of one epoll set (each one burst), flush.
// Nothing in it waits. Between iterations, and only when nothing happened for a while and the idle
// policy allows, the worker sleeps in epoll for at most IdlePolicy::max_sleep_us: a readable
// container port wakes it at once, an uplink is looked at after at most that time.
//
//   who may call what     worker's thread     control thread
//                         run                 everything else
//
// Control makes Workers, connects them (every pair in both directions), enlists them in the Qsbr,
// publishes a first snapshot, then starts the threads.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "dataplane/base/result.h"
#include "dataplane/flow_request.h"
#include "dataplane/rcu.h"
#include "dataplane/stages.h"
#include "dataplane/tables.h"

namespace weft {

using CommandRing = SpscRing<WorkerCommand>;

struct IdlePolicy {
  bool may_sleep{};
  std::uint32_t spin_us = 50;        // idle time before the first sleep
  std::uint32_t max_sleep_us = 100;  // bounds the latency that sleeping adds to uplink frames
};

struct WorkerConfig {
  WorkerId id;
  PacketPools pools;
  std::uint64_t tsc_hz{};
  IdlePolicy idle;
  TableSizes tables{};
  std::uint64_t flow_seed{};      // random, secret (FlowTableConfig)
  SharedMeters* shared_meters{};  // nullptr: it is the only worker
};

class Worker {
 public:
  /// nullptr-free result or the reason why the epoll set could not be made.
  [[nodiscard]] static Result<std::unique_ptr<Worker>> make(
      const WorkerConfig& config, const Published<Snapshot>& published, Qsbr<kMaxWorkers>& qsbr
  );
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  /// Frees the frames that are still in the rings. Precondition: no thread is in run().
  ~Worker();

  /// Frames that `to` must own travel through a ring of `from`. Before the threads start.
  static void connect(Worker& from, Worker& to);

  /// Until stop(). Precondition: a snapshot is published and this worker is enlisted.
  void run() noexcept;
  void stop() noexcept { is_stopping_.store(true, std::memory_order_relaxed); }

  /// The owner of `endpoint` reads it when `fd` becomes readable.
  [[nodiscard]] Status watch(EndpointIndex endpoint, int fd);
  void unwatch(int fd);

  [[nodiscard]] EventRing& events() noexcept { return events_; }
  [[nodiscard]] CommandRing& commands() noexcept { return commands_; }
  [[nodiscard]] const WorkerCounters& counters() const noexcept { return counters_; }
  [[nodiscard]] const Activity& activity() const noexcept { return activity_; }
  /// Control reads counters in it, and nothing else.
  [[nodiscard]] const WorkerTables& tables() const noexcept { return *tables_; }
  /// The generation of the snapshot in use.
  [[nodiscard]] Generation generation() const noexcept {
    return Generation{generation_.load(std::memory_order_relaxed)};
  }

  /// Leaves a request with the worker, which has it until has_answered. One at a time.
  void ask(FlowRequest& request) noexcept {
    flow_request_.store(&request, std::memory_order_release);
  }
  [[nodiscard]] bool has_answered() const noexcept {
    return flow_request_.load(std::memory_order_acquire) == nullptr;
  }

  /// Counters as they were between two iterations, when nothing is staged: only there does the
  /// conservation law hold exactly for this worker, with handed_over and taken_over as its rings'
  /// ends. request_report, then poll has_report (one iteration later), then report.
  void request_report() noexcept;
  [[nodiscard]] bool has_report() const noexcept;
  [[nodiscard]] const WorkerCounters& report() const noexcept { return report_; }

 private:
  Worker(
      const WorkerConfig& config,
      const Published<Snapshot>& published,
      Qsbr<kMaxWorkers>& qsbr,
      std::unique_ptr<WorkerTables> tables,
      int epoll_fd
  );

  [[nodiscard]] bool iterate() noexcept;
  [[nodiscard]] unsigned take_commands() noexcept;
  [[nodiscard]] unsigned take_over() noexcept;
  [[nodiscard]] unsigned poll_ports() noexcept;
  [[nodiscard]] unsigned poll_fds() noexcept;
  [[nodiscard]] unsigned receive(Port& port, const Origin& origin) noexcept;
  void advance_clock() noexcept;
  void fill_report() noexcept;
  void serve_flow_request() noexcept;
  void report_death(Port& port, EndpointIndex endpoint) noexcept;
  void sleep_if_idle() noexcept;

  const Published<Snapshot>& published_;
  Qsbr<kMaxWorkers>& qsbr_;
  IdlePolicy idle_;
  std::uint64_t tsc_hz_;
  int epoll_fd_;

  WorkerCounters counters_;
  WorkerCounters report_;  // worker: w, control: r after has_report
  Activity activity_;
  std::unique_ptr<WorkerTables> tables_;
  EventRing events_{4096};                                              // worker: producer
  CommandRing commands_{1024};                                          // control: producer
  std::array<std::unique_ptr<HandoffRing>, kMaxWorkers> handoff_from_;  // consumer side
  StageContext context_;

  std::uint64_t next_second_tsc_{};
  std::uint64_t next_tick_tsc_{};  // of the flows' coarse clock
  std::uint64_t idle_since_{};
  std::uint32_t sleep_us_{};
  unsigned iterations_without_epoll_{};
  std::size_t worker_limit_{};  // highest connected worker + 1

  std::atomic<bool> is_stopping_{false};             // control: w
  std::atomic<std::uint32_t> watched_{0};            // control: w
  std::atomic<std::uint32_t> report_requested_{0};   // control: w
  std::atomic<std::uint32_t> report_done_{0};        // worker: w
  std::atomic<std::uint64_t> generation_{0};         // worker: w
  std::atomic<FlowRequest*> flow_request_{nullptr};  // control: sets, worker: clears
};

}  // namespace weft
