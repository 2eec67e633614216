// EAL: DPDK's process-wide start, derived from the machine so that no operator writes EAL
// arguments.
//
//   Result<std::unique_ptr<Eal>> eal = Eal::start({.cores = {0, 1}});
//   Result<Pools> pools = make_pools({.max_mtu = 1500});
//   rte_eal_remote_launch(run_worker, &worker, (*eal)->lcore_of(WorkerId{0}));
//
// What is derived (eal_args.h has the pure function and its test the table):
//  * memory: `--in-memory --single-file-segments` when enough hugepages are free, else
//    `--no-huge -m N`. Both leave no files behind.
//  * lcores: lcore 0 is the caller's thread, the control thread. It may run on every CPU that no
//  worker
//    uses, or on the first worker's when there is none to spare. Worker w is lcore w + 1, pinned to
//    cores[w]. EAL has created those threads when start() returns; rte_eal_remote_launch starts
//    work.
//  * buses: no PCI scan (`--no-pci`) unless PCI devices are wanted; then only those named are
//  probed
//    (`-a`), so that a bifurcated NIC (mlx5) which carries the host's own traffic is never taken.
//  * no telemetry socket, no secondary processes.
//
// EAL's log lines go to spdlog's default logger as "dpdk: ..." (eal_log.h).
//
// EAL starts once per process. Destruction order: workers, ports, uplinks, Pools, Eal.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/base/ids.h"
#include "dataplane/base/result.h"
#include "pmd-config/eal_args.h"
#include "pmd-config/pools.h"  // IWYU pragma: export

namespace weft {

class EalLog;

class Eal {
 public:
  /// Starts EAL on the calling thread, which becomes lcore 0: its CPU affinity changes. About 140
  /// ms.
  [[nodiscard]] static Result<std::unique_ptr<Eal>> start(const EalConfig& config);
  Eal(const Eal&) = delete;
  Eal& operator=(const Eal&) = delete;
  /// Precondition: no lcore runs, nothing allocated from EAL is still used.
  ~Eal();

  /// Precondition: worker < cores.size() of the configuration.
  [[nodiscard]] unsigned lcore_of(WorkerId worker) const noexcept { return worker.value() + 1U; }
  [[nodiscard]] unsigned cpu_of(WorkerId worker) const noexcept { return cores_[worker.value()]; }
  [[nodiscard]] std::uint16_t worker_count() const noexcept {
    return static_cast<std::uint16_t>(cores_.size());
  }
  /// Whether PCI uplinks may be attached at run time.
  [[nodiscard]] bool has_pci() const noexcept { return has_pci_; }
  [[nodiscard]] bool uses_hugepages() const noexcept { return uses_hugepages_; }
  /// What was passed to rte_eal_init, for the log.
  [[nodiscard]] const std::vector<std::string>& arguments() const noexcept { return arguments_; }
  /// "22.11.11".
  [[nodiscard]] static std::string dpdk_version();

 private:
  Eal() = default;

  std::vector<unsigned> cores_;
  std::vector<std::string> arguments_;
  bool has_pci_{};
  bool uses_hugepages_{};
  bool is_running_{};
  std::unique_ptr<EalLog> log_;
};

}  // namespace weft
