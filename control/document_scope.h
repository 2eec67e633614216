// Scope: which part of a document a request is about: all of it, a tenant's, or one endpoint's.
//
// A tenant's part has its own entries of each section but the host's; an endpoint's part has its entry of "endpoints" and
// its port's of "rules". What is outside of the scope is neither shown nor changed, and a document that speaks about it
// is refused. With both, the endpoint must be the tenant's.
#pragma once

#include <optional>
#include <string>

#include "control/document_parts.h"
#include "control/failure.h"

namespace weft::control {

struct Document;

struct Scope {
  std::optional<std::string> tenant;
  std::optional<std::string> endpoint;  // "c1/eth0"

  [[nodiscard]] bool is_everything() const noexcept { return !tenant && !endpoint; }
  [[nodiscard]] bool covers(Part part) const noexcept;
  [[nodiscard]] bool covers(Part part, const Entry& entry) const;
  /// Why it does not cover the section, or the entry, as a sentence about it.
  [[nodiscard]] std::string refusal(Part part) const;
  [[nodiscard]] std::string refusal(const Entry& entry) const;
};

/// Refuses a document that takes what exists outside of its scope, or whose match-action rules send frames through
/// what is not their tenant's: another's container, another's meter, an uplink. Rules that are there already may stay.
[[nodiscard]] std::optional<Failure> check_scope(
    const Document& current, const Document& wanted, const Scope& scope
);

}  // namespace weft::control
