// Permission: every method, who may ask for it, and whose an object is that it is about.
//
// One table (permission.cc) is the whole matrix. A tenant's agent sees and changes what belongs to its tenants; of the
// answers to what it may read it gets the rows that do. Judged for each request, so that a change of the section "access"
// holds for connections that exist.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/access/access.h"
#include "control/failure.h"
#include "control/fields.h"
#include "control/model.h"

namespace weft::control {

/// How an object (parameters, or a row of an answer) says whose it is.
enum class Owner : std::uint8_t {
  host,          // nobody's but the operator's
  tenant,        // "tenant"
  tenant_name,   // "name" is a tenant
  segment,       // "segment"
  segment_name,  // "name" is a segment
  container,     // "container", and "ifname" or all of its interfaces
  interface,     // "container", and "ifname" or its eth0
  endpoint,      // "endpoint" is "c1/eth0", or "c1" with all of its interfaces
  port,          // "port" is a number or a name
};

/// A list in an answer.
struct Rows {
  const char* list{};  // nullptr: none
  Owner owner = Owner::host;
};

struct Guard {
  enum class For : std::uint8_t {
    anyone,
    agents,     // reads: a tenant's agent its own rows, observers everything
    observers,  // reads what is nobody's
    owners,     // changes what `owner` says
    scopes,     // reads or changes a tenant's part of the document: "tenant"
    operators,
  };
  std::string_view method;
  For who{};
  bool acts{};  // changes something, so it is audited
  Owner owner = Owner::host;
  std::array<Rows, 3> rows{};
};

/// nullptr: there is no such method.
[[nodiscard]] const Guard* guard_of(std::string_view method) noexcept;
[[nodiscard]] std::span<const Guard> guards() noexcept;

/// Why the peer may not ask for this; nullopt: it may. `step`: part of an `apply` that was judged as a whole.
[[nodiscard]] std::optional<Failure> refusal(
    const Guard& guard, const Grant& grant, const Model& model, const Json& params, bool is_step
);

/// Removes rows from an answer that the peer may not see.
void keep_visible(const Guard& guard, const Grant& grant, const Model& model, Json& answer);

/// The tenants that an object belongs to; empty: it does not exist, or is the host's.
[[nodiscard]] std::vector<std::string> tenants_of(
    Owner owner, const Json& object, const Model& model
);

}  // namespace weft::control
