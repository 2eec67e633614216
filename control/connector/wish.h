// Wish: what is asked for this one container, gathered from everywhere a runtime may say it.
//
//   runtimeConfig > args.cni > args["org.apache.mesos"] > CNI_ARGS > the operator's configuration
//
// For addresses, MAC and DNS the first that says anything is the one that counts. Groups add up.
// Labels too, and the operator's win: policy is written with them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/connector/config.h"
#include "control/connector/environment.h"

namespace weft::connector {

struct WishedAddress {
  IpAddress address;
  std::optional<std::uint8_t> length;  // absent: that of the subnet it lies in
};

/// Rates in bit/s and bursts in octets, as the daemon has them; 0: none. Egress is what the
/// container sends.
struct Bandwidth {
  std::uint64_t egress_rate{};
  std::uint64_t egress_burst{};
  std::uint64_t ingress_rate{};
  std::uint64_t ingress_burst{};
  [[nodiscard]] bool is_limited() const noexcept { return egress_rate != 0 || ingress_rate != 0; }
};

struct Wish {
  std::vector<WishedAddress> addresses;
  bool is_known_to_ipam{};         // the addresses are where IPAM plugins look for them
  std::vector<IpFamily> families;  // an address of each, whichever (Mesos)
  std::optional<MacAddress> mac;
  Bandwidth bandwidth;
  std::vector<std::string> groups;
  Labels labels;
  Json dns;         // as in results; null when there is none
  bool is_mesos{};  // args["org.apache.mesos"] is there: the agent reads ip4 and ip6 only
};

/// Refuses what is asked for and cannot be had: port mappings, bursts without a rate, addresses that
/// are none. Does not look at what ADD alone reads in `network` (routes, MTU).
[[nodiscard]] Outcome<Wish> read_wish(
    const Json& config, const Network& network, const Environment& environment
);

/// Whether the Mesos agent is asking.
[[nodiscard]] bool is_mesos(const Json& config);

}  // namespace weft::connector
