#include "control/host.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <random>
#include <thread>
#include <utility>

#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <spdlog/spdlog.h>

#include "control/registry.h"

namespace weft::control {
namespace {

// Links and namespaces are looked at this often; nobody tells us when they change.
constexpr std::chrono::milliseconds kSlowLook{500};

void append(UnderlayOutput& to, UnderlayOutput&& from) {
  const auto move_all = [](auto& target, auto& source) {
    std::move(source.begin(), source.end(), std::back_inserter(target));
  };
  move_all(to.frames, from.frames);
  move_all(to.neighbors, from.neighbors);
  move_all(to.path_mtus, from.path_mtus);
  move_all(to.conflicts, from.conflicts);
}

int run_worker(void* worker) {
  static_cast<Worker*>(worker)->run();
  return 0;
}

}  // namespace

Result<std::unique_ptr<Host>> Host::start(const HostConfig& config) {
  auto eal = Eal::start(config.eal);
  if (!eal) return eal.error();
  auto pools = make_pools(config.pools);
  if (!pools) return pools.error();
  std::unique_ptr<Host> host{new Host{std::move(*eal), std::move(*pools)}};
  if (Status made = host->make_workers(config); !made) return made.error();
  return host;
}

Host::Host(std::unique_ptr<Eal> eal, Pools pools)
    : eal_{std::move(eal)},
      pools_{std::move(pools)},
      container_ports_{pools_.get()},
      reaper_{std::make_unique<Reaper>()},
      underlay_{[this](UplinkIndex, const IpAddress& address) { return is_remote(address); }} {}

bool Host::is_remote(const IpAddress& address) {
  const Snapshot& snapshot = *published_.read();
  if (remotes_.generation != snapshot.generation) {
    remotes_ = {snapshot.generation, {}};
    snapshot.tunnel_by_remote.for_each([&](const SegmentAddress& key, const TunnelIndex&) {
      remotes_.addresses.insert(key.address);
    });
  }
  return remotes_.addresses.contains(address.octets());
}

Host::~Host() {
  for (auto& worker : workers_) worker->stop();
  if (are_threads_running_) rte_eal_mp_wait_lcore();
  uplinks_ = {};
  reaper_.reset();   // closes what is still queued
  workers_.clear();  // frees the frames in rings
}

Status Host::make_workers(const HostConfig& host) {
  std::random_device random;
  if (eal_->worker_count() > 1) {
    shared_meters_ = SharedMeters{kMaxMeters};
    if (!shared_meters_.is_made()) {
      return Error{"workers: no memory for " + std::to_string(kMaxMeters) + " shared meters"};
    }
  }
  for (std::uint16_t i = 0; i < eal_->worker_count(); ++i) {
    WorkerConfig config;
    config.id = WorkerId{i};
    config.pools = pools_.get();
    config.tsc_hz = rte_get_tsc_hz();
    config.idle = host.idle;
    config.tables.flows = host.flow_entries;
    config.tables.endpoints = kMaxEndpoints;
    config.tables.rule_counters = kMaxRuleCounters;
    config.tables.meters = kMaxMeters;
    config.flow_seed = (std::uint64_t{random()} << 32U) | random();
    config.shared_meters = shared_meters_.is_made() ? &shared_meters_ : nullptr;
    auto worker = Worker::make(config, published_, qsbr_);
    if (!worker) return worker.error();
    workers_.push_back(std::move(*worker));
  }
  for (auto& from : workers_) {
    for (auto& to : workers_) {
      if (from != to) Worker::connect(*from, *to);
    }
  }
  return Ok{};
}

void Host::start_threads() {
  for (std::uint16_t i = 0; i < worker_count(); ++i) {
    qsbr_.enlist(i);
    rte_eal_remote_launch(run_worker, workers_[i].get(), eal_->lcore_of(WorkerId{i}));
  }
  are_threads_running_ = true;
}

void Host::publish(std::shared_ptr<const Snapshot> snapshot) {
  const std::shared_ptr<const Snapshot> previous = published_.publish(std::move(snapshot));
  if (!are_threads_running_) {
    start_threads();
    return;
  }
  const std::uint64_t epoch = qsbr_.advance();
  while (!qsbr_.has_passed(epoch)) std::this_thread::sleep_for(std::chrono::microseconds{5});
}

// -- reports --------------------------------------------------------------------------------------

void Host::poll(Controller& controller, TimePoint now) {
  reported_at_ = {};
  drain_events(controller, now);
  if (now >= next_slow_look_) {
    next_slow_look_ = now + kSlowLook;
    look_at_links(controller, now);
    look_at_namespaces(controller);
    controller.age_out(now);
  }
  carry_out(controller, std::exchange(pending_, {}));
  carry_out(controller, underlay_.tick(now));
  controller.commit();
}

void Host::drain_events(Controller& controller, TimePoint now) {
  std::array<WorkerEvent, 256> events;
  for (auto& worker : workers_) {
    const std::size_t count = worker->events().pop_burst(events.data(), events.size());
    for (std::size_t i = 0; i < count; ++i) {
      const WorkerEvent& event = events[i];
      switch (event.kind) {
        case WorkerEvent::Kind::learned:
          controller.learned(event.segment, event.mac, event.tunnel, now);
          break;
        case WorkerEvent::Kind::punted:
          carry_out(controller, underlay_.receive(event.uplink, head_bytes(event.frame), now));
          rte_pktmbuf_free(event.frame);
          break;
        case WorkerEvent::Kind::port_dead: {
          // The index may have a new port by now.
          const auto open = controller.runtime().ports.find(event.endpoint);
          const bool is_same =
              open != controller.runtime().ports.end() && open->second.port.get() == event.port;
          if (is_same) controller.endpoint_gone(event.endpoint);
          break;
        }
      }
    }
  }
}

void Host::look_at_links(Controller& controller, TimePoint now) {
  for (std::uint16_t i = 0; i < static_cast<std::uint16_t>(kMaxUplinks); ++i) {
    if (uplinks_[i] == nullptr) continue;
    const LinkState state = link(UplinkIndex{i});
    const LinkState before = std::exchange(uplinks_[i]->link, state);
    if (state == before) continue;
    spdlog::info(
        "port {}: link {}, {} Mbit/s",
        uplinks_[i]->device->name(),
        state.is_up ? "up" : "down",
        state.speed_mbps
    );
    controller.link_changed(UplinkIndex{i}, state);
    controller.commit();  // frames written on link-up must find the uplink up
    carry_out(controller, underlay_.set_link(UplinkIndex{i}, state.is_up, now));
  }
}

void Host::look_at_namespaces(Controller& controller) {
  std::vector<EndpointIndex> gone;
  for (const auto& [port, home] : homes_) {
    const bool is_watched = home.endpoint != kNoEndpoint && !home.path.empty();
    if (is_watched && !NetnsWatch::still_there(home.path, home.identity)) {
      spdlog::info("port {}: its namespace {} is gone", port->name(), home.path);
      gone.push_back(home.endpoint);
    }
  }
  for (const EndpointIndex endpoint : gone) controller.endpoint_gone(endpoint);
}

void Host::carry_out(Controller& controller, const UnderlayOutput& output) {
  for (const UnderlayFrame& frame : output.frames) transmit(frame);
  for (const NeighborChange& change : output.neighbors) {
    spdlog::info(
        "next hop {} is {}",
        format(change.address),
        change.after ? "at " + format(*change.after) : std::string{"unreachable"}
    );
    controller.next_hop_changed(change.uplink, change.address, change.after);
  }
  for (const PathMtuChange& change : output.path_mtus) {
    if (uplinks_[change.uplink.value()] == nullptr) continue;
    const std::uint16_t full = uplinks_[change.uplink.value()]->device->mtu();
    controller.path_mtu_changed(
        change.remote, change.mtu < full ? std::optional{change.mtu} : std::nullopt
    );
  }
  for (const AddressConflict& conflict : output.conflicts) {
    if (uplinks_[conflict.uplink.value()] == nullptr) continue;
    spdlog::warn(
        "port {}: {} is also used by {}",
        uplinks_[conflict.uplink.value()]->device->name(),
        format(conflict.address),
        format(conflict.mac)
    );
  }
}

void Host::transmit(const UnderlayFrame& frame) {
  const auto& uplink = uplinks_[frame.uplink.value()];
  if (uplink == nullptr) return;
  rte_mbuf* mbuf = rte_pktmbuf_alloc(pools_.get().small);
  if (mbuf == nullptr) return;
  const auto size = static_cast<std::uint16_t>(frame.octets.size());
  char* room = rte_pktmbuf_append(mbuf, size);
  WorkerCommand command;
  command.kind = WorkerCommand::Kind::transmit;
  command.uplink = frame.uplink;
  command.frame = mbuf;
  if (room != nullptr) std::memcpy(room, frame.octets.data(), size);
  if (room == nullptr || !workers_[uplink->first_worker.value()]->commands().push(command)) {
    rte_pktmbuf_free(mbuf);  // as if the link had lost it: the underlay asks again
  }
}

// -- facts ----------------------------------------------------------------------------------------

std::uint16_t Host::worker_count() const {
  return static_cast<std::uint16_t>(workers_.size());
}

std::uint64_t Host::tsc_hz() const {
  return rte_get_tsc_hz();
}

WorkerFacts Host::facts(WorkerId worker) const {
  return {.core = eal_->cpu_of(worker), .generation = workers_[worker.value()]->generation()};
}

// One consistent set per turn of the control loop: each worker's counters between two iterations.
void Host::refresh_reports() const {
  if (!are_threads_running_ || reported_at_ != TimePoint{}) return;
  for (const auto& worker : workers_) worker->request_report();
  for (const auto& worker : workers_) {
    while (!worker->has_report()) std::this_thread::sleep_for(std::chrono::microseconds{5});
  }
  reported_at_ = std::chrono::steady_clock::now();
}

const WorkerCounters& Host::counters(WorkerId worker) const {
  refresh_reports();
  return workers_[worker.value()]->report();
}

std::uint64_t Host::in_flight() const {
  refresh_reports();
  std::uint64_t handed_over = 0;
  std::uint64_t taken_over = 0;
  std::uint64_t queued = 0;
  for (const auto& worker : workers_) {
    handed_over += worker->report().handed_over.get();
    taken_over += worker->report().taken_over.get();
    queued += worker->report().queued.get();
  }
  // The workers' reports are of slightly different moments.
  return queued + (handed_over > taken_over ? handed_over - taken_over : 0);
}

MbufLevels Host::mbuf_levels() const {
  const auto small = pools_.small_level();
  const auto large = pools_.large_level();
  return {{small.size, small.in_use}, {large.size, large.in_use}};
}

bool Host::was_active(SegmentIndex segment, const MacAddress& mac, TimePoint since) const {
  const auto silent = std::chrono::steady_clock::now() - since;
  const auto limit = std::chrono::duration_cast<std::chrono::seconds>(silent).count();
  const auto second = static_cast<std::uint16_t>(rte_rdtsc() / rte_get_tsc_hz());
  const std::uint64_t key = fdb_key(segment, mac);
  return std::any_of(workers_.begin(), workers_.end(), [&](const auto& worker) {
    return worker->activity().age(key, second) <= limit;
  });
}

// -- uplinks --------------------------------------------------------------------------------------

Result<OpenedUplink> Host::open_uplink(UplinkIndex index, const PortConfig& config) {
  UplinkConfig wanted;
  wanted.name = config.name;
  wanted.device = config.device;
  wanted.mtu = config.mtu;
  wanted.queues = config.queues != 0 ? std::min(config.queues, worker_count()) : worker_count();
  wanted.pools = pools_.get();
  auto device = EthdevUplink::open(wanted);
  if (!device) return device.error();

  auto uplink = std::make_unique<Uplink>();
  uplink->device = std::move(*device);
  EthdevUplink& ethdev = *uplink->device;
  uplink->offload = std::make_unique<FlowOffload>(ethdev.port_id());
  const LinkState link_now{ethdev.link().is_up, ethdev.link().speed_mbps};
  uplink->link = link_now;

  OpenedUplink opened;
  opened.mac = ethdev.mac();
  opened.mtu = ethdev.mtu();
  opened.driver = ethdev.profile().driver;
  opened.link = link_now;
  opened.rx_queues = ethdev.queue_count();
  opened.tx_queues = ethdev.queue_count();
  opened.uses = ethdev.profile().uses;
  opened.falls_back = ethdev.profile().falls_back;
  opened.port_of_worker.assign(worker_count(), nullptr);
  for (std::uint16_t q = 0; q < ethdev.queue_count(); ++q) {
    // Uplinks start at different workers, so that single-queue devices do not all load worker 0.
    const std::size_t worker = (static_cast<std::size_t>(index.value()) + q) % worker_count();
    opened.port_of_worker[worker] = ethdev.queue(q);
    if (q == 0) uplink->first_worker = WorkerId{static_cast<std::uint16_t>(worker)};
  }
  uplinks_[index.value()] = std::move(uplink);

  const UnderlayHost host{
      .mac = opened.mac,
      .addresses = config.addresses,
      .neighbors = config.neighbors,
      .mtu = opened.mtu,
      .is_link_up = link_now.is_up};
  append(pending_, underlay_.set_uplink(index, host, std::chrono::steady_clock::now()));
  return opened;
}

void Host::close_uplink(UplinkIndex index) {
  underlay_.remove_uplink(index);
  uplinks_[index.value()].reset();
}

Status Host::set_uplink_up(UplinkIndex index, bool up) {
  uplinks_[index.value()]->device->set_up(up);
  return Ok{};
}

LinkState Host::link(UplinkIndex index) const {
  const auto state = uplinks_[index.value()]->device->link();
  return {state.is_up, state.speed_mbps};
}

DeviceLosses Host::device_losses(UplinkIndex index) const {
  const DeviceStats stats = uplinks_[index.value()]->device->stats();
  return {stats.rx_missed, stats.rx_no_mbuf, stats.rx_errors, stats.tx_errors};
}

void Host::resolve(UplinkIndex uplink, const IpAddress& next_hop) {
  append(pending_, underlay_.resolve(uplink, next_hop, std::chrono::steady_clock::now()));
}

void Host::forget(UplinkIndex uplink, const IpAddress& next_hop) {
  underlay_.forget(uplink, next_hop);
}

// -- container ports ------------------------------------------------------------------------------

Result<std::shared_ptr<Port>> Host::open_endpoint(const EndpointConfig& config, WorkerId owner) {
  (void)owner;  // a port is not bound to a worker before it is published
  std::string place = container_ports_.place_of(config);
  // The interface of an earlier port may still be on its way out of there.
  if (const auto dying = dying_.extract(place); !dying.empty()) {
    reaper_->wait_for(dying.mapped());
  }
  auto opened = container_ports_.open(config);
  if (!opened) return opened.error();
  homes_[opened->port.get()] =
      Home{opened->netns_path, opened->netns, opened->identity, std::move(place), kNoEndpoint};
  return std::move(opened->port);
}

bool Host::is_present(const Port& port) const {
  const auto home = homes_.find(&port);
  if (home == homes_.end() || !port.is_alive()) return false;
  const Home& at = home->second;
  return at.path.empty() || NetnsWatch::still_there(at.path, at.identity);
}

std::string Host::identity_of(const Port& port) const {
  const auto home = homes_.find(&port);
  return home == homes_.end() ? std::string{} : home->second.words;
}

bool Host::is_at(const EndpointConfig& config, const std::string& identity) const {
  return !identity.empty() && ContainerPorts::identity_of(config) == identity;
}

std::string Host::own_identity() const {
  return ContainerPorts::own_identity();
}

Status Host::watch(EndpointIndex endpoint, Port& port, WorkerId owner) {
  homes_[&port].endpoint = endpoint;
  return workers_[owner.value()]->watch(endpoint, port.poll_fd());
}

void Host::unwatch(EndpointIndex /*endpoint*/, Port& port, WorkerId owner) {
  homes_[&port].endpoint = kNoEndpoint;
  workers_[owner.value()]->unwatch(port.poll_fd());
}

void Host::retire(std::shared_ptr<Port> port) {
  if (reaper_->pending() == 0) dying_.clear();
  auto home = homes_.extract(port.get());
  dying_[home.mapped().place] = reaper_->reap(std::move(port));
}

}  // namespace weft::control
