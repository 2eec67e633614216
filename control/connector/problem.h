// Problem: why a call fails, as CNI says it: a code, a sentence, and what is behind it.
//
// Codes below 100 are the specification's (CNI 1.1.0, "Error"); those from 100 on are ours and are
// listed in README.md. An external IPAM plugin's problem is passed on as it is, with its own code.
#pragma once

#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "dataplane/base/result.h"

namespace weft::connector {

using Json = nlohmann::json;

enum class ProblemCode : int {
  incompatible_version = 1,
  unsupported_field = 2,
  unknown_container = 3,
  bad_environment = 4,
  io = 5,
  not_json = 6,
  bad_config = 7,
  bad_netns = 8,
  try_again = 11,
  not_available = 50,
  refused = 100,          // the daemon said no
  already_exists = 101,   // the attachment, the interface or an address is there already
  cancelled = 102,        // a DEL of the same attachment came in between
  no_address = 103,       // nobody gave an address, or not the one that was asked for
  not_as_attached = 104,  // CHECK found something else than ADD made
  ipam_failed = 105,      // the IPAM plugin could not be run, or said nothing that can be read
};

struct Problem {
  ProblemCode code{};
  std::string message;
  std::string details{};
};

template <typename T>
using Outcome = Result<T, Problem>;
using Done = Outcome<Ok>;

/// The error object of the specification; `version` as the caller wrote it.
[[nodiscard]] inline Json to_json(const Problem& problem, std::string_view version) {
  Json json{
      {"cniVersion", version},
      {"code", static_cast<int>(problem.code)},
      {"msg", problem.message},
  };
  if (!problem.details.empty()) json["details"] = problem.details;
  return json;
}

/// A problem with something said in front of its sentence.
[[nodiscard]] inline Problem in_context(const std::string& context, Problem problem) {
  problem.message = context + ": " + problem.message;
  return problem;
}

}  // namespace weft::connector
