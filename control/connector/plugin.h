// One invocation of weft-cni as a function: environment and stdin in, what to print and the status out.
#pragma once

#include <cstdint>
#include <string>

#include "control/connector/environment.h"

namespace weft::connector {

struct Printed {
  int status{};     // 0 or 1
  std::string out;  // for stdout: nothing, or one JSON object
};

/// `start`: since_boot() when the process began. Precondition: environment.command is not empty.
[[nodiscard]] Printed run_plugin(
    const Environment& environment, const std::string& input, std::uint64_t start
);

/// What is said when nobody asks for anything: no CNI_COMMAND.
[[nodiscard]] std::string about(const std::string& version);

}  // namespace weft::connector
