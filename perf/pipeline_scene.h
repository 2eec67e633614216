// One worker with a small network around it, for the pipeline benchmark: what bursts come in, and who takes what
// goes out.
//
//   encap   container -> uplink     bursts of 32 from one container, as a worker reads them
//   decap   uplink -> container     bursts of 64
//   local   container -> container  bursts of 32
//
// All containers are in one segment, owned by the worker; peers are behind one remote VTEP. With rules, connections
// are tracked, a rule lets the traffic pass and gives it class AF41 and a policer that is never exceeded, and every
// flow has been answered once before the benchmark. What containers send carries no class, so that encap and local
// remark each packet; what comes out of the tunnel carries AF41.
//
// One batch at a time:
//
//   Batch& batch = scene.load();     // fresh mbufs, frames of random flows: not to be measured
//   scene.run(batch);                // to be measured: run_burst and flush, burst by burst
//   scene.unload();                  // frees what the ports were given
//
// Loading leaves the batch in the first two cache levels, which is where a receive ring of a few hundred frames is.
// mbufs, their frames and the flow table lie on huge pages, as in production.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "classifier/testing/policy_sets.h"
#include "dataplane/pipeline.h"
#include "dataplane/port/testing/packets.h"
#include "dataplane/tables.h"
#include "encap/outer.h"
#include "perf/packet_meter.h"
#include "perf/pipeline_traffic.h"
#include "perf/random.h"

namespace weft::perf {

enum class Job : std::uint8_t { encap, decap, local };

struct SceneSpec {
  Job job{};
  std::size_t rules{};  // 0: no policy, no connections
  classifier::testing::PolicyKind rule_kind{classifier::testing::PolicyKind::tiers};
  std::uint32_t flows = 1;
  bool is_always_new{};  // every packet opens a connection: a SYN
  encap::Kind kind{encap::Kind::vxlan};
  IpFamily underlay{IpFamily::v4};
  bool has_kernel_ports{};  // containers take offloads, so that bursts to them are coalesced
  friend bool operator==(const SceneSpec&, const SceneSpec&) = default;
};

/// Octets of the inner frame; 0: a mix of 64, 594 and 1,500 octets, 7 to 4 to 1.
using FrameOctets = std::uint16_t;

struct Batch {
  struct Part {
    Origin origin;
    Burst burst;
  };
  std::array<Part, kBatch / 32> parts;
  unsigned count{};
};

class Scene {
 public:
  explicit Scene(const SceneSpec& spec);
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;
  ~Scene();

  [[nodiscard]] const SceneSpec& spec() const noexcept { return spec_; }
  [[nodiscard]] StageContext& context() noexcept { return *context_; }

  /// kBatch frames.
  [[nodiscard]] Batch& load(FrameOctets octets);
  void run(Batch& batch) noexcept;
  /// One burst of it, by `path(context, origin, burst)` instead of run_burst.
  template <typename Path>
  void run_part(Batch::Part& part, Path path) noexcept {
    context_->now = Tsc{__rdtsc()};
    context_->source = port_of(part.origin);
    path(*context_, part.origin, part.burst);
    flush(*context_);
  }
  void unload();

  /// "" if every frame so far has left through a port and was treated as the spec says.
  [[nodiscard]] std::string fault() const;

 private:
  class SinkPort;
  struct Sent {
    std::array<rte_mbuf*, 2 * kBatch> frames;
    unsigned count{};
  };

  void add_segment();
  void add_container(std::uint32_t index, std::uint32_t identity);
  void add_tunnel();
  void add_policy();
  void answer_every_flow();

  [[nodiscard]] Port* port_of(const Origin& origin) noexcept;
  [[nodiscard]] Party peer_of(const Flow& flow) const noexcept;
  [[nodiscard]] FrameSpec frame_of(const Flow& flow, bool is_reply) const noexcept;
  /// A frame from a container, or through the tunnel.
  [[nodiscard]] rte_mbuf* make(const Flow& flow, FrameOctets octets, bool is_reply);
  [[nodiscard]] bool is_from_tunnel(bool is_reply) const noexcept {
    return spec_.job != Job::local && (spec_.job == Job::decap) != is_reply;
  }
  [[nodiscard]] std::uint64_t next_number(std::uint32_t container) noexcept;

  SceneSpec spec_;
  std::uint32_t peers_;
  encap::OuterTemplate inbound_;  // of tunnel packets to us
  Sent sent_;
  std::vector<std::unique_ptr<SinkPort>> ports_;  // of containers, then the uplink's
  WorkerCounters counters_;
  std::unique_ptr<Activity> activity_ = std::make_unique<Activity>();
  EventRing events_{64};
  Snapshot snapshot_;
  std::unique_ptr<WorkerTables> tables_;
  std::unique_ptr<StageContext> context_;
  Batch batch_;
  Random random_;
  std::uint64_t opened_{};  // flows, when every packet opens one
  std::size_t mixed_{};     // frames of mixed size
};

/// mbufs on huge pages, for everybody in this program. Aborts if there is no memory.
[[nodiscard]] rte_mempool* frame_pool();

}  // namespace weft::perf
