// What ADD asks the daemon for, from what the operator, the runtime and the IPAM plugin say. Pure.
#pragma once

#include <string>
#include <vector>

#include "control/connector/call.h"
#include "control/connector/result.h"
#include "control/connector/wish.h"

namespace weft::connector {

/// Addresses as they were wished, those without a length with that of the subnet they lie in. A problem
/// when there is none.
[[nodiscard]] Outcome<std::vector<MadeAddress>> complete_addresses(
    const std::vector<WishedAddress>& wished, const std::vector<IpPrefix>& subnets
);

/// Whether a plugin that leased addresses gave those that were wished, and one of each family that was.
[[nodiscard]] Done check_lease(const Wish& wish, const Made& lease);

/// The configuration with the wished addresses where IPAM plugins look for them (args.cni.ips).
[[nodiscard]] std::string with_wished_addresses(Json config, const Wish& wish);

/// Gateways and routes: the operator's, then the IPAM plugin's; a route without a gateway goes through
/// the network's. Default routes only where `defaultRoute` says so; when it is absent, for the first
/// interface of a container (eth0): the daemon gives routes no metric, so a namespace can have one.
[[nodiscard]] Done complete_routes(Made& made, const Network& network, const std::string& ifname);

/// The number that the name of an interface ends with; 0 when it ends with none.
[[nodiscard]] unsigned interface_number(std::string_view ifname) noexcept;

/// Parameters of endpoint.attach.
[[nodiscard]] Json attach_request(
    const Call& call, const Network& network, const Wish& wish, const Made& made
);

}  // namespace weft::connector
