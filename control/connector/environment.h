// What the runtime says in environment variables (CNI 1.1.0, "Parameters"), and whether it is enough.
//
// libcni sets every variable, some of them to nothing; the Mesos agent sets six and no other. So an
// empty variable counts as absent.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "control/connector/problem.h"

namespace weft::connector {

enum class Command : std::uint8_t { add, del, check, status, gc, version };

struct Environment {
  std::string command;      // CNI_COMMAND
  std::string container;    // CNI_CONTAINERID
  std::string netns;        // CNI_NETNS
  std::string ifname;       // CNI_IFNAME
  std::string args;         // CNI_ARGS
  std::string path;         // CNI_PATH
  bool may_be_own_netns{};  // CNI_NETNS_OVERRIDE
};

/// Those of this process.
[[nodiscard]] Environment read_environment();

/// The operation, when everything it needs is there and well formed; else a problem that names every
/// variable that is missing or wrong.
[[nodiscard]] Outcome<Command> checked_command(const Environment& environment);

/// CNI_ARGS, "K=V;K=V". A pair that is none is a problem.
using Args = std::map<std::string, std::string, std::less<>>;
[[nodiscard]] Outcome<Args> parse_args(std::string_view text);

/// Letters, digits, '_', '.' and '-', beginning with a letter or a digit: container ids and names
/// of networks.
[[nodiscard]] bool is_identifier(std::string_view text) noexcept;

}  // namespace weft::connector
