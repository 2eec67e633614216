#include "pmd-config/eal_args.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>
#include <system_error>
#include <utility>

#include <sched.h>
#include <unistd.h>

namespace weft {
namespace {

constexpr std::uint64_t kMib = std::uint64_t{1024} * 1024;
/// With less than this in hugepages, ordinary memory is the better choice.
constexpr std::uint64_t kLeastHugepageOctets = 256 * kMib;
/// Without hugepages every page of the pools is touched and stays resident: be modest.
constexpr std::uint32_t kDefaultMemoryMib = 256;
/// RTE_MAX_LCORE of Debian's build is 128; one is the control thread's.
constexpr std::size_t kMaxWorkerCores = 127;

std::optional<unsigned> parse_number(std::string_view text) {
  unsigned value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string join(const std::vector<unsigned>& numbers) {
  std::string text;
  for (const unsigned number : numbers) {
    if (!text.empty()) text += ',';
    text += std::to_string(number);
  }
  return text;
}

std::uint64_t read_number_file(const std::filesystem::path& path) {
  std::ifstream file{path};
  std::uint64_t value{};
  return file >> value ? value : 0;
}

std::uint64_t read_free_hugepage_octets() {
  std::uint64_t octets = 0;
  std::error_code error;
  const std::filesystem::directory_iterator sizes{"/sys/kernel/mm/hugepages", error};
  if (error) return 0;
  for (const auto& size : sizes) {
    const std::string name = size.path().filename().string();  // "hugepages-2048kB"
    constexpr std::string_view kPrefix = "hugepages-";
    if (!name.starts_with(kPrefix) || !name.ends_with("kB")) continue;
    const auto kib =
        parse_number(std::string_view{name}.substr(kPrefix.size(), name.size() - kPrefix.size() - 2)
        );
    if (kib) octets += read_number_file(size.path() / "free_hugepages") * *kib * 1024U;
  }
  return octets;
}

std::uint64_t read_available_octets() {
  std::ifstream file{"/proc/meminfo"};
  std::string name;
  std::uint64_t kib{};
  std::string unit;
  while (file >> name >> kib && std::getline(file, unit)) {
    if (name == "MemAvailable:") return kib * 1024U;
  }
  return 0;
}

Result<std::vector<unsigned>> checked_cores(const EalConfig& config, const MachineFacts& machine) {
  if (machine.cpus.empty()) return Error{"cores: this process may not run on any CPU"};
  if (config.cores.empty()) return std::vector<unsigned>{machine.cpus.back()};
  if (config.cores.size() > kMaxWorkerCores) {
    return Error{
        "cores: " + std::to_string(config.cores.size()) + " workers are above the limit " +
        std::to_string(kMaxWorkerCores)};
  }
  for (auto core = config.cores.begin(); core != config.cores.end(); ++core) {
    if (!std::binary_search(machine.cpus.begin(), machine.cpus.end(), *core)) {
      return Error{
          "cores: CPU " + std::to_string(*core) + " is not among those this process may use (" +
          join(machine.cpus) + ")"};
    }
    if (std::find(config.cores.begin(), core, *core) != core) {
      return Error{"cores: CPU " + std::to_string(*core) + " is listed twice"};
    }
  }
  return config.cores;
}

/// "0@(0,3),1@1,2@2": control on every CPU that no worker polls, or beside the first worker.
std::string lcore_map(const std::vector<unsigned>& cores, const std::vector<unsigned>& cpus) {
  std::vector<unsigned> control;
  for (const unsigned cpu : cpus) {
    if (std::find(cores.begin(), cores.end(), cpu) == cores.end()) control.push_back(cpu);
  }
  if (control.empty()) control.push_back(cores.front());
  std::string map = "0@(" + join(control) + ")";
  for (std::size_t worker = 0; worker < cores.size(); ++worker) {
    map += "," + std::to_string(worker + 1) + "@" + std::to_string(cores[worker]);
  }
  return map;
}

Status add_memory(const EalConfig& config, const MachineFacts& machine, EalArguments& out) {
  const bool has_enough = machine.free_hugepage_octets >= kLeastHugepageOctets;
  if (config.hugepages == EalConfig::Hugepages::always && !has_enough) {
    return Error{
        "hugepages: " + std::to_string(machine.free_hugepage_octets / kMib) +
        " MiB are free, at least " + std::to_string(kLeastHugepageOctets / kMib) +
        " are needed (sysctl vm.nr_hugepages=256)"};
  }
  out.uses_hugepages = has_enough && config.hugepages != EalConfig::Hugepages::never;
  std::uint32_t memory_mib = config.memory_mib;
  if (memory_mib != 0 && memory_mib < kLeastMemoryMib) {
    return Error{
        "memory: " + std::to_string(memory_mib) + " MiB are below the minimum " +
        std::to_string(kLeastMemoryMib)};
  }
  if (out.uses_hugepages) {
    // No files in hugetlbfs; one file descriptor per segment list, as memif and vhost-user need it.
    out.arguments.insert(out.arguments.end(), {"--in-memory", "--single-file-segments"});
  } else {
    const auto available_mib = static_cast<std::uint32_t>(machine.available_octets / kMib);
    if (memory_mib == 0)
      memory_mib = std::clamp(available_mib / 16, kLeastMemoryMib, kDefaultMemoryMib);
    if (memory_mib > available_mib) {
      return Error{
          "memory: " + std::to_string(memory_mib) + " MiB are needed, " +
          std::to_string(available_mib) + " are available"};
    }
    // --no-shconf: no lock file, so any number of daemons run side by side.
    out.arguments.insert(out.arguments.end(), {"--no-huge", "--no-shconf"});
  }
  if (memory_mib != 0) {
    out.arguments.insert(out.arguments.end(), {"-m", std::to_string(memory_mib)});
  }
  return Ok{};
}

void add_buses(const EalConfig& config, EalArguments& out) {
  out.has_pci = config.pci_at_run_time || !config.pci_devices.empty();
  if (!out.has_pci) {
    out.arguments.emplace_back("--no-pci");
    return;
  }
  for (const std::string& device : config.pci_devices) {
    out.arguments.insert(out.arguments.end(), {"-a", device});
  }
  // An allow list with nothing in it does not exist: without any `-a` EAL takes every device it has a
  // driver for. The host bridge has none.
  if (config.pci_devices.empty()) out.arguments.insert(out.arguments.end(), {"-a", "0000:00:00.0"});
}

}  // namespace

MachineFacts read_machine_facts() {
  MachineFacts machine;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) == 0) {
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(cpu, &set)) machine.cpus.push_back(cpu);
    }
  }
  machine.free_hugepage_octets = read_free_hugepage_octets();
  machine.available_octets = read_available_octets();
  machine.process_id = static_cast<std::uint64_t>(::getpid());
  return machine;
}

Result<EalArguments> derive_eal_arguments(const EalConfig& config, const MachineFacts& machine) {
  EalArguments out;
  Result<std::vector<unsigned>> cores = checked_cores(config, machine);
  if (!cores) return cores.error();
  out.cores = std::move(*cores);

  const std::string prefix = config.file_prefix.empty()
                                 ? "weft-" + std::to_string(machine.process_id)
                                 : config.file_prefix;
  out.arguments = {
      "--lcores",
      lcore_map(out.cores, machine.cpus),
      "--main-lcore",
      "0",
      "--file-prefix",
      prefix,
      "--no-telemetry"};
  const Status memory = add_memory(config, machine, out);
  if (!memory) return memory.error();
  add_buses(config, out);
  out.arguments.insert(out.arguments.end(), config.extra.begin(), config.extra.end());
  return out;
}

Result<std::vector<unsigned>> parse_core_list(std::string_view text) {
  std::vector<unsigned> cores;
  const auto refuse = [&text](std::string_view part) {
    return Error{
        "cores: \"" + std::string{part} + "\" in \"" + std::string{text} +
        "\" is neither a CPU number nor a range like 2-5"};
  };
  std::string_view rest = text;
  while (true) {
    const std::size_t comma = rest.find(',');
    const std::string_view part = rest.substr(0, comma);
    const std::size_t dash = part.find('-');
    const auto first = parse_number(part.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_number(part.substr(dash + 1));
    // The bound keeps a typo like 0-4000000000 from filling the memory.
    if (!first || !last || *last < *first || *last >= CPU_SETSIZE) return refuse(part);
    for (unsigned core = *first; core <= *last; ++core) cores.push_back(core);
    if (comma == std::string_view::npos) return cores;
    rest.remove_prefix(comma + 1);
  }
}

Result<std::vector<std::string>> split_arguments(std::string_view text) {
  std::vector<std::string> arguments;
  std::string current;
  bool is_inside = false;  // an argument has begun, perhaps an empty quoted one
  char quote = '\0';
  for (const char c : text) {
    if (quote != '\0') {
      if (c == quote) {
        quote = '\0';
      } else {
        current += c;
      }
    } else if (c == '"' || c == '\'') {
      quote = c;
      is_inside = true;
    } else if (c == ' ' || c == '\t') {
      if (is_inside) arguments.push_back(std::exchange(current, {}));
      is_inside = false;
    } else {
      current += c;
      is_inside = true;
    }
  }
  if (quote != '\0') return Error{std::string{"eal: a "} + quote + " is not closed"};
  if (is_inside) arguments.push_back(std::move(current));
  return arguments;
}

}  // namespace weft
