// Parameters of L7 classes. See params.h for the conventions, classifier/l7.h for what a class is.
//
// A pattern is the name of a built-in ("ssh", "tls-sni:*.example.com") or a regular expression:
//
//   {"regex": "^GET /internal/", "protocol": "tcp", "direction": "to_server", "caseless": true}
#pragma once

#include <string>

#include "control/failure.h"
#include "control/fields.h"
#include "control/model_policy.h"

namespace weft::control {

/// `l7.add`: a class and its tenant.
struct L7Addition {
  std::string tenant;
  L7ClassConfig l7;
};
[[nodiscard]] Outcome<L7Addition> parse_l7_addition(const Json& json);
[[nodiscard]] Json to_json(const L7ClassConfig& config);

}  // namespace weft::control
