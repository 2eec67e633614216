// Model: what must become of a packet, from what the headers of classifier/ and dataplane/ promise, with std::map and
// without any cache: every packet asks the rules (PolicyReference walks all of them).
//
// The promises, in short:
//
//   both ends      what a container sends is judged at its end, what it receives at its end, each with a memory of
//                  connections of its own; tunnel traffic at the one end that is here
//   connection     judged in the direction of who opened it, by the rules of now; replies belong to it
//   stateless      such an allow makes no connection: every packet on its own
//   deny           nothing is remembered of what was never allowed; but a connection that was allowed once stays closed
//                  until the rules allow it again, its time is over, or an allowed SYN opens another one
//   mid-stream     TCP's ACK or FIN without a connection: as opened by its sender, else by a stateful allow as the answer
//                  of the other side
//   fragments      later ones go with the first one for 30 s, unless rules changed in between
//   ICMP errors    go with the connection of the packet that they quote, if the receiver of the error sent that
//   counters       a rule counts a packet at each end, and a connection each time that it is asked and its answer
//                  acted upon: a new connection, or one that is judged again after a change
//   class          of the rule at the sender's end, else what is written; then of the rule at the receiver's
//   meters         once per packet and rule
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <tuple>
#include <vector>

#include "classifier/testing/policy_reference.h"
#include "dataplane/base/drop_reason.h"
#include "encap/tos.h"
#include "tests/differential/packet.h"
#include "tests/differential/tcp_model.h"

namespace weft::differential {

inline constexpr std::uint32_t kRuleCounters = 256;
inline constexpr std::uint32_t kRulesPerTenant = kRuleCounters / kTenants;
inline constexpr std::uint16_t kMeters = 4;

/// Where a frame comes out: an endpoint, or the tunnel.
inline constexpr unsigned kTunnelPlace = 0xFFFF;
struct Delivery {
  unsigned place{};
  std::uint8_t dscp{};
  std::uint8_t outer_dscp{};  // of the tunnel
  friend auto operator<=>(const Delivery&, const Delivery&) = default;
};

/// What becomes of one packet: a copy for each receiver, or why not.
struct Fate {
  std::vector<Delivery> deliveries;
  std::vector<DropReason> drops;
};

struct RuleCount {
  std::uint64_t packets{};
  std::uint64_t octets{};
  std::uint64_t connections{};
  friend bool operator==(const RuleCount&, const RuleCount&) = default;
};

/// What is left of the rules for frames that have no addresses: those that ask for none.
[[nodiscard]] classifier::PolicySource without_addresses(const classifier::PolicySource& source);

/// Rules of one tenant, and how its segment is set up.
struct TenantRules {
  classifier::testing::PolicyReference reference;
  classifier::testing::PolicyReference reference_without_addresses;  // for what is not IP
  classifier::PolicyDefault fallback{};
  encap::DscpMode dscp_mode{};
  std::uint8_t fixed_dscp{};
};

class Model {
 public:
  /// From the next packet on. Each call is another generation of rules.
  void set_rules(unsigned tenant, TenantRules rules);
  /// The container of that endpoint is another one from now on.
  void replace_container(unsigned tenant, unsigned host);
  void advance(std::uint32_t ticks) { now_ += ticks; }

  [[nodiscard]] Fate run(const TracePacket& packet);

  [[nodiscard]] const std::array<RuleCount, kRuleCounters>& rule_counts() const { return counts_; }
  [[nodiscard]] const std::array<std::uint64_t, kMeters>& metered() const { return metered_; }

 private:
  using Party = classifier::testing::Party;
  using Verdict = classifier::Verdict;

  /// One side of a conversation: an address and what stands for a port.
  using Side = std::tuple<IpAddress, std::uint16_t>;
  struct Sides {
    std::uint8_t protocol{};
    Side sender;
    Side receiver;
  };
  /// Protocol and both sides, the smaller one first.
  using ConnectionId = std::tuple<std::uint8_t, Side, Side>;
  using FragmentId = std::tuple<IpAddress, IpAddress, std::uint16_t>;

  struct Connection {
    Side opener;
    std::uint64_t generation{};
    std::uint32_t seen{};
    TcpModel tcp;
    bool is_replied{};
  };
  struct FirstFragment {
    std::uint64_t generation{};
    std::uint32_t seen{};
    Verdict verdict;
  };
  struct Endpoint {
    std::map<ConnectionId, Connection> connections;
    std::map<ConnectionId, Connection> frames;  // of what is not IP
    std::map<FragmentId, FirstFragment> fragments;
  };
  struct Tenant {
    std::optional<TenantRules> rules;
    std::uint64_t generation{};
    std::array<Endpoint, kLocalHosts> endpoints;
  };

  /// A packet at one end.
  struct Visit {
    const TracePacket& packet;
    Tenant& tenant;
    unsigned host;
    bool is_sender;
    [[nodiscard]] Endpoint& endpoint() const { return tenant.endpoints[host]; }
  };

  /// What one end says.
  struct Answer {
    DropReason reason{DropReason::none};
    std::uint8_t dscp = classifier::kNoClass;
    std::uint16_t meter = classifier::kNoMeter;
  };

  Answer pass(const Visit& visit);
  Answer pass_later_fragment(const Visit& visit);
  std::optional<Answer> pass_error(const Visit& visit);
  Answer pass_known(const Visit& visit, const Sides& sides, Connection& connection);
  Answer open(const Visit& visit, const Sides& sides);
  Answer apply(const Visit& visit, const Verdict& verdict);

  /// By the rules of now; `reply_type`: the ICMP type of a packet that answers, if that is what would open.
  Verdict judge(
      const Visit& visit,
      std::uint8_t protocol,
      const Side& opener,
      const Side& other,
      bool is_opened_here,
      std::optional<std::uint8_t> icmp_type
  ) const;
  /// The connection that is there and whose time is not over.
  Connection* find(const Visit& visit, const Sides& sides);
  void forget(const Visit& visit, const Sides& sides);
  std::map<ConnectionId, Connection>& memory(const Visit& visit);
  void count_connection(const Verdict& verdict);
  void meter(std::uint16_t index);

  static Sides sides_of(const Flow& flow);
  static Sides sides_of(const TracePacket& packet);
  static ConnectionId id_of(const Sides& sides);

  std::uint32_t now_{};  // 1/16 s
  std::array<Tenant, kTenants> tenants_;
  std::array<RuleCount, kRuleCounters> counts_{};
  std::array<std::uint64_t, kMeters> metered_{};
};

}  // namespace weft::differential
