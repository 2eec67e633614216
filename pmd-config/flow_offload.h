// FlowOffload: as many of a port's match-action rules in the device as it takes, through rte_flow.
//
//   FlowOffload offload{uplink.port_id()};
//   if (auto done = offload.update(rules); !done) refuse(done.error());
//   for (PortRule& rule : rules) rule.is_offloaded = offload.is_offloaded(rule.id);
//   table = RuleTable::compile(rules);                       // software has all of them
//
// The software table always holds every rule, so hardware is an accelerator: losing or refusing an
// offload changes no verdict. What could change one is the order. Hardware judges before software
// does, so a rule is offloaded only if no rule that comes before it and may match the same frame
//
//   - is in software only: the device would overtake it
//   - has the same priority number: rte_flow leaves the order of those to the device
//   - does something else, where this one drops: a device may understand a pattern more narrowly than
//     software does (rte_flow's `eth / ipv4` is untagged IPv4 only), and a frame that slips past the
//     better rule must reach software, which knows whose it is
//
// Drivers that take a pattern for *more* than it says are known by name (misread_by), and such rules
// stay in software.
//
// A rule that joins later can therefore push others out of the device, and a rule that goes can
// bring them back; update() works that out from the whole list each time.
//
// Only rte_flow_create decides (rte_flow_validate says yes to rules that create then refuses, net_tap on
// a kernel without cls_flower for one). A rule with ranges needs several flows: all of them or none.
// When the device says that it is full, nothing further is tried until a flow is removed.
//
// A device that refuses to *remove* a flow makes update() fail: the caller keeps the rules it had, which
// is always possible because they are all in software too.
//
// Control thread only; rte_flow has its own locking against the driver's threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <rte_flow.h>

#include "classifier/tuple_space.h"
#include "dataplane/base/result.h"

namespace weft {

/// What a device has counted for a rule.
struct HardwareCounts {
  std::uint64_t hits{};
  std::uint64_t octets{};
  friend bool operator==(const HardwareCounts&, const HardwareCounts&) = default;
};

class FlowOffload {
 public:
  /// Rules of a port, best first, that are considered at all: update() compares each with those
  /// before it.
  static constexpr std::size_t kMostConsidered = 512;
  /// Most flows that one rule may need in the device.
  static constexpr std::size_t kMostFlowsPerRule = 16;

  /// `port_id`: DPDK's, of a started port.
  explicit FlowOffload(std::uint16_t port_id) noexcept : port_id_{port_id} {}
  FlowOffload(const FlowOffload&) = delete;
  FlowOffload& operator=(const FlowOffload&) = delete;
  /// Removes all flows; call before the port is stopped.
  ~FlowOffload();

  /// `rules`: all of the port's, each checked. Programs the device accordingly. On failure the rules that
  /// were there before are still in force; some may have moved to software. After either answer ask
  /// is_offloaded again.
  [[nodiscard]] Status update(std::span<const classifier::PortRule> rules);

  [[nodiscard]] bool is_offloaded(std::uint32_t id) const noexcept;
  /// Why a rule is in software; empty for one in hardware and for one that is not known.
  [[nodiscard]] std::string software_because(std::uint32_t id) const;

  /// Since the rule was created, whatever became of its flows in between. Add software's own.
  [[nodiscard]] HardwareCounts counts(std::uint32_t id) const;

  /// What the driver says of a rule without creating it: a hint, see above.
  [[nodiscard]] Status validate(const classifier::MatchRule& rule) const;

 private:
  enum class State : std::uint8_t {
    in_hardware,
    never,      // nothing that a device could do
    overtakes,  // another rule must come first
    refused,    // by the device, for good
    no_room,    // worth another try when something was removed
  };
  struct Entry {
    classifier::MatchRule rule;
    std::vector<classifier::MatchPattern> patterns;  // one a flow
    std::vector<classifier::RuleMatch> matches;      // what the rule may match, at least
    std::vector<rte_flow*>
        flows;               // of the first patterns; all or none, unless the device keeps one
    HardwareCounts settled;  // by flows that are gone
    State state{State::no_room};
    std::string reason;  // empty while in hardware
  };
  using Entries = std::map<std::uint32_t, Entry>;  // by id

  static Entry entry_for(const classifier::MatchRule& rule);
  [[nodiscard]] std::vector<Entries::iterator> ranked();
  [[nodiscard]] Status forget_missing(std::span<const classifier::PortRule> rules);
  [[nodiscard]] static std::string conflict_of(
      const Entry& entry, std::span<const Entries::iterator> better
  );
  [[nodiscard]] Status push_out_overtakers(std::span<const Entries::iterator> order);
  void create(Entry& entry);
  [[nodiscard]] bool create_next(Entry& entry, rte_flow_error& error);
  static void settle(Entry& entry, State state, std::string reason);
  [[nodiscard]] Status remove(Entry& entry);
  [[nodiscard]] HardwareCounts query(const Entry& entry) const;

  std::uint16_t port_id_;
  bool has_flow_api_ = true;  // until the driver says otherwise
  bool is_full_{};
  Entries entries_;
};

}  // namespace weft
