#include "pmd-config/eal.h"

#include <atomic>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_version.h>

#include "pmd-config/eal_log.h"

namespace weft {
namespace {

/// rte_eal_init can not be called again, neither after success nor after failure.
std::atomic<bool> g_was_started{false};

/// rte_eal_init permutes argv and keeps pointers into it, so the strings live as long as the process.
int init(const std::vector<std::string>& arguments) {
  static std::vector<std::string> strings;
  static std::vector<char*> argv;
  strings = arguments;
  strings.insert(strings.begin(), "weftd");
  argv.clear();
  for (std::string& string : strings) argv.push_back(string.data());
  const int argc = static_cast<int>(argv.size());
  argv.push_back(nullptr);
  return rte_eal_init(argc, argv.data());
}

}  // namespace

Result<std::unique_ptr<Eal>> Eal::start(const EalConfig& config) {
  Result<EalArguments> derived = derive_eal_arguments(config, read_machine_facts());
  if (!derived) return derived.error();
  if (g_was_started.exchange(true)) return Error{"EAL: DPDK can be started once per process only"};

  std::unique_ptr<Eal> eal{new Eal};
  eal->log_ = std::make_unique<EalLog>();
  eal->cores_ = std::move(derived->cores);
  eal->arguments_ = std::move(derived->arguments);
  eal->has_pci_ = derived->has_pci;
  eal->uses_hugepages_ = derived->uses_hugepages;

  const EalComplaints complaints;
  if (init(eal->arguments_) < 0) {
    std::string command;
    for (const std::string& argument : eal->arguments_) command += " " + argument;
    return Error{
        std::string{"EAL: DPDK did not start: "} + rte_strerror(rte_errno) + complaints.quoted() +
        "; its arguments were:" + command};
  }
  eal->is_running_ = true;
  return eal;
}

Eal::~Eal() {
  if (is_running_) rte_eal_cleanup();
}

std::string Eal::dpdk_version() {
  // rte_version() says "DPDK 22.11.11".
  const std::string text = rte_version();
  const std::size_t blank = text.find(' ');
  return blank == std::string::npos ? text : text.substr(blank + 1);
}

}  // namespace weft
