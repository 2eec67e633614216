// weftd: the host daemon. Options, start in order, the control loop, stop in reverse order.
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "control/controller.h"
#include "control/dispatch.h"
#include "control/host.h"
#include "control/restore.h"
#include "control/server.h"
#include "control/state_journal.h"
#include "control/store/store.h"
#include "dataplane/net/headers.h"
#include "pmd-config/device.h"

namespace weft::control {
namespace {

constexpr int kTickMs = 5;

struct Options {
  std::string config;
  std::string state;
  std::string socket = "/run/weft/weft.sock";
  std::string cores;
  std::string log_level = "info";
  std::string eal;
  std::string idle = "auto";
  std::uint32_t memory_mib = 0;
  std::uint16_t max_mtu = 0;
  std::uint32_t flow_entries = 1U << 18U;
  std::uint16_t vxlan_port = kVxlanPort;
};

// Whether a NIC is bound to a driver that DPDK can use, so that uplinks may name PCI addresses.
bool has_usable_pci_device() {
  for (const char* driver : {"vfio-pci", "uio_pci_generic", "igb_uio", "mlx5_core", "mlx4_core"}) {
    std::error_code error;
    const auto folder = std::filesystem::path{"/sys/bus/pci/drivers"} / driver;
    for (const auto& entry : std::filesystem::directory_iterator{folder, error}) {
      if (entry.path().filename().string().find(':') != std::string::npos) return true;
    }
  }
  return false;
}

Result<Dispatcher::Json> read_document(const std::string& path) {
  std::ifstream file{path};
  if (!file) return Error{"config " + path + ": cannot be read: " + std::strerror(errno)};
  auto document = Dispatcher::Json::parse(file, nullptr, false);
  if (document.is_discarded() || !document.is_object()) {
    return Error{"config " + path + ": is not a JSON object"};
  }
  return document;
}

/// What --state names; without it nothing is durable.
struct State {
  std::unique_ptr<Store> store;
  std::unique_ptr<StateJournal> journal;
  Dispatcher::Json document = Dispatcher::Json::object();  // that will be restored
  Dispatcher::Json import = Dispatcher::Json::object();    // that will be applied then
};

Result<std::string> boot_id() {
  constexpr const char* kPath = "/proc/sys/kernel/random/boot_id";
  std::ifstream file{kPath};
  std::string id;
  if (!(file >> id)) return Error{std::string{kPath} + ": cannot be read"};
  return id;
}

Result<State> open_state(const std::string& folder) {
  State state;
  if (folder.empty()) return state;
  auto boot = boot_id();
  if (!boot) return boot.error();
  auto store = Store::open(folder);
  if (!store) return store.error();
  state.store = std::move(*store);
  state.journal = std::make_unique<StateJournal>(*state.store, *boot);
  auto import = state.store->pending_import();
  if (!import) return import.error();
  if (import->has_value()) state.import = std::move(**import);
  const auto last = state.store->last();
  if (!last) return last.error();
  if (!last->has_value()) return state;
  auto document = state.store->document((*last)->number);
  if (!document) return document.error();
  state.document = std::move(*document);
  return state;
}

Outcome<Ok> restore_state(Controller& controller, Dispatcher& dispatcher, StateJournal& journal) {
  const TimePoint now = std::chrono::steady_clock::now();
  const auto restored = restore(controller, dispatcher, journal, now);
  if (!restored) return restored.error();
  spdlog::info(
      "state {}: generation {} restored, {} endpoint(s), {} dead",
      journal.store().path(),
      controller.generation().value(),
      controller.model().endpoints.size(),
      restored->dead.size()
  );
  dispatcher.keep_in(&journal);
  return finish_restoring(*restored, dispatcher, journal, now);
}

// The largest MTU that the document's uplinks will need: the packet pools are sized once.
std::uint16_t largest_mtu(const Dispatcher::Json& document) {
  std::uint16_t largest = 1500;
  const auto ports = document.find("ports");
  if (ports == document.end() || !ports->is_array()) return largest;
  for (const auto& port : *ports) {
    if (!port.is_object()) continue;
    std::uint16_t mtu = 0;
    if (const auto it = port.find("mtu"); it != port.end() && it->is_number_unsigned()) {
      mtu = it->get<std::uint16_t>();
    }
    if (const auto it = port.find("device"); mtu == 0 && it != port.end() && it->is_string()) {
      const auto spec = parse_device(it->get<std::string>());
      if (spec && !spec->interface.empty()) {
        if (const auto kernel = read_kernel_interface(spec->interface)) mtu = kernel->mtu;
      }
    }
    largest = std::max(largest, mtu);
  }
  return largest;
}

Result<HostConfig> host_config(
    const Options& options, const std::vector<Dispatcher::Json>& documents
) {
  HostConfig config;
  if (!options.cores.empty()) {
    auto cores = parse_core_list(options.cores);
    if (!cores) return Error{"--cores " + options.cores + ": " + cores.error().message};
    config.eal.cores = std::move(*cores);
  }
  if (!options.eal.empty()) {
    auto extra = split_arguments(options.eal);
    if (!extra) return Error{"--eal: " + extra.error().message};
    config.eal.extra = std::move(*extra);
  }
  config.eal.memory_mib = options.memory_mib;
  config.eal.pci_at_run_time = has_usable_pci_device();
  config.flow_entries = options.flow_entries;
  config.pools.max_mtu = options.max_mtu;
  for (const Dispatcher::Json& document : documents) {
    if (options.max_mtu != 0) break;
    config.pools.max_mtu = std::max(config.pools.max_mtu, largest_mtu(document));
  }
  // A worker that polls a real NIC never sleeps; one that serves containers on a shared core does.
  config.idle.may_sleep =
      options.idle == "sleep" || (options.idle == "auto" && !config.eal.pci_at_run_time);
  return config;
}

// A descriptor that becomes readable on SIGTERM or SIGINT. Before any other thread exists, so that all of
// them inherit the mask.
int open_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

void serve_until_signal(Host& host, Controller& controller, Server& server, int signals) {
  const int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  for (const int fd : {signals, server.poll_fd()}) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
  }
  for (bool is_stopping = false; !is_stopping;) {
    epoll_event ready[2];
    const int count = epoll_wait(epoll_fd, ready, 2, kTickMs);
    for (int i = 0; i < count; ++i) is_stopping |= ready[i].data.fd == signals;
    const TimePoint now = std::chrono::steady_clock::now();
    server.serve(now);
    host.poll(controller, now);
  }
  close(epoll_fd);
}

int fail(const std::string& message) {
  spdlog::error("{}", message);
  return 1;
}

int run(const Options& options) {
  const int signals = open_signals();
  Dispatcher::Json document = Dispatcher::Json::object();
  if (!options.config.empty()) {
    auto read = read_document(options.config);
    if (!read) return fail(read.error().message);
    document = std::move(*read);
  }
  // The socket first: a second daemon must be refused before it touches a device.
  Dispatcher* dispatcher_behind_socket = nullptr;
  const auto answer = [&](std::string_view line, const Peer& peer, TimePoint arrived) {
    return dispatcher_behind_socket->submit(line, arrived, peer);
  };
  auto server =
      Server::open({.path = options.socket}, answer, [&] { dispatcher_behind_socket->settle(); });
  if (!server) return fail(server.error().message);
  auto state = open_state(options.state);
  if (!state) return fail(state.error().message);

  const auto config = host_config(options, {document, state->document, state->import});
  if (!config) return fail(config.error().message);
  auto host = Host::start(*config);
  if (!host) return fail(host.error().message);
  {
    Controller controller{**host, encap::DecapConfig{.vxlan_port = options.vxlan_port}};
    Dispatcher dispatcher{
        controller, About{.weft = WEFT_VERSION, .dpdk = Eal::dpdk_version(), .pid = getpid()}};
    dispatcher_behind_socket = &dispatcher;
    dispatcher.push_with([&](std::uint64_t connection, const std::string& line) {
      return *server != nullptr &&
             (*server)->push(connection, line, std::chrono::steady_clock::now());
    });
    if (state->journal != nullptr) {
      auto audit = Audit::open(options.state);
      if (!audit) return fail(audit.error().message);
      dispatcher.audit_to(std::move(*audit));
      const auto restored = restore_state(controller, dispatcher, *state->journal);
      if (!restored) return fail(restored.error().message);
    }
    const auto applied = dispatcher.apply_document(document, std::chrono::steady_clock::now());
    if (!applied) return fail("config " + options.config + ": " + applied.error().message);

    spdlog::info(
        "weftd {} ready: {} worker(s), socket {}",
        WEFT_VERSION,
        (*host)->worker_count(),
        options.socket
    );
    sd_notify(0, "READY=1");
    serve_until_signal(**host, controller, **server, signals);
    spdlog::info("stopping");
    sd_notify(0, "STOPPING=1");
    server->reset();
  }
  return 0;
}

}  // namespace
}  // namespace weft::control

int main(int argc, char** argv) {
  weft::control::Options options;
  CLI::App app{"weftd: a kernel-bypass userspace vSwitch for containers"};
  app.set_version_flag("--version", std::string{"weftd "} + WEFT_VERSION);
  app.add_option("--config", options.config, "JSON document to apply at start (control/README.md)");
  app.add_option(
      "--state",
      options.state,
      "folder in which the state survives (default: none, it ends with the process)"
  );
  app.add_option("--socket", options.socket, "control socket")->capture_default_str();
  app.add_option(
      "--cores", options.cores, "CPUs for workers, one each, e.g. 1 or 2-5 (default: the last CPU)"
  );
  app.add_option("--log-level", options.log_level, "")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error"}))
      ->capture_default_str();
  app.add_option(
         "--idle",
         options.idle,
         "idle workers: poll (lowest latency), sleep (microseconds in epoll), auto (sleep unless a "
         "NIC is bound for DPDK)"
  )
      ->check(CLI::IsMember({"auto", "poll", "sleep"}))
      ->capture_default_str();
  app.add_option("--memory", options.memory_mib, "MiB for packet buffers (default: derived)");
  app.add_option(
      "--max-mtu", options.max_mtu, "largest uplink MTU to make room for (default: from the config)"
  );
  app.add_option(
         "--flow-entries",
         options.flow_entries,
         "connections that each worker can track, about 100 octets each"
  )
      ->check(CLI::Range(1U, weft::classifier::kMaxFlowEntries))
      ->capture_default_str();
  app.add_option("--vxlan-port", options.vxlan_port, "UDP port of VXLAN, sent and received")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
  app.add_option("--eal", options.eal, "extra arguments for DPDK's EAL");
  CLI11_PARSE(app, argc, argv);
  spdlog::set_level(spdlog::level::from_str(options.log_level));
  return weft::control::run(options);
}
