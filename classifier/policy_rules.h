// What a tenant may say about who talks to whom: rules as plain values, before compilation.
//
// A rule names the sender's side (`from`) and the receiver's side (`to`), a service and an action:
//
//   from group web, to group app, tcp 8080: allow
//
// It is judged at both ends: at the sender's endpoint when a connection leaves it and at the receiver's
// endpoint when it arrives (`ends` restricts that), each on the host where that endpoint lives. `from` is
// who opens the connection; replies belong to the connection (unless the rule is stateless). Which rule
// decides when several match, at one end:
//
//   1. the higher priority
//   2. the more specific one (see `specificity`)
//   3. deny before allow
//   4. the one that comes first in the list
//
// If none matches, the default of the segment decides (PolicyDefault). Groups and labels belong to
// endpoints: a stranger (an address that no endpoint has) has none and satisfies no such selector, not even a
// negated one; rules reach strangers by `any` and `cidr`.
//
// Values only: parsed and named by control/, compiled by policy_compiler.h, looked up by policy.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/net/addr.h"

namespace weft::classifier {

enum class PolicyAction : std::uint8_t { deny, allow };

/// What decides when no rule matches.
enum class PolicyDefault : std::uint8_t {
  allow,
  deny,
  groups  // Mesos: endpoints that share a group may talk, and nobody else
};

/// At which ends of a connection a rule is judged.
enum class PolicyEnds : std::uint8_t { both, sender, receiver };

/// What an endpoint is called by: its groups and labels, both sorted and without duplicates. Equal
/// identities are one identity: rules can not tell such endpoints apart but by address.
struct Identity {
  std::vector<std::string> groups;
  std::vector<std::pair<std::string, std::string>> labels;  // key, value
  friend auto operator<=>(const Identity&, const Identity&) = default;
};

/// One side of a rule.
struct Selector {
  enum class Kind : std::uint8_t {
    any,
    group,   // endpoints in `group`
    labels,  // endpoints that satisfy all of `terms`
    cidr     // addresses inside `prefix`, endpoints or not
  };
  /// "key" exists, or "key=value". A negated term holds when the other does not.
  struct Term {
    std::string key;
    std::string value;
    bool has_value{};
    bool is_negated{};
    friend bool operator==(const Term&, const Term&) = default;
  };
  Kind kind{Kind::any};
  std::string group;
  std::vector<Term> terms;
  IpPrefix prefix;
  friend bool operator==(const Selector&, const Selector&) = default;
};

/// What kind of traffic: IP protocol, and the destination port range or the ICMP type. Ports belong to TCP
/// (6), UDP (17) and SCTP (132) only, the type to ICMP (1) and ICMPv6 (58) only.
struct Service {
  bool any_protocol = true;
  std::uint8_t protocol{};          // IP protocol number
  std::uint16_t first_port = 0;     // 0-65535 together: any port
  std::uint16_t last_port = 65535;  // >= first_port
  bool any_icmp_type = true;
  std::uint8_t icmp_type{};
  friend bool operator==(const Service&, const Service&) = default;
};

/// No class, no meter.
inline constexpr std::uint8_t kNoClass = 0xFF;
inline constexpr std::uint16_t kNoMeter = 0xFFFF;

struct PolicyRule {
  std::string name;
  std::uint32_t priority{};  // higher first
  PolicyEnds ends{PolicyEnds::both};
  Selector from;
  Selector to;
  Service service;
  PolicyAction action{PolicyAction::deny};
  bool is_stateful = true;         // false: replies are judged on their own
  std::uint8_t dscp = kNoClass;    // 0-63: the class that the connection gets
  std::uint16_t meter = kNoMeter;  // index into Snapshot::meters
  std::uint32_t counter{};         // index of its hit counters, assigned by control
  friend bool operator==(const PolicyRule&, const PolicyRule&) = default;
};

/// How narrowly a rule is meant: among rules of one priority the larger number decides. The two sides
/// count first, added up; the service breaks ties:
///
///   side     any 0 < cidr, by its length (IPv4: 96 more, as if IPv4-mapped) < every endpoint (labels
///            without terms) < group, labels with one term < two terms < ...
///   service  any protocol < a protocol < a port range, the narrower the more < one port or ICMP type
[[nodiscard]] std::uint32_t specificity(const PolicyRule& rule) noexcept;

/// What is wrong with the rule, as a sentence without its position in the list; nullopt: nothing. What can
/// never match (IPv4 to IPv6, ICMPv6 to an IPv4 prefix) and what would have no effect (a class on a deny) is
/// refused too. Port 0 is reserved (RFC 6335 section 6): a range may begin there only as 0-65535, "any".
[[nodiscard]] std::optional<std::string> problem_of(const PolicyRule& rule);

}  // namespace weft::classifier
