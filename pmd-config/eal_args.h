// From what the machine has and what the operator asked for to EAL's command line: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/result.h"

namespace weft {

struct EalConfig {
  /// One worker per entry, pinned to that CPU. Empty: one worker on the last CPU we may use.
  std::vector<unsigned> cores{};
  enum class Hugepages : std::uint8_t { automatic, never, always };
  Hugepages hugepages = Hugepages::automatic;
  /// MiB for packet buffers and rings; 0: derived from the memory available.
  std::uint32_t memory_mib = 0;
  /// PCI addresses that may be probed ("0000:3b:00.0"). Empty and !pci_at_run_time: no PCI scan.
  std::vector<std::string> pci_devices{};
  /// Scan the PCI bus, probing nothing yet, so that PCI uplinks can be attached later.
  bool pci_at_run_time = false;
  /// Names what EAL keeps per process; empty: "weft-PID".
  std::string file_prefix{};
  /// Appended verbatim (`weftd --eal "..."`, split by split_arguments).
  std::vector<std::string> extra{};
};

/// What derive_eal_arguments has to know about the machine.
struct MachineFacts {
  std::vector<unsigned> cpus;            // that this process may run on, ascending
  std::uint64_t free_hugepage_octets{};  // over all page sizes
  std::uint64_t available_octets{};      // MemAvailable of /proc/meminfo
  std::uint64_t process_id{};
};

/// Reads sched_getaffinity, /sys/kernel/mm/hugepages and /proc/meminfo.
[[nodiscard]] MachineFacts read_machine_facts();

struct EalArguments {
  std::vector<std::string> arguments;  // argv[1] and on
  std::vector<unsigned> cores;         // one per worker
  bool uses_hugepages{};
  bool has_pci{};
};

/// The least memory (MiB) with which pools of a useful size can be made.
inline constexpr std::uint32_t kLeastMemoryMib = 64;

[[nodiscard]] Result<EalArguments> derive_eal_arguments(
    const EalConfig& config, const MachineFacts& machine
);

/// "0,2-3" → {0, 2, 3}. Order is kept: worker w runs on the w-th CPU of the list.
[[nodiscard]] Result<std::vector<unsigned>> parse_core_list(std::string_view text);

/// Splits at blanks; "double" and 'single' quotes keep blanks. For `--eal "..."`.
[[nodiscard]] Result<std::vector<std::string>> split_arguments(std::string_view text);

}  // namespace weft
