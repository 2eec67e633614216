// A look into a container's network namespace: is it one, is it our own, what is in it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/connector/problem.h"
#include "control/connector/result.h"

namespace weft::connector {

/// Code 8 when `path` is no network namespace, or this process' own and `may_be_own` is not set.
[[nodiscard]] Done check_netns(const std::string& path, bool may_be_own);

struct SeenInterface {
  bool is_up{};
  std::optional<MacAddress> mac;
  std::vector<IpPrefix> addresses;
  std::vector<WantedRoute> routes;  // of the whole namespace
};

/// nullopt: there is no such interface. Fails when the namespace can not be entered. The calling thread is
/// back in its own when this returns; no other thread may be there.
[[nodiscard]] Outcome<std::optional<SeenInterface>> look_at(
    const std::string& netns, const std::string& ifname
);

}  // namespace weft::connector
