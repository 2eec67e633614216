// Underlay: the VTEP as a host on its uplinks. Pure: octets and time in, octets and events out.
//
// Workers punt what is addressed to the VTEP itself (ARP, ND, ICMP). This class answers ARP
// requests, neighbour solicitations and echo requests for the uplinks' addresses, resolves the next
// hops that control asks for and keeps them fresh, announces the addresses when a link comes up,
// and turns "fragmentation needed" and "packet too big" into a lower path MTU for the remote
// concerned.
//
//   UnderlayOutput out = underlay.resolve(uplink, next_hop, now);   // emits an ARP request or NS
//   out = underlay.receive(uplink, frame, now);                     // its answer → out.neighbors
//   out = underlay.tick(now);                                       // retries, refresh, expiry
//
// Neighbours (a reduced RFC 4861 s7.3, the same for ARP):
//
//   incomplete  no MAC; asks by broadcast/multicast after 0, 1, 2 s
//   reachable   confirmed within the last kReachable
//   stale       MAC in use, being asked again by unicast 3 times and by broadcast 3 times, 1 s apart
//   failed      no answer; MAC given up; asked again every 1, 2, 4 ... kMaxRetry
//   permanent   the operator's MAC: nobody is asked and nobody may change it
//
// Hostile input: nothing is remembered that control did not ask for, so the tables are bounded by
// the configuration (path MTUs: by kMaxPathMtus and the `is_remote` filter). Every octet is read
// through parse_frame and header_at; checksums are verified; ND needs hop limit 255 (RFC 4861
// s7.1).
//
// Threads: control only. Not for VLAN-tagged frames: those are ignored.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "dataplane/base/bytes.h"
#include "dataplane/base/ids.h"
#include "dataplane/net/addr.h"
#include "dataplane/net/parse.h"

namespace weft {
struct NdMessage;
}

namespace weft::control {

/// Monotonic; never read inside, always a parameter.
using Instant = std::chrono::steady_clock::time_point;

/// What an uplink is as a host. The link-local address derived from `mac` (RFC 4291 appendix A) is
/// answered besides `addresses`.
struct UnderlayHost {
  MacAddress mac;
  std::vector<IpPrefix> addresses;
  std::map<IpAddress, MacAddress> neighbors{};  // permanent
  std::uint16_t mtu = 1500;                     // octets of an IP packet
  bool is_link_up = true;
};

enum class NeighborState : std::uint8_t { incomplete, reachable, stale, failed, permanent };

struct Neighbor {
  UplinkIndex uplink;
  IpAddress address;
  NeighborState state{};
  std::optional<MacAddress> mac;  // set when reachable, stale or permanent
};

/// A complete frame (no FCS) to send on `uplink`.
struct UnderlayFrame {
  UplinkIndex uplink;
  std::vector<std::uint8_t> octets;
};

/// The MAC of a next hop that control asked for was found, moved or given up.
struct NeighborChange {
  UplinkIndex uplink;
  IpAddress address;
  std::optional<MacAddress> before;
  std::optional<MacAddress> after;
};

/// Packets to `remote` must not be longer than `mtu` octets of IP packet from now on. A limit that
/// expired is reported with the uplink's own MTU.
struct PathMtuChange {
  UplinkIndex uplink;
  IpAddress remote;
  std::uint16_t mtu{};
};

/// Another host uses one of our addresses (RFC 5227 s2.4); reported at most every kDefendInterval.
struct AddressConflict {
  UplinkIndex uplink;
  IpAddress address;
  MacAddress mac;
};

struct UnderlayOutput {
  std::vector<UnderlayFrame> frames;
  std::vector<NeighborChange> neighbors;
  std::vector<PathMtuChange> path_mtus;
  std::vector<AddressConflict> conflicts;
};

struct UnderlayCounters {
  std::uint64_t arp_answered{};
  std::uint64_t nd_answered{};
  std::uint64_t echo_answered{};
  std::uint64_t learned{};  // frames that confirmed or changed a neighbour
  std::uint64_t path_mtu_accepted{};
  std::uint64_t malformed{};  // bad checksum, hop limit, length, addresses
  std::uint64_t ignored{};    // well-formed, but nothing that a VTEP acts on
};

class Underlay {
 public:
  static constexpr std::chrono::seconds kReachable{30};
  static constexpr std::chrono::seconds kRetry{1};
  static constexpr std::chrono::seconds kMaxRetry{30};
  static constexpr unsigned kProbes = 3;                      // per phase: multicast, unicast
  static constexpr std::chrono::minutes kPathMtuExpiry{10};   // RFC 1191 s6.3, RFC 8201 s4
  static constexpr std::chrono::seconds kDefendInterval{10};  // RFC 5227 s2.4
  static constexpr unsigned kAnnouncements = 2;  // RFC 5227 s2.3, kAnnounceInterval apart
  static constexpr std::chrono::seconds kAnnounceInterval{2};
  static constexpr std::size_t kMaxPathMtus = 4096;
  static constexpr std::uint16_t kLeastPathMtu4 = 576;
  static constexpr std::uint16_t kLeastPathMtu6 = 1280;

  /// Whether tunnels go from `uplink` to this address: path MTU messages about others are ignored.
  using IsRemote = std::function<bool(UplinkIndex uplink, const IpAddress& address)>;

  Underlay() = default;
  explicit Underlay(IsRemote is_remote) : is_remote_{std::move(is_remote)} {}

  /// Adds an uplink or changes it; announces its addresses if the link is up.
  UnderlayOutput set_uplink(UplinkIndex uplink, UnderlayHost host, Instant now);
  /// Forgets the uplink with its neighbours and path MTUs, without events.
  void remove_uplink(UplinkIndex uplink);
  /// Coming up announces the addresses and asks for every neighbour at once; going down keeps MACs.
  UnderlayOutput set_link(UplinkIndex uplink, bool is_up, Instant now);

  /// Resolves `next_hop` and keeps it resolved until forget(). Asking again is harmless: a
  /// neighbour that is known already is not reported again. Unknown uplink, own or multicast
  /// address: nothing.
  UnderlayOutput resolve(UplinkIndex uplink, const IpAddress& next_hop, Instant now);
  void forget(UplinkIndex uplink, const IpAddress& next_hop);

  /// One punted frame.
  UnderlayOutput receive(UplinkIndex uplink, ConstBytes frame, Instant now);

  /// Sends what is due. Call when next_deadline() has come, or every 100 ms.
  UnderlayOutput tick(Instant now);
  /// nullopt: nothing is pending.
  [[nodiscard]] std::optional<Instant> next_deadline() const;

  [[nodiscard]] std::optional<MacAddress> mac_of(UplinkIndex uplink, const IpAddress& next_hop)
      const;
  [[nodiscard]] std::vector<Neighbor> neighbors() const;
  /// The path MTU towards `remote`, if something lowered it.
  [[nodiscard]] std::optional<std::uint16_t> path_mtu(UplinkIndex uplink, const IpAddress& remote)
      const;
  [[nodiscard]] const UnderlayCounters& counters() const noexcept { return counters_; }

 private:
  struct Uplink {
    UnderlayHost host;
    unsigned announcements_left{};
    Instant next_announcement{};
    std::map<IpAddress, Instant> defended;
  };
  struct Entry {
    NeighborState state = NeighborState::incomplete;
    std::optional<MacAddress> mac;
    unsigned probes{};   // sent in this state
    Instant deadline{};  // not of a permanent one

    [[nodiscard]] bool is_permanent() const { return state == NeighborState::permanent; }
  };
  struct PathMtu {
    std::uint16_t mtu{};
    Instant expires{};
  };
  using Key = std::pair<UplinkIndex, IpAddress>;
  /// One frame on its way through receive().
  struct Arrival {
    UplinkIndex index;
    Uplink& uplink;
    ConstBytes frame;
    const ParsedFrame& parsed;
    Instant now;
  };

  UnderlayOutput take();

  // underlay_receive.cc: what a frame means.
  void receive_arp(const Arrival& in);
  void receive_icmp4(const Arrival& in);
  void receive_icmp6(const Arrival& in);
  void receive_solicit(const Arrival& in, const NdMessage& nd);
  void receive_advert(const Arrival& in, const NdMessage& nd);
  void answer_echo(const Arrival& in);
  void receive_fragmentation_needed(const Arrival& in);
  void receive_packet_too_big(const Arrival& in);
  void defend(const Arrival& in, const IpAddress& address, const MacAddress& mac);

  // underlay.cc: announcements, neighbours and path MTUs over time.
  void announce(UplinkIndex index, Uplink& uplink, Instant now);
  void emit_announcement(UplinkIndex index, const Uplink& uplink, const IpAddress& address);
  void probe(const Key& key, const Uplink& uplink, const std::optional<MacAddress>& unicast_to);
  void step(const Key& key, const Uplink& uplink, Entry& entry, Instant now);
  Entry* find_dynamic(const Key& key);
  void move(const Key& key, Entry& entry, const std::optional<MacAddress>& mac);
  void confirm(const Key& key, const MacAddress& mac, Instant now);
  void hint(const Key& key, const MacAddress& mac, Instant now);
  void lower_path_mtu(const Arrival& in, const IpAddress& remote, std::uint16_t mtu);

  std::map<UplinkIndex, Uplink> uplinks_;
  std::map<Key, Entry> neighbors_;
  std::map<Key, PathMtu> path_mtus_;
  IsRemote is_remote_;
  UnderlayCounters counters_;
  UnderlayOutput out_;  // of the call in progress
};

}  // namespace weft::control
